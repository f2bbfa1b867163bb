import { describe, expect, test } from "vitest";
import { verifyCapturePair } from "../../src/pair/verify-pair.js";
import { concat, icmpEcho, icmpMessage, ipv4, ipv6, patterned, tcp } from "../support/frames.js";
import {
  EGRESS_A,
  EGRESS_B,
  EGRESS6_A,
  EXCLUDED,
  model,
  POD,
  POD_B,
  POD6,
  poke,
  REMOTE,
  REMOTE6,
  seconds,
} from "../verify/scene.js";
import { answer, Captures, fields, NAMES, query, segment } from "./captures.js";

describe("pairs of frames", () => {
  test("of TCP, UDP, echo, errors and both families are found and judged", async () => {
    const captures = new Captures().out(0, segment(1000)).in(0.01, answer(5000));
    captures.out(1, query(3), { natPort: 51000, id: 21 });
    captures.at("inside", 2, ipv4({ src: POD, dst: REMOTE, id: 30 }, icmpEcho({ id: 5 })));
    captures.at("uplink", 2, ipv4({ src: EGRESS_A, dst: REMOTE, id: 30, ttl: 63 }, icmpEcho({ id: 900 })));
    captures.at("inside", 3, ipv6({ src: POD6, dst: REMOTE6 }, segment(70)(40000)), "sll");
    captures.at("uplink", 3, ipv6({ src: EGRESS6_A, dst: REMOTE6, hopLimit: 63 }, segment(70)(52000)));
    const quoted = (src: string, port: number) =>
      ipv4({ src, dst: REMOTE, id: 7, ttl: 1 }, segment(1000)(port)).subarray(0, 28);
    captures.at(
      "uplink",
      4,
      ipv4(
        { src: "192.0.2.9", dst: EGRESS_A, id: 40, ttl: 60 },
        icmpMessage({ type: 11, inner: quoted(EGRESS_A, 50000) }),
      ),
    );
    captures.at(
      "inside",
      4,
      ipv4({ src: "192.0.2.9", dst: POD, id: 40, ttl: 59 }, icmpMessage({ type: 11, inner: quoted(POD, 40000) })),
    );
    const result = await captures.verify();
    expect(result).toMatchObject({ paired: 6, unpairedBefore: 0, unpairedAfter: 0, ambiguous: 0 });
    expect(result.verification.mismatches).toEqual([]);
  });

  test("more than two seconds apart are none, and only pairs can mismatch", async () => {
    const captures = new Captures().at("inside", 0, ipv4({ src: POD, dst: REMOTE, id: 7 }, segment(1)(40000)));
    captures.at("uplink", 2.1, ipv4({ src: EGRESS_B, dst: REMOTE, id: 7, ttl: 99 }, segment(1)(40000)));
    const result = await captures.verify();
    expect(result).toMatchObject({
      paired: 0,
      unpairedBefore: 1,
      unpairedAfter: 1,
      verification: { ok: true, framesChecked: 0 },
    });
  });

  test("within the window after a skew that was given", async () => {
    const captures = new Captures().at("inside", 0, ipv4({ src: POD, dst: REMOTE, id: 7 }, segment(1)(40000)));
    captures.at("uplink", 100, ipv4({ src: EGRESS_A, dst: REMOTE, id: 7, ttl: 63 }, segment(1)(40000)));
    expect(await captures.verify({ skewNs: 100_000_000_000n })).toMatchObject({ paired: 1, isSkewEstimated: false });
  });

  test("are found in a bulk transfer, whose segments all carry one acknowledgement and are cut otherwise", async () => {
    const captures = new Captures();
    const upload = (seq: number, length: number) => (srcPort: number) =>
      tcp({ srcPort, dstPort: 443, seq, ack: 1, payload: patterned(length, 3) });
    for (let i = 0; i < 300; i++) {
      captures.at("inside", i / 1000, ipv4({ src: POD, dst: REMOTE, id: 2 * i }, upload(1 + i * 6000, 6000)(40000)));
      for (let part = 0; part < 6; part++) {
        const packet = ipv4(
          { src: EGRESS_A, dst: REMOTE, id: 9, ttl: 62 },
          upload(1 + i * 6000 + part * 1000, 1000)(50000),
        );
        captures.at("uplink", i / 1000 + 0.0005, packet);
      }
    }
    expect(await captures.verify()).toMatchObject({ unpairedBefore: 0, unpairedAfter: 0 });
  });

  test("are found among thousands of equal datagrams", async () => {
    const captures = new Captures();
    for (let i = 0; i < 3000; i++) captures.out(i / 1000, query(1), { id: 0 });
    expect(await captures.verify()).toMatchObject({ paired: 3000, unpairedBefore: 0, unpairedAfter: 0 });
  });

  test("prefer the copy with the same identification: a retransmission keeps its own partner", async () => {
    const captures = new Captures().out(0, segment(1000), { id: 1 }).out(0.3, segment(1000), { id: 2 });
    const result = await captures.verify();
    expect(result).toMatchObject({ paired: 2, unpairedAfter: 0, verification: { ok: true } });
  });

  test("that could belong to two translations are counted as ambiguous and not judged", async () => {
    const captures = new Captures().at("inside", 0, ipv4({ src: POD, dst: REMOTE, id: 3 }, query(1)(40000)));
    captures.at("uplink", 0.1, ipv4({ src: EGRESS_A, dst: REMOTE, id: 3, ttl: 63 }, query(1)(50000)));
    captures.at("uplink", 0.2, ipv4({ src: EGRESS_A, dst: REMOTE, id: 3, ttl: 63 }, query(1)(50001)));
    expect(await captures.verify()).toMatchObject({
      paired: 0,
      ambiguous: 1,
      unpairedAfter: 2,
      verification: { framesChecked: 0 },
    });
  });

  test("that could belong to two translations go to the one that the connection is known by", async () => {
    const captures = new Captures()
      .out(0, query(8), { id: 1 })
      .at("inside", 1, ipv4({ src: POD, dst: REMOTE, id: 3 }, query(1)(40000)));
    captures.at("uplink", 1.1, ipv4({ src: EGRESS_A, dst: REMOTE, id: 3, ttl: 63 }, query(1)(50000)));
    captures.at("uplink", 1.2, ipv4({ src: EGRESS_A, dst: REMOTE, id: 3, ttl: 63 }, query(1)(50001)));
    expect(await captures.verify()).toMatchObject({
      paired: 2,
      ambiguous: 0,
      unpairedAfter: 1,
      verification: { ok: true },
    });
  });

  test("of datagrams whose content was changed are found by identification and length once the connection is known", async () => {
    const captures = new Captures()
      .out(0, query(8), { id: 1 })
      .at("inside", 1, ipv4({ src: POD, dst: REMOTE, id: 3 }, query(1)(40000)));
    captures.at("uplink", 1.1, ipv4({ src: EGRESS_A, dst: REMOTE, id: 3, ttl: 63 }, query(2)(50000)));
    const result = await captures.verify();
    expect(result.paired).toBe(2);
    expect(fields(result)).toContain("payload");
  });

  test("inside the cluster and of strangers are skipped by reason", async () => {
    const captures = new Captures().at("inside", 0, ipv4({ src: POD, dst: "10.1.4.4" }, query(1)(40000)));
    captures.at("inside", 0, ipv4({ src: "192.0.2.1", dst: "192.0.2.2" }, query(1)(40000)));
    captures.at("uplink", 0, ipv4({ src: "192.0.2.1", dst: "192.0.2.2" }, query(1)(40000)));
    expect((await captures.verify()).skipped).toEqual({
      "before: cluster-internal": 1,
      "before: not of an endpoint": 1,
      "after: not of a gateway or an endpoint": 1,
    });
  });
});

