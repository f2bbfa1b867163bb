import type { NamedBytes, WebStream } from "../../capture/input.js";
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
  type ReplayReport,
  readScenarioText,
  replay,
  reportJson,
  reportPage,
  type Scenario,
  scenarioOptionsOf,
  starterManifests,
} from "../../index.js";
import { utf8Bytes } from "../../net/text.js";
import { walkSteps } from "../../report/explain-view.js";
import { microseconds } from "../../report/html/time.js";
import type { Cluster, Modules, Opened, PickedFile, Progress, Replayed, RunSettings, Walk } from "../messages.js";
import { commandLine } from "./command-line.js";
import { fieldsOf } from "./fields.js";
import { FrameList } from "./frame-list.js";
import { scenarioText } from "./scenario-text.js";
import { type SortedFiles, sortFiles } from "./sorted-files.js";

/** Parts of a result are put together when they are this large: many small ones cost more than they hold. Bytes. */
const PART_SIZE = 1 << 24;
export const STARTER_NAME = "starter.yaml";
const SCENARIO_NAME = "scenario.yaml";

const NO_FILES: SortedFiles = { captures: [], texts: new Map(), scenario: undefined, passedOver: [] };

/** Who does a job: told how far it is, and ends where the signal says so. */
export interface Supervision {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** The last run without any failure, by which others are measured. */
interface Baseline {
  readonly key: string;
  readonly connections: ReadonlyMap<string, number>;
}

/** The files that are open, and what can be asked about them. Knows neither page nor worker. */
export class Desk {
  readonly #modules: Modules;
  #files = NO_FILES;
  #model: PolicyModel | undefined;
  /** Manifests that were made. */
  #starter: string | undefined;
  #baseline: Baseline | undefined;

  constructor(modules: Modules) {
    this.#modules = modules;
  }

  /**
   * Reads files in place of those of before, which are forgotten whatever comes of it.
   * @throws {PolicyError} with everything that is wrong with manifests   @throws as `sortFiles` does
   */
  async open(files: readonly PickedFile[], { signal }: Pick<Supervision, "signal">): Promise<Opened> {
    this.#files = NO_FILES;
    this.#model = undefined;
    this.#starter = undefined;
    this.#baseline = undefined;
    const sorted = await sortFiles(files, signal);
    const model = sorted.texts.size > 0 ? loadManifestTexts(sorted.texts) : undefined;
    const opened = this.#opened(sorted, model);
    signal.throwIfAborted();
    this.#files = sorted;
    this.#model = model;
    return opened;
  }

