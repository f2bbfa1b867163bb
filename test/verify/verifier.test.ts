import { describe, expect, test } from "vitest";
import { formatMismatch, MISMATCH_FIELDS } from "../../src/verify/fields.js";
import type { FrameObservation } from "../../src/verify/types.js";
import { icmpEcho, ipv4, ipv4FragmentsOf, patterned, udp } from "../support/frames.js";
import {
  data,
  datagram,
  EGRESS_A,
  EGRESS_B,
  EXCLUDED,
  egress,
  fin,
  model,
  type Out,
  POD,
  POD_B,
  POD6,
  packet,
  ping,
  poke,
  pong,
  prefix,
  REMOTE,
  REMOTE6,
  rst,
  Scene,
  seconds,
  syn,
  synAck,
} from "./scene.js";

const RAW = 101;

describe("a run without faults", () => {
  test("TCP, UDP and echo of both families translate and come back without a mismatch", () => {
    const scene = new Scene();
    for (const family of [{}, { from: POD6, to: REMOTE6 }]) {
      scene
        .snat({ ...family, content: syn })
        .reverse({ ...family, content: synAck })
        .snat(family)
        .reverse(family);
      scene.snat({ ...family, content: fin }).reverse({ ...family, content: fin });
      scene.snat({ ...family, content: datagram, port: 700, natPort: 50001 });
      scene.reverse({ ...family, content: datagram, port: 700, natPort: 50001 });
      scene.snat({ ...family, content: ping, port: 77 }).reverse({ ...family, content: pong, port: 77 });
    }
    expect(scene.result).toMatchObject({ ok: true, framesChecked: 20, mismatches: [], mismatchCount: 0 });
  });

  test("frames that no policy selects pass, each under its reason", () => {
    const scene = new Scene();
    const passes: [string, string][] = [
      ["excluded", EXCLUDED],
      ["cluster-internal", "10.1.9.9"],
      ["cluster-internal", "172.20.0.1"],
      ["link-local", "169.254.20.10"],
      ["multicast", "224.0.0.251"],
      ["broadcast", "255.255.255.255"],
      ["loopback", "127.0.0.1"],
    ];
    for (const [reason, to] of passes) scene.fromEndpoint("pass", reason, { to, content: datagram });
    scene.fromEndpoint("pass", "multicast", { from: POD6, to: "ff02::fb", content: datagram });
    scene.fromEndpoint("pass", "endpoint-unknown", { from: "192.168.9.9" });
    expect(scene.faults).toEqual([]);
  });

  test("frames that are not IP are counted and passed", () => {
    const arp = poke(packet(POD, REMOTE, udp({ srcPort: 1, dstPort: 2 })), 12, 0x08, 0x06);
    const scene = new Scene().see({ action: "pass", reason: "not-ip", captured: arp, given: arp, result: arp });
    expect(scene.result).toMatchObject({ ok: true, framesChecked: 1 });
  });
});

