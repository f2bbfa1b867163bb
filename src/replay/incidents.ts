import type { Egress } from "../config/types.js";
import type { EgressStats } from "../engine/counters.js";
import { NODE_ORDERS } from "../gateway/ground-truth.js";
import type { NodeStatuses } from "../gateway/status.js";
import type { Change } from "./change-queue.js";
import type { BrokenConnection, Drain, Failover, HealthTransition, ReplayReport } from "./report-types.js";
import { formatTime, laterOf } from "./time.js";

/** Orders that begin or end an outage. */
const OUTAGE_ORDERS: ReadonlySet<string> = new Set(["node-down", "node-up", "remove", "add"]);
const ORDERS: ReadonlySet<string> = new Set(NODE_ORDERS);

/** An outage that goes on collecting what it leads to. */
interface Outage extends Failover {
  /** Frames that its node had lost when it began, as this process counts; undefined once the node's next event has come. */
  lostBefore: number | undefined;
}

interface RunningDrain {
  readonly node: string;
  readonly fromNs: string;
  readonly connectionsAtStart: number;
}

/** As JSON. */
export interface SavedIncidents {
  readonly outages: readonly (Failover & { readonly isOpen: boolean })[];
  readonly transitions: readonly HealthTransition[];
  readonly drains: readonly Drain[];
  readonly draining: readonly RunningDrain[];
}

/** What happened to gateways, for the report: outages with what they led to, findings of the prober, drains. */
export class Incidents {
  readonly #egresses: readonly Egress[];
  readonly #outages: Outage[];
  readonly #transitions: HealthTransition[];
  readonly #drains: Drain[];
  readonly #draining: Map<string, RunningDrain>;

  /** @param egresses the registry's; may grow   @param saved to go on with; losses are counted from zero by the process that goes on */
  constructor(egresses: readonly Egress[], saved?: SavedIncidents) {
    this.#egresses = egresses;
    this.#outages = (saved?.outages ?? []).map(({ isOpen, ...row }) => ({
      ...row,
      lostBefore: isOpen ? 0 : undefined,
    }));
    this.#transitions = [...(saved?.transitions ?? [])];
    this.#drains = [...(saved?.drains ?? [])];
    this.#draining = new Map((saved?.draining ?? []).map((drain) => [drain.node, drain]));
  }

  /** True where a drain begins or ends, for which connections have to be counted exactly. */
  concernsDrain(statuses: NodeStatuses): boolean {
    return this.#gateways().some((node) => this.#isDrained(node, statuses) !== this.#draining.has(node));
  }

  /** How nodes stand from `atNs` on. @param totals by egress */
  noteDrains(statuses: NodeStatuses, atNs: bigint, totals: readonly EgressStats[]): void {
    for (const node of this.#gateways()) {
      const isDrained = this.#isDrained(node, statuses);
      const running = this.#draining.get(node);
      if (isDrained && !running) {
        const connectionsAtStart = this.#live(node, totals);
        this.#draining.set(node, { node, fromNs: atNs.toString(), connectionsAtStart });
      } else if (!isDrained && running) {
        this.#draining.delete(node);
        this.#drains.push(this.#finished(running, totals));
      }
    }
  }

  /** @param lostOf frames lost because of a node so far */
  note({ atNs, happened }: Pick<Change, "atNs" | "happened">, lostOf: (node: string) => number): void {
    const at = formatTime(atNs);
    for (const { node, what, causeAtNs } of happened) {
      if (node === "") continue;
      if (OUTAGE_ORDERS.has(what)) this.#close(node, lostOf(node));
      if (what === "node-down" || what === "remove") {
        const detectedAt = what === "remove" ? at : "";
        const counts = { lostFrames: 0, brokenConnections: 0, rebound: 0 };
        this.#outages.push({ node, event: what, at, detectedAt, ...counts, lostBefore: lostOf(node) });
      }
      if (what === "down-detected") this.#detected(node, at, causeAtNs);
      if (!ORDERS.has(what))
        this.#transitions.push({ node, what, at, ...(causeAtNs !== undefined && { causeAt: formatTime(causeAtNs) }) });
    }
  }

  /** A connection's external tuple changed. */
  moved({ from, cause }: BrokenConnection, isBroken: boolean): void {
    if (cause !== "failover" && cause !== "gateway-restart") return;
    const outage = this.#outages.findLast(({ node }) => node === from.node);
    if (!outage) return;
    if (isBroken) outage.brokenConnections++;
    else outage.rebound++;
  }

  report(
    totals: readonly EgressStats[],
    lostOf: (node: string) => number,
  ): Pick<ReplayReport, "failovers" | "healthTransitions" | "drains"> {
    const running = [...this.#draining.values()].map((drain) => this.#finished(drain, totals));
    return {
      failovers: this.#outages.map((outage) => failoverOf(outage, lostOf)),
      healthTransitions: this.#transitions,
      drains: [...this.#drains, ...running],
    };
  }

  save(lostOf: (node: string) => number): SavedIncidents {
    return {
      outages: this.#outages.map((outage) => ({
        ...failoverOf(outage, lostOf),
        isOpen: outage.lostBefore !== undefined,
      })),
      transitions: this.#transitions,
      drains: this.#drains,
      draining: [...this.#draining.values()],
    };
  }

  #gateways(): string[] {
    return [...new Set(this.#egresses.map(({ node }) => node))];
  }

  #isDrained(node: string, statuses: NodeStatuses): boolean {
    return statuses.get(node)?.drained ?? false;
  }

  #live(node: string, totals: readonly EgressStats[]): number {
    return totals.reduce((sum, { live }, egress) => (this.#egresses[egress]!.node === node ? sum + live : sum), 0);
  }

  #finished({ node, fromNs, connectionsAtStart }: RunningDrain, totals: readonly EgressStats[]): Drain {
    const stillLive = this.#live(node, totals);
    const own = totals.filter((_, egress) => this.#egresses[egress]!.node === node);
    const lastEnd = own.reduce((last, { lastEndNs }) => laterOf(last, lastEndNs), BigInt(fromNs));
    return {
      node,
      from: formatTime(BigInt(fromNs)),
      connectionsAtStart,
      ranDryAt: stillLive === 0 ? formatTime(lastEnd) : null,
      stillLive,
    };
  }

  #close(node: string, lost: number): void {
    const open = this.#outages.findLast((outage) => outage.node === node && outage.lostBefore !== undefined);
    if (!open) return;
    open.lostFrames += lost - open.lostBefore!;
    open.lostBefore = undefined;
  }

  #detected(node: string, at: string, causeAtNs: bigint | undefined): void {
    const cause = causeAtNs === undefined ? undefined : formatTime(causeAtNs);
    const outage = this.#outages.findLast((one) => one.node === node && one.at === cause);
    if (outage && outage.detectedAt === "") outage.detectedAt = at;
  }
}

function failoverOf({ lostBefore, ...row }: Outage, lostOf: (node: string) => number): Failover {
  return lostBefore === undefined ? row : { ...row, lostFrames: row.lostFrames + lostOf(row.node) - lostBefore };
}
