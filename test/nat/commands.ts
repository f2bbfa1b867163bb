import fc from "fast-check";
import { expect } from "vitest";
import { HOOK_FROM_ENDPOINT } from "../../assembly/abi.js";
import type { PolicyModel } from "../../src/config/types.js";
import { compilePolicy } from "../../src/engine/blob.js";
import { connections } from "../../src/engine/conntrack.js";
import { formatAddress } from "../../src/net/address.js";
import { GatewayRig } from "../assembly/path/gateway-rig.js";
import {
  EGRESS_IPS,
  ENDPOINT,
  EXCLUDED_REMOTE,
  GATEWAYS,
  LOCAL_ENDPOINT,
  OTHER_ENDPOINT,
  REMOTE,
  UNSELECTED,
  world,
} from "../assembly/path/worlds.js";
import { address, policySet, prefix, withSettings } from "../engine/model.js";
import { ethernet, icmpEcho, icmpMessage, ipv4, ipv6, type Layer4, patterned, tcp, udp } from "../support/frames.js";
import {
  type Connection,
  type Health,
  NatModel,
  type Pod,
  type Protocol,
  type Said,
  type Side,
  type World,
} from "./model.js";

// Few ports and few hosts, so that everything meets everything.
const PORTS = { low: 2000, high: 2011 };
const OTHER_REMOTE = "198.51.100.21";
const UNKNOWN_POD = "10.1.0.200";
const ROUTER = "198.18.0.1";
const SECOND = 1000;

const NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, "echo request": 1, "echo reply": 1 };

const worker = (isSelected: boolean, services: number[] = []): Pod => ({ node: "worker", isSelected, services });
const PODS4: ReadonlyMap<string, Pod> = new Map([
  [ENDPOINT, worker(true, [8080])],
  [OTHER_ENDPOINT, worker(true)],
  [LOCAL_ENDPOINT, { node: "gw-a", isSelected: true, services: [] }],
  [UNSELECTED, worker(false)],
]);
const ADDRESSES = [...PODS4.keys(), UNKNOWN_POD];
const REMOTES = [REMOTE, OTHER_REMOTE, EXCLUDED_REMOTE, OTHER_ENDPOINT];

/** Every host's other address. Some share halves or all words of their sum, so that mistakes about either show. */
export const OTHER_ADDRESS: ReadonlyMap<string, string> = new Map([
  [ENDPOINT, "fd00:1::7"],
  [OTHER_ENDPOINT, "fd00:1::7:0:0:1"],
  [LOCAL_ENDPOINT, "fd00:1:1::7"],
  [UNSELECTED, "fd00:1::99"],
  [UNKNOWN_POD, "fd00:1::c8"],
  [REMOTE, "2001:db8:99::20"],
  [OTHER_REMOTE, "2001:db8:99:20::"],
  [EXCLUDED_REMOTE, "2001:db8:bad::9"],
  [ROUTER, "2001:db8:77::1"],
  ...EGRESS_IPS.map((ip, i) => [ip, `2001:db8:aa:${i + 1}::1`] as const),
]);
const PODS: ReadonlyMap<string, Pod> = new Map([
  ...PODS4,
  ...[...PODS4].map(([ip, pod]) => [OTHER_ADDRESS.get(ip)!, pod] as const),
]);

/** The same hosts' packet in IPv6. */
export function inIpv6<T extends { readonly src: string; readonly dst: string }>(said: T): T {
  return { ...said, src: OTHER_ADDRESS.get(said.src)!, dst: OTHER_ADDRESS.get(said.dst)! };
}

