import { describe, expect, test } from "vitest";
import { type CtTuple, readCtLifetimes } from "../../src/records/ct-lifetimes.js";
import { withFile } from "../support/capture-read.js";

const TUPLE: CtTuple = {
  protocol: "TCP",
  endpoint: "10.1.0.7",
  endpointPort: 40000,
  remote: "198.51.100.9",
  remotePort: 443,
};
const HEAD = "TCP OUT 10.1.0.7:40000 -> 198.51.100.9:443 expires=900";
const OTHER = "UDP OUT 10.1.0.8:1 -> 198.51.100.9:53 expires=1010 LastRxReport=0 LastTxReport=950 Flags=0x0000 [ ]";
const MAP_ENTRY = {
  Key: {
    TupleKey4Global: {
      DestAddr: "10.1.0.7",
      SourceAddr: "198.51.100.9",
      DestPort: 0xbb01,
      SourcePort: 0x409c,
      NextHeader: 6,
      Flags: 0,
    },
  },
  Value: { Lifetime: 900, Flags: 16, LastRxReport: 880, LastTxReport: 870 },
};

function lifetime(text: string, tuple: CtTuple = TUPLE): Promise<number | undefined> {
  return withFile(Buffer.from(text), async (path) => (await readCtLifetimes([path])).of(tuple));
}

describe("how long an entry of a connection table has to live", () => {
  test.each([
    ["what the table says", `${HEAD} (remaining: 321 sec(s)) LastRxReport=880 LastTxReport=870`, 321],
    ["from the last packet of any connection on", `${HEAD} LastRxReport=880 LastTxReport=890\n${OTHER}`, -50],
    ["from its own last packet on where that is the last", `${HEAD} LastRxReport=880 LastTxReport=870`, 20],
    ["nobody knows where no packet has a time", `${HEAD} rx_packets=6 flags=10`, undefined],
    ["as in the map, printed as JSON", JSON.stringify([MAP_ENTRY]), 20],
    [
      "for the address that it is of, whichever way that is written",
      `${HEAD.replace("TCP", "tcp")} LastRxReport=1`,
      899,
    ],
    [
      "nobody knows of an entry that is of a service",
      HEAD.replace("expires", "service expires").concat(" LastTxReport=870"),
      undefined,
    ],
  ])("%s", async (_, text, seconds) => {
    expect(await lifetime(`${text}\n`)).toBe(seconds);
  });

  test("is that of an echo by its identifier, in whichever port that stands", async () => {
    const echo = { ...TUPLE, protocol: "ICMP", endpointPort: 77, remotePort: 0 };
    for (const ports of [
      ["0", "77"],
      ["77", "0"],
    ]) {
      const line = `ICMP OUT 10.1.0.7:${ports[0]} -> 198.51.100.9:${ports[1]} expires=60 LastTxReport=50\n`;
      expect(await lifetime(line, echo)).toBe(10);
    }
  });

  test("is not told by what is no connection table, nor by faulty entries", async () => {
    expect(await lifetime("nothing\n")).toBeUndefined();
    expect(await lifetime(`TCP OUT 10.1.0.7 -> 198.51.100.9:443 x\n${HEAD} LastRxReport=880\n`)).toBe(20);
  });
});
