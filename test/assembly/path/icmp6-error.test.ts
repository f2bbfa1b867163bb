import { describe, expect, it } from "vitest";
import type { PolicyModel } from "../../../src/config/types.js";
import { address, egress, endpoint } from "../../engine/model.js";
import {
  ethernet,
  type Ipv6Fields,
  icmpEcho,
  icmpMessage,
  ipv6,
  type Layer4,
  patterned,
  sctp,
  tcp,
  udp,
} from "../../support/frames.js";
import { sctpData } from "../../support/sctp.js";
import { GatewayRig, type RigFrame } from "./gateway-rig.js";
import { EGRESS_IPS, world } from "./worlds.js";

const POD = "fd00:1::7";
const POD_B = "fd00:1::8";
const FAR = "2001:db8:99::9";
const ROUTER = "2001:db8:77::1";
const INSIDE_ROUTER = "fd00:1:9::1";
const EXT = "2001:db8:aa::1";
const PORT = 40_000;

function model(): PolicyModel {
  const base = world(1);
  return {
    ...base,
    egresses: [egress("gw-a", EGRESS_IPS[0], { egressIPv6: address(EXT) })],
    endpoints: [...base.endpoints, endpoint("other", [POD_B], { node: "worker" })],
  };
}

/** A gateway where POD_B's connection comes first, so that POD's own has another port, which `port` is. */
async function twoConnections(l4: (own: number) => Layer4): Promise<{ rig: GatewayRig; port: number }> {
  const rig = await GatewayRig.start(model(), { connections: 4096, connections6: 4096 });
  const open = (src: string) =>
    rig.one({ hook: "from-endpoint", frame: ethernet(ipv6({ src, dst: FAR }, l4(PORT))) }).natPort;
  open(POD_B);
  const port = open(POD);
  expect(port).not.toBe(PORT);
  return { rig, port };
}

interface Told {
  type: number;
  code: number;
  word?: number;
}

function error(hook: RigFrame["hook"], fields: Ipv6Fields, { type, code, word }: Told, inner: Uint8Array): RigFrame {
  return { hook, frame: ethernet(ipv6(fields, icmpMessage({ type, code, word: word ?? 0, inner }))), atMs: 5 };
}

const TOO_BIG = { type: 2, code: 0, word: 1280 };
const KINDS: Record<string, (own: number) => Layer4> = {
  TCP: (srcPort) => tcp({ srcPort, dstPort: 443, flags: "SYN", payload: patterned(20) }),
  UDP: (srcPort) => udp({ srcPort, dstPort: 53, payload: patterned(20) }),
  "UDP without a checksum": (srcPort) => udp({ srcPort, dstPort: 53, payload: patterned(20), checksum: 0 }),
  "an echo request": (id) => icmpEcho({ id, payload: patterned(20) }),
  SCTP: (srcPort) => sctp({ srcPort, dstPort: 9899 }),
};
const ALL: Told[] = [
  ...[0, 1, 2, 3, 4, 5, 6].map((code) => ({ type: 1, code })),
  TOO_BIG,
  ...[0, 1].map((code) => ({ type: 3, code })),
  ...[0, 1, 2].map((code) => ({ type: 4, code, word: 40 })),
  // Errors that nobody has defined: their receiver gets them all the same (RFC 4443 section 2.4(a)).
  ...[0, 5, 100, 127].map((type) => ({ type, code: 9 })),
];

