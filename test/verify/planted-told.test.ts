import { describe, expect, test } from "vitest";
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import { INSIDE, Nat, outbound, REMOTE } from "../nat/rig.js";
import { ethernet, icmpMessage, ipv4, ipv4FragmentsOf, patterned, udp } from "../support/frames.js";
import { buildMutant, type Mutation } from "./mutant.js";

const GENERATE = "assembly/path/generate.ts";

/** Ways to tell by ICMP what nobody may be told, each planted in the engine's source. The verifier must name them `told`. */
const BUGS: { bug: string; mutations: Mutation[] }[] = [
  {
    bug: "errors are told about ICMP errors",
    mutations: [
      { file: GENERATE, search: "p.kind == KIND_ICMP_ERROR || ", replace: "" },
      {
        file: "assembly/path/process.ts",
        search: "    icmpError(p, v);\n",
        replace: "    icmpError(p, v);\n    tell(p, v);\n",
      },
    ],
  },
  {
    bug: "errors are told about later fragments",
    mutations: [{ file: GENERATE, search: "p.flags & PARSED_LATER || ", replace: "" }],
  },
  {
    bug: "errors are told about frames to a group MAC address",
    mutations: [
      {
        file: "assembly/wire/link.ts",
        search: "  if (link == LINK_ETHERNET) return (load<u8>(frame) & MAC_GROUP) != 0;\n",
        replace: "  if (link == LINK_ETHERNET) return false;\n",
      },
    ],
  },
];

const MESSAGE = udp({ srcPort: 5000, dstPort: 53, payload: patterned(40) });

/** Frames whose TTL ends on the way to the gateway: a datagram, its later fragment, one to a group, and an ICMP error about an answer. */
function drive(nat: Nat): Nat {
  const send = (packet: Uint8Array, dst = "02:00:00:00:00:99"): RigFrame => {
    return { hook: "from-endpoint", frame: ethernet(packet, { dst }), atMs: 0 };
  };
  nat.send([outbound(MESSAGE), send(ipv4({ src: INSIDE, dst: REMOTE, ttl: 1 }, udp({ srcPort: 5001, dstPort: 53 })))]);
  const [first, later] = ipv4FragmentsOf(ipv4({ src: INSIDE, dst: REMOTE, id: 7 }, MESSAGE), [24]);
  const ended = (packet: Uint8Array) => {
    const body = packet.subarray(20);
    const offset = (((packet[6]! << 8) | packet[7]!) & 0x1fff) * 8;
    const fields = { src: INSIDE, dst: REMOTE, id: 7, ttl: 1, fragmentOffset: offset };
    return ipv4(fields, { protocol: () => 17, bytes: () => body });
  };
  nat.send([send(first!), send(ended(later!))]);
  nat.send([send(ipv4({ src: INSIDE, dst: REMOTE, ttl: 1 }, MESSAGE), "01:00:5e:00:00:01")]);
  const inner = ipv4({ src: REMOTE, dst: INSIDE }, udp({ srcPort: 53, dstPort: 5000, payload: patterned(8) }));
  nat.send([send(ipv4({ src: INSIDE, dst: REMOTE, ttl: 1 }, icmpMessage({ type: 3, code: 3, inner })))]);
  return nat;
}

const start = (wasm?: Uint8Array) =>
  Nat.start({ hop: true, engine: { icmpErrors: true }, verifier: { icmpErrors: true }, ...(wasm && { wasm }) });

describe("the verifier and an engine that tells of drops by ICMP", () => {
  test("agree on every frame while no bug is planted, and one of them is told of", async () => {
    const nat = drive(await start());
    nat.check();
    expect(nat.counters).toMatchObject({ actions: { snat: 2, drop: 4 }, generated: 1 });
  });

  test.each(BUGS)("name the planted bug when $bug", async ({ mutations }) => {
    const nat = drive(await start(await buildMutant(mutations)));
    expect(nat.verifier.finish().mismatches.map(({ field }) => field)).toEqual(["told"]);
  });
});
