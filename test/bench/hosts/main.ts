/**
 * npm run bench:hosts -- [--sizes N,N…] [--placements N] [--turns N] [--block MS] [--json] [--install]
 *
 * The same engine.wasm over the same frames in several WebAssembly hosts, in turns. The hosts come from the package registries, in exact
 * versions, into build/hosts; --install only puts them there. Exit code: 0 figures given, 1 a host is missing or did other work, 2 usage.
 */
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeMachine } from "../../../src/bench/machine.js";
import { EgressError } from "../../../src/errors.js";
import { packageFile } from "../../../src/platform/node/wasm.js";
import { compareHosts } from "./compare-hosts.js";
import { allHosts, installHosts } from "./hosts.js";
import { printHosts } from "./print-hosts.js";

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "1000,10000,100000,1000000" },
    placements: { type: "string", default: "3" },
    turns: { type: "string", default: "7" },
    block: { type: "string", default: "40" },
    json: { type: "boolean", default: false },
    install: { type: "boolean", default: false },
  },
});

function fail(message: string, code: number): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) fail(`--${name} is ${text}, expected a whole number from 1 on`, 2);
  return value;
}

const onProgress = (text: string) => process.stderr.write(`${text}\n`);
const options = {
  sizes: values.sizes.split(",").map((text) => wholeNumber("sizes", text)),
  placements: wholeNumber("placements", values.placements),
  turns: wholeNumber("turns", values.turns),
  blockMs: wholeNumber("block", values.block),
};
const cache = packageFile("build", "hosts");
const hosts = allHosts(packageFile());
try {
  mkdirSync(cache, { recursive: true });
  installHosts(hosts, cache, onProgress);
  if (!values.install) {
    const machine = describeMachine();
    const [engine, driver] = [packageFile("build", "engine.wasm"), packageFile("build", "bench", "driver.wasm")];
    const report = await compareHosts({ ...options, hosts, cache, engine, driver, batch: 256, onProgress });
    process.stdout.write(values.json ? `${JSON.stringify({ machine, ...report })}\n` : printHosts(report, machine));
  }
} catch (error) {
  if (error instanceof EgressError) fail(error.message, 1);
  throw error;
}