describe.each(Object.keys(KINDS))("an ICMPv6 error about %s", (name) => {
  const l4 = KINDS[name]!;

  it("T08: from outside reaches the endpoint as it would have been without a gateway, whatever type and code", async () => {
    const { rig, port } = await twoConnections(l4);
    for (const told of ALL) {
      const seen = ipv6({ src: EXT, dst: FAR, hopLimit: 50 }, l4(port));
      const outcome = rig.one(error("from-network", { src: ROUTER, dst: EXT }, told, seen));
      expect(outcome).toMatchObject({ action: "reverse", egressIP: EXT, natPort: port });
      const meant = ipv6({ src: POD, dst: FAR, hopLimit: 50 }, l4(PORT));
      expect(outcome.frame).toEqual(error("from-network", { src: ROUTER, dst: POD, hopLimit: 63 }, told, meant).frame);
    }
  });

  it("is translated when it quotes the first fragment of a packet: path-MTU discovery depends on it", async () => {
    const { rig, port } = await twoConnections(l4);
    const first = (address: string, own: number) => {
      const fragment = { id: 7, more: true };
      return ipv6({ src: address, dst: FAR, extensions: [{ type: 60 }], fragment }, l4(own));
    };
    const outcome = rig.one(error("from-network", { src: ROUTER, dst: EXT }, TOO_BIG, first(EXT, port)));
    const meant = first(POD, PORT);
    // SCTP's CRC covers bytes that lie in other fragments: it stays.
    if (name === "SCTP") meant.set(first(EXT, port).subarray(64, 68), 64);
    const wanted = error("from-network", { src: ROUTER, dst: POD, hopLimit: 63 }, TOO_BIG, meant);
    expect(outcome).toMatchObject({ action: "reverse", natPort: port });
    expect(outcome.frame).toEqual(wanted.frame);
  });

  it("T05, T06: is translated as far as it quotes, and refused where it quotes less than 8 bytes of the transport header", async () => {
    const { rig, port } = await twoConnections(l4);
    const [seen, meant] = [ipv6({ src: EXT, dst: FAR }, l4(port)), ipv6({ src: POD, dst: FAR }, l4(PORT))];
    for (let length = 0; length <= seen.length; length++) {
      const outcome = rig.one(error("from-network", { src: ROUTER, dst: EXT }, TOO_BIG, seen.slice(0, length)));
      if (length < 48) {
        expect(outcome, `${length} bytes`).toMatchObject({ action: "drop", reason: "truncated" });
        continue;
      }
      const inner = meant.slice(0, length);
      // Half a checksum says nothing about the other half: it stays.
      if (name === "TCP" && length === 57) inner[56] = seen[56]!;
      if (name === "SCTP" && length < 52) inner.set(seen.subarray(48, length), 48);
      const wanted = error("from-network", { src: ROUTER, dst: POD, hopLimit: 63 }, TOO_BIG, inner);
      expect(outcome.frame, `${length} bytes`).toEqual(wanted.frame);
    }
  });

  it("T11: from the endpoint leaves with the egress IP, and quotes what the remote sent", async () => {
    const { rig, port } = await twoConnections(l4);
    const reply = (own: number): Layer4 => {
      if (name === "TCP") return tcp({ srcPort: 443, dstPort: own, flags: "SYN ACK" });
      if (name === "an echo request") return icmpEcho({ id: own, reply: true });
      if (name === "SCTP") return sctpData({ srcPort: 9899, dstPort: own, payload: patterned(9) });
      return udp({ srcPort: 53, dstPort: own, payload: patterned(9) });
    };
    const got = ipv6({ src: FAR, dst: POD, hopLimit: 50 }, reply(PORT));
    for (const src of [POD, INSIDE_ROUTER]) {
      const outcome = rig.one(error("from-endpoint", { src, dst: FAR }, { type: 1, code: 4 }, got));
      expect(outcome).toMatchObject({ action: "snat", egressIP: EXT, natPort: port });
      const sent = ipv6({ src: FAR, dst: EXT, hopLimit: 50 }, reply(port));
      expect(outcome.frame).toEqual(
        error("from-endpoint", { src: EXT, dst: FAR, hopLimit: 63 }, { type: 1, code: 4 }, sent).frame,
      );
    }
  });
});

