import { release } from "node:os";
import { describeMachine } from "../../../src/bench/machine.js";
import { FRAMES_PER_FLOW, filePeers } from "./file-peers.js";
import { ConntrackLimits, type KernelOptions, routerPeer, testRunPeer } from "./kernel-peers.js";
import { memoryPeers } from "./memory-peers.js";
import { buildNative, missingHere, type NativePrograms, output, versions } from "./native.js";
import { type Peer, PeerError } from "./peer.js";
import { type Group, groupOf, PEERS_SCHEMA, type PeersReport, targetsOf } from "./report.js";
import { takeRounds } from "./rounds.js";

export interface PeersOptions {
  /** Connections of the comparisons in memory. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** Rounds of the comparison of files, which take seconds each; 0 leaves it out. */
  readonly fileRounds: number;
  /** Frames of one turn of the kernel's programs. */
  readonly frames: number;
  /** CPU time of one turn of what runs in this process, milliseconds. */
  readonly blockMs: number;
  /** Frames of each capture file. */
  readonly packets: number;
  /** As it was called, for the report. */
  readonly command: string;
  onProgress(text: string): void;
}

const WARM_UP = 2;

/**
 * Runs every peer and Sluicegate itself in turns.
 * @throws {PeerError} where something is missing, or work was not done: then there is no figure at all
 */
export async function runPeers(options: PeersOptions): Promise<PeersReport> {
  const missing = missingHere();
  if (missing !== "") throw new PeerError(missing);
  const machine = describeMachine();
  const programs = buildNative();
  const groups: Group[] = [];
  for (const connections of options.sizes) groups.push(await memoryGroup(connections, programs, options));
  if (options.fileRounds > 0) groups.push(await fileGroup(programs, options));
  return {
    schema: PEERS_SCHEMA,
    date: new Date().toISOString().slice(0, 10),
    command: options.command,
    commit: commit(),
    machine,
    kernel: release(),
    versions: { ...versions(), clang: programs.compiler },
    groups,
    targets: targetsOf(groups),
  };
}

/** Of the repository that was built, or `unknown` where it is none. */
function commit(): string {
  try {
    return output("git", ["rev-parse", "--short", "HEAD"]).trim();
  } catch {
    return "unknown";
  }
}

async function memoryGroup(connections: number, programs: NativePrograms, options: PeersOptions): Promise<Group> {
  const what = `${connections} connections`;
  const kernel: KernelOptions = { programs, connections, frames: options.frames };
  const limits = new ConntrackLimits(connections);
  const peers: Peer[] = [];
  try {
    options.onProgress(`${what}: setting up`);
    peers.push(...(await memoryPeers(connections, options.blockMs, programs.reference)));
    peers.push(await testRunPeer("pick", kernel), await testRunPeer("translate", kernel));
    peers.push(await routerPeer("discard", kernel), await routerPeer("linux-forward", kernel));
    peers.push(await routerPeer("nft-snat", kernel));
    const onRound = (text: string) => options.onProgress(`${what}: ${text}`);
    return groupOf(
      "memory",
      connections,
      await takeRounds(peers, { rounds: options.rounds, warmUp: WARM_UP, onRound }),
    );
  } finally {
    await closeAll(peers);
    limits.restore();
  }
}

async function fileGroup(programs: NativePrograms, { packets, fileRounds, onProgress }: PeersOptions): Promise<Group> {
  onProgress("files: writing the captures");
  const peers = filePeers({ programs, packets });
  try {
    const onRound = (text: string) => onProgress(`files: ${text}`);
    const samples = await takeRounds(peers, { rounds: fileRounds, warmUp: 0, onRound });
    return groupOf("files", Math.floor(packets / FRAMES_PER_FLOW), samples);
  } finally {
    await closeAll(peers);
  }
}

async function closeAll(peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) await peer.close();
}
