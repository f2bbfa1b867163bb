import {
  EGRESS_IPS,
  ENDPOINT,
  EXCLUDED_REMOTE,
  GATEWAYS,
  LOCAL_ENDPOINT,
  OTHER_ENDPOINT,
  REMOTE,
  UNSELECTED,
} from "../../../assembly/path/worlds.js";
import { engineWorld, inIpv6, modelWorld, OTHER_ADDRESS, packetOf } from "../../../nat/commands.js";
import {
  type Choice,
  type Connection,
  type Done,
  NatModel,
  type Protocol,
  type Said,
  type Side,
} from "../../../nat/model.js";
import { randomNumbers } from "../../../nat/rig.js";
import { ethernet } from "../../../support/frames.js";
import { Book } from "../book.js";
import { chosen, ECHO_IDS, egressKey, natPort } from "../choice.js";
import type { Flag, Given, Said as Step, Want } from "../say.js";
import { CILIUM, policyOf, type Setting } from "../settings.js";

const SCRIPTS = 24;
const PACKETS = 24;
const PORTS = { low: 2000, high: 2011 };
const HEALTHY = 1;
const ACTIVE = 2;
const REMOTES = [REMOTE, REMOTE, "198.51.100.21", EXCLUDED_REMOTE, OTHER_ENDPOINT];
const PODS = [ENDPOINT, ENDPOINT, OTHER_ENDPOINT, LOCAL_ENDPOINT, UNSELECTED, "10.1.0.200"];
const FLAG_WORDS = ["SYN", "SYN", "ACK", "PSH ACK", "SYN ACK", "FIN ACK", "RST"];
const WAITS = [1, 500, 5_000, 9_999, 10_000, 59_999, 60_000, 8_000_000];
const PROTOCOLS: readonly Protocol[] = ["tcp", "tcp", "udp", "echo request", "echo reply"];
const KEYS = EGRESS_IPS.slice(0, 2).map((ip, i) => egressKey(GATEWAYS[i]!, ip));
const NUMBERS: Readonly<Record<Protocol, readonly [number, number]>> = {
  tcp: [6, 6],
  udp: [17, 17],
  "echo request": [1, 58],
  "echo reply": [1, 58],
};

const WORLD = policyOf(
  "twelve-ports",
  "the pods of one-gateway with an IPv6 address each, through gw-a and gw-b with an address of each family; NAT ports 2000 to 2011",
  engineWorld(2),
);
const setting: Setting = { configuration: CILIUM, policy: WORLD, verifier: undefined };

/** A script in the making: what a packet comes to, the naive NAT says; which port and gateway, the page of hashes. */
class Tale {
  readonly model = new NatModel(modelWorld(2));
  readonly active = new Set([0, 1]);

  /** @returns the packet as a frame, and what has to become of it */
  step(said: Said): Step {
    const before = new Set(this.model.connections());
    const done = this.model.receive(said, this.#choice(said));
    const made = this.model.connections().find((connection) => !before.has(connection));
    const given: Given = {
      hook: said.side === "pod" ? "from-endpoint" : "from-network",
      bytes: ethernet(packetOf(said)),
      atMs: this.model.nowMs,
    };
    return [given, this.#want(said, done, made)];
  }

  /** Which gateway and port a first packet would get. */
  #choice(said: Said): Choice {
    const { src, dst, srcPort, dstPort, protocol } = said;
    const isIpv6 = src.includes(":");
    const ask = { src, dst, srcPort, dstPort, protocol: NUMBERS[protocol][isIpv6 ? 1 : 0] };
    const active = [...this.active].sort();
    if (said.side !== "pod" || active.length === 0) return { reason: "", egressIP: "", natPort: 0 };
    const ip4 =
      EGRESS_IPS[
        active[
          chosen(
            ask,
            active.map((i) => KEYS[i]!),
          )
        ]!
      ]!;
    const egressIP = isIpv6 ? OTHER_ADDRESS.get(ip4)! : ip4;
    const taken = this.model
      .connections()
      .filter(
        (one) =>
          one.mapping?.ip === egressIP && one.remote === dst && one.remotePort === dstPort && one.protocol === protocol,
      )
      .map((one) => one.mapping!.port);
    const ports = protocol.startsWith("echo") ? ECHO_IDS : PORTS;
    if (taken.length > ports.high - ports.low) return { reason: "no-nat-mapping", egressIP, natPort: 0 };
    return { reason: "", egressIP, natPort: natPort(ask, ports, taken) };
  }

  #want(said: Said, { action, reason = "", said: after }: Done, made: Connection | undefined): Want {
    const has = (flag: string) => said.flags.split(" ").includes(flag);
    const isMidStream = said.protocol === "tcp" && !has("SYN");
    const isGuess =
      (action === "snat" && isMidStream) ||
      (reason === "reply-of-inbound" && said.side === "pod") ||
      (reason === "inbound" && isMidStream);
    const isHop = after !== undefined && after.ttl !== said.ttl;
    const flags: Flag[] = [
      ...(made ? (["created"] as const) : []),
      ...(made && isGuess ? (["guessed"] as const) : []),
      ...(isHop ? (["hop"] as const) : []),
    ];
    if (action !== "snat" && action !== "reverse") return { action, reason, flags };
    const [ip, port] = action === "snat" ? [after!.src, portOf(after!, "src")] : [said.dst, portOf(said, "dst")];
    const egress = [...EGRESS_IPS.keys()].find(
      (i) => EGRESS_IPS[i] === ip || OTHER_ADDRESS.get(EGRESS_IPS[i]!) === ip,
    )!;
    return { action, reason: "none", flags, egress, egressIP: ip, natPort: port, out: ethernet(packetOf(after!)) };
  }
}

