import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Endpoint, PolicyModel } from "../../src/config/types.js";
import { compilePolicy } from "../../src/engine/blob.js";
import { GatewayControl } from "../../src/gateway/control.js";
import { delayedOwnership, programmingModel } from "../../src/gateway/propagation.js";
import { formatAddress, parseAddress, prefixContains } from "../../src/net/address.js";
import { GATEWAY_LABELS, groupPolicy, load, pod } from "../config/manifests.js";
import { addressesOf, gateway, gateways } from "./cluster.js";

const GATEWAYS = gateways("a1", "b1");
const named = (name: string) => ({ matchLabels: { name } });

/** A policy for pods with label `name`, or all. */
function policy(name: string, destinationCIDRs: readonly string[], more: { only?: string; excluded?: string[] } = {}) {
  const selectors = [{ podSelector: more.only === undefined ? {} : named(more.only) }];
  return groupPolicy(name, { selectors, destinationCIDRs, excludedCIDRs: more.excluded });
}

const web = pod("web", "10.0.0.1", { uid: "web", labels: { name: "web" } });
const db = pod("db", "10.0.0.2", { uid: "db", labels: { name: "db" } });
const cluster = (...objects: object[]) => load([...GATEWAYS, ...objects]);

/** What a model says of the traffic of an endpoint: `policy`, `policy, not yet`, `excluded`, `-`. By longest prefix. */
function decision(model: PolicyModel, endpoint: Endpoint | undefined, destination: string): string {
  const address = parseAddress(destination)!;
  const entries = model.policySets[endpoint?.policySet ?? -1]?.entries ?? [];
  const matching = entries.filter(({ prefix }) => prefixContains(prefix, address));
  const [longest] = matching.sort((a, b) => b.prefix.length - a.prefix.length);
  if (!longest) return "-";
  if (longest.excluded) return "excluded";
  return `${model.policies[longest.policy]!.name}${longest.notYet ? ", not yet" : ""}`;
}

function decisionOf(model: PolicyModel, uid: string, destination: string): string {
  return decision(
    model,
    model.endpoints.find((endpoint) => endpoint.uid === uid),
    destination,
  );
}

