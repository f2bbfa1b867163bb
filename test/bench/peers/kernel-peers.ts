import { readFileSync, writeFileSync } from "node:fs";
import { checkFrames } from "../../../src/bench/contestants.js";
import { evenly } from "../../../src/bench/frame-layout.js";
import { FRAME_BYTES } from "../../../src/bench/frames.js";
import { type NativePrograms, ROUTER_SCRIPT } from "./native.js";
import { type Peer, PeerError } from "./peer.js";
import { EGRESS_IP_TEXT, ProgRun } from "./prog-run.js";

/** Names of the devices that router.sh makes. */
const IN = "wire";
const OUT = "sink";
/** Frames that are looked at one by one before and after the rounds. */
const SAMPLE = 32;
const LEAST_MAP_ENTRIES = 1 << 16;

export interface KernelOptions {
  readonly programs: NativePrograms;
  readonly connections: number;
  /** Frames of one turn. */
  readonly frames: number;
}

/** What happens to a frame after it was made. */
type Way = "nft-snat" | "linux-forward" | "discard";

const isTranslated = (source: string) => source === EGRESS_IP_TEXT;
const isUntouched = (source: string) => source.startsWith("10.1.");

/**
 * A Linux router in a network namespace of its own, with or without source NAT by nft, that is given frames as if a device had received
 * them; or frames that are dropped as soon as they are made. Frames that the router sends end in a device that counts and drops them.
 */
export async function routerPeer(way: Way, { programs, connections, frames }: KernelOptions): Promise<Peer> {
  const section = way === "discard" ? "xdp/discard" : "xdp/pick";
  const router = ["unshare", "--net", "bash", ROUTER_SCRIPT, way === "nft-snat" ? "snat" : "forward"];
  const command = [...router, programs.progRun, programs.frames, section, `live=${IN}`];
  const child = await ProgRun.start(way, command, connections);
  const isSent = way !== "discard";
  const tracked = way === "nft-snat" ? connections : 0;

  async function run(count: number): Promise<number> {
    const [done, sent] = [(await child.course()).done, sentFrames(child.pid)];
    const spent = await child.run(count);
    expectCount(way, "frames were made", (await child.course()).done - done, count);
    expectCount(way, `frames reached the device ${OUT}`, sentFrames(child.pid) - sent, isSent ? count : 0);
    expectCount(way, "connections are tracked", trackedConnections(child.pid), tracked);
    return spent;
  }

  if (tracked > 0) await child.openAll(connections);
  return {
    id: way,
    turn: async () => (await run(frames)) / frames,
    verify: async () => {
      await run(SAMPLE);
      if (!isSent) return;
      const seen = await child.watch(OUT, SAMPLE);
      expectCount(way, `frames were seen at ${OUT}`, seen.length, SAMPLE);
      for (const frame of seen)
        checkFrames(way, frame, evenly(FRAME_BYTES), way === "nft-snat" ? isTranslated : isUntouched);
    },
    close: () => child.close(),
  };
}

/** A program of native/frames.bpf.c in test runs, outside of the network stack: `translate`, or `pick`, which only makes the frames. */
export async function testRunPeer(
  program: "translate" | "pick",
  { programs, connections, frames }: KernelOptions,
): Promise<Peer> {
  const id = program === "translate" ? "bpf-translate" : "bpf-pick";
  const isTranslating = program === "translate";
  // Twice the entries that are needed: a map of this kind gives up the oldest when it is nearly full.
  const sizes = [
    `conntrack=${Math.max(LEAST_MAP_ENTRIES, connections * 2)}`,
    `nat=${Math.max(LEAST_MAP_ENTRIES, connections * 4)}`,
  ];
  const command = [programs.progRun, programs.frames, `xdp/${program}`, ...(isTranslating ? sizes : [])];
  const child = await ProgRun.start(id, command, connections);

  async function run(count: number): Promise<number> {
    const before = await child.course();
    const spent = await child.run(count);
    const after = await child.course();
    expectCount(id, isTranslating ? "frames were translated" : "frames were made", after.done - before.done, count);
    expectCount(id, "frames were refused", after.refused, 0);
    expectCount(id, "connections were made", after.opened, isTranslating ? connections : 0);
    return spent;
  }

  if (isTranslating) {
    await child.addEndpoints();
    await child.openAll(connections);
  }
  return {
    id,
    turn: async () => (await run(frames)) / frames,
    verify: async () => {
      await run(SAMPLE);
      for (let i = 0; i < SAMPLE; i++)
        checkFrames(id, await child.one(), evenly(FRAME_BYTES), isTranslating ? isTranslated : isUntouched);
    },
    close: () => child.close(),
  };
}

function expectCount(where: string, what: string, value: number, expected: number): void {
  if (value !== expected) throw new PeerError(`${where}: ${value} ${what}, expected ${expected}`);
}

/** Frames that the router of that process has sent: its sink counts each as received and dropped. */
function sentFrames(pid: number): number {
  const rows = readFileSync(`/proc/${pid}/net/dev`, "latin1").split("\n");
  const row = rows.find((line) => line.trim().startsWith(`${OUT}:`)) ?? "";
  return Number(
    row
      .slice(row.indexOf(":") + 1)
      .trim()
      .split(/\s+/)[3],
  );
}

/** Connections that the router of that process tracks. */
function trackedConnections(pid: number): number {
  const rows = readFileSync(`/proc/${pid}/net/stat/nf_conntrack`, "latin1").split("\n");
  return Number.parseInt(rows[1]!.trim().split(/\s+/)[0]!, 16);
}

const LIMIT_FOLDER = "/proc/sys/net/netfilter";
const MAX = `${LIMIT_FOLDER}/nf_conntrack_max`;
const BUCKETS = `${LIMIT_FOLDER}/nf_conntrack_buckets`;

/** Raises what the machine's network namespaces may track, which holds for all of them, until `restore`. */
export class ConntrackLimits {
  readonly #before = [MAX, BUCKETS].map((file) => [file, readNumber(file)] as const);
  readonly #restore = () => this.restore();

  /** @throws {PeerError} where this is not the first network namespace, in which alone they can be set */
  constructor(connections: number) {
    process.once("exit", this.#restore);
    for (const [file, before] of this.#before) {
      if (before >= connections * 2) continue;
      try {
        writeFileSync(file, String(connections * 2));
      } catch (cause) {
        const message = `${file} cannot be set, expected to run in the machine's first network namespace`;
        throw new PeerError(message, { cause });
      }
    }
  }

  restore(): void {
    process.off("exit", this.#restore);
    for (const [file, before] of this.#before) {
      if (readNumber(file) !== before) writeFileSync(file, String(before));
    }
  }
}

function readNumber(file: string): number {
  try {
    return Number(readFileSync(file, "latin1"));
  } catch (cause) {
    throw new PeerError(`${file} cannot be read, expected a kernel that tracks connections`, { cause });
  }
}
