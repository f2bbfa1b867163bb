import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AbiDescription } from "../abi/describe.js";
import { missing, output, ROOT, scratch } from "./tools.js";

// abi/sluicegate.h as two compilers see it, with every warning an error: its static assertions hold, and every number is that of abi.json.

const lacking = missing(["gcc", "g++"]);
const abi: AbiDescription = JSON.parse(readFileSync(join(ROOT, "abi/abi.json"), "utf8"));

/** Every constant with its value, as `abi.json` has it. */
const constants = [
  ...abi.records.flatMap(({ fields, sizeConstant, size }) => [
    ...fields.map(({ constant, offset }) => [constant, offset] as const),
    ...(sizeConstant === undefined ? [] : [[sizeConstant, size!] as const]),
  ]),
  ...abi.codes.flatMap(({ codes }) => codes.map(({ constant, value }) => [constant, value] as const)),
];

const PROGRAM = `#include <stdio.h>
#include "sluicegate.h"
#include "sluicegate.h" /* twice is once */
${abi.functions.map(({ name }) => `static int seen_${name};`).join("\n")}
#define SEE(name, parameters, result) seen_##name = (parameters); (void)sizeof(result);
#define SHOW(name, parameters, result) printf("%s() %d\\n", #name, seen_##name);
#define LABEL(number, label) printf("%u %s\\n", (unsigned)(number), label);
int main(void) {
  SG_EXPORTS(SEE)
  SG_EXPORTS(SHOW)
  SG_ACTIONS(LABEL)
  SG_REASONS(LABEL)
${constants.map(([name]) => `  printf("${name} %lld\\n", (long long)SG_${name});`).join("\n")}
#ifndef SG_NO_STRUCTS
  {
    sg_verdict verdict = sg_verdict();
    sg_frame frame = sg_frame();
    verdict.live = 7;
    frame.captured = 60;
    printf("node %u captured %u\\n", (unsigned)verdict.node, (unsigned)frame.captured);
  }
#endif
  return 0;
}
`;
/** C has no constructors. */
const inC = PROGRAM.replace("= sg_verdict();", "= {0};").replace("= sg_frame();", "= {0};");

const labels = ["action", "reason"].flatMap((family) =>
  abi.codes
    .find(({ name }) => name === family)!
    .codes.flatMap(({ value, label }) => (label ? [`${value} ${label}`] : [])),
);
const expected = [
  ...abi.functions.map(({ name, parameters }) => `${name}() ${parameters.length}`),
  ...labels,
  ...constants.map(([name, value]) => `${name} ${value}`),
];

describe.skipIf(lacking !== "")(`abi/sluicegate.h ${lacking && `(missing: ${lacking})`}`, () => {
  const folder = scratch();
  const strict = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-I", join(ROOT, "abi")];

  it.each([
    ["gcc", "-std=c11", "c", inC, ["node 7 captured 60"], []],
    ["g++", "-std=c++11", "cc", PROGRAM, ["node 7 captured 60"], []],
    ["gcc", "-std=c11", "c", inC, [], ["-DSG_NO_STRUCTS"]],
  ] as const)("compiles with %s %s and says what abi.json says", (compiler, standard, ending, text, structs, more) => {
    const source = join(folder, `abi.${ending}`);
    const program = join(folder, `abi-${ending}`);
    writeFileSync(source, text);
    output(compiler, [standard, ...strict, ...more, "-o", program, source]);
    expect(output(program, []).trimEnd().split("\n")).toEqual([...expected, ...structs]);
  });

  it("does not compile with a record whose size is not what its fields add up to", () => {
    const source = join(folder, "wrong.c");
    const header = readFileSync(join(ROOT, "abi/sluicegate.h"), "utf8");
    const wrong = header.replace("#define SG_FRAME_SIZE 32u", "#define SG_FRAME_SIZE 40u");
    expect(wrong).not.toBe(header);
    writeFileSync(source, `${wrong}\nint main(void) { return 0; }\n`);
    expect(() => output("gcc", ["-std=c11", "-c", "-o", join(folder, "wrong.o"), source])).toThrow("sg_frame");
  });
});
