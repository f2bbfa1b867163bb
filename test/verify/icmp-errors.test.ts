import { describe, expect, test } from "vitest";
import {
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  ipv6,
  type Layer4,
  patterned,
  sctp,
  tcp,
  udp,
} from "../support/frames.js";
import { type Content, EGRESS_A, EGRESS6_A, POD, POD_B, POD6, poke, REMOTE, REMOTE6, Scene } from "./scene.js";

const PORT = 40000;
const NAT_PORT = 50001;

interface Family {
  readonly name: string;
  readonly pod: string;
  readonly egress: string;
  readonly remote: string;
  readonly router: string;
  readonly type: number;
  packet(src: string, dst: string, layer4: Layer4, ttl?: number): Uint8Array;
}

const FAMILIES: Family[] = [
  {
    name: "IPv4",
    pod: POD,
    egress: EGRESS_A,
    remote: REMOTE,
    router: "192.0.2.77",
    type: 3,
    packet: (src, dst, layer4, ttl = 64) => ipv4({ src, dst, ttl }, layer4),
  },
  {
    name: "IPv6",
    pod: POD6,
    egress: EGRESS6_A,
    remote: REMOTE6,
    router: "2001:db8:77::1",
    type: 1,
    packet: (src, dst, layer4, ttl = 64) => ipv6({ src, dst, hopLimit: ttl }, layer4),
  },
];

/** What is quoted: content by ports, and how many transport bytes of it (undefined = all). */
const QUOTED: { name: string; content: Content; bytes?: number; toPort: number }[] = [
  { name: "TCP", content: (srcPort, dstPort) => tcp({ srcPort, dstPort, payload: patterned(20) }), toPort: 443 },
  {
    name: "TCP cut to 8 bytes",
    content: (srcPort, dstPort) => tcp({ srcPort, dstPort, payload: patterned(20) }),
    bytes: 8,
    toPort: 443,
  },
  {
    name: "TCP cut behind its checksum",
    content: (srcPort, dstPort) => tcp({ srcPort, dstPort, payload: patterned(20) }),
    bytes: 18,
    toPort: 443,
  },
  { name: "UDP", content: (srcPort, dstPort) => udp({ srcPort, dstPort, payload: patterned(9) }), toPort: 53 },
  { name: "UDP without checksum", content: (srcPort, dstPort) => udp({ srcPort, dstPort, checksum: 0 }), toPort: 53 },
  { name: "echo", content: (id) => icmpEcho({ id }), toPort: 0 },
  { name: "SCTP", content: (srcPort, dstPort) => sctp({ srcPort, dstPort }), toPort: 36412 },
  { name: "SCTP cut to 8 bytes", content: (srcPort, dstPort) => sctp({ srcPort, dstPort }), bytes: 8, toPort: 36412 },
];

const CASES = FAMILIES.flatMap((family) =>
  QUOTED.map((quoted) => ({ family, quoted, name: `${quoted.name} over ${family.name}` })),
);

function cut(packet: Uint8Array, family: Family, bytes: number | undefined): Uint8Array {
  return bytes === undefined ? packet : packet.subarray(0, (family.name === "IPv4" ? 20 : 40) + bytes);
}

/** The connection that errors speak of, in a new scene. */
function opened(family: Family, quoted: (typeof QUOTED)[number]): Scene {
  const { pod: from, remote: to, egress: as } = family;
  return new Scene().snat({
    from,
    to,
    as,
    port: PORT,
    natPort: NAT_PORT,
    content: quoted.content,
    toPort: quoted.toPort,
  });
}

/** An error from a router about a frame of the connection: as it came to the egress IP, and as the endpoint receives it. */
function inbound(family: Family, quoted: (typeof QUOTED)[number], inside = { address: family.pod, port: PORT }) {
  const { egress, remote, router, type, packet } = family;
  const quote = (src: string, port: number) =>
    cut(packet(src, remote, quoted.content(port, quoted.toPort), 3), family, quoted.bytes);
  const error = (dst: string, inner: Uint8Array, ttl: number) =>
    ethernet(packet(router, dst, icmpMessage({ type, inner }), ttl));
  const given = error(egress, quote(egress, NAT_PORT), 51);
  const result = error(inside.address, quote(inside.address, inside.port), 50);
  return { hook: "from-network" as const, action: "reverse" as const, egress: 0, captured: result, given, result };
}

/** An error from the endpoint about a reply: as it sent it, and as it leaves. */
function outbound(family: Family, quoted: (typeof QUOTED)[number], natPort = NAT_PORT) {
  const { pod, egress, remote, type, packet } = family;
  const content = quoted.name === "echo" ? (_: number, id: number) => icmpEcho({ id, reply: true }) : quoted.content;
  const quote = (dst: string, port: number) =>
    cut(packet(remote, dst, content(quoted.toPort, port), 40), family, quoted.bytes);
  const error = (src: string, inner: Uint8Array, ttl: number) =>
    ethernet(packet(src, remote, icmpMessage({ type, code: 4, inner }), ttl));
  const given = error(pod, quote(pod, PORT), 64);
  return {
    action: "snat" as const,
    egress: 0,
    captured: given,
    given,
    result: error(egress, quote(egress, natPort), 63),
  };
}

