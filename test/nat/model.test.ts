import { describe, expect, it } from "vitest";
import { buildMutant, type Mutation } from "../verify/mutant.js";
import { agree, tally } from "./commands.js";

const RUNS = Number(process.env.SLUICEGATE_MODEL_RUNS ?? 100);
const SEED = Number(process.env.SLUICEGATE_MODEL_SEED ?? 1);

const BUG_RUNS = 100;

/** Everything that a packet of these worlds can come to; a generator that misses one of them proves nothing about it. */
const RESULTS: readonly string[] = [
  "drop bad-source",
  "drop no-egress-gateway",
  "drop no-nat-mapping",
  "drop no-reverse-mapping",
  "drop reply-without-connection",
  "drop ttl-exceeded",
  "pass cluster-internal",
  "pass endpoint-unknown",
  "pass excluded",
  "pass inbound",
  "pass no-policy",
  "pass reply-of-inbound",
  "reverse",
  "snat",
];

const FROM_ENDPOINT = "assembly/path/from-endpoint.ts";
const CONNECTION = "assembly/path/connection.ts";
const ICMP_ERROR = "assembly/path/icmp-error.ts";
const LIFETIME = "assembly/tables/lifetime.ts";
const PORTS = "assembly/tables/nat-ports.ts";

/** What goes wrong, and where. Each must show in few random scripts. */
const BUGS: readonly (readonly [string, ...Mutation[]])[] = [
  [
    "a checksum update adds the old word instead of taking it away",
    {
      file: "assembly/wire/checksum.ts",
      search: "return fold((~was & 0xffff) + (now & 0xffff));",
      replace: "return fold((was & 0xffff) + (now & 0xffff));",
    },
  ],
  [
    "the range of NAT ports ends one port too late",
    { file: PORTS, search: "if (own - low < ports &&", replace: "if (own - low <= ports &&" },
  ],
  [
    "a port that is in use is given away again",
    {
      file: PORTS,
      search: "if (isFree(remote, egressIp, remotePort, protocol, low + offset, now)) {",
      replace: "if (isFree(remote, egressIp, remotePort, protocol, low + offset, now) || i == 0) {",
    },
  ],
  [
    "the search for a port gives up after half of them",
    {
      file: PORTS,
      search: "const tries = ports < CANDIDATES ? ports : CANDIDATES;",
      replace: "const tries = ports < CANDIDATES ? ports / 2 : CANDIDATES;",
    },
    { file: PORTS, search: "if (ports == tries) return", replace: "if (ports / 2 == tries) return" },
  ],
  [
    "an expired connection goes on at the very end of its lifetime",
    {
      file: LIFETIME,
      search:
        "return now - load<u32>(line, LINE_SEEN_AT) >= lifetime && now - load<u32>(otherLine(line), LINE_SEEN_AT) >= lifetime;",
      replace:
        "return now - load<u32>(line, LINE_SEEN_AT) > lifetime && now - load<u32>(otherLine(line), LINE_SEEN_AT) > lifetime;",
    },
  ],
  [
    "packets of a closed connection put off its end",
    {
      file: LIFETIME,
      search: "if (wasClosed && !isRfc() && (next & BOTH_CLOSING) == BOTH_CLOSING) return;",
      replace: "",
    },
  ],
  [
    "a SYN does not start a closed connection again",
    {
      file: LIFETIME,
      search: "if (!(flags & ACK) && state & BOTH_CLOSING) return syn(primary) | (primary ? 0 : STATE_REPLIED);",
      replace: "",
    },
  ],
  [
    "a connection stays pinned to a gateway that was down",
    { file: "assembly/path/control.ts", search: "if (state == GATEWAY_DOWN) unpinNode(node);", replace: "" },
  ],
  [
    "a change of policy leaves connections as they were decided",
    { file: "assembly/path/control.ts", search: "  rebasePorts();\n  bumpEpoch();", replace: "  rebasePorts();" },
  ],
  [
    "a new connection takes a gateway that is only healthy",
    {
      file: "assembly/path/resolve.ts",
      search: "if (only == NO_INDEX ? gatewayState(node) != GATEWAY_ACTIVE : node != only) continue;",
      replace: "if (only == NO_INDEX ? gatewayState(node) == GATEWAY_DOWN : node != only) continue;",
    },
  ],
  [
    "replies are sent to the port that the pod would have at the gateway",
    {
      file: CONNECTION,
      search: "putMapping(network, address, src, port, own, p.protocol, hop);",
      replace: "putMapping(network, address, src, port, port, p.protocol, hop);",
    },
  ],
  [
    "a packet from outside straight to a pod becomes part of its translated connection",
    {
      file: CONNECTION,
      search: "if (!isExpired(holder, nowMs())) return TAKEN;",
      replace: "",
    },
  ],
  [
    "answers of a pod that serves are taken for connections of its own",
    {
      file: FROM_ENDPOINT,
      search: "  return hasServicePort(endpoint, p.protocol, bswap<u16>(<u16>p.ports));",
      replace: "  return false;",
    },
  ],
  [
    "a packet whose TTL ends at the gateway still leaves",
    {
      file: CONNECTION,
      search: "return (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP) != 0 && ttlOf(l3) <= 1;",
      replace: "return (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP) != 0 && ttlOf(l3) < 1;",
    },
  ],
  [
    "an ICMP error quotes source and destination swapped",
    {
      file: ICMP_ERROR,
      search: "const innerAddressAt = fromEndpoint ? inner + IPV4_DST_AT : inner + IPV4_SRC_AT;",
      replace: "const innerAddressAt = fromEndpoint ? inner + IPV4_SRC_AT : inner + IPV4_DST_AT;",
    },
  ],
  [
    "an IPv6 address does not count in the checksum of what follows it",
    {
      file: CONNECTION,
      search: "isIpv6 ? delta128(addressRow(was), addressRow(address)) : delta32(was, address);",
      replace: "isIpv6 ? 0 : delta32(was, address);",
    },
  ],
  [
    "the first half of an IPv6 address is written twice",
    {
      file: "assembly/path/rewrite.ts",
      search: "store<u64>(at, load<u64>(row, 8), 8);",
      replace: "store<u64>(at, load<u64>(row), 8);",
    },
  ],
  [
    "an ICMP error keeps a connection alive",
    {
      file: ICMP_ERROR,
      search: "import { isExpired, isHeld } from",
      replace: "import { isExpired, isHeld, refresh } from",
    },
    {
      file: ICMP_ERROR,
      search: "  say(p, line, fromEndpoint, v);",
      replace: "  say(p, line, fromEndpoint, v);\n  refresh(line, 16, nowMs());",
    },
  ],
];

describe("a NAT written down naively", () => {
  it(`does the same as the engine in ${RUNS} random scripts`, { timeout: 60_000 + 200 * RUNS }, async () => {
    await agree(RUNS, SEED);
    expect([...tally.keys()].sort(), "every result that there is").toEqual(RESULTS);
  });

  for (const [what, ...bug] of BUGS) {
    it(`tells an engine in which ${what}`, { timeout: 120_000 }, async () => {
      const mutant = await buildMutant(bug);
      await expect(agree(BUG_RUNS, SEED, mutant)).rejects.toThrow();
    });
  }
});
