import { describe, expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import type { PolicyModel } from "../../src/config/types.js";
import { compilePolicy, nodeTable } from "../../src/engine/blob.js";
import { createEngine, type Engine } from "../../src/engine/engine.js";
import { Fabric } from "../../src/engine/fabric.js";
import { actionName, reasonName } from "../../src/engine/names.js";
import { configFor } from "../../src/engine/sizing.js";
import { formatAddress } from "../../src/net/address.js";
import { ethernet, icmpEcho, icmpMessage, ipv4, tcp, udp } from "../support/frames.js";
import { egress, endpoint, model, NOON, node, policy, policySet, prefix, withSettings } from "./model.js";

const REMOTES = ["198.51.100.20", "198.51.100.21"];
const GATEWAYS = ["gw-a", "gw-b", "gw-c"];
const PODS = ["10.1.0.7", "10.1.0.8", "10.1.1.7", "10.1.2.7", "10.1.9.9"];
/** On gw-a: while that is dead it sends nothing. */
const LOCAL = "10.1.1.7";
const FLAGS = ["SYN", "ACK", "ACK", "ACK", "FIN ACK", "RST", "SYN ACK"] as const;

/** Three gateways, pods on two workers, on a gateway and on a node that nobody knows; gw-a has two addresses in one policy. */
function cluster(fields: { kind?: "CiliumEgressGatewayPolicy"; members?: number[] } = {}): PolicyModel {
  const members = fields.members ?? [0, 1, 2, 3];
  const base = model({
    nodes: [
      ...GATEWAYS.map((name, i) => node(name, `172.18.0.${11 + i}`, `zone-${i % 2}`)),
      node("worker-1", "172.18.0.21", "zone-0"),
      node("worker-2", "172.18.0.22", "zone-1"),
    ],
    egresses: [
      egress("gw-a", "203.0.113.1"),
      egress("gw-a", "203.0.113.2"),
      egress("gw-b", "203.0.113.3"),
      egress("gw-c", "203.0.113.4"),
    ],
    policies: [policy("out", members, fields.kind ? { kind: fields.kind } : {})],
    policySets: [policySet({ "0.0.0.0/0": 0, "198.51.100.21/32": "excluded" }), policySet({ "198.51.100.0/24": 0 })],
    endpoints: [
      endpoint("web", [PODS[0]!], { node: "worker-1", identity: 4711 }),
      endpoint("db", [PODS[1]!], { node: "worker-2", policySet: 1 }),
      endpoint("local", [PODS[2]!], { node: "gw-a", policySet: 1 }),
      endpoint("lost", [PODS[3]!], { policySet: 1 }),
      endpoint("idle", [PODS[4]!], { node: "worker-1", policySet: -1 }),
    ],
    clusterPrefixes: [{ prefix: prefix("10.1.0.0/16"), why: "pod-cidr" }],
  });
  return withSettings(base, { low: 40_000, high: 40_005 });
}

const SEEDS = { placementSeed: 11n, portSeed: 12n };

async function startOne(of: PolicyModel, tableSeed: bigint): Promise<Engine> {
  const engine = await createEngine(
    configFor(of, { ...SEEDS, tableSeed, arenaSize: 1 << 16, maxBatch: 4, connections: 512, bitmaps: 4 }),
  );
  engine.loadPolicy(compilePolicy(of));
  return engine;
}

/** The same cluster twice: as one engine, and as one for each node. */
class Twins {
  readonly one: Engine;
  readonly front: Engine;
  readonly engines: readonly Engine[];
  readonly nowhere: Engine;
  readonly fabric: Fabric;
  model: PolicyModel;

  private constructor(of: PolicyModel, engines: readonly Engine[]) {
    this.model = of;
    [this.one, this.front, this.nowhere, ...this.engines] = engines as [Engine, Engine, Engine, ...Engine[]];
    this.fabric = new Fabric(this.front, this.nowhere);
    this.#number();
  }

  static async start(of: PolicyModel): Promise<Twins> {
    const count = 3 + nodeTable(of).length;
    return new Twins(of, await Promise.all(Array.from({ length: count }, (_, i) => startOne(of, BigInt(i) * 77n))));
  }

  get #all(): readonly Engine[] {
    return [this.one, this.front, this.nowhere, ...this.engines];
  }

  #number(): void {
    const table = nodeTable(this.model);
    this.nowhere.setOwnNode(-2);
    this.engines.forEach((engine, i) => {
      engine.setOwnNode(i);
    });
    const nodes = this.model.egresses.map((row) => table.findIndex(({ name }) => name === row.node));
    this.fabric.setNodes(this.engines, nodes, { 4: nodes, 6: nodes });
  }

  load(of: PolicyModel): void {
    this.model = of;
    for (const engine of this.#all) engine.loadPolicy(compilePolicy(of));
    this.#number();
  }

  setGateway(gateway: number, state: "down" | "healthy" | "active"): void {
    for (const engine of this.#all) engine.setGateway(gateway, state);
  }

  setActive(zone: number, members: readonly number[]): void {
    for (const engine of this.#all) engine.setActive(0, zone, members);
  }

  kill(gateway: number): void {
    for (const engine of this.#all) engine.nodeLost(gateway);
    this.one.setReachable(gateway, false);
    this.fabric.setDead(gateway, true);
  }

  revive(gateway: number): void {
    this.one.setReachable(gateway, true);
    this.fabric.setDead(gateway, false);
  }

  /** Sends one frame through both. */
  send(hook: number, bytes: Uint8Array, ms: number): { one: string; many: string } {
    const time = NOON + BigInt(ms) * 1_000_000n;
    for (const engine of [this.one, this.front]) {
      engine.arena.set(bytes, 100);
      engine.setFrame(0, 100, bytes.length, bytes.length, hook, abi.LINK_ETHERNET, 0, ...halves(time));
    }
    this.one.process(1);
    this.fabric.process(1);
    return { one: this.#shown(this.one, bytes.length), many: this.#shown(this.front, bytes.length) };
  }

  #shown(engine: Engine, length: number): string {
    const action = actionName(engine.action(0));
    const isTranslated = action === "snat" || action === "reverse";
    return [
      action,
      reasonName(engine.reason(0)),
      ...(isTranslated ? [engine.egress(0), formatAddress(engine.egressIP(0)), engine.natPort(0)] : []),
      Buffer.from(engine.arena.subarray(100, 100 + length)).toString("hex"),
    ].join(" ");
  }
}

function halves(time: bigint): [number, number] {
  return [Number(time & 0xffff_ffffn), Number(time >> 32n)];
}

/** Numerical Recipes' linear congruential generator. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What the outside knows of a connection: the tuple that its last frame left with. */
interface Known {
  readonly pod: string;
  readonly remote: string;
  readonly port: number;
  readonly protocol: number;
  readonly egressIP: string;
  readonly natPort: number;
}

function trial(seed: number, twins: Twins, models: readonly PolicyModel[]): Set<string> {
  const rnd = random(seed);
  const pick = <T>(list: readonly T[]): T => list[rnd(list.length)]!;
  const known = new Map<string, Known>();
  const seen = new Set<string>();
  let ms = 0;
  const check = (hook: number, bytes: Uint8Array, what: string) => {
    const { one, many } = twins.send(hook, bytes, ms);
    expect(many, `seed ${seed}, ${ms} ms, ${what}`).toBe(one);
    const words = one.split(" ");
    seen.add(`${words[0]} ${words[1]}`);
    return words;
  };
  const dead = new Set<number>();
  const outbound = () => {
    const pod = pick(dead.has(0) ? PODS.filter((ip) => ip !== LOCAL) : PODS);
    const remote = pick(REMOTES);
    const port = 40_000 + rnd(12);
    const protocol = pick([6, 6, 17, 1]);
    const ttl = rnd(30) === 0 ? 1 : 64;
    const l4 =
      protocol === 6
        ? tcp({ srcPort: port, dstPort: 443, flags: pick(FLAGS) })
        : protocol === 17
          ? udp({ srcPort: port, dstPort: 53 })
          : icmpEcho({ id: port });
    const words = check(
      abi.HOOK_FROM_ENDPOINT,
      ethernet(ipv4({ src: pod, dst: remote, ttl }, l4)),
      `${pod} ${protocol}`,
    );
    const key = `${pod} ${remote} ${port} ${protocol}`;
    if (words[0] === "snat")
      known.set(key, { pod, remote, port, protocol, egressIP: words[3]!, natPort: Number(words[4]) });
  };
  const inbound = () => {
    const all = [...known.values()];
    if (all.length === 0) return;
    const { remote, protocol, egressIP, natPort } = pick(all);
    const l4 =
      protocol === 6
        ? tcp({ srcPort: 443, dstPort: natPort, flags: pick(FLAGS) })
        : protocol === 17
          ? udp({ srcPort: 53, dstPort: natPort })
          : icmpEcho({ id: natPort, reply: true });
    check(
      abi.HOOK_FROM_NETWORK,
      ethernet(ipv4({ src: remote, dst: egressIP }, l4)),
      `reply ${protocol} to ${egressIP}`,
    );
  };
  const error = () => {
    const all = [...known.values()];
    if (all.length === 0) return;
    const { pod, remote, port, protocol, egressIP, natPort } = pick(all);
    if (protocol === 1) return;
    const inside = rnd(2) === 0;
    const make = (from: number, to: number) =>
      protocol === 6 ? tcp({ srcPort: from, dstPort: to, flags: "ACK" }) : udp({ srcPort: from, dstPort: to });
    const remotePort = protocol === 6 ? 443 : 53;
    const inner = inside
      ? ipv4({ src: remote, dst: pod }, make(remotePort, port))
      : ipv4({ src: egressIP, dst: remote }, make(natPort, remotePort));
    const outer = inside ? { src: pod, dst: remote } : { src: "192.0.2.77", dst: egressIP };
    const hook = inside ? abi.HOOK_FROM_ENDPOINT : abi.HOOK_FROM_NETWORK;
    check(hook, ethernet(ipv4(outer, icmpMessage({ type: 3, code: 3, inner }))), `error ${inside} ${protocol}`);
  };
  const disturb = () => {
    const gateway = rnd(3);
    const what = rnd(9);
    if (what === 0) twins.load(pick(models));
    else if (what < 3) twins.setActive(rnd(3), pick([[], [0], [1], [0, 1], [2], [0, 1, 2, 3]]));
    else if (what < 5) twins.setGateway(gateway, pick(["down", "healthy", "active", "active"]));
    else if (what === 5 && dead.has(gateway)) {
      twins.revive(gateway);
      dead.delete(gateway);
    } else if (what === 6) {
      twins.kill(gateway);
      dead.add(gateway);
    } else if (what === 7) twins.kill(3 + rnd(2));
    else return;
    if (what === 0) for (const node of dead) twins.kill(node);
    if (what === 7) for (const node of [3, 4]) twins.revive(node);
  };
  for (let i = 0; i < 400; i++) {
    ms += pick([0, 0, 1, 5, 400, 9000, rnd(30) === 0 ? 61_000 : 1]);
    const what = rnd(20);
    if (what < 11) outbound();
    else if (what < 16) inbound();
    else if (what < 18) error();
    else disturb();
  }
  return seen;
}

describe("one engine per node", () => {
  test("puts the same bytes on the external network as one for all of them, whatever happens", async () => {
    const models = [
      cluster(),
      cluster({ members: [1, 2] }),
      cluster({ members: [0, 3] }),
      cluster({ members: [2, 3] }),
    ];
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      for (const what of trial(seed, await Twins.start(models[0]!), models)) seen.add(what);
    }
    expect([...seen].sort()).toEqual([
      "drop gateway-down",
      "drop icmp-error-unmatched",
      "drop no-egress-gateway",
      "drop no-nat-mapping",
      "drop no-reverse-mapping",
      "drop ttl-exceeded",
      "pass excluded",
      "pass no-policy",
      "pass reply-of-inbound",
      "reverse ",
      "snat ",
    ]);
  });

  test("does so under a CiliumEgressGatewayPolicy, which re-hashes with every change", async () => {
    const models = [[0, 1, 2, 3], [1, 2], [3]].map((members) =>
      cluster({ kind: "CiliumEgressGatewayPolicy", members }),
    );
    const seen = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      for (const what of trial(seed, await Twins.start(models[0]!), models)) seen.add(what);
    }
    expect(seen).toContain("snat ");
    expect(seen).toContain("drop gateway-down");
  });

  test("shows its front how full the fullest table has been, and keeps that when connections end", async () => {
    const twins = await Twins.start(cluster({ members: [0] }));
    const entries = (engine: Engine) => engine.counter(abi.COUNTER_ENTRIES_AT);
    let fullest = 0;
    const send = (pod: string, port: number, ms: number) => {
      const frame = ethernet(ipv4({ src: pod, dst: REMOTES[0] }, udp({ srcPort: port, dstPort: 53 })));
      twins.send(abi.HOOK_FROM_ENDPOINT, frame, ms);
      fullest = Math.max(fullest, ...[...twins.engines, twins.nowhere].map(entries));
      expect(entries(twins.front)).toBe(fullest);
    };
    // Translated ones are in two tables, those of the idle pod in that of its node only.
    for (let i = 0; i < 4; i++) send(PODS[0]!, 40_000 + i, i);
    for (let i = 0; i < 3; i++) send(PODS[4]!, 40_000 + i, 10 + i);
    expect(fullest).toBe(7);
    for (const engine of twins.engines) engine.advance(...halves(NOON + 100_000_000_000n));
    expect(Math.max(...twins.engines.map(entries))).toBe(0);
    send(PODS[1]!, 40_000, 101_000);
    expect(fullest).toBe(7);
  });
});
