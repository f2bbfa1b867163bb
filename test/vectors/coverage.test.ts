import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { FrameRow, Step, Vector, VerdictRow } from "./format.js";
import { codesOf, constant, fieldsOf, label, unhex } from "./host.js";
import { readVectorFiles } from "./read.js";

const files = [...readVectorFiles().values()];
const vectors = files.flatMap((file) => file.vectors);
const steps = vectors.flatMap((vector) => vector.steps);
const verdicts = steps.flatMap((step) => ("verdicts" in step ? (step.verdicts ?? []) : []));
const frames = steps.flatMap((step) => ("frames" in step ? step.frames : []));
const returns = steps.flatMap((step) => ("returns" in step ? [step.returns] : []));

/** Constants of a family of codes but its bounds, masks and the like. */
const constants = (family: string, but: RegExp = /_(?:COUNT|MASK)$/) =>
  codesOf(family).filter((code) => !but.test(code.constant));

/** Bits that occur in any of some numbers. */
const bitsOf = (numbers: readonly number[]) => numbers.reduce((all, bits) => all | bits, 0);

/** Records of the configurations in use, as fields. */
function configured(name: string): number[] {
  const { offset } = fieldsOf("config").find((field) => field.name === name)!;
  return files.flatMap(({ configurations }) =>
    configurations.map(({ record }) => new DataView(unhex(record).buffer).getUint32(offset, true)),
  );
}

const ETHER_TYPES: Readonly<Record<number, { readonly family: 4 | 6; readonly protocolAt: number }>> = {
  2048: { family: 4, protocolAt: 9 },
  34525: { family: 6, protocolAt: 6 },
};

/** `4:17` for UDP over IPv4, `6:44` for an IPv6 fragment header: of frames with a plain Ethernet header that were not dropped. */
function protocolsOf(step: Step): string[] {
  if (step.do !== "process") return [];
  return step.frames.flatMap(({ bytes, link }: FrameRow, i) => {
    const frame = unhex(bytes);
    const type = ETHER_TYPES[(frame[12] ?? 0) * 256 + (frame[13] ?? 0)];
    const verdict: VerdictRow | undefined = step.verdicts?.[i];
    if (link !== constant("LINK_ETHERNET") || !type || frame.length < 54) return [];
    return verdict?.action === "drop" ? [] : [`${type.family}:${frame[14 + type.protocolAt]}`];
  });
}

