import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ReplayOptions } from "../../src/replay/options.js";
import { enhancedPacket, interfaceBlock, pcapng } from "../support/capture-bytes.js";
import { withFile, withFolder } from "../support/capture-read.js";
import { concat, ethernet, ipv4, otherProtocol, patterned, sll, sll2, udp, vxlan } from "../support/frames.js";
import { clusterModel } from "./cluster.js";
import { type ReplayResult, replayAndRead } from "./outputs-read.js";
import { captureOf, conversation, ENDPOINT, inbound, outbound, REMOTE, type TimedFrame, timeOf } from "./traffic.js";

const NODE = "172.18.1.1";
const GATEWAY = "172.18.0.1";

const model = () => clusterModel({ pods: [ENDPOINT], worker: "worker" });

async function replayCapture(capture: Buffer, options: Partial<ReplayOptions> = {}): Promise<ReplayResult> {
  const cluster = await model();
  return withFile(capture, (path) => replayAndRead({ captures: [path], model: cluster, ...options }));
}

function decisionOf({ report }: ReplayResult) {
  return report.viewpoints[0];
}

/** The same packet with its TTL lowered by one, as it looks behind a hop; built anew, so its checksum is right. */
function oneHopOn(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  copy[22]--;
  const sum = ((copy[24] << 8) | copy[25]) + 0x100;
  const folded = (sum & 0xffff) + (sum >> 16);
  copy[24] = folded >> 8;
  copy[25] = folded & 0xff;
  return copy;
}

function isOutbound(frame: Uint8Array): boolean {
  return frame.subarray(26, 30).join(".") === ENDPOINT;
}

describe("a capture of all interfaces", () => {
  /** As the host sees a conversation: on the pod's interface, and one hop on at the uplink. */
  function everywhere(link: (packet: Uint8Array, type: number, ifindex: number) => Uint8Array): TimedFrame[] {
    return conversation(0).flatMap(({ us, frame }) => {
      const [near, far] = [frame.subarray(14), oneHopOn(frame).subarray(14)];
      // From the pod: received from lxc (0), sent to the uplink (4). To the pod: the other way round, and the pod's copy has the lower TTL.
      return isOutbound(frame)
        ? [
            { us, frame: link(near, 0, 9) },
            { us: us + 8, frame: link(far, 4, 2) },
          ]
        : [
            { us, frame: link(near, 0, 2) },
            { us: us + 8, frame: link(far, 4, 9) },
          ];
    });
  }

  it.each([
    ["SLL", 113, (packet: Uint8Array, type: number) => sll(packet, type)],
    [
      "SLL2",
      276,
      (packet: Uint8Array, type: number, ifindex: number) =>
        sll2(packet, { packetType: type, interfaceIndex: ifindex }),
    ],
  ] as const)("(%s) uses the copy on the pod's side, the others are duplicates", async (_, linkType, link) => {
    const frames = everywhere(link);
    const result = await replayCapture(captureOf(frames, linkType));
    expect(result.report.verification.mismatches).toEqual([]);
    expect(result.report.reasons).toEqual({ duplicate: 9 });
    expect(result.report.frames).toMatchObject({ snat: 5, reverse: 4, skipped: 9 });
    const conversationSends = conversation(0).map(({ frame }) => isOutbound(frame));
    const expected = conversationSends.flatMap((sends, i) => (sends ? [2 * i + 1] : []));
    expect(result.external.map(({ number }) => number)).toEqual(expected);
    expect(result.endpoint.map(({ number }) => number)).toEqual(
      conversationSends.flatMap((sends, i) => (sends ? [] : [2 * i + 2])),
    );
    expect(decisionOf(result)).toMatchObject({ viewpoint: "endpoint", copies: true });
    expect(decisionOf(result).reasons.join()).toMatch(/9 packets show up several times/);
  });

  it("keeps a retransmission: it has a new IP ID, or comes later", async () => {
    const cooked = (us: number, id: number, type: number) => ({
      us,
      frame: sll(outbound("PSH ACK", { id }).subarray(14), type),
    });
    const both = (us: number, id: number) => [cooked(us, id, 0), cooked(us + 5, id, 4)];
    const frames = [...both(0, 1), ...both(1_000, 2), ...both(300_000, 2)];
    const { report, external } = await replayCapture(captureOf(frames, 113));
    expect(report.reasons).toEqual({ duplicate: 3 });
    expect(external.map(({ number }) => number)).toEqual([1, 3, 5]);
  });
});