describe("translation changes only what it may", () => {
  const change = (edit: (result: Uint8Array) => Uint8Array, out: Out = {}): string[] => {
    const { result } = new Scene().snat(out).last;
    return new Scene().snat(out, { result: edit(result) }).faults;
  };

  test("a payload byte", () => {
    expect(change((r) => poke(r, -1, 0x55))).toContain("payload at 1");
  });

  test("two payload bytes that leave the checksum right", () => {
    expect(change((r) => poke(r, -4, r[r.length - 2], r[r.length - 1], r[r.length - 4], r[r.length - 3]))).toEqual([
      "payload at 1",
    ]);
  });

  test("a header byte: the destination port, a MAC address, the identification, the window", () => {
    for (const at of [37, 3, 19, 49]) expect(change((r) => poke(r, at, r[at] ^ 1))[0]).toBe("header-bytes at 1");
  });

  test("the length", () => {
    expect(change((r) => r.subarray(0, r.length - 1))).toEqual(["length at 1"]);
  });

  test("TTL: not decremented over a hop, decremented without one, decremented twice", () => {
    expect(new Scene().snat({ hops: 0 }).faults).toEqual(["ttl at 1"]);
    expect(new Scene().snat({ hops: 2 }).faults).toEqual(["ttl at 1"]);
    const local = model({ endpoints: [{ node: "gw-a" }] });
    expect(new Scene(local).snat({ hops: 0 }).faults).toEqual([]);
    expect(new Scene(local).snat({ hops: 1 }).faults).toEqual(["ttl at 1"]);
    const nowhere = model({ endpoints: [{ node: undefined }] });
    expect(new Scene(nowhere).snat({ hops: 0 }).faults).toEqual([]);
  });

  test("an IPv4 header checksum or a transport checksum that is off by one", () => {
    expect(change((r) => poke(r, 25, r[25] ^ 1))).toEqual(["ip-checksum at 1"]);
    expect(change((r) => poke(r, 51, r[51] ^ 1))).toEqual(["transport-checksum at 1"]);
    expect(change((r) => poke(r, 41, r[41] ^ 1), { content: datagram })).toEqual(["transport-checksum at 1"]);
    expect(change((r) => poke(r, 37, r[37] ^ 1), { content: ping })).toEqual(["transport-checksum at 1"]);
    const six = { from: POD6, to: REMOTE6 };
    expect(change((r) => poke(r, 57, r[57] ^ 1), { ...six, content: ping })).toEqual(["transport-checksum at 1"]);
  });

  test("a frame that is passed or dropped but not left as it came", () => {
    const changed = poke(packet(POD, EXCLUDED, data(40000, 443)), 22, 63);
    expect(new Scene().fromEndpoint("pass", "excluded", { to: EXCLUDED }, { result: changed }).faults).toEqual([
      "untouched at 1",
    ]);
    const dropped = poke(packet(POD, REMOTE, data(40000, 443), 1), 22, 0);
    expect(new Scene().fromEndpoint("drop", "ttl-exceeded", { ttl: 1 }, { result: dropped }).faults).toEqual([
      "untouched at 1",
    ]);
  });
});

describe("the external tuple", () => {
  test("shared by two live connections is a mismatch, by two after each other is none", () => {
    const first = { content: datagram };
    const second = { content: datagram, from: POD_B, at: 20 };
    expect(new Scene().snat(first).snat(second).faults).toEqual(["tuple-shared at 2"]);
    expect(new Scene().snat(first).snat({ ...second, at: 61 }).faults).toEqual([]);
    expect(new Scene().snat(first).snat({ ...second, to: "198.51.100.10" }).faults).toEqual([]);
    expect(new Scene().snat(first).snat({ ...second, natPort: 40001 }).faults).toEqual([]);
  });

  test("reused after the engine evicted live entries, or after its gateway was lost, is no mismatch", () => {
    const second = { content: datagram, from: POD_B, at: 20 };
    expect(new Scene().snat({ content: datagram }).snat(second, { evictions: 1 }).faults).toEqual([]);
    const lost = new Scene().snat({ content: datagram });
    lost.verifier.gatewayLost("gw-a");
    expect(lost.snat(second).faults).toEqual([]);
  });

  test("that changes in mid-connection is a mismatch, after the lifetime none", () => {
    expect(new Scene().snat().snat({ at: 5, natPort: 40001 }).faults).toEqual(["tuple-changed at 2"]);
    expect(new Scene().snat().snat({ at: 5, as: EGRESS_B }).faults).toEqual(["tuple-changed at 2"]);
    expect(new Scene().snat({ content: datagram }).snat({ content: datagram, at: 61, natPort: 40001 }).faults).toEqual(
      [],
    );
  });

  test("may change by a failover or a policy change that happened, not by one that did not", () => {
    const moved = { at: 5, as: EGRESS_B };
    const both = new Set(["gw-a", "gw-b"]);
    const onlyB = new Set(["gw-b"]);
    const start = () => new Scene().snat({}, { healthy: both });
    expect(start().snat(moved, { remapped: "failover", healthy: onlyB }).faults).toEqual([]);
    expect(start().snat(moved, { remapped: "failover", healthy: both }).faults).toEqual(["remap-cause at 2"]);
    expect(start().snat(moved, { remapped: "policy-change", healthy: both }).faults).toEqual(["remap-cause at 2"]);
    const changed = start();
    changed.verifier.policiesChanged(model({ policies: [{ egresses: [1] }] }), seconds(4));
    expect(changed.snat(moved, { remapped: "policy-change", healthy: both }).faults).toEqual([]);
  });

  test("has a NAT port in the configured range, an echo identifier any value", () => {
    expect(new Scene().snat({ port: 700 }).faults).toEqual(["nat-port at 1"]);
    expect(new Scene(model({ snatPorts: { low: 40001, high: 40010 } })).snat({}).faults).toEqual(["nat-port at 1"]);
    expect(new Scene().snat({ content: ping, port: 3 }).faults).toEqual([]);
  });

  test("has the egress IP of the gateway that was named", () => {
    expect(new Scene().snat({ as: "203.0.113.99" }).faults).toEqual(["egress-address at 1"]);
    expect(new Scene().snat({ as: EGRESS_B, egress: 0 }).faults).toEqual(["egress-address at 1"]);
    expect(new Scene().snat({ from: POD6, to: REMOTE6, as: "2001:db8:bb::1", egress: 1 }).faults).toEqual([
      "egress-address at 1",
    ]);
  });

  test("refused while ports are free is a mismatch, when all are taken none", () => {
    const two = model({ snatPorts: { low: 40000, high: 40001 }, policies: [{ egresses: [0] }] });
    const first = new Scene(two).snat({ content: datagram });
    expect(first.fromEndpoint("drop", "no-nat-mapping", { port: 2, content: datagram }).faults).toEqual([
      "refused-while-free at 2",
    ]);
    const full = new Scene(two).snat({ content: datagram }).snat({ content: datagram, port: 1, natPort: 40001 });
    expect(full.fromEndpoint("drop", "no-nat-mapping", { port: 2, content: datagram }).faults).toEqual([]);
  });
});

