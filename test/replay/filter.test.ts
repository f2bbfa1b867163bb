import { describe, expect, it } from "vitest";
import { FLAGS } from "../../src/cli/flags.js";
import { compileFilter } from "../../src/replay/filter.js";
import { withFile } from "../support/capture-read.js";
import { ethernet, icmpEcho, ipv4, ipv6, sctp, tcp, udp } from "../support/frames.js";
import { clusterModel } from "./cluster.js";
import { replayAndRead } from "./outputs-read.js";
import { captureOf } from "./traffic.js";

const POD = "10.0.1.7";
const POD6 = "fd00::7";

/** By number from 1. */
const FRAMES = [
  ipv4({ src: POD, dst: "198.51.100.1" }, tcp({ srcPort: 40_000, dstPort: 443, flags: "SYN" })),
  ipv4({ src: POD, dst: "198.51.100.2" }, udp({ srcPort: 53, dstPort: 53 })),
  ipv4({ src: POD, dst: "192.0.2.9" }, icmpEcho({ id: 1 })),
  ipv4({ src: POD, dst: "192.0.2.200" }, sctp({ srcPort: 7, dstPort: 443 })),
  ipv6({ src: POD6, dst: "2001:db8::1" }, udp({ srcPort: 1000, dstPort: 53 })),
  ipv6({ src: POD6, dst: "2001:db8:ffff::1" }, icmpEcho({ id: 1 })),
].map((packet, us) => ({ us, frame: ethernet(packet) }));

async function selectedBy(filter: string): Promise<number[]> {
  const model = await clusterModel({ pods: [POD, POD6], destinations: ["203.0.113.0/24"] });
  const endpoint = await withFile(captureOf(FRAMES), async (path) => {
    const result = await replayAndRead({ captures: [path], model, filter });
    expect(result.report.reasons.filtered ?? 0).toBe(FRAMES.length - result.endpoint.length);
    return result.endpoint;
  });
  return endpoint.map(({ number }) => number);
}

describe("a filter expression selects", () => {
  it.each([
    ["tcp", [1]],
    ["udp", [2, 5]],
    ["icmp", [3, 6]],
    ["sctp", [4]],
    ["ip", [1, 2, 3, 4]],
    ["ip6", [5, 6]],
    ["host 198.51.100.1", [1]],
    ["host 2001:db8::1", [5]],
    [`src host ${POD}`, [1, 2, 3, 4]],
    [`dst host ${POD}`, []],
    ["net 198.51.100.0/24", [1, 2]],
    ["dst net 192.0.2.0/25", [3]],
    ["net 0.0.0.0/0", [1, 2, 3, 4]],
    ["net ::/0", [1, 2, 3, 4, 5, 6]],
    ["net 2001:db8::/33", [5]],
    ["net 2001:db8:8000::/33", [6]],
    ["port 53", [2, 5]],
    ["port 443", [1, 4]],
    ["src port 53", [2]],
    ["dst port 53", [2, 5]],
    ["not tcp", [2, 3, 4, 5, 6]],
    ["not not tcp", [1]],
    ["! tcp && ! udp", [3, 4, 6]],
    ["tcp or udp and port 53", [1, 2, 5]],
    ["(tcp or udp) and port 53", [2, 5]],
    ["not (tcp or udp) or port 443", [1, 3, 4, 6]],
    ["TCP OR ICMP", [1, 3, 6]],
    ["udp port 53", [2, 5]],
    ["udp dst port 53", [2, 5]],
    ["not udp port 53", [1, 3, 4, 6]],
  ])("%s", async (filter, numbers) => {
    expect(await selectedBy(filter)).toEqual(numbers);
  });
});

describe("a filter expression is refused", () => {
  it.each([
    ["", /ends, expected host/],
    ["host", /ends, expected an IPv4 or IPv6 address/],
    ["host 10.0.1", /word 2 is 10.0.1, expected an IPv4 or IPv6 address/],
    ["net 10.0.0.0", /word 2 is 10.0.0.0, expected a CIDR/],
    ["port 65536", /word 2 is 65536, expected a port from 0 to 65535/],
    ["port -1", /expected a port/],
    ["tcp udp", /word 2 is udp, expected and, or, or the end/],
    ["tcp and", /ends, expected host/],
    ["(tcp", /ends, expected \)/],
    ["tcp)", /word 2 is \), expected and, or, or the end/],
    ["src tcp", /word 2 is tcp, expected host, net or port/],
    ["gre", /word 1 is gre, expected host/],
    [`${"(".repeat(200)}tcp${")".repeat(200)}`, /at most 32 open parentheses/],
    [`tcp${" and tcp".repeat(200)}`, /takes 401 steps, 2 deep; expected at most 256, 32 deep/],
    [`${"tcp or (tcp and (".repeat(30)}tcp${"))".repeat(30)}`, /at most 32/],
  ])("where it says %s", (filter, message) => {
    expect(() => compileFilter(filter)).toThrow(message);
  });
});

it("the example in the flag's help is a filter expression", () => {
  const example = /'([^']+)'/.exec(FLAGS.filter.help)?.[1];
  expect(example).toBeDefined();
  expect(() => compileFilter(example!)).not.toThrow();
});
