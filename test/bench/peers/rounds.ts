import type { Peer } from "./peer.js";

export interface RoundOptions {
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before those: by then code is compiled and every page was touched. */
  readonly warmUp: number;
  onRound(text: string): void;
}

/** Nanoseconds per frame of each peer, one number a round. */
export type Samples = ReadonlyMap<string, readonly number[]>;

/** Places of `count` peers in a round, beginning with another one than in the round before. */
export function turnOrder(count: number, round: number): number[] {
  return Array.from({ length: count }, (_, i) => (i + round) % count);
}

/**
 * Lets all peers work in turns, so that what else the machine does meets all of them. No time is reported for work that `verify` does not find
 * done, before and after.
 */
export async function takeRounds(peers: readonly Peer[], { rounds, warmUp, onRound }: RoundOptions): Promise<Samples> {
  const samples = new Map<string, number[]>(peers.map(({ id }) => [id, []]));
  for (const peer of peers) await peer.verify();
  for (let round = -warmUp; round < rounds; round++) {
    onRound(round < 0 ? "warming up" : `round ${round + 1} of ${rounds}`);
    for (const place of turnOrder(peers.length, round + warmUp)) {
      const peer = peers[place]!;
      const ns = await peer.turn();
      if (round >= 0) samples.get(peer.id)!.push(ns);
    }
  }
  for (const peer of peers) await peer.verify();
  return samples;
}
