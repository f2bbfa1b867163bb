#!/usr/bin/env node
import { replay } from "../javascript/replay.mjs";
import { vectors } from "../javascript/vectors.mjs";
import { main } from "./command.mjs";
import { readInput, writeOutput } from "./files.mjs";

const print = (line) => console.log(line);

/** One file after the other, so that only one is in memory. */
function* each(names) {
  for (const name of names) yield readInput(name);
}

await main(({ command, engine, files, policy, about, capture, out, rounds }) => {
  if (command === "vectors") return vectors({ engine: readInput(engine), files: each(files), print });
  const inputs = {
    about: readInput(about),
    policy: readInput(policy),
    capture: readInput(capture),
    engine: readInput(engine),
  };
  const host = { host: "node", runtime: `Node ${process.versions.node}, V8 ${process.versions.v8}` };
  return replay({ inputs, rounds, host, print, write: (bytes) => writeOutput(out, bytes) });
});
