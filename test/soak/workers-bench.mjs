/**
 * What a second worker brings, in wall time, as CPU time does not show it. Needs two idle cores.
 * Usage, after `npm run build`: node test/soak/workers-bench.mjs [turns] [connections] [packets]
 *
 * In memory: established TCP frames of 64 bytes of 4,096 remotes, in random order; one engine with all of them against two in threads of
 * their own, each with the frames of its share of the remotes and tables for all connections. Frames are put back before every pass, which
 * counts. File to file: `replay -o` of a generated capture, with one worker and with two, without verification and with it.
 * Turns alternate (A B, B A, …); a ratio is the median of those of neighbours. Prints one line of JSON for each.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { HOOK_FROM_ENDPOINT, HOOK_FROM_NETWORK } from "../../dist/assembly/abi.js";
import { TCP_ACK, TCP_SYN, TCP_SYN_ACK } from "../../dist/src/bench/frames.js";
import { Subject } from "../../dist/src/bench/subject.js";
import { Traffic } from "../../dist/src/bench/traffic.js";
import { PcapWriter } from "../../dist/src/capture/write.js";
import { generateCapture } from "../../dist/src/generate/generate.js";
import { generateManifests } from "../../dist/src/generate/manifests.js";

const BATCH = 256;
const FRAME_BYTES = 64;
/** Where a frame has the last two bytes of its remote's address. */
const REMOTE_AT = 14 + 18;
const FRAMES_PER_TURN = 20_000_000;

if (isMainThread) await measure();
else await work(workerData);

async function measure() {
  const [turns = 7, connections = 100_000, packets = 1_000_000] = process.argv.slice(2).map(Number);
  const load = () => loadavg().map((value) => Number(value.toFixed(1)));
  console.log(
    JSON.stringify({ case: "in memory", connections, turns, load: load(), ...(await inMemory(turns, connections)) }),
  );
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-workers-"));
  try {
    generate(folder, packets);
    for (const verify of [false, true])
      console.log(
        JSON.stringify({ case: "file to file", verify, packets, turns, load: load(), ...files(folder, turns, verify) }),
      );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Frames per second of two engines over those of one. */
async function inMemory(turns, connections) {
  const teams = [await team(1, connections), await team(2, connections)];
  const { ratio, seconds } = await inTurns(turns, async (side) => {
    const started = performance.now();
    await Promise.all(teams[side].map((worker) => ask(worker, FRAMES_PER_TURN)));
    return (performance.now() - started) / 1000;
  });
  for (const worker of teams.flat()) await worker.terminate();
  return { speedup: 1 / ratio, nanosecondsPerFrame: seconds.map((time) => (time * 1e9) / FRAMES_PER_TURN) };
}

async function team(count, connections) {
  const workers = Array.from(
    { length: count },
    (_, index) => new Worker(new URL(import.meta.url), { workerData: { index, count, connections } }),
  );
  await Promise.all(workers.map((worker) => ask(worker, 0)));
  return workers;
}

function ask(worker, frames) {
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", resolve);
    worker.postMessage(frames);
  });
}

/** A thread: takes its share of so many frames whenever it is asked. */
async function work({ index, count, connections }) {
  const traffic = new Traffic(connections, "tcp");
  const subject = await Subject.create(traffic, {
    gateways: 4,
    policies: 1,
    maxBatch: BATCH,
    touch: true,
    wasmFile: undefined,
  });
  const own = (frames) => pick(frames, shareOf(frames, index, count));
  const mine = shareOf(traffic.openers(TCP_SYN), index, count);
  const openers = pick(traffic.openers(TCP_SYN), mine);
  const opened = mine.length;
  const give = (frames, hook) => {
    subject.load(frames, hook);
    subject.pass(BATCH);
  };
  subject.expect({ snat: opened, opened }, "open connections", () => give(openers, HOOK_FROM_ENDPOINT));
  const answers = traffic.answers(mappingsOf(subject, mine, connections), mine, TCP_SYN_ACK);
  subject.expect({ reverse: opened }, "answer connections", () => give(answers, HOOK_FROM_NETWORK));
  subject.expect({ snat: opened }, "confirm connections", () =>
    give(own(traffic.openers(TCP_ACK)), HOOK_FROM_ENDPOINT),
  );
  const frames = own(traffic.forward(TCP_ACK));
  const size = frames.length / FRAME_BYTES;
  const passes = Math.round(FRAMES_PER_TURN / traffic.order.length);
  parentPort.on("message", (asked) => {
    if (asked > 0) {
      const snat = size * passes;
      subject.expect({ snat }, "forward frames", () => {
        for (let i = 0; i < passes; i++) give(frames, HOOK_FROM_ENDPOINT);
      });
    }
    parentPort.postMessage("done");
  });
}