/** The same policy with one, two or three of its gateways, for the engine and for the model. */
export function engineWorld(gateways: number): PolicyModel {
  const base = world(gateways);
  return withSettings(
    {
      ...base,
      egresses: base.egresses.map((one, i) => ({ ...one, egressIPv6: address(OTHER_ADDRESS.get(EGRESS_IPS[i]!)!) })),
      policySets: [
        policySet({ "0.0.0.0/0": 0, "192.0.2.0/24": "excluded", "::/0": 0, "2001:db8:bad::/48": "excluded" }),
      ],
      endpoints: base.endpoints.map((pod) => {
        const first = pod.addresses[0]!;
        return { ...pod, addresses: [first, address(OTHER_ADDRESS.get(formatAddress(first))!)] };
      }),
      clusterPrefixes: [...base.clusterPrefixes, { prefix: prefix("fd00:1::/32"), why: "pod-cidr" }],
    },
    PORTS,
  );
}

export const modelWorld = (gateways: number): World => ({
  pods: PODS,
  gateways: GATEWAYS.slice(0, gateways).map((node, i) => ({
    node,
    ips: [EGRESS_IPS[i]!, OTHER_ADDRESS.get(EGRESS_IPS[i]!)!],
  })),
  excluded: ["192.0.2.", "2001:db8:bad:"],
  cluster: ["10.1.", "172.18.0.", "fd00:1:"],
  ...PORTS,
});

function layer4({ protocol, srcPort, dstPort, flags }: Said): Layer4 {
  const payload = patterned(13);
  if (protocol === "tcp") return tcp({ srcPort, dstPort, flags, payload });
  if (protocol === "udp") return udp({ srcPort, dstPort, payload });
  return icmpEcho({ id: srcPort + dstPort, reply: protocol === "echo reply", payload });
}

export function packetOf(said: Said): Uint8Array {
  return wrap(said, layer4(said));
}

function wrap({ src, dst, ttl }: Pick<Said, "src" | "dst" | "ttl">, body: Layer4): Uint8Array {
  return src.includes(":") ? ipv6({ src, dst, hopLimit: ttl }, body) : ipv4({ src, dst, ttl }, body);
}

const hookOf = (side: Side) => (side === "pod" ? "from-endpoint" : "from-network");

/** How often each result came up, so that a generator which misses a path shows. */
export const tally = new Map<string, number>();

/** Where a connection is pinned that could get no port there: no verdict says so. Empty for one that is not in the table. */
function pinOf(rig: GatewayRig, said: Said): string {
  for (const { original } of connections(rig.engine.conntrack())) {
    if (original.hook !== HOOK_FROM_ENDPOINT || numberOf(original) !== NUMBERS[said.protocol]) continue;
    const isIt = original.src === said.src && original.srcPort === said.srcPort && original.dst === said.dst;
    if (isIt && original.dstPort === said.dstPort) return egressIPOf(original.egress, said);
  }
  return "";
}

/** Protocol of a connection; that of echoes is one here for both families. */
const numberOf = ({ protocol }: { readonly protocol: number }) => (protocol === 58 ? 1 : protocol);

function egressIPOf(egress: number, { src }: Said): string {
  const ip = EGRESS_IPS[egress] ?? "";
  return src.includes(":") ? (OTHER_ADDRESS.get(ip) ?? "") : ip;
}

/** Sends one packet through both and holds the results against each other, bytes included. */
function sendBoth(model: NatModel, rig: GatewayRig, said: Said): void {
  const outcome = rig.one({ hook: hookOf(said.side), frame: ethernet(packetOf(said)), atMs: model.nowMs });
  const egressIP = outcome.reason === "no-nat-mapping" ? pinOf(rig, said) : outcome.egressIP;
  const { action, reason, said: after } = model.receive(said, { ...outcome, egressIP });
  const result = `${action} ${reason}`.trim();
  tally.set(result, (tally.get(result) ?? 0) + 1);
  expect({ action: outcome.action, reason: outcome.reason, said }).toEqual({ action, reason, said });
  const frame = ethernet(packetOf(after ?? said));
  expect(Buffer.from(outcome.frame).toString("hex"), JSON.stringify(said)).toBe(Buffer.from(frame).toString("hex"));
}

