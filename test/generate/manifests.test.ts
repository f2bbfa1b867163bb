import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { generateCapture } from "../../src/generate/generate.js";
import { generateManifests } from "../../src/generate/manifests.js";
import type { GenerateOptions } from "../../src/generate/options.js";
import { formatAddress } from "../../src/net/address.js";
import { decodeFrame, sourceAddress } from "../../src/net/decode.js";
import { withFolder } from "../support/capture-read.js";

const OPTIONS: Partial<GenerateOptions> = { packets: 4000, endpoints: 450, remotes: 500, malformedShare: 0 };

async function load(options: Partial<GenerateOptions>): Promise<PolicyModel> {
  return withFolder(async (folder) => {
    const path = join(folder, "cluster.yaml");
    writeFileSync(path, generateManifests(options));
    return loadManifests([path]);
  });
}

describe("the cluster of a generated capture", () => {
  test("has four gateways in three zones, each with an address of its own and of either family", async () => {
    const model = await load(OPTIONS);
    const [cilium, isovalent] = ["CiliumEgressGatewayPolicy", "IsovalentEgressGatewayPolicy"].map((kind) =>
      model.policies.find((policy) => policy.kind === kind),
    );
    const egresses = isovalent!.egresses.map((at) => model.egresses[at]);
    expect(egresses.map(({ node }) => node)).toEqual(["gateway-1", "gateway-2", "gateway-3", "gateway-4"]);
    expect(new Set(egresses.map(({ zone }) => zone)).size).toBe(3);
    expect(egresses.map(({ egressIPv4 }) => formatAddress(egressIPv4!))).toEqual(
      [11, 12, 13, 14].map((host) => `203.0.113.${host}`),
    );
    expect(egresses.every(({ egressIPv6, assumed }) => egressIPv6 !== undefined && !assumed)).toBe(true);
    expect(cilium!.egresses.map((at) => model.egresses[at].node)).toEqual(["gateway-1"]);
  });

  test("has a pod for every address that sends, on a node, and a policy selects each", async () => {
    const model = await load(OPTIONS);
    expect(model.endpoints).toHaveLength(450);
    expect(model.endpoints.every(({ node, policySet }) => node?.startsWith("worker-") && policySet >= 0)).toBe(true);
    const owned = new Set(model.endpoints.flatMap(({ addresses }) => addresses.map(formatAddress)));
    expect(owned.size).toBe(900);
    const senders = new Set<string>();
    generateCapture(OPTIONS, {
      frame(_low, _high, capturedLength, _wireLength, source, at) {
        const bytes = source.slice(at, at + capturedLength);
        const packet = decodeFrame(bytes, 1, capturedLength);
        if (packet && bytes[1] === 0xff) senders.add(formatAddress(sourceAddress(bytes, packet)));
      },
    });
    expect(senders.size).toBeGreaterThan(100);
    expect([...senders].filter((address) => !owned.has(address))).toEqual([]);
  });

  test("loads without a fault or a warning, and is the same text for the same options", async () => {
    const model = await load(OPTIONS);
    expect(model.warnings).toEqual([]);
    expect(generateManifests(OPTIONS)).toBe(generateManifests(OPTIONS));
  });
});
