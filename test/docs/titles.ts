import ts from "typescript";

/** What a test file calls its tests and groups, and every constant in it that a row of `each` can put into a title. */
export interface TestNames {
  readonly titles: readonly string[];
  readonly constants: ReadonlySet<string>;
}

const CALLED = new Set(["it", "test", "describe"]);

export function testNames(file: string, text: string): TestNames {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  const titles: string[] = [];
  const constants = new Set<string>();
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node) && CALLED.has(calledName(node.expression))) {
      const [title] = node.arguments;
      if (title && ts.isStringLiteralLike(title)) titles.push(title.text);
      if (title && ts.isTemplateExpression(title)) titles.push(title.getText(source).slice(1, -1));
    } else if (ts.isStringLiteralLike(node) || ts.isNumericLiteral(node)) {
      constants.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { titles, constants };
}

/** `it` of `it(…)`, `it.each(…)(…)` and `it.skipIf(…).each(…)(…)`. */
function calledName(callee: ts.Expression): string {
  if (ts.isIdentifier(callee)) return callee.text;
  if (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) return calledName(callee.expression);
  return "";
}

const PLACE = /%[sdijo]|\$\{[^}]*\}|\$[a-z][A-Za-z]*/g;

/** True where tests are called so: by the title as it is written, or by that of one row of `each`, whose values the file has. */
export function isNamed({ titles, constants }: TestNames, wanted: string): boolean {
  return titles.some((title) => {
    if (title === wanted) return true;
    const pieces = title.split(PLACE).map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const values = pieces.length > 1 && new RegExp(`^${pieces.join("(.+)")}$`).exec(wanted)?.slice(1);
    return values ? values.every((value) => constants.has(value)) : false;
  });
}
