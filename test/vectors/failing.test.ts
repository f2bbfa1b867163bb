import { describe, expect, test } from "vitest";
import type { ProcessStep, Vector, VectorFile } from "./format.js";
import { Module } from "./host.js";
import { Book } from "./make/book.js";
import { query, reply } from "./make/builders.js";
import { drop, type Said } from "./make/say.js";
import { at, NEAR, near } from "./make/scenes.js";
import { readVectorFiles } from "./read.js";
import { runVector, textOf } from "./runner.js";

const module = await Module.read();
const files = readVectorFiles();

/** A vector of a file with one thing changed, in a copy. */
function withChange(name: string, vector: string, change: (vector: Vector) => void): [VectorFile, Vector] {
  const file = structuredClone(files.get(name)!);
  const copy = file.vectors.find((one) => one.name === vector)!;
  change(copy);
  return [file, copy];
}

/** To write into what types call read-only. */
type Loose = { [key: string]: unknown };
const process = (vector: Vector, step: number) => vector.steps[step] as ProcessStep;
const row = (vector: Vector, step: number, i = 0) => process(vector, step).verdicts![i] as unknown as Loose;

async function told(name: string, vector: string, change: (vector: Vector) => void): Promise<string[]> {
  return (await runVector(...withChange(name, vector, change), module)).map(textOf);
}

