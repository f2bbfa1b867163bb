import { benchCluster } from "../../../src/bench/cluster.js";
import { checkFrames, establishedContestant, kernelContestant } from "../../../src/bench/contestants.js";
import { measuringClock } from "../../../src/bench/cpu-clock.js";
import { evenly } from "../../../src/bench/frame-layout.js";
import { FRAME_BYTES, TCP_ACK } from "../../../src/bench/frames.js";
import { ReferenceKernel } from "../../../src/bench/kernel.js";
import { type Contestant, takeBlock } from "../../../src/bench/measure.js";
import { Subject } from "../../../src/bench/subject.js";
import { Traffic } from "../../../src/bench/traffic.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { establish, nativeContestant } from "../native/contestants.js";
import { NativeReference } from "../native/reference.js";
import { type Peer, PeerError } from "./peer.js";
import { PlainKernel } from "./plain-javascript.js";

/** Frames per call of the engine. */
export const BATCH = 256;
const CLUSTER = { gateways: 4, policies: 1 };

/**
 * The engine, the same work in C, the reference kernel and the latter's work in plain JavaScript, over the same frames of established
 * connections. @param program of `compileReference`
 */
export async function memoryPeers(connections: number, blockMs: number, program: string): Promise<Peer[]> {
  const traffic = new Traffic(connections, "udp");
  const subject = await Subject.create(traffic, { ...CLUSTER, maxBatch: BATCH, touch: true, wasm: undefined });
  subject.establish(BATCH);
  const native = new NativeReference(program, subject.engine.config, compilePolicy(benchCluster(CLUSTER)));
  establish(native, traffic, BATCH);
  const forward = traffic.forward(TCP_ACK);
  const kernel = await ReferenceKernel.create(forward, connections);
  const make = (id: string, contestant: Contestant, close = () => {}) => peerOf(id, contestant, blockMs, close);
  return [
    make("engine", establishedContestant(subject, forward, "forward", BATCH)),
    // Behind the engine, as it has to have made the same bytes.
    make("native", nativeContestant(native, "forward", subject, forward, BATCH), () => native.close()),
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
      checkFrames("plain JavaScript", kernel.frames, evenly(FRAME_BYTES), (source) => source === "203.0.113.200");
    },
  };
}

function peerOf(id: string, contestant: Contestant, blockMs: number, close: () => void): Peer {
  const clock = measuringClock();
  return {
    id,
    turn: async () => takeBlock(contestant, { blockMs, clock }),
    verify: async () => contestant.verify(),
    close: async () => close(),
  };
}
