import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GatewayControl } from "../../src/gateway/control.js";
import { formatAddress } from "../../src/net/address.js";
import { ciliumPolicy, load } from "../config/manifests.js";
import {
  addressesOf,
  gateway,
  gateways,
  haModel,
  haPolicy,
  membersOf,
  POD,
  statuses,
  WORDS,
  type Word,
} from "./cluster.js";

const THREE = ["a1", "b1", "x1"];
const SHARED = { egressIP: "203.0.113.7" };

function holders(control: GatewayControl): string[] {
  return addressesOf(control.picture.model).filter((text) => !text.endsWith("-"));
}

describe("an egressIP of several gateways", () => {
  test("is on the first healthy one by name, comes back on its return, and stays while that is drained", () => {
    const control = new GatewayControl(haModel(THREE, {}, SHARED));
    const withStates = (words: Record<string, Word>) => {
      const hasMoved = control.update(statuses(words));
      return [hasMoved, ...holders(control)];
    };
    expect(holders(control)).toEqual(["a1 203.0.113.7"]);
    expect(withStates({ a1: "suspect" })).toEqual([false, "a1 203.0.113.7"]);
    expect(withStates({ a1: "down" })).toEqual([true, "b1 203.0.113.7"]);
    expect(withStates({ a1: "down", b1: "drained" })).toEqual([false, "b1 203.0.113.7"]);
    expect(withStates({ a1: "removed", b1: "down" })).toEqual([true, "x1 203.0.113.7"]);
    expect(withStates({ a1: "agent-down" })).toEqual([true, "a1 203.0.113.7"]);
  });

  test("is claimed by the others, who drop their traffic: they stay active", () => {
    const { picture } = new GatewayControl(haModel(THREE, {}, SHARED));
    const claims = membersOf(picture.model).map(({ claimsIPv4 }) => claimsIPv4 && formatAddress(claimsIPv4));
    expect(claims).toEqual([undefined, "203.0.113.7", "203.0.113.7"]);
    expect(picture.active[0]!.byZone.get(undefined)).toEqual([0, 1, 2]);
  });

  test("stays where it was while nobody is healthy", () => {
    const control = new GatewayControl(haModel(THREE, {}, SHARED));
    control.update(statuses({ a1: "down" }));
    expect(control.update(statuses({ a1: "down", b1: "down", x1: "down" }))).toBe(false);
    expect(holders(control)).toEqual(["b1 203.0.113.7"]);
  });

  test("never moves where only a CiliumEgressGatewayPolicy names it, and does where a group names it too", () => {
    const fixed = (name: string) => ({ nodeSelector: { matchLabels: { name } }, ...SHARED });
    const nodes = ["a1", "b1"].map((name, index) => gateway(name, index, { labels: { name } }));
    const plain = ciliumPolicy("plain", { egressGateways: [fixed("a1"), fixed("b1")] });
    const down = statuses({ a1: "down" });
    const alone = new GatewayControl(load([POD, ...nodes, plain]));
    expect(alone.update(down)).toBe(false);
    expect(holders(alone)).toEqual(["a1 203.0.113.7"]);
    const mixed = new GatewayControl(load([POD, ...nodes, plain, haPolicy({}, SHARED)]));
    expect(mixed.update(down)).toBe(true);
    expect([0, 1].map((policy) => addressesOf(mixed.picture.model, policy))).toEqual([
      ["a1 -", "b1 203.0.113.7"],
      ["a1 -", "b1 203.0.113.7"],
    ]);
  });

  test("moves by family where devices tell which nodes have it", () => {
    const annotations = (addresses: string) => ({ "sluicegate.io/interfaces": `{"eth1":[${addresses}]}` });
    const both = '"203.0.113.7/24","2001:db8::7/64"';
    const nodes = [
      gateway("a1", 0, { annotations: annotations(both) }),
      gateway("b1", 1, { annotations: annotations('"203.0.113.8/24","2001:db8::7/64"') }),
    ];
    const spec = { destinationCIDRs: ["0.0.0.0/0", "::/0"] };
    const control = new GatewayControl(load([POD, ...nodes, haPolicy(spec, { interface: "eth1" })]));
    expect(addressesOf(control.picture.model, 0, 6)).toEqual(["a1 2001:db8::7", "b1 -"]);
    control.update(statuses({ a1: "down" }));
    expect(addressesOf(control.picture.model, 0, 6)).toEqual(["a1 -", "b1 2001:db8::7"]);
    expect(addressesOf(control.picture.model)).toEqual(["a1 203.0.113.7", "b1 203.0.113.8"]);
  });

  test("hangs on present statuses alone as soon as anybody is healthy", () => {
    const names = ["a1", "a2", "b1", "x1"];
    const step = fc.array(fc.constantFrom(...WORDS), { minLength: names.length, maxLength: names.length });
    const model = haModel(names, {}, SHARED);
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
        const control = new GatewayControl(model);
        for (const list of steps) {
          const words = Object.fromEntries(names.map((name, index) => [name, list[index]!]));
          control.update(statuses(words));
          const healthy = names.filter((_, index) => list[index] !== "down" && list[index] !== "removed");
          expect(holders(control)).toHaveLength(1);
          if (healthy.length > 0) expect(holders(control)).toEqual([`${healthy[0]} 203.0.113.7`]);
        }
      }),
    );
  });
});

test("an address of one gateway alone stays with it, whatever its health", () => {
  const control = new GatewayControl(load([POD, ...gateways("a1", "b1"), haPolicy()]));
  expect(control.update(statuses({ a1: "down" }))).toBe(false);
  expect(addressesOf(control.picture.model)).toEqual(["a1 172.18.0.1", "b1 172.18.0.2"]);
});
