import { describe, expect, it } from "vitest";
import type { Policy, PolicyModel } from "../../src/config/types.js";
import { parseAddress, parsePrefix } from "../../src/net/address.js";
import { clusterModel } from "./cluster.js";
import {
  at,
  endpointOf,
  FOUR,
  gatewaysOf,
  isOutbound,
  nameOf,
  PODS,
  replayFrames,
  SECOND,
  scenarioOf,
  talk,
  talker,
  together,
} from "./scenarios.js";
import { conversation, question } from "./traffic.js";

/** The cluster's one policy, otherwise. */
function withPolicy(model: PolicyModel, change: Partial<Policy>): PolicyModel {
  return { ...model, policies: model.policies.map((policy) => ({ ...policy, ...change })) };
}

/** The cluster in which a node stands otherwise. */
function withNode(model: PolicyModel, name: string, change: Partial<PolicyModel["nodes"][number]>): PolicyModel {
  return { ...model, nodes: model.nodes.map((node) => (node.name === name ? { ...node, ...change } : node)) };
}

describe("a gateway that is drained", () => {
  // Short talks of 4 s each, one every 100 ms; a late frame lets the last lifetime pass.
  const talks = Array.from({ length: 80 }, (_, n) => ({
    side: talker(PODS, n),
    frames: conversation(n * 100_000, talker(PODS, n), 500_000),
  }));
  const late = question(120 * SECOND, { endpoint: PODS[0]!, port: 9999 });
  const frames = [...together(talks), ...late];

  it("takes no new connections, keeps those that it has, and the report says when the last one ended", async () => {
    const model = await clusterModel({ pods: PODS, gateways: FOUR });
    const before = await replayFrames(frames, { model });
    const after = await replayFrames(frames, { model, ...scenarioOf([[3.05, "gw-b", "drain"]]) });
    expect(after.report.verification.mismatches).toEqual([]);
    expect(after.report.frames.lost).toBe(0);
    expect(after.report.connections).toMatchObject({ broken: 0, rebound: 0 });
    const [was, is] = [before, after].map(({ external }) => gatewaysOf(frames, external));
    const began = new Map(talks.map((one) => [nameOf(one), one.frames[0]!.us]));
    for (const [name, us] of began) {
      if (us < 3.05 * SECOND || was!.get(name) !== "gw-b") expect(is!.get(name)).toBe(was!.get(name));
      else expect(is!.get(name)).not.toBe("gw-b");
    }
    const open = talks.filter(({ frames: own, ...one }) => is!.get(nameOf({ ...one, frames: own })) === "gw-b");
    // Nine frames each; ten seconds after both sides have sent FIN, with the last frame but one, a connection is gone.
    expect(after.report.drains).toMatchObject([
      { node: "gw-b", from: at(3.05), connectionsAtStart: open.length, stillLive: 0 },
    ]);
    const lastFin = Math.max(...open.map(({ frames: own }) => own.at(-2)!.us));
    expect(after.report.drains[0]!.ranDryAt).toBe(at(lastFin / 1e6 + 10.001));
  });

  it("takes new ones again once the drain ends; what is left then shows", async () => {
    const model = await clusterModel({ pods: PODS, gateways: { "gw-a": FOUR["gw-a"], "gw-b": FOUR["gw-b"] } });
    const script = scenarioOf([
      [1.05, "gw-a", "drain"],
      [2.05, "gw-a", "undrain"],
    ]);
    const { report, external } = await replayFrames(frames, { model, ...script });
    expect(report.drains).toMatchObject([{ node: "gw-a", from: at(1.05), ranDryAt: null }]);
    expect(report.drains[0]!.stillLive).toBe(report.drains[0]!.connectionsAtStart);
    const gateways = gatewaysOf(frames, external);
    const between = talks.filter(({ frames: own }) => own[0]!.us > 1.05 * SECOND && own[0]!.us < 2.05 * SECOND);
    expect(new Set(between.map((one) => gateways.get(nameOf(one))))).toEqual(new Set(["gw-b"]));
    const later = talks.filter(({ frames: own }) => own[0]!.us > 2.05 * SECOND);
    expect(new Set(later.map((one) => gateways.get(nameOf(one))))).toEqual(new Set(["gw-a", "gw-b"]));
  });

  it("loses its agent: no new connections either, but nothing of a drain", async () => {
    const model = await clusterModel({ pods: PODS, gateways: { "gw-a": FOUR["gw-a"], "gw-b": FOUR["gw-b"] } });
    const { report, external } = await replayFrames(frames, { model, ...scenarioOf([[1.05, "gw-a", "agent-down"]]) });
    const found = report.healthTransitions.find(({ what }) => what === "agent-down-detected")!;
    expect(found).toMatchObject({ node: "gw-a", at: at(3), causeAt: at(1.05) });
    expect(report.drains).toEqual([]);
    expect(report.frames.lost).toBe(0);
    const gateways = gatewaysOf(frames, external);
    const later = talks.filter(({ frames: own }) => own[0]!.us > 3 * SECOND);
    expect(new Set(later.map((one) => gateways.get(nameOf(one))))).toEqual(new Set(["gw-b"]));
  });
});

