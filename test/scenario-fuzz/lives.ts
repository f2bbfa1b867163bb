import { TCP, UDP } from "./flows.js";
import type { FuzzCase } from "./fuzz-case.js";
import type { Entry, Trial } from "./ledger.js";
import { type External, tupleText } from "./ledger.js";
import type { PolicyWords } from "./words.js";

const NS_PER_MS = 1e6;
/** The engine's clock has this grain: lifetimes are compared with so much to spare. */
const GRAIN_NS = 2 * NS_PER_MS;
/** RFC 7857: a mapping outlives a reset by four minutes. */
const RFC_RESET_MS = 240_000;

/** One connection of one pod, from its first frame until it is surely forgotten. */
export class Life {
  /** Where it left last. */
  external: External | undefined;
  /** It went out untranslated since it left last. */
  isPassed = false;
  isBroken = false;
  /** Policy that decided for it last, where that was certain. */
  policy: PolicyWords | undefined;
  /** Time of the endpoint's last frame, and of the last one that left translated. */
  outNs: number;
  leftNs = -Infinity;
  /** The endpoint sent frames that did not leave since it left last. */
  isCut = false;
  /** The engine surely remembers it until then, and surely forgot it after that. */
  sureUntil = -Infinity;
  maybeUntil = -Infinity;
  #closedNs = Infinity;
  readonly #fuzz: FuzzCase;

  constructor(fuzz: FuzzCase, ns: number) {
    this.#fuzz = fuzz;
    this.outNs = ns;
  }

  /** A frame of it was captured. */
  see({ frame, ns, output }: Entry): void {
    const { timeouts, natProfile } = this.#fuzz;
    const { protocol } = frame.flow;
    if (protocol !== TCP) {
      const lifetime = (protocol === UDP ? timeouts.udp : timeouts.icmp) * NS_PER_MS;
      this.maybeUntil = ns + lifetime + GRAIN_NS;
      if (output) this.sureUntil = ns + lifetime - GRAIN_NS;
      return;
    }
    const reset = natProfile === "rfc" ? RFC_RESET_MS : 0;
    const longest = Math.max(timeouts.tcpEstablished, timeouts.tcpOpening, timeouts.tcpClosing, reset);
    this.maybeUntil = ns + longest * NS_PER_MS + GRAIN_NS;
    if (frame.flags === "SYN") this.#closedNs = Infinity;
    if (/FIN|RST/.test(frame.flags)) this.#closedNs = Math.min(this.#closedNs, ns);
    if (!output) return;
    // Of an older frame's state nothing is known once a gateway had to begin anew: the shorter of the two it is.
    const lifetime = Math.min(timeouts.tcpOpening, timeouts.tcpEstablished) * NS_PER_MS;
    this.sureUntil = Math.min(ns + lifetime, this.#closedNs + timeouts.tcpClosing * NS_PER_MS) - GRAIN_NS;
  }
}

/** All connections of a trial, followed frame by frame. */
export class Lives {
  readonly #lives = new Map<string, Life>();
  readonly #trial: Trial;

  constructor(trial: Trial) {
    this.#trial = trial;
  }

  /** The connection of an entry, if it may still be remembered. */
  find(entry: Entry): Life | undefined {
    const { pod, ns } = entry;
    const life = pod && this.#lives.get(keyOf(entry));
    if (!life || ns > life.maybeUntil) return undefined;
    const hasForgotten = pod.node !== undefined && this.#trial.world.node(pod.node).hasLostMemory(life.outNs, ns);
    return hasForgotten ? undefined : life;
  }

  /** The same, or a new one. */
  open(entry: Entry): Life {
    const known = this.find(entry);
    if (known) return known;
    const life = new Life(this.#trial.fuzz, entry.ns);
    this.#lives.set(keyOf(entry), life);
    return life;
  }
}

function keyOf({ pod, frame }: Entry): string {
  return `${pod!.uid} ${pod!.node ?? ""} ${tupleText(frame)}`;
}