describe("the policy decision", () => {
  test("an excluded or cluster-internal destination that was translated", () => {
    expect(new Scene().snat({ to: EXCLUDED }).faults).toEqual(["decision at 1"]);
    expect(new Scene().snat({ to: "10.1.5.5" }).faults).toEqual(["decision at 1"]);
  });

  test("a source that is no endpoint, or no longer", () => {
    expect(new Scene().snat({ from: "10.1.3.3" }).faults).toEqual(["decision at 1"]);
    const gone = model({ endpoints: [{ toNs: seconds(10) }] });
    expect(new Scene(gone).snat({ at: 9.9 }).snat({ at: 10 }).faults).toEqual(["decision at 2"]);
    const later = model({ endpoints: [{ fromNs: seconds(5) }] });
    expect(new Scene(later).fromEndpoint("pass", "endpoint-unknown", { at: 4 }).faults).toEqual([]);
    expect(new Scene(later).fromEndpoint("pass", "endpoint-unknown", { at: 5 }).faults).toEqual(["decision at 1"]);
  });

  test("a gateway that the policy does not permit", () => {
    const onlyB = model({ policies: [{ egresses: [1] }] });
    expect(new Scene(onlyB).snat().faults).toEqual(["egress-eligible at 1"]);
    expect(new Scene(onlyB).snat({ as: EGRESS_B }).faults).toEqual([]);
  });

  test("a CiliumEgressGatewayPolicy permits the gateway of the UID's FNV-1a hash alone", () => {
    // Check values of cilium-semantics 1.4: this UID is 0xbd478d3e, 0 modulo 2; the next one 0xbc478bab, 1 modulo 2.
    const uids = ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"];
    uids.forEach((uid, index) => {
      const plain = model({ policies: [{ kind: "CiliumEgressGatewayPolicy" }], endpoints: [{ uid }] });
      const right = index === 0 ? EGRESS_A : EGRESS_B;
      const wrong = index === 0 ? EGRESS_B : EGRESS_A;
      expect(new Scene(plain).snat({ as: right }).faults).toEqual([]);
      expect(new Scene(plain).snat({ as: wrong }).faults).toEqual(["egress-eligible at 1"]);
    });
  });

  test("an unhealthy gateway, under the policy that knows health", () => {
    const healthy = new Set(["gw-b"]);
    expect(new Scene().snat({}, { healthy }).faults).toEqual(["egress-healthy at 1"]);
    const plain = model({ policies: [{ kind: "CiliumEgressGatewayPolicy", egresses: [0] }] });
    expect(new Scene(plain).snat({}, { healthy }).faults).toEqual([]);
  });

  test("a longer prefix of another policy wins, and on the same prefix the older policy", () => {
    const two = model({
      policies: [
        { createdAt: "2025-02-02T00:00:00Z", egresses: [0] },
        { createdAt: "2025-01-01T00:00:00Z", egresses: [1], destinations: [prefix("0.0.0.0/0")], excluded: [] },
      ],
    });
    expect(new Scene(two).snat({ as: EGRESS_B }).faults).toEqual([]);
    expect(new Scene(two).snat({ as: EGRESS_A }).faults).toEqual(["egress-eligible at 1"]);
    const hole = model({
      policies: [{}, { destinations: [prefix("198.51.77.128/25")], excluded: [], egresses: [1] }],
    });
    expect(new Scene(hole).snat({ to: "198.51.77.200", as: EGRESS_B }).faults).toEqual([]);
    expect(new Scene(hole).fromEndpoint("pass", "excluded", { to: EXCLUDED }).faults).toEqual([]);
  });

  test("a pass under another reason than the policies give", () => {
    expect(new Scene().fromEndpoint("pass", "no-policy", { to: EXCLUDED }).faults).toEqual(["decision at 1"]);
  });

  test("is asked again when policies change: what was selected must then pass, what was not must not", () => {
    const scene = new Scene().snat();
    scene.verifier.policiesChanged(model({ policies: [{ destinations: [prefix("192.0.2.0/24")] }] }), seconds(1));
    expect(scene.snat({ at: 2 }).fromEndpoint("pass", "no-policy", { at: 3 }).faults).toEqual(["decision at 2"]);
    scene.verifier.policiesChanged(model(), seconds(4));
    expect(scene.fromEndpoint("pass", "no-policy", { at: 5 }).faults).toEqual(["decision at 2", "leak at 4"]);
  });
});

