import type { NatProfile } from "../../../src/config/types.js";
import type { Family } from "../../../src/net/address.js";
import { addressOctets } from "../../support/frames.js";
import {
  Dice,
  EGRESS_IPS,
  type Flow,
  Flows,
  FRAGMENT_ID,
  familyOf,
  type Kind,
  markOf,
  type Step,
  stamp,
  type View,
} from "./conversation.js";
import { assembled, dissect, type Fields, fragmentOffset, isFragment } from "./dissect.js";
import type { Delivery, Exchanged, Gateway, Packet } from "./gateway.js";

/** Where the two gateways did not do the same. */
export interface Difference {
  readonly kind: string;
  readonly note: string;
  /** Of the conversation that it is in, and the step's place there. */
  readonly conversation: number;
  readonly step: number;
  readonly field: string;
  readonly kernel: string;
  readonly engine: string;
  readonly natProfile: NatProfile;
  /** The engine could or did not keep the pod's port. */
  readonly isPortChanged: boolean;
}

export interface Compared {
  readonly conversations: number;
  /** How many of them were in each family. */
  readonly families: Readonly<Record<Family, number>>;
  readonly rounds: number;
  /** Sent to each gateway. */
  readonly packets: number;
  /** Packets that both let through and that were compared field by field. */
  readonly compared: number;
  /** Connections of which a gateway could not or did not keep the pod's port. */
  readonly portsChanged: { readonly kernel: number; readonly engine: number };
  readonly kinds: ReadonlyMap<string, number>;
  readonly differences: readonly Difference[];
  /** What the engine let through with a checksum that should be right. */
  readonly outputs: readonly Uint8Array[];
}

export interface Plan {
  readonly seed: number;
  readonly kinds: readonly Kind[];
  /** Conversations begin until this many packets are planned, and at least `conversations` of them. */
  readonly packets: number;
  readonly conversations: number;
  /** How many go on at a time. */
  readonly active: number;
  readonly natProfile: NatProfile;
}

interface Conversation {
  readonly number: number;
  readonly kind: string;
  readonly flow: Flow;
  readonly steps: readonly Step[];
  next: number;
  readonly kernel: View;
  readonly engine: View;
}

/** What one step of a round sent and what came of it. */
interface Move {
  readonly conversation: Conversation;
  readonly step: Step;
  readonly mark: number;
  /** What the kernel's gateway got. */
  readonly sent: Uint8Array[];
}

/**
 * Leads conversations through both gateways, one step of each active one per round. Both get the same packets but for the NAT ports that
 * they chose themselves, in the same order, at the times at which the kernel got them.
 */
export async function compareGateways(kernel: Gateway, engine: Gateway, plan: Plan): Promise<Compared> {
  const run = new Run(plan);
  for (;;) {
    const moves = run.round();
    if (moves.length === 0) return run.result();
    const answered = await kernel.exchange(packetsOf(moves, "kernel"));
    run.judge(moves, answered, await engine.exchange(packetsOf(moves, "engine"), answered.times));
  }
}

function packetsOf(moves: readonly Move[], of: "kernel" | "engine"): Packet[] {
  return moves.flatMap(({ conversation, step, mark, sent }) => {
    const built = step.packets(conversation[of]);
    const marked = (built instanceof Uint8Array ? [built] : built).map((bytes) => stamp(bytes, mark));
    if (of === "kernel") sent.push(...marked);
    return marked.map((bytes) => ({ side: step.from, bytes }));
  });
}

