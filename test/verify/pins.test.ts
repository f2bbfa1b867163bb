import { describe, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import type { FrameObservation } from "../../src/verify/types.js";
import {
  A_DOWN,
  A_DRAINED,
  ALL_UP,
  changed,
  datagram,
  EGRESS_A,
  EGRESS_B,
  EGRESS6_A,
  egress,
  forgot,
  model,
  type Out,
  POD6,
  prefix,
  REMOTE6,
  Scene,
  standing,
} from "./scene.js";

const toB = { as: EGRESS_B };
const EGRESS_C = "203.0.113.30";

/** The same cluster, but gw-a has another egress IP. */
function movedAddress(): PolicyModel {
  return model({ egresses: [egress("gw-a", EGRESS_C), egress("gw-b", EGRESS_B)] });
}

const A_DEAD = new Set(["gw-a"]);

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

  test("may be on any member of its gateway that has its address in the connection's family", () => {
    const egresses = [egress("gw-a", EGRESS_C, EGRESS6_A), egress("gw-a", EGRESS_A, EGRESS6_A)];
    const stays = (out: Out) => changed(new Scene(model({ egresses })).snat(out), model({ egresses })).snat(out).faults;
    expect(stays({ from: POD6, to: REMOTE6, egress: 1 })).toEqual([]);
    const leaves = changed(new Scene(model({ egresses })).snat({ egress: 1 }), model({ egresses }));
    expect(leaves.snat({ as: EGRESS_C, egress: 0 }, { remapped: "policy-change" }).faults).toContain("pin-moved at 2");
  });

  test("under a CiliumEgressGatewayPolicy follows the policy, not its pin", () => {
    const plain = (egresses: number[]) => model({ policies: [{ kind: "CiliumEgressGatewayPolicy", egresses }] });
    const scene = changed(new Scene(plain([0])).snat(), plain([1]));
    expect(scene.snat({ at: 2, ...toB }, { remapped: "policy-change" }).faults).toEqual([]);
  });

  test("to a gateway that is down, by a policy that knows no health, is one no more under a policy that does", () => {
    const plain = model({ policies: [{ kind: "CiliumEgressGatewayPolicy", egresses: [0] }] });
    const moved = (before: typeof A_DOWN) => {
      const scene = changed(new Scene(plain).snat({}, { statuses: before }), model());
      return scene.snat({ at: 2, ...toB }, { statuses: ALL_UP, remapped: "policy-change" }).faults;
    };
    expect(moved(A_DOWN)).toEqual([]);
    expect(moved(ALL_UP)).toEqual(["pin-moved at 2", "remap-cause at 2"]);
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