describe("leaks", () => {
  test("a selected frame that leaves untranslated, sound or damaged, IPv4 or IPv6", () => {
    const damaged = poke(packet(POD, REMOTE, data(40000, 443)), 14, 0x42);
    const scene = new Scene()
      .fromEndpoint("pass", "no-policy")
      .fromEndpoint("pass", "no-policy", { from: POD6, to: REMOTE6 })
      .see({ action: "pass", reason: "bad-header", captured: damaged, given: damaged, result: damaged });
    expect(scene.faults).toEqual(["leak at 1", "leak at 2", "leak at 3"]);
  });

  test("an answer passes only when the remote was seen to open the connection", () => {
    const inbound = { port: 9000, toPort: 51000 };
    const answer = { ...inbound, content: synAck };
    expect(
      new Scene()
        .fromNetwork("pass", "inbound", { ...inbound, content: syn })
        .fromEndpoint("pass", "reply-of-inbound", answer).faults,
    ).toEqual([]);
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { ...inbound, content: data }).faults).toEqual([
      "leak at 1",
    ]);
    const udp = { ...inbound, content: datagram };
    expect(
      new Scene().fromNetwork("pass", "inbound", udp).fromEndpoint("pass", "reply-of-inbound", { ...udp, at: 59 })
        .faults,
    ).toEqual([]);
    expect(
      new Scene().fromNetwork("pass", "inbound", udp).fromEndpoint("pass", "reply-of-inbound", { ...udp, at: 61 })
        .faults,
    ).toEqual(["leak at 2"]);
    const echo = { port: 5, content: pong };
    const ping5 = (_: number, id: number) => icmpEcho({ id });
    const pong5 = (id: number) => icmpEcho({ id, reply: true });
    expect(
      new Scene()
        .fromNetwork("pass", "inbound", { ...echo, content: ping5 })
        .fromEndpoint("pass", "reply-of-inbound", { port: 5, content: pong5 }).faults,
    ).toEqual([]);
  });

  test("in mid-stream a SYN-ACK or a port that the endpoint serves tells an answer", () => {
    const served = { port: 8080, toPort: 51000 };
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", served).faults).toEqual([]);
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { port: 9000, content: synAck }).faults).toEqual([]);
    const pong5 = (id: number) => icmpEcho({ id, reply: true });
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { port: 5, content: pong5 }).faults).toEqual([]);
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { port: 5, content: ping }).faults).toEqual([
      "leak at 1",
    ]);
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { ...served, content: syn }).faults).toEqual([
      "leak at 1",
    ]);
  });

  test("a mid-stream segment from outside opens nothing that could excuse a leak", () => {
    const scene = new Scene()
      .fromNetwork("pass", "inbound", { port: 9000 })
      .fromEndpoint("pass", "reply-of-inbound", { port: 9000 });
    expect(scene.faults).toEqual(["leak at 2"]);
  });

  test("programming delay and unsupported protocols excuse a leak only when they were asked for", () => {
    const born = model({ endpoints: [{ fromNs: seconds(0) }] });
    const early = (options = {}) => new Scene(born, options).fromEndpoint("pass", "not-yet-programmed", { at: 1 });
    expect(early().faults).toEqual(["leak at 1"]);
    expect(early({ propagationMs: 2000 }).faults).toEqual([]);
    expect(early({ propagationMs: 500 }).faults).toEqual(["leak at 1"]);
    expect(new Scene().fromEndpoint("pass", "unsupported-passed").faults).toEqual(["leak at 1"]);
    expect(new Scene(model(), { unsupportedPasses: true }).fromEndpoint("pass", "unsupported-passed").faults).toEqual(
      [],
    );
  });

  test("an answer to an inbound connection that was translated", () => {
    const inbound = { port: 33000, toPort: 51000 };
    expect(
      new Scene().fromNetwork("pass", "inbound", { ...inbound, content: syn }).snat({ ...inbound, content: synAck })
        .faults,
    ).toEqual(["inbound-translated at 2"]);
  });
});