/** Of an echo, the identifier stands on the asking side. */
function portOf({ protocol, srcPort, dstPort }: Said, end: "src" | "dst"): number {
  if (protocol.startsWith("echo")) return srcPort + dstPort;
  return end === "src" ? srcPort : dstPort;
}

type Random = (below: number) => number;

function anyOf<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)]!;
}

function fresh(random: Random): Said {
  const side: Side = random(4) === 0 ? "network" : "pod";
  const protocol = anyOf(random, PROTOCOLS);
  const own = random(3) === 0 ? anyOf(random, [8080, 1, 65_535]) : PORTS.low - 2 + random(16);
  const far = anyOf(random, [53, 443]);
  const pod = side === "pod" ? anyOf(random, PODS) : anyOf(random, [...PODS, EGRESS_IPS[0]!, EGRESS_IPS[1]!]);
  const remote = anyOf(random, REMOTES);
  const ends =
    side === "pod"
      ? { src: pod, srcPort: own, dst: remote, dstPort: far }
      : { src: remote, srcPort: far, dst: pod, dstPort: own };
  const said: Said = {
    side,
    protocol,
    ...ends,
    ...echoPorts(protocol, own),
    flags: anyOf(random, FLAG_WORDS),
    ttl: anyOf(random, [64, 64, 64, 2, 1]),
  };
  return random(3) === 0 ? inIpv6(said) : said;
}

function echoPorts(protocol: Protocol, id: number): Partial<Said> {
  if (protocol === "echo request") return { srcPort: id, dstPort: 0 };
  return protocol === "echo reply" ? { srcPort: 0, dstPort: id } : {};
}

/** One more packet of a connection that is there. */
function more(random: Random, { protocol, opener, pod, podPort, remote, remotePort, mapping }: Connection): Said {
  const side: Side = random(3) === 0 ? "pod" : "network";
  const [outside, outsidePort] = mapping ? [mapping.ip, mapping.port] : [pod, podPort];
  const kind = side !== opener && protocol === "echo request" ? "echo reply" : protocol;
  const ends =
    side === "pod"
      ? { src: pod, srcPort: podPort, dst: remote, dstPort: remotePort }
      : { src: remote, srcPort: remotePort, dst: outside, dstPort: outsidePort };
  return { side, protocol: kind, ...ends, flags: anyOf(random, FLAG_WORDS), ttl: anyOf(random, [64, 64, 2]) };
}

/** Many sockets toward one remote and port: ports run out. */
function flood(random: Random): Said[] {
  const first = 3000 + random(10);
  const protocol: Protocol = random(2) === 0 ? "tcp" : "udp";
  const src = anyOf(random, [ENDPOINT, LOCAL_ENDPOINT]);
  return Array.from({ length: 30 }, (_, i) => ({
    side: "pod" as const,
    protocol,
    src,
    srcPort: first + i,
    dst: REMOTE,
    dstPort: 443,
    flags: "SYN",
    ttl: 64,
  }));
}

export async function modelSet(): Promise<Book> {
  const book = new Book(
    "model",
    "Random scripts whose every verdict and byte a naive NAT has said before, and whose ports and gateways follow from the page of hashes: few ports and hosts, so that everything meets everything.",
  );
  for (let seed = 1; seed <= SCRIPTS; seed++)
    await book.add(
      {
        name: `script-${seed}`,
        why: "Whatever comes, a NAT written down naively (maps of words, nothing of the engine's) comes to the same action, reason and bytes, and the choices are those of the hashes.",
        rules: ["test/nat/model.ts", "docs/abi.md, Hashes"],
        setting,
        proof: ["model", "hashes"],
      },
      (s) => {
        const random = randomNumbers(seed);
        const tale = new Tale();
        let batch: Step[] = [];
        const flush = () => {
          if (batch.length > 0) s.process(batch);
          batch = [];
        };
        for (let i = 0; i < PACKETS; i++) {
          const what = random(24);
          const known = tale.model.connections();
          if (what < 3) tale.model.nowMs += anyOf(random, WAITS);
          else if (what === 3) {
            flush();
            const gateway = random(2);
            const isActive = random(2) === 0;
            s.call("setGateway", [gateway, isActive ? ACTIVE : HEALTHY]);
            tale.model.setHealth(GATEWAYS[gateway]!, isActive ? "active" : "healthy");
            if (isActive) tale.active.add(gateway);
            else tale.active.delete(gateway);
          } else if (what === 4 && i < 8) batch.push(...flood(random).map((said) => tale.step(said)));
          else
            batch.push(tale.step(known.length > 0 && what < 15 ? more(random, anyOf(random, known)) : fresh(random)));
          if (batch.length > 40) flush();
        }
        flush();
        s.advance(tale.model.nowMs, { entries: tale.model.connections().length });
      },
    );
  return book;
}
