import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import { formatAddress } from "../../src/net/address.js";
import { decodeFrame, destinationAddress, sourceAddress } from "../../src/net/decode.js";
import { replay } from "../../src/replay/replay.js";
import { diffManifests } from "../../src/whatif/diff.js";
import { drainNode } from "../../src/whatif/drain.js";
import { playFailures } from "../../src/whatif/failover.js";
import { portUse } from "../../src/whatif/ports.js";
import { compareZones } from "../../src/whatif/zones.js";
import { clusterModel } from "../replay/cluster.js";
import { FOUR } from "../replay/scenarios.js";
import { readFile } from "../support/capture-read.js";

const FOLDER = process.env.SLUICEGATE_CAPTURES ?? join(import.meta.dirname, "../../../shared/captures");
const present = existsSync(join(FOLDER, "README.md"));
const { "gw-d": _, ...THREE } = FOUR;
const START = { fromStartNs: 0n };

/** Every second IPv4 address of a capture, to be those of pods. */
async function podsOf(path: string): Promise<string[]> {
  const { frames, interfaces } = await readFile(path);
  const seen = new Set<string>();
  for (const { bytes, wireLength, interface: number } of frames) {
    const packet = decodeFrame(bytes, interfaces[number].linkType, wireLength);
    if (packet) for (const read of [sourceAddress, destinationAddress]) seen.add(formatAddress(read(bytes, packet)));
  }
  return [...seen]
    .filter((text) => /^(?!0\.|127\.|2[2-5]\d\.)\d+\.\d+\.\d+\.\d+$/.test(text))
    .sort()
    .filter((__, i) => i % 2 === 0);
}

function withLocalOnly(model: PolicyModel): PolicyModel {
  return { ...model, policies: model.policies.map((policy) => ({ ...policy, azAffinity: "localOnly" })) };
}

describe.skipIf(!present)(`captures of others (skipped where their folder is missing: ${FOLDER})`, () => {
  const files = present ? readdirSync(FOLDER).filter((file) => /\.pcap/.test(file)) : [];

  test.each(files)("%s: every what-if answers, and the answers fit together", async (file) => {
    const path = join(FOLDER, file);
    const pods = await podsOf(path);
    const words = { pods, worker: "worker", destinations: ["0.0.0.0/0"] };
    const model = await clusterModel({ ...words, gateways: FOUR });
    const without = await clusterModel({ ...words, gateways: THREE });
    const base = { captures: [path], allowNoMatch: true };

    const failover = await playFailures({
      ...base,
      model,
      kill: "each",
      at: START,
      detectMs: [500],
      seeds: 1,
      workers: 0,
    });
    const had = new Map(failover.before.map(({ node, connections }) => [node, connections]));
    expect([...had.values()].reduce((sum, count) => sum + count, 0)).toBe(failover.connections);
    for (const { node, broken, rebound } of failover.failures)
      expect(broken.max + rebound.max).toBeLessThanOrEqual(had.get(node) ?? 0);

    const diff = await diffManifests({ ...base, from: model, to: without });
    expect(diff.gatewayChanged).toBe(had.get("gw-d") ?? 0);

    const drain = await drainNode({ ...base, model, node: "gw-a", at: START });
    expect(drain.openedAfter).toBe(0);

    const ports = await portUse({ ...base, model, grow: 3 });
    expect(ports.groups.every(({ peak, limit }) => peak <= limit)).toBe(true);
    expect(ports.groups.reduce((sum, { connections }) => sum + connections, 0)).toBe(failover.connections);

    const { affinities } = await compareZones({ ...base, model });
    const nowhere = { connections: 0, frames: 0 };
    for (const row of affinities.filter(({ azAffinity }) => azAffinity !== "localOnly"))
      expect(row).toMatchObject({ connections: failover.connections, dropped: nowhere });
    // Nobody has a zone, so there is no gateway in that of any pod.
    const localOnly = await replay({ ...base, model: withLocalOnly(model) });
    const { connections, dropped } = affinities.find(({ azAffinity }) => azAffinity === "localOnly")!;
    expect(connections).toBe(0);
    expect(dropped.frames).toBe(localOnly.reasons["no-egress-gateway"] ?? 0);
    expect(dropped.connections > 0).toBe(dropped.frames > 0);
  });
});
