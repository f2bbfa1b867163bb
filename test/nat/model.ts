// A NAT gateway written down naively, as an oracle for the engine: maps, objects and words instead of hashed lines, deltas and bits, and
// nothing in common with it. It follows profile cilium. What the rules leave open (which free port, which of several gateways) it takes
// from the engine, after checking that the rules permit it. Addresses are words of either family: only a gateway has to pick one.

export type Side = "pod" | "network";
export type Protocol = "tcp" | "udp" | "echo request" | "echo reply";

/** A packet in words. For echoes the id stands where the asking side has its port, and the other port is 0. */
export interface Said {
  readonly side: Side;
  readonly protocol: Protocol;
  readonly src: string;
  readonly srcPort: number;
  readonly dst: string;
  readonly dstPort: number;
  /** Words, as in "SYN ACK"; TCP only. */
  readonly flags: string;
  readonly ttl: number;
}

/** What becomes of a packet; `said` as it leaves where it is let through. */
export interface Done {
  readonly action: "pass" | "snat" | "reverse" | "drop";
  /** Empty for translated packets; undefined where the model does not say. */
  readonly reason: string | undefined;
  readonly said?: Said;
}

/** What the engine chose; where it refused the first packet of a connection, only its reason tells for which gateway. */
export interface Choice {
  readonly reason: string;
  readonly egressIP: string;
  readonly natPort: number;
}

export interface Gateway {
  readonly node: string;
  /** One of each family. */
  readonly ips: readonly string[];
}

export interface Pod {
  readonly node: string;
  readonly isSelected: boolean;
  /** TCP ports on which it serves. */
  readonly services: readonly number[];
}

export interface World {
  readonly pods: ReadonlyMap<string, Pod>;
  /** Of the policy in force. */
  readonly gateways: readonly Gateway[];
  /** Beginnings of addresses. */
  readonly excluded: readonly string[];
  readonly cluster: readonly string[];
  readonly low: number;
  readonly high: number;
}

export type Health = "active" | "healthy" | "down";

type Role = "opener" | "other";

/** What of a TCP connection has been seen. */
interface Progress {
  readonly syn: ReadonlySet<Role>;
  readonly closing: ReadonlySet<Role>;
  readonly beyondSyn: boolean;
}

export interface Connection {
  readonly protocol: Protocol;
  readonly opener: Side;
  readonly pod: string;
  readonly podPort: number;
  readonly remote: string;
  readonly remotePort: number;
  /** Translated connections: egress IP and port; no gateway where a policy took it away; not mapped where it has no port at present. */
  mapping: { gateway: string | undefined; readonly ip: string; readonly port: number; isMapped: boolean } | undefined;
  /** Connections that pass: why, by side. */
  reasons: Record<Side, string>;
  isPinned: boolean;
  isDue: boolean;
  progress: Progress;
  seenMs: number;
}

const NOTHING: Progress = { syn: new Set(), closing: new Set(), beyondSyn: false };
const SECOND = 1000;
const ALL_ECHO_IDS = { low: 0, high: 65535 };
const ANSWER: Record<Protocol, Protocol> = {
  tcp: "tcp",
  udp: "udp",
  "echo request": "echo reply",
  "echo reply": "echo request",
};

export class NatModel {
  nowMs = 0;
  #world: World;
  readonly #health = new Map<string, Health>();
  readonly #byKey = new Map<string, Connection>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Live connections, in order of opening. */
  connections(): Connection[] {
    return [...new Set(this.#byKey.values())].filter((connection) => this.#isAlive(connection));
  }

  get world(): World {
    return this.#world;
  }

  /** Another policy: all gateways start as active, and every connection is decided anew with its next own packet. */
  load(world: World): void {
    this.#world = world;
    this.#health.clear();
    for (const connection of this.connections()) {
      connection.isDue = true;
      const { mapping } = connection;
      if (mapping && !world.gateways.some(({ node }) => node === mapping.gateway)) mapping.gateway = undefined;
    }
  }

  setHealth(node: string, health: Health): void {
    const was = this.#healthOf(node);
    this.#health.set(node, health);
    if (was === health || (was !== "down" && health !== "down")) return;
    for (const connection of this.connections()) {
      connection.isDue = true;
      if (health === "down" && connection.mapping?.gateway === node) connection.isPinned = false;
    }
  }

  receive(said: Said, choice: Choice): Done {
    return said.side === "pod" ? this.#fromPod(said, choice) : this.#fromNetwork(said);
  }

  /** An ICMP error about what a connection sent last toward the side that the error comes from. @param ttl of the error */
  error(connection: Connection, from: Side, ttl: number): Done["action"] {
    const { mapping, pod, remote } = connection;
    const isKnown = mapping?.gateway !== undefined && mapping.isMapped;
    if (!mapping || !isKnown || (from === "pod" && this.#healthOf(mapping.gateway!) === "down")) {
      if (from === "pod") return this.#unselected(pod, remote) === undefined ? "drop" : "pass";
      return this.#isEgressIP(mapping?.ip ?? "") ? "drop" : "pass";
    }
    if (this.#isHop(pod, mapping.gateway!) && ttl <= 1) return "drop";
    return from === "pod" ? "snat" : "reverse";
  }

  #healthOf(node: string): Health {
    return this.#health.get(node) ?? "active";
  }

  #isEgressIP(address: string): boolean {
    return this.#world.gateways.some(({ ips }) => ips.includes(address));
  }

  /** A packet between a pod and a gateway on different nodes is routed once. */
  #isHop(pod: string, node: string): boolean {
    return this.#world.pods.get(pod)?.node !== node;
  }

  #lifetimeMs({ protocol, progress }: Connection): number {
    if (protocol !== "tcp") return 60 * SECOND;
    if (progress.closing.size === 2) return 10 * SECOND;
    return progress.beyondSyn ? 8000 * SECOND : 60 * SECOND;
  }