describe("replies", () => {
  test("go to the endpoint that holds the external tuple", () => {
    const wrong = packet(REMOTE, POD_B, data(443, 40000), 50);
    const scene = new Scene().snat().snat({ from: POD_B, natPort: 40001 });
    expect(scene.reverse({}, { result: wrong }).faults).toEqual(["reply-destination at 3", "reply-restored at 3"]);
    const port = packet(REMOTE, POD, data(443, 40009), 50);
    expect(new Scene().snat().reverse({}, { result: port, view: "network" }).faults).toEqual([
      "reply-destination at 2",
    ]);
  });

  test("to an external tuple that nobody holds are a mismatch unless the engine was resumed", () => {
    expect(new Scene().reverse().faults).toEqual(["reply-destination at 1"]);
    const resumed = new Scene(model(), { resumed: true }).reverse();
    expect(resumed.result).toMatchObject({ ok: true, notes: { "reply-to-unseen-connection": 1 } });
  });

  test("must be what the endpoint received, byte for byte", () => {
    const other = packet(REMOTE, POD, (data as typeof syn)(443, 40000), 50);
    const captured = poke(other, -1, 0x77);
    expect(new Scene().snat().reverse({}, { captured }).faults).toEqual(["reply-restored at 2"]);
  });

  test("that come after their external tuple passed to another connection are that one's", () => {
    const stray = {
      given: packet(REMOTE, EGRESS_A, datagram(443, 40000), 51),
      result: packet(REMOTE, POD_B, datagram(443, 40000), 50),
    };
    const scene = new Scene().snat({ content: datagram }).snat({ content: datagram, from: POD_B, at: 61 });
    expect(scene.reverse({ content: datagram, at: 62 }, stray).result).toMatchObject({
      ok: true,
      notes: { "reply after its external tuple passed to another connection": 1 },
    });
  });

  test("with a TTL of 255 are compared without it", () => {
    const given = packet(REMOTE, EGRESS_A, data(443, 40000), 255);
    const result = packet(REMOTE, POD, data(443, 40000), 254);
    expect(new Scene().snat().reverse({ ttl: 255 }, { given, result }).faults).toEqual([]);
    expect(new Scene().snat().reverse({ ttl: 254 }, { given, result }).faults).toEqual([]);
    const undecremented = packet(REMOTE, POD, data(443, 40000), 255);
    expect(new Scene().snat().reverse({ ttl: 255 }, { given, result: undecremented }).faults).toEqual(["ttl at 2"]);
  });

  test("in network view are judged without a captured original", () => {
    expect(new Scene().snat().reverse({}, { view: "network" }).faults).toEqual([]);
  });

  test("that were dropped while the mapping must live are mismatches, later they are notes", () => {
    const drop = (at: number, content = datagram) =>
      new Scene().snat({ content }).fromNetwork("drop", "no-reverse-mapping", { at, content, as: EGRESS_A });
    expect(drop(59).faults).toEqual(["reply-not-reversed at 2"]);
    expect(drop(61).result).toMatchObject({ ok: true, notes: { "reply after its mapping's lifetime": 1 } });
    expect(drop(7999, data).result).toMatchObject({ ok: true, notes: { "reply while its mapping may have ended": 1 } });
    expect(drop(59, data).faults).toEqual(["reply-not-reversed at 2"]);
  });

  test("of a closed connection may be dropped once the closing lifetime has passed", () => {
    const closed = (at: number, by = fin) =>
      new Scene().snat({ content: syn }).snat().snat({ content: by }).fromNetwork("drop", "no-reverse-mapping", { at });
    for (const by of [fin, rst]) {
      expect(closed(9.9, by).faults).toEqual(["reply-not-reversed at 4"]);
      expect(closed(10.1, by).faults).toEqual([]);
    }
  });

  test("that pass as inbound although a mapping lives are mismatches", () => {
    expect(new Scene().snat().fromNetwork("pass", "inbound", { at: 1 }).faults).toEqual(["reply-not-reversed at 2"]);
  });

  test("restored by a mapping that outlived its longest lifetime are mismatches", () => {
    const late = (at: number, out: Out = {}) => new Scene().snat(out).reverse({ ...out, at }).faults;
    expect(late(59.9, { content: datagram })).toEqual([]);
    expect(late(60.1, { content: datagram })).toEqual(["mapping-outlived at 2"]);
    expect(late(60.1, { content: syn })).toEqual(["mapping-outlived at 2"]);
    expect(late(7999)).toEqual([]);
    expect(late(8001)).toEqual(["mapping-outlived at 2"]);
    const echo = { port: 9, content: ping };
    const answer = { port: 9, content: pong };
    expect(new Scene().snat(echo).reverse({ ...answer, at: 59.9 }).faults).toEqual([]);
    expect(new Scene().snat(echo).reverse({ ...answer, at: 60.1 }).faults).toEqual(["mapping-outlived at 2"]);
  });

  test("restored within the lifetime move its end", () => {
    const out = { content: datagram };
    expect(
      new Scene()
        .snat(out)
        .reverse({ ...out, at: 50 })
        .reverse({ ...out, at: 109 }).faults,
    ).toEqual([]);
  });

  test("obey a policy's own lifetimes", () => {
    const quick = model({ policies: [{ timeouts: { udp: 5000 } }] });
    expect(new Scene(quick).snat({ content: datagram }).reverse({ content: datagram, at: 6 }).faults).toEqual([
      "mapping-outlived at 2",
    ]);
  });

  test("under the RFC profile do not surely refresh, and a reset keeps the mapping for up to four minutes", () => {
    const out = { content: datagram };
    const rfc = new Scene(model(), { natProfile: "rfc" });
    expect(
      rfc
        .snat(out)
        .reverse({ ...out, at: 50 })
        .fromNetwork("drop", "no-reverse-mapping", { ...out, at: 70 }).faults,
    ).toEqual([]);
    const reset = new Scene(model({ timeouts: { tcpEstablished: 100_000 } }), { natProfile: "rfc" });
    expect(reset.snat({ content: syn }).snat({ content: rst }).reverse({ at: 239 }).faults).toEqual([]);
  });
});

