import { describe, expect, it } from "vitest";
import { decodeFrame, readBe16 } from "../../src/net/decode.js";
import { pseudoHeaderSum } from "../../src/net/recount.js";
import type { FrameObservation } from "../../src/verify/types.js";
import { Verifier } from "../../src/verify/verifier.js";
import { tcp } from "../support/frames.js";
import {
  A_DOWN,
  type Content,
  changed,
  datagram,
  EGRESS_A,
  forgot,
  model,
  type Out,
  poke,
  prefix,
  Scene,
  seconds,
  syn,
  synAck,
} from "./scene.js";

// Scenes are watched by two verifiers, one of which takes every frame through all rules; `faults` compares them.

const UDP: Out = { content: datagram, toPort: 53 };

/** A connection about which all is known: its last frame was one of its endpoint. */
function known(out: Out = {}, options: ConstructorParameters<typeof Scene>[1] = {}): Scene {
  const scene = new Scene(undefined, options);
  if (out.content !== datagram) scene.snat({ ...out, content: syn }).reverse({ ...out, content: synAck });
  return scene.snat(out).reverse(out).snat(out);
}

/** The observation of the next frame, were it to come. */
function next(direction: "snat" | "reverse", out: Out): FrameObservation {
  return known(out)[direction]({ ...out, at: 1 }).last;
}

