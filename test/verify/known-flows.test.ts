import { describe, expect, it } from "vitest";
import type { FrameObservation } from "../../src/verify/types.js";
import { Verifier } from "../../src/verify/verifier.js";
import { A_DOWN, datagram, forgot, model, type Out, poke, Scene, seconds, syn, synAck } from "./scene.js";

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
});
