import { describe, expect, test } from "vitest";
import { GatewayControl } from "../../src/gateway/control.js";
import { EgressRegistry } from "../../src/gateway/egress-registry.js";
import { initiallyDown, initialStatuses } from "../../src/gateway/initial.js";
import { ciliumPolicy, load } from "../config/manifests.js";
import { activeNames, addressesOf, gateway, gateways, haModel, haPolicy, POD, statuses, zoneGroup } from "./cluster.js";

describe("EgressRegistry", () => {
  test("keeps indexes while addresses move back and forth, and appends what is new", () => {
    const model = haModel(["a1", "a2"], { egressCIDRs: ["203.0.113.0/32"] }, { maxGatewayNodes: 1 });
    const control = new GatewayControl(model);
    const members = () => control.picture.model.policies[0]!.egresses;
    expect(members()).toEqual([0, 1]);
    control.update(statuses({ a1: "down" }));
    expect(members()).toEqual([2, 3]);
    expect(control.picture.model.policies[0]!.groups![0]!.egresses).toEqual([2, 3]);
    control.update(statuses({}));
    expect(members()).toEqual([0, 1]);
    expect(control.registry.egresses).toHaveLength(4);
    expect(control.picture.model.egresses).toEqual(control.registry.egresses);
  });

  test("is shared between manifests: equal egresses are one", () => {
    const registry = new EgressRegistry();
    const first = registry.adopt(haModel(["a1", "a2"]));
    const second = registry.adopt(load([POD, gateway("a1", 0), gateway("b1", 8), haPolicy()]));
    expect(first.policies[0]!.egresses).toEqual([0, 1]);
    expect(second.policies[0]!.egresses).toEqual([0, 2]);
    expect(first.egresses).toHaveLength(2);
    expect(second.egresses.map(({ node }) => node)).toEqual(["a1", "a2", "b1"]);
  });

  test("adopts a model that it has adopted as it is", () => {
    const registry = new EgressRegistry();
    const adopted = registry.adopt(haModel(["a1", "a2"]));
    expect(registry.adopt(adopted)).toEqual(adopted);
  });

  test("keeps equal members of a CiliumEgressGatewayPolicy apart: their number decides who uses which", () => {
    const entries = [zoneGroup("a"), zoneGroup("a"), zoneGroup("b")];
    const model = load([POD, ...gateways("a1", "b1"), ciliumPolicy("p", { egressGateways: entries })]);
    expect(new EgressRegistry().adopt(model).policies[0]!.egresses).toEqual([0, 0, 1]);
  });

  test("has what policies point to, nothing else", () => {
    const model = haModel(["a1"]);
    const stray = { ...model, egresses: [...model.egresses, ...model.egresses] };
    expect(new EgressRegistry().adopt(stray).egresses).toEqual(model.egresses);
  });
});

