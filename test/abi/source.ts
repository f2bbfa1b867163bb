/** A constant of `assembly/abi.ts`. */
export interface SourceConstant {
  readonly name: string;
  readonly value: number;
  /** What stands behind it on its line; of a field it begins with the type. */
  readonly comment: string;
}

/** A function that engine.wasm exports, as AssemblyScript declares it. */
export interface SourceFunction {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  readonly result: string;
}

const CONSTANT = /^export const ([A-Z][A-Z0-9_]*) = ([^;]+);(?:\s*\/\/ (.*))?$/;

/**
 * Constants of the text of `assembly/abi.ts`, in its order.
 * @throws {Error} for a line that exports anything else, and for a value that is no sum of products of numbers and earlier constants
 */
export function readConstants(text: string): SourceConstant[] {
  const values = new Map<string, number>();
  const constants: SourceConstant[] = [];
  for (const line of text.split("\n").filter((one) => one.startsWith("export "))) {
    const match = CONSTANT.exec(line);
    if (!match) throw new Error(`assembly/abi.ts: "${line}" is no constant on one line`);
    const [, name, expression, comment = ""] = match;
    const value = evaluate(expression!, values);
    values.set(name!, value);
    constants.push({ name: name!, value, comment });
  }
  return constants;
}

function evaluate(expression: string, values: ReadonlyMap<string, number>): number {
  const factor = (text: string) => values.get(text) ?? (/^-?(?:0x[0-9a-f]+|\d+)$/.test(text) ? Number(text) : NaN);
  const term = (text: string) => text.split("*").reduce((product, part) => product * factor(part.trim()), 1);
  const value = expression.split("+").reduce((sum, part) => sum + term(part), 0);
  if (!Number.isInteger(value)) throw new Error(`assembly/abi.ts: ${expression} is no sum of products`);
  return value;
}

const DECLARATION = /^export function (\w+)\(([^)]*)\): (\w+)/gm;
const REEXPORT = /^import \{([^}]*)\} from "\.\/([^"]+)";$/gm;
const EXPORT_LIST = /^export \{([^}]*)\};$/m;

/**
 * Functions that `assembly/index.ts` exports, by name: those that it declares, and those that it takes over from other files.
 * @param read text of a file of `assembly/` by its path there without `.ts`
 * @throws {Error} for an export that no declaration is found of
 */
export function readFunctions(read: (path: string) => string): SourceFunction[] {
  const index = read("index");
  const listed = names(EXPORT_LIST.exec(index)?.[1] ?? "");
  const found = declarations(index);
  for (const [, imported, path] of index.matchAll(REEXPORT)) {
    const wanted = new Set(names(imported!).filter((name) => listed.includes(name)));
    if (wanted.size > 0) found.push(...declarations(read(path!)).filter(({ name }) => wanted.has(name)));
  }
  const missing = listed.filter((name) => !found.some((one) => one.name === name));
  if (missing.length > 0) throw new Error(`assembly/index.ts: nothing declares ${missing.join(", ")}`);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function declarations(text: string): SourceFunction[] {
  return [...text.matchAll(DECLARATION)].map(([, name, list, result]) => ({
    name: name!,
    parameters: [...list!.matchAll(/(\w+): (\w+)/g)].map(([, of, type]) => ({ name: of!, type: type! })),
    result: result!,
  }));
}

function names(list: string): string[] {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
