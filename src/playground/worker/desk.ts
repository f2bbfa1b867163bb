import type { NamedBytes, WebStream } from "../../capture/input.js";
import { decode } from "../../config/files.js";
import type { PolicyModel } from "../../config/types.js";
import { UsageError } from "../../errors.js";
import { defaultHealth } from "../../gateway/scenario-health.js";
import {
  captureFrames,
  checkModel,
  countTalkers,
  explainFrame,
  formatAddress,
  loadManifestTexts,
  type OutputName,
  type ReplayOptions,
  type ReplayReport,
  readScenarioText,
  replay,
  reportJson,
  reportPage,
  type Scenario,
  scenarioOptionsOf,
  starterManifests,
} from "../../index.js";
import { utf8Bytes, utf8Text } from "../../net/text.js";
import { walkSteps } from "../../report/explain-view.js";
import { microseconds } from "../../report/html/time.js";
import type { Cluster, Modules, Opened, PickedFile, Progress, Replayed, RunSettings, Walk } from "../messages.js";
import { commandLine } from "./command-line.js";
import { fieldsOf } from "./fields.js";
import { FrameList } from "./frame-list.js";
import { scenarioText } from "./scenario-text.js";

/** Names by which files count as manifests or scenarios; all others are captures. */
const MANIFEST_NAME = /\.(ya?ml|json)(\.gz)?$/i;
const SCENARIO_LINE = /^\s*["']?kind["']?\s*:\s*["']?Scenario\b/m;
/** Longer files are no scenarios: nobody looks. Bytes. */
const LONGEST_SCENARIO = 1 << 20;
/** Parts of a result are put together when they are this large: many small ones cost more than they hold. Bytes. */
const PART_SIZE = 1 << 24;
export const STARTER_NAME = "starter.yaml";
const SCENARIO_NAME = "scenario.yaml";

/** Who does a job: told how far it is, and ends where the signal says so. */
export interface Supervision {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

interface Capture {
  readonly name: string;
  readonly content: Blob;
}

/** The last run without any failure, by which others are measured. */
interface Baseline {
  readonly key: string;
  readonly connections: ReadonlyMap<string, number>;
}

/** The files that are open, and what can be asked about them. Knows neither page nor worker. */
export class Desk {
  readonly #modules: Modules;
  #captures: readonly Capture[] = [];
  #texts: ReadonlyMap<string, Uint8Array> = new Map();
  #scenarioFile: { readonly name: string; readonly text: string } | undefined;
  #model: PolicyModel | undefined;
  #starter: string | undefined;
  #baseline: Baseline | undefined;
  /** Of the last replay: frames are explained under it. */
  #options: Omit<ReplayOptions, "captures" | "signal"> | undefined;

  constructor(modules: Modules) {
    this.#modules = modules;
  }

  /**
   * Reads files in place of those of before: manifests and scenarios by their names, all others are captures.
   * @throws {PolicyError} with everything that is wrong with manifests   @throws {UsageError}
   */
  async open(files: readonly PickedFile[]): Promise<Opened> {
    const texts = new Map<string, Uint8Array>();
    const captures: Capture[] = [];
    let scenario: { name: string; text: string } | undefined;
    for (const { name, file } of files) {
      if (!MANIFEST_NAME.test(name)) {
        captures.push({ name, content: file });
        continue;
      }
      const bytes = decode(name, new Uint8Array(await file.arrayBuffer()));
      const text = bytes.length <= LONGEST_SCENARIO ? utf8Text(bytes) : "";
      if (!SCENARIO_LINE.test(text)) texts.set(name, bytes);
      else if (scenario) throw new UsageError(`${name}: is a second scenario, expected one: ${scenario.name} is there`);
      else scenario = { name, text };
    }
    const model = texts.size > 0 ? loadManifestTexts(texts) : undefined;
    this.#captures = captures;
    this.#texts = texts;
    this.#scenarioFile = scenario;
    this.#model = model;
    this.#starter = undefined;
    this.#forget();
    return this.#opened();
  }

