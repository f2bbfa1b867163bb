import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type SourceStatistics, type StarterOptions, starterManifests } from "../../src/config/init.js";
import { formatAddress, parseAddress } from "../../src/net/address.js";
import { addresses, loadYaml } from "./manifests.js";

function source(address: string, frames: number, ...destinations: string[]): SourceStatistics {
  const to = destinations.map((text) => ({ address: parseAddress(text)!, frames: 1, bytes: 60 }));
  return { address: parseAddress(address)!, frames, bytes: frames * 60, destinations: to };
}
const start = (sources: readonly SourceStatistics[], options: StarterOptions = {}) => {
  const starter = starterManifests(sources, options);
  return { ...starter, model: loadYaml(starter.text) };
};

describe("starterManifests", () => {
  test("make pods of private sources, gateways that take turns, and a policy for everything outside", () => {
    const { model, endpoints, leftOut } = start([
      source("10.0.0.7", 9, "192.0.2.1"),
      source("fd00::7", 3),
      source("192.0.2.1", 8),
      source("169.254.0.1", 1),
    ]);
    expect(model.warnings).toEqual([]);
    expect(model.endpoints.map((endpoint) => addresses(endpoint.addresses))).toEqual([["10.0.0.7"], ["fd00::7"]]);
    expect(model.endpoints.every(({ policySet }) => policySet === 0)).toBe(true);
    expect(model.policies[0]!.destinations.map(({ text }) => text)).toEqual(["0.0.0.0/0", "::/0"]);
    expect(
      model.egresses.map((egress) => [
        egress.node,
        egress.zone,
        egress.assumed,
        ...addresses([egress.egressIPv4, egress.egressIPv6]),
      ]),
    ).toEqual([
      ["gateway-1", "zone-1", false, "203.0.113.1", "2001:db8:e::1"],
      ["gateway-2", "zone-2", false, "203.0.113.2", "2001:db8:e::2"],
    ]);
    expect([endpoints, leftOut]).toEqual([
      2,
      new Map([
        ["not-unicast", 1],
        ["public", 1],
      ]),
    ]);
  });

  test("take the busiest sources where none is private, up to the limit", () => {
    const { model, leftOut } = start([source("192.0.2.1", 1), source("192.0.2.2", 5), source("192.0.2.3", 3)], {
      mostPods: 2,
    });
    expect(model.endpoints.map((endpoint) => addresses(endpoint.addresses)[0])).toEqual(["192.0.2.2", "192.0.2.3"]);
    expect(leftOut).toEqual(new Map([["beyond-limit", 1]]));
  });

  test("invent addresses that occur nowhere in the capture", () => {
    const sources = [source("10.0.0.1", 1, "203.0.113.1", "198.18.0.1"), source("203.0.113.2", 1)];
    const { model } = start(sources, { gateways: 3 });
    expect(model.egresses.map(({ egressIPv4 }) => addresses([egressIPv4])[0])).toEqual([
      "203.0.113.3",
      "203.0.113.4",
      "203.0.113.5",
    ]);
    expect(model.nodes.map(({ internalIPs }) => addresses(internalIPs)[0])).toEqual([
      "198.18.0.2",
      "198.18.0.3",
      "198.18.0.4",
    ]);
  });

  test("load without fault or warning for any sources, each pod with its own address", () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("fd00::1:2", "fd00:1::2", "fd00::", "10.0.0.1"));
    fc.assert(
      fc.property(
        fc.uniqueArray(address, { maxLength: 20, selector: (text) => formatAddress(parseAddress(text)!) }),
        fc.integer({ min: 0, max: 70 }),
        (texts, gateways) => {
          const { model, endpoints } = start(
            texts.map((text) => source(text, 1)),
            { gateways, captureName: "näme\n'x'" },
          );
          expect(model.warnings).toEqual([]);
          expect(model.endpoints).toHaveLength(endpoints);
        },
      ),
      { numRuns: 50 },
    );
  });
});