describe("a runner tells vector, step and field where", () => {
  test("a byte of a frame that left is another", async () => {
    const changed = await told("protocols", "udp4-port-kept", (vector) => {
      const verdict = row(vector, 2);
      verdict.out = `${(verdict.out as string).slice(0, -2)}00`;
    });
    expect(changed).toHaveLength(1);
    expect(changed[0]).toMatch(/^udp4-port-kept, step 2, verdicts\[0\]\.out: expected "\w+00", got "\w+6e"$/);
  });

  test("a frame that was to stay as it is has changed", async () => {
    const changed = await told("protocols", "udp4-port-kept", (vector) => {
      const { out: _, ...rest } = row(vector, 2);
      (process(vector, 2).verdicts as unknown as Loose[])[0] = { ...rest, unchanged: true };
    });
    expect(changed[0]).toMatch(/^udp4-port-kept, step 2, verdicts\[0\]\.unchanged: /);
  });

  test.each([
    ["reason", "no-policy", '"no-policy", got "source-route"'],
    ["action", "pass", '"pass", got "drop"'],
    ["flags", 1, "1, got 0"],
    ["egress", 0, "0, got 4294967295"],
    ["length", 1, "1, got 63"],
  ])("a verdict has another %s", async (field, value, text) => {
    const changed = await told("malformed", "loose-source-route", (vector) => {
      row(vector, 2)[field] = value;
    });
    expect(changed.map((one) => one.replace(/got \d{2}$/, "got 63"))).toEqual([
      `loose-source-route, step 2, verdicts[0].${field}: expected ${text}`,
    ]);
  });

  test("a counter is off by one, or counts what no step states", async () => {
    const counters = (vector: Vector) => process(vector, 2).counters as unknown as Loose;
    const off = await told("malformed", "loose-source-route", (vector) => {
      counters(vector).actions = { drop: "2" };
    });
    expect(off).toEqual(['loose-source-route, step 2, counters.actions.drop: expected "2", got "1"']);
    const silent = await told("malformed", "loose-source-route", (vector) => {
      delete counters(vector).reasons;
    });
    expect(silent).toEqual(['loose-source-route, step 2, counters.reasons.source-route: expected "0", got "1"']);
    const settled = await told("lifetimes", "time-jump", (vector) => {
      const step = vector.steps.find((one) => one.do === "call") as unknown as { counters: Loose };
      step.counters.expired = "1";
    });
    expect(settled).toEqual(['time-jump, step 3, counters.expired: expected "1", got "2"']);
  });

  test("a call returns something else, and no step behind that is run", async () => {
    const changed = await told("calls", "configure-twice", (vector) => {
      (vector.steps[1] as unknown as Loose).returns = 0;
    });
    expect(changed).toEqual(["configure-twice, step 1, returns: expected 0, got -2"]);
  });

  test("another fragment is released, another error made, other statistics kept", async () => {
    const released = await told("fragments", "advance-releases", (vector) => {
      (vector.steps.at(-2) as unknown as Loose).released = [2];
    });
    expect(released).toEqual([
      expect.stringMatching(/^advance-releases, step \d, released: expected \[2\], got \[1\]$/),
    ]);
    const errors = await told("limits", "told-ttl", (vector) => {
      (process(vector, 2) as unknown as Loose).generated = [];
    });
    expect(errors[0]).toMatch(/^told-ttl, step 2, generated: expected \[\], got \[\{"frame":0,"egress":0,"packet":/);
    const stats = await told("lifetimes", "egress-statistics", (vector) => {
      const step = vector.steps.find((one) => one.do === "call") as unknown as { egressStats: Loose[] };
      step.egressStats[0]!.frames = "3";
    });
    expect(stats).toEqual(['egress-statistics, step 3, egressStats[0].frames: expected "3", got "2"']);
  });

  test("outer headers differ by a byte", async () => {
    const changed = await told("overlay", "endpoint-node-redirects", (vector) => {
      const verdict = row(vector, 3);
      verdict.outer = `ff${(verdict.outer as string).slice(2)}`;
    });
    expect(changed[0]).toMatch(/^endpoint-node-redirects, step 3, verdicts\[0\]\.outer: /);
  });
});

describe("the generator writes nothing where the engine does not do what was said before:", () => {
  const lies: [string, Said, RegExp][] = [
    ["another reason", [at.send(query()(4000)), drop("no-policy")], /"action":"snat".*said before was\n.*"no-policy"/s],
    ["another port", at.out(query(), 4000, 4001, {}, "created"), /"natPort":4000/],
    ["another source", at.with({ ext: "192.0.2.9" }).out(query(), 4000, 4000, {}, "created"), /"egressIP":"192.0.2.1"/],
    ["no flag", at.out(query(), 4000), /"flags":\["created"\]/],
    ["a hop", at.with({ hop: true }).out(query(), 4000, 4000, {}, "created"), /"flags":\["created"\]/],
  ];
  test.each(lies)("%s", async (_, said, message) => {
    const book = new Book("lies", "none");
    await book.add({ name: "one", why: "a lie", rules: [], setting: near }, (s) => s.process([said]));
    expect(book.faults).toEqual([expect.stringMatching(message)]);
    expect(book.file().vectors).toEqual([]);
  });

  test("a counter that nobody spoke of, a settled one that differs, a return value", async () => {
    const book = new Book("lies", "none");
    const open = at.out(query(), 4000, 4000, {}, "created");
    const head = { why: "a lie", rules: [], setting: near };
    await book.add({ ...head, name: "delta" }, (s) => s.process([open], { counters: { removed: 1 } }));
    await book.add({ ...head, name: "settled" }, (s) => {
      s.process([open, at.back(reply(), 4000)]);
      s.advance(0, { live: 2 });
    });
    await book.add({ ...head, name: "return" }, (s) => s.call("nodeLost", [9]));
    expect(book.faults).toEqual([
      "lies: delta: counters: removed is 0, said was 1",
      "lies: settled: counters: live is 1, said was 2",
      expect.stringMatching(/^lies: return: step 2, call returns: the engine says\n {2}-15, said before was\n {2}0$/),
    ]);
  });

  test("words that the engine follows, and the verifier, who reads the policies themselves, does not", async () => {
    const book = new Book("lies", "none");
    const model = { ...NEAR.model!, policies: NEAR.model!.policies.map((row) => ({ ...row, egresses: [1] })) };
    const astray = { ...near, policy: { ...NEAR, model } };
    await book.add({ name: "one", why: "a lie", rules: [], setting: astray }, (s) => {
      s.process([at.out(query(), 4000, 4000, {}, "created")]);
    });
    expect(book.faults).toEqual([expect.stringMatching(/^lies: one: the verifier finds .*"field":"egress/)]);
  });
});