  /** Makes manifests of what the captures hold. @throws {CaptureError} at damage */
  async starter({ signal, onProgress }: Supervision): Promise<Opened> {
    const [capture] = this.#captures;
    if (!capture) throw new UsageError("there is no capture, expected one to make manifests from");
    const talkers = await countTalkers(captureFrames(watched([capture], signal, onProgress)[0]!, undefined, signal));
    const { text, endpoints } = starterManifests(talkers.sources, { captureName: capture.name });
    if (endpoints === 0)
      throw new UsageError(`${capture.name}: no source looks like a pod: there is nothing to make manifests from`);
    this.#texts = new Map([[STARTER_NAME, utf8Bytes(text)]]);
    this.#model = loadManifestTexts(this.#texts);
    this.#starter = text;
    this.#forget();
    return this.#opened();
  }

  /** @throws as `replay` does */
  async replay(settings: RunSettings, { signal, onProgress }: Supervision): Promise<Replayed> {
    const model = this.#requireModel();
    const text = scenarioText(settings, this.#scenario(model));
    const scenario = text === undefined ? undefined : readScenarioText(text, SCENARIO_NAME, scenarioOptionsOf(model));
    const { natProfile, topology, seed } = settings;
    const options = {
      ...{ model, topology, seed, engineWasm: this.#modules.engine, outsideWasm: this.#modules.outside },
      ...(scenario && { scenario }),
      ...(natProfile && { natProfile }),
    };
    const list = new FrameList();
    const outputs = new Outputs();
    const started = performance.now();
    const frames = { count: 0 };
    const report = await replay({
      ...options,
      captures: watched(this.#captures, signal, ({ part }) => onProgress({ frames: frames.count, part })),
      observers: [list],
      onOutput: (name, bytes) => outputs.take(name, bytes),
      onProgress: (done) => (frames.count = done.frames),
      signal,
    });
    const wallMs = performance.now() - started;
    this.#options = options;
    const policyTable = checkModel(model).rows;
    return {
      report,
      page: reportPage(report, { policyTable, isEmbedded: true }),
      frames: list.grid(report),
      files: [
        ...outputs.files(),
        { name: "report.json", content: new Blob([reportJson(report)], { type: "application/json" }) },
        { name: "index.html", content: new Blob([reportPage(report, { policyTable })], { type: "text/html" }) },
      ],
      connections: this.#compared(report, settings),
      scenario: text,
      command: commandLine({
        captures: this.#captures.map(({ name }) => name),
        manifests: [...this.#texts.keys()],
        scenario: text === undefined ? undefined : SCENARIO_NAME,
        settings,
      }),
      spanMs: spanOf(report),
      wallMs,
    };
  }

  /** @param frame 1-based, in the order of the replay */
  async walk(frame: number, { signal, onProgress }: Supervision): Promise<Walk> {
    if (!this.#options) throw new UsageError("nothing was replayed yet, expected a replay whose frames are explained");
    const captures = watched(this.#captures, signal, onProgress);
    const explanation = await explainFrame({ ...this.#options, captures, signal }, frame);
    return { explanation, steps: walkSteps(explanation), fields: fieldsOf(explanation) };
  }

  #forget(): void {
    this.#options = undefined;
    this.#baseline = undefined;
  }

  #requireModel(): PolicyModel {
    if (this.#captures.length === 0) throw new UsageError("there is no capture, expected a pcap or pcapng file");
    if (!this.#model) throw new UsageError("there are no manifests, expected .yaml, .yml or .json files");
    return this.#model;
  }

  #scenario(model: PolicyModel): Scenario | undefined {
    if (!this.#scenarioFile) return undefined;
    const { name, text } = this.#scenarioFile;
    return readScenarioText(text, name, scenarioOptionsOf(model));
  }

  #opened(): Opened {
    return {
      captures: this.#captures.map(({ name, content: { size } }) => ({ name, size })),
      manifests: [...this.#texts.keys()],
      scenario: this.#scenarioFile?.name,
      cluster: this.#model && clusterOf(this.#model, this.#scenario(this.#model)),
      starter: this.#starter,
    };
  }

  /** Connections by gateway, beside those of the same run without failures. */
  #compared(report: ReplayReport, { failures, ...others }: RunSettings): Replayed["connections"] {
    const now = new Map<string, number>();
    for (const { node, connections } of report.gateways) now.set(node, (now.get(node) ?? 0) + connections);
    const key = JSON.stringify(others);
    if (failures.length === 0) this.#baseline = { key, connections: now };
    const before = this.#baseline?.key === key ? this.#baseline.connections : undefined;
    return [...now].map(([node, n]) => ({ node, now: n, before: before?.get(node) }));
  }
}

function clusterOf(model: PolicyModel, scenario: Scenario | undefined): Cluster {
  const { probeIntervalMs, timeoutMs } = scenario?.health ?? defaultHealth(model.settings.healthTimeoutMs?.value);
  const gateways = new Map<string, { node: string; zone: string | undefined; egressIPs: string[] }>();
  for (const { node, zone, egressIPv4, egressIPv6 } of model.egresses) {
    const gateway = gateways.get(node) ?? { node, zone, egressIPs: [] };
    gateways.set(node, gateway);
    for (const address of [egressIPv4, egressIPv6]) if (address) gateway.egressIPs.push(formatAddress(address));
  }
  const warnings = [...model.warnings, ...(scenario?.warnings ?? [])];
  const byName = [...gateways.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
  return {
    gateways: byName.map((one) => ({ ...one, egressIPs: [...new Set(one.egressIPs)] })),
    policies: model.policies.length,
    endpoints: model.endpoints.length,
    warnings: warnings.map(({ text }) => text),
    ...{ probeIntervalMs, timeoutMs },
  };
}

function spanOf({ input: { firstFrame, lastFrame } }: ReplayReport): number {
  if (firstFrame === undefined || lastFrame === undefined) return 0;
  return Math.max(0, (microseconds(lastFrame) - microseconds(firstFrame)) / 1000);
}

/** Captures that tell how much of them has been read. */
function watched(
  captures: readonly Capture[],
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): NamedBytes[] {
  const size = captures.reduce((sum, { content }) => sum + content.size, 0);
  let done = 0;
  const stream = (content: Blob): WebStream => {
    const reader = content.stream().getReader();
    const read = async () => {
      signal.throwIfAborted();
      const next = await reader.read();
      done += next.value?.length ?? 0;
      onProgress({ frames: 0, part: size > 0 ? Math.min(1, done / size) : undefined });
      return next;
    };
    return { getReader: () => ({ read, cancel: (reason) => reader.cancel(reason) }) };
  };
  return captures.map(({ name, content }) => ({ name, bytes: { stream: () => stream(content) } }));
}

/** The captures of the results: what comes in pieces is kept in large parts, which a browser may put on a disk. */
class Outputs {
  readonly #parts = new Map<OutputName, { readonly whole: Blob[]; pieces: Uint8Array<ArrayBuffer>[]; size: number }>();

  take(name: OutputName, bytes: Uint8Array<ArrayBuffer>): void {
    const part = this.#parts.get(name) ?? { whole: [], pieces: [], size: 0 };
    this.#parts.set(name, part);
    part.pieces.push(bytes);
    part.size += bytes.length;
    if (part.size < PART_SIZE) return;
    part.whole.push(new Blob(part.pieces));
    part.pieces = [];
    part.size = 0;
  }

  files(): Replayed["files"] {
    return [...this.#parts].map(([name, { whole, pieces }]) => ({ name, content: new Blob([...whole, ...pieces]) }));
  }
}