describe("captures that show a packet more than once", () => {
  it("use one end of a veth pair that was captured at both", async () => {
    const frames = conversation(0);
    const blocks = frames.flatMap(({ us, frame }) =>
      [0, 1].map((number) => enhancedPacket({ interface: number, ticks: timeOf(us) / 1000n + BigInt(number), frame })),
    );
    const interfaces = ["lxc1", "eth0"].map((name) => interfaceBlock({ name }));
    const result = await replayCapture(pcapng([...interfaces, ...blocks]));
    expect(result.report.reasons).toEqual({ duplicate: 9 });
    expect(result.report.frames).toMatchObject({ snat: 5, reverse: 4 });
    expect(result.report.viewpoints.map(({ interface: name, copies }) => [name, copies])).toEqual([
      ["lxc1", true],
      ["eth0", true],
    ]);
  });

  it("use each packet of a mirror port once, where it shows every frame twice", async () => {
    const frames = conversation(0).flatMap(({ us, frame }) => [
      { us, frame },
      { us: us + 2, frame },
    ]);
    const result = await replayCapture(captureOf(frames));
    expect(result.report.reasons).toEqual({ duplicate: 9 });
    expect(decisionOf(result).reasons.join()).toMatch(/mirror port/);
  });

  it("use the copy before the router, where a mirror shows both sides of it", async () => {
    const frames = conversation(0).flatMap(({ us, frame }) => [
      { us, frame },
      { us: us + 30, frame: oneHopOn(frame) },
    ]);
    const { report, external, endpoint } = await replayCapture(captureOf(frames));
    expect(report.reasons).toEqual({ duplicate: 9 });
    expect(external.every(({ number }) => number % 2 === 1)).toBe(true);
    expect(endpoint.every(({ number }) => number % 2 === 0)).toBe(true);
  });

  it("use one of two captures of the same traffic", async () => {
    const cluster = await model();
    await withFolder(async (folder) => {
      const paths = ["a.pcap", "b.pcap"].map((name) => join(folder, name));
      for (const path of paths) writeFileSync(path, captureOf(conversation(0)));
      const { report } = await replayAndRead({ captures: paths, model: cluster });
      expect(report.frames).toMatchObject({ read: 18, snat: 5, reverse: 4, skipped: 9 });
      expect(report.viewpoints.map(({ file }) => file)).toEqual(paths);
    });
  });

  it("leave packets alone that a sender repeats more than once, without an IP ID of their own", async () => {
    const frame = outbound("ACK", { id: 0 });
    const frames = Array.from({ length: 40 }, (_, i) => ({ us: i * 5, frame }));
    const { report } = await replayCapture(captureOf(frames));
    expect(report.frames.snat).toBe(40);
  });

  it("leave repeated packets alone where nothing says that they are copies", async () => {
    const frames = [0, 1, 2, 3].map((i) => ({ us: i * 5, frame: outbound("ACK", { id: i === 1 ? 0 : i }) }));
    const { report } = await replayCapture(captureOf([...frames, { us: 18, frame: frames[3].frame }]));
    expect(report.reasons).toEqual({});
    expect(report.frames.snat).toBe(5);
  });
});

describe("a capture between nodes", () => {
  const encapsulate = (frame: Uint8Array, port: number, src = NODE, dst = GATEWAY) =>
    ethernet(
      ipv4(
        { src, dst },
        udp({ srcPort: 50_000, dstPort: port, payload: port === 6081 ? geneve(frame) : vxlan(7, frame), checksum: 0 }),
      ),
    );

  function geneve(frame: Uint8Array): Uint8Array {
    return concat(Uint8Array.of(0x01, 0, 0x65, 0x58, 0, 0, 7, 0), Uint8Array.of(1, 2, 3, 0), frame);
  }

  it.each([8472, 4789, 6081])("is decapsulated: port %i", async (port) => {
    const frames = conversation(0);
    const result = await replayCapture(
      captureOf(frames.map(({ us, frame }) => ({ us, frame: encapsulate(frame, port) }))),
    );
    expect(result.report.verification.mismatches).toEqual([]);
    expect(result.report.frames).toMatchObject({ snat: 5, reverse: 4 });
    expect(result.report.observations.decapsulated).toBe(9);
    expect(decisionOf(result)).toMatchObject({ decapsulate: true });
    for (const { bytes, number, wire, linkType } of result.endpoint) {
      expect(bytes.equals(frames[number - 1].frame)).toBe(true);
      expect([wire, linkType]).toEqual([bytes.length, 1]);
    }
  });

  it("is decapsulated, too, when it begins after thousands of frames of others", async () => {
    const noise = ethernet(ipv4({ src: "192.0.2.1", dst: "192.0.2.2" }, udp({ srcPort: 1, dstPort: 2 })));
    const before = Array.from({ length: 9000 }, (_, us) => ({ us, frame: noise }));
    const overlay = conversation(0).map(({ us, frame }) => ({ us: us + 9000, frame: encapsulate(frame, 8472) }));
    const result = await replayCapture(captureOf([...before, ...overlay]));
    expect(result.report.frames).toMatchObject({ snat: 5, reverse: 4, skipped: 9000 });
    expect(result.report.verification.mismatches).toEqual([]);
  });

  it("stays as it is with --no-decap", async () => {
    const capture = captureOf(conversation(0).map(({ us, frame }) => ({ us, frame: encapsulate(frame, 8472) })));
    const result = await replayCapture(capture, { decapsulate: false, allowNoMatch: true });
    expect(result.report.reasons).toEqual({ overlay: 9 });
    expect(decisionOf(result).reasons.join()).toMatch(/--no-decap/);
  });

  it("counts overlay packets that were cut, or hold no frame, and reads nothing behind their end", async () => {
    const whole = encapsulate(outbound("SYN"), 8472);
    const frames: TimedFrame[] = [{ us: 0, frame: whole }];
    for (let captured = 34; captured < whole.length; captured++) frames.push({ us: captured, frame: whole, captured });
    const noVni = whole.slice();
    noVni[42] = 0;
    const { report } = await replayCapture(captureOf([...frames, { us: 900, frame: noVni }]));
    expect(report.frames.read).toBe(frames.length + 1);
    expect(report.frames.snat).toBeGreaterThan(0);
    expect(report.reasons.overlay).toBeGreaterThan(10);
    expect(report.verification.ok).toBe(true);
  });

  it("that is encrypted is counted, with a hint where to capture instead", async () => {
    const esp = ethernet(ipv4({ src: NODE, dst: GATEWAY }, otherProtocol(50, patterned(60))));
    const wireguard = ethernet(
      ipv4({ src: NODE, dst: GATEWAY }, udp({ srcPort: 51_871, dstPort: 51_871, payload: patterned(90) })),
    );
    const frames = [esp, wireguard].map((frame, us) => ({ us, frame }));
    const result = await replayCapture(captureOf(frames), { allowNoMatch: true });
    expect(result.report.reasons).toEqual({ "encrypted-underlay": 2 });
    expect(decisionOf(result).hints.join()).toMatch(/cilium_wg0/);
  });

  it("that was translated already is counted, with a hint at verify", async () => {
    const translated = ethernet(ipv4({ src: "203.0.113.10", dst: REMOTE }, udp({ srcPort: 40_000, dstPort: 53 })));
    const result = await replayCapture(captureOf([{ us: 0, frame: translated }]), { allowNoMatch: true });
    expect(result.report.reasons).toEqual({ "already-translated": 1 });
    expect(decisionOf(result).hints.join()).toMatch(/sluicegate verify/);
  });
});

