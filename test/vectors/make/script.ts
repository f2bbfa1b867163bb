import * as abi from "../../../assembly/abi.js";
import { actionName, reasonName } from "../../../src/engine/names.js";
import { formatAddress } from "../../../src/net/address.js";
import { address } from "../../engine/model.js";
import type { Counters, FrameRow, GeneratedRow, Step, VerdictRow } from "../format.js";
import { Probe, type ProbeFrame, type ProbeVerdict } from "./probe.js";
import { Referee } from "./referee.js";
import { FLAGS, type Given, type Said, type Want } from "./say.js";
import { type Configuration, type Policy, recordOf, type Setting } from "./settings.js";
import { type Deltas, Tally } from "./tally.js";

export const START_NS = 1_790_000_000_000_000_000n;
const HOOKS = { "from-endpoint": 1, "from-network": 2, "from-overlay": 3 } as const;

/** What a step has to come to beside its verdicts. */
export interface Also {
  /** Changes of counters that verdicts do not show. */
  readonly counters?: Deltas;
  /** Values, after `advance` and `restore`. */
  readonly settled?: Readonly<Record<string, number>>;
  readonly released?: readonly number[];
  readonly returns?: number;
  readonly count?: number;
  readonly note?: string;
  readonly egressStats?: readonly Readonly<Record<string, number | string>>[];
}

/** Plays a vector on an engine and writes down its steps; throws where the engine does anything else than was said before. */
export class Script {
  readonly steps: Step[] = [];
  readonly configurations = new Set<Configuration>();
  readonly policies = new Set<Policy>();
  readonly referee: Referee;
  #probe: Probe;
  readonly #saved = new Map<string, { state: Uint8Array; tally: Tally }>();
  #tally = new Tally();
  #isTelling = false;
  #nowMs = 0;

  private constructor(probe: Probe, referee: Referee) {
    this.#probe = probe;
    this.referee = referee;
  }

  /** @param setting undefined: nothing is configured yet */
  static async start(setting?: Setting): Promise<Script> {
    const script = new Script(await Probe.start(), new Referee(setting));
    if (!setting) return script;
    script.configure(setting.configuration);
    script.load(setting.policy);
    return script;
  }

  configure(configuration: Configuration, returns = 0): void {
    this.configurations.add(configuration);
    const code = this.#probe.configure(recordOf(configuration));
    if (code === 0) this.#isTelling = configuration.config.icmpErrors;
    this.#step({ do: "configure", configuration: configuration.name, returns }, code, {}, code === 0);
  }

