import { expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import {
  checkEngineConfig,
  configDifferences,
  DEFAULT_ENGINE_CONFIG,
  decodeEngineConfig,
  type EngineConfig,
  encodeEngineConfig,
} from "../../src/engine/engine-config.js";

const DISTINCT: EngineConfig = {
  arenaSize: 1,
  maxBatch: 2,
  connections: 3,
  connections6: 4,
  endpoints: 5,
  prefixes: 6,
  policies: 7,
  egresses: 8,
  nodes: 9,
  zones: 12,
  tunnelPort: 15,
  blobSize: 10,
  bitmaps: 11,
  fragments: 16,
  hostSize: 0xffff_ffff,
  natProfile: "rfc",
  midStream: "drop",
  unsupported: "pass",
  badChecksum: "drop",
  icmpErrors: true,
  sweeps: false,
  mtu: 16,
  touch: true,
  tableSeed: 0xffff_ffff_ffff_ffffn,
  placementSeed: 13n,
  portSeed: 14n,
};

test("the configuration record holds every field at its place", () => {
  const bytes = encodeEngineConfig(DISTINCT);
  expect(bytes.length).toBe(abi.CONFIG_SIZE);
  const view = new DataView(bytes.buffer);
  const numbers = Array.from({ length: 12 }, (_, i) => view.getUint32(i * 4, true));
  expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xffff_ffff]);
  expect(view.getUint32(abi.CONFIG_ZONES_AT, true)).toBe(12);
  expect(view.getUint32(abi.CONFIG_TUNNEL_PORT_AT, true)).toBe(15);
  expect(view.getUint32(abi.CONFIG_FRAGMENTS_AT, true)).toBe(16);
  expect(view.getUint32(abi.CONFIG_FLAGS_AT, true)).toBe(abi.CONFIG_FLAG_MASK);
  expect(view.getBigUint64(abi.CONFIG_TABLE_SEED_AT, true)).toBe(0xffff_ffff_ffff_ffffn);
  expect(view.getBigUint64(abi.CONFIG_PLACEMENT_SEED_AT, true)).toBe(13n);
  expect(view.getBigUint64(abi.CONFIG_PORT_SEED_AT, true)).toBe(14n);
});

test("a configuration is read back as it was written", () => {
  expect(decodeEngineConfig(encodeEngineConfig(DISTINCT))).toEqual(DISTINCT);
  expect(decodeEngineConfig(encodeEngineConfig(DEFAULT_ENGINE_CONFIG))).toEqual(DEFAULT_ENGINE_CONFIG);
});

test("differences are named", () => {
  expect(configDifferences(DISTINCT, DISTINCT)).toEqual([]);
  expect(configDifferences(DISTINCT, { ...DISTINCT, touch: false, portSeed: 1n })).toEqual(["touch", "portSeed"]);
});

test.each([
  ["maxBatch", -1],
  ["maxBatch", 1.5],
  ["connections", 2 ** 32],
  ["arenaSize", Number.NaN],
  ["tableSeed", -1n],
  ["portSeed", 1n << 64n],
])("%s = %s is refused by name", (name, value) => {
  expect(() => checkEngineConfig({ ...DEFAULT_ENGINE_CONFIG, [name]: value })).toThrow(`${name} is ${value}, expected`);
});
