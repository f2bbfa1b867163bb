import { describe, expect, test } from "vitest";
import { Observations } from "../../src/records/observations.js";
import { flow, jsonLines, POD, REMOTE, readRecords, TIME, TIME_NS, tcpOf, workload, world } from "./texts.js";

const unwrapped = (words: Parameters<typeof flow>[0] = {}) => (flow(words) as { flow: object }).flow;
const remote = { from: REMOTE, to: POD };

describe("forms of a Hubble export", () => {
  test("a flow is the same wrapped with node and time, bare, and pretty-printed", async () => {
    const wrapped = await readRecords(jsonLines(flow()));
    expect(wrapped.records).toMatchObject({ kind: "hubble-flows", read: 1, used: 1 });
    for (const text of [
      jsonLines(unwrapped()),
      JSON.stringify(flow(), undefined, 2),
      JSON.stringify([flow()], undefined, 2),
    ]) {
      expect((await readRecords(text)).frames).toEqual(wrapped.frames);
    }
  });

  test.each([
    ["text", TIME],
    ["seconds and nanoseconds", { seconds: 1_795_428_000, nanos: 1 }],
  ])("a time may be %s", async (_, time) => {
    expect((await readRecords(jsonLines(flow({ time })))).frames.map((frame) => frame.time)).toEqual([TIME_NS]);
  });

  test("a flow without a time has that of its wrapping", async () => {
    const text = jsonLines({ ...flow(), flow: unwrapped({ more: { time: undefined } }) });
    expect((await readRecords(text)).frames.map((frame) => frame.time)).toEqual([TIME_NS]);
  });

  test("blank lines are no records", async () => {
    const { records } = await readRecords(`\n\n${jsonLines(flow())}\n`);
    expect(records.read).toBe(1);
  });
});

describe("what no frame is made of is counted by its reason", () => {
  test.each([
    ["lost-events", { lost_events: { num_events_lost: 3 }, node_name: "w1" }],
    ["node-status", { node_status: { state_change: "NODE_CONNECTED" } }],
    ["agent-event", { agent_event: {} }],
    ["debug-event", { debug_event: {} }],
    ["layer-7", flow({ more: { Type: "L7", l7: { type: "REQUEST" } } })],
    ["socket", flow({ more: { Type: "SOCK" } })],
    ["socket", flow({ more: { verdict: "TRANSLATED" } })],
    ["dropped", flow({ more: { verdict: "DROPPED", drop_reason: 133, drop_reason_desc: "POLICY_DENIED" } })],
    ["no-ip", flow({ more: { IP: undefined } })],
    ["no-ip", flow({ more: { IP: { source: "", destination: REMOTE } } })],
    ["two-families", flow({ to: "2001:db8::1" })],
    ["no-transport", flow({ more: { l4: undefined } })],
    ["no-transport", flow({ l4: { VRRP: { type: 1 } } })],
    ["icmp-not-echo", flow({ l4: { ICMPv4: { type: 3, code: 1 } } })],
    ["no-workload", flow({ more: { source: { identity: 1 }, destination: world } })],
    ["no-workload", flow({ more: { source: { identity: 6 }, destination: { identity: 16777217 } } })],
    ["inbound", flow({ ...remote })],
    ["inbound", flow({ reply: true, l4: tcpOf("SYN ACK") })],
    ["inbound", flow({ ...remote, reply: null })],
    ["inbound", flow({ reply: null, l4: tcpOf("SYN ACK") })],
  ])("%s", async (reason, record) => {
    const { frames, unused, records } = await readRecords(jsonLines(flow(), record));
    expect(unused).toEqual({ [reason]: 1 });
    expect(frames).toHaveLength(1);
    expect(records).toMatchObject({ read: 2, used: 1 });
  });

  test.each([
    ["a drop at a gateway, by number", flow({ more: { verdict: "DROPPED", drop_reason: 167 } })],
    [
      "a drop for want of a gateway, by name",
      flow({ more: { verdict: "DROPPED", drop_reason_desc: "NO_EGRESS_GATEWAY" } }),
    ],
    [
      "a flow that the export says nothing of the ends of",
      flow({ more: { source: undefined, destination: undefined } }),
    ],
    ["a flow between workloads", flow({ more: { source: workload, destination: workload } })],
    ["a workload known by its identity alone", flow({ more: { source: { identity: 4101 } } })],
    ["a reply", flow({ ...remote, reply: true, l4: tcpOf("SYN ACK") })],
    ["data of which nobody knows the direction", flow({ ...remote, reply: null, l4: tcpOf("ACK") })],
  ])("but not %s", async (_, record) => {
    const { frames, unused } = await readRecords(jsonLines(record));
    expect(unused).toEqual({});
    expect(frames).toHaveLength(1);
  });
});