describe("while a change of manifests is not programmed yet", () => {
  test("a new policy is not in force, and its destinations are known as such", () => {
    const model = programmingModel(cluster(web), cluster(web, policy("new", ["192.0.2.0/24"])));
    expect(decisionOf(model, "web", "192.0.2.1")).toBe("new, not yet");
    expect(decisionOf(model, "web", "198.51.100.1")).toBe("-");
    expect(() => compilePolicy(model)).not.toThrow();
  });

  test("a deleted policy is still in force", () => {
    const model = programmingModel(cluster(web, policy("old", ["0.0.0.0/0"])), cluster(web));
    expect(decisionOf(model, "web", "192.0.2.1")).toBe("old");
    expect(addressesOf(new GatewayControl(model).picture.model)).toEqual(["a1 172.18.0.1", "b1 172.18.0.2"]);
  });

  test("a changed policy is in force as it was, and waits where it reaches further", () => {
    const before = cluster(web, policy("p", ["192.0.2.0/25"], { excluded: ["192.0.2.8/29"] }));
    const after = cluster(web, policy("p", ["192.0.2.0/24"], { excluded: ["192.0.2.128/26"] }));
    const model = programmingModel(before, after);
    expect(decisionOf(model, "web", "192.0.2.1")).toBe("p");
    expect(decisionOf(model, "web", "192.0.2.9")).toBe("excluded");
    expect(decisionOf(model, "web", "192.0.2.129")).toBe("excluded");
    expect(decisionOf(model, "web", "192.0.2.200")).toBe("p, not yet");
    expect(model.policies).toHaveLength(1);
  });

  test("a longer prefix of a new policy does not reach into what an old one decides", () => {
    const old = policy("old", ["192.0.2.0/24"]);
    const model = programmingModel(cluster(web, old), cluster(web, old, policy("new", ["192.0.2.64/26"])));
    expect(decisionOf(model, "web", "192.0.2.65")).toBe("old");
  });

  test("a new pod waits for all of its policies, also under one that others have had for long", () => {
    const all = policy("all", ["0.0.0.0/0"], { excluded: ["203.0.113.0/24"] });
    const model = programmingModel(cluster(web, all), cluster(web, db, all));
    expect(decisionOf(model, "web", "192.0.2.1")).toBe("all");
    expect(decisionOf(model, "db", "192.0.2.1")).toBe("all, not yet");
    expect(decisionOf(model, "db", "203.0.113.1")).toBe("excluded");
  });

  test("a pod that was created again under its name is a new one", () => {
    const all = policy("all", ["0.0.0.0/0"]);
    const again = pod("web", "10.0.0.9", { uid: "web-2", labels: { name: "web" } });
    const model = programmingModel(cluster(web, all), cluster(again, all));
    expect(model.endpoints.map(({ uid }) => uid)).toEqual(["web-2"]);
    expect(decisionOf(model, "web-2", "192.0.2.1")).toBe("all, not yet");
  });

  test("a pod whose label is removed is still selected, one whose label is new waits", () => {
    const only = policy("only", ["0.0.0.0/0"], { only: "web" });
    const relabelled = (name: string, address: string, label: string) =>
      pod(name, address, { uid: name, labels: { name: label } });
    const after = cluster(relabelled("web", "10.0.0.1", "db"), relabelled("db", "10.0.0.2", "web"), only);
    const model = programmingModel(cluster(web, db, only), after);
    expect(decisionOf(model, "web", "192.0.2.1")).toBe("only");
    expect(decisionOf(model, "db", "192.0.2.1")).toBe("only, not yet");
  });

  test("a gateway that was removed still serves, one that is new does not", () => {
    const all = policy("all", ["0.0.0.0/0"]);
    const [, second] = GATEWAYS;
    const after = load([web, second!, gateway("c1", 7), all]);
    const { picture } = new GatewayControl(programmingModel(cluster(web, all), after));
    expect(addressesOf(picture.model)).toEqual(["a1 172.18.0.1", "b1 172.18.0.2"]);
    expect([...picture.nodes.keys()]).toEqual(["b1", "c1", "a1"]);
    expect(picture.nodes.get("a1")).toBe("active");
  });

  test("a new policy claims no address of an old one", () => {
    const shared = (name: string, only: string) =>
      groupPolicy(name, {
        egressGroups: [
          {
            nodeSelector: { matchLabels: { ...GATEWAY_LABELS, "topology.kubernetes.io/zone": only } },
            egressIP: "203.0.113.7",
          },
        ],
      });
    const [before, after] = [cluster(web, shared("old", "b")), cluster(web, shared("old", "b"), shared("new", "a"))];
    expect(addressesOf(new GatewayControl(programmingModel(before, after)).picture.model)).toEqual(["b1 203.0.113.7"]);
    const { picture } = new GatewayControl(after);
    expect(addressesOf(picture.model, 0)).toEqual(["a1 203.0.113.7"]);
    expect(addressesOf(picture.model, 1)).toEqual(["b1 -"]);
  });

  test("a second change waits on top of the first", () => {
    const [one, two] = [policy("one", ["192.0.2.0/24"]), policy("two", ["198.51.100.0/24"])];
    const first = programmingModel(cluster(web), cluster(web, one));
    const model = programmingModel(first, cluster(web, one, two));
    expect(decisionOf(model, "web", "192.0.2.1")).toBe("one, not yet");
    expect(decisionOf(model, "web", "198.51.100.1")).toBe("two, not yet");
  });

  test("agrees with a naive reader for any prefixes before and after", () => {
    const prefixes = ["0.0.0.0/0", "192.0.2.0/24", "192.0.2.0/25", "192.0.2.128/25", "192.0.2.0/30", "198.51.100.0/24"];
    const spec = fc.record({
      destinations: fc.subarray(prefixes, { minLength: 1 }),
      excluded: fc.subarray(prefixes),
    });
    const set = fc.array(spec, { maxLength: 2 });
    const destinations = ["192.0.2.1", "192.0.2.77", "192.0.2.200", "198.51.100.9", "203.0.113.5"];
    const build = (specs: readonly { destinations: string[]; excluded: string[] }[]) =>
      cluster(web, ...specs.map((each, index) => policy(`p${index}`, each.destinations, { excluded: each.excluded })));
    fc.assert(
      fc.property(set, set, (old, next) => {
        const [before, after] = [build(old), build(next)];
        const model = programmingModel(before, after);
        for (const destination of destinations) {
          const was = decisionOf(before, "web", destination);
          const willBe = decisionOf(after, "web", destination);
          const waiting = willBe === "excluded" || willBe === "-" ? willBe : `${willBe}, not yet`;
          expect(decisionOf(model, "web", destination)).toBe(was === "-" ? waiting : was);
        }
        expect(() => compilePolicy(new GatewayControl(model).picture.model)).not.toThrow();
      }),
      { numRuns: 150 },
    );
  });
});

