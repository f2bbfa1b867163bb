/** Something that must not happen, whatever the input. */
export class Finding extends Error {
  /** Which rule was broken, in one word or two: findings of one kind are one finding. */
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(`${kind}: ${message}`);
    this.name = "Finding";
    this.kind = kind;
  }
}

/** The finding that an error is: one of the engine's or the host's own that nobody threw on purpose is a trap or a crash. */
export function asFinding(error: unknown): Finding {
  if (error instanceof Finding) return error;
  const { name = "Error", message = String(error), stack = "" } = error as Partial<Error>;
  const kind = name === "RuntimeError" ? "trap" : "crash";
  const where = stack.split("\n").find((line) => line.includes(" at "));
  return new Finding(kind, `${name}: ${message}${where ? ` (${where.trim()})` : ""}`);
}