describe("a packet that several places report is used once", () => {
  const at = (ms: number) => `2026-11-23T10:00:00.${String(ms).padStart(3, "0")}Z`;

  test("of one kind of packet the reports of the first place count, however many there are", async () => {
    const { frames, unused } = await readRecords(
      jsonLines(
        flow({ time: at(0) }),
        flow({ time: at(1), node: "gw-a", point: "FROM_OVERLAY" }),
        flow({ time: at(2), node: "gw-a", point: "TO_NETWORK" }),
        flow({ time: at(900) }),
        flow({ time: at(901), node: "gw-a", point: "TO_NETWORK" }),
      ),
    );
    expect(frames).toHaveLength(2);
    expect(unused).toEqual({ "other-observation": 3 });
  });

  test("other flags, ports and directions are other packets", async () => {
    const { unused } = await readRecords(
      jsonLines(
        flow(),
        flow({ point: "TO_NETWORK", l4: tcpOf("ACK") }),
        flow({ point: "TO_NETWORK", l4: tcpOf("SYN", 40001) }),
        flow({ ...remote, reply: true, point: "TO_ENDPOINT", l4: tcpOf("SYN", 40000) }),
      ),
    );
    expect(unused).toEqual({});
  });

  test("a place that falls silent for more than a second loses its right", async () => {
    const late = flow({ time: "2026-11-23T10:00:01.001Z", node: "gw-a", point: "TO_NETWORK" });
    const { frames } = await readRecords(jsonLines(flow({ time: at(0) }), late));
    expect(frames).toHaveLength(2);
  });

  test("and connections more than are remembered ago only count again", () => {
    const observations = new Observations(10);
    const seen = (packet: number, place: string) => observations.isCopy(String(packet), place, TIME_NS);
    for (let packet = 0; packet < 20; packet++) expect(seen(packet, "w1")).toBe(false);
    for (let packet = 0; packet < 20; packet++) expect(seen(packet, "gw-a")).toBe(true);
    for (let packet = 20; packet < 31; packet++) expect(seen(packet, "w1")).toBe(false);
    expect(seen(9, "gw-a")).toBe(false);
    expect(seen(25, "gw-a")).toBe(true);
  });
});

describe("a fault is an error with file, line, value and expectation, after everything before it", () => {
  test.each([
    ["a broken line", '{"flow":', 'record is "{\\"flow\\":", expected a JSON object'],
    ["another value", "17", "record is 17, expected an object"],
    ["another object", '{"a":1}', "flow is missing, expected a Hubble flow"],
    ["a flow that is none", '{"flow":[]}', "flow is a list, expected an object"],
    [
      "a time",
      JSON.stringify(flow({ time: "yesterday" })),
      'flow.time is "yesterday", expected an RFC 3339 time from 1970 to 2106',
    ],
    [
      "a time too late",
      JSON.stringify(flow({ time: "2107-01-01T00:00:00Z" })),
      'flow.time is "2107-01-01T00:00:00Z", expected',
    ],
    [
      "no time",
      JSON.stringify({ flow: { ...unwrapped(), time: undefined } }),
      "time is missing, expected an RFC 3339 time",
    ],
    [
      "an address",
      JSON.stringify(flow({ from: "10.0.0.300" })),
      'flow.IP.source is "10.0.0.300", expected an IPv4 or IPv6 address',
    ],
    [
      "a port",
      JSON.stringify(flow({ l4: tcpOf("SYN", 70000) })),
      "flow.l4.TCP.source_port is 70000, expected an integer from 0 to 65535",
    ],
    [
      "a reply mark",
      JSON.stringify(flow({ more: { is_reply: "no" } })),
      'flow.is_reply is "no", expected true or false',
    ],
  ])("%s", async (_, line, message) => {
    const { frames, error } = await readRecords(`${jsonLines(flow())}\n${line}\n${jsonLines(flow())}`);
    expect(frames).toHaveLength(1);
    expect((error as Error).message).toContain(`-:3: ${message}`);
  });
});