describe("reasons of drops", () => {
  const drop = (reason: string, out: Out = {}, more: Partial<FrameObservation> = {}) =>
    new Scene().fromEndpoint("drop", reason, out, more).faults;

  test("must hold for the frame", () => {
    expect(drop("ttl-exceeded")).toEqual(["drop-reason at 1"]);
    expect(drop("ttl-exceeded", { ttl: 1 })).toEqual([]);
    expect(drop("truncated")).toEqual(["drop-reason at 1"]);
    expect(drop("bad-header", { content: datagram })).toEqual(["drop-reason at 1"]);
    expect(drop("unsupported-protocol")).toEqual(["drop-reason at 1"]);
    expect(drop("ipv6-unsupported")).toEqual(["drop-reason at 1"]);
    expect(drop("ipv6-unsupported", { from: POD6, to: REMOTE6 })).toEqual([]);
    expect(drop("no-egress-ip")).toEqual(["drop-reason at 1"]);
    expect(drop("no-egress-ip", { from: POD6, to: REMOTE6 })).toEqual([]);
  });

  test("a plain policy with a gateway has one", () => {
    const plain = model({ policies: [{ kind: "CiliumEgressGatewayPolicy" }] });
    expect(new Scene(plain).fromEndpoint("drop", "no-egress-gateway").faults).toEqual(["drop-reason at 1"]);
    const none = model({ policies: [{ kind: "CiliumEgressGatewayPolicy", egresses: [] }] });
    expect(new Scene(none).fromEndpoint("drop", "no-egress-gateway").faults).toEqual([]);
  });

  test("a frame that no policy selects is not dropped for a policy's sake", () => {
    expect(drop("no-egress-gateway", { to: EXCLUDED })).toEqual(["decision at 1"]);
  });
});

