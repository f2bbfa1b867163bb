import { UsageError } from "../errors.js";

/** Numbers of a report by section and name, as a condition sees them. */
export type ReportNumbers = Readonly<Record<string, Readonly<Record<string, number>>>>;

/**
 * Names that a condition may use, by section; a bare name is looked up in the order of the sections. A number that is not there counts as
 * 0 (a reason that did not occur), so the names must be known beforehand.
 */
export type ConditionNames = Readonly<Record<string, readonly string[]>>;

/** A condition over the numbers of a report, such as `broken>0 or reasons.no-nat-mapping>=10`. */
export interface Condition {
  readonly text: string;
  /** @returns the comparisons that make it hold, as `connections.broken is 3, > 0`; empty where it does not hold */
  evaluate(numbers: ReportNumbers): string[];
}

type Node =
  | { readonly kind: "compare"; readonly path: readonly [string, string]; readonly op: string; readonly limit: number }
  | { readonly kind: "and" | "or"; readonly left: Node; readonly right: Node }
  | { readonly kind: "not"; readonly inner: Node };

interface Token {
  readonly text: string;
  /** Column in the expression, from 1. */
  readonly column: number;
}

const MAX_LENGTH = 1000;
const MAX_DEPTH = 50;
const TOKEN = /\s*(?:([A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)?)|(\d+(?:\.\d+)?)|(>=|<=|==|!=|>|<|=|\(|\)))/y;
const OPERATORS: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  "=": (value, limit) => value === limit,
  "==": (value, limit) => value === limit,
  "!=": (value, limit) => value !== limit,
};
/** Sections whose names are too many to be listed in braces. */
const LONG_SECTION = 12;

/**
 * Parses a condition: comparisons of a name with a number, joined by `and`, `or`, `not` and parentheses; `and` binds tighter.
 * A name is `frames.X`, `connections.X`, `reasons.X` or `verification.X` (whatever `names` has), or X alone, looked up in that order.
 * @throws {UsageError} naming the column
 */
export function parseCondition(text: string, names: ConditionNames): Condition {
  if (text.length > MAX_LENGTH) throw fault(text.slice(0, 20), MAX_LENGTH, `at most ${MAX_LENGTH} characters`);
  const root = new Parser(text, names).parse();
  return { text, evaluate: (numbers) => holding(root, numbers) ?? [] };
}

class Parser {
  readonly #text: string;
  readonly #names: ConditionNames;
  readonly #tokens: Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string, names: ConditionNames) {
    this.#text = text;
    this.#names = names;
    this.#tokens = tokenize(text);
  }

  parse(): Node {
    const root = this.#or();
    if (this.#peek() !== undefined) throw this.#fault("and, or, or the end");
    return root;
  }

  #or(): Node {
    let left = this.#and();
    while (this.#take("or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Node {
    let left = this.#unary();
    while (this.#take("and")) left = { kind: "and", left, right: this.#unary() };
    return left;
  }

  #unary(): Node {
    if (++this.#depth > MAX_DEPTH) throw this.#fault(`at most ${MAX_DEPTH} levels of not and parentheses`);
    try {
      if (this.#take("not")) return { kind: "not", inner: this.#unary() };
      if (!this.#take("(")) return this.#compare();
      const inner = this.#or();
      if (!this.#take(")")) throw this.#fault('")"');
      return inner;
    } finally {
      this.#depth--;
    }
  }

  #compare(): Node {
    const name = this.#peek();
    const path = name === undefined ? undefined : resolve(name, this.#names);
    if (!path) throw this.#fault(`the name of a number: ${exampleNames(this.#names)}`);
    this.#at++;
    const op = this.#peek();
    if (op === undefined || !Object.hasOwn(OPERATORS, op)) throw this.#fault("one of > >= < <= = !=");
    this.#at++;
    const limit = this.#peek();
    if (limit === undefined || !/^\d/.test(limit)) throw this.#fault("a number");
    this.#at++;
    return { kind: "compare", path, op, limit: Number(limit) };
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]?.text;
  }

  #take(word: string): boolean {
    if (this.#peek() !== word) return false;
    this.#at++;
    return true;
  }

  #fault(expected: string): UsageError {
    const token = this.#tokens[this.#at];
    return fault(token?.text, token?.column ?? this.#text.length + 1, expected);
  }
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; text.slice(at).trim() !== ""; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const word = match?.[1] ?? match?.[2] ?? match?.[3];
    if (word === undefined) {
      const start = at + text.slice(at).search(/\S/);
      throw fault(text[start], start + 1, "a name, a number, a comparison, and, or, not, or a parenthesis");
    }
    tokens.push({ text: word, column: TOKEN.lastIndex - word.length + 1 });
  }
  return tokens;
}

function resolve(name: string, names: ConditionNames): readonly [string, string] | undefined {
  const dot = name.indexOf(".");
  if (dot >= 0) {
    const [section, key] = [name.slice(0, dot), name.slice(dot + 1)];
    return Object.hasOwn(names, section) && names[section]!.includes(key) ? [section, key] : undefined;
  }
  const found = Object.entries(names).find(([, keys]) => keys.includes(name));
  return found && [found[0], name];
}

function exampleNames(names: ConditionNames): string {
  return Object.entries(names)
    .sort(([, a], [, b]) => Number(a.length > LONG_SECTION) - Number(b.length > LONG_SECTION))
    .map(([section, keys]) =>
      keys.length > LONG_SECTION
        ? `${section}.NAME with NAME one of ${[...keys].sort().join(" ")}`
        : `${section}.{${keys.join(",")}}`,
    )
    .join(", ");
}

/** The comparisons that make `node` hold, or undefined where it does not. */
function holding(node: Node, numbers: ReportNumbers): string[] | undefined {
  switch (node.kind) {
    case "compare": {
      const [section, key] = node.path;
      const value = numbers[section]?.[key] ?? 0;
      if (!OPERATORS[node.op]!(value, node.limit)) return undefined;
      return [`${section}.${key} is ${value}, ${node.op} ${node.limit}`];
    }
    case "not":
      return holding(node.inner, numbers) ? undefined : [`not (${describe(node.inner)})`];
    case "and": {
      const left = holding(node.left, numbers);
      const right = left && holding(node.right, numbers);
      return right && [...left, ...right];
    }
    case "or": {
      const both = [holding(node.left, numbers), holding(node.right, numbers)].filter((part) => part !== undefined);
      return both.length > 0 ? both.flat() : undefined;
    }
  }
}

function describe(node: Node): string {
  if (node.kind === "compare") return `${node.path.join(".")} ${node.op} ${node.limit}`;
  if (node.kind === "not") return `not (${describe(node.inner)})`;
  return `(${describe(node.left)} ${node.kind} ${describe(node.right)})`;
}

function fault(found: string | undefined, column: number, expected: string): UsageError {
  const what = found === undefined ? "ends" : `has ${JSON.stringify(found)}`;
  return new UsageError(`--fail-on: column ${column} ${what}, expected ${expected}`);
}
