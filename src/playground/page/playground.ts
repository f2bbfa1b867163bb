import type { NatProfile } from "../../config/types.js";
import { element } from "../../report/html/client/dom.js";
import type { JobName, Jobs, Modules, Opened, PickedFile, Progress, Replayed, RunSettings } from "../messages.js";
import { button, byId, input, select } from "./elements.js";
import { FilesView } from "./files-view.js";
import { FramesView } from "./frames-view.js";
import { JobError, Remote } from "./remote.js";
import { ResultsView } from "./results-view.js";
import { Switches } from "./switches.js";
import { Tabs } from "./tabs.js";

/** Settings that make another run when they change. */
const SETTINGS = ["probe", "timeout", "profile", "topology", "seed"];

/** The page: its parts, and what follows from what. */
export class Playground {
  readonly #remote: Remote;
  readonly #files: FilesView;
  readonly #results = new ResultsView();
  readonly #frames = new FramesView((frame) => this.#walk(frame));
  readonly #switches = new Switches(byId("switches", HTMLElement), () => this.#run());
  readonly #status = byId("status", HTMLElement);
  readonly #fault = byId("fault", HTMLElement);
  readonly #progress = byId("progress", HTMLProgressElement);
  readonly #percent = byId("percent", HTMLElement);
  readonly #shown = byId("shown", HTMLElement);
  /** Number of the newest job: older ones say nothing more. */
  #newest = 0;
  /** False from the moment at which files change until they are read. */
  #isOpen = false;
  /** Of the replay at hand. */
  #running: RunSettings | undefined;
  /** Of the replay that is shown. */
  #settled: RunSettings | undefined;
  /** A frame whose walk was asked for while a replay ran. */
  #wanted: number | undefined;

