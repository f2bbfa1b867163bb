import { expect, it } from "vitest";
import * as abi from "../../assembly/abi.js";
import { decodeReplayState, encodeReplayState } from "../../src/replay/state.js";
import { ethernet, icmpEcho, ipv4, udp, vxlan } from "../support/frames.js";
import { FrameRun } from "./frame-run.js";
import { StatesTarget } from "./targets/states.js";
import { ENDPOINTS, NODES, REMOTES, WORLDS } from "./worlds.js";

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
  const wrong: readonly object[] = [
    { egressTotals: [{ ...totals, lastEndNs: undefined }] },
    { egressTotals: [{ ...totals, lastEndNs: "soon" }] },
    { startClockNs: "-1" },
    { framesPassed: -1 },
    { tally: { ...notes.tally, cells: [7] } },
    { series: { ...notes.series, stepMs: 0 } },
    { series: { ...notes.series, step: 1e15 } },
    { nodes: "gw-a" },
    { incidents: [] },
  ];
  const written = (change: object) => encodeReplayState({ ...state, notes: { ...notes, ...change } });
  expect(decodeReplayState(written({})).notes).toEqual(notes);
  for (const change of wrong)
    expect(() => decodeReplayState(written(change)), JSON.stringify(change)).toThrow("has notes that are not those");
});
