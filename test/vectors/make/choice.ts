import { placementScore, portCandidates, tupleHash } from "../../engine/hashes.js";
import { address } from "../../engine/model.js";

/** The choices of docs/abi.md ("Hashes"), computed from that page alone. */
export interface Ask {
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly protocol: number;
}

export interface Ports {
  readonly low: number;
  readonly high: number;
}

export const RFC_PORTS: Ports = { low: 1024, high: 65_535 };
export const CILIUM_PORTS: Ports = { low: 32_768, high: 65_535 };
export const ECHO_IDS: Ports = { low: 0, high: 65_535 };

function tuple({ src, dst, ...rest }: Ask) {
  return { src: address(src), dst: address(dst), ...rest };
}

/** The endpoint's own port where it is in range and not taken, else the first candidate that is not. @param seed the port seed */
export function natPort(ask: Ask, { low, high }: Ports, taken: readonly number[] = [], seed = 0n): number {
  const own = ask.srcPort;
  if (own >= low && own <= high && !taken.includes(own)) return own;
  const port = portCandidates(tupleHash(seed, tuple(ask)), low, high).find((one) => !taken.includes(one));
  if (port === undefined) throw new Error("every candidate is taken");
  return port;
}

/** FNV-1a of 64 bits. */
export function egressKey(node: string, ip: string): bigint {
  let key = 0xcbf2_9ce4_8422_2325n;
  for (const byte of new TextEncoder().encode(`${node}/${ip}`))
    key = ((key ^ BigInt(byte)) * 0x100_0000_01b3n) & 0xffff_ffff_ffff_ffffn;
  return key;
}

/** Place of the member with the highest score. @param keys of the active members */
export function chosen(ask: Ask, keys: readonly bigint[], seed = 0n): number {
  const hash = tupleHash(seed, tuple(ask));
  const scores = keys.map((key) => placementScore(hash, key));
  return scores.reduce((best, score, i) => (score > scores[best]! ? i : best), 0);
}
