// The numbers of the ABI, from abi.json: the package's own in Node, the one beside this file elsewhere.

export const abi = await read();

async function read() {
  if (globalThis.process?.versions?.node) {
    // The one thing here that only Node has.
    const { createRequire } = await import("node:module");
    return createRequire(import.meta.url)("sluicegate/abi.json");
  }
  const response = await fetch(new URL("abi.json", import.meta.url));
  if (!response.ok) throw new Error(`${response.url}: cannot be read (${response.status})`);
  return response.json();
}

/** Value of every constant by its name: offsets, sizes, codes. */
export const constants = Object.freeze(
  Object.fromEntries([
    ...abi.codes.flatMap(({ codes }) => codes.map(({ constant, value }) => [constant, value])),
    ...abi.records.flatMap(({ fields }) => fields.map(({ constant, offset }) => [constant, offset])),
    ...abi.records.filter((record) => record.sizeConstant).map(({ sizeConstant, size }) => [sizeConstant, size]),
  ]),
);

/** Fields of a record: name, offset, type, count. */
export function fieldsOf(record) {
  return abi.records.find(({ name }) => name === record).fields;
}

/** Printable names of the codes of a family, `action` or `reason`, by value; `none` for REASON_NONE. */
export function labelsOf(family) {
  const { codes } = abi.codes.find(({ name }) => name === family);
  const labels = codes.filter(({ label }) => label).map(({ value, label }) => [value, label]);
  return new Map(family === "reason" ? [[constants.REASON_NONE, "none"], ...labels] : labels);
}

const ERRORS = new Map(
  Object.entries(constants)
    .filter(([name]) => name === "OK" || name.startsWith("ERROR_"))
    .map(([name, value]) => [value, name]),
);

/** A return value as people read it: `-10 (ERROR_POLICY_VERSION)`. */
export function codeText(code) {
  return ERRORS.has(code) ? `${code} (${ERRORS.get(code)})` : String(code);
}
