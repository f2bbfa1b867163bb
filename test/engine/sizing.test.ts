import { expect, test } from "vitest";
import { compilePolicy } from "../../src/engine/blob.js";
import { DEFAULT_ENGINE_CONFIG } from "../../src/engine/engine-config.js";
import { configFor } from "../../src/engine/sizing.js";
import { endpoint, model, smallModel } from "./model.js";

const MANY = model({
  endpoints: Array.from({ length: 20_000 }, (_, i) =>
    endpoint(`e${i}`, [`10.1.${i >> 8}.${i & 255}`], { policySet: -1 }),
  ),
});

test("a small model gets the defaults", () => {
  expect(configFor(smallModel())).toEqual(DEFAULT_ENGINE_CONFIG);
});

test("a table grows to what the model needs, and nothing else does", () => {
  expect(configFor(MANY)).toEqual({ ...DEFAULT_ENGINE_CONFIG, endpoints: 20_000 });
});

test("the largest of several models counts", () => {
  expect(configFor([smallModel(), MANY, smallModel()]).endpoints).toBe(20_000);
});

test("blob and arena grow with the blob", () => {
  const size = compilePolicy(MANY).length;
  expect(size).toBeGreaterThan(20_000 * 56);
  const config = configFor(MANY, {});
  expect(config.blobSize).toBeGreaterThanOrEqual(size);
  expect(config.arenaSize).toBeGreaterThanOrEqual(size);
});

test("overrides win, and the settings' NAT profile counts where they name none", () => {
  const rfc = { ...smallModel().settings, natProfile: { value: "rfc" as const, source: "test" } };
  expect(configFor({ ...smallModel(), settings: rfc }).natProfile).toBe("rfc");
  expect(configFor({ ...smallModel(), settings: rfc }, { natProfile: "cilium", connections: 64 })).toMatchObject({
    natProfile: "cilium",
    connections: 64,
  });
});
