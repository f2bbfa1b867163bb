import { describe, expect, test } from "vitest";
import type { NatProfile } from "../../src/config/types.js";
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "../../src/net/decode.js";
import { LifetimeRules } from "../../src/whatif/lifetime.js";

const TIMEOUTS = { tcpOpening: 60, tcpEstablished: 8000, tcpClosing: 10, udp: 30, icmp: 20, other: 600 };
const TCP = 6;

/** Lifetime in milliseconds after these frames; `>` = in the direction of the first one. */
function after(profile: NatProfile, ...frames: readonly (readonly [direction: ">" | "<", flags: number])[]): number {
  const rules = new LifetimeRules(TIMEOUTS, profile);
  const [first, ...rest] = frames;
  const state = rest.reduce(
    (before, [direction, flags]) => rules.next(before, TCP, flags, direction === ">"),
    rules.first(TCP, first![1]),
  );
  return rules.lifetimeNs(TCP, state) / 1e6;
}

const SYN = [">", TCP_SYN] as const;
const SYN_ACK = ["<", TCP_SYN | TCP_ACK] as const;
const ACK = [">", TCP_ACK] as const;
const FIN = [">", TCP_FIN | TCP_ACK] as const;
const FIN_BACK = ["<", TCP_FIN | TCP_ACK] as const;
const RST = [">", TCP_RST] as const;

describe("how long a TCP connection holds its port", () => {
  test.each([
    ["cilium", "after its SYN: opening", [SYN], 60],
    ["cilium", "after SYN and SYN-ACK: still opening", [SYN, SYN_ACK], 60],
    ["cilium", "from the first frame without SYN: established", [SYN, SYN_ACK, ACK], 8000],
    ["cilium", "closed by one side: established", [SYN, SYN_ACK, ACK, FIN], 8000],
    ["cilium", "closed by both: closing", [SYN, SYN_ACK, ACK, FIN, FIN_BACK], 10],
    ["cilium", "reset before the answer: closing", [SYN, RST], 10],
    ["cilium", "reset once established: as long as before", [SYN, SYN_ACK, ACK, RST], 8000],
    ["cilium", "opened anew after its end: opening", [SYN, SYN_ACK, ACK, FIN, FIN_BACK, SYN], 60],
    ["cilium", "first seen in mid-stream: opening until the next frame", [ACK], 60],
    ["cilium", "first seen in mid-stream, and again: established", [ACK, ACK], 8000],
    ["rfc", "after SYN and SYN-ACK: established", [SYN, SYN_ACK], 8000],
    ["rfc", "first seen in mid-stream, without an answer: opening", [ACK, ACK], 60],
    ["rfc", "reset: four minutes", [SYN, SYN_ACK, ACK, RST], 240_000],
    ["rfc", "reset, and data after it: established", [SYN, SYN_ACK, ACK, RST, ACK], 8000],
    ["rfc", "closed by both: closing", [SYN, SYN_ACK, ACK, FIN, FIN_BACK], 10],
    ["rfc", "closed by both, then reset: closing", [SYN, SYN_ACK, ACK, FIN, FIN_BACK, RST], 10],
    ["rfc", "reset by its own side while opening: opening", [SYN, RST], 60],
    ["rfc", "answered by anything but a SYN: opening", [SYN, ["<", TCP_ACK]], 60],
    ["rfc", "opened anew after a reset: opening", [SYN, SYN_ACK, ACK, RST, SYN], 60],
  ] as const)("%s: %s", (profile, _, frames, expected) => {
    expect(after(profile, ...frames)).toBe(expected);
  });

  test("the original's closing timer is not refreshed, that of the RFCs is", () => {
    const [cilium, rfc] = (["cilium", "rfc"] as const).map((profile) => new LifetimeRules(TIMEOUTS, profile));
    const closed = [SYN, SYN_ACK, ACK, FIN, FIN_BACK].reduce(
      (state, [direction, flags]) => cilium!.next(state, TCP, flags, direction === ">"),
      0,
    );
    expect(cilium!.refreshes(closed, closed, TCP_ACK)).toBe(false);
    expect(rfc!.refreshes(closed, closed, TCP_ACK)).toBe(true);
    expect(rfc!.refreshes(closed, closed, TCP_RST)).toBe(false);
    expect(cilium!.refreshes(0, closed, TCP_FIN)).toBe(true);
  });
});

test.each([
  [17, 30],
  [1, 20],
  [132, 600],
])("protocol %i has a lifetime of its own", (protocol, expected) => {
  const rules = new LifetimeRules(TIMEOUTS, "cilium");
  const state = rules.next(rules.first(protocol, 0), protocol, 0, false);
  expect(rules.lifetimeNs(protocol, state)).toBe(expected * 1e6);
});

test.each([
  ["cilium", [], false],
  ["cilium", [FIN], true],
  ["cilium", [FIN, FIN_BACK], true],
  ["rfc", [FIN], false],
  ["rfc", [FIN, FIN_BACK], true],
] as const)("under %s a SYN after %j of a connection uses its five-tuple anew: %s", (profile, ends, expected) => {
  const rules = new LifetimeRules(TIMEOUTS, profile);
  const frames = [SYN_ACK, ACK, ...ends];
  const state = frames.reduce(
    (before, [direction, flags]) => rules.next(before, TCP, flags, direction === ">"),
    rules.first(TCP, TCP_SYN),
  );
  expect(rules.restarts(state, TCP, TCP_SYN)).toBe(expected);
  expect(rules.restarts(state, TCP, TCP_SYN | TCP_ACK)).toBe(false);
});
