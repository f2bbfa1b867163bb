import { expect, it } from "vitest";
import * as abi from "../../assembly/abi.js";
import { actionName, reasonName } from "../../src/engine/names.js";
import { decodeFrame } from "../../src/net/decode.js";
import { decodeReplayState, encodeReplayState } from "../../src/replay/state.js";
import { rewriteFindings } from "../../src/verify/rewrite.js";
import {
  ethernet,
  icmpEcho,
  ipv4,
  ipv4FragmentsOf,
  ipv6,
  ipv6FragmentsOf,
  otherProtocol,
  patterned,
  udp,
  vxlan,
} from "../support/frames.js";
import type { FuzzRecord } from "./frame-input.js";
import { FrameRun } from "./frame-run.js";
import { inputFromText } from "./input-text.js";
import { repairChecksums } from "./layout.js";
import { FramesTarget } from "./targets/frames.js";
import { StatesTarget } from "./targets/states.js";
import { EGRESS_IPS, ENDPOINTS, ENDPOINTS6, NODES, REMOTES, REMOTES6, WORLDS } from "./worlds.js";

// What the fuzzer has found and no other test would see.

it("an echo reply that another node sends to a gateway opens no mapping: it has no identifier that could be its source port", async () => {
  const gateway = await FrameRun.start(WORLDS.find(({ name }) => name === "a gateway of a cluster")!);
  const inner = ethernet(ipv4({ src: ENDPOINTS[0], dst: REMOTES[0] }, icmpEcho({ id: 50_000, reply: true })));
  const outer = udp({ srcPort: 50_001, dstPort: 8472, payload: vxlan(4711, inner), checksum: 0 });
  const bytes = ethernet(ipv4({ src: NODES[2], dst: NODES[0] }, outer));
  gateway.reset();
  const record = { hook: abi.HOOK_FROM_OVERLAY, link: abi.LINK_ETHERNET, flags: 0, gapMs: 0, extra: 0, bytes };
  const [line] = gateway.runSingly([record], new Set());
  expect(line.startsWith(`${abi.ACTION_DROP} ${abi.REASON_BAD_OVERLAY} `)).toBe(true);
});

it("a frame of another node that says it came over an uplink is translated like any other: its checksum stays right", async () => {
  const gateway = await FrameRun.start(WORLDS.find(({ name }) => name === "a gateway of a cluster")!);
  const inner = ethernet(ipv4({ src: ENDPOINTS[0], dst: REMOTES[0] }, udp({ srcPort: 40_000, dstPort: 53 })));
  const outer = udp({ srcPort: 50_001, dstPort: 8472, payload: vxlan(4711, inner), checksum: 0 });
  const bytes = ethernet(ipv4({ src: NODES[2], dst: NODES[0] }, outer));
  gateway.reset();
  const { HOOK_FROM_OVERLAY: hook, LINK_ETHERNET: link, FRAME_FLAG_UPLINK: flags } = abi;
  const [line] = gateway.runSingly([{ hook, link, flags, gapMs: 0, extra: 0, bytes }], new Set());
  expect(line.startsWith(`${abi.ACTION_SNAT} `)).toBe(true);
});

it("a state is refused whose notes lack something, or say a time or a number that is none", async () => {
  const [seed] = (await StatesTarget.start()).seeds();
  const state = decodeReplayState(seed);
  const { notes } = state;
  const [totals] = notes.egressTotals;
  const held = {
    ...{ hold: 1, number: 1, file: 0, interface: 0, linkType: 1, link: 1, hook: 1, flags: 0, wire: 3 },
    ...{ timeLow: 0, timeHigh: 0, given: "AAAA", captured: "" },
  };
  const wrong: readonly object[] = [
    { egressTotals: [{ ...totals, lastEndNs: undefined }] },
    { egressTotals: [{ ...totals, lastEndNs: "soon" }] },
    { startClockNs: "-1" },
    { framesPassed: -1 },
    { tally: { ...notes.tally, cells: [7] } },
    { series: { ...notes.series, stepMs: 0 } },
    { series: { ...notes.series, step: 1e15 } },
    { nodes: "gw-a" },
    { held: undefined },
    { held: [{ ...held, hook: 300 }] },
    { held: [{ ...held, given: 7 }] },
    { held: [{ ...held, captured: "A".repeat(2 ** 20) }] },
    { incidents: [] },
  ];
  const written = (change: object) => encodeReplayState({ ...state, notes: { ...notes, ...change } });
  expect(decodeReplayState(written({})).notes).toEqual(notes);
  expect(decodeReplayState(written({ held: [held] })).notes.held).toEqual([held]);
  for (const change of wrong)
    expect(() => decodeReplayState(written(change)), JSON.stringify(change)).toThrow("has notes that are not those");
});

function world(name: string) {
  const found = WORLDS.find((one) => one.name === name);
  if (!found) throw new Error(`no world is called ${name}`);
  return found;
}

/** Action and reason of each frame, in the order in which the engine took them. */
async function verdictsOf(name: string, frames: readonly Partial<FuzzRecord>[]): Promise<string[]> {
  const run = await FrameRun.start(world(name));
  run.reset();
  const plain = { hook: abi.HOOK_FROM_ENDPOINT, link: abi.LINK_ETHERNET, flags: 0, gapMs: 1, extra: 0 };
  const lines = run.runSingly(
    frames.map((frame) => ({ ...plain, bytes: new Uint8Array(0), ...frame })),
    new Set(),
  );
  return lines.map((line) => {
    const [action, reason] = line.split(" ").map(Number);
    return `${actionName(action)} ${reason === 0 ? "" : reasonName(reason)}`.trim();
  });
}

