import { vi } from "vitest";

/** Every engine of the tests that follow, unless it asks for a build of its own, is the one that SLUICEGATE_MUTANT names. */
vi.mock("../../src/engine/load.js", async (importOriginal) => {
  const load = await importOriginal<typeof import("../../src/engine/load.js")>();
  const mutant = process.env.SLUICEGATE_MUTANT;
  if (!mutant) throw new Error("SLUICEGATE_MUTANT is not set, expected the file of an engine");
  return { ...load, instantiateEngine: (wasmFile = mutant) => load.instantiateEngine(wasmFile) };
});
