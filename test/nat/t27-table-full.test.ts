import { expect, it } from "vitest";
import { tcp } from "../support/frames.js";
import { INSIDE, inbound, Nat, OTHER_INSIDE, outbound } from "./rig.js";

const CAPACITY = 1024;
const segment = (srcPort: number, dstPort: number, flags: string) => tcp({ srcPort, dstPort, flags });

it("T27 a full table of established flows: a flood of ten times as many loses none of them and is refused exactly", async () => {
  const nat = await Nat.start({ engine: { connections: CAPACITY } });
  const flows = Array.from({ length: CAPACITY }, (_, i) => ({ own: 2000 + i, src: i % 2 ? INSIDE : OTHER_INSIDE }));
  const opened = nat.send(flows.map(({ own, src }) => outbound(segment(own, 443, "SYN"), { src })));
  const ports = opened.map(({ natPort }) => natPort);
  nat.send(ports.map((port) => inbound(segment(443, port, "SYN ACK"))));
  nat.send(flows.map(({ own, src }) => outbound(segment(own, 443, "ACK"), { src })));
  expect(nat.counters).toMatchObject({ live: CAPACITY, entries: CAPACITY });
  for (let i = 0; i < 10; i++) {
    const flood = nat.send(
      Array.from({ length: CAPACITY }, (_, n) => outbound(segment(10_000 + n, 80 + i, "SYN"), { atMs: 1000 })),
    );
    expect(flood.every(({ action, reason }) => action === "drop" && reason === "table-full")).toBe(true);
  }
  expect(nat.counters.reasons["table-full"]).toBe(10 * CAPACITY);
  const replies = nat.send(ports.map((port) => inbound(segment(443, port, "ACK"), { atMs: 2000 })));
  expect(replies.every(({ action }) => action === "reverse")).toBe(true);
  const more = nat.send(flows.map(({ own, src }) => outbound(segment(own, 443, "ACK"), { src, atMs: 2000 })));
  expect(more.map(({ natPort }) => natPort)).toEqual(ports);
  expect(nat.counters).toMatchObject({ live: CAPACITY, evictedEstablished: 0, opened: CAPACITY });
  nat.check();
});
