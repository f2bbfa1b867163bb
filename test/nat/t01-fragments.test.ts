import { describe, expect, it } from "vitest";
import { FRAGMENT_MS } from "../../assembly/abi.js";
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import { ethernet, icmpMessage, ipv4, patterned, tcp, udp } from "../support/frames.js";
import { head, piece, pieces } from "./pieces.js";
import { Nat, OTHER_INSIDE, REMOTE } from "./rig.js";

// The fragments of T01: every id of the malformed corpus, section 4.3. Verdicts are those that a frame ends with; one that is held and never
// released has `hold`.

const DATAGRAM = udp({ srcPort: 700, dstPort: 53, payload: patterned(2500) });
const [FIRST, SECOND, THIRD] = pieces(DATAGRAM);
const SEGMENT = tcp({ srcPort: 700, dstPort: 443, flags: "SYN", payload: patterned(64) });
const OTHER_BYTES = { ...SECOND, frame: SECOND.frame.map((byte, i) => (i < 34 ? byte : byte ^ 0xff)) };
const late = (frame: RigFrame, atMs: number) => ({ ...frame, atMs });
const many = Array.from({ length: 59 }, (_, i) => piece(16 + i * 8, patterned(8), true));
const error = icmpMessage({
  type: 3,
  code: 3,
  inner: ipv4({ src: REMOTE, dst: "10.0.0.2" }, udp({ srcPort: 53, dstPort: 700, payload: patterned(64) })),
});
const [ERROR_FIRST, ERROR_REST] = pieces(error, { sizes: [64] });

const ROWS: [id: string, frames: RigFrame[], verdicts: string[]][] = [
  ["F01 the first one only", [FIRST], ["snat"]],
  ["F02 the last one only", [THIRD], ["hold"]],
  ["F03 reversed", [THIRD, SECOND, FIRST], ["snat", "snat", "snat"]],
  ["F05 a duplicate", [FIRST, SECOND, SECOND, THIRD], ["snat", "snat", "fragment-duplicate", "snat"]],
  [
    "F06 a duplicate with other bytes",
    [FIRST, SECOND, OTHER_BYTES, THIRD],
    ["snat", "snat", "fragment-duplicate", "snat"],
  ],
  ["F08 an end beyond 65,535", [FIRST, piece(65_520, patterned(16), false)], ["snat", "bad-header"]],
  ["F09 a middle of 9 bytes", [FIRST, piece(1000, patterned(9), true)], ["snat", "bad-header"]],
  ["F10 no payload", [FIRST, piece(1000, new Uint8Array(0), true)], ["snat", "bad-header"]],
  ["F11 first one with 8 bytes of TCP", pieces(SEGMENT, { sizes: [8] }), ["fragment-tiny", "hold"]],
  [
    "F12 first one with less than a UDP header",
    [
      {
        hook: "from-endpoint",
        frame: ethernet(
          ipv4(
            { src: "10.0.0.2", dst: REMOTE, id: 9, moreFragments: true },
            { protocol: () => 17, bytes: () => patterned(4) },
          ),
        ),
      },
    ],
    ["bad-header"],
  ],
  [
    "F13 a second one at offset 1 over the flags",
    [...pieces(SEGMENT, { sizes: [24] }).slice(0, 1), piece(8, patterned(16), true, { protocol: 6 })],
    ["snat", "fragment-overlap"],
  ],
  [
    "F14 the whole datagram twice",
    [piece(0, head(64), true), piece(0, head(64), true)],
    ["snat", "fragment-duplicate"],
  ],
  [
    "F15 the same identification in another protocol",
    [FIRST, ...pieces(SEGMENT, { sizes: [40] })],
    ["snat", "snat", "snat"],
  ],
  [
    "F16 the same identification of another host",
    [FIRST, ...pieces(DATAGRAM, { src: OTHER_INSIDE })],
    ["snat", "fragment-id-taken", "fragment-id-taken", "fragment-id-taken"],
  ],
  [
    "F17 more than are followed",
    [piece(0, head(16), true), ...many],
    ["snat", ...Array(55).fill("snat"), "table-full", "table-full", "table-full", "table-full"],
  ],
  ["F18 a late one", [FIRST, late(SECOND, FRAGMENT_MS - 1), late(THIRD, FRAGMENT_MS)], ["snat", "snat", "hold"]],
  ["F19 an ICMP error in pieces", [ERROR_FIRST, ERROR_REST], ["fragment-unsupported", "hold"]],
  ["F20 an identification with its high bit set", pieces(DATAGRAM, { id: 0x8001 }), ["snat", "snat", "snat"]],
];

describe("T01 fragments", () => {
  it.each(ROWS)("%s", async (_, frames, verdicts) => {
    const nat = await Nat.start();
    const outcomes = nat.send(frames);
    const released = nat.rig.released.map(({ sent, outcome }) => [sent.frame, outcome] as const);
    const ended = outcomes.map((outcome, i) => released.find(([frame]) => frame === frames[i].frame)?.[1] ?? outcome);
    expect(ended.map(({ action, reason }) => (action === "drop" ? reason : action))).toEqual(verdicts);
    nat.check();
  });
});