it("an IPv6 fragment of a protocol without ports goes by that protocol's mapping, and its checksum follows", async () => {
  const pieces = (src: string, protocol: number) =>
    ipv6FragmentsOf(ipv6({ src, dst: REMOTES6[0] }, otherProtocol(protocol, patterned(40))), [24], protocol);
  const whole = ipv6({ src: ENDPOINTS6[0], dst: REMOTES6[0] }, otherProtocol(47, new Uint8Array(24)));
  const packets = [whole, ...pieces(ENDPOINTS6[1], 50), ...pieces(ENDPOINTS6[0], 50), ...pieces(ENDPOINTS6[1], 33)];
  expect(
    await verdictsOf(
      "every node, original profile",
      packets.map((packet) => ({ bytes: ethernet(packet) })),
    ),
  ).toEqual([
    "snat",
    ...["snat", "snat"],
    ...["drop protocol-conflict", "drop protocol-conflict"],
    // The judge of the run recounts DCCP's checksum.
    ...["snat", "snat"],
  ]);
});

const DATAGRAM = ipv4(
  { src: ENDPOINTS[0], dst: REMOTES[0], id: 7 },
  udp({ srcPort: 40_000, dstPort: 53, payload: patterned(40) }),
);
const [FIRST, LATER] = ipv4FragmentsOf(DATAGRAM, [24]).map((packet) => ethernet(packet));

it("a fragment that is given again is not held again, where its like has come for a new datagram of the same identification", async () => {
  const later = { bytes: LATER };
  expect(await verdictsOf("every node, RFC profile", [later, { ...later, gapMs: abi.FRAGMENT_MS }])).toEqual([
    "hold fragment-without-first",
    "hold fragment-without-first",
    ...["drop fragment-without-first", "drop fragment-without-first"],
  ]);
});

it("a first fragment that says it was held opens nothing, and an engine that holds nothing holds no later one after it", async () => {
  const frames = [{ bytes: FIRST, flags: abi.FRAME_FLAG_RELEASED }, { bytes: LATER }];
  expect(await verdictsOf("every node, original profile", frames)).toEqual([
    "drop fragment-without-first",
    "drop fragment-without-first",
  ]);
});

it("a later fragment from another node does not follow a first one that an endpoint has sent here", async () => {
  const [first, later] = ipv4FragmentsOf(
    ipv4({ src: ENDPOINTS[0], dst: "198.51.100.101", id: 2 }, otherProtocol(237, patterned(40))),
    [32],
  );
  const outer = udp({ srcPort: 50_001, dstPort: 8472, payload: vxlan(4711, ethernet(later)), checksum: 0 });
  const frames = [
    { bytes: ethernet(first) },
    { bytes: ethernet(ipv4({ src: NODES[2], dst: NODES[0] }, outer)), hook: abi.HOOK_FROM_OVERLAY },
  ];
  expect(await verdictsOf("a gateway of a cluster", frames)).toEqual(["redirect", "drop fragment-without-first"]);
});

it("no error is told about a later fragment, of either family", async () => {
  const body = udp({ srcPort: 40_000, dstPort: 53, payload: patterned(40) });
  for (const pieces of [
    ipv4FragmentsOf(ipv4({ src: ENDPOINTS[0], dst: REMOTES[0], id: 7 }, body), [24]),
    ipv6FragmentsOf(ipv6({ src: ENDPOINTS6[0], dst: REMOTES6[0] }, body), [24], 7),
  ]) {
    const [first, later] = pieces;
    later[later[0] >> 4 === 4 ? 8 : 7] = 1;
    // The judge of the run says what an error may be about.
    const sent = [{ bytes: ethernet(first) }, { bytes: ethernet(withRightSum(later)) }];
    expect(await verdictsOf("errors of its own", sent)).toEqual(["snat", "drop ttl-exceeded"]);
  }
});

/** The packet with the IPv4 header checksum that it has to have. */
function withRightSum(packet: Uint8Array): Uint8Array {
  repairChecksums(packet, decodeFrame(packet, 101, packet.length)!);
  return packet;
}

it("a UDP-Lite packet without a checksum stays without one, for the verifier, too", () => {
  const packet = (src: string, checksum: number[]) =>
    ipv4({ src, dst: REMOTES[0] }, otherProtocol(136, Uint8Array.of(0, 7, 0, 8, 0, 8, ...checksum)));
  const findings = (after: number[]) => {
    const [given, result] = [packet(ENDPOINTS[0], [0, 0]), packet(EGRESS_IPS[0], after)];
    return rewriteFindings({ o: { given, result }, packet: decodeFrame(given, 101, given.length)! }, "source", 0);
  };
  expect(findings([0, 0])).toEqual([]);
  expect(findings([0x12, 0x34]).map(({ field }) => field)).toEqual(["transport-checksum"]);
});

it("an SCTP packet that was cut, with a CRC of 0 that is not said to be unfinished: wrong before and after by the same bits", async () => {
  const cut =
    "Y2BkZAADFgYvBiaGrjAGJgZRBg4GRg4GVwYGByYTBgaHFqfTXAyM7MeMUxjlJxze3cjEzALSwcXAoMDKxs7BwAjmcDEwMLAzsDPwMDAk8AIA";
  const target = await FramesTarget.start();
  expect([...target.execute(inputFromText(cut))]).not.toEqual([]);
});
