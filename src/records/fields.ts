import { type AddressBytes, parseAddress } from "../net/address.js";
import { RecordFault } from "./fault.js";

/** A JSON object of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** An object, or undefined where there is none. @throws {RecordFault} where it is something else */
export function fieldsOf(value: unknown, path: string): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "object" && !Array.isArray(value)) return value as Fields;
  throw new RecordFault(path, value, "an object");
}

/** A text, or undefined where there is none or an empty one. @throws {RecordFault} */
export function textOf(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw new RecordFault(path, value, "a text");
}

/** A number, 0 where there is none: such fields are left out when they are 0. @throws {RecordFault} */
export function integerOf(value: unknown, path: string, most: number): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RecordFault(path, value, `an integer from 0 to ${most}`);
}

/** True, false, or undefined where it is unknown. @throws {RecordFault} */
export function booleanOf(value: unknown, path: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  throw new RecordFault(path, value, "true or false");
}

const MOST_REMEMBERED = 1 << 14;

/** Reads addresses, and remembers those that came before: few of many are new. */
export class AddressReader {
  readonly #known = new Map<string, AddressBytes>();

  /** @throws {RecordFault} where `text` is no address */
  read(text: string, path: string): AddressBytes {
    const known = this.#known.get(text);
    if (known) return known;
    const address = parseAddress(text);
    if (!address) throw new RecordFault(path, text, "an IPv4 or IPv6 address");
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear();
    this.#known.set(text, address);
    return address;
  }
}

/** The object that a JSON text is. @throws {RecordFault} */
export function parseFields(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RecordFault("record", text, "a JSON object", { cause });
  }
  const fields = fieldsOf(value, "record");
  if (fields) return fields;
  throw new RecordFault("record", value, "a JSON object");
}
