import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as abi from "../../../assembly/abi.js";
import { checkModel } from "../../../src/config/check.js";
import { loadManifestTexts } from "../../../src/config/load.js";
import type { PolicyModel } from "../../../src/config/types.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { DEFAULT_ENGINE_CONFIG, encodeEngineConfig } from "../../../src/engine/engine-config.js";
import { growFor } from "../../../src/engine/sizing.js";
import { EgressError, PolicyError } from "../../../src/errors.js";
import type { Dice } from "../../scenario-fuzz/dice.js";
import { Finding } from "../finding.js";
import { mutateText, skeleton, smallerText } from "../mutate-bytes.js";
import { RawEngine } from "../raw-engine.js";
import type { Features, Target } from "../target.js";

const FOLDER = "pcaps/manifests";
const MAX_LENGTH = 24_000;
/** One in so many models goes into an engine. */
const ENGINE_EVERY = 8;
const TINY = { ...DEFAULT_ENGINE_CONFIG, connections: 64, maxBatch: 16, arenaSize: 1 << 16, blobSize: 1 << 16 };
const SMALL = { ...TINY, endpoints: 64, prefixes: 64, policies: 16, egresses: 16, nodes: 16, bitmaps: 1 };

/** Texts of manifests through the reader; what it takes has to compile, and the engine has to take that. */
export class ManifestsTarget implements Target {
  readonly name = "manifests";
  units = 0;

  /** Each of our own files, with small ones of what they leave out. */
  seeds(): Uint8Array[] {
    const own = readdirSync(FOLDER).map((name) => readFileSync(join(FOLDER, name)));
    return [
      ...own,
      Buffer.concat(own.flatMap((text) => [text, Buffer.from("\n---\n")])).subarray(0, MAX_LENGTH),
      ...MORE.map((text) => Buffer.from(text)),
    ];
  }

  mutate(base: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
    return Buffer.from(mutateText(Buffer.from(base).toString(), Buffer.from(other).toString(), dice, MAX_LENGTH));
  }

  async execute(input: Uint8Array): Promise<Features> {
    this.units++;
    const text = Buffer.from(input).toString("utf8");
    let model: PolicyModel;
    try {
      model = loadManifestTexts(new Map([[text.trimStart().startsWith("{") ? "fuzz.json" : "fuzz.yaml", text]]));
    } catch (error) {
      if (error instanceof PolicyError) return faultsOf(error);
      if (error instanceof EgressError) return [skeleton(error.message)];
      throw error;
    }
    checkModel(model);
    const blob = compilePolicy(model);
    if (input.length % ENGINE_EVERY === 0) await checkTaken(blob);
    return [...model.warnings.map(({ text }) => `warning ${skeleton(text)}`), ...shapeOf(model)];
  }

  smaller = smallerText;
}

function faultsOf({ faults }: PolicyError): string[] {
  const wrong = faults.find(({ line, column }) => !(line >= 1 && column >= 1));
  if (wrong) throw new Finding("fault place", `${wrong.line}:${wrong.column} for ${wrong.path}`);
  return faults.slice(0, 20).map(({ path, expected }) => skeleton(`${path} ${expected}`));
}

async function checkTaken(blob: Uint8Array): Promise<void> {
  const config = growFor(SMALL, blob);
  const engine = await RawEngine.start(encodeEngineConfig(config));
  const codes = [engine.exports.configure(), engine.loadPolicy(blob)];
  if (codes.some((code) => code !== abi.OK))
    throw new Finding("policy refused", `the engine answers ${codes} to a model that was loaded`);
}

function shapeOf({ nodes, endpoints, egresses, policies, policySets }: PolicyModel): string[] {
  const counts = [nodes, endpoints, egresses, policies, policySets].map(({ length }) => Math.min(length, 6));
  const kinds = policies.map(({ kind, azAffinity, timeouts }) => `${kind} ${azAffinity} ${timeouts !== undefined}`);
  return [...kinds, `shape ${counts.join(" ")}`];
}

const MORE = [
  `apiVersion: isovalent.com/v1
kind: IsovalentEgressGatewayPolicy
metadata:
  name: pool
  annotations: {sluicegate.io/timeouts: "udp=30s,tcp-established=1h"}
spec:
  selectors:
  - podSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: NotIn, values: [a, b]}]}
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}
  - podSelector: {}
    nodeSelector: {matchLabels: {zone: a}}
  destinationCIDRs: ["0.0.0.0/0", "::/0"]
  excludedCIDRs: ["192.168.0.0/16"]
  egressCIDRs: ["203.0.113.0/28", "2001:db8::/120"]
  azAffinity: localOnlyFirst
  egressGroups:
  - nodeSelector: {matchLabels: {egress: "yes"}}
    interface: eth1
    maxGatewayNodes: 2
  - nodeSelector: {matchLabels: {egress: "yes"}}
    egressIP: 203.0.113.9
`,
  `{"apiVersion":"v1","kind":"List","items":[{"kind":"Node","apiVersion":"v1","metadata":{"name":"gw-a","labels":{"egress":"yes","topology.kubernetes.io/zone":"z1"},"annotations":{"sluicegate.io/interfaces":"{\\"eth1\\":[\\"203.0.113.1/24\\"],\\"default\\":\\"eth1\\"}"}},"spec":{"podCIDRs":["10.0.1.0/24"],"unschedulable":true},"status":{"addresses":[{"type":"InternalIP","address":"172.18.0.3"}]}},
{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"default","uid":"u1","labels":{"app":"web"},"creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"nodeName":"gw-a","containers":[{"ports":[{"containerPort":8080,"protocol":"TCP"}]}]},"status":{"podIPs":[{"ip":"10.0.1.7"},{"ip":"fd00::7"}],"phase":"Running"}}]}
`,
];
