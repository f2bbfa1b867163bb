// The worker: asks the server for its task and its files, does all the work, and gives back lines, OUT and exit code.

import { replay } from "../javascript/replay.mjs";
import { HostError } from "../javascript/sluicegate.mjs";
import { vectors } from "../javascript/vectors.mjs";

// The page hears of errors, not of rejections.
addEventListener("unhandledrejection", ({ reason }) => {
  throw reason;
});

const address = (path) => new URL(`../${path}`, import.meta.url);
const print = (line) => send("line", line);

async function ask(path) {
  const response = await fetch(address(path));
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return response;
}

/** Comes back once the server has it: lines stay in order. */
async function send(path, body) {
  const response = await fetch(address(path), { method: "POST", body });
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
}

async function input(name, i) {
  const response = await ask(`inputs/${i}`);
  return { name, bytes: new Uint8Array(await response.arrayBuffer()) };
}

/** One file after the other, so that only one is in memory. */
async function* each(names, first) {
  for (const [i, name] of names.entries()) yield input(name, first + i);
}

async function run({ command, names, rounds, host }) {
  if (command === "vectors") {
    const [engine, ...files] = names;
    return vectors({ engine: await input(engine, 0), files: each(files, 1), print });
  }
  const [about, policy, capture, engine] = await Array.fromAsync(each(names, 0));
  return replay({
    inputs: { about, policy, capture, engine },
    rounds,
    host,
    print,
    write: (bytes) => send("out", bytes),
  });
}

try {
  if (!crossOriginIsolated) throw new Error("the page is not isolated: its clock is coarse");
  const task = await ask("task");
  const code = await run(await task.json());
  await send("end", String(code ?? 0));
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  await send("complaint", error.message);
}