describe("the start", () => {
  const status = { groupStatuses: [{ healthyGatewayIPs: ["172.18.0.2"] }, { healthyGatewayIPs: [] }] };

  test("has gateways down that a list of healthy ones lacks; an empty list says nothing", () => {
    const groups = { egressGroups: [zoneGroup("a"), zoneGroup("b")] };
    const model = load([POD, ...gateways("a1", "a2", "b1"), haPolicy(groups, {}, { status })]);
    expect(initiallyDown(model)).toEqual(["a1"]);
    expect(initiallyDown(haModel(["a1", "a2"]))).toEqual([]);
  });

  test("has a gateway down that one list lacks, whatever other lists say", () => {
    const groups = { egressGroups: [zoneGroup("a"), zoneGroup("a", { interface: "eth1" })] };
    const lists = (...healthy: string[]) => ({
      status: { groupStatuses: healthy.map((address) => ({ healthyGatewayIPs: [address] })) },
    });
    const down = (more: object) => initiallyDown(load([POD, ...gateways("a1"), haPolicy(groups, {}, more)]));
    expect(down(lists("172.18.0.1", "172.18.0.9"))).toEqual(["a1"]);
    expect(down(lists("172.18.0.9", "172.18.0.1"))).toEqual(["a1"]);
    expect(down(lists("172.18.0.1", "172.18.0.1"))).toEqual([]);
  });

  test("has drained and cordoned gateways on standby", () => {
    const nodes = [
      gateway("a1", 0, { annotations: { "sluicegate.io/drain": "true" } }),
      gateway("a2", 1, { unschedulable: true }),
      gateway("a3", 2),
    ];
    const model = load([POD, ...nodes, haPolicy()]);
    const { picture } = new GatewayControl(model);
    expect([...picture.nodes]).toEqual([
      ["a1", "healthy"],
      ["a2", "healthy"],
      ["a3", "active"],
    ]);
    expect(activeNames(picture.model, picture.active, "a")).toEqual(["a3"]);
    expect([...initialStatuses(model)].map(([name, { drained }]) => [name, drained])).toEqual([
      ["a1", true],
      ["a2", true],
      ["a3", false],
    ]);
  });

  test("has the address of a gateway that is down with the one that is active for it", () => {
    const spec = { egressCIDRs: ["203.0.113.0/32"] };
    const policy = haPolicy(spec, { maxGatewayNodes: 1 }, { status });
    const { picture } = new GatewayControl(load([POD, ...gateways("a1", "a2"), policy]));
    expect(addressesOf(picture.model)).toEqual(["a1 -", "a2 203.0.113.0"]);
    expect(activeNames(picture.model, picture.active, "a")).toEqual(["a2"]);
  });
});

describe("GatewayControl", () => {
  test("says whether the policy has to be loaded again, and keeps the model where it has not", () => {
    const control = new GatewayControl(haModel(["a1", "a2"]));
    const { model } = control.picture;
    expect(control.update(statuses({ a1: "drained" }))).toBe(false);
    expect(control.picture.model).toBe(model);
    expect(control.picture.nodes.get("a1")).toBe("healthy");
    expect(activeNames(model, control.picture.active, "a")).toEqual(["a2"]);
  });

  test("changes nothing for a node that is merely suspect", () => {
    const control = new GatewayControl(haModel(["a1", "a2"]));
    const before = control.picture;
    expect(control.update(statuses({ a1: "suspect" }))).toBe(false);
    expect(control.picture).toBe(before);
  });

  test("has a node down that has left the manifests, although nothing was heard against it", () => {
    const control = new GatewayControl(haModel(["a1", "a2"]));
    control.changeModel(load([POD, gateway("a1", 0), haPolicy()]), statuses({ a2: "up" }));
    expect([...control.picture.nodes]).toEqual([
      ["a1", "active"],
      ["a2", "down"],
    ]);
    expect(activeNames(control.picture.model, control.picture.active, "a")).toEqual(["a1"]);
  });

  test("lets a policy keep its addresses when it is edited", () => {
    const spec = { egressCIDRs: ["203.0.113.0/31"] };
    const control = new GatewayControl(haModel(["a1", "a2", "a3"], spec));
    control.update(statuses({ a1: "down" }));
    control.changeModel(haModel(["a1", "a2", "a3"], { ...spec, azAffinity: "localPriority" }), statuses({}));
    expect(addressesOf(control.picture.model)).toEqual(["a1 -", "a2 203.0.113.1", "a3 203.0.113.0"]);
  });

  test("gives an address up that is no longer in the range", () => {
    const control = new GatewayControl(haModel(["a1", "a2"], { egressCIDRs: ["203.0.113.0/31"] }));
    control.changeModel(haModel(["a1", "a2"], { egressCIDRs: ["203.0.113.1/32", "203.0.113.4/32"] }), statuses({}));
    expect(addressesOf(control.picture.model)).toEqual(["a1 203.0.113.4", "a2 203.0.113.1"]);
  });

  test("has a node whose label is removed in no policy any more, though the node itself is up", () => {
    const control = new GatewayControl(haModel(["a1", "a2"]));
    const unlabelled = gateway("a2", 1, { labels: { egress: "no" } });
    control.changeModel(load([POD, gateway("a1", 0), unlabelled, haPolicy()]), statuses({}));
    expect(addressesOf(control.picture.model)).toEqual(["a1 172.18.0.1"]);
    expect(control.picture.nodes.get("a2")).toBe("active");
  });
});
