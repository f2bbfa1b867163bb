import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import { readFile } from "../support/capture-read.js";
import { type CaptureRunResult, runCapture } from "./capture-run.js";
import { EngineRun } from "./engine-run.js";
import { buildMutant, type Mutation } from "./mutant.js";
import { datagram, EXCLUDED, fin, model, POD, POD_B, ping, pong, syn, synAck } from "./scene.js";

/** Ten ways to be wrong, each planted in the engine's source and compiled, with the invariant that must name it. */
const BUGS: { bug: string; caughtAs: string; mutation: Mutation }[] = [
  {
    bug: "a checksum is off by one",
    caughtAs: "transport-checksum",
    mutation: {
      file: "assembly/wire/checksum.ts",
      search: "(difference + (difference >> 31))",
      replace: "(difference + (difference >> 31) - 1)",
    },
  },
  {
    bug: "a port is reused while it is live",
    caughtAs: "tuple-shared",
    mutation: {
      file: "assembly/tables/nat-ports.ts",
      search: "if (own - low < ports &&",
      replace: "if (own - low < ports ||",
    },
  },
  {
    bug: "a reply goes to the wrong pod",
    caughtAs: "reply-destination",
    mutation: {
      file: "assembly/path/connection.ts",
      search: "putMapping(network, address, src,",
      replace: "putMapping(network, address, src ^ 0x0f000000,",
    },
  },
  {
    bug: "an excluded CIDR is translated",
    caughtAs: "decision",
    mutation: {
      file: "assembly/path/resolve.ts",
      search: "if (value == PREFIX_EXCLUDED) return REASON_EXCLUDED;",
      replace: "if (value == PREFIX_EXCLUDED) { selectedPolicy = 0; return REASON_NONE; }",
    },
  },
  {
    bug: "a gateway is used that is not eligible",
    caughtAs: "egress-eligible",
    mutation: {
      file: "assembly/path/resolve.ts",
      search:
        "  decision = faultOfSelected(isIpv6Address(remoteHigh, remoteLow));\n}\n\n/**\n * Decides as the gateway",
      replace:
        "  decision = faultOfSelected(isIpv6Address(remoteHigh, remoteLow));\n  if (decision == REASON_NONE) selectedEgress = 1 - selectedEgress;\n}\n\n/**\n * Decides as the gateway",
    },
  },
  {
    bug: "a payload byte changes",
    caughtAs: "payload",
    mutation: {
      file: "assembly/path/straight.ts",
      search: "    store<u16>(l3, <u16>checksum, IPV4_CHECKSUM_AT);\n",
      replace: "    store<u16>(l3, <u16>checksum, IPV4_CHECKSUM_AT);\n    store<u8>(p.l4 + 36, 0x58);\n",
    },
  },
  {
    bug: "a selected frame leaks",
    caughtAs: "leak",
    mutation: {
      file: "assembly/path/from-endpoint.ts",
      search: "  if (isAnswer(p, endpoint)) return openInbound(p, endpoint, true, v);\n",
      replace: "  if (isAnswer(p, endpoint) || p.protocol != PROTOCOL_TCP) return openInbound(p, endpoint, true, v);\n",
    },
  },
  {
    bug: "a mapping outlives its timeout",
    caughtAs: "mapping-outlived",
    mutation: {
      file: "assembly/tables/lifetime.ts",
      search: "  const lifetime = lifetimeOf(line);\n",
      replace: "  const lifetime = lifetimeOf(line) * 2;\n",
    },
  },
  {
    bug: "a tuple changes in mid-connection",
    caughtAs: "tuple-changed",
    mutation: {
      file: "assembly/path/straight.ts",
      search: "store<u16>(l4, load<u16>(line, LINE_PORT_AT));",
      replace: "store<u16>(l4, load<u16>(line, LINE_PORT_AT) ^ 1);",
    },
  },
  {
    bug: "the TTL is not decremented",
    caughtAs: "ttl",
    mutation: {
      file: "assembly/path/resolve.ts",
      search: "return node != NO_INDEX && node != nodeOf(egress);",
      replace: "return false;",
    },
  },
];

