import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readScenarioText } from "../../src/gateway/scenario.js";
import { StateListing } from "../../src/replay/list-state.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import { withFile, withFolder } from "../support/capture-read.js";
import {
  be32,
  concat,
  ethernet,
  icmpMessage,
  ipv4,
  ipv6,
  type Layer4,
  otherProtocol,
  patterned,
  sctp,
} from "../support/frames.js";
import { type ChunkName, sctpData, sctpPacket } from "../support/sctp.js";
import { dualStack } from "./dual-stack.js";
import { readOutput } from "./outputs-read.js";
import { captureOf, type TimedFrame } from "./traffic.js";

const PODS = ["10.0.1.7", "10.0.1.8", "fd00:1::7", "fd00:1::8"] as const;
const [OWN, PEER] = [40_000, 9899];
const FAR = { 4: "198.51.100.9", 6: "2001:db8:99::9" } as const;
const ROUTER = { 4: "192.0.2.77", 6: "2001:db8:77::1" } as const;

function conversation(pod: string, startUs: number): TimedFrame[] {
  const family = pod.includes(":") ? 6 : 4;
  let us = startUs;
  const packet = (src: string, dst: string, l4: Layer4, ttl: number) =>
    family === 4 ? ipv4({ src, dst, ttl, id: us & 0xffff }, l4) : ipv6({ src, dst, hopLimit: ttl }, l4);
  const timed = (bytes: Uint8Array): TimedFrame => {
    us += 10;
    return { us, frame: ethernet(bytes) };
  };
  const out = (l4: Layer4) => timed(packet(pod, FAR[family], l4, 64));
  const back = (l4: Layer4, src: string = FAR[family]) => timed(packet(src, pod, l4, 57));
  const said = (names: ChunkName | ChunkName[]) => sctpPacket(OWN, PEER, names);
  const heard = (names: ChunkName | ChunkName[]) => sctpPacket(PEER, OWN, names);
  const gre = (n: number) => otherProtocol(47, concat(be32(0x800), patterned(20 + n)));
  const data = sctpData({ srcPort: OWN, dstPort: PEER, payload: patterned(1300) });
  const isFirst = pod.endsWith("7");
  const tooBig = icmpMessage({
    ...(family === 4 ? { type: 3, code: 4 } : { type: 2 }),
    word: 1280,
    inner: packet(pod, FAR[family], data, 60).slice(0, 548),
  });
  return [
    out(said("INIT")),
    back(heard("INIT-ACK")),
    out(said(["COOKIE-ECHO", "DATA"])),
    back(heard(["COOKIE-ACK", "SACK"])),
    out(data),
    back(tooBig, ROUTER[family]),
    back(sctpData({ srcPort: PEER, dstPort: OWN, payload: patterned(777) })),
    out(gre(1)),
    // One pod of each family has the protocol to itself.
    ...(isFirst ? [back(gre(2))] : []),
    // Left to the network card, as both ends of a veth pair do.
    out(sctp({ srcPort: OWN + 1, dstPort: PEER, checksum: 0 })),
    back(sctpPacket(PEER, OWN + 1, "INIT-ACK", { checksum: 0 })),
  ];
}

const FRAMES = PODS.flatMap((pod, i) => conversation(pod, i * 1000));

function run(frames: readonly TimedFrame[], options: Partial<ReplayOptions> = {}) {
  return withFile(captureOf(frames), (path) =>
    withFolder(async (outDir) => {
      const report = await replay({ captures: [path], model: await dualStack(PODS), outDir, ...options });
      const read = (name: string) => readFileSync(join(outDir, `${name}.pcapng`));
      return { report, external: read("external"), endpoint: read("endpoint") };
    }),
  );
}

/** Everything leaves by one gateway, so that equal ports collide. */
const ONE = readScenarioText(
  "apiVersion: sluicegate.io/v1\nkind: Scenario\nspec:\n  events:\n    - {at: 0s, node: gw-b, event: drain}\n",
  "s.yaml",
);
const DYING = readScenarioText(
  "apiVersion: sluicegate.io/v1\nkind: Scenario\nspec:\n  events:\n    - {at: 4s, node: NODE, event: node-down}\n".replace(
    "NODE",
    "gw-a",
  ),
  "s.yaml",
);

describe("SCTP and GRE of pods of both families", () => {
  it.each(["cilium", "rfc"] as const)(
    "come back as captured, verified, with the same bytes in both topologies (%s)",
    async (natProfile) => {
      const single = await run(FRAMES, { scenario: ONE, natProfile });
      const cluster = await run(FRAMES, { scenario: ONE, natProfile, topology: "cluster" });
      for (const { report } of [single, cluster]) {
        expect(report.verification.mismatches).toEqual([]);
        expect(report.frames).toMatchObject({ read: 42, snat: 18, reverse: 22, drop: 2, pass: 0, skipped: 0 });
        expect(report.reasons).toEqual({ "protocol-conflict": 2 });
        expect(report.connections.opened).toBe(10);
      }
      expect(Buffer.compare(single.external, cluster.external)).toBe(0);
      expect(Buffer.compare(single.endpoint, cluster.endpoint)).toBe(0);
      const received = readOutput(single.endpoint).map(({ bytes }) => Buffer.from(bytes).toString("hex"));
      const captured = FRAMES.map(({ frame }) => Buffer.from(frame).toString("hex"));
      expect(received.filter((frame) => !captured.includes(frame))).toEqual([]);
    },
  );

  it("move when their gateway dies: associations are broken, and nothing of them is emitted after that until an INIT", async () => {
    const later = PODS.flatMap((pod) => conversation(pod, 9e6 + PODS.indexOf(pod) * 1000)).filter(({ frame }) =>
      frame[12] === 8 ? frame[23] === 132 : frame[20] === 132,
    );
    const keepalive = later.filter((_, i) => i % 3 !== 0);
    const results = [];
    for (const topology of ["single", "cluster"] as const)
      results.push(await run([...FRAMES, ...keepalive], { scenario: DYING, topology }));
    const [single, cluster] = results;
    for (const { report } of results) expect(report.verification.mismatches).toEqual([]);
    expect(Buffer.compare(single!.external, cluster!.external)).toBe(0);
    expect(cluster!.report.broken).toEqual(single!.report.broken);
    expect(single!.report.connections.broken).toBeGreaterThan(0);
    expect(single!.report.broken.length).toBeGreaterThan(0);
    for (const { fiveTuple } of single!.report.broken) expect(fiveTuple).toMatch(/^sctp /);
  });

  it("go on from a saved state at any frame, and are listed from it", async () => {
    const whole = await run(FRAMES, { scenario: ONE });
    for (const cut of [1, 9, 15, 24, 41]) {
      await withFolder(async (folder) => {
        const saveState = join(folder, "state");
        const first = await run(FRAMES.slice(0, cut), { scenario: ONE, saveState });
        const rest = await run(FRAMES.slice(cut), { scenario: ONE, loadState: saveState });
        expect(rest.report.verification.mismatches).toEqual([]);
        const bytes = [first, rest].flatMap(({ external }) => readOutput(external).map((frame) => frame.bytes));
        expect(bytes).toEqual(readOutput(whole.external).map((frame) => frame.bytes));
        if (cut !== 41) return;
        const rows = [...StateListing.read(saveState).nat()];
        expect(new Set(rows.map(({ protocol }) => protocol))).toEqual(new Set(["SCTP", "47"]));
      });
    }
  });
});
