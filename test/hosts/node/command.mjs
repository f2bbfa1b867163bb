// The command line of the contract, for this host and the one in Chromium.

import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { HostError } from "../javascript/sluicegate.mjs";
import { vectorFiles } from "./files.mjs";

const USAGE = `usage: host.mjs vectors [--engine engine.wasm] DIR_OR_FILE…
       host.mjs replay [--engine engine.wasm] --policy policy.bin --about policy.json [--rounds N] CAPTURE OUT`;

const MAX_ROUNDS = 1000;

/** Reads the command line, does what it says, and ends the process with its exit code: 2 where `run` throws a HostError. */
export async function main(run) {
  try {
    process.exitCode = (await run(commandOf(process.argv.slice(2)))) ?? 0;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

/**
 * @returns `{ command: "vectors", engine, files }` or `{ command: "replay", engine, policy, about, capture, out, rounds }`, all files by name
 * @throws {HostError}
 */
function commandOf([command, ...args]) {
  // The engine that the package ships.
  const engine = createRequire(import.meta.url).resolve("sluicegate/engine.wasm");
  const options = { engine: { type: "string", default: engine } };
  if (command === "vectors") {
    const { values, positionals } = parse({ args, options, allowPositionals: true });
    if (positionals.length === 0) throw new HostError(USAGE);
    return { command, ...values, files: positionals.flatMap(vectorFiles) };
  }
  if (command !== "replay") throw new HostError(USAGE);
  const more = { policy: { type: "string" }, about: { type: "string" }, rounds: { type: "string", default: "1" } };
  const { values, positionals } = parse({ args, options: { ...options, ...more }, allowPositionals: true });
  if (values.policy === undefined || values.about === undefined || positionals.length !== 2) throw new HostError(USAGE);
  const rounds = /^\d{1,4}$/.test(values.rounds) ? Number(values.rounds) : 0;
  if (rounds < 1 || rounds > MAX_ROUNDS)
    throw new HostError(`--rounds is ${values.rounds}, expected 1 to ${MAX_ROUNDS}`);
  const [capture, out] = positionals;
  return { command, ...values, rounds, capture, out };
}

function parse(config) {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new HostError(USAGE, { cause });
  }
}
