import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { instantiate } from "@assemblyscript/loader";
import { main } from "assemblyscript/asc";

/**
 * Compiles `test/probe/<name>.ts` with the product's compiler options and starts it: unit exports of the engine's parts, which the
 * shipped module does not have. Throws the compiler's own words where it does not compile.
 */
export async function startProbe<Exports extends object>(name: string): Promise<Exports> {
  const folder = await mkdtemp(join(tmpdir(), "sluicegate-probe-"));
  try {
    const file = join(folder, "probe.wasm");
    const { error, stderr } = await main([`test/probe/${name}.ts`, "-o", file, "--config", "asconfig.json"]);
    if (error) throw new Error(`probe ${name}: ${error.message}\n${stderr.toString()}`);
    const { exports } = await instantiate<Exports & Record<string, unknown>>(Uint8Array.from(readFileSync(file)));
    return exports;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