class Run {
  readonly #plan: Plan;
  readonly #dice: Dice;
  readonly #flows: Flows;
  #active: Conversation[] = [];
  #started = 0;
  #planned = 0;
  #rounds = 0;
  #mark = 0;
  #packets = 0;
  #compared = 0;
  readonly #families = { 4: 0, 6: 0 };
  readonly #changed = { kernel: 0, engine: 0 };
  /** Marks of fragments. */
  readonly #fragmented = new Set<number>();
  readonly #kinds = new Map<string, number>();
  readonly #differences: Difference[] = [];
  readonly #outputs: Uint8Array[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#dice = new Dice(plan.seed);
    this.#flows = new Flows(this.#dice);
  }

  /** The next step of every active conversation; none where all are done. */
  round(): Move[] {
    this.#active = this.#active.filter(({ next, steps }) => next < steps.length);
    const { packets, conversations, active } = this.#plan;
    while (this.#active.length < active && (this.#planned < packets || this.#started < conversations)) this.#begin();
    this.#rounds++;
    return this.#active.map((conversation) => ({
      conversation,
      step: conversation.steps[conversation.next++]!,
      mark: this.#nextMark(),
      sent: [],
    }));
  }

  /** Marks tell packets apart; 0 is what the kernel writes into resets of its own. One that a fragment had may lie in its queue for long. */
  #nextMark(): number {
    do this.#mark = (this.#mark % 0xffff) + 1;
    while (this.#fragmented.has(this.#mark));
    return this.#mark;
  }

  #begin(): void {
    const kind = this.#dice.weighted(this.#plan.kinds);
    const flow = this.#flows.next(kind.families);
    const steps = kind.steps(flow, this.#dice);
    const view = () => ({ port: flow.port, atRemote: undefined, atPod: undefined });
    const number = this.#started++;
    this.#active.push({ number, kind: kind.name, flow, steps, next: 0, kernel: view(), engine: view() });
    this.#planned += steps.length;
    this.#families[familyOf(flow.pod)]++;
    this.#kinds.set(kind.name, (this.#kinds.get(kind.name) ?? 0) + 1);
  }

  judge(moves: readonly Move[], kernel: Exchanged, engine: Exchanged): void {
    this.#packets += kernel.times.length;
    for (const { mark, sent } of moves) if (sent.some(isFragment)) this.#fragmented.add(mark);
    const [byKernel, byEngine] = [byMove(moves, kernel.deliveries), byMove(moves, engine.deliveries)];
    for (const [i, move] of moves.entries()) this.#judgeMove(move, byKernel[i]!, byEngine[i]!);
    for (const stray of byKernel.strays) this.#strange(moves, "kernel", stray);
    for (const stray of byEngine.strays) this.#strange(moves, "engine", stray);
  }

  #judgeMove(move: Move, kernel: readonly Delivery[], engine: readonly Delivery[]): void {
    const [byKernel, byEngine] = [told(kernel, move.conversation.kernel), told(engine, move.conversation.engine)];
    const [wasKernel, wasEngine] = [describe(byKernel), describe(byEngine)];
    if (wasKernel !== wasEngine) this.#differ(move, "delivered", wasKernel, wasEngine);
    for (const [one, other] of pairs(byKernel, byEngine)) this.#comparePair(move, one, other);
    this.#compareWhole(move, byKernel, byEngine);
    const own = [describeOwn(kernel), describeOwn(engine)] as const;
    if (own[0] !== own[1]) this.#differ(move, "gateway's own", ...own);
    for (const of of ["kernel", "engine"] as const) {
      const { conversation } = move;
      const before = conversation[of].port;
      learn(conversation[of], of === "kernel" ? byKernel : byEngine);
      if (before === conversation.flow.port && conversation[of].port !== before) this.#changed[of]++;
    }
    if (!move.step.wrong) for (const { bytes } of byEngine) this.#outputs.push(bytes);
  }

  #comparePair(move: Move, kernel: Told, engine: Told): void {
    this.#compared++;
    let same = true;
    for (const name of new Set([...kernel.fields.keys(), ...engine.fields.keys()])) {
      const [was, is] = [kernel.fields.get(name), engine.fields.get(name)];
      if (was === is) continue;
      same = false;
      this.#differ(move, name, `${was}`, `${is}`);
    }
    // With equal ports there is nothing left that may differ, not even which of the two zeros a checksum is.
    const { conversation } = move;
    const samePorts = kernel.port === engine.port && conversation.kernel.port === conversation.engine.port;
    if (same && samePorts && !Buffer.from(kernel.bytes).equals(engine.bytes))
      this.#differ(move, "bytes", Buffer.from(kernel.bytes).toString("hex"), Buffer.from(engine.bytes).toString("hex"));
  }

  /** Checksums that only all fragments of a datagram show to be right. */
  #compareWhole(move: Move, kernel: readonly Told[], engine: readonly Told[]): void {
    const [was, is] = [kernel, engine].map((told) => assembled(told.map(({ bytes }) => bytes)));
    if (!was || !is) return;
    const [fields, others] = [dissect(was), dissect(is)];
    for (const name of ["checksum", "icmp.checksum"]) {
      const [one, other] = [fields.get(name), others.get(name)];
      if (one !== other) this.#differ(move, `${name} of the whole`, `${one}`, `${other}`);
    }
  }

  #differ({ conversation, step }: Move, field: string, kernel: string, engine: string): void {
    const { number, kind, next } = conversation;
    const place = { conversation: number, step: next - 1 };
    const isPortChanged = conversation.engine.port !== conversation.flow.port;
    const more = { natProfile: this.#plan.natProfile, isPortChanged };
    this.#differences.push({ kind, note: step.note ?? "", ...place, field, kernel, engine, ...more });
  }

  /** A packet that came out although nothing that went in explains it. */
  #strange(moves: readonly Move[], of: "kernel" | "engine", { side, bytes }: Delivery): void {
    const said = `${side}: ${Buffer.from(bytes).toString("hex")}`;
    const [kernel, engine] = of === "kernel" ? [said, "nothing"] : ["nothing", said];
    this.#differ(moves[0]!, "unexplained packet", kernel, engine);
  }

  result(): Compared {
    return {
      conversations: this.#started,
      families: this.#families,
      rounds: this.#rounds - 1,
      packets: this.#packets,
      compared: this.#compared,
      portsChanged: this.#changed,
      kinds: this.#kinds,
      differences: this.#differences,
      outputs: this.#outputs,
    };
  }
}

