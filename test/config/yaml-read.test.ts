import fc from "fast-check";
import { dump } from "js-yaml";
import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import { yamlPieces } from "../../src/config/yaml-pieces.js";
import { readYaml, YamlPlaces } from "../../src/config/yaml-read.js";
import { PolicyError } from "../../src/errors.js";
import { ciliumPolicy, pod, writeFiles } from "./manifests.js";

describe("YamlPlaces", () => {
  test("finds every scalar of any document where it is written", () => {
    const scalar = fc.oneof(
      fc.integer(),
      fc.boolean(),
      fc.stringMatching(/^[a-z]{1,8}$/),
      fc.constant("two words"),
      fc.constant('"quoted"'),
    );
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        scalar,
        fc.array(tie("node"), { maxLength: 3 }),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie("node"), { maxKeys: 4 }),
      ),
    })).node;
    fc.assert(
      fc.property(fc.array(tree, { minLength: 1, maxLength: 3 }), fc.constantFrom(-1, 1), (documents, flowLevel) => {
        const text = documents.map((value) => `---\n${dump(value, { flowLevel })}`).join("");
        const places = new YamlPlaces(text);
        documents.forEach((value, document) => {
          for (const { path, leaf } of leaves(value)) {
            const offset = places.locate(document, { path, target: "value" });
            const written = text[offset] === "'" || text[offset] === '"' ? text.slice(offset + 1) : text.slice(offset);
            expect(written.startsWith(String(leaf))).toBe(true);
          }
        });
      }),
    );
  });

  test("gives the key of a value that is not written, and the start of the map for one that is missing", () => {
    const text = "a:\n  b:\n  c: 1\n";
    const places = new YamlPlaces(text);
    expect(places.locate(0, { path: ["a", "b"], target: "value" })).toBe(text.indexOf("b:"));
    expect(places.locate(0, { path: ["a", "x", "y"], target: "value" })).toBe(text.indexOf("b:"));
    expect(places.locate(0, { path: ["a", "c"], target: "key" })).toBe(text.indexOf("c:"));
    expect(places.locate(7, { path: ["a"], target: "key" })).toBe(0);
  });
});

describe("YamlPlaces and merge keys", () => {
  test("finds a merged field where it is written, the first source that has it", () => {
    const text = "a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc: {<<: [*a, *b], z: 4}\n";
    const places = new YamlPlaces(text);
    expect(places.locate(0, { path: ["c", "x"], target: "key" })).toBe(text.indexOf("x: 1"));
    expect(places.locate(0, { path: ["c", "y"], target: "key" })).toBe(text.indexOf("y: 3"));
  });

  test("comes to an end where a mapping merges itself, or one source by very many ways", () => {
    const circle = "a: &a\n  <<: [*a]\n  b: 1\n";
    expect(new YamlPlaces(circle).locate(0, { path: ["a", "missing"], target: "value" })).toBe(circle.indexOf("<<"));
    const levels = Array.from({ length: 60 }, (_, i) => `l${i + 1}: &l${i + 1} {<<: [*l${i}, *l${i}]}\n`);
    const maze = `l0: &l0 {b: 1}\n${levels.join("")}`;
    const places = new YamlPlaces(maze);
    expect(places.locate(0, { path: ["l60", "b"], target: "key" })).toBe(maze.indexOf("b: 1"));
    expect(places.locate(0, { path: ["l60", "missing"], target: "key" })).toBe(maze.indexOf("{<<: [*l59"));
  });
});

describe("readYaml", () => {
  test("takes YAML 1.2 scalars: yes and on are text, times stay text, octal needs 0o", () => {
    const { values } = readYaml("[yes, on, 2026-01-01T00:00:00Z, 010, 0o10, 1e3, ~, true, 1_000]");
    expect(values).toEqual([["yes", "on", "2026-01-01T00:00:00Z", 10, 8, 1000, null, true, "1_000"]]);
  });

  test("allows aliases that stay small, by the thousand but not without end", () => {
    const aliases = (count: number) => `a: &a {b: c}\nd: [${Array(count).fill("*a").join(", ")}]\n`;
    expect(readYaml(aliases(9000)).faults).toEqual([]);
    expect(readYaml(aliases(10_001)).faults[0]!.found).toMatch(/aliases/);
  });
});