  #isAlive(connection: Connection): boolean {
    return this.nowMs - connection.seenMs < this.#lifetimeMs(connection);
  }

  #find(key: string): Connection | undefined {
    const connection = this.#byKey.get(key);
    if (!connection || this.#isAlive(connection)) return connection;
    this.#remove(connection);
    return undefined;
  }

  #remove(connection: Connection): void {
    for (const [key, one] of this.#byKey) if (one === connection) this.#byKey.delete(key);
  }

  #fromPod(said: Said, choice: Choice): Done {
    const connection = this.#find(keyOf(said));
    if (!connection) return this.#first(said, choice);
    const isAnew = isRestart(connection, said);
    if (connection.opener === "pod" && (connection.isDue || isAnew)) return this.#decide(connection, said, choice);
    if (connection.opener === "network" && isAnew) {
      this.#remove(connection);
      return this.#first(said, choice);
    }
    return this.#follow(connection, said);
  }

  /** Why no policy selects what a pod sends to a remote. */
  #unselected(pod: string, remote: string): string | undefined {
    const { cluster, excluded, pods } = this.#world;
    if (cluster.some((beginning) => remote.startsWith(beginning))) return "cluster-internal";
    if (!pods.get(pod)?.isSelected) return "no-policy";
    return excluded.some((beginning) => remote.startsWith(beginning)) ? "excluded" : undefined;
  }

  #first(said: Said, choice: Choice): Done {
    if (said.src === said.dst) return { action: "drop", reason: "bad-source" };
    const pod = this.#world.pods.get(said.src);
    if (!pod) return { action: "pass", reason: "endpoint-unknown", said };
    const unselected = this.#unselected(said.src, said.dst);
    if (unselected === "cluster-internal") return { action: "pass", reason: unselected, said };
    const isAnswer =
      said.protocol === "echo reply" ||
      (said.protocol === "tcp" && (has(said, "SYN") ? has(said, "ACK") : pod.services.includes(said.srcPort)));
    if (isAnswer) return this.#openPassed(said, "network", { pod: "reply-of-inbound", network: "inbound" });
    if (unselected !== undefined) return this.#openPassed(said, "pod", { pod: unselected, network: unselected });
    return this.#open(said, this.#pick(undefined, said, choice), choice);
  }

  /** The pinned gateway if it is healthy, else an active one: the engine's choice if it is one of them. */
  #pick(connection: Connection | undefined, said: Said, choice: Choice): Gateway | undefined {
    const { gateways } = this.#world;
    const mapping = connection?.mapping;
    const own = gateways.find(({ node }) => node === mapping?.gateway);
    if (own && connection?.isPinned && this.#healthOf(own.node) !== "down") return own;
    const active = gateways.filter(({ node }) => this.#healthOf(node) === "active");
    const fits = (gateway: Gateway) => {
      const [node, ip] = [gateway.node, ipFor(gateway, said)];
      // With its own gateway a connection would keep its port.
      const keeps = own?.node === node && mapping?.isMapped;
      if (choice.egressIP !== "") return ip === choice.egressIP;
      if (choice.reason === "no-nat-mapping") return !keeps && !this.#isPortFree(said, ip);
      return choice.reason !== "ttl-exceeded" || this.#isHop(said.src, node);
    };
    return active.find(fits) ?? active[0];
  }

  /** A connection whose gateway may have changed, or that a SYN starts again. */
  #decide(connection: Connection, said: Said, choice: Choice): Done {
    const { mapping } = connection;
    const unselected = this.#unselected(said.src, said.dst);
    if (unselected !== undefined) {
      connection.reasons = { pod: unselected, network: unselected };
      connection.isDue = false;
      if (!mapping) return this.#follow(connection, said);
      this.#remove(connection);
      return this.#openPassed(said, "pod", connection.reasons);
    }
    const gateway = this.#pick(connection, said, choice);
    if (!gateway) {
      this.#unmap(connection);
      connection.isDue = true;
      age(connection, said, this.nowMs);
      return { action: "drop", reason: "no-egress-gateway" };
    }
    if (mapping?.isMapped && mapping.gateway === gateway.node) {
      connection.isDue = false;
      connection.isPinned = true;
      return this.#follow(connection, said);
    }
    return this.#remap(connection, gateway, said, choice);
  }

  #remap(connection: Connection, gateway: Gateway, said: Said, choice: Choice): Done {
    if (this.#isHop(said.src, gateway.node) && said.ttl <= 1) return { action: "drop", reason: "ttl-exceeded" };
    const { mapping } = connection;
    const ip = ipFor(gateway, said);
    if (mapping) {
      this.#unmap(connection);
      if (!this.#isPortFree(said, ip)) {
        connection.mapping = { gateway: gateway.node, ip, port: mapping.port, isMapped: false };
        connection.isPinned = true;
        age(connection, said, this.nowMs);
        return { action: "drop", reason: "no-nat-mapping" };
      }
    }
    this.#remove(connection);
    return this.#open(said, gateway, choice);
  }

  #unmap(connection: Connection): void {
    if (!connection.mapping?.isMapped) return;
    this.#byKey.delete(networkKey(connection));
    connection.mapping.isMapped = false;
  }

  #isPortFree(said: Said, ip: string): boolean {
    const { low, high } = said.protocol === "echo request" ? ALL_ECHO_IDS : this.#world;
    for (let port = low; port <= high; port++) if (!this.#find(replyKey(said, ip, port))) return true;
    return false;
  }

  /** A translated connection: the pod's own port if that is in range and free, else any free one; never refused while one is free. */
  #open(said: Said, gateway: Gateway | undefined, choice: Choice): Done {
    if (!gateway) return { action: "drop", reason: "no-egress-gateway" };
    if (this.#isHop(said.src, gateway.node) && said.ttl <= 1) return { action: "drop", reason: "ttl-exceeded" };
    const ip = ipFor(gateway, said);
    if (!this.#isPortFree(said, ip)) return { action: "drop", reason: "no-nat-mapping" };
    const { low, high } = said.protocol === "echo request" ? ALL_ECHO_IDS : this.#world;
    const isUsable = (port: number) => port >= low && port <= high && !this.#find(replyKey(said, ip, port));
    const port = isUsable(said.srcPort) ? said.srcPort : choice.natPort;
    if (!isUsable(port)) throw new Error(`port ${port} of ${ip} is not free for ${keyOf(said)}`);
    const connection = this.#remember(said, "pod", { pod: "", network: "" });
    connection.mapping = { gateway: gateway.node, ip, port, isMapped: true };
    this.#byKey.delete(keyOf(answerOf(said)));
    this.#byKey.set(networkKey(connection), connection);
    return this.#translate(connection, said);
  }

  #remember(said: Said, opener: Side, reasons: Connection["reasons"]): Connection {
    const isPods = said.side === "pod";
    const connection: Connection = {
      protocol: opener === said.side ? said.protocol : ANSWER[said.protocol],
      opener,
      pod: isPods ? said.src : said.dst,
      podPort: isPods ? said.srcPort : said.dstPort,
      remote: isPods ? said.dst : said.src,
      remotePort: isPods ? said.dstPort : said.srcPort,
      mapping: undefined,
      reasons,
      isPinned: true,
      isDue: false,
      progress: NOTHING,
      seenMs: this.nowMs,
    };
    if (opener !== said.side) age(connection, said, this.nowMs);
    else if (said.protocol === "tcp") connection.progress = begun(said);
    this.#byKey.set(keyOf(said), connection);
    this.#byKey.set(keyOf(answerOf(said)), connection);
    return connection;
  }

  /** A connection that passes. It needs memory only where it was opened from outside. */
  #openPassed(said: Said, opener: Side, reasons: Connection["reasons"]): Done {
    const isTaken = this.#find(keyOf(answerOf(said))) !== undefined;
    if (isTaken && opener === "network") return { action: "drop", reason: "reply-without-connection" };
    if (!isTaken) this.#remember(said, opener, reasons);
    return { action: "pass", reason: reasons[said.side], said };
  }

  #follow(connection: Connection, said: Said): Done {
    const { mapping, pod } = connection;
    if (mapping && this.#isHop(pod, mapping.gateway!) && said.ttl <= 1) {
      return { action: "drop", reason: "ttl-exceeded" };
    }
    age(connection, said, this.nowMs);
    if (!mapping) return { action: "pass", reason: connection.reasons[said.side], said };
    return this.#translate(connection, said);
  }

  #translate({ mapping, pod, podPort }: Connection, said: Said): Done {
    const { gateway, ip, port } = mapping!;
    const ttl = this.#isHop(pod, gateway!) ? said.ttl - 1 : said.ttl;
    if (said.side === "pod") return { action: "snat", reason: "", said: { ...said, ttl, src: ip, srcPort: port } };
    return { action: "reverse", reason: "", said: { ...said, ttl, dst: pod, dstPort: podPort } };
  }

  #fromNetwork(said: Said): Done {
    const connection = this.#find(keyOf(said));
    if (connection?.mapping && connection.mapping.gateway === undefined) {
      return { action: "drop", reason: "no-reverse-mapping" };
    }
    if (connection) return this.#follow(connection, said);
    if (said.src === said.dst) return { action: "drop", reason: "bad-source" };
    if (this.#isEgressIP(said.dst)) return { action: "drop", reason: "no-reverse-mapping" };
    const pod = this.#world.pods.get(said.dst);
    if (!pod) return { action: "pass", reason: "endpoint-unknown", said };
    const unselected = this.#unselected(said.dst, said.src);
    if (unselected === "cluster-internal") return { action: "pass", reason: unselected, said };
    const isSyn = has(said, "SYN");
    const opens =
      said.protocol === "udp" ||
      said.protocol === "echo request" ||
      (said.protocol === "tcp" && (isSyn ? !has(said, "ACK") : pod.services.includes(said.dstPort)));
    if (opens) return this.#openPassed(said, "network", { pod: "reply-of-inbound", network: "inbound" });
    if (unselected !== undefined) return { action: "pass", reason: unselected, said };
    return { action: "drop", reason: "reply-without-connection" };
  }
}