  /** Makes manifests of what the first capture holds. @throws {CaptureError} at damage */
  async starter({ signal, onProgress }: Supervision): Promise<Opened> {
    const [capture] = this.#files.captures;
    if (!capture) throw new UsageError("there is no capture, expected one to make manifests from");
    const talkers = await countTalkers(captureFrames(watched([capture], signal, onProgress)[0]!, undefined, signal));
    const { text, endpoints } = starterManifests(talkers.sources, { captureName: capture.name });
    if (endpoints === 0)
      throw new UsageError(`${capture.name}: no source looks like a pod: there is nothing to make manifests from`);
    const files = { ...this.#files, texts: new Map([[STARTER_NAME, utf8Bytes(text)]]) };
    const model = loadManifestTexts(files.texts);
    const opened = { ...this.#opened(files, model), starter: text };
    this.#files = files;
    this.#model = model;
    this.#starter = text;
    this.#baseline = undefined;
    return opened;
  }

  /** @throws as `replay` does */
  async replay(settings: RunSettings, { signal, onProgress }: Supervision): Promise<Replayed> {
    const { options, scenario } = this.#optionsOf(settings);
    const list = new FrameList();
    const outputs = new Outputs();
    const started = performance.now();
    let frames = 0;
    const report = await replay({
      ...options,
      captures: watched(this.#files.captures, signal, ({ part }) => onProgress({ frames, part })),
      observers: [list],
      onOutput: (name, bytes) => outputs.take(name, bytes),
      onProgress: (done) => {
        frames = done.frames;
      },
      signal,
    });
    const wallMs = performance.now() - started;
    const policyTable = checkModel(options.model).rows;
    const text = (content: string, type: string) => new Blob([content], { type });
    return {
      report,
      page: reportPage(report, { policyTable, isEmbedded: true }),
      frames: list.grid(report),
      files: [
        ...outputs.files(),
        { name: "report.json", content: text(reportJson(report), "application/json") },
        { name: "index.html", content: text(reportPage(report, { policyTable }), "text/html") },
        ...(scenario ? [{ name: scenario.name, content: text(scenario.text, "application/yaml") }] : []),
        ...(this.#starter === undefined
          ? []
          : [{ name: STARTER_NAME, content: text(this.#starter, "application/yaml") }]),
      ],
      connections: this.#compared(report, settings),
      scenario: scenario?.text,
      command: commandLine({
        captures: this.#files.captures.map(({ name }) => name),
        manifests: [...this.#files.texts.keys()],
        scenario: scenario?.name,
        settings,
      }),
      spanMs: spanOf(report),
      wallMs,
    };
  }

  /** @param frame 1-based, in the order of the replay under these settings */
  async walk(frame: number, settings: RunSettings, { signal, onProgress }: Supervision): Promise<Walk> {
    const { options } = this.#optionsOf(settings);
    const captures = watched(this.#files.captures, signal, onProgress);
    const explanation = await explainFrame({ ...options, captures, signal }, frame);
    return { explanation, steps: walkSteps(explanation), fields: fieldsOf(explanation) };
  }

  /** How a replay under these settings is called, and its scenario as a file. */
  #optionsOf(settings: RunSettings) {
    const model = this.#model;
    if (this.#files.captures.length === 0) throw new UsageError("there is no capture, expected a pcap or pcapng file");
    if (!model) throw new UsageError("there are no manifests, expected .yaml, .yml or .json files");
    const { natProfile, topology, seed } = settings;
    const given = givenScenario(this.#files, model);
    checkHealth(settings, given);
    const text = scenarioText(settings, given);
    const name = freeName(SCENARIO_NAME, this.#files.scenario?.name);
    return {
      options: {
        ...{ model, topology, seed, engineWasm: this.#modules.engine, outsideWasm: this.#modules.outside },
        ...(natProfile && { natProfile }),
        ...(text !== undefined && { scenario: readScenarioText(text, name, scenarioOptionsOf(model)) }),
      },
      scenario: text === undefined ? undefined : { name, text },
    };
  }

  #opened(files: SortedFiles, model: PolicyModel | undefined): Opened {
    return {
      captures: files.captures.map(({ name }) => name),
      manifests: [...files.texts.keys()],
      passedOver: files.passedOver,
      scenario: files.scenario?.name,
      cluster: model && clusterOf(model, givenScenario(files, model)),
      starter: undefined,
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

/** The user's own scenario, checked against the manifests. */
function givenScenario({ scenario }: SortedFiles, model: PolicyModel): Scenario | undefined {
  return scenario && readScenarioText(scenario.text, scenario.name, scenarioOptionsOf(model));
}

/** @throws {UsageError} in the page's words, where the health check cannot be */
function checkHealth({ probeIntervalMs, timeoutMs }: RunSettings, given: Scenario | undefined): void {
  const probe = `Probe every: is ${probeIntervalMs} ms`;
  if (probeIntervalMs > timeoutMs) throw new UsageError(`${probe}, expected at most the ${timeoutMs} ms of Down after`);
  const phase = given?.phaseMs;
  if (phase !== undefined && phase >= probeIntervalMs)
    throw new UsageError(`${probe}, expected more than the phase of ${phase} ms in ${given!.file}`);
}

/** A name that no file of the user's has. */
function freeName(name: string, taken: string | undefined): string {
  return name === taken ? `run-${name}` : name;
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
  captures: readonly PickedFile[],
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): NamedBytes[] {
  const size = captures.reduce((sum, { file }) => sum + file.size, 0);
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
  return captures.map(({ name, file }) => ({ name, bytes: { stream: () => stream(file) } }));
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
