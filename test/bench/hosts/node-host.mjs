/**
 * One host of `npm run bench:hosts`: this Node. Reads one JSON order per line, answers each with a line of JSON (session.ts). Bare JavaScript
 * without dependencies, as every Node that is compared runs it as it is. wasmtime_host.py is the same for wasmtime.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

let plan;
let folder;
const modules = new Map();
const files = new Map();
const engines = {};

const ORDERS = {
  /** Starts an engine with the touch `on` or `off` and establishes its connections. */
  start({ plan: file, touch }) {
    folder = dirname(file);
    plan = JSON.parse(readFileSync(file, "utf8"));
    engines[touch] = new Engine(bytesOf(plan.configs[touch]));
    return { host: `Node ${process.versions.node}`, compiler: `V8 ${process.versions.v8}` };
  },
  /** Does a work once. */
  outcome({ touch, work }) {
    return engines[touch].outcome(plan.works[work]);
  },
  /** Does a work again and again for `ms` of CPU time; putting frames back is not counted. */
  block({ touch, work, ms }) {
    const engine = engines[touch];
    const step = plan.works[work];
    let spent = 0;
    let frames = 0;
    while (spent < ms * 1000) {
      engine.restore(step);
      const start = cpuTime();
      frames += engine.pass(0, step.count);
      spent += cpuTime() - start;
    }
    return { ns: (spent * 1000) / frames };
  },
};

class Engine {
  #exports;
  #driver;
  #memory;
  #arena;

  constructor(config) {
    this.#exports = new WebAssembly.Instance(moduleOf(plan.files.engine), {}).exports;
    const { memory, process, advance, configAt, configure, regionAt, loadPolicy } = this.#exports;
    new Uint8Array(memory.buffer).set(config, configAt() >>> 0);
    check("configure", configure(), 0);
    this.#memory = new Uint8Array(memory.buffer);
    this.#arena = regionAt(plan.regions.arena) >>> 0;
    const policy = bytesOf(plan.files.policy);
    this.#memory.set(policy, this.#arena);
    check("loadPolicy", loadPolicy(0, policy.length), 0);
    const imports = { env: { memory }, engine: { process, advance } };
    this.#driver = new WebAssembly.Instance(moduleOf(plan.files.driver), imports).exports;
    const records = regionAt(plan.regions.frames);
    this.#driver.attach(records, plan.batch, plan.frameBytes, plan.startLow, plan.startHigh);
    for (const step of plan.establish) {
      this.restore(step);
      this.pass(0, step.count);
    }
  }

  restore(step) {
    if (step.forgets) check("forget", this.#driver.forget(), 0);
    this.#memory.set(bytesOf(step.file), this.#arena);
    this.#driver.describe(step.hook);
  }

  pass(first, count) {
    return check("pass", this.#driver.pass(first, count), count);
  }

  outcome(step) {
    const verdictsAt = this.#exports.regionAt(plan.regions.verdicts) >>> 0;
    const verdicts = createHash("sha256");
    this.restore(step);
    for (let first = 0; first < step.count; first += plan.batch) {
      const count = this.pass(first, Math.min(plan.batch, step.count - first));
      verdicts.update(this.#memory.subarray(verdictsAt, verdictsAt + count * plan.verdictSize));
    }
    const frames = this.#memory.subarray(this.#arena, this.#arena + step.count * plan.frameBytes);
    return { verdicts: verdicts.digest("hex"), frames: createHash("sha256").update(frames).digest("hex") };
  }
}

function moduleOf(file) {
  let module = modules.get(file);
  if (!module) {
    module = new WebAssembly.Module(readFileSync(file));
    modules.set(file, module);
  }
  return module;
}

function bytesOf(file) {
  let bytes = files.get(file);
  if (!bytes) {
    bytes = readFileSync(join(folder, file));
    files.set(file, bytes);
  }
  return bytes;
}

function check(what, result, expected) {
  if (result !== expected) throw new Error(`${what} gave ${result}, expected ${expected}`);
  return result;
}

function cpuTime() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...rest } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(ORDERS[order](rest))}\n`);
}