  load(policy: Policy, also: Also & { readonly arguments?: readonly [number, number] } = {}): void {
    this.policies.add(policy);
    const { returns = 0 } = also;
    const code = this.#probe.load(policy.blob, ...(also.arguments ?? []));
    const args = also.arguments && { arguments: also.arguments };
    this.#step({ do: "load", policy: policy.name, ...args, returns }, code, also);
    if (code === 0 && policy.model) this.referee.load(policy.model, this.#timeNs(this.#nowMs));
  }

  async again(note?: string): Promise<void> {
    this.#probe = await Probe.start();
    this.#tally = new Tally();
    this.steps.push({ do: "start", ...(note !== undefined && { note }) });
  }

  process(said: readonly Said[], also: Also = {}): void {
    const frames = this.#placed(said.map(([given]) => given));
    this.#probe.describe(frames);
    const count = also.count ?? frames.length;
    const code = this.#probe.exports.process(count);
    const returns = also.returns ?? frames.length;
    const wants = said.slice(0, Math.max(0, returns)).map(([, want]) => want);
    const head = { do: "process" as const, frames: frames.map(rowOf), ...(also.count !== undefined && { count }) };
    if (returns < 0) return this.#step({ ...head, returns }, code, also);
    const got = wants.map((_, i) => this.#probe.verdict(i, frames[i]!));
    this.#sameReturn("process", code, returns);
    wants.forEach((want, i) => {
      check(said[i]![0], want, got[i]!, `step ${this.steps.length}, frame ${i}`);
      this.#tally.verdict(want);
    });
    const generated = this.#generated(wants);
    const verdicts = wants.map((want, i) => verdictRow(said[i]![0], want, got[i]!));
    const counters = this.#probe.counters();
    said.slice(0, returns).forEach(([given, want], i) => {
      this.#nowMs = Math.max(this.#nowMs, given.atMs ?? 0);
      this.referee.frame(given, want, got[i]!, this.#timeNs(this.#nowMs), counters);
    });
    this.#step({ ...head, returns, verdicts, ...(this.#isTelling && { generated }) }, code, also);
  }

  /** One frame. */
  one(given: Given, want: Want, also: Also = {}): void {
    this.process([[given, want]], also);
  }

  locate(said: readonly (readonly [Given, VerdictRow])[], also: Also = {}): void {
    const frames = this.#placed(said.map(([given]) => given));
    this.#probe.describe(frames);
    const { returns = frames.length } = also;
    const code = this.#probe.exports.locate(frames.length);
    const verdicts = returns < 0 ? [] : said.map(([, row]) => row);
    verdicts.forEach((row, i) => {
      const { node, egress, egressIP } = this.#probe.verdict(i, frames[i]!);
      same(`located ${i}`, { node, egress, egress_ip: hex(egressIP) }, row);
    });
    const rows = returns < 0 ? {} : { verdicts };
    this.#step({ do: "locate", frames: frames.map(rowOf), returns, ...rows }, code, also);
  }

  call(name: CallName, args: readonly number[], also: Also = {}): void {
    const { returns = 0, egressStats } = also;
    const code = (this.#probe.exports[name] as (...args: number[]) => number)(...args);
    const stats = egressStats && { egressStats };
    if (egressStats) this.#checkStats(egressStats);
    if (returns === 0) this.referee.call(name, args);
    this.#step({ do: "call", function: name, arguments: args, returns, ...stats }, code, also);
  }

  /** Moves time on and removes what has expired: counters of what is in the tables can be compared then. */
  advance(atMs: number, settled: Readonly<Record<string, number>>, also: Also = {}): void {
    this.#nowMs = Math.max(this.#nowMs, atMs);
    this.call("advance", halves(this.#timeNs(atMs)), { settled, ...also });
  }

  passTime(atMs: number, also: Also = {}): void {
    this.#nowMs = Math.max(this.#nowMs, atMs);
    this.call("passTime", halves(this.#timeNs(atMs)), also);
  }

  save(as: string): void {
    this.#saved.set(as, { state: this.#probe.region(abi.REGION_STATE).slice(), tally: this.#tally.copy() });
    this.steps.push({ do: "save", as });
  }

  restore(from: string, also: Also & { readonly fill?: number } = {}): void {
    const { returns = 0, fill } = also;
    const saved = this.#saved.get(from)!;
    const state = saved.state.slice();
    if (fill !== undefined) state.fill(fill);
    this.#probe.region(abi.REGION_STATE).set(state);
    const code = this.#probe.exports.restore();
    const before = this.#tally;
    // A state that is refused leaves nothing: counters begin anew, too.
    this.#tally = (code === 0 ? saved.tally.copy() : new Tally()).since(before);
    this.#step({ do: "restore", from, ...(fill !== undefined && { fill }), returns }, code, also);
  }

  #timeNs(atMs: number): bigint {
    return START_NS + BigInt(Math.round(atMs * 1e6));
  }

  #placed(given: readonly Given[]): ProbeFrame[] {
    let next = 0;
    return given.map((one) => {
      const offset = one.offset ?? next;
      next = offset + one.bytes.length;
      return {
        hook: one.hookCode ?? HOOKS[one.hook],
        link: one.link ?? abi.LINK_ETHERNET,
        flags: one.flags ?? 0,
        time: this.#timeNs(one.atMs ?? 0),
        wire: one.wire ?? one.bytes.length,
        tag: one.tag ?? 0,
        offset,
        captured: one.captured ?? one.bytes.length,
        bytes: one.bytes,
        isMoved: one.offset !== undefined,
      };
    });
  }

  #generated(wants: readonly Want[]): GeneratedRow[] {
    const expected = wants.flatMap(({ told }, frame) =>
      told ? [{ frame, egress: told.egress, packet: hex(told.packet) }] : [],
    );
    const got = this.#probe.generated().map(({ frame, egress, packet }) => ({ frame, egress, packet: hex(packet) }));
    same(`step ${this.steps.length}, generated`, this.#isTelling ? got : [], expected);
    return expected;
  }

  #sameReturn(what: string, code: number, returns: number): void {
    same(`step ${this.steps.length}, ${what} returns`, code, returns);
  }

  #checkStats(rows: readonly Readonly<Record<string, number | string>>[]): void {
    const stats = this.#probe.region(abi.REGION_EGRESS_STATS);
    const view = new DataView(stats.buffer, stats.byteOffset, stats.length);
    rows.forEach((row, i) => {
      const at = i * abi.EGRESS_STATS_SIZE;
      const got = {
        connections: String(view.getBigUint64(at + abi.EGRESS_STATS_CONNECTIONS_AT, true)),
        frames: String(view.getBigUint64(at + abi.EGRESS_STATS_FRAMES_AT, true)),
        bytes: String(view.getBigUint64(at + abi.EGRESS_STATS_BYTES_AT, true)),
        replies: String(view.getBigUint64(at + abi.EGRESS_STATS_REPLIES_AT, true)),
        reply_bytes: String(view.getBigUint64(at + abi.EGRESS_STATS_REPLY_BYTES_AT, true)),
        live: view.getUint32(at + abi.EGRESS_STATS_LIVE_AT, true),
      };
      same(`egress statistics ${i}`, got, row);
    });
  }

  /** Holds the return value, released numbers and counters against what was said, and writes the step down. */
  #step(step: Exclude<Step, { do: "start" | "save" }>, code: number, also: Also, isReady = true): void {
    this.#sameReturn(step.do, code, step.returns);
    const isConfigured = this.#probe.region(abi.REGION_COUNTERS).length > 0;
    const { released = [], settled = {}, note } = also;
    const counters =
      isConfigured && isReady ? this.#tally.take(also.counters ?? {}, settled, this.#probe.counters()) : {};
    if (isConfigured) same(`step ${this.steps.length}, released`, this.#probe.released(), released);
    this.steps.push({
      ...(note !== undefined && { note }),
      ...step,
      ...(released.length > 0 && { released }),
      ...(Object.keys(counters).length > 0 && { counters: counters as Counters }),
    } as Step);
  }
}

export type CallName =
  | "advance"
  | "passTime"
  | "setGateway"
  | "setReachable"
  | "nodeLost"
  | "setOwnNode"
  | "setActive"
  | "feedback"
  | "process"
  | "locate"
  | "loadPolicy"
  | "restore"
  | "regionAt"
  | "regionSize"
  | "abiVersion"
  | "configure";

export function halves(time: bigint): [number, number] {
  return [Number(time & 0xffff_ffffn), Number(time >> 32n)];
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** @throws {Error} where they differ */
export function same(what: string, got: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: the engine says\n  ${a}, said before was\n  ${b}`);
}

function rowOf(frame: ProbeFrame & { isMoved?: boolean }): FrameRow {
  const { hook, link, flags, time, wire, tag, bytes, captured, offset } = frame;
  return {
    hook,
    link,
    flags,
    time: time.toString(),
    ...(wire !== bytes.length && { wire }),
    ...(tag !== 0 && { tag: String(tag) }),
    ...(frame.isMoved && { offset }),
    ...(captured !== bytes.length && { captured }),
    bytes: hex(bytes),
  };
}

function bitsOf(want: Want): number {
  return want.flags.reduce((bits, flag) => bits | FLAGS[flag], 0);
}

const NONE = "none";

/** The engine's verdict against the words. @throws {Error} where they differ */
function check(given: Given, want: Want, got: ProbeVerdict, where: string): void {
  const isTranslated = want.action === "snat" || want.action === "reverse";
  const start = given.hook === "from-overlay" && want.out ? want.inner! : 0;
  const names = (bits: number) => Object.entries(FLAGS).flatMap(([name, bit]) => (bits & bit ? [name] : []));
  const fields = {
    action: actionName(got.action),
    reason: got.reason === 0 ? NONE : reasonName(got.reason),
    flags: names(got.flags),
    egress: got.egress === abi.NO_INDEX ? undefined : got.egress,
    egressIP: got.egressIP.every((byte) => byte === 0) ? "" : formatAddress(got.egressIP),
    ...((isTranslated || want.natPort !== undefined) && { natPort: got.natPort }),
    out: hex(got.result.subarray(start, start + (want.out ?? given.bytes).length)),
  };
  const { action, reason, egress, egressIP = "", natPort } = want;
  const expected = {
    action,
    reason,
    flags: names(bitsOf(want)),
    egress,
    egressIP,
    ...((isTranslated || natPort !== undefined) && { natPort }),
    out: hex(want.out ?? given.bytes),
  };
  same(where, fields, expected);
  if (want.target !== undefined) same(`${where}, target`, formatAddress(got.target), want.target);
  for (const [field, value] of [
    ["node", got.node],
    ["inner", got.inner],
    ["oldEgress", got.oldEgress],
  ] as const)
    if (want[field] !== undefined) same(`${where}, ${field}`, value, want[field]);
  if (want.outer) {
    const port = sourcePortOf(got);
    if (port < 49_152)
      throw new Error(`${where}: the outer source port is ${port}, expected 49152 to 65535 (RFC 7348)`);
    same(`${where}, outer`, hex(got.outer), hex(want.outer(port)));
  }
  same(`${where}, length`, got.length, lengthOf(given, want));
}

function sourcePortOf({ outer }: ProbeVerdict): number {
  return outer[34]! * 256 + outer[35]!;
}

/** Of the inner frame at hook from-overlay, where it was decapsulated. */
function lengthOf(given: Given, want: Want): number {
  const captured = given.captured ?? given.bytes.length;
  if (given.hook !== "from-overlay") return captured;
  return want.length ?? want.out?.length ?? captured;
}

function verdictRow(given: Given, want: Want, got: ProbeVerdict): VerdictRow {
  const isOverlay = given.hook === "from-overlay";
  return {
    action: want.action,
    reason: want.reason,
    flags: bitsOf(want),
    length: got.length,
    egress: want.egress ?? abi.NO_INDEX,
    egress_ip: want.egressIP ? hex(address(want.egressIP)) : "00".repeat(16),
    ...(want.natPort !== undefined && { nat_port: want.natPort }),
    ...(want.oldEgress !== undefined && { old_egress: want.oldEgress }),
    ...(want.target !== undefined && { target: hex(address(want.target)) }),
    ...(want.node !== undefined && { node: want.node }),
    ...(want.inner !== undefined && { inner: want.inner }),
    ...(want.outer && { outer: hex(want.outer(sourcePortOf(got))) }),
    ...(want.out ? { ...(isOverlay && { skip: want.inner! }), out: hex(want.out) } : { unchanged: true as const }),
  };
}
