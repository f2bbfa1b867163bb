import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAddress } from "../../src/net/address.js";
import { explainFrame } from "../../src/replay/explain.js";
import { formatCtRow, formatNatRow, StateListing } from "../../src/replay/list-state.js";
import { placementScore, tupleHash } from "../../src/replay/placement.js";
import { replay } from "../../src/replay/replay.js";
import { egress } from "../engine/model.js";
import { withFile, withFolder } from "../support/capture-read.js";
import { ethernet, ipv4, ipv4FragmentsOf, patterned, udp } from "../support/frames.js";
import { clusterModel } from "./cluster.js";
import { replayAndRead } from "./outputs-read.js";
import { captureOf, conversation, ENDPOINT, inbound, outbound, question, REMOTE } from "./traffic.js";

const cluster = () => clusterModel({ pods: [ENDPOINT], worker: "worker", excluded: ["192.0.2.0/24"] });

describe("the placement of a connection, computed from its specification", () => {
  it.each([
    [0n, 40_000, 443, 6, "2b2b6554e63f8c41", "939cf3e6d45b055e", "4920ea77f57c646f"],
    [0n, 40_000, 53, 17, "7030acdc9a654f50", "26db7c8ca431d485", "23e1b554975b2d5b"],
    [0n, 7, 0, 1, "47d515cc4caadf50", "d77ddf4526a02805", "7e563c3799c05a83"],
    [0x0123456789abcdefn, 40_000, 443, 6, "7a9e09ccd4b45b41", "35abc5f0feea4ab5", "ed39ba9e7c61d19d"],
  ] as const)(
    "fits the published vectors: seed %i, ports %i and %i, protocol %i",
    (seed, srcPort, dstPort, protocol, hash, a, b) => {
      const [src, dst] = ["10.0.1.7", "198.51.100.1"].map((text) => parseAddress(text)!);
      const tuple = tupleHash(seed, { src, dst, srcPort, dstPort, protocol });
      expect(tuple.toString(16)).toBe(hash);
      const [gwA, gwB] = [egress("gw-a", "203.0.113.10"), egress("gw-b", "203.0.113.20")];
      expect(placementScore(tuple, gwA).toString(16)).toBe(a);
      expect(placementScore(tuple, gwB).toString(16)).toBe(b);
    },
  );
});