/** An ICMP error about the packet that `quoted` says, before and after translation. */
function errorFrames(connection: Connection, from: Side, ttl: number, isHop: boolean): [Uint8Array, Uint8Array] {
  const { pod, podPort, remote, remotePort, mapping, protocol } = connection;
  const [ip, port] = [mapping!.ip, mapping!.port];
  const left = isHop ? ttl - 1 : ttl;
  const about = (side: Side, src: string, srcPort: number, dst: string, dstPort: number, kind: Protocol) =>
    packetOf({ side, protocol: kind, src, srcPort, dst, dstPort, flags: "ACK", ttl: 61 });
  const reply = protocol === "echo request" ? "echo reply" : protocol;
  const error = (src: string, dst: string, inner: Uint8Array, at: number) =>
    ethernet(wrap({ src, dst, ttl: at }, icmpMessage({ type: isIpv6 ? 1 : 3, code: 1, inner })));
  const isIpv6 = pod.includes(":");
  const router = isIpv6 ? OTHER_ADDRESS.get(ROUTER)! : ROUTER;
  if (from === "network")
    return [
      error(router, ip, about("pod", ip, port, remote, remotePort, protocol), ttl),
      error(router, pod, about("pod", pod, podPort, remote, remotePort, protocol), left),
    ];
  return [
    error(pod, remote, about("network", remote, remotePort, pod, podPort, reply), ttl),
    error(ip, remote, about("network", remote, remotePort, ip, port, reply), left),
  ];
}

type Command = fc.AsyncCommand<NatModel, GatewayRig>;

function command(text: string, run: (model: NatModel, rig: GatewayRig) => void): Command {
  return {
    check: () => true,
    run: async (model, rig) => run(model, rig),
    toString: () => text,
  };
}

const port = fc.oneof(fc.integer({ min: PORTS.low - 2, max: PORTS.high + 2 }), fc.constantFrom(8080, 1, 65535));
const flags = fc.constantFrom("SYN", "SYN", "ACK", "PSH ACK", "SYN ACK", "FIN ACK", "RST", "RST ACK");
const ttl = fc.constantFrom(64, 64, 64, 2, 1);
const remotePort = fc.constantFrom(53, 443);
const isIpv6 = fc.boolean();

const fromPod = fc
  .record({
    protocol: fc.constantFrom<Protocol>("tcp", "tcp", "udp", "echo request", "echo reply"),
    src: fc.constantFrom(ENDPOINT, ENDPOINT, ...ADDRESSES),
    srcPort: port,
    dst: fc.constantFrom(REMOTE, REMOTE, REMOTE, ...REMOTES),
    dstPort: remotePort,
    flags,
    ttl,
    isIpv6,
  })
  .map(({ isIpv6, ...fields }) => {
    const ends = { side: "pod" as const, ...fields, ...echoPorts(fields.protocol, fields.srcPort) };
    const said = isIpv6 ? inIpv6(ends) : ends;
    return command(`from pod ${JSON.stringify(said)}`, (model, rig) => sendBoth(model, rig, said));
  });

function echoPorts(protocol: Protocol, id: number): Partial<Said> {
  if (protocol === "echo request") return { srcPort: id, dstPort: 0 };
  return protocol === "echo reply" ? { srcPort: 0, dstPort: id } : {};
}

const fromNetwork = fc
  .record({
    protocol: fc.constantFrom<Protocol>("tcp", "tcp", "udp", "echo request", "echo reply"),
    src: fc.constantFrom(REMOTE, REMOTE, ...REMOTES),
    srcPort: remotePort,
    dst: fc.constantFrom(...EGRESS_IPS.slice(0, 3), ...ADDRESSES),
    dstPort: port,
    flags,
    ttl,
    isIpv6,
  })
  .map(({ isIpv6, ...fields }) => {
    const ends = { side: "network" as const, ...fields, ...echoPorts(fields.protocol, fields.dstPort) };
    const said = isIpv6 ? inIpv6(ends) : ends;
    return command(`from network ${JSON.stringify(said)}`, (model, rig) => sendBoth(model, rig, said));
  });