/** One gateway of two is permitted; two pods with the same source ports; TCP with its handshake and close, UDP, echo, excluded, late replies. */
function drive(run: EngineRun): EngineRun {
  for (const from of [POD, POD_B]) {
    run
      .send({ from, content: syn })
      .answer({ from, content: synAck })
      .send({ from })
      .answer({ from })
      .send({ from })
      .send({ from });
    run.send({ from, content: datagram, toPort: 53 }).answer({ from, content: datagram, toPort: 53 });
    run.send({ from, content: ping, port: 9, toPort: 0 }).answer({ from, content: pong, port: 9, toPort: 0 });
    run
      .send({ from, content: datagram, port: 700, toPort: 53 })
      .answer({ from, content: datagram, port: 700, toPort: 53 });
    run.send({ from, to: EXCLUDED, content: datagram });
    run.send({ from, content: fin }).answer({ from, content: fin });
  }
  run.answer({ at: 59, content: datagram, toPort: 53 }).answer({ at: 130, content: datagram, toPort: 53 });
  return run.send({ at: 131, content: datagram, toPort: 53 }).answer({ at: 131, content: datagram, toPort: 53 });
}

const onlyFirst = () => model({ policies: [{ egresses: [0] }] });

describe("the verifier and a real engine", () => {
  test("agree on every frame while no bug is planted", async () => {
    const run = drive(await EngineRun.start(undefined, onlyFirst()));
    expect(run.scene.result.mismatches).toEqual([]);
    expect(run.scene.result.framesChecked).toBe(34);
    expect(new Set(run.verdicts)).toEqual(new Set(["snat", "reverse", "pass, excluded", "drop, no-reverse-mapping"]));
    expect(run.scene.result.notes).toEqual({ "reply after its mapping's lifetime": 1 });
  });

  test("an unchanged source, compiled as the mutants are, behaves as the product's build", async () => {
    const [own, rebuilt] = [
      await EngineRun.start(undefined, onlyFirst()),
      await EngineRun.start(await buildMutant([]), onlyFirst()),
    ];
    expect(drive(rebuilt).verdicts).toEqual(drive(own).verdicts);
    expect(rebuilt.faults).toEqual([]);
  });

  test.each(BUGS)("name the planted bug when $bug", async ({ caughtAs, mutation }) => {
    const run = drive(await EngineRun.start(await buildMutant([mutation]), onlyFirst()));
    expect(run.faults).toContain(caughtAs);
  });

  test("refuse to plant a bug whose place is not in the source exactly once", async () => {
    const mutation = { file: "assembly/path/resolve.ts", search: "no such text", replace: "" };
    await expect(buildMutant([mutation])).rejects.toThrow("occurs 0 times, expected once");
    await expect(buildMutant([{ ...mutation, search: "return" }])).rejects.toThrow(/occurs \d\d times, expected once/);
  });
});

describe("the verifier and a real engine on a recorded capture", () => {
  const manifests = loadManifests(["pcaps/manifests"]);
  const run = async (path: string, wasm?: Uint8Array): Promise<CaptureRunResult> => {
    const { frames, interfaces } = await readFile(path);
    const inOrder = frames.map(({ time, bytes, wireLength, interface: number }) => {
      return { timeNs: time, linkType: interfaces[number].linkType, bytes, wireLength };
    });
    return runCapture(inOrder, manifests, wasm);
  };

  test.each([
    "web/in.pcap",
    "offload/in.pcapng",
    "any/in.pcap.gz",
    "icmp/in.pcap",
    "overlay/in.pcap",
    "snat/inside.pcap",
  ])("agree on every frame of %s", async (file) => {
    const { verification, verdicts } = await run(`pcaps/${file}`);
    expect(verification.mismatches).toEqual([]);
    const judged = Object.entries(verdicts).filter(([verdict]) => !verdict.startsWith("skipped"));
    expect(verification.framesChecked).toBe(judged.reduce((sum, [, count]) => sum + count, 0));
    if (file !== "overlay/in.pcap") expect(verdicts["from-network reverse"]).toBeGreaterThan(20);
  });

  // The capture holds no collision of source ports and no reply after a lifetime: those two bugs show in the traffic above alone.
  const shown = BUGS.filter(({ caughtAs }) => caughtAs !== "tuple-shared" && caughtAs !== "mapping-outlived");
  test.each(shown)("name the planted bug when $bug", async ({ caughtAs, mutation }) => {
    const { verification } = await run("pcaps/web/in.pcap", await buildMutant([mutation]));
    expect(verification.mismatches.map(({ field }) => field)).toContain(caughtAs);
  });
});
