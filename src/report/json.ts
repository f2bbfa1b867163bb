/** Keys of report.json that come in the order of the contract; all others follow in the order of the alphabet. */
const ORDER: Readonly<Record<string, readonly string[]>> = {
  "": [
    "schema",
    "seed",
    "natProfile",
    "input",
    "frames",
    "reasons",
    "connections",
    "gateways",
    "broken",
    "failovers",
    "rebound",
    "healthTransitions",
    "drains",
    "scenario",
    "topology",
    "overlay",
    "timeline",
    "verification",
  ],
  input: ["truncated", "firstFrame", "lastFrame", "files"],
  "input.files[]": ["name", "frames", "truncated"],
  frames: ["read", "bytes", "pass", "snat", "reverse", "drop", "lost", "skipped", "hold", "generated"],
  connections: ["opened", "closed", "expired", "broken", "rebound", "peak"],
  "gateways[]": [
    "node",
    "egressIP",
    "assumed",
    "zone",
    "connections",
    "frames",
    "bytes",
    "replies",
    "replyBytes",
    "portsPeak",
    "portsLimit",
  ],
  "broken[]": ["at", "fiveTuple", "from", "to", "cause"],
  "rebound[]": ["at", "fiveTuple", "from", "to", "cause"],
  "broken[].from": ["node", "egressIP"],
  "broken[].to": ["node", "egressIP"],
  "rebound[].from": ["node", "egressIP"],
  "rebound[].to": ["node", "egressIP"],
  "viewpoints[]": ["file", "interface", "linkType", "viewpoint", "copies", "decapsulate", "reasons", "hints"],
  "failovers[]": ["node", "event", "at", "detectedAt", "lostFrames", "brokenConnections", "rebound"],
  "healthTransitions[]": ["node", "what", "at", "causeAt"],
  "drains[]": ["node", "from", "connectionsAtStart", "ranDryAt", "stillLive"],
  scenario: ["name", "file", "propagationMs", "probeIntervalMs", "timeoutMs", "failback", "events"],
  "scenario.events[]": ["at", "node", "event", "manifests"],
  timeline: ["from", "stepMs", "steps", "gateways", "lost", "broken", "rebound"],
  "timeline.gateways[]": ["gateway", "connections", "frames", "bytes", "replies", "ports"],
  verification: ["enabled", "ok", "framesChecked", "mismatchCount", "mismatches"],
  "verification.mismatches[]": ["frame", "capture", "at", "field", "expected", "got", "why"],
};
/** What differs from run to run stands at the end, where a diff of two reports does not trip over it. */
const LAST = "timing";

/** A report as the text of report.json: two spaces, keys in a stable order, one newline at the end. */
export function reportJson(report: object): string {
  return `${JSON.stringify(ordered(report, ""), undefined, 2)}\n`;
}

function ordered(value: unknown, path: string): unknown {
  if (Array.isArray(value)) return value.map((item) => ordered(item, `${path}[]`));
  if (typeof value !== "object" || value === null) return value;
  const known = ORDER[path] ?? [];
  const keys = Object.keys(value).sort((a, b) => rank(known, a) - rank(known, b) || compare(a, b));
  const below = path === "" ? "" : `${path}.`;
  return Object.fromEntries(keys.map((key) => [key, ordered((value as never)[key], below + key)]));
}

function rank(known: readonly string[], key: string): number {
  if (key === LAST) return known.length + 1;
  const at = known.indexOf(key);
  return at < 0 ? known.length : at;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