describe("frames that go to egress IPs", () => {
  const toEgress = (us: number, port: number) => ({
    us,
    frame: ethernet(
      ipv4({ src: REMOTE, dst: "203.0.113.10" }, udp({ srcPort: 53, dstPort: port, payload: patterned(20) })),
    ),
  });

  it("enter as they are where the capture was taken outside", async () => {
    const result = await replayCapture(captureOf([toEgress(0, 40_000)]));
    expect(decisionOf(result)).toMatchObject({ viewpoint: "network" });
    expect(result.report.reasons).toEqual({ "no-reverse-mapping": 1 });
  });

  it("are given to the endpoint that has the mapping, beside a capture of the endpoint", async () => {
    const cluster = await clusterModel({ pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.10" } });
    const asks = ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: 40_000, dstPort: 53 })));
    await withFolder(async (folder) => {
      const [inside, outside] = ["inside.pcap", "outside.pcap"].map((name) => join(folder, name));
      writeFileSync(inside, captureOf([{ us: 0, frame: asks }]));
      writeFileSync(outside, captureOf([toEgress(50, 40_000)]));
      const { report, endpoint } = await replayAndRead({ captures: [inside, outside], model: cluster });
      expect(report.viewpoints.map(({ viewpoint }) => viewpoint)).toEqual(["endpoint", "network"]);
      expect(report.frames).toMatchObject({ snat: 1, reverse: 1 });
      expect(report.verification.mismatches).toEqual([]);
      expect(endpoint[0].bytes.subarray(30, 34).join(".")).toBe(ENDPOINT);
    });
  });

  it("are another system's in a forced endpoint view", async () => {
    const result = await replayCapture(captureOf([toEgress(0, 40_000)]), { viewpoint: "endpoint", allowNoMatch: true });
    expect(result.report.reasons).toEqual({ "already-translated": 1 });
    expect(decisionOf(result).reasons).toContain("--viewpoint endpoint");
  });
});

describe("a filter", () => {
  it("leaves frames out that do not match, under a reason of their own", async () => {
    const frames = [...conversation(0), ...conversation(5, { port: 41_000, remotePort: 80 })];
    const { report } = await replayCapture(captureOf(frames), { filter: "tcp and port 443" });
    expect(report.frames).toMatchObject({ read: 18, snat: 5, reverse: 4, skipped: 9 });
    expect(report.reasons).toEqual({ filtered: 9 });
    expect(report.filter).toBe("tcp and port 443");
  });

  it("that leaves everything out is no error", async () => {
    const { report } = await replayCapture(captureOf([{ us: 0, frame: inbound("SYN") }]), { filter: "udp" });
    expect(report.reasons).toEqual({ filtered: 1 });
  });
});
