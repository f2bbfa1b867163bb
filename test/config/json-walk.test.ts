import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { locateInJson, splitJson } from "../../src/config/json-read.js";
import { JsonFault, keyText, walkJson } from "../../src/config/json-walk.js";

const walks = (text: string): boolean => {
  const bytes = Buffer.from(text);
  try {
    const end = walkJson(bytes, 0, {});
    return bytes.subarray(end).toString().trim() === "";
  } catch (error) {
    if (error instanceof JsonFault) return false;
    throw error;
  }
};
const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe("walkJson", () => {
  test("accepts whatever JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        expect(walks(JSON.stringify(value, undefined, indent))).toBe(true);
      }),
    );
  });

  test("agrees with JSON.parse on damaged text", () => {
    const damage = fc.tuple(
      fc.jsonValue(),
      fc.nat(),
      fc.constantFrom("", '"', "{", "}", "[", "]", ",", ":", "\\", "0", "-", "e", "t", "\n", " "),
    );
    fc.assert(
      fc.property(damage, ([value, place, insert]) => {
        const text = JSON.stringify(value);
        const at = place % (text.length + 1);
        const damaged = text.slice(0, at) + insert + text.slice(at + 1);
        expect(walks(damaged)).toBe(parses(damaged));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    "01",
    "1.",
    "-",
    "+1",
    "1e",
    "tru",
    "nulll",
    "NaN",
    '"\\x"',
    '"\\u12"',
    '"\t"',
    "[1,,2]",
    "{,}",
    '{"a"}',
    '{"a":}',
    "[",
    "",
  ])("refuses %j as JSON.parse does", (text) => {
    expect([walks(text), parses(text)]).toEqual([false, false]);
  });

  test("reports a key that its object already has, in small and large objects, once per repetition", () => {
    for (const count of [1, 15, 16, 17, 500]) {
      const members = Array.from({ length: count }, (_, index) => `"key${index}":{"key0":0}`);
      const text = `{${members.join(",")},"key${count - 1}":1,"k\\u0065y0":2}`;
      const bytes = Buffer.from(text);
      const found: string[] = [];
      walkJson(bytes, 0, { duplicateKey: (_depth, start, end) => found.push(keyText(bytes, start, end)) });
      expect(found).toEqual([`key${count - 1}`, "key0"]);
    }
  });
});

describe("locateInJson", () => {
  test("finds the text of every value of any document", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const bytes = Buffer.from(` ${JSON.stringify(value, undefined, indent)}`);
        const places = allPlaces(value);
        const offsets = locateInJson(
          bytes,
          1,
          places.map(({ path }) => ({ path, target: "value" })),
        );
        places.forEach((place, index) => {
          const end = walkJson(bytes, offsets[index]!, {});
          // JSON writes -0 as 0.
          expect(JSON.parse(bytes.toString("utf8", offsets[index], end))).toEqual(
            JSON.parse(JSON.stringify(place.value)),
          );
        });
      }),
    );
  });

  test("finds keys, and the deepest value on the way where the end does not exist", () => {
    const bytes = Buffer.from('{"a":{"b":[1,{"c":2}]}}');
    const queries = [
      { path: ["a", "b", 1, "c"], target: "key" },
      { path: ["a", "b", 1, "x", "y"], target: "value" },
      { path: ["a", "b", 7], target: "key" },
      { path: ["z"], target: "value" },
      { path: ["a"], target: "key" },
    ] as const;
    expect(locateInJson(bytes, 0, queries)).toEqual([14, 13, 10, 0, 1]);
  });
});

describe("splitJson", () => {
  test("finds the members of a list, whether its kind comes before or behind them", () => {
    for (const text of [
      '{"kind":"List","items":[{"a":1}, {"b":[2]}]}',
      '{"items":[{"a":1}, {"b":[2]}],"kind":"List"}',
    ]) {
      const { documents } = splitJson(Buffer.from(text));
      expect(documents).toHaveLength(1);
      const { items } = documents[0]!;
      expect([text.slice(items[0], items[1]), text.slice(items[2], items[3])]).toEqual(['{"a":1}', '{"b":[2]}']);
    }
  });

  test("takes several values in one text, and only the list under the top-level items", () => {
    const text = '{"spec":{"items":[1]}}\n[{"a":1}]\n{"items":7}';
    const documents = splitJson(Buffer.from(text)).documents;
    expect(documents.map(({ items }) => items.length / 2)).toEqual([0, 1, 0]);
    expect(documents.map(({ start, end }) => text.slice(start, end))).toEqual([
      '{"spec":{"items":[1]}}',
      '[{"a":1}]',
      '{"items":7}',
    ]);
  });
});

/** All values inside of `value` with the paths to them. */
function allPlaces(
  value: unknown,
  path: readonly (string | number)[] = [],
): { path: readonly (string | number)[]; value: unknown }[] {
  const inner = Array.isArray(value)
    ? [...value.entries()]
    : typeof value === "object" && value !== null
      ? Object.entries(value)
      : [];
  return [{ path, value }, ...inner.flatMap(([step, member]) => allPlaces(member, [...path, step]))];
}
