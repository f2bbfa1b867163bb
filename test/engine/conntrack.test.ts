import { expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import { clearTouches, connections } from "../../src/engine/conntrack.js";

const TCP = 6;
const NONE = new Uint8Array(0);

interface LineFields {
  src: number[];
  dst: number[];
  ports: [number, number];
  hook: number;
  pair: number;
  flags: number;
  rewriteTo: number[];
}

function putLine(table: Uint8Array, slot: number, fields: LineFields): DataView {
  const view = new DataView(table.buffer, slot * abi.LINE_SIZE, abi.LINE_SIZE);
  new Uint8Array(view.buffer, view.byteOffset).set([...fields.src, ...fields.dst]);
  view.setUint16(abi.LINE_PORTS_AT, fields.ports[0]);
  view.setUint16(abi.LINE_PORTS_AT + 2, fields.ports[1]);
  view.setUint8(abi.LINE_PROTOCOL_AT, TCP);
  view.setUint8(abi.LINE_HOOK_AT, fields.hook);
  view.setUint8(abi.LINE_FLAGS_AT, fields.flags);
  view.setUint32(abi.LINE_PAIR_AT, fields.pair, true);
  new Uint8Array(view.buffer, view.byteOffset + abi.LINE_ADDRESS_AT, 4).set(fields.rewriteTo);
  return view;
}

function tableOfOneConnection(flags: number): { table: Uint8Array; original: DataView; reply: DataView } {
  const table = new Uint8Array(8 * abi.LINE_SIZE);
  const original = putLine(table, 5, {
    src: [10, 0, 1, 7],
    dst: [198, 51, 100, 1],
    ports: [40000, 443],
    hook: abi.HOOK_FROM_ENDPOINT,
    pair: 2,
    flags: flags | abi.LINE_FLAG_PRIMARY,
    rewriteTo: [203, 0, 113, 10],
  });
  const reply = putLine(table, 2, {
    src: [198, 51, 100, 1],
    dst: [203, 0, 113, 10],
    ports: [443, 50000],
    hook: abi.HOOK_FROM_NETWORK,
    pair: 5,
    flags,
    rewriteTo: [10, 0, 1, 7],
  });
  return { table, original, reply };
}

test("an empty table has no connections", () => {
  expect([...connections({ lines: new Uint8Array(64 * abi.LINE_SIZE), addresses: NONE })]).toEqual([]);
});

test("a translated connection is read with both of its lines, counters and pin", () => {
  const { table, original, reply } = tableOfOneConnection(abi.LINE_FLAG_TRANSLATED);
  original.setUint16(abi.LINE_PORT_AT, 50000);
  original.setUint16(abi.LINE_EGRESS_AT, 3, true);
  original.setBigUint64(abi.LINE_BYTES_AT, 0x1_0000_0005n, true);
  original.setUint32(abi.LINE_PACKETS_AT, 9, true);
  reply.setUint16(abi.LINE_PORT_AT, 40000);
  const [connection, ...others] = connections({ lines: table, addresses: NONE });
  expect(others).toEqual([]);
  expect(connection?.original).toMatchObject({
    slot: 5,
    hook: abi.HOOK_FROM_ENDPOINT,
    protocol: TCP,
    src: "10.0.1.7",
    srcPort: 40000,
    dst: "198.51.100.1",
    dstPort: 443,
    address: "203.0.113.10",
    port: 50000,
    reason: abi.REASON_NONE,
    egress: 3,
    packets: 9,
    bytes: 0x1_0000_0005,
  });
  expect(connection?.reply).toMatchObject({
    slot: 2,
    src: "198.51.100.1",
    dstPort: 50000,
    address: "10.0.1.7",
    port: 40000,
  });
});

test("a connection that passes shows its reason instead of a port", () => {
  const { table, original } = tableOfOneConnection(0);
  original.setUint16(abi.LINE_PORT_AT, abi.REASON_REPLY_OF_INBOUND, true);
  const [connection] = connections({ lines: table, addresses: NONE });
  expect(connection?.original).toMatchObject({ port: 0, reason: abi.REASON_REPLY_OF_INBOUND });
});

test("a line whose pair lies outside the table (a state cut by hand) is left out", () => {
  const { table, original } = tableOfOneConnection(0);
  original.setUint32(abi.LINE_PAIR_AT, 8, true);
  expect([...connections({ lines: table, addresses: NONE })]).toEqual([]);
});

test("clearing the prefetch's traces changes nothing else", () => {
  const { table, original } = tableOfOneConnection(abi.LINE_FLAG_TRANSLATED);
  const clean = table.slice();
  original.setUint16(abi.LINE_TOUCH_AT, 17, true);
  new DataView(table.buffer).setUint16(7 * abi.LINE_SIZE + abi.LINE_TOUCH_AT, 63, true);
  expect(table).not.toEqual(clean);
  clearTouches(table);
  expect(table).toEqual(clean);
});
