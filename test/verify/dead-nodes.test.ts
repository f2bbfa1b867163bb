import { describe, expect, test } from "vitest";
import type { FrameObservation } from "../../src/verify/types.js";
import {
  A_DOWN,
  A_DRAINED,
  ALL_UP,
  data,
  EGRESS_A,
  EGRESS_B,
  fin,
  forgot,
  model,
  POD_B,
  rst,
  Scene,
  standing,
  syn,
} from "./scene.js";

const toB = { as: EGRESS_B };
const [A_DEAD, B_DEAD, WORKER_DEAD] = ["gw-a", "gw-b", "worker-1"].map((node) => new Set([node]));

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
