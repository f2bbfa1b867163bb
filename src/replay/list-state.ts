import { HOOK_FROM_NETWORK } from "../engine/codes.js";
import { type Connection, type ConntrackLine, connections } from "../engine/conntrack.js";
import { readEgressStats } from "../engine/counters.js";
import { describePolicy, type PolicyDescription } from "../engine/describe-blob.js";
import { EngineMemory } from "../engine/memory.js";
import { decodeState, type SavedState, type StatePiece } from "../engine/state-file.js";
import { socketText } from "../net/address.js";
import { sumOfStats } from "./egress-totals.js";
import { type HostNotes, readReplayState } from "./state.js";

/** One half of a mapping, as `cilium-dbg bpf nat list` prints it: one line per direction. */
export interface NatRow {
  readonly protocol: string;
  readonly direction: "OUT" | "IN";
  readonly source: string;
  readonly destination: string;
  /** What the source (OUT) or the destination (IN) becomes. */
  readonly translated: string;
  readonly createdSecondsAgo: number;
}

/** One connection, as `cilium-dbg bpf ct list global` prints it. */
export interface CtRow {
  readonly protocol: string;
  /** IN: opened from outside. */
  readonly direction: "OUT" | "IN";
  readonly source: string;
  readonly destination: string;
  readonly remainingSeconds: number;
  readonly packets: number;
  readonly bytes: number;
  /** Names of the state bits. */
  readonly flags: readonly string[];
  /** Node of the gateway that the connection is pinned to; empty for one that is not translated. */
  readonly gateway: string;
}

/** One rule, as `cilium-dbg bpf egress list` prints it. */
export interface EgressRow {
  readonly sourceIP: string;
  readonly destinationCIDR: string;
  readonly egressIP: string;
  /** `Excluded CIDR` and `Not Found` where there is no gateway. */
  readonly gatewayIP: string;
  readonly gateway: string;
}

/** A gateway as a saved state remembers it. */
export interface GatewayRow {
  readonly node: string;
  readonly egressIP: string;
  readonly connections: number;
  readonly live: number;
  readonly frames: number;
  readonly bytes: number;
  readonly replies: number;
  readonly portsPeak: number;
  readonly portsLimit: number;
}

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, "ICMP"],
  [6, "TCP"],
  [17, "UDP"],
  [58, "ICMPv6"],
  [132, "SCTP"],
]);
const STATE_NAMES = ["SeenNonSyn", "TxClosing", "RxClosing", "TxSyn", "RxSyn", "Replied", "Reset"];
const EXCLUDED = 0xffffffff;
const NO_ADDRESS = "0.0.0.0";

/** A state that `replay` saved, read without an engine. Lists are made row by row; sorting is the caller's. */
export class StateListing {
  readonly #notes: HostNotes;
  readonly #state: SavedState;
  readonly #policy: PolicyDescription;
  readonly #nowMs: number;

  /** @throws {UsageError} where there is no such file   @throws {EngineError} where it is not a saved state */
  static read(path: string): StateListing {
    const { notes, engine, blob } = readReplayState(path);
    return new StateListing(notes, decodeState(engine), describePolicy(blob));
  }

  private constructor(notes: HostNotes, state: SavedState, policy: PolicyDescription) {
    this.#notes = notes;
    this.#state = state;
    this.#policy = policy;
    this.#nowMs = this.#latest();
  }

