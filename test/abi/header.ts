import { type AbiCode, type AbiCodes, type AbiDescription, type AbiField, type AbiRecord, endOf } from "./describe.js";

const C_TYPES = { u8: "uint8_t", u16: "uint16_t", u32: "uint32_t", u64: "uint64_t" } as const;
/** Field names that C or C++ keep for themselves. */
const KEYWORDS = new Set(["class"]);

/** `abi/sluicegate.h`: everything of the ABI for C11 and C++11. */
export function headerOf(abi: AbiDescription): string {
  const sections = [
    prologue(abi),
    ...abi.codes.map(codeLines),
    ...abi.records.map(offsetLines),
    labels("SG_ACTIONS", abi, "action"),
    labels("SG_REASONS", abi, "reason"),
    exportLines(abi),
    structs(abi.records.filter(({ size }) => size !== undefined)),
    ["#endif"],
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function prologue({ abiVersion }: AbiDescription): string[] {
  return [
    "/*",
    ` * The ABI of Sluicegate's engine.wasm, version ${abiVersion}, for hosts in C (C11) and C++ (C++11).`,
    " * Made from assembly/abi.ts by `npm run abi`; docs/abi.md says what holds for each function and record.",
    " *",
    " * Offsets count from the first byte of a record in the engine's memory. Numbers in there are little-endian: a host of",
    " * another byte order reads them by offset, not through the structs.",
    " */",
    "#ifndef SLUICEGATE_H",
    "#define SLUICEGATE_H",
    "",
    "#include <stddef.h>",
    "#include <stdint.h>",
  ];
}

function codeLines({ name, title, codes }: AbiCodes): string[] {
  const isSigned = name === "error";
  return [`/* ${title} */`, ...codes.map((code) => define(code.constant, number(code.value, isSigned), code.meaning))];
}

function number(value: number, isSigned: boolean): string {
  if (!isSigned) return `${value}u`;
  return value < 0 ? `(${value})` : `${value}`;
}

function define(constant: string, value: string, meaning?: string): string {
  return `#define SG_${constant} ${value}${meaning === undefined ? "" : ` /* ${comment(meaning)} */`}`;
}

/** What ends or begins a comment is taken apart. */
function comment(text: string): string {
  return text.replaceAll("*/", "* /").replaceAll("/*", "/ *");
}

function offsetLines({ name, where, writer, sizeConstant, size, fields }: AbiRecord): string[] {
  const ends = sizeConstant === undefined ? [] : [define(sizeConstant, `${size}u`, "bytes")];
  return [
    `/* Record ${name}: ${comment(where)}; the ${writer} writes it */`,
    ...fields.map((field) => define(field.constant, `${field.offset}u`, described(field))),
    ...ends,
  ];
}

function described({ type, count, meaning }: AbiField): string {
  const text = count === 1 ? type : `${count} x ${type}`;
  return meaning === undefined ? text : `${text}: ${meaning}`;
}

/** An X macro over the codes that have a printable name. */
function labels(macro: string, { codes }: AbiDescription, family: string): string[] {
  const named = codes.find(({ name }) => name === family)!.codes.filter(({ label }) => label !== undefined);
  const line = ({ constant, label }: AbiCode) => `  X(SG_${constant}, "${label}")`;
  return [`/* X(number, name in reports and metrics) */`, `#define ${macro}(X) \\`, named.map(line).join(" \\\n")];
}

function exportLines({ functions }: AbiDescription): string[] {
  const signature = ({ name, parameters, result }: AbiDescription["functions"][number]) =>
    ` *   ${name}(${parameters.map((one) => `${one.name}: ${one.type}`).join(", ")}): ${result}`;
  const line = ({ name, parameters, result }: AbiDescription["functions"][number]) =>
    `  X(${name}, ${parameters.length}, ${result === "i32" ? "int32_t" : "uint32_t"})`;
  return [
    "/*",
    " * Exported functions, beside the memory `memory`. All parameters and results are 32 bits wide; i32 is an SG_ERROR_* below zero.",
    ...functions.map(signature),
    " */",
    "/* X(name, number of parameters, type of the result) */",
    "#define SG_EXPORTS(X) \\",
    functions.map(line).join(" \\\n"),
  ];
}

function structs(records: readonly AbiRecord[]): string[] {
  return [
    "/* The records as structs, checked against the offsets above. SG_NO_STRUCTS leaves them out. */",
    "#ifndef SG_NO_STRUCTS",
    "#ifdef __cplusplus",
    "#define SG_STATIC_ASSERT(condition, text) static_assert(condition, text)",
    "#else",
    "#define SG_STATIC_ASSERT(condition, text) _Static_assert(condition, text)",
    "#endif",
    "#pragma pack(push, 1)",
    ...records.flatMap((record) => ["", ...structOf(record)]),
    "",
    "#pragma pack(pop)",
    "",
    ...records.flatMap(asserts),
    "#endif /* SG_NO_STRUCTS */",
  ];
}

function structOf({ name, size, fields }: AbiRecord): string[] {
  const lines: string[] = [];
  let at = 0;
  let paddings = 0;
  const pad = (to: number) => {
    if (to > at) lines.push(`  uint8_t reserved${paddings++}[${to - at}];`);
  };
  for (const offset of [...new Set(fields.map((field) => field.offset))]) {
    const here = fields.filter((field) => field.offset === offset);
    pad(offset);
    const members = here.map(member);
    lines.push(...(members.length === 1 ? members : ["  union {", ...members.map((one) => `  ${one}`), "  };"]));
    at = endOf(here[0]!);
  }
  pad(size!);
  return [`typedef struct sg_${name} {`, ...lines, `} sg_${name};`];
}

function member(field: AbiField): string {
  if (field.type === "rows") throw new Error(`${field.constant}: rows in a record of fixed size`);
  return `  ${C_TYPES[field.type]} ${memberName(field)}${field.count === 1 ? "" : `[${field.count}]`};`;
}

function memberName({ name }: AbiField): string {
  return KEYWORDS.has(name) ? `${name}_` : name;
}

function asserts({ name, sizeConstant, fields }: AbiRecord): string[] {
  const struct = `sg_${name}`;
  return [
    `SG_STATIC_ASSERT(sizeof(${struct}) == SG_${sizeConstant}, "${struct}");`,
    ...fields.map(
      (field) =>
        `SG_STATIC_ASSERT(offsetof(${struct}, ${memberName(field)}) == SG_${field.constant}, "${struct}.${memberName(field)}");`,
    ),
  ];
}