describe("frames of flows about which nothing has changed", () => {
  it.each([
    ["TCP, out", "snat", {}],
    ["TCP, back", "reverse", {}],
    ["UDP, out", "snat", UDP],
    ["UDP, back", "reverse", UDP],
  ] as const)("%s: are taken without asking all rules", (_, direction, out) => {
    const { verifier } = known(out);
    const { captured, given, result, egress } = next(direction, out);
    const bytes = { captured, given, result, at: 0, length: given.length, linkType: 1 };
    const frame = { ...bytes, isOut: direction === "snat", egress, evictions: 0, nowMs: 1000 };
    const { framesChecked } = verifier.finish();
    expect(verifier.accept({ ...frame, result: poke(result, 30, 0) }, {})).toBe(false);
    expect(verifier.accept(frame, { unreachable: new Set(["gw-b"]) })).toBe(false);
    expect(verifier.accept(frame, {})).toBe(true);
    expect(Verifier.prototype.finish.call(verifier)).toMatchObject({ ok: true, framesChecked: framesChecked + 1 });
  });

  it.each([
    ["TCP, out", "snat", {}],
    ["TCP, back", "reverse", {}],
    ["UDP, out", "snat", UDP],
    ["UDP, back", "reverse", UDP],
  ] as const)("%s: one wrong bit anywhere is found as by all rules", (_, direction, out) => {
    const right = next(direction, out);
    const found = new Set<string>();
    for (const part of ["captured", "given", "result"] as const) {
      for (let at = 0; at < right[part].length; at++) {
        const wrong = { ...right, [part]: poke(right[part], at, right[part][at]! ^ (1 << (at & 7))) };
        // Untouched, they are the same bytes.
        if (part !== "result" && direction === "snat") wrong.captured = wrong.given = wrong[part];
        const { faults } = known(out).see(wrong);
        if (part === "result") expect(faults).not.toEqual([]);
        for (const fault of faults) found.add(fault.split(" ")[0]!);
      }
    }
    expect([...found]).toContain("ip-checksum");
    expect([...found]).toContain("transport-checksum");
    expect([...found]).toContain(direction === "snat" ? "header-bytes" : "reply-restored");
  });

  it.each([
    ["through another gateway", { egress: 1 }],
    ["by another address", { as: "203.0.113.99" }],
    ["from another port", { natPort: 40001 }],
    ["a hop too far", { hops: 2 }],
  ] as const)("one that leaves %s is found as by all rules", (_, change) => {
    expect(known().snat({ ...change, at: 1 }).faults).not.toEqual([]);
  });

  it("are forgotten once silence may have ended them", () => {
    const long = known(UDP)
      .snat({ ...UDP, at: 59 })
      .reverse({ ...UDP, at: 118 });
    expect(long.faults).toEqual([]);
    expect(known(UDP).reverse({ ...UDP, at: 100 }).faults).toEqual(["mapping-outlived at 4"]);
  });

  it("are no longer theirs whose external tuple another one was given", () => {
    const other: Out = { port: 41_000, natPort: 40_000, at: 1 };
    expect(known().snat({ ...other, content: syn }).faults).toEqual(["tuple-shared at 6"]);
    const taken = known()
      .snat({ ...other, content: syn })
      .reverse({ at: 2 });
    expect(taken.faults).toContain("reply-destination at 7");
  });

  it("of a node that lost its memory, or that is found down, go through all rules", () => {
    expect(forgot(known(), "gw-a").reverse({ at: 1 }).faults).toEqual(["mapping-lost at 6"]);
    expect(known().snat({ at: 1 }, { statuses: A_DOWN }).faults).toEqual(["egress-healthy at 6"]);
    expect(known().snat({ at: 1 }, { unreachable: new Set(["gw-a"]) }).faults).toEqual(["gateway-unreachable at 6"]);
  });

  it("of an address that has another owner later on go through all rules", () => {
    const owner = { toNs: seconds(0.5) };
    const scene = new Scene(model({ endpoints: [owner] })).snat({ content: syn }).snat().snat({ at: 1 });
    expect(scene.faults).toEqual(["decision at 3"]);
  });

  it("go through all rules once other policies are in force", () => {
    const elsewhere = model({ policies: [{ destinations: [prefix("192.0.2.0/24")] }] });
    expect(changed(known(), elsewhere).snat({ at: 2 }).faults).toEqual(["decision at 6"]);
  });

  it("note that the engine has begun to evict", () => {
    const scene = known().snat({ at: 1 }, { evictions: 1 });
    scene.fromNetwork("drop", "no-reverse-mapping", { as: EGRESS_A, at: 2 }, { evictions: 1 });
    expect(scene.faults).toEqual(["reply-not-reversed at 7"]);
  });

  it("with flags that no segment may have go through all rules", () => {
    const content: Content = (srcPort, dstPort) => tcp({ srcPort, dstPort, flags: "SYN FIN ACK" });
    expect(known().snat({ content, at: 1 }).faults).toEqual(["decision at 6"]);
  });

  it("that are fragments go through all rules", () => {
    const o = next("snat", UDP);
    const given = poke(o.given, 20, 0x20);
    const fragment = { ...o, captured: given, given, result: poke(o.result, 20, 0x20) };
    // Not the last one, and no multiple of eight bytes.
    expect(known(UDP).see(fragment).faults).toContain("decision at 4");
  });

  it("with a checksum that is left to the card, or that comes to 0, go through all rules", () => {
    const moved = { natPort: 50_000 };
    const partial = withChecksum(next("snat", moved), 50, (o) => pseudoHeaderSum(o.given, decodeFrame(o.given, 1, 0)!));
    expect(known(moved).see(partial).faults).toEqual(["transport-checksum at 6"]);
    const zero = withChecksum(next("snat", UDP), 40, (_, delta) => 0xffff - delta);
    expect(zero.result.subarray(40, 42)).toEqual(Uint8Array.of(0xff, 0xff));
    expect(known(UDP).see(zero).faults).toEqual([]);
    expect(known(UDP).see({ ...zero, result: poke(zero.result, 40, 0, 0) }).faults).not.toEqual([]);
  });
});

/** The observation with another checksum in the frame given, and the one that an update makes of it. @param at of the field */
function withChecksum(
  o: FrameObservation,
  at: number,
  checksum: (o: FrameObservation, delta: number) => number,
): FrameObservation {
  const delta = (readBe16(o.result, at) - readBe16(o.given, at) + 0xffff) % 0xffff;
  const before = checksum(o, delta);
  const after = (before + delta) % 0xffff || 0xffff;
  const given = poke(o.given, at, before >> 8, before & 255);
  return { ...o, captured: given, given, result: poke(o.result, at, after >> 8, after & 255) };
}
