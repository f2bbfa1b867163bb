const SHOWN = 60;

/** Something in a record that is not what it should be; whoever reads the file adds the line. */
export class RecordFault extends Error {
  /**
   * @param path what the value is: `flow.IP.source`
   * @param value as found; undefined where it is missing
   */
  constructor(path: string, value: unknown, expected: string, options?: ErrorOptions) {
    const found = value === undefined ? "is missing" : `is ${shown(value)}`;
    super(`${path} ${found}, expected ${expected}`, options);
  }
}

/** A value for a message: cut where it is long, only its kind where it is deep. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
