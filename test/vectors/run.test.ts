import { describe, expect, test } from "vitest";
import { Module } from "./host.js";
import { readVectorFiles } from "./read.js";
import { runVector, textOf } from "./runner.js";

// A host that knows engine.wasm, abi/abi.json and the vectors alone.

const module = await Module.read();

describe.each([...readVectorFiles()])("%s.json", (_, file) => {
  test.each(file.vectors.map((vector) => [vector.name, vector] as const))("%s", async (_, vector) => {
    expect((await runVector(file, vector, module)).map(textOf)).toEqual([]);
  });
});
