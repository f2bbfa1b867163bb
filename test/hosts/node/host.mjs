#!/usr/bin/env node
import { parseArgs } from "node:util";
import { replay } from "./replay.mjs";
import { ENGINE_FILE, HostError } from "./sluicegate.mjs";
import { vectors } from "./vectors.mjs";

const USAGE = `usage: host.mjs vectors [--engine engine.wasm] DIR_OR_FILE…
       host.mjs replay [--engine engine.wasm] --policy policy.bin --about policy.json [--rounds N] CAPTURE OUT`;

const MAX_ROUNDS = 1000;

async function main([command, ...args]) {
  const options = { engine: { type: "string", default: ENGINE_FILE } };
  if (command === "vectors") {
    const { values, positionals } = parse({ args, options, allowPositionals: true });
    if (positionals.length === 0) throw new HostError(USAGE);
    return vectors({ ...values, paths: positionals });
  }
  if (command !== "replay") throw new HostError(USAGE);
  const more = { policy: { type: "string" }, about: { type: "string" }, rounds: { type: "string", default: "1" } };
  const { values, positionals } = parse({ args, options: { ...options, ...more }, allowPositionals: true });
  if (values.policy === undefined || values.about === undefined || positionals.length !== 2) throw new HostError(USAGE);
  const rounds = /^\d{1,4}$/.test(values.rounds) ? Number(values.rounds) : 0;
  if (rounds < 1 || rounds > MAX_ROUNDS)
    throw new HostError(`--rounds is ${values.rounds}, expected 1 to ${MAX_ROUNDS}`);
  const [capture, out] = positionals;
  return replay({ ...values, rounds, capture, out });
}

function parse(config) {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new HostError(USAGE, { cause });
  }
}

try {
  process.exitCode = (await main(process.argv.slice(2))) ?? 0;
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
