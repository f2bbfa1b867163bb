import { describe, expect, test } from "vitest";
import { ethernet, type Ipv6Extension, ipv6, tcp } from "../support/frames.js";
import { EGRESS6_A, POD6, poke, REMOTE6, Scene } from "./scene.js";

// What stands in front of an IPv6 packet's transport header, and where it goes: dropped under the right name is right, translated is wrong.

const OPTIONS: Ipv6Extension = { type: 60 };
const ROUTED: Ipv6Extension = { type: 43, body: Uint8Array.of(4, 1, 0, 0, 0, 0) };
const ARRIVED: Ipv6Extension = { type: 43, body: Uint8Array.of(4, 0, 0, 0, 0, 0) };
const AUTHENTICATED: Ipv6Extension = { type: 51, body: new Uint8Array(10) };

const frame = (src: string, dst: string, extensions: readonly Ipv6Extension[], hopLimit = 64, flags = "SYN") =>
  ethernet(ipv6({ src, dst, extensions, hopLimit }, tcp({ srcPort: 40_000, dstPort: 443, flags })));

/** Faults that are found where such a packet is dropped under a reason. */
function dropped(given: Uint8Array, reason: string): string[] {
  const scene = new Scene();
  scene.see({ action: "drop", reason, captured: given, given, result: given });
  return scene.faults;
}

/** Faults that are found where it is translated as any other. */
function translated(dst: string, extensions: readonly Ipv6Extension[], flags = "SYN"): string[] {
  const scene = new Scene();
  const given = frame(POD6, dst, extensions, 64, flags);
  const result = frame(EGRESS6_A, dst, extensions, 63, flags);
  scene.see({ action: "snat", egress: 0, captured: given, given, result });
  return scene.faults;
}

describe("extension headers", () => {
  const eight = Array.from({ length: 8 }, () => OPTIONS);

  test("eight are stepped over, a ninth is one too many", () => {
    expect(translated(REMOTE6, eight)).toEqual([]);
    expect(dropped(frame(POD6, REMOTE6, eight), "bad-header")).toEqual(["drop-reason at 1"]);
    expect(dropped(frame(POD6, REMOTE6, [...eight, OPTIONS]), "bad-header")).toEqual([]);
    expect(translated(REMOTE6, [...eight, OPTIONS])).toEqual(["decision at 1"]);
  });

  test("a routing header whose packet has not arrived, and an authentication header, cannot be carried", () => {
    expect(dropped(frame(POD6, REMOTE6, [ROUTED]), "unsupported-protocol")).toEqual([]);
    expect(dropped(frame(POD6, REMOTE6, [AUTHENTICATED]), "unsupported-protocol")).toEqual([]);
    expect(dropped(frame(POD6, REMOTE6, [ARRIVED]), "unsupported-protocol")).toEqual(["drop-reason at 1"]);
    expect(translated(REMOTE6, [ARRIVED])).toEqual([]);
  });
});

test("a super-frame, whose header states no length, may be dropped for that and is no fault", () => {
  const [high, low] = [14 + 4, 14 + 5];
  expect(dropped(poke(poke(frame(POD6, REMOTE6, []), high, 0), low, 0), "bad-header")).toEqual([]);
  expect(dropped(frame(POD6, REMOTE6, []), "bad-header")).toEqual(["drop-reason at 1"]);
});

test("nothing goes to the unspecified address", () => {
  expect(dropped(frame(POD6, "::", []), "bad-destination")).toEqual([]);
  expect(dropped(frame(POD6, "::2", []), "bad-destination")).toEqual(["drop-reason at 1"]);
  expect(translated("::", [])).toContain("decision at 1");
});

test("flags that no segment has together are a bad header in either family", () => {
  expect(dropped(frame(POD6, REMOTE6, [], 64, "SYN FIN"), "bad-header")).toEqual([]);
  expect(translated(REMOTE6, [], "SYN FIN")).toEqual(["decision at 1"]);
});