function has(said: Said, flag: string): boolean {
  return said.flags.split(" ").includes(flag);
}

/** The egress IP of the packet's family. */
function ipFor({ ips }: Gateway, { src }: Said): string {
  return ips.find((ip) => ip.includes(":") === src.includes(":"))!;
}

function keyOf({ side, protocol, src, srcPort, dst, dstPort }: Said): string {
  return `${side} ${protocol} ${src}:${srcPort} ${dst}:${dstPort}`;
}

/** The packet that an answer to this one would be if nothing were translated. */
function answerOf({ side, protocol, src, srcPort, dst, dstPort, flags, ttl }: Said): Said {
  const there = side === "pod" ? "network" : "pod";
  return {
    side: there,
    protocol: ANSWER[protocol],
    src: dst,
    srcPort: dstPort,
    dst: src,
    dstPort: srcPort,
    flags,
    ttl,
  };
}

/** Key of the replies to a pod's packet that left from `ip` and `port`. */
function replyKey(said: Said, ip: string, port: number): string {
  return keyOf(answerOf({ ...said, src: ip, srcPort: port }));
}

function networkKey({ protocol, remote, remotePort, mapping }: Connection): string {
  return `network ${ANSWER[protocol]} ${remote}:${remotePort} ${mapping!.ip}:${mapping!.port}`;
}

