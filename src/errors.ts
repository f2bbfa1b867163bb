/** Code of an error: stable, and one for each class below. */
export type ErrorCode = "usage" | "invalid-manifests" | "damaged-capture" | "no-match" | "engine" | "output";

/**
 * Base of every error that Sluicegate raises on purpose. The message is for people: where, what it is, what was expected. What ends a call
 * through an `AbortSignal` is the signal's `reason`, which is no such error.
 */
export class EgressError extends Error {
  /** For programs: one of `ErrorCode`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }

  /** What was expected instead, where the message says so: its end, behind `expected`. */
  get expected(): string | undefined {
    const at = this.message.lastIndexOf("expected ");
    return at < 0 ? undefined : this.message.slice(at + "expected ".length);
  }
}

/** Wrong use of a command or of a library call: an unknown flag, a missing file, a value out of range. */
export class UsageError extends EgressError {
  constructor(message: string, options?: ErrorOptions) {
    super("usage", message, options);
  }
}

/** @throws {UsageError} where `value` is no integer from `low` to `high` */
export function checkRange(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new UsageError(`${name} is ${value}, expected an integer from ${low} to ${high}`);
}

/** One fault of one place in a manifest. Lines and columns count from 1. */
export interface PolicyFault {
  file: string;
  line: number;
  column: number;
  /** Where in the document, e.g. `spec.egressCIDRs[2]`, with the object's kind and name in front. */
  path: string;
  /** The offending value as written, or `undefined` where something is missing. */
  value?: string;
  /** What was expected instead. */
  expected: string;
}

/** Everything that is wrong with a set of manifests, reported at once and in file order. */
export class PolicyError extends EgressError {
  /** In file order; the message has one line for each. */
  readonly faults: readonly PolicyFault[];
  /** What they are in. */
  readonly subject: "manifests" | "scenario";

  constructor(faults: readonly PolicyFault[], subject: "manifests" | "scenario" = "manifests") {
    super("invalid-manifests", faults.map(formatPolicyFault).join("\n"));
    this.faults = faults;
    this.subject = subject;
  }
}

/** `file:line:column: path is value, expected …`; the form in which every manifest fault is printed. */
function formatPolicyFault(fault: PolicyFault): string {
  const found = fault.value === undefined ? "is missing" : `is ${fault.value}`;
  return `${fault.file}:${fault.line}:${fault.column}: ${fault.path} ${found}, expected ${fault.expected}`;
}

/** What a `CaptureError` may say besides. */
export interface CaptureErrorOptions extends ErrorOptions {
  /** Line of a text file, from 1: the message names it instead of the byte. */
  readonly line?: number | undefined;
}

/** A capture that cannot be read (on). Everything before `offset` was delivered. */
export class CaptureError extends EgressError {
  readonly file: string;
  /** Byte offset in the (decompressed) file at which the damage stands. */
  readonly offset: number;
  /** Its line, where the file is text. */
  readonly line: number | undefined;

  constructor(file: string, offset: number, message: string, options: CaptureErrorOptions = {}) {
    super("damaged-capture", `${placeOf(file, offset, options.line)}: ${message}`, options);
    this.file = file;
    this.offset = offset;
    this.line = options.line;
  }

  /** The message without the place. */
  get what(): string {
    return this.message.slice(placeOf(this.file, this.offset, this.line).length + 2);
  }
}

function placeOf(file: string, offset: number, line: number | undefined): string {
  return line === undefined ? `${file}: byte ${offset}` : `${file}:${line}`;
}

/** The Wasm engine refused a call, or is not the build that this host was made for. */
export class EngineError extends EgressError {
  constructor(message: string, options?: ErrorOptions) {
    super("engine", message, options);
  }
}

/** A result that cannot be written: no space left, a closed pipe, a folder that does not exist. */
export class OutputError extends EgressError {
  readonly file: string;
  /** Code of the operating system, e.g. `ENOSPC`, `EPIPE`. */
  readonly systemCode: string;

  constructor(file: string, systemCode: string, options?: ErrorOptions) {
    super("output", `${file}: cannot be written (${systemCode})`, options);
    this.file = file;
    this.systemCode = systemCode;
  }
}