describe("yamlPieces", () => {
  const pods = Array.from({ length: 12 }, (_, index) =>
    pod(`p${index}`, `10.0.0.${index}`, { labels: { note: "a-b" } }),
  );
  const member = (object: object, indent = "") =>
    dump(object)
      .trimEnd()
      .split("\n")
      .map((line, index) => `${indent}${index === 0 ? "- " : "  "}${line}\n`)
      .join("");
  const listText = (indent = "") =>
    `apiVersion: v1\nitems:\n${pods.map((object) => member(object, indent)).join("")}kind: List\nmetadata:\n  resourceVersion: ""\n`;
  /** All objects that the pieces of `text` hold. */
  const objectsIn = (text: string, length: number): unknown[] =>
    yamlPieces(text, length).flatMap(({ start, end, holds }) => {
      const { values, faults } = readYaml(text.slice(start, end));
      expect(faults).toEqual([]);
      return holds === "members"
        ? (values[0] as unknown[])
        : values.flatMap((value) => (value as { items?: unknown[] }).items ?? [value]);
    });

  test.each(["", "  "])("cut a list between its members, indented by %j", (indent) => {
    const text = listText(indent);
    const pieces = yamlPieces(text, 400);
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.every(({ holds, list }) => holds === "members" && list?.kind === "List")).toBe(true);
    expect(objectsIn(text, 400)).toEqual(objectsIn(text, text.length));
  });

  test("cut at document markers, join short documents, and cover the text without a gap", () => {
    const text = `${pods.map((object) => `---\n${dump(object)}`).join("")}--- {kind: last}\n`;
    for (const length of [1, 300, 900, 5000]) {
      const pieces = yamlPieces(text, length);
      expect(pieces[0]!.start).toBe(0);
      pieces.forEach((piece, index) => {
        expect(piece.end).toBe(pieces[index + 1]?.start ?? text.length);
      });
      expect(objectsIn(text, length)).toHaveLength(13);
    }
    expect(yamlPieces(text, 900).length).toBeLessThan(13);
  });

  test("mix documents and lists", () => {
    const text = `---\n${dump(pods[0])}---\n${listText()}---\n${dump(pods[1])}`;
    expect(objectsIn(text, 600)).toEqual(
      [pods[0], ...pods, pods[1]].map((object) => JSON.parse(JSON.stringify(object))),
    );
  });

  test.each<[string, string]>([
    ["a text with directives", `%YAML 1.2\n---\n${listText()}`],
    ["a list with aliases", `x: &x 1\n${listText().replace("note: a-b", "note: *x")}`],
    ["a list in flow style", `kind: List\nitems: ${JSON.stringify(pods)}\n`],
    ["an object that is no list", listText().replace("kind: List", "kind: Other")],
    ["a text whose rest is broken", listText().replace("kind: List", "kind: [")],
  ])("leave %s whole", (_what, text) => {
    expect(yamlPieces(text, 500)).toEqual([{ start: 0, end: text.length, holds: "documents" }]);
  });

  test("do not take members from text in a block scalar or from comments", () => {
    const tricky = `apiVersion: v1\nitems:\n- kind: A\n  text: |\n    - kind: no\n\n    items:\n# - kind: no\n- kind: B\n  text: "- kind: no"\nkind: List\n`;
    expect(objectsIn(tricky, 20)).toEqual(objectsIn(tricky, 10_000));
  });

  test("keep lines and columns right far down in a long file", { timeout: 120_000 }, () => {
    const filler = member({ ...pods[0], metadata: { name: "filler", annotations: { text: "x".repeat(4000) } } });
    const wrong = member(ciliumPolicy("wrong", { destinationCIDRs: ["nowhere"] }));
    const head = "apiVersion: v1\nitems:\n";
    const text = `${head}${filler.repeat(2200)}${wrong}${filler}kind: List\n`;
    expect(text.length).toBeGreaterThan(8 << 20);
    let message = "";
    try {
      loadManifests([writeFiles({ "long.yaml": text })]);
    } catch (error) {
      expect(error).toBeInstanceOf(PolicyError);
      message = (error as PolicyError).message;
    }
    const line = text.slice(0, text.indexOf("nowhere")).split("\n").length;
    expect(message).toMatch(
      new RegExp(`long\\.yaml:${line}:9: CiliumEgressGatewayPolicy wrong spec\\.destinationCIDRs\\[0\\] is "nowhere"`),
    );
  });
});

function leaves(
  value: unknown,
  path: readonly (string | number)[] = [],
): { path: readonly (string | number)[]; leaf: unknown }[] {
  if (Array.isArray(value)) return value.flatMap((member, index) => leaves(member, [...path, index]));
  if (typeof value === "object" && value !== null)
    return Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, key]));
  return [{ path, leaf: value }];
}
