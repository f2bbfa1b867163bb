import { describe, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import type { FrameObservation } from "../../src/verify/types.js";
import {
  data,
  datagram,
  EGRESS_A,
  EGRESS_B,
  egress,
  fin,
  model,
  POD_B,
  ping,
  prefix,
  rst,
  Scene,
  seconds,
  standing,
  syn,
} from "./scene.js";

const A_DOWN = standing({ "gw-a": { health: "down" } });
const A_DRAINED = standing({ "gw-a": { drained: true } });
const ALL_UP = standing({});
const [A_DEAD, B_DEAD, WORKER_DEAD] = ["gw-a", "gw-b", "worker-1"].map((node) => new Set([node]));
const EGRESS_C = "203.0.113.30";
const toB = { as: EGRESS_B };

/** The same cluster, but gw-a has another egress IP. */
function movedAddress(): PolicyModel {
  return model({ egresses: [egress("gw-a", EGRESS_C), egress("gw-b", EGRESS_B)] });
}

function changed(scene: Scene, m: PolicyModel, at = 1): Scene {
  scene.verifier.policiesChanged(m, seconds(at));
  return scene;
}

function forgot(scene: Scene, ...nodes: string[]): Scene {
  for (const node of nodes) scene.verifier.nodeLost(node);
  return scene;
}

describe("a new connection", () => {
  test("goes to a gateway that takes new ones, not to one that is drained, without agent, or down", () => {
    expect(new Scene().snat({}, { statuses: A_DRAINED }).faults).toEqual(["egress-active at 1"]);
    expect(new Scene().snat(toB, { statuses: A_DRAINED }).faults).toEqual([]);
    const statuses = standing({ "gw-a": { agent: "down" } });
    expect(new Scene().snat({}, { statuses }).faults).toEqual(["egress-active at 1"]);
    expect(new Scene().snat({}, { statuses: A_DOWN }).faults).toEqual(["egress-healthy at 1"]);
    expect(new Scene().snat({}, { statuses: standing({ "gw-a": { removed: true } }) }).faults).toEqual([
      "egress-healthy at 1",
    ]);
    expect(new Scene().snat({}, { statuses: standing({ "gw-a": { health: "suspect" } }) }).faults).toEqual([]);
  });

  test("goes to none beyond the cap of its group", () => {
    const group = { egresses: [0, 1], maxGatewayNodes: 1, interfaceName: undefined, egressIP: undefined };
    const capped = model({ policies: [{ groups: [group] }] });
    expect(new Scene(capped).snat().faults).toEqual([]);
    expect(new Scene(capped).snat(toB).faults).toEqual(["egress-active at 1"]);
    expect(new Scene(capped).snat(toB, { statuses: A_DOWN }).faults).toEqual([]);
  });

  test("under a CiliumEgressGatewayPolicy asks for nobody's health", () => {
    const plain = model({ policies: [{ kind: "CiliumEgressGatewayPolicy", egresses: [0] }] });
    for (const statuses of [A_DOWN, A_DRAINED]) expect(new Scene(plain).snat({}, { statuses }).faults).toEqual([]);
    expect(new Scene(plain).snat({}, { unreachable: A_DEAD }).faults).toEqual(["gateway-unreachable at 1"]);
  });
});

describe("a pinned connection", () => {
  test("stays while its gateway is healthy, whoever takes new ones", () => {
    const stays = new Scene().snat({}, { statuses: ALL_UP }).snat({ at: 1 }, { statuses: A_DRAINED });
    expect(stays.faults).toEqual([]);
    const leaves = new Scene().snat().snat({ at: 1, ...toB }, { statuses: A_DRAINED, remapped: "failover" });
    expect(leaves.faults).toEqual(["pin-moved at 2", "remap-cause at 2"]);
  });

  test("must not stay once its gateway is down: told once, at its next frame", () => {
    const stays = new Scene().snat().snat({ at: 1 }, { statuses: A_DOWN }).snat({ at: 2 }, { statuses: A_DOWN });
    expect(stays.faults).toEqual(["egress-healthy at 2"]);
    const leaves = new Scene().snat().snat({ at: 1, ...toB }, { statuses: A_DOWN, remapped: "failover" });
    expect(leaves.faults).toEqual([]);
  });

  test("may go elsewhere when its gateway was down in between, though no frame showed it", () => {
    const moved = { at: 5, ...toB };
    const scene = () => new Scene().snat({}, { statuses: ALL_UP });
    const flapped = scene();
    flapped.verifier.statusesChanged(A_DOWN);
    flapped.verifier.statusesChanged(ALL_UP);
    expect(flapped.snat(moved, { statuses: ALL_UP, remapped: "failover" }).faults).toEqual([]);
    expect(scene().snat(moved, { statuses: ALL_UP, remapped: "failover" }).faults).toEqual([
      "pin-moved at 2",
      "remap-cause at 2",
    ]);
  });

  test("goes, when it must, to a gateway that takes new ones", () => {
    const statuses = standing({ "gw-a": { health: "down" }, "gw-b": { drained: true } });
    const scene = new Scene()
      .snat({}, { statuses: ALL_UP })
      .snat({ at: 1, ...toB }, { statuses, remapped: "failover" });
    expect(scene.faults).toEqual(["egress-active at 2"]);
  });

  test("stays on a gateway that only lost its memory, with whatever tuple that gives it now", () => {
    const restarted = () => forgot(new Scene().snat(), "gw-a");
    expect(restarted().snat({ at: 1 }).faults).toEqual([]);
    expect(restarted().snat({ at: 1, natPort: 40001 }, { remapped: "gateway-restart" }).faults).toEqual([]);
    expect(restarted().snat({ at: 1, natPort: 40001 }).faults).toEqual(["tuple-changed at 2"]);
    expect(restarted().snat({ at: 1, ...toB }, { remapped: "failover" }).faults).toEqual([
      "pin-moved at 2",
      "remap-cause at 2",
    ]);
  });

  test("is judged anew under another model: it stays on a member that has its address, else on its gateway", () => {
    expect(changed(new Scene().snat(), model()).snat({ at: 2 }).faults).toEqual([]);
    expect(changed(new Scene().snat(), model()).snat({ at: 2, ...toB }, { remapped: "policy-change" }).faults).toEqual([
      "pin-moved at 2",
      "remap-cause at 2",
    ]);
    const moved = () => changed(new Scene().snat(), movedAddress());
    const withC = { at: 2, as: EGRESS_C, egress: 0 };
    expect(moved().snat(withC, { remapped: "egress-ip-moved" }).faults).toEqual([]);
    expect(moved().snat({ at: 2, ...toB }, { remapped: "egress-ip-moved" }).faults).toEqual(["pin-moved at 2"]);
    expect(moved().snat({ at: 2 }).faults).toEqual(["egress-address at 2"]);
    const onlyB = changed(new Scene().snat(), model({ policies: [{ egresses: [1] }] }));
    expect(onlyB.snat({ at: 2, ...toB }, { remapped: "policy-change" }).faults).toEqual([]);
  });

  test("under a CiliumEgressGatewayPolicy follows the policy, not its pin", () => {
    const plain = (egresses: number[]) => model({ policies: [{ kind: "CiliumEgressGatewayPolicy", egresses }] });
    const scene = changed(new Scene(plain([0])).snat(), plain([1]));
    expect(scene.snat({ at: 2, ...toB }, { remapped: "policy-change" }).faults).toEqual([]);
  });
});

describe("a remapping", () => {
  const start = () => new Scene().snat({}, { statuses: ALL_UP });

  test("has a cause that happened", () => {
    const port = { at: 2, natPort: 40001 };
    for (const remapped of ["gateway-restart", "failover", "policy-change", "egress-ip-moved", "banana"]) {
      expect(start().snat(port, { remapped, statuses: ALL_UP }).faults).toEqual(["remap-cause at 2"]);
    }
    expect(forgot(start(), "gw-b").snat(port, { remapped: "gateway-restart", statuses: ALL_UP }).faults).toEqual([
      "remap-cause at 2",
    ]);
    expect(start().snat({ at: 2, ...toB }, { remapped: "gateway-restart", statuses: A_DOWN }).faults).toEqual([
      "remap-cause at 2",
    ]);
    expect(start().snat({ at: 2, ...toB }, { remapped: "policy-change", statuses: A_DOWN }).faults).toEqual([
      "remap-cause at 2",
    ]);
  });

  test("by a change of policies or addresses is one that concerns the connection", () => {
    const port = { at: 2, natPort: 40001 };
    for (const remapped of ["policy-change", "egress-ip-moved"]) {
      expect(changed(new Scene().snat(), model()).snat(port, { remapped }).faults).toEqual(["remap-cause at 2"]);
    }
    const before = changed(new Scene(), movedAddress(), 0).snat({ as: EGRESS_C, egress: 0 });
    expect(
      before.snat({ at: 2, as: EGRESS_C, natPort: 40001, egress: 0 }, { remapped: "egress-ip-moved" }).faults,
    ).toEqual(["remap-cause at 2"]);
  });

  test("changes the tuple", () => {
    const statuses = A_DOWN;
    expect(forgot(start(), "gw-a").snat({ at: 2 }, { remapped: "gateway-restart", statuses: ALL_UP }).faults).toEqual([
      "remap-cause at 2",
    ]);
    expect(start().snat({ at: 2, ...toB }, { remapped: "failover", statuses }).faults).toEqual([]);
  });

  test("concerns a connection that was translated before, or one that a policy has newly selected", () => {
    expect(new Scene().snat({}, { remapped: "failover" }).faults).toEqual(["remap-cause at 1"]);
    expect(new Scene().snat({}, { remapped: "policy-change" }).faults).toEqual(["remap-cause at 1"]);
    const none = model({ policies: [{ destinations: [prefix("192.0.2.0/24")] }] });
    const selected = changed(new Scene(none).fromEndpoint("pass", "no-policy"), model());
    expect(selected.snat({ at: 2 }, { remapped: "policy-change" }).faults).toEqual([]);
    expect(new Scene(model(), { resumed: true }).snat({}, { remapped: "failover" }).faults).toEqual([]);
  });

  test("is on record for a connection that surely goes on, not for one that may have ended", () => {
    const udp = { content: datagram };
    const later = (at: number, more: Partial<FrameObservation> = {}) =>
      new Scene().snat(udp, { statuses: ALL_UP }).snat({ ...udp, at, ...toB }, { statuses: A_DOWN, ...more }).faults;
    expect(later(5)).toEqual(["tuple-changed at 2"]);
    expect(later(5, { remapped: "failover" })).toEqual([]);
    expect(later(61)).toEqual([]);
    expect(later(5, { evictions: 1 })).toEqual([]);
  });
});

describe("a dead node", () => {
  test("translates nothing, in either direction, and nothing of its endpoints is translated", () => {
    expect(new Scene().snat({}, { unreachable: A_DEAD }).faults).toEqual(["gateway-unreachable at 1"]);
    expect(new Scene().snat({}, { unreachable: B_DEAD }).faults).toEqual([]);
    expect(new Scene().snat().reverse({}, { unreachable: A_DEAD }).faults).toEqual(["gateway-unreachable at 2"]);
    expect(new Scene().snat({}, { unreachable: WORKER_DEAD }).faults).toEqual(["endpoint-unreachable at 1"]);
    expect(new Scene().snat().reverse({}, { unreachable: WORKER_DEAD }).faults).toEqual(["endpoint-unreachable at 2"]);
  });

  test("that is a gateway loses the frames sent to it, and only those", () => {
    const lost = (egressIndex: number, unreachable?: ReadonlySet<string>, reason = "gateway-down") =>
      new Scene().fromEndpoint("lost", reason, {}, { egress: egressIndex, ...(unreachable && { unreachable }) });
    expect(lost(0, A_DEAD).result).toMatchObject({ ok: true, notes: { lost: 1 } });
    for (const wrong of [lost(1, A_DEAD), lost(0), lost(-1, A_DEAD), lost(0, A_DEAD, "node-down"), lost(0, A_DEAD, "")])
      expect(wrong.faults).toEqual(["lost-reason at 1"]);
  });

  test("loses no frame that its gateway's choice forbids to send there", () => {
    const lost = (more: Partial<FrameObservation>) => ({ egress: 0, unreachable: A_DEAD, ...more });
    const sent = (more: Partial<FrameObservation>) =>
      new Scene().fromEndpoint("lost", "gateway-down", {}, lost(more)).faults;
    expect(sent({ statuses: A_DRAINED })).toEqual(["egress-active at 1"]);
    expect(sent({ statuses: A_DOWN })).toEqual(["egress-healthy at 1"]);
    const pinned = new Scene().snat(toB).fromEndpoint("lost", "gateway-down", { at: 1 }, lost({}));
    expect(pinned.faults).toEqual(["pin-moved at 2"]);
    const onlyB = model({ policies: [{ egresses: [1] }] });
    expect(new Scene(onlyB).fromEndpoint("lost", "gateway-down", {}, lost({})).faults).toEqual([
      "egress-eligible at 1",
    ]);
    const excluded = new Scene().fromEndpoint("lost", "gateway-down", { to: "198.51.77.5" }, lost({}));
    expect(excluded.faults).toEqual(["decision at 1"]);
    const unknown = new Scene().fromEndpoint("lost", "gateway-down", { from: "10.1.3.3" }, lost({}));
    expect(unknown.faults).toEqual(["lost-reason at 1"]);
  });

  test("may get what a pinned connection sends while it only lost its memory, and keeps the pin", () => {
    const scene = forgot(new Scene().snat({}, { statuses: A_DRAINED, egress: 0 }), "gw-a");
    expect(scene.faults).toEqual(["egress-active at 1"]);
    const statuses = A_DRAINED;
    scene.fromEndpoint("lost", "gateway-down", { at: 1 }, { egress: 0, unreachable: A_DEAD, statuses });
    scene.snat({ at: 2, natPort: 40001 }, { remapped: "gateway-restart", statuses });
    expect(scene.faults).toEqual(["egress-active at 1"]);
  });

  test("takes over the pin of a connection whose gateway was found down", () => {
    const onB = { at: 2, ...toB };
    const scene = () =>
      new Scene()
        .snat({}, { statuses: ALL_UP })
        .fromEndpoint("lost", "gateway-down", { at: 1 }, { egress: 1, unreachable: B_DEAD, statuses: A_DOWN });
    expect(scene().snat(onB, { remapped: "gateway-restart", statuses: A_DOWN }).faults).toEqual([]);
    expect(scene().snat(onB, { remapped: "gateway-restart", statuses: ALL_UP }).faults).toEqual([]);
    expect(scene().snat({ at: 2 }, { statuses: ALL_UP }).faults).toEqual(["pin-moved at 3"]);
    const bDown = standing({ "gw-b": { health: "down" } });
    expect(scene().snat({ at: 2, natPort: 40001 }, { remapped: "failover", statuses: bDown }).faults).toEqual([]);
  });

  test("leaves open what a lost FIN, RST or first segment made of the connection", () => {
    const lost = { egress: 0, unreachable: A_DEAD };
    for (const content of [fin, rst]) {
      const scene = new Scene().snat().fromEndpoint("lost", "gateway-down", { at: 1, content }, lost);
      expect(scene.snat({ at: 15, ...toB }).faults).toEqual([]);
    }
    const opening = new Scene()
      .snat({ content: syn })
      .fromEndpoint("lost", "gateway-down", { at: 1, content: data }, lost);
    expect(opening.snat({ at: 100 }, { statuses: A_DRAINED }).faults).toEqual([]);
  });

  test("that endpoints run on loses their frames and the replies to them", () => {
    const down = { unreachable: WORKER_DEAD };
    expect(new Scene().fromEndpoint("lost", "node-down", {}, down).faults).toEqual([]);
    expect(new Scene().fromEndpoint("lost", "node-down", {}, { unreachable: B_DEAD }).faults).toEqual([
      "lost-reason at 1",
    ]);
    expect(new Scene().snat().fromNetwork("lost", "node-down", {}, down).faults).toEqual([]);
    expect(new Scene().snat().fromNetwork("lost", "node-down", {}, { unreachable: A_DEAD }).faults).toEqual([
      "lost-reason at 2",
    ]);
  });

  test("loses the replies to the connections that it holds, in both views", () => {
    const lost = (unreachable: ReadonlySet<string>, more: Partial<FrameObservation> = {}, as?: string) =>
      new Scene()
        .snat()
        .fromNetwork("lost", "gateway-down", { at: 1, ...(as !== undefined && { as }) }, { unreachable, ...more })
        .faults;
    expect(lost(A_DEAD)).toEqual([]);
    expect(lost(B_DEAD)).toEqual(["lost-reason at 2"]);
    const reply = new Scene().snat().reverse().last.given;
    const network = { view: "network" as const, captured: reply, given: reply, result: reply };
    expect(lost(A_DEAD, network)).toEqual([]);
    expect(lost(B_DEAD, network)).toEqual(["lost-reason at 2"]);
    const stray = new Scene().fromNetwork("lost", "gateway-down", {}, { unreachable: A_DEAD });
    expect(stray.faults).toEqual(["lost-reason at 1"]);
    expect(new Scene().snat().fromNetwork("lost", "table-full", {}, { unreachable: A_DEAD }).faults).toEqual([
      "lost-reason at 2",
    ]);
  });
});

describe("an engine that started from a saved state", () => {
  const resumed = () => new Scene(model(), { resumed: true });

  test("may have connections on gateways that take no new ones, and lose replies to them", () => {
    expect(resumed().snat({}, { statuses: A_DRAINED }).faults).toEqual([]);
    expect(resumed().snat({}, { statuses: A_DOWN }).faults).toEqual(["egress-healthy at 1"]);
    expect(resumed().fromNetwork("lost", "gateway-down", {}, { unreachable: A_DEAD }).faults).toEqual([]);
    expect(resumed().fromEndpoint("lost", "gateway-down", {}, { egress: 1, unreachable: A_DEAD }).faults).toEqual([
      "lost-reason at 1",
    ]);
  });
});

describe("lost memory", () => {
  test("of a gateway restores no reply before the endpoint sent again", () => {
    expect(forgot(new Scene().snat(), "gw-a").reverse({ at: 1 }).faults).toEqual(["mapping-lost at 2"]);
    expect(forgot(new Scene().snat(), "gw-b").reverse({ at: 1 }).faults).toEqual([]);
    expect(forgot(new Scene().snat(), "gw-a").snat({ at: 1 }).reverse({ at: 1 }).faults).toEqual([]);
    const moved = new Scene()
      .snat({}, { statuses: ALL_UP })
      .fromEndpoint("lost", "gateway-down", { at: 1 }, { egress: 1, unreachable: B_DEAD, statuses: A_DOWN });
    expect(moved.reverse({ at: 2 }, { statuses: ALL_UP }).faults).toEqual(["mapping-lost at 3"]);
  });

  test("of a gateway refuses replies without fault, and frees its external tuples", () => {
    const refused = forgot(new Scene().snat(), "gw-a").fromNetwork("drop", "no-reverse-mapping", {
      at: 1,
      as: EGRESS_A,
    });
    expect(refused.result).toMatchObject({ ok: true, notes: { "reply while its mapping may have ended": 1 } });
    expect(forgot(new Scene().snat(), "gw-a").snat({ at: 1, from: POD_B }).faults).toEqual([]);
    expect(forgot(new Scene().snat(), "gw-b").snat({ at: 1, from: POD_B }).faults).toEqual(["tuple-shared at 2"]);
  });

  test("of an endpoint's node ends its connections: what comes later begins new ones", () => {
    const ended = () => forgot(new Scene().snat(), "worker-1");
    expect(ended().snat({ at: 1, natPort: 40001 }).faults).toEqual([]);
    expect(ended().snat({ at: 1, ...toB }).faults).toEqual([]);
    expect(ended().snat({ at: 1 }, { statuses: A_DRAINED }).faults).toEqual(["egress-active at 2"]);
    expect(ended().snat({ at: 1, natPort: 40001 }, { remapped: "failover" }).faults).toEqual(["remap-cause at 2"]);
    expect(ended().reverse({ at: 1 }).faults).toEqual(["mapping-lost at 2"]);
    expect(ended().fromNetwork("drop", "no-reverse-mapping", { at: 1, as: EGRESS_A }).faults).toEqual([]);
  });

  test("of an endpoint's node ends what the remote had opened: its answers are no answers any more", () => {
    const inbound = { port: 9000, toPort: 51000 };
    const open = () => new Scene().fromNetwork("pass", "inbound", { ...inbound, content: syn });
    const answer = { ...inbound, at: 1 };
    expect(open().fromEndpoint("pass", "reply-of-inbound", answer).faults).toEqual([]);
    expect(forgot(open(), "worker-1").fromEndpoint("pass", "reply-of-inbound", answer).faults).toEqual(["leak at 2"]);
    expect(open().snat({ ...answer, natPort: 50000 }).faults).toEqual(["inbound-translated at 2"]);
    expect(forgot(open(), "worker-1").snat({ ...answer, natPort: 50000 }).faults).toEqual([]);
  });
});

describe("refusals", () => {
  const drop = (reason: string, more: Partial<FrameObservation>, m = model()) =>
    new Scene(m).fromEndpoint("drop", reason, {}, more).faults;

  test("for want of a gateway hold only where no gateway takes new connections", () => {
    expect(drop("no-egress-gateway", {})).toEqual(["drop-reason at 1"]);
    expect(drop("no-egress-gateway", { statuses: A_DRAINED })).toEqual(["drop-reason at 1"]);
    const statuses = standing({ "gw-a": { drained: true }, "gw-b": { health: "down" } });
    expect(drop("no-egress-gateway", { statuses })).toEqual([]);
    const zoned = model({ policies: [{ azAffinity: "localOnly" }] });
    expect(drop("no-egress-gateway", {}, zoned)).toEqual([]);
  });

  test("for want of a gateway do not meet a connection whose gateway is healthy", () => {
    const statuses = standing({ "gw-a": { drained: true }, "gw-b": { health: "down" } });
    const refused = (at: number) =>
      new Scene()
        .snat({ content: datagram }, { statuses: ALL_UP })
        .fromEndpoint("drop", "no-egress-gateway", { at, content: datagram }, { statuses }).faults;
    expect(refused(5)).toEqual(["drop-reason at 2"]);
    expect(refused(61)).toEqual([]);
  });

  test("for want of an egress IP hold only where a gateway that may be chosen has none", () => {
    const lacking = model({
      egresses: [{ ...egress("gw-a", EGRESS_A), egressIPv4: undefined }, egress("gw-b", EGRESS_B)],
    });
    expect(drop("no-egress-ip", {}, lacking)).toEqual([]);
    expect(drop("no-egress-ip", { statuses: A_DRAINED }, lacking)).toEqual(["drop-reason at 1"]);
    const pinned = new Scene(lacking).snat(toB).fromEndpoint("drop", "no-egress-ip", { at: 1 });
    expect(pinned.faults).toEqual(["drop-reason at 2"]);
  });

  test("end the connection: it may come back on another gateway", () => {
    const statuses = standing({ "gw-a": { health: "down" }, "gw-b": { drained: true } });
    const refused = new Scene()
      .snat({}, { statuses: ALL_UP })
      .fromEndpoint("drop", "no-egress-gateway", { at: 1 }, { statuses });
    expect(refused.snat({ at: 2, ...toB }, { statuses: ALL_UP }).faults).toEqual([]);
  });

  test("for want of a port count those of the gateways that may be chosen", () => {
    const full = model({ snatPorts: { low: 40000, high: 40000 } });
    const refuse = (statuses: FrameObservation["statuses"]) =>
      new Scene(full)
        .snat({ content: datagram })
        .fromEndpoint("drop", "no-nat-mapping", { port: 2, content: datagram }, { ...(statuses && { statuses }) })
        .faults;
    expect(refuse(standing({ "gw-b": { drained: true } }))).toEqual([]);
    expect(refuse(A_DRAINED)).toEqual(["refused-while-free at 2"]);
    expect(new Scene(full).snat({ content: ping, port: 3 }).faults).toEqual([]);
  });
});

describe("programming delay", () => {
  /** The pod exists since second 0; its policy waits to be programmed or does not. */
  function waiting(isWaiting = true, isNew = true): PolicyModel {
    const m = model({ endpoints: [{ fromNs: isNew ? seconds(0) : undefined }] });
    const entries = m.policySets[0].entries.map((entry) =>
      isWaiting && !entry.excluded ? { ...entry, notYet: true } : entry,
    );
    return { ...m, policySets: [{ entries }] };
  }
  const early = (m: PolicyModel, propagationMs?: number) =>
    new Scene(m, propagationMs === undefined ? {} : { propagationMs }).fromEndpoint("pass", "not-yet-programmed", {
      at: 1,
    });

  test("excuses frames of a pod for as long as the scenario says, and no longer", () => {
    expect(early(waiting(), 2000).result).toMatchObject({ ok: true, notes: { "not-yet-programmed": 1 } });
    expect(early(waiting(), 1000).faults).toEqual(["leak at 1"]);
    expect(early(waiting()).faults).toEqual(["leak at 1"]);
    expect(early(waiting(false), 2000).faults).toEqual(["leak at 1"]);
    expect(early(waiting(true, false), 2000).faults).toEqual(["leak at 1"]);
  });

  test("begins anew with other policies, not with other addresses", () => {
    const pass = (m: PolicyModel) =>
      changed(new Scene(model(), { propagationMs: 2000 }), m, 9).fromEndpoint("pass", "not-yet-programmed", { at: 10 });
    expect(pass(waiting(true, false)).faults).toEqual([]);
    const m = waiting(true, false);
    const scene = changed(
      changed(new Scene(model(), { propagationMs: 2000 }), m, 1),
      { ...m, egresses: [...m.egresses] },
      9,
    );
    expect(scene.fromEndpoint("pass", "not-yet-programmed", { at: 10 }).faults).toEqual(["leak at 1"]);
  });

  test("translates nothing before, and what waits hides nothing that is excluded", () => {
    const scene = () => new Scene(waiting(), { propagationMs: 2000 });
    expect(scene().snat({ at: 1 }).faults).toEqual(["decision at 1"]);
    expect(scene().fromEndpoint("pass", "no-policy", { at: 1 }).faults).toEqual(["decision at 1"]);
    expect(scene().fromEndpoint("pass", "excluded", { at: 1, to: "198.51.77.5" }).faults).toEqual([]);
    expect(scene().fromEndpoint("pass", "not-yet-programmed", { at: 1, to: "198.51.77.5" }).faults).toEqual([
      "decision at 1",
    ]);
  });

  test("ends what was translated before: a connection that left untranslated is remapped at its next frame", () => {
    const scene = changed(new Scene(model(), { propagationMs: 2000 }).snat(), waiting(), 1);
    scene.fromEndpoint("pass", "not-yet-programmed", { at: 2 });
    expect(changed(scene, model(), 3).snat({ at: 4, ...toB }, { remapped: "policy-change" }).faults).toEqual([]);
  });
});