/** A SYN on a connection that a side has closed. */
function isRestart({ protocol, progress }: Connection, said: Said): boolean {
  return protocol === "tcp" && has(said, "SYN") && !has(said, "ACK") && progress.closing.size > 0;
}

function begun(said: Said): Progress {
  const opener: ReadonlySet<Role> = new Set(["opener"]);
  return {
    ...NOTHING,
    syn: has(said, "SYN") ? opener : NOTHING.syn,
    closing: has(said, "FIN") || has(said, "RST") ? opener : NOTHING.closing,
  };
}

/** Takes a packet into a connection's age and progress. The closing timer runs from when both sides closed. */
function age(connection: Connection, said: Said, nowMs: number): void {
  const { protocol, opener, progress } = connection;
  if (protocol === "tcp") {
    const next = nextProgress(progress, said, said.side === opener ? "opener" : "other");
    if (progress.closing.size === 2 && next.closing.size === 2) return;
    connection.progress = next;
  }
  connection.seenMs = nowMs;
}

function nextProgress(progress: Progress, said: Said, role: Role): Progress {
  const { closing } = progress;
  if (has(said, "SYN") && !has(said, "ACK") && closing.size > 0) return { ...NOTHING, syn: new Set([role]) };
  const syn = has(said, "SYN") ? new Set([...progress.syn, role]) : progress.syn;
  const beyondSyn = progress.beyondSyn || !has(said, "SYN");
  if (has(said, "RST") && syn.size < 2) return { syn, beyondSyn, closing: new Set<Role>(["opener", "other"]) };
  const closes = has(said, "FIN") || has(said, "RST");
  return { syn, beyondSyn, closing: closes ? new Set([...closing, role]) : closing };
}
