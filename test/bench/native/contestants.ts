import * as abi from "../../../assembly/abi.js";
import { TCP_ACK, TCP_SYN, TCP_SYN_ACK } from "../../../src/bench/frames.js";
import type { Contestant } from "../../../src/bench/measure.js";
import type { Subject } from "../../../src/bench/subject.js";
import type { Traffic } from "../../../src/bench/traffic.js";
import type { NativeCounters, NativeReference } from "./reference.js";

export type NativeWork = "forward" | "reverse" | "new";

/** Opens every connection of `traffic` and takes it to where frames change nothing but its age, as `Subject.establish` does. */
export function establish(native: NativeReference, traffic: Traffic, batch: number): void {
  const { connections } = traffic;
  native.load(traffic.openers(TCP_SYN), abi.HOOK_FROM_ENDPOINT, batch, false);
  expectDone("open connections", native, { snat: connections, opened: connections });
  const mappings = { src: new Uint32Array(connections), srcPort: new Uint16Array(connections) };
  traffic.note(native.frames(), 0, mappings);
  const everyone = Uint32Array.from({ length: connections }, (_, i) => i);
  const answers = traffic.answers(mappings, everyone, TCP_SYN_ACK);
  native.load(answers, abi.HOOK_FROM_NETWORK, batch, false);
  expectDone("answer connections", native, { reverse: connections });
  native.load(traffic.openers(TCP_ACK), abi.HOOK_FROM_ENDPOINT, batch, false);
  expectDone("confirm connections", native, { snat: connections });
}

/**
 * The C reference over the frames that an engine is measured over. Its figures are its own: it times itself.
 * @param subject engine over the same frames; its `verify` comes before this one's   @param frames as `Subject.load` takes them
 */
export function nativeContestant(
  native: NativeReference,
  work: NativeWork,
  subject: Subject,
  frames: Uint8Array,
  batch: number,
): Contestant {
  const count = frames.length / 64;
  const done = { forward: { snat: count }, reverse: { reverse: count }, new: { snat: count, opened: count } }[work];
  const hook = work === "reverse" ? abi.HOOK_FROM_NETWORK : abi.HOOK_FROM_ENDPOINT;
  let isLoaded = false;
  return {
    restore: () => {},
    run: () => 0,
    block: (ms) => native.block(ms),
    verify: () => {
      if (!isLoaded) native.load(frames, hook, batch, work === "new");
      isLoaded = true;
      expectDone(`${work} frames`, native, done);
      // Connections of large tables are opened in rounds of frames: those of the last one are there.
      const last = work === "new" ? ((count - 1) % subject.traffic.chunk) + 1 : count;
      const made = native.frames().subarray((count - last) * 64);
      if (made.equals(subject.frames.subarray(0, last * 64))) return;
      throw new Error(`native reference: ${work} frames differ from the engine's, expected the same bytes`);
    },
  };
}

/** A pass of the reference that must do what is expected and nothing else. */
function expectDone(what: string, native: NativeReference, expected: Partial<NativeCounters>): void {
  // Where connections are forgotten, `live` stands still over a pass.
  const before = native.counters();
  const after = native.pass();
  const wanted: Partial<NativeCounters> = { snat: 0, reverse: 0, other: 0, opened: 0, ...expected };
  for (const [name, value] of Object.entries(wanted) as [keyof NativeCounters, number][]) {
    const seen = after[name] - before[name];
    if (seen === value) continue;
    throw new Error(`native reference: ${what}: it counted ${seen} ${name}, expected ${value}`);
  }
}
