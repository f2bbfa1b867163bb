import { describe, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import type { FrameObservation } from "../../src/verify/types.js";
import {
  A_DRAINED,
  ALL_UP,
  type Content,
  changed,
  data,
  datagram,
  EGRESS_A,
  EGRESS_B,
  egress,
  model,
  ping,
  Scene,
  seconds,
  standing,
  syn,
} from "./scene.js";

const toB = { as: EGRESS_B };

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

  test("of TCP in mid-stream do not meet a connection that is known, nor a SYN", () => {
    const refused = (content: Content, before = new Scene(), at = 5) =>
      before.fromEndpoint("drop", "no-state", { at, content }).faults;
    expect(refused(data)).toEqual([]);
    expect(refused(syn)).toEqual(["drop-reason at 1"]);
    expect(refused(datagram)).toEqual(["drop-reason at 1"]);
    expect(refused(data, new Scene().snat({ content: syn }))).toEqual(["drop-reason at 2"]);
    expect(refused(data, new Scene().snat({ content: syn }), 8100)).toEqual([]);
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

  test("do not end the connection: that it comes back on another gateway has to be on record", () => {
    const statuses = standing({ "gw-a": { health: "down" }, "gw-b": { drained: true } });
    const refused = new Scene()
      .snat({}, { statuses: ALL_UP })
      .fromEndpoint("drop", "no-egress-gateway", { at: 1 }, { statuses });
    expect(refused.snat({ at: 2, ...toB }, { statuses: ALL_UP, remapped: "failover" }).faults).toEqual([]);
  });

  test("do not end the connection: silence about another tuple is a fault", () => {
    const statuses = standing({ "gw-a": { health: "down" }, "gw-b": { drained: true } });
    const refused = new Scene()
      .snat({}, { statuses: ALL_UP })
      .fromEndpoint("drop", "no-egress-gateway", { at: 1 }, { statuses });
    expect(refused.snat({ at: 2, ...toB }, { statuses: ALL_UP }).faults).toEqual(["tuple-changed at 3"]);
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
