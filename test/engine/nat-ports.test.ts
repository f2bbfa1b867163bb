import { beforeAll, describe, expect, test } from "vitest";
import * as codes from "../../src/engine/codes.js";
import { connections } from "../../src/engine/conntrack.js";
import type { Engine } from "../../src/engine/engine.js";
import { ethernet, ipv4, tcp } from "../support/frames.js";
import { place, run, startEngine, type TestFrame } from "./harness.js";
import { egress, endpoint, model, node, policy, policySet } from "./model.js";

const REMOTE = "198.51.100.1";
const PORTS = 32768;

/** Endpoints enough to open more connections to one remote and port than there are NAT ports. */
const crowd = model({
  nodes: [node("gw-a", "172.18.0.3")],
  egresses: [egress("gw-a", "203.0.113.10")],
  policies: [policy("p", [0])],
  policySets: [policySet({ "0.0.0.0/0": 0 })],
  endpoints: Array.from({ length: 4 }, (_, i) => endpoint(`e${i}`, [`10.0.1.${i + 1}`])),
});

/** Connection number `n`; all four endpoints use each source port. */
function syn(n: number, atNs = 0n, dst = REMOTE): TestFrame {
  const src = `10.0.1.${(n % 4) + 1}`;
  const packet = ipv4({ src, dst }, tcp({ srcPort: 30_000 + (n >> 2), dstPort: 443, flags: "SYN" }));
  return { hook: "from-endpoint", bytes: ethernet(packet), atNs };
}

describe.each([{ bitmaps: 4 }, { bitmaps: 0 }])(
  "32,768 connections to one remote and port through one gateway: %j",
  (sizes) => {
    let engine: Engine;
    const ports: number[] = [];
    let refusedAt90 = 0;

    beforeAll(async () => {
      engine = await startEngine(crowd, { connections: 40_000, ...sizes });
      for (let first = 0; first < PORTS; first += 1024) {
        const verdicts = run(
          engine,
          Array.from({ length: 1024 }, (_, i) => syn(first + i)),
          1024,
        );
        ports.push(...verdicts.filter(({ action }) => action === "snat").map(({ natPort }) => natPort));
        if (first < PORTS * 0.9) refusedAt90 += verdicts.filter(({ action }) => action !== "snat").length;
      }
    }, 120_000);

    test("none is refused up to 90 % fill, nor up to the last port", () => {
      expect(refusedAt90).toBe(0);
      expect(ports.length).toBe(PORTS);
    });

    test("each has a port of the range and none a port twice", () => {
      expect(new Set(ports).size).toBe(PORTS);
      expect(Math.min(...ports)).toBe(32768);
      expect(Math.max(...ports)).toBe(65535);
      expect(engine.egressStats()[0]).toMatchObject({ connections: PORTS, live: PORTS, portsPeak: PORTS });
    });

    test("number 32,769 is refused for want of a port, while another remote is not", () => {
      const [refused, other] = run(engine, [syn(PORTS), syn(PORTS, 0n, "198.51.100.2")]);
      expect(refused).toMatchObject({ action: "drop", reason: "no-nat-mapping" });
      expect(other).toMatchObject({ action: "snat" });
    });

    test("the conntrack reader sees every connection with the port that its verdict said", () => {
      const seen = [...connections(engine.conntrack())].filter(({ original }) => original.dst === REMOTE);
      expect(seen.map(({ original }) => original.port).sort()).toEqual([...ports].sort());
      for (const { original, reply } of seen.slice(0, 100)) {
        expect(reply).toMatchObject({
          src: REMOTE,
          srcPort: 443,
          dst: "203.0.113.10",
          dstPort: original.port,
          address: original.src,
        });
        expect(reply.port).toBe(original.srcPort);
      }
    });

    test("when one of them has been silent for its lifetime its port serves the next connection at once", () => {
      // All but connection 0 are kept alive at 59 s; it dies at 60 s.
      for (let first = 0; first < PORTS; first += 1024) {
        const batch = Array.from({ length: 1024 }, (_, i) => syn(first + i, 59_000_000_000n)).slice(
          first === 0 ? 1 : 0,
        );
        place(engine, batch);
        engine.process(batch.length);
      }
      const [early, late] = [59_999_000_000n, 60_000_000_000n].map((atNs) => run(engine, [syn(PORTS, atNs)])[0]);
      expect(early).toMatchObject({ action: "drop", reason: "no-nat-mapping" });
      expect(late).toMatchObject({ action: "snat", natPort: ports[0] });
    });
  },
);

test("a port is free again for the same remote the moment its connection's lifetime ends", async () => {
  const engine = await startEngine(crowd);
  const [first, taken, reused] = run(engine, [
    syn(40_000),
    syn(40_001, 59_999_000_000n),
    syn(40_002, 120_000_000_000n),
  ]);
  expect(first).toMatchObject({ natPort: 40_000 });
  expect(taken?.natPort).not.toBe(40_000);
  expect(reused).toMatchObject({ natPort: 40_000 });
  expect(first!.flags & codes.VERDICT_FLAG_CREATED).toBe(codes.VERDICT_FLAG_CREATED);
});
