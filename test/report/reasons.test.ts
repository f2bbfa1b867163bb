import { expect, test } from "vitest";
import { REASON_NAMES } from "../../src/engine/names.js";
import { nameOfReason } from "../../src/replay/reasons.js";
import { REASON_TEXTS } from "../../src/report/reasons.js";

test("every reason of the engine and of the replay has a line for people", () => {
  const engine = REASON_NAMES.filter((name) => name !== undefined && name !== "");
  const host = Array.from({ length: 128 }, (_, i) => nameOfReason(128 + i)).filter((name) => !name.startsWith("skip-"));
  expect(host.length).toBeGreaterThan(5);
  expect([...engine, ...host].filter((name) => !REASON_TEXTS[name!])).toEqual([]);
});