describe("offload", () => {
  const payload = patterned(3000, 9);
  const whole = (srcPort: number, checksum?: "partial") =>
    tcp({ srcPort, dstPort: 443, seq: 1000, ack: 5, flags: "PSH ACK", payload, checksum });
  const piece =
    (from: number, to: number, edit = (bytes: Uint8Array) => bytes) =>
    (srcPort: number) =>
      tcp({
        srcPort,
        dstPort: 443,
        seq: 1000 + from,
        ack: 5,
        flags: to === 3000 ? "PSH ACK" : "ACK",
        payload: edit(payload.slice(from, to)),
      });
  const pieces = (edit?: (bytes: Uint8Array) => Uint8Array) => {
    const captures = new Captures().at("inside", 0, ipv4({ src: POD, dst: REMOTE, id: 60 }, whole(40000, "partial")));
    [
      [0, 1200],
      [1200, 2400],
      [2400, 3000],
    ].forEach(([from, to], i) => {
      const content = piece(from, to, i === 1 ? edit : undefined);
      captures.at("uplink", 0.001, ipv4({ src: EGRESS_A, dst: REMOTE, id: 60 + i, ttl: 63 }, content(50000)));
    });
    return captures;
  };

  test("a super-frame inside with a partial checksum is several complete segments outside", async () => {
    const result = await pieces().verify();
    expect(result).toMatchObject({ paired: 1, segmented: 1, unpairedAfter: 0 });
    expect(result.verification).toMatchObject({ ok: true, framesChecked: 3 });
  });

  test("a payload byte that changed in one of the segments is found at its place", async () => {
    const result = await pieces((bytes) => poke(bytes, 100, bytes[100] ^ 1)).verify();
    expect(fields(result)).toContain("payload");
    expect(result.verification.mismatches[0].why).toContain("payload byte 100");
  });

  test("replies that a card merged on the uplink are several segments inside", async () => {
    const captures = new Captures().out(0, segment(5));
    const reply = (dstPort: number, from: number, to: number) =>
      tcp({ srcPort: 443, dstPort, seq: 1 + from, ack: 9, payload: payload.slice(from, to) });
    captures.at("uplink", 1, ipv4({ src: REMOTE, dst: EGRESS_A, id: 70, ttl: 60 }, reply(50000, 0, 3000)));
    captures.at("inside", 1, ipv4({ src: REMOTE, dst: POD, id: 70, ttl: 59 }, reply(40000, 0, 1500)));
    captures.at("inside", 1, ipv4({ src: REMOTE, dst: POD, id: 71, ttl: 59 }, reply(40000, 1500, 3000)));
    const result = await captures.verify();
    expect(result).toMatchObject({ paired: 3, segmented: 2, unpairedAfter: 0, verification: { ok: true } });
  });

  test("a partial checksum inside may be complete outside, or stay partial", async () => {
    for (const checksum of [undefined, "partial" as const]) {
      const captures = new Captures().at(
        "inside",
        0,
        ipv4({ src: POD, dst: REMOTE }, segment(1, { checksum: "partial" })(40000)),
      );
      captures.at("uplink", 0, ipv4({ src: EGRESS_A, dst: REMOTE, ttl: 63 }, segment(1, { checksum })(50000)));
      expect((await captures.verify()).verification).toMatchObject({ ok: true, framesChecked: 1 });
    }
    const wrong = new Captures().at(
      "inside",
      0,
      ipv4({ src: POD, dst: REMOTE }, segment(1, { checksum: "partial" })(40000)),
    );
    wrong.at(
      "uplink",
      0,
      ipv4({ src: EGRESS_A, dst: REMOTE, ttl: 63 }, segment(1, { checksum: { wrongBy: 7 } })(50000)),
    );
    expect(fields(await wrong.verify())).toEqual(["transport-checksum"]);
  });

  test("captures cut at different lengths are compared as far as both go", async () => {
    const captures = new Captures().out(0, segment(1));
    captures.inside[0] = { ...captures.inside[0], bytes: captures.inside[0].bytes.slice(0, 80) };
    expect((await captures.verify()).verification).toMatchObject({ ok: true, framesChecked: 1 });
    const changed = new Captures().out(0, segment(1));
    changed.inside[0] = { ...changed.inside[0], bytes: changed.inside[0].bytes.slice(0, 80) };
    changed.uplink[0] = { ...changed.uplink[0], bytes: poke(changed.uplink[0].bytes, 70, 1) };
    expect(fields(await changed.verify())).toContain("payload");
  });
});

