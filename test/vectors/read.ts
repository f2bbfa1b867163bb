import { readdirSync, readFileSync } from "node:fs";
import type { VectorFile } from "./format.js";

/** Every committed file of vectors, by its name without the ending. */
export function readVectorFiles(): ReadonlyMap<string, VectorFile> {
  const names = readdirSync("test/vectors").filter((name) => name.endsWith(".json"));
  return new Map(
    names.sort().map((name) => [name.replace(".json", ""), JSON.parse(readFileSync(`test/vectors/${name}`, "utf8"))]),
  );
}
