import { describe, expect, test } from "vitest";
import { formatMismatch, MISMATCH_FIELDS } from "../../src/verify/fields.js";
import { udp } from "../support/frames.js";
import {
  data,
  datagram,
  EGRESS_A,
  EXCLUDED,
  egress,
  fin,
  model,
  type Out,
  POD,
  POD6,
  packet,
  ping,
  poke,
  pong,
  REMOTE,
  REMOTE6,
  Scene,
  syn,
  synAck,
} from "./scene.js";

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
