import { describe, expect, test } from "vitest";
import { compileForHosts, tryOut } from "../../src/compile/compile.js";
import { documentText, policyDocument } from "../../src/compile/document.js";
import { needsOf, roomyFor } from "../../src/compile/room.js";
import { loadManifests } from "../../src/config/load.js";
import { compilePolicy } from "../../src/engine/blob.js";
import { createEngine } from "../../src/engine/engine.js";
import { DEFAULT_ENGINE_CONFIG, decodeEngineConfig } from "../../src/engine/engine-config.js";
import { deriveSeeds } from "../../src/engine/seeds.js";
import { EngineError } from "../../src/errors.js";
import { egress, endpoint, model, node, policy, policySet, smallModel } from "../engine/model.js";

describe("compileForHosts", () => {
  const shipped = loadManifests(["pcaps/manifests"]);

  test("gives the blob that a replay loads, and its seeds", () => {
    const { blob, config } = compileForHosts(shipped);
    expect(Buffer.from(blob).equals(compilePolicy(shipped))).toBe(true);
    expect(config).toMatchObject({
      ...deriveSeeds(1, "rendezvous"),
      natProfile: "cilium",
      connections6: 0,
      tunnelPort: 8472,
    });
    expect(compileForHosts(shipped, { seed: 5, balance: "random" }).config).toMatchObject(deriveSeeds(5, "random"));
  });

  test("takes the settings that decide about frames into the configuration", () => {
    const settings = { unsupported: "pass", badChecksum: "drop", midStream: "drop", icmpErrors: true } as const;
    const { config } = compileForHosts(shipped, { ...settings, natProfile: "rfc", connections: 1000, maxBatch: 7 });
    expect(config).toMatchObject({ ...settings, natProfile: "rfc", connections: 1000, maxBatch: 7 });
  });

  test("leaves room for IPv6 connections where an endpoint can have them, and only there", () => {
    const connections6 = (...addresses: string[]) =>
      compileForHosts(model({ endpoints: [endpoint("e", addresses, { policySet: -1 })] }), { connections: 640 }).config
        .connections6;
    expect(connections6("10.0.1.7", "fd00::7")).toBe(640);
    expect(connections6("10.0.1.7")).toBe(0);
  });

  test("says of a policy with IPv6 that it needs room for such connections", () => {
    const needs = (...addresses: string[]) =>
      policyDocument(compileForHosts(model({ endpoints: [endpoint("e", addresses, { policySet: -1 })] })), "p").needs;
    expect(needs("10.0.1.7", "fd00::7").connections6).toBe(1);
    expect(needs("10.0.1.7").connections6).toBe(0);
  });

  test("leaves room for twice what a policy needs, as far as an engine goes", () => {
    const many = model({
      endpoints: Array.from({ length: 20_000 }, (_, i) =>
        endpoint(`e${i}`, [`10.1.${i >> 8}.${i & 255}`], { policySet: -1 }),
      ),
    });
    const { blob, config } = compileForHosts(many);
    expect(config.endpoints).toBe(40_000);
    expect(config.policies).toBe(DEFAULT_ENGINE_CONFIG.policies);
    expect(needsOf(blob)).toMatchObject({ endpoints: 20_000, blobSize: blob.length });
    const egresses = new Uint8Array(blob);
    new DataView(egresses.buffer).setUint32(16 + 8, 40_000, true);
    expect(() => roomyFor(DEFAULT_ENGINE_CONFIG, egresses)).toThrow(EngineError);
    const wide = roomyFor({ ...DEFAULT_ENGINE_CONFIG, arenaSize: 10 }, blob);
    expect(wide.blobSize).toBe(DEFAULT_ENGINE_CONFIG.blobSize);
    expect(wide.arenaSize).toBe(wide.blobSize);
  });

  test("never asks for more than engines take", async () => {
    const gateways = Array.from({ length: 33_000 }, (_, i) =>
      egress("gw-a", `203.${i >> 16}.${(i >> 8) & 255}.${i & 255}`),
    );
    const large = model({ nodes: [node("gw-a", "10.0.0.21")], egresses: gateways, policies: [policy("p", [0])] });
    const blob = compilePolicy(large);
    const config = roomyFor({ ...DEFAULT_ENGINE_CONFIG, connections: 64 }, blob);
    expect(config.egresses).toBe(0xffff);
    (await createEngine(config)).loadPolicy(blob);
  });

  test("is tried out before it is handed out: what an engine refuses is an error", async () => {
    const members = Array.from({ length: 65 }, (_, i) => i);
    const gateways = members.map((i) => egress(`gw-${i}`, `203.0.113.${i + 1}`));
    const tooMany = model({
      egresses: gateways,
      policies: [policy("p", members)],
      policySets: [policySet({ "0.0.0.0/0": 0 })],
      endpoints: [endpoint("e", ["10.0.1.7"])],
    });
    await expect(tryOut(compileForHosts(tooMany, { connections: 64 }))).rejects.toThrow("policy-too-large");
    await expect(tryOut(compileForHosts(smallModel(), { maxBatch: 0 }))).rejects.toThrow("config-range");
    expect(() => compileForHosts(smallModel(), { connections: 8 })).toThrow(
      "connections is 8, expected an integer from 16",
    );
    await tryOut(compileForHosts(smallModel(), { connections: 64 }));
  });
});

describe("the document beside a policy", () => {
  test("holds the record that the engine reads, hexadecimal", () => {
    const compiled = compileForHosts(smallModel(), { connections: 64 });
    const { configuration, blob } = policyDocument(compiled, "p.bin");
    expect(decodeEngineConfig(Buffer.from(configuration.record, "hex"))).toEqual(compiled.config);
    expect(configuration.fields.tableSeed).toBe(compiled.config.tableSeed.toString(16).padStart(16, "0"));
    expect(blob).toMatchObject({ file: "p.bin", bytes: compiled.blob.length });
  });

  test("writes masks of more than 32 members as two unsigned halves", () => {
    const compiled = compileForHosts(smallModel(), { connections: 64 });
    const active = [{ policy: 0, zone: 0, members: [0, 31, 32, 63] }];
    const { calls } = policyDocument({ ...compiled, opening: { gateways: [], active } }, "p.bin");
    expect(calls[0]!.arguments).toEqual([0, 0, 0x8000_0001, 0x8000_0001]);
  });

  test("says null where there is no address, and is plain text that ends with a newline", () => {
    const gateways = [{ ...egress("gw-a", "203.0.113.10"), egressIPv4: undefined }];
    const none = model({ egresses: gateways, policies: [policy("p", [0])] });
    const document = policyDocument(compileForHosts(none, { connections: 64 }), "p.bin");
    expect(document.egresses[0]).toMatchObject({ nodeName: "gw-a", ipv4: null, ipv6: null });
    expect(JSON.parse(documentText(document))).toEqual(document);
    expect(documentText(document)).toMatch(/^\{\n {2}"schema": "sluicegate.io\/compiled-policy\/v1",\n[\s\S]*\}\n$/);
  });
});
