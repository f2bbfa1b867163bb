import { NS_PER_MS } from "../config/time.js";
import type { NodeOrder } from "./ground-truth.js";
import type { Finding } from "./node-track.js";

/** One thing that happened to a node, or (with an empty node name) that other manifests came into force. */
export interface Happened {
  readonly node: string;
  readonly what: NodeOrder | Finding | "manifests";
  /** When the order was given that a finding follows from. Nanoseconds since the epoch. */
  readonly causeAtNs?: bigint;
}

const TEXTS: Readonly<Record<Happened["what"], string>> = {
  "node-down": "goes down",
  "node-up": "answers again",
  "agent-down": "loses its agent",
  "agent-up": "has its agent back",
  drain: "is drained: no new connections",
  undrain: "is no longer drained",
  remove: "leaves the cluster",
  add: "joins the cluster",
  suspect: "misses a probe",
  "suspect-cleared": "answers a probe again before it counted as down",
  "down-detected": "counts as down",
  "up-detected": "counts as up",
  "agent-down-detected": "counts as without agent: no new connections",
  "agent-up-detected": "counts as with agent",
  manifests: "other manifests come into force",
};

/** A line for people: `gw-a counts as down, 1.350 s after its cause`. @param atNs when it happened */
export function describeHappened({ node, what, causeAtNs }: Happened, atNs: bigint): string {
  const text = node === "" ? TEXTS[what] : `${node} ${TEXTS[what]}`;
  if (causeAtNs === undefined) return text;
  const milliseconds = (atNs - causeAtNs) / NS_PER_MS;
  const fraction = (milliseconds % 1000n).toString().padStart(3, "0");
  return `${text}, ${milliseconds / 1000n}.${fraction} s after its cause`;
}
