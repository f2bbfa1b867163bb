import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Pin, type PinOptions, readPins } from "../../src/records/pins.js";
import { withFile } from "../support/capture-read.js";

const OUT = "TCP OUT 10.1.0.7:51514 -> 198.51.100.9:443 XLATE_SRC 203.0.113.10:40312";
const IN = "TCP IN 198.51.100.9:443 -> 203.0.113.10:40312 XLATE_DST 10.1.0.7:51514";
const PIN = {
  protocol: "TCP",
  endpoint: "10.1.0.7",
  endpointPort: 51514,
  remote: "198.51.100.9",
  remotePort: 443,
  egressIP: "203.0.113.10",
  natPort: 40312,
};
const TAKEN_NS = 1_795_428_000_000_000_000n;

function read(text: string | Uint8Array, options: PinOptions = {}): Promise<Pin[]> {
  return withFile(Buffer.from(text), async (path) => {
    const pins: Pin[] = [];
    for await (const pin of readPins(path, options)) pins.push(pin);
    return pins;
  });
}

describe("bpf nat list", () => {
  test.each([
    ["of today", `${OUT} Created=12sec ago NeedsCT=1`],
    ["of old", `${OUT} Created=12sec HostLocal=0`],
    ["with another space", `${OUT}  Created=12sec ago NeedsCT=1 `],
    ["the other half", `${IN} Created=12sec ago NeedsCT=1`],
  ])("%s", async (_, line) => {
    expect(await read(`${line}\n`)).toEqual([{ ...PIN, ageSeconds: 12 }]);
  });

  test("knows when a mapping was made where the caller knows when it was printed", async () => {
    const text = `${OUT} Created=12sec ago NeedsCT=1\n${OUT}\n`;
    const taken = { ...PIN, takenNs: TAKEN_NS };
    expect(await read(text, { takenNs: TAKEN_NS })).toEqual([
      { ...taken, ageSeconds: 12, createdNs: TAKEN_NS - 12_000_000_000n },
      taken,
    ]);
  });

  test("may be of IPv6 with and without brackets, of ICMP, gzipped, and have other lines in it", async () => {
    const text = [
      'Defaulted container "cilium-agent" out of: cilium-agent',
      "UDP OUT [fd00:1::7]:5000 -> [2001:db8::9]:53 XLATE_SRC [2001:db8:aa::10]:5000 Created=1sec ago NeedsCT=0",
      "UDP OUT fd00:1::7:5000 -> 2001:db8::9:53 XLATE_SRC 2001:db8:aa::10:5000 Created=1sec ago NeedsCT=0",
      "",
      "ICMP IN 198.51.100.9:0 -> 203.0.113.10:77 XLATE_DST 10.1.0.7:7 Created=1sec ago NeedsCT=1",
    ].join("\n");
    const pins = await read(gzipSync(text));
    expect(pins[0]).toEqual(pins[1]);
    expect(pins.map(({ protocol, endpoint, natPort }) => [protocol, endpoint, natPort])).toEqual([
      ["UDP", "fd00:1::7", 5000],
      ["UDP", "fd00:1::7", 5000],
      ["ICMP", "10.1.0.7", 77],
    ]);
  });

  test.each([
    ["TCP OUT 10.1.0.7 -> 198.51.100.9:443 XLATE_SRC 203.0.113.10:4", 'endpoint is "10.1.0.7", expected ADDRESS:PORT'],
    [
      "TCP OUT 10.1.0.7:1 -> 198.51.100.999:443 XLATE_SRC 203.0.113.10:4",
      'remote is "198.51.100.999:443", expected ADDRESS:PORT',
    ],
    ["TCP OUT 10.1.0.7:1 -> 198.51.100.9:443 XLATE_DST 203.0.113.10:4", "expected PROTOCOL OUT|IN"],
    ["TCP 10.1.0.7:1 -> 198.51.100.9:443 XLATE_SRC", "expected PROTOCOL OUT|IN"],
  ])("%s is an error with its line", async (line, message) => {
    await expect(read(`${OUT}\n${line}\n`)).rejects.toThrow(new RegExp(`:2: .*${message.replace("|", "\\|")}`));
  });
});

describe("tables with headings, as egress-ha ct list prints them", () => {
  const ofGateway = { ...PIN, egressIP: "", natPort: 0, gateway: "172.18.0.2" };

  test.each([
    [
      "addresses with ports",
      "Protocol  Source IP         Destination IP    Gateway IP\nTCP       10.1.0.7:51514    198.51.100.9:443  172.18.0.2",
      ofGateway,
    ],
    [
      "ports of their own, in another order, by tabs",
      "Gateway\tDest\tDport\tSrc\tSport\tProto\n172.18.0.2\t198.51.100.9\t443\t10.1.0.7\t51514\ttcp",
      ofGateway,
    ],
    [
      "the egress IP with its port and an age",
      "Source            Destination       Egress IP           Age\n10.1.0.7:51514    198.51.100.9:443  203.0.113.10:40312  12s",
      { ...PIN, protocol: "", ageSeconds: 12 },
    ],
    [
      "columns of no meaning",
      "Source          Comment      Destination       Egress IP     NAT port\n10.1.0.7:51514  two words    198.51.100.9:443  203.0.113.10  40312",
      { ...PIN, protocol: "" },
    ],
  ])("%s", async (_, text, pin) => {
    expect(await read(`${text}\n\n`)).toEqual([pin]);
  });

  test("lines with an arrow need no heading", async () => {
    const line = "TCP 10.1.0.7:51514 -> 198.51.100.9:443  egress_ip=203.0.113.10:40312 gateway: gw-a";
    expect(await read(line)).toEqual([{ ...PIN, gateway: "gw-a" }]);
  });

  test("a word of a million letters is looked at once", async () => {
    const line = `TCP 10.1.0.7:51514 -> 198.51.100.9:443  ${"a".repeat(1_000_000)}`;
    expect(await read(line)).toEqual([{ ...PIN, egressIP: "", natPort: 0 }]);
  });

  test.each([
    ["10.1.0.7:51514    198.51.100.9:443", "row is .*, expected 3 columns as in the heading"],
    ["10.1.0.7:51514    nowhere  203.0.113.10", 'destination is "nowhere", expected an address, perhaps with a port'],
  ])("%s is an error with its line", async (row, message) => {
    await expect(read(`Source  Destination  Egress IP\n${row}\n`)).rejects.toThrow(new RegExp(`:2: ${message}`));
  });
});

test.each(["", "hello\nworld\n", '[{"Key":{},"Value":{}}]'])("a file without any pin is refused: %j", async (text) => {
  await expect(read(text)).rejects.toThrow(
    "holds no pin, expected the output of `bpf nat list` or `egress-ha ct list`",
  );
});
