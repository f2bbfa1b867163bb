import type { FaultLog, Place } from "./fault-log.js";
import { formatPath, type Origin, type PathStep } from "./origin.js";

const LONGEST_SHOWN = 80;

/** Any value of a manifest with the way to it, so that whatever is wrong with it can be said with its place. */
export class Field {
  readonly value: unknown;
  readonly #subject: Subject;
  readonly #parent: Field | undefined;
  readonly #step: PathStep;

  private constructor(subject: Subject, value: unknown, parent: Field | undefined, step: PathStep) {
    this.#subject = subject;
    this.value = value;
    this.#parent = parent;
    this.#step = step;
  }

  /** @param label names the object in messages, e.g. `Pod default/web` */
  static ofObject(origin: Origin, value: unknown, label: string, log: FaultLog): Field {
    return new Field({ origin, label, log }, value, undefined, "");
  }

  /** The same place with another value: the text of an annotation, say, after it was parsed. */
  withValue(value: unknown): Field {
    return new Field(this.#subject, value, this.#parent, this.#step);
  }

  /** For messages about the object as a whole, later on: does not keep all of it in memory. */
  withoutValue(): Field {
    return this.withValue(undefined);
  }

  get label(): string {
    return this.#subject.label;
  }

  get isObject(): boolean {
    return typeof this.value === "object" && this.value !== null && !Array.isArray(this.value);
  }

  /** Kubernetes treats `null` like a field that is not there. */
  get isMissing(): boolean {
    return this.value === undefined || this.value === null;
  }

  get path(): PathStep[] {
    const steps: PathStep[] = [];
    for (let field: Field = this; field.#parent; field = field.#parent) steps.push(field.#step);
    return steps.reverse();
  }

  /** Never reaches into prototypes: only what the file says is there. */
  get(key: string): Field {
    const value =
      this.isObject && Object.hasOwn(this.value as object, key)
        ? (this.value as Record<string, unknown>)[key]
        : undefined;
    return new Field(this.#subject, value, this, key);
  }

  /** Members of an object, nothing where it is missing; a fault where it is something else. */
  entries(): [string, Field][] {
    if (this.isMissing) return [];
    if (!this.isObject) {
      this.fault("an object");
      return [];
    }
    return Object.entries(this.value as object).map(([key, value]) => [
      key,
      new Field(this.#subject, value, this, key),
    ]);
  }

  /** Members of a list, nothing where it is missing; a fault where it is something else. */
  items(): Field[] {
    if (this.isMissing) return [];
    if (!Array.isArray(this.value)) {
      this.fault("a list");
      return [];
    }
    return this.value.map((value, index) => new Field(this.#subject, value, this, index));
  }

  /** Its text; undefined where it is missing; a fault and undefined where it is something else. */
  text(expected = "a string"): string | undefined {
    if (this.isMissing) return undefined;
    if (typeof this.value === "string") return this.value;
    this.fault(expected);
    return undefined;
  }

  /** Like `text`, but missing is a fault, too. */
  requiredText(expected = "a string"): string | undefined {
    if (this.isMissing) this.fault(expected);
    return this.text(expected);
  }

  /** `true` where it says so; a fault where it is neither a boolean nor missing. */
  flag(): boolean {
    if (this.isMissing || typeof this.value === "boolean") return this.value === true;
    this.fault("true or false");
    return false;
  }

  /** A whole number of at least `least`; undefined where missing or (with a fault) something else. */
  count(least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    if (this.isMissing) return undefined;
    if (Number.isInteger(this.value) && (this.value as number) >= least && (this.value as number) <= most)
      return this.value as number;
    this.fault(
      most === Number.MAX_SAFE_INTEGER
        ? `a whole number of at least ${least}`
        : `a whole number from ${least} to ${most}`,
    );
    return undefined;
  }

  fault(expected: string): void {
    const path = [this.#subject.label, formatPath(this.path)].filter((part) => part !== "").join(" ") || "the document";
    this.#subject.log.fault(this.place("value"), path, describe(this.value), expected);
  }

  /** @param sort see `FaultLog.warn` */
  warn(sort: string, text: string, target: "value" | "key" = "value"): void {
    this.#subject.log.warn(sort, text, this.place(target));
  }

  place(target: "value" | "key"): Place {
    return { origin: this.#subject.origin, path: this.path, target };
  }
}

interface Subject {
  readonly origin: Origin;
  readonly label: string;
  readonly log: FaultLog;
}

/** A value as a message shows it; undefined for one that is missing. */
function describe(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "an empty object" : "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}…`;
}