describe("faults of the other system", () => {
  test("one external tuple for two connections at once", async () => {
    const result = await new Captures().out(0, segment(1)).out(1, segment(900), { src: POD_B }).verify();
    expect(fields(result)).toEqual(["tuple-shared"]);
  });

  test("a tuple that changes in mid-connection", async () => {
    expect(fields(await new Captures().out(0, segment(1)).out(1, segment(51), { natPort: 50001 }).verify())).toEqual([
      "tuple-changed",
    ]);
  });

  test("an excluded destination that was translated, a selected one that was not", async () => {
    expect(fields(await new Captures().out(0, segment(1), { dst: EXCLUDED }).verify())).toEqual(["decision"]);
    expect(
      fields(await new Captures().out(0, segment(1), { dst: EXCLUDED, as: POD, natPort: 40000 }).verify()),
    ).toEqual([]);
    expect(fields(await new Captures().out(0, segment(1), { as: POD, natPort: 40000 }).verify())).toEqual(["leak"]);
  });

  test("the address of no gateway, or of one that the policy does not permit", async () => {
    expect(fields(await new Captures().out(0, segment(1), { as: "203.0.113.77" }).verify())).toEqual([
      "egress-eligible",
    ]);
    const captures = new Captures().out(0, segment(1), { as: EGRESS_B });
    const onlyA = model({ policies: [{ egresses: [0] }] });
    const result = await verifyCapturePair(captures.inside, captures.uplink, onlyA, { ...NAMES, skewNs: 0n });
    expect(fields(result)).toEqual(["egress-eligible"]);
  });

  test("a reply that reached the wrong endpoint", async () => {
    const result = await new Captures().out(0, segment(1)).in(1, answer(1), { to: POD_B }).verify();
    expect(fields(result)).toEqual(["reply-destination"]);
  });

  test("a TTL that grew, a window that changed", async () => {
    const grown = new Captures().at("inside", 0, ipv4({ src: POD, dst: REMOTE, ttl: 30 }, segment(1)(40000)));
    grown.at("uplink", 0, ipv4({ src: EGRESS_A, dst: REMOTE, ttl: 31 }, segment(1)(50000)));
    expect(fields(await grown.verify())).toEqual(["ttl"]);
    const resized = new Captures().out(0, segment(1));
    resized.uplink[0] = { ...resized.uplink[0], bytes: poke(resized.uplink[0].bytes, 48, 1) };
    expect(fields(await resized.verify())).toEqual(["header-bytes", "transport-checksum"]);
  });
});

test("frames that are not IP, and empty captures, are counted or nothing", async () => {
  expect(await new Captures().verify()).toMatchObject({
    paired: 0,
    verification: { ok: true, framesChecked: 0 },
    skipped: {},
  });
  const arp = concat(new Uint8Array(12), Uint8Array.of(8, 6), new Uint8Array(28));
  const frame = { frame: 1, timeNs: seconds(0), linkType: 1, bytes: arp, wireLength: 42 };
  expect((await verifyCapturePair([frame], [], model(), NAMES)).skipped).toEqual({
    "before: not a readable IP packet": 1,
  });
});