/** A delivery with its fields, in which the gateway's port is replaced by what it is: the one that the connection has, or a new one. */
interface Told extends Delivery {
  readonly fields: Fields;
  /** NAT port in it, or undefined. */
  readonly port: number | undefined;
}

/** Where the port of the egress IP stands: of an error from inside in the quotation, else in the packet itself. */
const PORT_FIELDS: readonly (readonly [address: string, ports: readonly string[]])[] = [
  ["quoted ip.dst", ["quoted destination port", "quoted icmp.id"]],
  ["ip.src", ["source port", "icmp.id"]],
];

/** The egress IPs as `dissect` writes them. */
const EGRESS_FIELDS: ReadonlySet<string | number | undefined> = new Set([
  EGRESS_IPS[4],
  Buffer.from(addressOctets(EGRESS_IPS[6])).toString("hex"),
]);

function told(deliveries: readonly Delivery[], view: View): Told[] {
  const forwarded = deliveries.filter(({ own }) => !own);
  return forwarded.map((delivery) => {
    const fields = dissect(delivery.bytes);
    if (fields.get("ip.fragment id") === FRAGMENT_ID + markOf(delivery.bytes)) fields.set("ip.fragment id", "as sent");
    for (const [address, names] of PORT_FIELDS) {
      const name = names.find((candidate) => fields.has(candidate));
      if (!EGRESS_FIELDS.has(fields.get(address)) || name === undefined) continue;
      const port = Number(fields.get(name));
      const isKnown = port === view.port || view.atRemote === undefined;
      fields.set(name, isKnown ? "NAT port" : "another NAT port");
      return { ...delivery, fields, port };
    }
    return { ...delivery, fields, port: undefined };
  });
}

function learn(view: View, deliveries: readonly Told[]): void {
  for (const { side, bytes, port } of deliveries) {
    if (fragmentOffset(bytes) > 0) continue;
    if (side === "pod") view.atPod = bytes;
    else view.atRemote = bytes;
    if (port !== undefined) view.port = port;
  }
}