describe.each(CASES)("an ICMP error about $name", ({ family, quoted }) => {
  test("is right both ways when every checksum equals a recount", () => {
    const scene = opened(family, quoted).see(inbound(family, quoted)).see(outbound(family, quoted));
    expect(scene.faults).toEqual([]);
  });

  test("is a mismatch when its own checksum is off, in either direction", () => {
    const at = 14 + (family.name === "IPv4" ? 20 : 40) + 3;
    const came = inbound(family, quoted);
    const wrong = poke(came.result, at, came.result[at] ^ 1);
    expect(opened(family, quoted).see({ ...came, result: wrong, captured: wrong }).faults).toEqual([
      "transport-checksum at 2",
    ]);
    const went = outbound(family, quoted);
    expect(opened(family, quoted).see({ ...went, result: poke(went.result, at, went.result[at] ^ 1) }).faults).toEqual([
      "transport-checksum at 2",
    ]);
  });

  test("is a mismatch when it reaches another endpoint or shows another port", () => {
    const stray = inbound(family, quoted, { address: family.name === "IPv4" ? POD_B : "fd00:1::8", port: PORT });
    expect(opened(family, quoted).see(stray).faults).toContain("reply-destination at 2");
    const shifted = inbound(family, quoted, { address: family.pod, port: PORT + 1 });
    expect(opened(family, quoted).see(shifted).faults).toContain("reply-destination at 2");
    expect(opened(family, quoted).see(outbound(family, quoted, NAT_PORT + 1)).faults).toEqual(["tuple-changed at 2"]);
  });
});

describe("a quoted packet", () => {
  const [four] = FAMILIES;
  const [quoted] = QUOTED;
  const innerAt = 14 + 20 + 8;

  test("keeps its own wrong checksum as wrong, and a NAT may not repair it", () => {
    const content: Content = (srcPort, dstPort) =>
      tcp({ srcPort, dstPort, payload: patterned(20), checksum: { wrongBy: 0x1234 } });
    expect(opened(four, quoted).see(inbound(four, { ...quoted, content })).faults).toEqual([]);
    const wrong = inbound(four, { ...quoted, content });
    const repaired = inbound(four, quoted).result;
    const faults = opened(four, quoted).see({ ...wrong, result: repaired, captured: repaired }).faults;
    expect(faults).toContain("inner-checksum at 2");
  });

  test("has its IPv4 header checksum moved with its address", () => {
    const came = inbound(four, quoted);
    const stale = poke(came.result, innerAt + 10, came.given[innerAt + 10], came.given[innerAt + 11]);
    expect(opened(four, quoted).see({ ...came, result: stale, captured: stale }).faults).toContain(
      "inner-checksum at 2",
    );
  });

  test("has nothing else changed: its TTL, its other end, its payload, an extension behind it", () => {
    const came = inbound(four, quoted);
    for (const at of [innerAt + 8, innerAt + 16, innerAt + 22, came.result.length - 1]) {
      const changed = poke(came.result, at, came.result[at] ^ 1);
      expect(opened(four, quoted).see({ ...came, result: changed, captured: changed }).faults).toContain(
        "payload at 2",
      );
    }
  });

  test("of a connection that nobody has makes a translated error a mismatch", () => {
    expect(new Scene().see(inbound(four, quoted)).faults).toEqual(["reply-destination at 1"]);
    expect(new Scene().see(outbound(four, quoted)).faults).toEqual(["decision at 1"]);
  });

  test("of a live connection makes a dropped error a mismatch, for the types that every NAT translates", () => {
    const came = inbound(four, quoted);
    const dropped = {
      ...came,
      action: "drop" as const,
      reason: "icmp-error-unmatched",
      egress: -1,
      result: came.given,
    };
    expect(opened(four, quoted).see(dropped).faults).toEqual(["reply-not-reversed at 2"]);
    expect(new Scene().see(dropped).faults).toEqual([]);
    const redirect = inbound({ ...four, type: 5 }, quoted);
    const scene = opened(four, quoted).see({
      ...redirect,
      action: "drop",
      reason: "icmp-error-unmatched",
      egress: -1,
      result: redirect.given,
    });
    expect(scene.result).toMatchObject({ ok: true, notes: { "icmp-error not translated": 1 } });
  });

  test("whose TCP checksum the capture cut off leaves the error's own checksum unjudged", () => {
    const came = inbound(four, quoted);
    const kept = innerAt + 20 + 14;
    const [given, result] = [came.given.subarray(0, kept), came.result.subarray(0, kept)];
    const scene = opened(four, quoted);
    expect(scene.see({ ...came, given, result, captured: result, wireLength: came.given.length }).faults).toEqual([]);
  });

  test("that is not of the one whom the error is addressed to makes it a forged one, which may be dropped", () => {
    const { packet, router, type } = four;
    const inner = packet(POD, REMOTE, quoted.content(PORT, quoted.toPort), 3);
    const forged = ethernet(packet(router, POD_B, icmpMessage({ type, inner }), 50));
    const seen = { hook: "from-network" as const, captured: forged, given: forged, result: forged };
    const dropped = { ...seen, action: "drop" as const, reason: "icmp-error-unmatched" };
    expect(opened(four, quoted).see(dropped).faults).toEqual([]);
  });

  test("of an inbound connection lets the endpoint's error pass", () => {
    const given = outbound(four, quoted).given;
    const answer = { captured: given, given, result: given, action: "pass" as const, reason: "reply-of-inbound" };
    const open = {
      port: PORT,
      toPort: quoted.toPort,
      content: (s: number, d: number) => tcp({ srcPort: s, dstPort: d, flags: "SYN" }),
    };
    expect(new Scene().fromNetwork("pass", "inbound", open).see(answer).faults).toEqual([]);
    expect(new Scene().see(answer).faults).toEqual(["leak at 1"]);
  });
});