  constructor(workerCode: string, modules: Modules, example: readonly PickedFile[]) {
    this.#remote = new Remote(workerCode, modules);
    this.#files = new FilesView(
      example,
      (files) => this.#open(files),
      (message) => this.#tellFault(message),
    );
    new Tabs(document.querySelector<HTMLElement>("[role=tablist]")!);
    byId("controls", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run();
    });
    button("cancel").addEventListener("click", () => {
      this.#remote.cancel();
      button("run").focus();
    });
    button("starter").addEventListener("click", () => this.#starter());
    for (const id of SETTINGS) byId(id, HTMLElement).addEventListener("change", () => this.#run());
  }

  async #open(files: readonly PickedFile[]): Promise<void> {
    this.#isOpen = false;
    this.#settled = undefined;
    this.#shown.hidden = true;
    for (const id of ["gateways", "starter-offer", "warnings"]) byId(id, HTMLElement).hidden = true;
    byId("cluster", HTMLElement).textContent = "";
    button("run").disabled = files.length === 0;
    const opened = await this.#do("Reading files", "open", files);
    if (opened) this.#opened(opened);
  }

  async #starter(): Promise<void> {
    const opened = await this.#do("Looking who sends", "starter", undefined);
    if (!opened) return;
    this.#opened(opened);
    byId("results", HTMLElement).focus();
  }

  #opened(opened: Opened): void {
    const { captures, cluster } = opened;
    this.#isOpen = true;
    this.#files.tell(opened);
    this.#results.tellStarter(opened);
    byId("starter-offer", HTMLElement).hidden = captures.length === 0 || cluster !== undefined;
    byId("gateways", HTMLElement).hidden = cluster === undefined;
    this.#tellCluster(opened);
    if (cluster) {
      this.#switches.open(cluster);
      propose("probe", cluster.probeIntervalMs);
      propose("timeout", cluster.timeoutMs);
    }
    const isReady = captures.length > 0 && cluster !== undefined;
    button("run").disabled = !isReady;
    if (isReady) this.#run();
    else if (captures.length > 0) this.#say("Add the manifests of the cluster, or have some made from the capture.");
    else if (cluster) this.#say("Add a capture.");
    else this.#say("Drop a capture and the manifests of its cluster, or take the example.");
  }

  #tellCluster({ cluster, starter }: Opened): void {
    const origin = starter === undefined ? "" : " Made from the capture: a guess to start from.";
    const counted = (count: number, one: string, many: string) =>
      `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
    const parts = cluster && [
      counted(cluster.policies, "policy", "policies"),
      counted(cluster.endpoints, "pod", "pods"),
      counted(cluster.gateways.length, "gateway", "gateways"),
    ];
    byId("cluster", HTMLElement).textContent = parts ? `${parts.join(", ")}.${origin}` : "";
    const warnings = byId("warnings", HTMLDetailsElement);
    warnings.hidden = !cluster || cluster.warnings.length === 0;
    warnings.querySelector("summary")!.textContent = counted(cluster?.warnings.length ?? 0, "warning", "warnings");
    warnings.querySelector("ul")!.replaceChildren(...(cluster?.warnings ?? []).map((text) => element("li", {}, text)));
  }

  async #run(): Promise<void> {
    if (button("run").disabled) return;
    if (!this.#isOpen) return this.#open(this.#files.files);
    const problem = this.#switches.problem ?? settingsProblem();
    if (problem !== undefined) {
      this.#giveUp();
      this.#tellFault(problem);
      return;
    }
    const settings = this.#settings();
    if (isSame(settings, this.#running)) return;
    this.#running = settings;
    const replayed = await this.#do("Replaying", "replay", settings);
    if (!replayed) return;
    this.#running = undefined;
    this.#settled = settings;
    this.#show(replayed);
    const wanted = this.#wanted;
    this.#wanted = undefined;
    if (wanted !== undefined) this.#walk(wanted);
  }

  #show(replayed: Replayed): void {
    const { report, wallMs, spanMs, connections } = replayed;
    this.#shown.hidden = false;
    this.#results.show(replayed);
    this.#frames.show(replayed.frames);
    this.#switches.spanMs = spanMs;
    this.#switches.tell(connections);
    this.#say(`${count(report.frames.read)} frames in ${(wallMs / 1000).toFixed(2)} s; ${verdictText(report)}.`);
  }

  async #walk(frame: number): Promise<void> {
    if (this.#running) {
      this.#wanted = frame;
      return;
    }
    if (!this.#settled) return;
    const walk = await this.#do(`Replaying up to frame ${frame}`, "walk", { frame, settings: this.#settled });
    if (!walk) return;
    this.#frames.tell(walk);
    this.#say(`The walk of frame ${frame} is below the list.`);
  }

  #settings(): RunSettings {
    return {
      natProfile: (select("profile").value || undefined) as NatProfile | undefined,
      topology: select("topology").value as RunSettings["topology"],
      seed: input("seed").valueAsNumber,
      probeIntervalMs: input("probe").valueAsNumber,
      timeoutMs: input("timeout").valueAsNumber,
      failures: this.#switches.failures,
    };
  }

  /** Does a job and shows how far it is. @returns undefined where it failed, was cancelled, or another one took its place */
  async #do<N extends JobName>(what: string, name: N, given: Jobs[N]["takes"]): Promise<Jobs[N]["gives"] | undefined> {
    const own = ++this.#newest;
    const isNewest = () => own === this.#newest;
    if (name !== "replay") this.#running = undefined;
    this.#say(`${what} …`);
    this.#busy(true);
    try {
      const result = await this.#remote.ask(name, given, (progress) => {
        if (isNewest()) this.#tellProgress(progress);
      });
      return isNewest() ? result : undefined;
    } catch (error) {
      if (!isNewest()) return undefined;
      this.#running = undefined;
      if (error instanceof JobError && error.code === "cancelled") this.#say(`${what}: cancelled.${this.#leftover}`);
      else this.#tellFault(error instanceof Error ? error.message : String(error));
      return undefined;
    } finally {
      if (isNewest()) this.#busy(false);
    }
  }

  /** Ends the job at hand, and says nothing of it. */
  #giveUp(): void {
    this.#newest++;
    this.#running = undefined;
    this.#remote.cancel();
    this.#busy(false);
  }

  /** What is said of results that are older than the controls beside them. */
  get #leftover(): string {
    return this.#shown.hidden ? "" : " What is below is of the run before.";
  }

  #tellProgress({ frames, part }: Progress): void {
    if (part === undefined) this.#progress.removeAttribute("value");
    else this.#progress.value = part;
    const percent = part === undefined ? "" : `${Math.floor(part * 100)} %`;
    this.#percent.textContent = frames > 0 ? `${percent}, ${count(frames)} frames` : percent;
  }

  #busy(isBusy: boolean): void {
    this.#progress.hidden = !isBusy;
    this.#progress.removeAttribute("value");
    this.#percent.textContent = "";
    for (const [id, isOff] of [
      ["cancel", !isBusy],
      ["starter", isBusy],
    ] as const)
      button(id).disabled = isOff;
    byId("results", HTMLElement).ariaBusy = String(isBusy);
  }

  #say(text: string): void {
    this.#status.textContent = text;
    this.#fault.hidden = true;
  }

  #tellFault(message: string): void {
    this.#say(`That did not work.${this.#leftover}`);
    this.#fault.textContent = message;
    this.#fault.hidden = false;
  }
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function isSame(a: RunSettings, b: RunSettings | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Puts a value into a field, unless the user has put another one there. */
function propose(id: string, value: number): void {
  const field = input(id);
  if (field.value === field.defaultValue) field.value = String(value);
  field.defaultValue = String(value);
}

function verdictText({ verification: { enabled, ok, framesChecked, mismatchCount } }: Replayed["report"]): string {
  if (!enabled) return "not verified, as records hold no frames";
  if (framesChecked === 0) return "no frame to verify";
  return `${count(framesChecked)} verified: ${ok ? "every frame is right" : `${count(mismatchCount)} mismatches`}`;
}

/** What is wrong with a setting, undefined where nothing is. */
function settingsProblem(): string | undefined {
  for (const [id, name] of [
    ["seed", "Seed"],
    ["probe", "Probe every"],
    ["timeout", "Down after"],
  ] as const) {
    const { value, validity, min, max } = input(id);
    if (!validity.valid) return `${name}: is ${value || "no number"}, expected a whole number from ${min} to ${max}`;
  }
  return undefined;
}