/**
 * What to compare with what: packets in their order. Fragments by what they carry, as the kernel puts datagrams together and sends their
 * fragments in order; of some the other gateway may have sent none.
 */
function pairs(kernel: readonly Told[], engine: readonly Told[]): [Told, Told][] {
  if (![...kernel, ...engine].some(({ bytes }) => isFragment(bytes))) {
    return kernel.length === engine.length ? kernel.map((one, i) => [one, engine[i]!]) : [];
  }
  return kernel.flatMap((one): [Told, Told][] => {
    const other = engine.find(({ bytes }) => fragmentOffset(bytes) === fragmentOffset(one.bytes));
    return other ? [[one, other]] : [];
  });
}

/** Fragments by their bytes of the datagram, in the order of these. */
function describe(deliveries: readonly Delivery[]): string {
  const parts = deliveries.map(({ side, bytes }) => {
    const offset = fragmentOffset(bytes);
    return { offset, text: isFragment(bytes) ? `from ${offset} (${bytes.length}) to the ${side}` : `to the ${side}` };
  });
  const inOrder = parts.sort((one, other) => one.offset - other.offset);
  return inOrder.map(({ text }) => text).join(", ") || "nothing";
}

function describeOwn(deliveries: readonly Delivery[]): string {
  const own = deliveries.filter((delivery) => delivery.own);
  return own.map(({ side, bytes }) => `${what(bytes)} to the ${side}`).join(", ") || "nothing";
}

/** An ICMP message by type and code, or a TCP segment by its flags. */
function what(packet: Uint8Array): string {
  const fields = dissect(packet);
  const isIpv6 = packet[0]! >> 4 === 6;
  if (fields.has("icmp.type")) return `ICMP${isIpv6 ? "v6" : ""} ${fields.get("icmp.type")}/${fields.get("icmp.code")}`;
  return packet[isIpv6 ? 6 : 9] === 6 ? "reset" : "packet";
}

type ByMove = Delivery[][] & { strays: Delivery[] };

/** What came out, by the step that caused it: by its mark, or by what the gateway's own packet is about. */
function byMove(moves: readonly Move[], deliveries: readonly Delivery[]): ByMove {
  const lists: Delivery[][] = moves.map(() => []);
  const strays: Delivery[] = [];
  for (const delivery of deliveries) {
    const mark = markOf(delivery.bytes);
    const index = delivery.own ? causeOf(moves, delivery, lists) : moves.findIndex((move) => move.mark === mark);
    const list = lists[index];
    if (list) list.push(delivery);
    else strays.push(delivery);
  }
  return Object.assign(lists, { strays });
}

/** The step that a gateway's own packet answers: an ICMP error quotes it, an echo reply or a reset goes back to whoever it is from. */
function causeOf(moves: readonly Move[], { bytes }: Delivery, lists: readonly Delivery[][]): number {
  const own = dissect(bytes);
  const quoted = own.get("quoted ip.id") ?? own.get("quoted ip.version, class and label");
  if (quoted !== undefined) return moves.findIndex(({ mark }) => mark === (Number(quoted) & 0xffff));
  const asked = ({ sent }: Move) => sent.some((packet) => isAnswer(own, dissect(packet)));
  const unanswered = moves.findIndex((move, i) => lists[i]!.length === 0 && asked(move));
  return unanswered < 0 ? moves.findIndex(asked) : unanswered;
}

const SWAPPED: readonly (readonly [string, string])[] = [
  ["ip.src", "ip.dst"],
  ["ip.dst", "ip.src"],
  ["ip.protocol", "ip.protocol"],
  ["ip.next header", "ip.next header"],
  ["source port", "destination port"],
  ["destination port", "source port"],
  ["icmp.id", "icmp.id"],
];

function isAnswer(own: Fields, packet: Fields): boolean {
  return SWAPPED.every(([field, other]) => own.get(field) === packet.get(other));
}
