import { describe, expect, it } from "vitest";
import type { Peer } from "./peer.js";
import { takeRounds, turnOrder } from "./rounds.js";

/** Peers that write down what is asked of them. */
function recorded(ids: readonly string[], log: string[]): Peer[] {
  return ids.map((id) => ({
    id,
    turn: async () => log.push(id),
    verify: async () => void log.push(`verify ${id}`),
    close: async () => {},
  }));
}

describe("rounds", () => {
  it("begin with another peer each time, so that nobody always follows the same one's start", () => {
    expect([0, 1, 2, 3].map((round) => turnOrder(3, round))).toEqual([
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
      [0, 1, 2],
    ]);
  });

  it("verify all peers before and after, and count only what comes after the warm-up", async () => {
    const log: string[] = [];
    const samples = await takeRounds(recorded(["a", "b"], log), { rounds: 2, warmUp: 1, onRound: () => {} });
    expect(log.join(" ")).toBe("verify a verify b a b b a a b verify a verify b");
    expect([...samples]).toEqual([
      ["a", [6, 7]],
      ["b", [5, 8]],
    ]);
  });

  it("report nothing where a peer did not do its work", async () => {
    const lazy: Peer = {
      id: "lazy",
      turn: async () => 1,
      verify: () => Promise.reject(new Error("0 frames were translated, expected 8")),
      close: async () => {},
    };
    const taken = takeRounds([lazy], { rounds: 1, warmUp: 0, onRound: () => {} });
    await expect(taken).rejects.toThrow("0 frames were translated, expected 8");
  });
});