describe("ICMPv6 extensions (RFC 4884 section 4: the length stands in byte 4 and counts 64-bit words)", () => {
  const extension = Uint8Array.of(0x20, 0, 0, 0, 0, 8, 1, 1, 0x12, 0x34, 0x51, 0x01);
  const padded = (packet: Uint8Array) =>
    Uint8Array.from([...packet, ...new Uint8Array(128 - packet.length), ...extension]);

  it.each([
    ["0", 0],
    ["right", 16],
    ["too large", 255],
  ])("T12 length %s: translated both ways; the pad and the extension stay byte for byte", async (_, words) => {
    const query = KINDS.UDP!;
    const { rig, port } = await twoConnections(query);
    for (const type of [1, 3]) {
      const told = { type, code: 0, word: words * 2 ** 24 };
      const seen = padded(ipv6({ src: EXT, dst: FAR, hopLimit: 50 }, query(port)));
      const meant = padded(ipv6({ src: POD, dst: FAR, hopLimit: 50 }, query(PORT)));
      const inwards = rig.one(error("from-network", { src: ROUTER, dst: EXT }, told, seen));
      const wanted = error("from-network", { src: ROUTER, dst: POD, hopLimit: 63 }, told, meant).frame;
      expect(inwards).toMatchObject({ action: "reverse", natPort: port, frame: wanted });
      const answer = (own: number) => udp({ srcPort: 53, dstPort: own, payload: patterned(9) });
      const got = padded(ipv6({ src: FAR, dst: POD }, answer(PORT)));
      const sent = padded(ipv6({ src: FAR, dst: EXT }, answer(port)));
      const outwards = rig.one(error("from-endpoint", { src: POD, dst: FAR }, told, got));
      const left = error("from-endpoint", { src: EXT, dst: FAR, hopLimit: 63 }, told, sent).frame;
      expect(outwards).toMatchObject({ action: "snat", natPort: port, frame: left });
      expect(outwards.frame.slice(-extension.length)).toEqual(extension);
    }
  });
});

describe("an ICMPv6 error that is not translated", () => {
  const query = KINDS.UDP!;
  const rows: [string, string, (port: number) => RigFrame][] = [
    ["about a flow that nobody knows", "icmp-error-unmatched", (port) => about(query(port + 1))],
    [
      "about an ICMPv6 error",
      "icmp-error-nested",
      () => about(icmpMessage({ type: 1, code: 0, inner: patterned(48) })),
    ],
    ["about a later fragment", "icmp-error-fragment", (port) => about(query(port), { fragment: { id: 1, offset: 8 } })],
    [
      "about a first fragment with another fragment header in it",
      "icmp-error-unmatched",
      (port) =>
        about(query(port), {
          extensions: [{ type: 44, body: Uint8Array.of(0, 1, 0, 0, 0, 1) }],
          fragment: { id: 2, more: true },
        }),
    ],
    ["to an endpoint, not to the egress IP", "icmp-error-misdirected", (port) => about(query(port), {}, POD)],
    ["with an IPv4 packet in it", "icmp-error-unmatched", () => withInner(patterned(60).fill(0x45, 0, 1))],
  ];

  function about(l4: Layer4, fields: Partial<Ipv6Fields> = {}, dst = EXT): RigFrame {
    const inner = ipv6({ src: EXT, dst: FAR, ...fields }, l4);
    return error("from-network", { src: ROUTER, dst }, { type: 1, code: 0 }, inner);
  }

  function withInner(inner: Uint8Array): RigFrame {
    return error("from-network", { src: ROUTER, dst: EXT }, { type: 1, code: 0 }, inner);
  }

  it.each(rows)("T10: %s: %s", async (_, reason, build) => {
    const { rig, port } = await twoConnections(query);
    const { frame } = build(port);
    expect(rig.one(build(port))).toMatchObject({ action: "drop", reason, frame });
  });

  it("from an endpoint about another endpoint's connection", async () => {
    const { rig } = await twoConnections(query);
    const inner = ipv6({ src: FAR, dst: POD }, udp({ srcPort: 53, dstPort: PORT }));
    const outcome = rig.one(error("from-endpoint", { src: POD_B, dst: FAR }, { type: 1, code: 4 }, inner));
    expect(outcome).toMatchObject({ action: "drop", reason: "icmp-error-misdirected" });
  });

  it("does not refresh its connection, nor end it", async () => {
    const { rig, port } = await twoConnections(query);
    const seen = ipv6({ src: EXT, dst: FAR }, query(port));
    rig.one({ ...error("from-network", { src: ROUTER, dst: EXT }, { type: 1, code: 0 }, seen), atMs: 50_000 });
    const reply = (atMs: number): RigFrame => ({
      hook: "from-network",
      frame: ethernet(ipv6({ src: FAR, dst: EXT }, udp({ srcPort: 53, dstPort: port }))),
      atMs,
    });
    expect(rig.one(reply(59_000)).action).toBe("reverse");
    const late = await twoConnections(query);
    late.rig.one({ ...error("from-network", { src: ROUTER, dst: EXT }, { type: 1, code: 0 }, seen), atMs: 50_000 });
    expect(late.rig.one(reply(61_000)).action).toBe("drop");
  });
});
