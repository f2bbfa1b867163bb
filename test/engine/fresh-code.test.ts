import { expect, test } from "vitest";
import { freshCode } from "../../src/engine/fresh-code.js";
import { instantiateEngine, readEngine } from "../../src/engine/load.js";
import { packageFile } from "../../src/platform/node/wasm.js";

test("an engine in bytes of its own has other bytes each time, the same instructions, and starts", async () => {
  const name = packageFile("build", "engine.wasm");
  const engine = { name, bytes: await readEngine(name) };
  const made = [freshCode(engine), freshCode(engine)];
  expect(Buffer.compare(made[0]!.bytes, made[1]!.bytes)).not.toBe(0);
  for (const { bytes } of made) {
    expect(Buffer.compare(bytes.subarray(0, engine.bytes.length), engine.bytes)).toBe(0);
  }
  const versions = await Promise.all(
    [undefined, ...made].map(async (wasm) => (await instantiateEngine(wasm)).abiVersion()),
  );
  expect(new Set(versions).size).toBe(1);
});

test("bytes that are no engine are called by their name", async () => {
  const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  await expect(instantiateEngine({ name: "empty.wasm", bytes })).rejects.toThrow(
    /^empty\.wasm: exports no .*, expected Sluicegate's engine$/,
  );
});
