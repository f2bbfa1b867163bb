import { describe, expect, test } from "vitest";
import { formatAddress } from "../../src/net/address.js";
import type { SeenMapping } from "../../src/pair/mapping.js";
import { icmpEcho, icmpMessage } from "../support/frames.js";
import { EGRESS_A, POD, REMOTE, seconds } from "../verify/scene.js";
import { answer, Captures, query, segment } from "./captures.js";

/** What is told of two captures: protocol, endpoint, remote, external address and second. */
async function told(captures: Captures, skewNs = 0n): Promise<unknown[][]> {
  const seen: SeenMapping[] = [];
  await captures.verify({ onMapping: (mapping) => seen.push(mapping), skewNs });
  return seen.map((mapping) => [
    mapping.protocol,
    `${formatAddress(mapping.endpoint)}:${mapping.endpointPort}`,
    `${formatAddress(mapping.remote)}:${mapping.remotePort}`,
    `${formatAddress(mapping.egressIP)}:${mapping.natPort}`,
    mapping.timeNs,
  ]);
}

describe("a packet seen on both sides tells of its mapping", () => {
  test("on its way out and back, by the clock of the second capture", async () => {
    const ends = [`${POD}:40000`, `${REMOTE}:443`, `${EGRESS_A}:50000`];
    expect(await told(new Captures().out(1, segment(100)).in(2, answer(200)))).toEqual([
      [6, ...ends, seconds(1.001)],
      [6, ...ends, seconds(2)],
    ]);
  });

  test("whose clock may be ahead", async () => {
    const captures = new Captures().out(1, query(1));
    const ahead = 100_000_000_000n;
    for (const frame of captures.uplink) Object.assign(frame, { timeNs: frame.timeNs + ahead });
    const seen = await told(captures, ahead);
    expect(seen.map((row) => [row[3], row[4]])).toEqual([[`${EGRESS_A}:50000`, seconds(101.001)]]);
  });

  test("an echo by its identifier", async () => {
    const seen = await told(new Captures().out(1, (id) => icmpEcho({ id })));
    expect(seen).toEqual([[1, `${POD}:40000`, `${REMOTE}:0`, `${EGRESS_A}:50000`, seconds(1.001)]]);
  });

  test("but not where it was not translated, nor an ICMP error, which has no port of its own", async () => {
    const error = () => icmpMessage({ type: 3, code: 1, inner: new Uint8Array(28) });
    expect(await told(new Captures().out(1, segment(100), { as: POD, natPort: 40000 }).out(2, error))).toEqual([]);
  });
});
