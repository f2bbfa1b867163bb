import { checkFrames, establishedContestant, kernelContestant } from "../../../src/bench/contestants.js";
import { measuringClock } from "../../../src/bench/cpu-clock.js";
import { FRAME_BYTES, TCP_ACK } from "../../../src/bench/frames.js";
import { ReferenceKernel } from "../../../src/bench/kernel.js";
import { type Contestant, takeBlock } from "../../../src/bench/measure.js";
import { Subject } from "../../../src/bench/subject.js";
import { Traffic } from "../../../src/bench/traffic.js";
import { type Peer, PeerError } from "./peer.js";
import { PlainKernel } from "./plain-javascript.js";

/** Frames per call of the engine. */
export const BATCH = 256;
const CLUSTER = { gateways: 4, policies: 1 };

/** The engine, the reference kernel and the latter's work in plain JavaScript, over the same frames of established connections. */
export async function memoryPeers(connections: number, blockMs: number): Promise<Peer[]> {
  const traffic = new Traffic(connections, "udp");
  const subject = await Subject.create(traffic, { ...CLUSTER, maxBatch: BATCH, touch: true, wasmFile: undefined });
  subject.establish(BATCH);
  const forward = traffic.forward(TCP_ACK);
  const kernel = await ReferenceKernel.create(forward, connections);
  const make = (id: string, contestant: Contestant) => inProcess(id, contestant, blockMs);
  return [
    make("engine", establishedContestant(subject, forward, "forward", BATCH)),
    make("reference", kernelContestant(kernel, BATCH)),
    make("javascript", javascriptContestant(new PlainKernel(forward, connections))),
  ];
}

/** The kernel's work in plain JavaScript as `bench` measures things. */
export function javascriptContestant(kernel: PlainKernel): Contestant {
  return {
    restore: () => kernel.restore(),
    run: () => kernel.pass(),
    verify: () => {
      kernel.restore();
      const [done, frames] = [kernel.pass(), kernel.frames.length / FRAME_BYTES];
      if (done !== frames) throw new PeerError(`plain JavaScript: ${done} frames were translated, expected ${frames}`);
      checkFrames("plain JavaScript", kernel.frames, (source) => source === "203.0.113.200");
    },
  };
}

function inProcess(id: string, contestant: Contestant, blockMs: number): Peer {
  const clock = measuringClock();
  return {
    id,
    turn: async () => takeBlock(contestant, { blockMs, clock }),
    verify: async () => contestant.verify(),
    close: async () => {},
  };
}