  /** Live mappings, two rows each. Ages count back from the last frame of any connection. */
  *nat(): Generator<NatRow> {
    for (const { original, reply } of this.#live()) {
      if (reply.hook !== HOOK_FROM_NETWORK || original.reason !== 0) continue;
      const protocol = protocolName(original.protocol);
      const createdSecondsAgo = Math.floor((this.#nowMs - reply.createdMs) / 1000);
      const translated = socketText(original.address, original.port);
      const [source, destination] = [
        socketText(original.src, original.srcPort),
        socketText(original.dst, original.dstPort),
      ];
      yield { protocol, direction: "OUT", source, destination, translated, createdSecondsAgo };
      const back = socketText(reply.address, reply.port);
      yield {
        protocol,
        direction: "IN",
        source: destination,
        destination: translated,
        translated: back,
        createdSecondsAgo,
      };
    }
  }

  /** Live connections, passed ones too, in the direction in which they were opened. */
  *ct(): Generator<CtRow> {
    for (const { original, reply } of this.#live()) {
      yield {
        protocol: protocolName(original.protocol),
        direction: original.hook === HOOK_FROM_NETWORK ? "IN" : "OUT",
        source: socketText(original.src, original.srcPort),
        destination: socketText(original.dst, original.dstPort),
        remainingSeconds: Math.ceil(this.#remainingMs(original, reply) / 1000),
        packets: original.packets + reply.packets,
        bytes: original.bytes + reply.bytes,
        flags: STATE_NAMES.filter((_, bit) => original.state & (1 << bit)),
        gateway: original.reason === 0 ? this.#gatewayName(original.egress) : "",
      };
    }
  }

  /** The policy in force: a row per endpoint address, destination prefix and gateway that may be used. */
  *egress(): Generator<EgressRow> {
    const bySet = groupBySet(this.#policy.prefixes);
    for (const { address, set, uidHash } of this.#policy.endpoints) {
      if (set === 0) continue;
      for (const { text, value } of bySet.get(set) ?? []) {
        if (text.includes(":") !== address.includes(":")) continue;
        const rule = { sourceIP: address, destinationCIDR: cidrText(text) };
        if (value === EXCLUDED) {
          yield { ...rule, egressIP: NO_ADDRESS, gatewayIP: "Excluded CIDR", gateway: "" };
          continue;
        }
        const members = this.#membersFor(value, uidHash);
        if (members.length === 0) yield { ...rule, egressIP: NO_ADDRESS, gatewayIP: "Not Found", gateway: "" };
        for (const member of members) yield { ...rule, ...this.#egressRow(member, address) };
      }
    }
  }

  /** Gateways of all policies, as they stood when the state was saved. */
  gateways(): GatewayRow[] {
    const memory = new EngineMemory(this.#state.region.buffer as ArrayBuffer);
    const { snatLow, snatHigh, egresses } = this.#policy;
    const size = this.#state.egressStats.size / this.#state.config.egresses;
    return egresses.map(({ ipv4, ipv6 }, i) => {
      const now = readEgressStats(memory, this.#state.region.byteOffset + this.#state.egressStats.at + i * size);
      const row = sumOfStats(this.#notes.egressTotals[i], now);
      return {
        node: this.#gatewayName(i),
        egressIP: ipv4 ?? ipv6 ?? "",
        connections: row.connections,
        live: row.live,
        frames: row.frames,
        bytes: row.bytes,
        replies: row.replies,
        portsPeak: row.portsPeak,
        portsLimit: snatHigh - snatLow + 1,
      };
    });
  }

  *#all(): Generator<Connection> {
    const bytesOf = ({ at, size }: StatePiece) => this.#state.region.subarray(at, at + size);
    const { conntrack, addresses } = this.#state;
    yield* connections({ lines: bytesOf(conntrack), addresses: bytesOf(addresses) });
  }

  *#live(): Generator<Connection> {
    for (const connection of this.#all()) {
      if (this.#remainingMs(connection.original, connection.reply) > 0) yield connection;
    }
  }

  #latest(): number {
    let latest = 0;
    for (const { original, reply } of this.#all()) latest = Math.max(latest, original.seenMs, reply.seenMs);
    return latest;
  }

  #remainingMs(original: ConntrackLine, reply: ConntrackLine): number {
    const lifetime = this.#policy.timeouts[original.lifetimeRow]?.[original.lifetimeClass] ?? 0;
    return Math.max(original.seenMs, reply.seenMs) + lifetime - this.#nowMs;
  }

  #membersFor(policy: number, uidHash: number): readonly number[] {
    const row = this.#policy.policies[policy];
    if (!row) return [];
    const isCilium = row.kind === 1;
    return isCilium && row.members.length > 0 ? [row.members[uidHash % row.members.length]!] : row.members;
  }

  #egressRow(member: number, source: string): Pick<EgressRow, "egressIP" | "gatewayIP" | "gateway"> {
    const egress = this.#policy.egresses[member]!;
    const address = source.includes(":") ? egress.ipv6 : egress.ipv4;
    const node = this.#policy.nodes[egress.node];
    return {
      egressIP: address ?? NO_ADDRESS,
      gatewayIP: node?.address ?? "Not Found",
      gateway: this.#gatewayName(member),
    };
  }

  #gatewayName(egress: number): string {
    const node = this.#policy.egresses[egress]?.node;
    return node === undefined ? "" : (this.#notes.nodes[node] ?? `node ${node}`);
  }
}

/** `TCP OUT 10.1.0.7:4000 -> 198.51.100.1:443 XLATE_SRC 203.0.113.10:4000 Created=3sec ago NeedsCT=1` */
export function formatNatRow(row: NatRow): string {
  const what = row.direction === "OUT" ? "XLATE_SRC" : "XLATE_DST";
  const { protocol, direction, source, destination, translated, createdSecondsAgo } = row;
  return `${protocol} ${direction} ${source} -> ${destination} ${what} ${translated} Created=${createdSecondsAgo}sec ago NeedsCT=1`;
}

/** `TCP OUT 10.1.0.7:4000 -> 198.51.100.1:443 remaining: 7999 sec(s) Packets=3 Bytes=180 Flags=[ SeenNonSyn ] Gateway=gw-a` */
export function formatCtRow(row: CtRow): string {
  const gateway = row.gateway === "" ? "" : ` Gateway=${row.gateway}`;
  const head = `${row.protocol} ${row.direction} ${row.source} -> ${row.destination}`;
  const flags = row.flags.length > 0 ? `[ ${row.flags.join(" ")} ]` : "[ ]";
  return `${head} remaining: ${row.remainingSeconds} sec(s) Packets=${row.packets} Bytes=${row.bytes} Flags=${flags}${gateway}`;
}

function groupBySet(prefixes: PolicyDescription["prefixes"]): Map<number, PolicyDescription["prefixes"][number][]> {
  const bySet = new Map<number, PolicyDescription["prefixes"][number][]>();
  for (const prefix of prefixes) {
    const list = bySet.get(prefix.set);
    if (list) list.push(prefix);
    else bySet.set(prefix.set, [prefix]);
  }
  return bySet;
}

/** The blob counts lengths over 16 bytes; people write an IPv4 length over four. */
function cidrText(text: string): string {
  const slash = text.indexOf("/");
  return text.includes(":") ? text : `${text.slice(0, slash)}/${Number(text.slice(slash + 1)) - 96}`;
}

function protocolName(protocol: number): string {
  return PROTOCOLS.get(protocol) ?? String(protocol);
}