describe("together the vectors show", () => {
  test("at least 300 cases, each with a name of its own in its file, a reason in words and a rule", () => {
    expect(vectors.length).toBeGreaterThanOrEqual(300);
    for (const file of files) expect(new Set(file.vectors.map(({ name }) => name)).size).toBe(file.vectors.length);
    const silent = vectors.filter(
      ({ why, rules, proof }) => why.length < 30 || rules.length === 0 || proof.length === 0,
    );
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test("every reason", () => {
    const seen = new Set(verdicts.map(({ reason }) => reason));
    const all = constants("reason").map(({ value }) => label("reason", value));
    expect(all.filter((reason) => !seen.has(reason))).toEqual([]);
  });

  test("every action", () => {
    const seen = new Set(verdicts.map(({ action }) => action));
    expect(constants("action").filter(({ value }) => !seen.has(label("action", value)))).toEqual([]);
  });

  test("every error code, and OK", () => {
    expect(constants("error").filter(({ value }) => !returns.includes(value))).toEqual([]);
  });

  test("every function that a host can call", () => {
    const called = new Set(steps.map((step) => (step.do === "call" ? step.function : step.do)));
    for (const name of ["configure", "load", "process", "locate", "save", "restore", "start"])
      expect(called).toContain(name);
    for (const name of ["abiVersion", "advance", "feedback", "nodeLost", "passTime", "regionAt", "regionSize"])
      expect(called).toContain(name);
    for (const name of ["setActive", "setGateway", "setOwnNode", "setReachable"]) expect(called).toContain(name);
  });

  test("every argument of every function at both ends of what is negative where it is read so", () => {
    const { vectors: hostile } = readVectorFiles().get("hostile")!;
    const given = new Map<string, Set<number>>();
    const note = (name: string, args: readonly number[]) => {
      for (const [i, value] of args.entries()) {
        const key = `${name} ${i}`;
        given.set(key, (given.get(key) ?? new Set()).add(value));
      }
    };
    for (const step of hostile.flatMap((vector) => vector.steps)) {
      if (step.do === "call") note(step.function, step.arguments);
      else if (step.do === "load") note("loadPolicy", step.arguments ?? []);
      else if (step.do === "process" || step.do === "locate")
        note(step.do, [("count" in step ? step.count : undefined) ?? step.frames.length]);
    }
    const { functions } = JSON.parse(readFileSync("abi/abi.json", "utf8")) as {
      functions: { name: string; parameters: { name: string }[] }[];
    };
    // No half of a time is out of range: of those the ends are enough.
    const wanted = functions.flatMap(({ name, parameters }) =>
      parameters.flatMap((parameter, i) =>
        (parameter.name.startsWith("time") ? [0, 2 ** 32 - 1] : [2 ** 31, 2 ** 32 - 1]).map(
          (value) => [`${name} ${i}`, value] as const,
        ),
      ),
    );
    expect(wanted.length).toBeGreaterThan(30);
    expect(wanted.filter(([key, value]) => !given.get(key)?.has(value))).toEqual([]);
  });

  test("every hook, link type, flag of a frame and flag of a verdict", () => {
    for (const [family, seen] of [
      ["hook", frames.map(({ hook }) => hook)],
      ["link", frames.map(({ link }) => link)],
    ] as const)
      expect(constants(family).filter(({ value }) => !seen.includes(value))).toEqual([]);
    for (const [family, seen] of [
      ["frame_flag", bitsOf(frames.map(({ flags }) => flags))],
      ["verdict_flag", bitsOf(verdicts.map(({ flags }) => flags ?? 0))],
      ["config_flag", bitsOf(configured("flags"))],
    ] as const)
      expect(constants(family).filter(({ value }) => (seen & value) === 0)).toEqual([]);
  });

  test("both profiles: with and without each flag of the configuration", () => {
    for (const { constant: name, value } of constants("config_flag"))
      expect(new Set(configured("flags").map((flags) => (flags & value) !== 0)), name).toEqual(new Set([true, false]));
  });

  test("every protocol that is translated, in both families, and what may stand before it", () => {
    const seen = new Set(steps.flatMap(protocolsOf));
    const both = {
      ICMP: [1, 58],
      IPIP: [4, 4],
      TCP: [6, 6],
      UDP: [17, 17],
      DCCP: [33, 33],
      GRE: [47, 47],
      ESP: [50, 50],
    };
    const more = { SCTP: [132, 132], UDPLITE: [136, 136] };
    for (const [name, [four, six]] of Object.entries({ ...both, ...more })) {
      expect(seen, name).toContain(`4:${four}`);
      expect(seen, name).toContain(`6:${six}`);
    }
    for (const other of ["4:253", "6:0", "6:43", "6:44", "6:60"]) expect(seen).toContain(other);
  });

  test("fragments held and released, frames of the engine's own, outer headers, saved states", () => {
    expect(verdicts.some(({ action }) => action === "hold")).toBe(true);
    expect(steps.some((step) => "released" in step && step.released!.length > 1)).toBe(true);
    expect(steps.some((step) => step.do === "process" && (step.generated ?? []).length > 1)).toBe(true);
    expect(verdicts.some(({ outer }) => outer !== undefined)).toBe(true);
    expect(steps.some((step) => step.do === "restore" && step.returns === 0)).toBe(true);
  });

  test("every state of a gateway and every feedback", () => {
    const given = (name: string) =>
      steps.flatMap((step) =>
        step.do === "call" && step.function === name && step.returns === 0 ? [step.arguments[1]! & 0xff] : [],
      );
    expect(constants("gateway").filter(({ value }) => !given("setGateway").includes(value))).toEqual([]);
    expect(constants("feedback").filter(({ value }) => !given("feedback").includes(value))).toEqual([]);
    expect(new Set(given("setReachable"))).toEqual(new Set([0, 1]));
  });

  test("every counter that is compared, changing somewhere", () => {
    const changing = new Set(steps.flatMap((step) => ("counters" in step ? Object.keys(step.counters!) : [])));
    const { steady, settled } = files[0]!.counters;
    // Connections that have expired and are given up for others are cleared away before by who looks for room.
    const rare = new Set(["evicted_expired", "evicted_closing"]);
    expect([...steady, ...settled].filter((name) => !changing.has(name) && !rare.has(name))).toEqual([]);
  });
});

test("numbers are exact in every language: integers up to 2^53, wider ones as decimal text", () => {
  const odd: unknown[] = [];
  const walk = (value: unknown): void => {
    if (typeof value === "number" && !Number.isSafeInteger(value)) odd.push(value);
    else if (value !== null && typeof value === "object") for (const one of Object.values(value)) walk(one);
  };
  walk(files);
  expect(odd).toEqual([]);
  for (const { time } of frames) expect(time).toMatch(/^(?:0|[1-9]\d{0,19})$/);
});

test("docs/vectors.md has every key of the files, every file, and the example as it is", () => {
  const page = readFileSync("docs/vectors.md", "utf8");
  const named = new Set([...page.matchAll(/`([a-zA-Z_]+)`/g)].map((match) => match[1]!));
  const keys = new Set<string>();
  const walk = (value: unknown, isByLabel = false): void => {
    if (value === null || typeof value !== "object") return;
    for (const [key, one] of Object.entries(value)) {
      if (!isByLabel && !Array.isArray(value)) keys.add(key);
      walk(one, key === "reasons" || key === "actions");
    }
  };
  walk(files);
  const counters = new Set([...files[0]!.counters.steady, ...files[0]!.counters.settled]);
  expect([...keys].filter((key) => !named.has(key) && !counters.has(key))).toEqual([]);
  for (const name of readVectorFiles().keys()) expect(page).toContain(`| \`${name}.json\` |`);
  const shown: Vector = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)![1]!);
  const real = vectors.find(({ name }) => name === shown.name)!;
  const pattern = (text: string) => new RegExp(`^"${text.split("…").join("[0-9a-f]*")}"$`);
  const compare = (a: unknown, b: unknown): void => {
    if (typeof a === "string" && a.includes("…")) expect(JSON.stringify(b)).toMatch(pattern(a));
    else if (a !== null && typeof a === "object") {
      expect(Object.keys(a)).toEqual(Object.keys(b as object));
      for (const [key, one] of Object.entries(a)) compare(one, (b as Record<string, unknown>)[key]);
    } else expect(b).toEqual(a);
  };
  compare(shown, real);
});

test("what a vector names is in its file", () => {
  for (const { configurations, policies, vectors: own } of files) {
    const named = (vector: Vector, key: "configuration" | "policy") =>
      vector.steps.flatMap((step) => (key in step ? [(step as unknown as Record<string, string>)[key]!] : []));
    for (const vector of own) {
      for (const name of named(vector, "configuration")) expect(configurations.map((one) => one.name)).toContain(name);
      for (const name of named(vector, "policy")) expect(policies.map((one) => one.name)).toContain(name);
    }
  }
});