/** One more packet of a connection that is there, seen where it comes from. */
function sendMore(
  model: NatModel,
  rig: GatewayRig,
  connection: Connection,
  side: Side,
  flags: string,
  ttl: number,
): void {
  const { protocol, opener, pod, podPort, remote, remotePort, mapping } = connection;
  const [here, herePort] = side === "pod" ? [pod, podPort] : [remote, remotePort];
  const [outside, outsidePort] = mapping ? [mapping.ip, mapping.port] : [pod, podPort];
  const [there, therePort] = side === "pod" ? [remote, remotePort] : [outside, outsidePort];
  const kind = side !== opener && protocol === "echo request" ? "echo reply" : protocol;
  sendBoth(model, rig, {
    side,
    protocol: kind,
    src: here,
    srcPort: herePort,
    dst: there,
    dstPort: therePort,
    flags,
    ttl,
  });
}

const more = fc
  .record({ index: fc.nat(99), side: fc.constantFrom<Side>("pod", "network", "network"), flags, ttl })
  .map(({ index, side, flags, ttl }) =>
    command(`packet of connection ${index} from the ${side}: ${flags}, TTL ${ttl}`, (model, rig) => {
      const all = model.connections();
      const connection = all[index % all.length];
      if (connection) sendMore(model, rig, connection, side, flags, ttl);
    }),
  );

/** Closed by both ends, a connection lives on for the closing lifetime, whatever follows. */
const close = fc
  .record({ index: fc.nat(99), flags, pauseMs: fc.constantFrom(0, 4_999, 6_000) })
  .map(({ index, flags, pauseMs }) =>
    command(`both ends close connection ${index}; ${flags} after ${pauseMs} ms and again`, (model, rig) => {
      const all = model.connections().filter(({ protocol }) => protocol === "tcp");
      const connection = all[index % all.length];
      if (!connection) return;
      for (const side of ["pod", "network"] as const) sendMore(model, rig, connection, side, "FIN ACK", 64);
      for (const side of ["network", "network", "pod"] as const) {
        model.nowMs += pauseMs;
        sendMore(model, rig, connection, side, flags, 64);
      }
    }),
  );

/** From outside straight to the private address of a pod that has a connection with just these ports. */
const straight = fc.record({ index: fc.nat(99), flags }).map(({ index, flags }) =>
  command(`straight to the pod of connection ${index}: ${flags}`, (model, rig) => {
    const all = model.connections().filter(({ protocol }) => protocol === "tcp" || protocol === "udp");
    const connection = all[index % all.length];
    if (!connection) return;
    const { protocol, pod, podPort, remote, remotePort } = connection;
    const ends = { src: remote, srcPort: remotePort, dst: pod, dstPort: podPort };
    sendBoth(model, rig, { side: "network", protocol, ...ends, flags, ttl: 64 });
  }),
);

const error = fc
  .record({ index: fc.nat(99), from: fc.constantFrom<Side>("pod", "network"), ttl })
  .map(({ index, from, ttl }) =>
    command(`ICMP error about connection ${index} from the ${from}, TTL ${ttl}`, (model, rig) => {
      // The last port of one without a mapping may be another's by now.
      const all = model.connections().filter(({ mapping }) => mapping && (mapping.isMapped || from === "pod"));
      const connection = all[index % all.length];
      if (!connection) return;
      const isHop = PODS.get(connection.pod)?.node !== connection.mapping!.gateway;
      const [before, after] = errorFrames(connection, from, ttl, isHop);
      const expected = model.error(connection, from, ttl);
      const outcome = rig.one({ hook: hookOf(from), frame: before, atMs: model.nowMs });
      expect(outcome.action).toBe(expected);
      const frame = expected === "snat" || expected === "reverse" ? after : before;
      expect(Buffer.from(outcome.frame).toString("hex")).toBe(Buffer.from(frame).toString("hex"));
    }),
  );