describe("what manifests say of gateways, without a scenario", () => {
  const frames = Array.from({ length: 60 }, (_, n) => conversation(n * 1000, talker(PODS, n), 10)).flat();
  const used = async (model: PolicyModel) => {
    const { report } = await replayFrames(frames, { model });
    expect(report.verification.mismatches).toEqual([]);
    return { report, nodes: report.gateways.flatMap(({ node, connections }) => (connections > 0 ? [node] : [])) };
  };

  it("drained nodes take no connections, and the report lists them", async () => {
    const model = withNode(await clusterModel({ pods: PODS, gateways: FOUR }), "gw-c", { drain: "annotation" });
    const { report, nodes } = await used(model);
    expect(nodes).toEqual(["gw-a", "gw-b", "gw-d"]);
    expect(report.drains).toEqual([
      { node: "gw-c", from: at(0), connectionsAtStart: 0, ranDryAt: at(0), stillLive: 0 },
    ]);
  });

  it("maxGatewayNodes takes the first by name, and the next when one is drained", async () => {
    const model = await clusterModel({ pods: PODS, gateways: FOUR });
    const [policy] = model.policies;
    const capped = withPolicy(model, { groups: policy!.groups!.map((group) => ({ ...group, maxGatewayNodes: 2 })) });
    expect((await used(capped)).nodes).toEqual(["gw-a", "gw-b"]);
    expect((await used(withNode(capped, "gw-a", { drain: "cordon" }))).nodes).toEqual(["gw-b", "gw-c"]);
  });

  it("a gateway that the status does not call healthy takes none", async () => {
    const model = await clusterModel({ pods: PODS, gateways: FOUR });
    const healthy = ["172.18.0.1", "172.18.0.4"].map((ip) => parseAddress(ip)!);
    const status = {
      activeGatewayIPs: healthy,
      activeGatewayIPsByAZ: new Map(),
      healthyGatewayIPs: healthy,
      egressIPByGatewayIP: new Map(),
    };
    expect((await used(withPolicy(model, { groupStatuses: [status] }))).nodes).toEqual(["gw-a", "gw-d"]);
  });

  it("localOnly keeps connections in their zone, and drops those of pods without one", async () => {
    const zones = { "gw-a": "z1", "gw-b": "z1", "gw-c": "z2", "gw-d": "z3", worker: "z1" };
    const base = withPolicy(await clusterModel({ pods: PODS, gateways: FOUR, worker: "worker" }), {
      azAffinity: "localOnly",
    });
    const zoned: PolicyModel = {
      ...base,
      nodes: base.nodes.map((node) => ({ ...node, zone: zones[node.name as keyof typeof zones] })),
      egresses: base.egresses.map((egress) => ({ ...egress, zone: zones[egress.node as keyof typeof zones] })),
    };
    expect((await used(zoned)).nodes).toEqual(["gw-a", "gw-b"]);
    const { report } = await used(withNode(zoned, "worker", { zone: undefined }));
    expect(report.frames.snat).toBe(0);
    expect(report.reasons["no-egress-gateway"]).toBeGreaterThan(0);
  });
});