describe("fragments", () => {
  const pieces = (src: string, port: number, ttl: number) =>
    ipv4FragmentsOf(
      ipv4({ src, dst: REMOTE, ttl, id: 5 }, udp({ srcPort: port, dstPort: 53, payload: patterned(64) })),
      [24, 24],
    );
  const [given, translated] = [pieces(POD, 40000, 64), pieces(EGRESS_A, 40001, 63)];
  const raw = (given_: Uint8Array, result: Uint8Array, egressIndex = 0): Parameters<Scene["see"]>[0] => ({
    action: "snat",
    egress: egressIndex,
    linkType: RAW,
    captured: given_,
    given: given_,
    result,
  });

  test("of one datagram leave with one address, the checksum moved in the first alone", () => {
    const scene = new Scene();
    given.forEach((piece, i) => {
      scene.see(raw(piece, translated[i]));
    });
    expect(scene.faults).toEqual([]);
  });

  test("that leave through another gateway than the first are mismatches", () => {
    const other = pieces(EGRESS_B, 40001, 63);
    expect(new Scene().see(raw(given[0], translated[0])).see(raw(given[1], other[1], 1)).faults).toEqual([
      "egress-eligible at 2",
    ]);
  });

  test("whose later piece was changed beyond its header are mismatches", () => {
    expect(new Scene().see(raw(given[0], translated[0])).see(raw(given[1], poke(translated[1], 20, 9))).faults).toEqual(
      ["payload at 2"],
    );
  });
});

describe("the result", () => {
  test("keeps the first mismatches in full and counts all", () => {
    const scene = new Scene(model(), { maxMismatches: 2 });
    for (let i = 0; i < 5; i++) scene.fromEndpoint("pass", "no-policy", { at: i });
    expect(scene.result).toMatchObject({ ok: false, mismatchCount: 5 });
    expect(scene.faults).toEqual(["leak at 1", "leak at 2"]);
  });

  test("prints a mismatch as where and what, expected and got, and why", () => {
    const scene = new Scene()
      .snat({ content: datagram })
      .fromNetwork("drop", "no-reverse-mapping", { at: 30.9, content: datagram, as: EGRESS_A });
    expect(formatMismatch(scene.result.mismatches[0])).toBe(
      "scene.pcap frame 2 at 30.900 s: reply not reversed\n" +
        "  reply-not-reversed  expected 10.1.0.7:40000   got 203.0.113.10:40000\n" +
        "  idle 30.9 s, lifetime 60 s; engine said drop, no-reverse-mapping",
    );
  });

  test("names only fields that have a description", () => {
    expect(Object.entries(MISMATCH_FIELDS).every(([name, title]) => /^[a-z-]+$/.test(name) && title.length > 5)).toBe(
      true,
    );
  });

  test("an action that the hook does not have is a mismatch, as is a translated frame without IP", () => {
    const frame = packet(POD, REMOTE, data(1, 2));
    const scene = new Scene().fromEndpoint("reverse", "").fromNetwork("snat", "");
    scene.see({ action: "snat", captured: frame, given: frame, result: frame, linkType: 147 });
    expect(scene.faults).toEqual(["hook at 1", "hook at 2", "undecodable at 3"]);
  });

  test("connections long dead are forgotten", () => {
    const scene = new Scene();
    for (let i = 0; i < 3000; i++) {
      scene.snat({ at: i, content: datagram, to: `198.51.${100 + (i >> 8)}.${i & 255}` });
    }
    expect(scene.faults).toEqual([]);
    expect(scene.verifier.connections).toBeLessThan(200);
  });

  test("an egress that the model does not have is a mismatch", () => {
    const one = model({ egresses: [egress("gw-a", EGRESS_A)], policies: [{ egresses: [0] }] });
    expect(new Scene(one).snat({ egress: 7 }).faults).toEqual(["egress-eligible at 1"]);
  });
});
