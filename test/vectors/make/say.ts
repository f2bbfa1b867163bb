import * as abi from "../../../assembly/abi.js";

/** A frame that a host gives. */
export interface Given {
  readonly hook: "from-endpoint" | "from-network" | "from-overlay";
  readonly bytes: Uint8Array;
  /** Milliseconds since the start. */
  readonly atMs?: number;
  /** LINK_*; Ethernet where it is left out. */
  readonly link?: number;
  readonly flags?: number;
  readonly wire?: number;
  readonly tag?: number;
  /** HOOK_* in place of the hook's. */
  readonly hookCode?: number;
  /** Where the record says that the frame lies, and how long it is, in place of the truth. */
  readonly offset?: number;
  readonly captured?: number;
}

export const FLAGS = {
  created: abi.VERDICT_FLAG_CREATED,
  guessed: abi.VERDICT_FLAG_GUESSED,
  remapped: abi.VERDICT_FLAG_REMAPPED,
  "policy-change": abi.VERDICT_FLAG_POLICY_CHANGE,
  unverifiable: abi.VERDICT_FLAG_UNVERIFIABLE,
  hop: abi.VERDICT_FLAG_HOP,
  breaks: abi.VERDICT_FLAG_NEW_CONNECTION_KIND,
  restart: abi.VERDICT_FLAG_RESTART,
  release: abi.VERDICT_FLAG_RELEASE,
} as const;

export type Flag = keyof typeof FLAGS;

/** What has to become of it. */
export interface Want {
  readonly action: "pass" | "snat" | "reverse" | "redirect" | "drop" | "hold";
  /** `none` where there is nothing to explain. */
  readonly reason: string;
  readonly flags: readonly Flag[];
  /** None, unless it is said. */
  readonly egress?: number;
  readonly egressIP?: string;
  readonly natPort?: number;
  readonly oldEgress?: number;
  /** Redirect: where to. */
  readonly target?: string;
  readonly node?: number;
  readonly inner?: number;
  /** What goes in front of it, but for the UDP source port, which is the engine's to choose. */
  readonly outer?: (sourcePort: number) => Uint8Array;
  /** From-overlay, of what goes nowhere: bytes of the inner frame, where there is one. */
  readonly length?: number;
  /** The frame afterwards; as it was where it is left out. From-overlay: of the inner frame, which begins at `inner`. */
  readonly out?: Uint8Array;
  /** The ICMP error about it. */
  readonly told?: { readonly egress: number; readonly packet: Uint8Array };
}

export function pass(reason: string, ...flags: Flag[]): Want {
  return { action: "pass", reason, flags };
}

export function drop(reason: string, fields: Partial<Want> = {}): Want {
  return { action: "drop", reason, flags: [], ...fields };
}

/** @param number under which it will be released */
export function hold(number: number): Want {
  return { action: "hold", reason: "fragment-without-first", flags: [], inner: number };
}

export type Said = readonly [Given, Want];