describe("a question that is dropped", () => {
  it("has no answer, so a captured one opens nothing under which later questions would leave untranslated", async () => {
    const model = withNode(await clusterModel({ pods: PODS, gateways: { "gw-a": FOUR["gw-a"] } }), "gw-a", {
      drain: "cordon",
    });
    const frames = [...question(0), ...question(SECOND), ...question(2 * SECOND)];
    const { report, endpoint } = await replayFrames(frames, { model });
    expect(report.verification.mismatches).toEqual([]);
    expect(report.reasonActions).toEqual({ "no-egress-gateway": { drop: 3 }, "answer-to-dropped": { skipped: 3 } });
    expect(endpoint).toEqual([]);
  });
});

describe("an egress IP that several nodes may hold", () => {
  it("goes to the next one when its node is down, and takes connections along; when it goes back, those of the next one end", async () => {
    const apart = await clusterModel({ pods: PODS, gateways: { "gw-a": "203.0.113.1", "gw-b": "203.0.113.2" } });
    const shared = parseAddress("203.0.113.1")!;
    const model: PolicyModel = {
      ...apart,
      egresses: apart.egresses.map((egress) =>
        egress.node === "gw-a" ? egress : { ...egress, egressIPv4: undefined, claimsIPv4: shared },
      ),
      policies: apart.policies.map((policy) => ({
        ...policy,
        groups: policy.groups!.map((group) => ({ ...group, egressIP: shared, maxGatewayNodes: 1 })),
      })),
    };
    const script = scenarioOf([
      [2.05, "gw-a", "node-down"],
      [6.05, "gw-a", "node-up"],
    ]);
    const one = talk(talker(PODS, 1), 0, 10 * SECOND, 100_000);
    const { report, external } = await replayFrames(one.frames, { model, ...script });
    expect(report.verification.mismatches).toEqual([]);
    // The tuple stays the same when the address moves and the port is free there, so nothing breaks.
    expect(new Set(external.map(({ bytes }) => bytes.subarray(26, 30).join(".")))).toEqual(new Set(["203.0.113.1"]));
    const leftBy = (from: number, to: number) => {
      const between = ({ number }: { number: number }) => {
        const { us } = one.frames[number - 1]!;
        return us >= from * SECOND && us < to * SECOND;
      };
      return [...new Set(external.filter(between).map(({ interfaceName }) => interfaceName))];
    };
    // Found down at 4 s, up again at 7 s: until then the address stays.
    expect([leftBy(0, 2.05), leftBy(2.05, 4), leftBy(4, 7), leftBy(7, 10)]).toEqual([["gw-a"], [], ["gw-b"], []]);
    // The reply of 4.0 s comes to a node that answers, and has no mapping of it.
    const silent = one.frames.filter(({ us }) => us >= 2.05 * SECOND && us < 4 * SECOND);
    expect(report.frames.lost).toBe(silent.length);
    const late = one.frames.filter(({ us, frame }) => us >= 7 * SECOND && isOutbound(frame, PODS));
    expect(report.reasonActions["no-egress-ip"]).toEqual({ drop: late.length });
    expect(report.connections).toMatchObject({ broken: 0, rebound: 0 });
    expect(report.failovers).toMatchObject([{ node: "gw-a", detectedAt: at(4), brokenConnections: 0 }]);
    expect(report.gateways.map(({ node, egressIP }) => `${node} ${egressIP}`)).toContain("gw-b 203.0.113.1");
    const rows = report.gateways.filter(({ frames }) => frames > 0);
    expect(rows.reduce((sum, { frames }) => sum + frames, 0)).toBe(report.frames.snat);
  });

  it("leaves a healthy node that has another one: its connections break there, and no policy is blamed", async () => {
    const apart = await clusterModel({ pods: PODS, gateways: { "gw-a": "203.0.113.1", "gw-b": "203.0.113.2" } });
    const [a, b] = apart.egresses;
    const shared = a!.egressIPv4!;
    const model: PolicyModel = {
      ...apart,
      egresses: [a!, { ...b!, egressIPv4: undefined, claimsIPv4: shared }, b!],
      policies: apart.policies.map((policy) => {
        const [group] = policy.groups!;
        const groups = [
          { ...group!, egresses: [0, 1], egressIP: shared },
          { ...group!, egresses: [2] },
        ];
        return { ...policy, egresses: [0, 1, 2], groups };
      }),
    };
    const talks = Array.from({ length: 30 }, (_, n) =>
      talk(talker(PODS, n), 5 * SECOND + n * 10_000, 12 * SECOND, 200_000),
    );
    const first = talk(talker(PODS, 77), 0, 12 * SECOND, 900_000);
    const script = scenarioOf([
      [2.05, "gw-a", "node-down"],
      [8.05, "gw-a", "node-up"],
    ]);
    const { report } = await replayFrames(together([first, ...talks]), { model, ...script });
    expect(report.verification.mismatches).toEqual([]);
    const moved = report.broken.filter(({ cause }) => cause === "egress-ip-moved");
    expect(moved.length).toBeGreaterThan(5);
    for (const { from, to } of moved) {
      expect(from).toEqual({ node: "gw-b", egressIP: "203.0.113.1" });
      expect(to).toEqual({ node: "gw-b", egressIP: "203.0.113.2" });
    }
    expect(report.broken.map(({ cause }) => cause)).not.toContain("policy-change");
  });

  it("out of a pool goes to whoever takes new connections; the old holder drops what it has", async () => {
    const base = await clusterModel({ pods: PODS, gateways: FOUR });
    const model: PolicyModel = {
      ...base,
      egresses: base.egresses.map((egress) => ({ ...egress, egressIPv4: undefined })),
      policies: base.policies.map((policy) => ({
        ...policy,
        egressCIDRs: [parsePrefix("203.0.113.64/31")!],
        groups: policy.groups!.map((group) => ({ ...group, maxGatewayNodes: 2 })),
      })),
    };
    const talks = Array.from({ length: 30 }, (_, n) => talk(talker(PODS, n), n * 10_000, 6 * SECOND, 200_000));
    const { report } = await replayFrames(together(talks), { model, ...scenarioOf([[2.05, "gw-a", "drain"]]) });
    expect(report.verification.mismatches).toEqual([]);
    expect(report.reasons["no-egress-ip"]).toBeGreaterThan(0);
    expect(report.gateways.filter(({ egressIP }) => egressIP === "203.0.113.64").map(({ node }) => node)).toEqual([
      "gw-a",
      "gw-c",
    ]);
  });
});