describe("the explanation of a frame", () => {
  it("follows the first frame of a connection through policy, choice of gateway and port", async () => {
    const model = await cluster();
    await withFile(captureOf(conversation(0)), async (path) => {
      const { external } = await replayAndRead({ captures: [path], model });
      const told = await explainFrame({ captures: [path], model }, 1);
      expect(told).toMatchObject({ frame: 1, action: "snat", reason: "", file: path, mismatches: [] });
      expect(told.parse).toMatchObject({
        source: ENDPOINT,
        sourcePort: 40_000,
        destination: REMOTE,
        tcpFlags: "SYN",
        transportChecksum: "right",
      });
      expect(told.classification).toMatchObject({
        hook: "from-endpoint",
        sourceIs: "endpoint",
        destinationIs: "outside",
        replyBuilt: false,
      });
      expect(told.policy).toMatchObject({
        endpoint: "default/pod-0",
        outcome: "selected",
        prefix: "0.0.0.0/0",
        policy: "out",
      });
      expect(told.gateways).toHaveLength(2);
      const picked = told.gateways.find(({ isPick }) => isPick);
      expect(picked).toMatchObject({ isUsed: true, node: external[0].interfaceName });
      expect(told.gateways.filter(({ isUsed }) => isUsed)).toHaveLength(1);
      expect(told.translation).toMatchObject({
        gateway: picked!.node,
        natPort: 40_000,
        portKept: true,
        ttlBefore: 64,
        ttlAfter: 63,
        isNew: true,
      });
      expect(told.conntrack.before).toBeUndefined();
      expect(told.conntrack.after?.original).toMatchObject({ src: ENDPOINT, dst: REMOTE, packets: 1 });
      expect(told.replyExpected).toEqual({
        from: `${REMOTE}:443`,
        to: `${picked!.egressIP}:40000`,
        restoredTo: `${ENDPOINT}:40000`,
        lifetimeMs: 60_000,
      });
      expect(told.bytes.captured).toBe(Buffer.from(conversation(0)[0].frame).toString("hex"));
      expect(told.bytes.result).toBe(external[0].bytes.toString("hex"));
      expect(told.bytes.given).toBeUndefined();
    });
  });

  it("shows of a reply what was received, what the outside sent, and that the two fit", async () => {
    const model = await cluster();
    await withFile(captureOf(conversation(0)), async (path) => {
      const told = await explainFrame({ captures: [path], model }, 2);
      expect(told).toMatchObject({ action: "reverse", mismatches: [] });
      expect(told.classification).toMatchObject({ hook: "from-network", replyBuilt: true, destinationIs: "endpoint" });
      expect(told.bytes.result).toBe(told.bytes.captured);
      expect(told.bytes.given).not.toBe(told.bytes.captured);
      expect(told.translation).toMatchObject({ ttlBefore: 58, ttlAfter: 57, isNew: false });
      expect(told.conntrack.before?.reply.packets).toBe(0);
      expect(told.conntrack.after?.reply.packets).toBe(1);
    });
  });

  it("gives the reason of frames that pass, are dropped or are skipped", async () => {
    const model = await cluster();
    const frames = [
      outbound("SYN", { remote: "192.0.2.1" }),
      inbound("ACK", { port: 1 }),
      ethernet(ipv4({ src: "172.18.0.1", dst: REMOTE }, udp({ srcPort: 1, dstPort: 2, payload: patterned(9) }))),
      ethernet(patterned(46), { etherType: 0x0806 }),
    ].map((frame, us) => ({ us, frame }));
    await withFile(captureOf(frames), async (path) => {
      const told = await Promise.all([1, 2, 3, 4].map((number) => explainFrame({ captures: [path], model }, number)));
      expect(told.map(({ action, reason }) => [action, reason])).toEqual([
        ["pass", "excluded"],
        ["drop", "reply-without-connection"],
        ["skipped", "already-translated"],
        ["skipped", "not-ip"],
      ]);
      expect(told[0].policy).toMatchObject({ outcome: "excluded", prefix: "192.0.2.0/24", policy: "out" });
      expect(told[0].gateways).toEqual([]);
      expect(told[1].ciliumWould).toMatch(/pod/);
      expect(told[2].classification).toMatchObject({ hook: undefined, sourceIs: "node" });
      expect(told[3].parse).toBeUndefined();
    });
  });

  it("goes on to what becomes of a fragment that was held: with its first one, too late, or never", async () => {
    const model = await cluster();
    const segment = udp({ srcPort: 40_000, dstPort: 53, payload: patterned(3000) });
    const pieces = (id: number) =>
      ipv4FragmentsOf(ipv4({ src: ENDPOINT, dst: REMOTE, id, ttl: 9 }, segment), [1200, 1200]);
    const [[first, second, third], [, other], [, last]] = [pieces(1), pieces(2), pieces(3)];
    const frames = [third!, other!, second!, first!].map((packet, i) => ({ us: i * 1000, frame: ethernet(packet) }));
    frames.push({ us: 31_000_000, frame: outbound("SYN") }, { us: 31_000_001, frame: ethernet(last!) });
    await withFile(captureOf(frames), async (path) => {
      for (const topology of ["single", "cluster"] as const) {
        const options = { captures: [path], model, natProfile: "rfc", topology } as const;
        const told = await Promise.all([1, 2, 3, 6].map((frame) => explainFrame(options, frame)));
        const held = { action: "hold", reason: "fragment-without-first", mismatches: [] };
        const mapping = { egressIP: "203.0.113.20", ttlBefore: 9, ttlAfter: 8, isNew: false };
        const withFirst = {
          action: "snat",
          reason: "",
          endedBy: "first-fragment",
          first: { frame: 4 },
          translation: mapping,
        };
        expect(told[0]).toMatchObject({ ...held, afterHold: withFirst });
        expect(told[2]).toMatchObject({ ...held, afterHold: withFirst });
        const { external } = await replayAndRead(options);
        for (const i of [0, 2]) {
          const { bytes } = external.find(({ number }) => number === told[i]!.frame)!;
          expect(told[i]!.bytes.result).toBe(Buffer.from(bytes).toString("hex"));
        }
        const dropped = { action: "drop", reason: "fragment-without-first" };
        expect(told[1]).toMatchObject({ ...held, afterHold: { ...dropped, endedBy: "time-or-room" } });
        expect(told[3]).toMatchObject({ ...held, afterHold: { ...dropped, endedBy: "end-of-captures" } });
      }
    });
  });

  it("is refused for a frame that the captures do not have", async () => {
    const model = await cluster();
    await withFile(captureOf(conversation(0)), async (path) => {
      await expect(explainFrame({ captures: [path], model }, 10)).rejects.toThrow(/frame is 10, expected 1 to 9/);
      await expect(explainFrame({ captures: [path], model }, 0)).rejects.toThrow(/expected a number from 1/);
    });
  });
});

