import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { inputFromText, inputText } from "./input-text.js";
import type { Target } from "./target.js";

// test/fuzz/corpus/TARGET.txt: one input a line, as `inputText` writes it. Small on purpose: what the seeds and a minute do not reach.

export function corpusFile(target: string): string {
  return `test/fuzz/corpus/${target}.txt`;
}

export function readCorpus(target: string): Uint8Array[] {
  const file = corpusFile(target);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "" && !line.startsWith("#")).map(inputFromText);
}

export function writeCorpus(file: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, inputs.map((input) => `${inputText(input)}\n`).join(""));
}

/**
 * The inputs that show all that `inputs` show and the target's own seeds do not: small ones first, each for something new.
 * @param most inputs to be kept, and `mostBytes` bytes of all of them together
 */
export async function distill(
  target: Target,
  inputs: readonly Uint8Array[],
  most: number,
  mostBytes: number,
): Promise<Uint8Array[]> {
  const seen = new Set<number | string>();
  const takesNew = async (input: Uint8Array) => {
    const features = await target.execute(input);
    let isNew = false;
    for (const feature of features) {
      if (seen.has(feature)) continue;
      seen.add(feature);
      isNew = true;
    }
    return isNew;
  };
  for (const seed of target.seeds()) await takesNew(seed);
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for (const input of [...inputs].sort((a, b) => a.length - b.length)) {
    if (kept.length >= most || bytes + input.length > mostBytes) break;
    if (!(await takesNew(input))) continue;
    kept.push(input);
    bytes += input.length;
  }
  return kept;
}
