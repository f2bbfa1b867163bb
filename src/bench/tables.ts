import { compilePolicy } from "../engine/blob.js";
import { createEngine } from "../engine/engine.js";
import { DEFAULT_ENGINE_CONFIG, type EngineConfig } from "../engine/engine-config.js";
import { growFor } from "../engine/sizing.js";
import { MILLION, MILLION_ENDPOINTS, MILLION_PREFIXES } from "./cases.js";
import { benchCluster, type ClusterShape } from "./cluster.js";
import type { TableFacts } from "./report-types.js";

/** The least that an engine takes. */
const LEAST_CONNECTIONS = 16;
const LEAST: EngineConfig = { ...DEFAULT_ENGINE_CONFIG, connections: LEAST_CONNECTIONS, arenaSize: 1 << 20 };

/** Connections of both families: what the memory of an engine grows by, for all that a connection needs (lines, ports, addresses). */
export async function connectionTables(sizes: readonly number[]): Promise<TableFacts[]> {
  const facts: TableFacts[] = [];
  for (const [family, sixth] of [
    ["IPv4", 0],
    ["IPv6", 1],
  ] as const) {
    const least = await memoryOf({ ...LEAST, connections6: LEAST_CONNECTIONS * sixth });
    for (const size of sizes) {
      const bytes = (await memoryOf({ ...LEAST, connections: size, connections6: size * sixth })) - least;
      facts.push({ name: `${family} connections`, rows: size, bytes, bytesPerRow: bytes / size });
    }
  }
  return facts;
}

/** A million endpoints, and a million prefixes: what they take, and how long it takes until they are in force. */
export async function policyTables(): Promise<TableFacts[]> {
  return [
    await policyTable("endpoints", MILLION, MILLION_ENDPOINTS),
    await policyTable("prefixes", MILLION, MILLION_PREFIXES),
  ];
}

/** @param rows endpoints or prefixes of the cluster of that shape */
export async function policyTable(name: string, rows: number, shape: ClusterShape): Promise<TableFacts> {
  const before = process.memoryUsage().rss;
  const model = benchCluster(shape);
  const compileStart = cpuMs();
  const blob = compilePolicy(model);
  const compileMs = cpuMs() - compileStart;
  const hostBytes = process.memoryUsage().rss - before;
  const roomy = growFor(LEAST, blob);
  // The arena is the host's to size; all else is what the policy needs.
  const bytes = (await memoryOf({ ...roomy, arenaSize: LEAST.arenaSize })) - (await memoryOf(LEAST));
  const engine = await createEngine(roomy);
  const loadStart = cpuMs();
  engine.loadPolicy(blob);
  const loadMs = cpuMs() - loadStart;
  return { name, rows, bytes, bytesPerRow: bytes / rows, compileMs, loadMs, blobBytes: blob.length, hostBytes };
}

async function memoryOf(config: EngineConfig): Promise<number> {
  return (await createEngine(config)).memory.size;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