describe("a saved state, listed", () => {
  it("shows mappings, connections, rules and gateways as the original's commands do", async () => {
    const model = await cluster();
    await withFolder(async (folder) => {
      const [capture, state] = [join(folder, "in.pcap"), join(folder, "state")];
      const passed = { us: 5_500_000, frame: outbound("SYN", { remote: "192.0.2.1", port: 41_000 }) };
      writeFileSync(capture, captureOf([...conversation(0).slice(0, 4), ...question(5_000_000), passed]));
      const report = await replay({ captures: [capture], model, saveState: state });
      const listing = StateListing.read(state);
      const nat = [...listing.nat()].map(formatNatRow).sort();
      expect(nat).toHaveLength(4);
      const tcpOut = nat.find((line) => line.startsWith("TCP OUT"));
      expect(tcpOut).toMatch(
        /^TCP OUT 10\.0\.1\.7:40000 -> 198\.51\.100\.1:443 XLATE_SRC 203\.0\.113\.[12]0:40000 Created=5sec ago NeedsCT=1$/,
      );
      expect(nat.find((line) => line.startsWith("TCP IN"))).toMatch(
        /-> 203\.0\.113\.[12]0:40000 XLATE_DST 10\.0\.1\.7:40000 Created=5sec ago/,
      );
      const ct = [...listing.ct()];
      expect(ct.map(({ protocol, direction, packets }) => `${protocol} ${direction} ${packets}`).sort()).toEqual([
        "TCP OUT 1",
        "TCP OUT 4",
        "UDP OUT 2",
      ]);
      expect(ct.find(({ packets }) => packets === 4)).toMatchObject({
        remainingSeconds: 7995,
        flags: expect.arrayContaining(["SeenNonSyn", "Replied"]),
      });
      expect(ct.find(({ packets }) => packets === 1)?.gateway).toBe("");
      expect(formatCtRow(ct.find(({ protocol }) => protocol === "UDP")!)).toMatch(
        /^UDP OUT 10\.0\.1\.7:5353 -> 198\.51\.100\.1:53 remaining: 60 sec\(s\) Packets=2 Bytes=\d+ Flags=\[.*\] Gateway=gw-[ab]$/,
      );
      expect([...listing.egress()]).toEqual([
        ...["gw-a", "gw-b"].map((gateway, i) => ({
          sourceIP: ENDPOINT,
          destinationCIDR: "0.0.0.0/0",
          egressIP: `203.0.113.${i + 1}0`,
          gatewayIP: `172.18.0.${i + 1}`,
          gateway,
        })),
        {
          sourceIP: ENDPOINT,
          destinationCIDR: "192.0.2.0/24",
          egressIP: "0.0.0.0",
          gatewayIP: "Excluded CIDR",
          gateway: "",
        },
      ]);
      const rows = listing.gateways();
      expect(rows.map(({ node, connections }) => [node, connections])).toEqual(
        report.gateways.map(({ node, connections }) => [node, connections]),
      );
      expect(rows.reduce((sum, { live }) => sum + live, 0)).toBe(2);
    });
  });

  it("leaves out what has expired by its last frame", async () => {
    const model = await cluster();
    await withFolder(async (folder) => {
      const [capture, state] = [join(folder, "in.pcap"), join(folder, "state")];
      writeFileSync(capture, captureOf([...question(0), ...conversation(70_000_000).slice(0, 1)]));
      await replay({ captures: [capture], model, saveState: state });
      expect([...StateListing.read(state).ct()].map(({ protocol }) => protocol)).toEqual(["TCP"]);
    });
  });
});
