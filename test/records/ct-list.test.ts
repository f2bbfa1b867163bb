import { describe, expect, test } from "vitest";
import { decodeFrame } from "../../src/net/decode.js";
import type { ReadFrame } from "../support/capture-read.js";
import { readRecords } from "./texts.js";

const NEW =
  "TCP OUT 10.1.0.7:40000 -> 198.51.100.9:443 expires=16785302 Packets=21 Bytes=2049 RxFlagsSeen=0x1b LastRxReport=16763748 TxFlagsSeen=0x1b LastTxReport=16763748 Flags=0x0010 [ SeenNonSyn ] RevNAT=0 SourceSecurityID=4101 BackendID=0";
const WITH_DIFF =
  "TCP OUT 10.1.0.7:40000 -> 198.51.100.9:443 expires=16785302 (remaining: 21534 sec(s)) RxPackets=10 RxBytes=918 RxFlagsSeen=0x1b LastRxReport=16763748 TxPackets=11 TxBytes=1131 TxFlagsSeen=0x1b LastTxReport=16763748 Flags=0x0010 [ SeenNonSyn ] RevNAT=0 SourceSecurityID=4101 IfIndex=0 ";
const OLD =
  "TCP OUT 10.1.0.7:40000 -> 198.51.100.9:443  expires=71101 rx_packets=6 rx_bytes=615 tx_packets=4 tx_bytes=581 flags=10 revnat=0 proxyport=0 src_sec_id=4101";
const ENTRY =
  "expires=1 Packets=0 Bytes=0 RxFlagsSeen=0x00 LastRxReport=0 TxFlagsSeen=0x00 LastTxReport=0 Flags=0x0000 [ ]";

/** `> SYN`, `< SYN ACK`: direction and flags of TCP frames, or the kind of others. */
function told(frames: readonly ReadFrame[]): string[] {
  return frames.map(({ bytes }) => {
    const packet = decodeFrame(bytes, 101, bytes.length)!;
    const arrow = bytes[packet.sourceAt] === 10 ? ">" : "<";
    const names = ["FIN", "SYN", "RST", "PSH", "ACK"].filter((_, bit) => packet.tcpFlags & (1 << bit));
    return `${arrow} ${packet.kind === "tcp" ? names.join(" ") : packet.kind}`;
  });
}

describe("an entry of a connection table", () => {
  test.each([
    ["of today", NEW],
    ["with the time that remains", WITH_DIFF],
    ["of old", OLD],
  ])("%s is made into the opening of its connection", async (_, line) => {
    const { frames, records } = await readRecords(`${line}\n`);
    expect(told(frames)).toEqual(["> SYN", "< SYN ACK", "> ACK"]);
    expect(records).toMatchObject({ kind: "ct-list", read: 1, used: 1 });
    const packet = decodeFrame(frames[0]!.bytes, 101, 40)!;
    expect(frames[0]!.bytes.readUInt16BE(packet.sourcePortAt)).toBe(40000);
    expect(frames[0]!.bytes.readUInt16BE(packet.destinationPortAt)).toBe(443);
  });

  test.each([
    ["TCP unanswered", "TCP OUT 10.1.0.7:1 -> 198.51.100.9:2", "Flags=0x0000 [ ]", ["> SYN"]],
    [
      "TCP closing on the way out",
      "TCP OUT 10.1.0.7:1 -> 198.51.100.9:2",
      "Flags=0x0012 [ ]",
      ["> SYN", "> ACK", "> FIN ACK"],
    ],
    [
      "TCP closed both ways",
      "TCP OUT 10.1.0.7:1 -> 198.51.100.9:2",
      "RxFlagsSeen=0x13 Flags=0x0013 [ ]",
      ["> SYN", "< SYN ACK", "> ACK", "> FIN ACK", "< FIN ACK"],
    ],
    ["UDP", "UDP OUT 10.1.0.7:1 -> 198.51.100.9:2", "RxPackets=0 LastRxReport=0", ["> udp"]],
    ["UDP answered", "UDP OUT 10.1.0.7:1 -> 198.51.100.9:2", "RxFlagsSeen=0x00 LastRxReport=17", ["> udp", "< udp"]],
    ["SCTP", "SCTP OUT 10.1.0.7:1 -> 198.51.100.9:2", "", ["> sctp"]],
    ["an echo", "ICMP OUT 10.1.0.7:0 -> 198.51.100.9:77", "RxPackets=2", ["> echo", "< echo"]],
  ])("of %s", async (_, head, rest, frames) => {
    expect(told((await readRecords(`${head} ${rest}\n`)).frames)).toEqual(frames);
  });

  test.each(["ICMP OUT 10.1.0.7:0 -> 198.51.100.9:77 ", "ICMP OUT 10.1.0.7:77 -> 198.51.100.9:0 "])(
    "%s has the identifier in one of its ports",
    async (line) => {
      const { frames } = await readRecords(`${line}\n`);
      expect(frames[0]!.bytes.readUInt16BE(24)).toBe(77);
    },
  );

  test.each(["TCP OUT [fd00:1::7]:40000 -> [2001:db8:99::9]:443", "TCP OUT fd00:1::7:40000 -> 2001:db8:99::9:443"])(
    "%s is of IPv6",
    async (head) => {
      const { frames } = await readRecords(`${head} ${ENTRY}\n`);
      expect(frames[0]!.bytes.subarray(8, 24).toString("hex")).toBe("fd000001000000000000000000000007");
      expect(frames[0]!.bytes.readUInt16BE(42)).toBe(443);
    },
  );

  test("has the instant that the caller gives, in the order of the table", async () => {
    const { frames } = await readRecords(`${NEW}\n${NEW.replace("40000", "40001")}\n`, {
      atNs: 1_700_000_000_000_000_005n,
    });
    expect(new Set(frames.map(({ time }) => time))).toEqual(new Set([1_700_000_000_000_000_005n]));
    expect(frames.map(({ bytes }) => bytes.readUInt16BE(20)).filter((port) => port !== 443)).toEqual([
      40000, 40000, 40001, 40001,
    ]);
  });
});

