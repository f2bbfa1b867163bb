import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { readVectorFiles } from "../../vectors/read.js";

export interface Planted {
  readonly file: string;
  readonly vector: string;
  readonly says: string;
}

/** Writes a file for each kind of difference, with one vector in which one value was changed. */
export function plantAll(folder: string): Planted[] {
  mkdirSync(folder, { recursive: true });
  const files = readVectorFiles();
  // biome-ignore lint/suspicious/noExplicitAny: a walk over JSON
  type Json = any;
  const planted: Planted[] = [];
  const plant = (
    file: string,
    find: (step: Json) => Json,
    change: (found: Json) => readonly [field: string, expected: Json, got: Json],
  ) => {
    const copy = structuredClone(files.get(file)) as Json;
    const hit = (vector: Json) => vector.steps.findIndex((step: Json) => find(step) !== undefined);
    const vector = copy.vectors.find((one: Json) => hit(one) >= 0);
    expect(vector, file).toBeDefined();
    const at = hit(vector);
    const [field, expected, got] = change(find(vector.steps[at]));
    copy.vectors = [vector];
    const says = `${vector.name}, step ${at}, ${field}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`;
    const name = `${String(planted.length).padStart(2, "0")}.json`;
    writeFileSync(join(folder, name), JSON.stringify(copy));
    planted.push({ file: name, vector: vector.name, says });
  };
  const rowWith = (key: string) => (step: Json) => {
    const i = step.verdicts?.findIndex((row: Json) => row[key] !== undefined) ?? -1;
    return i < 0 ? undefined : { i, row: step.verdicts[i] };
  };
  const field = (file: string, key: string, to: (value: Json) => Json) =>
    plant(file, rowWith(key), ({ i, row }) => {
      const got = row[key];
      row[key] = to(got);
      return [`verdicts[${i}].${key}`, row[key], got];
    });
  const otherEnd = (hex: string) => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");
  const more = (value: number) => value + 1;
  field("policy", "action", (value) => (value === "drop" ? "pass" : "drop"));
  field("policy", "reason", () => "inbound");
  field("policy", "flags", (value) => value ^ 32);
  for (const key of ["length", "egress", "nat_port"]) field("policy", key, more);
  field("overlay", "old_egress", more);
  field("policy", "egress_ip", otherEnd);
  field("policy", "out", otherEnd);
  for (const key of ["target", "outer"]) field("overlay", key, otherEnd);
  for (const key of ["node", "inner"]) field("overlay", key, more);
  plant(
    "policy",
    (step) => {
      const i = step.verdicts?.findIndex((row: Json) => row.unchanged) ?? -1;
      return i < 0 ? undefined : { i, row: step.verdicts[i], frame: step.frames[i] };
    },
    ({ i, row, frame }) => {
      delete row.unchanged;
      row.out = otherEnd(frame.bytes);
      return [`verdicts[${i}].out`, row.out, frame.bytes];
    },
  );
  const at = (key: string) => (step: Json) => (step[key] === undefined ? undefined : step);
  plant("calls", at("returns"), (step) => {
    const got = step.returns;
    step.returns = 77;
    return ["returns", 77, got];
  });
  plant("fragments", at("released"), (step) => {
    const got = step.released;
    step.released = [...got, 12345];
    return ["released", step.released, got];
  });
  plant(
    "limits",
    (step) => (step.generated?.length > 0 ? step : undefined),
    (step) => {
      const got = structuredClone(step.generated);
      step.generated[0].packet = otherEnd(step.generated[0].packet);
      return ["generated", step.generated, got];
    },
  );
  plant(
    "policy",
    (step) => (typeof step.counters?.opened === "string" ? step : undefined),
    ({ counters }) => {
      const got = counters.opened;
      counters.opened = String(Number(got) + 1);
      return ["counters.opened", counters.opened, got];
    },
  );
  plant(
    "policy",
    (step) => (step.counters?.reasons ? step : undefined),
    ({ counters }) => {
      const [name, got] = Object.entries(counters.reasons)[0] as [string, string];
      delete counters.reasons[name];
      return [`counters.reasons.${name}`, "0", got];
    },
  );
  plant("lifetimes", at("egressStats"), (step) => {
    const got = step.egressStats[0].connections;
    step.egressStats[0].connections = "99";
    return ["egressStats[0].connections", "99", got];
  });
  return planted;
}