/** Numbers of the frames whose remote is a worker's. */
function shareOf(frames, index, count) {
  const own = [];
  for (let at = 0; at < frames.length; at += FRAME_BYTES) {
    const remote = (frames[at + REMOTE_AT] << 8) | frames[at + REMOTE_AT + 1];
    if (((Math.imul(remote, 0x9e3779b1) >>> 16) * count) >>> 16 === index) own.push(at / FRAME_BYTES);
  }
  return own;
}

function pick(frames, numbers) {
  const picked = new Uint8Array(numbers.length * FRAME_BYTES);
  numbers.forEach((number, i) => {
    picked.set(frames.subarray(number * FRAME_BYTES, (number + 1) * FRAME_BYTES), i * FRAME_BYTES);
  });
  return picked;
}

/** What translation made of the first frames of these connections, by the numbers of all. */
function mappingsOf(subject, numbers, connections) {
  const made = { src: new Uint32Array(numbers.length), srcPort: new Uint16Array(numbers.length) };
  subject.traffic.note(subject.frames, 0, made);
  const mappings = { src: new Uint32Array(connections), srcPort: new Uint16Array(connections) };
  numbers.forEach((number, i) => {
    mappings.src[number] = made.src[i];
    mappings.srcPort[number] = made.srcPort[i];
  });
  return mappings;
}

function generate(folder, packets) {
  const options = { packets, flows: Math.ceil(packets / 10), endpoints: 500, remotes: 4096, ipv6Share: 0 };
  const writer = new PcapWriter(join(folder, "capture.pcap"), 1);
  generateCapture(options, writer);
  writer.close();
  mkdirSync(join(folder, "manifests"));
  writeFileSync(join(folder, "manifests", "cluster.yaml"), generateManifests(options));
}

function files(folder, turns, verify) {
  const main = new URL("../../dist/src/cli/main.js", import.meta.url).pathname;
  const { ratio, seconds } = inTurnsNow(turns, (side) => {
    const args = [
      "replay",
      join(folder, "capture.pcap"),
      "-m",
      join(folder, "manifests"),
      "-o",
      join(folder, "out"),
      "--workers",
      String(side + 1),
    ];
    const started = performance.now();
    const child = spawnSync(process.execPath, [main, ...args, ...(verify ? [] : ["--no-verify"])], {
      encoding: "utf8",
    });
    if (child.status !== 0) throw new Error(child.stderr);
    return (performance.now() - started) / 1000;
  });
  return { timeWithTwoOverOne: ratio, seconds };
}

async function inTurns(turns, take) {
  const times = [[], []];
  for (let turn = 0; turn < turns; turn++)
    for (const side of turn % 2 === 0 ? [0, 1] : [1, 0]) times[side].push(await take(side));
  return settle(times);
}

function inTurnsNow(turns, take) {
  const times = [[], []];
  for (let turn = 0; turn < turns; turn++)
    for (const side of turn % 2 === 0 ? [0, 1] : [1, 0]) times[side].push(take(side));
  return settle(times);
}

function settle([one, two]) {
  return { ratio: median(two.map((time, turn) => time / one[turn])), seconds: [median(one), median(two)] };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