describe("lines that are no connections of endpoints", () => {
  test.each([
    ["inbound", "TCP IN 198.51.100.9:5000 -> 10.1.0.7:80"],
    ["service", "TCP SVC 10.1.0.7:40000 -> 10.96.0.1:443"],
    ["service", "TCP OUT 10.1.0.7:40000 -> 10.96.0.1:443 service"],
    ["related", "ICMP OUT 10.1.0.7:0 -> 198.51.100.9:0 related"],
    ["no-transport", "GRE OUT 10.1.0.7:0 -> 198.51.100.9:0"],
    ["two-families", "TCP OUT 10.1.0.7:1 -> [2001:db8::1]:2"],
    ["local-table", "TCP OUT 198.51.100.9 443:40000"],
    ["not-an-entry", "Unable to open /sys/fs/bpf/tc/globals/cilium_ct6_global: skipping."],
  ])("%s: %s", async (reason, head) => {
    const { unused, frames } = await readRecords(`${NEW}\n${head} ${ENTRY}\n`);
    expect(unused).toEqual({ [reason]: 1 });
    expect(frames).toHaveLength(3);
  });

  test("what programs say before the table does not hide it", async () => {
    const { frames, unused } = await readRecords(
      `Defaulted container "cilium-agent" out of: cilium-agent, config (init)\n\n${NEW}\n`,
    );
    expect(frames).toHaveLength(3);
    expect(unused).toEqual({ "not-an-entry": 1 });
  });
});

test.each([
  ["TCP OUT 10.1.0.7 -> 198.51.100.9:443", 'source is "10.1.0.7", expected ADDRESS:PORT'],
  ["TCP OUT 10.1.0.7:1 -> 198.51.100.9:66000", 'destination is "198.51.100.9:66000", expected ADDRESS:PORT'],
  ["TCP OUT 10.1.0.777:1 -> 198.51.100.9:6", 'source is "10.1.0.777", expected an IPv4 or IPv6 address'],
])("%s is an error with its line", async (head, message) => {
  const { error, frames } = await readRecords(`${NEW}\n${head} ${ENTRY}\n${NEW}\n`);
  expect((error as Error).message).toBe(`-:2: ${message}`);
  expect(frames).toHaveLength(3);
});

describe("a table printed as JSON", () => {
  const key = { SourcePort: 0x409c, DestPort: 0xbb01, NextHeader: 6, Flags: 0 };
  const addresses = { DestAddr: [10, 1, 0, 7], SourceAddr: [198, 51, 100, 9] };
  const value = { RxPackets: 10, Lifetime: 16785302, Flags: 0x10 };
  const ipv6 = { DestAddr: "/QAAAQAAAAAAAAAAAAAABw==", SourceAddr: "IAENuACZAAAAAAAAAAAACQ==" };

  test.each([
    ["as lists of bytes", { Key: { ...key, ...addresses }, Value: value }],
    ["in structures", { Key: { TupleKey4Global: { TupleKey4: { ...key, ...addresses } } }, Value: value }],
    ["as base64", { Key: { TupleKey4: { ...key, DestAddr: "CgEABw==", SourceAddr: "xjNkCQ==" } }, Value: value }],
    ["as text", { Key: { ...key, DestAddr: "10.1.0.7", SourceAddr: "198.51.100.9" }, Value: value }],
  ])("has its addresses exchanged and its ports in network order: %s", async (_, entry) => {
    const expected = await readRecords(`${NEW}\n`);
    const { frames, records } = await readRecords(JSON.stringify([entry, entry], undefined, 2));
    expect(records).toMatchObject({ kind: "ct-list", read: 2, used: 2 });
    expect(frames.slice(0, 3)).toEqual(expected.frames);
  });

  test("may be of IPv6, and says which entries are no connections of endpoints", async () => {
    const entries = [0, 1, 2, 4].map((flags) => ({ Key: { ...key, ...ipv6, Flags: flags }, Value: value }));
    const { frames, unused } = await readRecords(JSON.stringify(entries));
    expect(unused).toEqual({ inbound: 1, related: 1, service: 1 });
    expect(frames[0]!.bytes.subarray(24, 40).toString("hex")).toBe("20010db8009900000000000000000009");
  });

  test.each([
    [{ Key: { a: 1, b: 2 }, Value: {} }, "Key is an object, expected a key with DestAddr"],
    [{ Key: { ...key, ...addresses, DestAddr: [1, 2, 3] }, Value: {} }, "Key.DestAddr is a list, expected an address"],
    [
      { Key: { ...key, ...addresses, DestPort: -1 }, Value: {} },
      "Key.DestPort is -1, expected an integer from 0 to 65535",
    ],
  ])("%j is an error with its line", async (entry, message) => {
    const good = { Key: { ...key, ...addresses }, Value: value };
    const text = `[\n${JSON.stringify(good)},\n\n${JSON.stringify(entry)}\n]`;
    expect(((await readRecords(text)).error as Error).message).toContain(`-:4: ${message}`);
  });
});