describe("manifests that change in mid-capture", () => {
  const talks = Array.from({ length: 40 }, (_, n) => talk(talker(PODS, n), n * 10_000, 6 * SECOND, 100_000));

  it("take a gateway away: its connections move, the others stay", async () => {
    const model = await clusterModel({ pods: PODS, gateways: FOUR });
    const later = await clusterModel({
      pods: PODS,
      gateways: { "gw-a": FOUR["gw-a"], "gw-b": FOUR["gw-b"], "gw-d": FOUR["gw-d"] },
    });
    const frames = together(talks);
    const before = await replayFrames(frames, { model });
    const { report, external } = await replayFrames(frames, { model, ...scenarioOf([[3.05, later]]) });
    expect(report.verification.mismatches).toEqual([]);
    const gateways = gatewaysOf(frames, before.external);
    const own = talks.filter((one) => gateways.get(nameOf(one)) === "gw-c");
    expect(report.broken).toHaveLength(own.length);
    expect(new Set(report.broken.map(({ from }) => from.node))).toEqual(new Set(["gw-c"]));
    expect(report.failovers).toMatchObject([{ node: "gw-c", event: "remove", at: at(3.05), detectedAt: at(3.05) }]);
    const others = ({ number }: { number: number }) => gateways.get(endpointOf(frames[number - 1]!.frame)) !== "gw-c";
    expect(external.filter(others)).toEqual(before.external.filter(others));
  });

  it("take its label from a gateway: its connections move with their next frame, nothing is lost, the others stay", async () => {
    const model = await clusterModel({ pods: PODS, gateways: FOUR });
    const later = await clusterModel({ pods: PODS, gateways: FOUR, unlabelled: ["gw-c"] });
    const frames = together(talks);
    const before = await replayFrames(frames, { model });
    const { report, external } = await replayFrames(frames, { model, ...scenarioOf([[3.05, later]]) });
    expect(report.verification.mismatches).toEqual([]);
    expect([report.frames.lost, report.failovers]).toEqual([0, []]);
    const gateways = gatewaysOf(frames, before.external);
    const own = talks.filter((one) => gateways.get(nameOf(one)) === "gw-c");
    expect(own.length).toBeGreaterThan(5);
    const nextOf = ({ frames: said }: (typeof own)[number]) =>
      said.find(({ us, frame }) => us >= 3.05 * SECOND && isOutbound(frame, PODS))!.us;
    expect(report.broken.map(({ at: when, cause, from }) => [when, cause, from.node])).toEqual(
      own.map((one) => [at(nextOf(one) / SECOND), "policy-change", "gw-c"]).sort(),
    );
    const others = ({ number }: { number: number }) => gateways.get(endpointOf(frames[number - 1]!.frame)) !== "gw-c";
    expect(external.filter(others)).toEqual(before.external.filter(others));
  });

  it("leave a drain its numbers: each connection counts once, under whatever manifests it began", async () => {
    const gateways = { "gw-a": FOUR["gw-a"], "gw-b": FOUR["gw-b"] };
    const model = await clusterModel({ pods: PODS, gateways });
    const later = await clusterModel({ pods: PODS, gateways, excluded: ["192.0.2.0/24"] });
    const drained = [3.05, "gw-a", "drain"] as const;
    const frames = together(talks);
    const [plain, changed] = [
      await replayFrames(frames, { model, ...scenarioOf([drained]) }),
      await replayFrames(frames, { model, ...scenarioOf([[2.05, later], drained]) }),
    ];
    expect(changed.report.drains).toEqual(plain.report.drains);
    expect(changed.report.drains[0]!.connectionsAtStart).toBeGreaterThan(5);
  });

  it("exclude a destination: its connections go on untranslated", async () => {
    const model = await clusterModel({ pods: PODS, gateways: FOUR });
    const later = await clusterModel({ pods: PODS, gateways: FOUR, excluded: ["198.51.100.3/32"] });
    const { frames } = talk({ ...talker(PODS, 2) }, 0, 6 * SECOND, 100_000);
    const { report } = await replayFrames(frames, { model, ...scenarioOf([[3.05, later]]) });
    expect(report.verification.mismatches).toEqual([]);
    const sent = frames.filter(({ us, frame }) => us > 3.05 * SECOND && isOutbound(frame, PODS));
    expect(report.reasonActions.excluded?.pass).toBeGreaterThanOrEqual(sent.length);
    expect(report.connections).toMatchObject({ broken: 0, rebound: 0 });
  });

  it("bring a pod: before, its address is nobody's", async () => {
    const model = await clusterModel({ pods: PODS });
    const later = await clusterModel({ pods: [...PODS, "10.0.1.99"] });
    const side = { endpoint: "10.0.1.99", port: 30_000 };
    const { frames } = talk(side, 0, 6 * SECOND, 100_000);
    const { report } = await replayFrames(frames, { model, ...scenarioOf([[3.05, later]]) });
    expect(report.verification.mismatches).toEqual([]);
    expect(report.reasons["endpoint-unknown"]).toBe(frames.filter(({ us }) => us < 3.05 * SECOND).length);
    const sent = frames.filter(({ us, frame }) => us > 3.05 * SECOND && isOutbound(frame, ["10.0.1.99"]));
    expect(report.frames.snat).toBe(sent.length);
  });

  it("are programmed after a while: until then the old ones hold, and what is new passes", async () => {
    const model = await clusterModel({ pods: PODS });
    const later = await clusterModel({ pods: [...PODS, "10.0.1.99"] });
    const side = { endpoint: "10.0.1.99", port: 30_000 };
    const { frames } = talk(side, 0, 6 * SECOND, 100_000);
    const script = scenarioOf([[3.05, later]], { propagationMs: 1000 });
    const { report } = await replayFrames(frames, { model, ...script });
    expect(report.verification.mismatches).toEqual([]);
    const sent = (from: number, to: number) =>
      frames.filter(({ us, frame }) => us >= from * SECOND && us < to * SECOND && isOutbound(frame, ["10.0.1.99"]))
        .length;
    expect(report.frames.snat).toBe(1);
    expect(report.reasons["after-break"]).toBeGreaterThanOrEqual(sent(4.05, 6) - 1);
    expect(report.reasons["not-yet-programmed"]).toBeGreaterThanOrEqual(sent(3.05, 4.05));
    // Selected in mid-connection: its own address became the gateway's.
    expect(report.broken).toMatchObject([{ cause: "policy-change", from: { node: "", egressIP: "" } }]);
  });
});