/** From the blink of an eye to just before, at and after the lifetimes. */
const wait = fc
  .constantFrom(1, 500, 5 * SECOND, 9_999, 10_000, 30 * SECOND, 59_999, 60_000, 60_001, 7_999_999, 8_000_000)
  .map((ms) =>
    command(`wait ${ms} ms`, (model) => {
      model.nowMs += ms;
    }),
  );

const flood = fc
  .record({
    src: fc.constantFrom(ENDPOINT, OTHER_ENDPOINT, LOCAL_ENDPOINT),
    dst: fc.constantFrom(REMOTE, OTHER_REMOTE),
    protocol: fc.constantFrom<Protocol>("tcp", "udp"),
    srcPort: fc.integer({ min: 3000, max: 3010 }),
    count: fc.integer({ min: 5, max: 40 }),
    isIpv6,
  })
  .map(({ count, isIpv6, ...fields }) =>
    command(`flood of ${count} ${JSON.stringify(fields)}${isIpv6 ? " in IPv6" : ""}`, (model, rig) => {
      const ends = { side: "pod" as const, dstPort: 443, flags: "SYN", ttl: 64, ...fields };
      const said = isIpv6 ? inIpv6(ends) : ends;
      for (let i = 0; i < count; i++) sendBoth(model, rig, { ...said, srcPort: said.srcPort + i });
    }),
  );

const load = fc.integer({ min: 1, max: 3 }).map((gateways) =>
  command(`a policy with ${gateways} gateways`, (model, rig) => {
    rig.engine.loadPolicy(compilePolicy(engineWorld(gateways), { natProfile: "cilium" }));
    model.load(modelWorld(gateways));
  }),
);

const health = fc
  .record({ node: fc.nat(2), health: fc.constantFrom<Health>("active", "active", "healthy", "down") })
  .map(({ node, health }) =>
    command(`${GATEWAYS[node]} is ${health}`, (model, rig) => {
      if (node >= model.world.gateways.length) return;
      rig.engine.setGateway(node, health);
      model.setHealth(GATEWAYS[node]!, health);
    }),
  );

/** Both know the same connections. */
const compare = fc.constant(command("compare the tables", compareTables));

function compareTables(model: NatModel, rig: GatewayRig): void {
  const now = 1_790_000_000_000_000_000n + BigInt(model.nowMs) * 1_000_000n;
  rig.engine.advance(Number(now & 0xffffffffn), Number(now >> 32n));
  const engines = [...connections(rig.engine.conntrack())].map(({ original }) => {
    const { src, srcPort, dst, dstPort } = original;
    return `${original.hook === HOOK_FROM_ENDPOINT ? "pod" : "network"} ${numberOf(original)} ${src}:${srcPort} ${dst}:${dstPort}`;
  });
  const models = model.connections().map(({ opener, protocol, pod, podPort, remote, remotePort }) => {
    const ends = [`${pod}:${podPort}`, `${remote}:${remotePort}`];
    return `${opener} ${NUMBERS[protocol]} ${(opener === "pod" ? ends : ends.reverse()).join(" ")}`;
  });
  expect(engines.sort()).toEqual(models.sort());
}

const SENDS = [fromPod, fromPod, fromPod, fromNetwork, more, more, more, close, straight, error, flood];
const COMMANDS = [...SENDS, wait, load, health, health, compare];

/** Random operations on a fresh engine and a fresh model; throws at the first difference, with the shortest script that shows it. */
export async function agree(runs: number, seed: number, wasm?: Uint8Array): Promise<void> {
  const property = fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 120, size: "max" }), async (commands) => {
    const model = new NatModel(modelWorld(2));
    const rig = await GatewayRig.start(engineWorld(2), { connections6: 4096 }, wasm);
    await fc.asyncModelRun(() => ({ model, real: rig }), commands);
    compareTables(model, rig);
  });
  await fc.assert(property, { numRuns: runs, seed, endOnFailure: wasm !== undefined });
}
