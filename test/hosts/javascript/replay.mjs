// The command `replay`: a capture through one engine, and what leaves as another capture.

import { constants, labelsOf } from "./abi.mjs";
import { Capture, CaptureWriter } from "./capture.mjs";
import { compileEngine, Gateway, HostError, hex, Policy, sha256 } from "./sluicegate.mjs";

const { ACTION_DROP, ACTION_HOLD, HOOK_FROM_ENDPOINT, HOOK_FROM_NETWORK } = constants;
/** Headers by EtherType: IPv4 and IPv6. */
const NETWORK = new Map([
  [0x0800, { size: 20, source: 12, bytes: 4 }],
  [0x86dd, { size: 40, source: 8, bytes: 16 }],
]);
const VLAN_TAGS = new Set([0x8100, 0x88a8, 0x9100]);
const TYPE_AT = 12;
const TAG_SIZE = 4;
const MAPPED = "00000000000000000000ffff";
const ACTIONS = labelsOf("action");
const REASONS = labelsOf("reason");

/**
 * @param inputs files: `engine`, `policy`, `about`, `capture`   @param rounds from 1 on
 * @param host its name and runtime   @param write takes the bytes of OUT   @param print takes the line   @throws {HostError}
 */
export async function replay({ inputs, rounds, host, write, print }) {
  const policy = await Policy.read(inputs.policy, inputs.about);
  const frames = new Capture(inputs.capture);
  const module = await compileEngine(inputs.engine);
  const writer = new CaptureWriter();
  let first;
  const rates = [];
  for (let round = 0; round < rounds; round++) {
    const gateway = await Gateway.start(module, policy, inputs.engine.name);
    writer.begin();
    const result = { ...run(gateway, policy, frames, writer), sha256: await sha256(writer.bytes) };
    if (round === 0) await write(writer.bytes);
    first ??= result;
    if (result.sha256 !== first.sha256)
      throw new HostError(`round ${round + 1}: SHA-256 is ${result.sha256}, expected ${first.sha256} as in the first`);
    rates.push(gateway.busyMs === 0 ? 0 : (result.given * 1e3) / gateway.busyMs);
  }
  await print(JSON.stringify({ ...host, ...first, rounds, framesPerSecond: Math.round(median(rates)) }));
}

/** The frames that the engine is asked about, with the hook that each enters at; all others are left out. */
function* given(frames, policy) {
  const endpoints = policy.endpoints();
  const inside = new Set([...endpoints, ...policy.egressIPs()]);
  for (const { bytes, wire, time } of frames) {
    const { source, destination } = addressesOf(bytes) ?? {};
    if (endpoints.has(source)) yield { bytes, wire, time, hook: HOOK_FROM_ENDPOINT };
    else if (inside.has(destination)) yield { bytes, wire, time, hook: HOOK_FROM_NETWORK };
  }
}

/** Where the IP packet of an Ethernet frame begins, and its EtherType. */
function packetOf(bytes) {
  let at = TYPE_AT;
  while (at + 2 <= bytes.length && VLAN_TAGS.has(typeAt(bytes, at))) at += TAG_SIZE;
  return { type: at + 2 <= bytes.length ? typeAt(bytes, at) : 0, start: at + 2 };
}

function typeAt(bytes, at) {
  return (bytes[at] << 8) | bytes[at + 1];
}

function addressesOf(bytes) {
  const { type, start } = packetOf(bytes);
  const network = NETWORK.get(type);
  if (!network || bytes.length - start < network.size) return undefined;
  const address = (at) => (network.bytes === 4 ? MAPPED : "") + hex(bytes.subarray(at, at + network.bytes));
  return { source: address(start + network.source), destination: address(start + network.source + network.bytes) };
}

function run(gateway, policy, frames, writer) {
  const actions = { pass: 0, snat: 0, reverse: 0, drop: 0, hold: 0 };
  const reasons = new Map();
  let written = 0;
  let errors = 0;
  const write = (bytes, wire, time) => {
    writer.write(bytes, wire, time);
    written++;
  };
  const take = ({ frame, action, reason, bytes, error }) => {
    actions[ACTIONS.get(action)]++;
    if (action === ACTION_HOLD) return;
    if (reason !== constants.REASON_NONE) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (action !== ACTION_DROP) write(bytes, frame.wire, frame.time);
    if (!error) return;
    errors++;
    const answer = answerFrame(frame.bytes, error);
    write(answer, answer.length, frame.time);
  };
  gateway.process(given(frames, policy), take);
  gateway.flush(take);
  const { pass, snat, reverse, drop } = actions;
  const counts = { frames: frames.count, given: pass + snat + reverse + drop };
  const named = [...reasons]
    .sort(([a], [b]) => a - b)
    .map(([reason, count]) => [REASONS.get(reason) ?? String(reason), count]);
  const skipped = counts.frames - counts.given;
  return { ...counts, skipped, actions, reasons: Object.fromEntries(named), errors, written };
}

/** An ICMP error as the sender of `frame` gets it: behind a copy of its link header with the addresses changed round. */
function answerFrame(frame, error) {
  const { start } = packetOf(frame);
  const answer = new Uint8Array(start + error.length);
  answer.set(frame.subarray(6, 12));
  answer.set(frame.subarray(0, 6), 6);
  answer.set(frame.subarray(12, start), 12);
  answer.set(error, start);
  return answer;
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
