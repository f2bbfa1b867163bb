import { describe, expect, test } from "vitest";
import { be32, concat, otherProtocol, patterned, sctp } from "../support/frames.js";
import { type ChunkName, chunk, sctpPacket } from "../support/sctp.js";
import { type Content, datagram, POD_B, Scene } from "./scene.js";

const says =
  (names: ChunkName | ChunkName[]): Content =>
  (from, to) =>
    sctpPacket(from, to, names);
const bad: Content = (srcPort, dstPort) => sctp({ srcPort, dstPort, tag: 0, chunks: chunk("DATA") });
const wrongCrc: Content = (srcPort, dstPort) => sctp({ srcPort, dstPort, checksum: 0x0102_0304 });
const gre: Content = () => otherProtocol(47, concat(be32(0x800), patterned(20)));
const ah: Content = () => otherProtocol(51, patterned(24));

describe("SCTP packets that no receiver takes", () => {
  const drop = (content: Content, options = {}) =>
    new Scene(undefined, options).fromEndpoint("drop", "sctp-bad", { content }).faults;

  test("must be dropped, and only they under this name", () => {
    expect(new Scene().snat({ content: says("INIT") }).faults).toEqual([]);
    expect(new Scene().snat({ content: bad }).faults).toEqual(["decision at 1"]);
    expect(drop(bad)).toEqual([]);
    expect(drop(says("INIT"))).toEqual(["drop-reason at 1"]);
    expect(drop(datagram)).toEqual(["drop-reason at 1"]);
  });

  test("are those with a wrong CRC where such frames are to be dropped", () => {
    const options = { badChecksumsDrop: true };
    expect(drop(wrongCrc)).toEqual(["drop-reason at 1"]);
    expect(drop(wrongCrc, options)).toEqual([]);
    expect(drop(says("INIT"), options)).toEqual(["drop-reason at 1"]);
    expect(new Scene(undefined, options).snat({ content: wrongCrc, natPort: 40_000 }).faults).toEqual([
      "decision at 1",
    ]);
  });
});

describe("the lifetime of an association", () => {
  const HANDSHAKE: [from: "in" | "out", name: ChunkName][] = [
    ["out", "INIT"],
    ["in", "INIT-ACK"],
    ["out", "COOKIE-ECHO"],
    ["in", "COOKIE-ACK"],
    ["out", "DATA"],
  ];
  const opened = (natProfile: "cilium" | "rfc", steps: number) => {
    const scene = new Scene(undefined, { natProfile });
    HANDSHAKE.slice(0, steps).forEach(([from, name], i) => {
      if (from === "out") scene.snat({ at: i / 100, content: says(name) });
      else scene.reverse({ at: i / 100, content: says(name) });
    });
    return scene;
  };
  // 60 s opening and other, 8,000 s established.
  const dropAt = (scene: Scene, at: number) =>
    scene.fromNetwork("drop", "no-reverse-mapping", { at, content: says("SACK") }).faults;
  const reverseAt = (scene: Scene, at: number) => scene.reverse({ at, content: says("SACK") }).faults;

  test("is that of TCP in profile rfc, by its chunks", () => {
    expect(dropAt(opened("rfc", 5), 7999)).toEqual(["reply-not-reversed at 6"]);
    expect(reverseAt(opened("rfc", 5), 8001)).toEqual(["mapping-outlived at 6"]);
    expect(dropAt(opened("rfc", 1), 59)).toEqual(["reply-not-reversed at 2"]);
    expect(reverseAt(opened("rfc", 3), 61)).toEqual(["mapping-outlived at 4"]);
  });

  test("is that of other protocols in profile cilium", () => {
    expect(dropAt(opened("cilium", 5), 59)).toEqual(["reply-not-reversed at 6"]);
    expect(reverseAt(opened("cilium", 5), 61)).toEqual(["mapping-outlived at 6"]);
  });
});

describe("protocols without ports", () => {
  const drop = (scene: Scene, reason: string, content: Content) =>
    scene.fromEndpoint("drop", reason, { at: 1, from: POD_B, content }).faults;

  test("are refused for a conflict only where another endpoint has the mapping", () => {
    expect(drop(new Scene().snat({ content: gre }), "protocol-conflict", gre)).toEqual([]);
    expect(drop(new Scene(), "protocol-conflict", gre)).toEqual(["drop-reason at 1"]);
    expect(drop(new Scene().snat({ content: datagram }), "protocol-conflict", datagram)).toEqual(["drop-reason at 2"]);
    expect(drop(new Scene().snat({ content: gre }), "no-nat-mapping", gre)).toEqual(["refused-while-free at 2"]);
  });

  test("are called unsupported only where they are", () => {
    expect(drop(new Scene(), "unsupported-protocol", gre)).toEqual(["drop-reason at 1"]);
    expect(drop(new Scene(), "unsupported-protocol", says("INIT"))).toEqual(["drop-reason at 1"]);
    expect(drop(new Scene(), "unsupported-protocol", ah)).toEqual([]);
  });

  test("of two endpoints never share an egress IP toward one remote", () => {
    expect(new Scene().snat({ content: gre }).snat({ at: 1, from: POD_B, content: gre }).faults).toEqual([
      "tuple-shared at 2",
    ]);
  });
});