describe("delayedOwnership", () => {
  const SECOND = 1_000_000_000n;
  const born = "2026-01-01T00:00:10Z";
  const bornNs = BigInt(Date.parse(born)) * 1_000_000n;
  const all = policy("all", ["0.0.0.0/0"], { excluded: ["203.0.113.0/24"] });
  const young = pod("young", ["10.0.0.3", "2001:db8::3"], { uid: "young", created: born });

  const spans = (model: PolicyModel) =>
    model.endpoints.map((endpoint) => [
      endpoint.uid,
      endpoint.fromNs === undefined ? undefined : endpoint.fromNs - bornNs,
      endpoint.toNs === undefined ? undefined : endpoint.toNs - bornNs,
      decision(model, endpoint, "192.0.2.1"),
      decision(model, endpoint, "203.0.113.1"),
    ]);

  test("gives a new pod a row of its own until it is programmed; one without a beginning has none", () => {
    const model = delayedOwnership(cluster(web, young, all), 1500);
    expect(spans(model)).toEqual([
      ["web", undefined, undefined, "all", "excluded"],
      ["young", 0n, 1_500_000_000n, "all, not yet", "excluded"],
      ["young", 1_500_000_000n, undefined, "all", "excluded"],
    ]);
    expect(model.endpoints[1]!.addresses.map(formatAddress)).toEqual(["10.0.0.3", "2001:db8::3"]);
    expect(() => compilePolicy(model)).not.toThrow();
  });

  test("a pod that is gone before it is programmed is never programmed", () => {
    const brief = pod("brief", "10.0.0.3", { uid: "brief", created: born, deleted: "2026-01-01T00:00:11Z" });
    const model = delayedOwnership(cluster(brief, all), 1000);
    expect(spans(model)).toEqual([["brief", 0n, SECOND, "all, not yet", "excluded"]]);
  });

  test("leaves pods alone that no policy selects, and models without a delay", () => {
    const unselected = cluster(young, policy("other", ["0.0.0.0/0"], { only: "web" }));
    expect(delayedOwnership(unselected, 1000).endpoints).toEqual(unselected.endpoints);
    const selected = cluster(young, all);
    expect(delayedOwnership(selected, 0)).toBe(selected);
  });

  test("keeps pods apart that had one address one after the other", () => {
    const first = pod("first", "10.0.0.3", { uid: "first", created: born, deleted: "2026-01-01T00:00:12Z" });
    const second = pod("second", "10.0.0.3", { uid: "second", created: "2026-01-01T00:00:12Z" });
    const model = delayedOwnership(cluster(first, second, all), 3000);
    expect(spans(model).map(([uid, from, to]) => [uid, from, to])).toEqual([
      ["first", 0n, 2n * SECOND],
      ["second", 2n * SECOND, 5n * SECOND],
      ["second", 5n * SECOND, undefined],
    ]);
    expect(() => compilePolicy(model)).not.toThrow();
  });

  test("a model that is delayed already is known by what is programmed in the end", () => {
    const before = delayedOwnership(cluster(young, all), 1000);
    expect(decisionOf(programmingModel(before, cluster(young, all)), "young", "192.0.2.1")).toBe("all");
  });
});
