import type { BrokenConnection } from "../../src/replay/report-types.js";
import { describe, type Entry, type External, type Finding, type Trial, tupleText } from "./ledger.js";
import { type Life, Lives } from "./lives.js";
import { isAsCaptured } from "./replies.js";
import { nsOf } from "./world.js";

type Move = BrokenConnection & { readonly list: "broken" | "rebound" };

/**
 * Follows every connection through what left: its external tuple changes only where the report lists that, the report lists nothing else,
 * causes fit what happened, nothing of a broken connection goes on, and no connection leaves a gateway that could have kept it.
 */
export function checkMoves(trial: Trial): Finding[] {
  return new MoveCheck(trial).run();
}

class MoveCheck {
  readonly #trial: Trial;
  readonly #lives: Lives;
  readonly #findings: Finding[] = [];
  /** Rows of the report that no frame explains yet, by time and five-tuple. */
  readonly #rows = new Map<string, Move[]>();

  constructor(trial: Trial) {
    this.#trial = trial;
    this.#lives = new Lives(trial);
    const { broken, rebound } = trial.report;
    for (const row of broken) this.#add({ ...row, list: "broken" });
    for (const row of rebound) this.#add({ ...row, list: "rebound" });
  }

  #add(row: Move): void {
    const key = `${nsOf(row.at)} ${row.fiveTuple}`;
    this.#rows.set(key, [...(this.#rows.get(key) ?? []), row]);
  }

  run(): Finding[] {
    for (const entry of this.#trial.entries) {
      if (entry.frame.kind === "error" || !entry.pod) continue;
      if (entry.frame.side === "in") this.#reply(entry);
      else this.#sent(entry);
    }
    for (const row of [...this.#rows.values()].flat())
      this.#find("listed-without-change", undefined, JSON.stringify(row));
    return this.#findings;
  }

  #find(check: string, entry: Entry | undefined, text: string): void {
    const where = entry ? `frame ${entry.number}, ${tupleText(entry.frame)} at ${entry.ns / 1e9} s: ` : "";
    this.#findings.push({ check, text: where + text });
  }

  #reply(entry: Entry): void {
    const life = this.#lives.find(entry);
    if (!life) return;
    if (life.isBroken && entry.inside) this.#find("after-break", entry, "a reply to a broken connection was restored");
    // What went to somebody else, whose tuple it is by now, keeps nothing alive here.
    const isOwn = entry.inside && isAsCaptured(entry.inside.bytes, entry.frame.bytes);
    life.see(isOwn ? entry : { ...entry, output: undefined });
  }

  #sent(entry: Entry): void {
    const life = this.#lives.open(entry);
    const { external, frame, inside, ns } = entry;
    const opens = frame.flags === "SYN";
    if (opens) life.isBroken = false;
    if (life.isBroken && entry.output) this.#find("after-break", entry, "a broken connection goes on");
    if (external) this.#left(entry, life, external, opens);
    else if (inside) {
      life.external = undefined;
      life.isPassed = true;
      life.isCut = false;
    } else life.isCut = true;
    life.see(entry);
    life.outNs = ns;
  }

  #left(entry: Entry, life: Life, external: External, opens: boolean): void {
    const before = life.external;
    const hasMoved = before ? tupleOf(before) !== tupleOf(external) : life.isPassed;
    const row = hasMoved ? this.#takeRow(entry, before, external) : undefined;
    // What passed so far and was then lost or refused is forgotten as if it had never been there.
    const isForgotten = life.isPassed && life.isCut;
    const isSure = entry.ns <= life.sureUntil && !opens && !isForgotten;
    if (hasMoved && !row && isSure)
      this.#find(
        life.isCut ? "change-unlisted-after-drop" : "change-unlisted",
        entry,
        `${before ? describe(before) : "untranslated"} became ${describe(external)}`,
      );
    if (row) {
      if (row.list === "broken") life.isBroken = true;
      const isBreaking = entry.frame.flow.protocol === 6 && !opens;
      if (isBreaking !== (row.list === "broken")) this.#find("wrong-list", entry, `is in ${row.list}`);
      this.#checkCause(entry, life, row);
    }
    this.#checkGateway(entry, life, external, isSure);
    life.external = external;
    life.isPassed = false;
    life.isCut = false;
    life.leftNs = entry.ns;
  }

  /** The report's row for a change at this frame; it counts no longer as unexplained. */
  #takeRow(entry: Entry, before: External | undefined, after: External): Move | undefined {
    const rows = this.#rows.get(`${entry.ns} ${tupleText(entry.frame)}`) ?? [];
    const at = rows.findIndex(
      ({ from, to }) =>
        from.node === (before?.gateway ?? "") &&
        from.egressIP === (before?.ip ?? "") &&
        to?.node === after.gateway &&
        to.egressIP === after.ip,
    );
    return at < 0 ? undefined : rows.splice(at, 1)[0];
  }

  #checkCause(entry: Entry, life: Life, { cause, from, to }: Move): void {
    const { world } = this.#trial;
    const [since, now] = [life.leftNs, entry.ns];
    const isPossible = {
      // Frames of it may have been lost on another gateway meanwhile, whose failure is then what moved it.
      failover: () =>
        world.node(from.node).ever(since, now, ({ isDown }) => isDown) || (life.isCut && world.hasChanged(since, now)),
      "gateway-restart": () => from.node === to?.node && world.node(from.node).hasLostMemory(since, now),
      "egress-ip-moved": () => world.hasChanged(since, now),
      "policy-change": () => world.hasOtherPolicies(entry.frame.flow.ip, life.isPassed ? -Infinity : since, now),
    }[cause];
    if (!isPossible?.())
      this.#find("cause", entry, `${cause} from ${from.node} to ${to?.node}: nothing of the kind happened`);
  }

  /** A pin stays while its gateway is healthy and serves the policy; what is new goes to an active gateway; and all are alive. */
  #checkGateway(entry: Entry, life: Life, external: External, isSure: boolean): void {
    const { world } = this.#trial;
    const { ns, pod, frame } = entry;
    const before = life.external;
    const settled = world.isSettled(pod!, ns);
    const decision = settled ? world.decide(pod!, frame.flow.remote, ns) : undefined;
    const policy = decision?.kind === "selected" ? decision.policy : undefined;
    const hadPolicy = life.policy;
    life.policy = policy;
    if (world.node(external.gateway).at(ns).isDead) this.#find("dead-gateway", entry, `left by ${external.gateway}`);
    if (!policy) return;
    const members = world.gatewaysOf(policy, ns);
    if (!members.has(external.gateway))
      this.#find("no-member", entry, `${external.gateway} is none of ${[...members]}`);
    if (policy.kind === "CiliumEgressGatewayPolicy") return;
    const state = world.node(external.gateway).at(ns);
    if (state.isDown) this.#find("unhealthy-gateway", entry, `${external.gateway} is known to be down`);
    if (!before) {
      if (!life.isPassed && life.leftNs === -Infinity && state.isResting && !life.isCut)
        this.#find("inactive-gateway", entry, `a new connection left by ${external.gateway}`);
      return;
    }
    const isKept =
      isSure && hadPolicy?.name === policy.name && hadPolicy.kind === policy.kind && members.has(before.gateway);
    const wasDown = world.node(before.gateway).ever(life.leftNs, ns, ({ isDown }) => isDown);
    if (isKept && !wasDown && external.gateway !== before.gateway)
      this.#find("pin-left-healthy", entry, `${before.gateway} was healthy, but it left by ${external.gateway}`);
  }
}

/** What the outside sees of it. */
function tupleOf({ ip, port }: External): string {
  return `${ip}:${port}`;
}
