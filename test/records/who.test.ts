import { describe, expect, test } from "vitest";
import type { Pin } from "../../src/records/pins.js";
import { Holders, type WhoQuery } from "../../src/records/who.js";

const SECOND = 1_000_000_000n;
const QUERY: WhoQuery = { egressIP: "203.0.113.10", port: 40312, fromNs: 100n * SECOND, toNs: 101n * SECOND };
const PIN: Pin = {
  protocol: "TCP",
  endpoint: "10.1.0.7",
  endpointPort: 51514,
  remote: "198.51.100.9",
  remotePort: 443,
  egressIP: "203.0.113.10",
  natPort: 40312,
};

/** Endpoints that the holders answer with. */
function answered(query: Partial<WhoQuery>, add: (holders: Holders) => void): { answers: string[]; others: string[] } {
  const holders = new Holders({ ...QUERY, ...query });
  add(holders);
  const { answers, others } = holders.sorted();
  const ends = (list: typeof answers) => list.map(({ pin }) => `${pin.endpoint}>${pin.remote}`);
  return { answers: ends(answers), others: ends(others) };
}

describe("an entry of a list", () => {
  const listed = (pin: Partial<Pin>, query: Partial<WhoQuery> = {}) =>
    answered(query, (holders) => holders.addPin({ ...PIN, ...pin }, "nat.txt"));
  const HELD = { answers: ["10.1.0.7>198.51.100.9"], others: [] };
  const ELSEWHEN = { answers: [], others: ["10.1.0.7>198.51.100.9"] };
  const NOT = { answers: [], others: [] };

  test.each([
    ["without any time", {}, HELD],
    ["made before and printed after", { createdNs: 50n * SECOND, takenNs: 200n * SECOND }, HELD],
    ["printed after, of an unknown age", { takenNs: 200n * SECOND }, HELD],
    [
      "made within the second after: ages are whole seconds",
      { createdNs: 101n * SECOND + 1n, takenNs: 200n * SECOND },
      HELD,
    ],
    ["made later", { createdNs: 102n * SECOND, takenNs: 200n * SECOND }, ELSEWHEN],
    ["printed within the second before", { createdNs: 50n * SECOND, takenNs: 99n * SECOND }, HELD],
    ["printed before", { createdNs: 50n * SECOND, takenNs: 98n * SECOND }, ELSEWHEN],
    ["of another egress IP", { egressIP: "203.0.113.20" }, NOT],
    ["of another port", { natPort: 40313 }, NOT],
  ])("%s", (_, pin, expected) => {
    expect(listed(pin)).toEqual(expected);
  });

  test("to another remote than the one asked for is none", () => {
    expect(listed({}, { remote: "198.51.100.9" })).toEqual(HELD);
    expect(listed({}, { remote: "198.51.100.9", remotePort: 443 })).toEqual(HELD);
    expect(listed({}, { remote: "198.51.100.9", remotePort: 80 })).toEqual(NOT);
    expect(listed({}, { remote: "198.51.100.10" })).toEqual(NOT);
  });

  test("counts once for both halves of its mapping; other remotes, protocols and lists count for themselves", () => {
    const { answers } = answered({}, (holders) => {
      for (const pin of [PIN, PIN, { ...PIN, remote: "198.51.100.10" }, { ...PIN, protocol: "UDP" }])
        holders.addPin(pin, "a");
      holders.addPin(PIN, "b");
    });
    expect(answers).toHaveLength(4);
  });
});

describe("packets seen under a tuple", () => {
  const other = { ...PIN, endpoint: "10.1.0.8" };
  const seen = (...packets: readonly [Pin, number][]) =>
    answered({}, (holders) => {
      for (const [pin, second] of packets) holders.addPacket(pin, "uplink", BigInt(second) * SECOND);
    });

  test("hold it from the first to the last", () => {
    expect(seen([PIN, 90], [PIN, 120]).answers).toEqual(["10.1.0.7>198.51.100.9"]);
    expect(seen([PIN, 90], [PIN, 98])).toEqual({ answers: [], others: ["10.1.0.7>198.51.100.9"] });
  });

  test("of one endpoint do not hold it across the time of another one", () => {
    expect(seen([PIN, 80], [other, 90], [other, 110], [PIN, 120])).toEqual({
      answers: ["10.1.0.8>198.51.100.9"],
      others: ["10.1.0.7>198.51.100.9", "10.1.0.7>198.51.100.9"],
    });
  });

  test("to several remotes are all answers", () => {
    const elsewhere = { ...other, remote: "198.51.100.10" };
    expect(seen([PIN, 90], [elsewhere, 95], [PIN, 110], [elsewhere, 115]).answers).toEqual([
      "10.1.0.7>198.51.100.9",
      "10.1.0.8>198.51.100.10",
    ]);
  });
});
