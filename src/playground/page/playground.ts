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
  /** Number of the newest job: older ones say nothing more. */
  #newest = 0;
  #isReplaying = false;

  constructor(workerCode: string, modules: Modules, example: readonly PickedFile[]) {
    this.#remote = new Remote(workerCode, modules);
    this.#files = new FilesView(example, (files) => this.#open(files));
    new Tabs(document.querySelector<HTMLElement>("[role=tablist]")!);
    byId("controls", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run();
    });
    button("cancel").addEventListener("click", () => this.#remote.cancel());
    button("starter").addEventListener("click", () => this.#starter());
    for (const id of SETTINGS) byId(id, HTMLElement).addEventListener("change", () => this.#run());
  }

  async #open(files: readonly PickedFile[]): Promise<void> {
    button("run").disabled = true;
    byId("shown", HTMLElement).hidden = true;
    const opened = await this.#do("Reading files", "open", files);
    if (opened) this.#opened(opened);
  }

  async #starter(): Promise<void> {
    const opened = await this.#do("Looking who sends", "starter", undefined);
    if (opened) this.#opened(opened);
  }

  #opened(opened: Opened): void {
    const { captures, cluster } = opened;
    this.#files.tell(opened);
    this.#results.tellStarter(opened);
    byId("starter-offer", HTMLElement).hidden = captures.length === 0 || cluster !== undefined;
    byId("gateways", HTMLElement).hidden = cluster === undefined;
    this.#tellCluster(opened);
    if (cluster) {
      this.#switches.open(cluster);
      input("probe").value = String(cluster.probeIntervalMs);
      input("timeout").value = String(cluster.timeoutMs);
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
    const problem = this.#switches.problem ?? settingsProblem();
    if (problem !== undefined) {
      this.#remote.cancel();
      this.#tellFault(problem);
      return;
    }
    this.#isReplaying = true;
    const replayed = await this.#do("Replaying", "replay", this.#settings());
    if (!replayed) return;
    this.#isReplaying = false;
    this.#show(replayed);
  }

  #show(replayed: Replayed): void {
    const { report, wallMs, spanMs, connections } = replayed;
    byId("shown", HTMLElement).hidden = false;
    this.#results.show(replayed);
    this.#frames.show(replayed.frames);
    this.#switches.spanMs = spanMs;
    this.#switches.tell(connections);
    const { ok, mismatchCount, framesChecked } = report.verification;
    const count = (value: number) => value.toLocaleString("en-US");
    const verdict = ok ? "every frame is right" : `${count(mismatchCount)} mismatches`;
    this.#say(
      `${count(report.frames.read)} frames in ${(wallMs / 1000).toFixed(2)} s; ${count(framesChecked)} verified: ${verdict}.`,
    );
  }

  async #walk(frame: number): Promise<void> {
    if (this.#isReplaying) return;
    const walk = await this.#do(`Replaying up to frame ${frame}`, "walk", frame);
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
    this.#say(`${what} …`);
    this.#busy(true);
    try {
      const result = await this.#remote.ask(name, given, (progress) => {
        if (isNewest()) this.#tellProgress(what, progress);
      });
      return isNewest() ? result : undefined;
    } catch (error) {
      if (!isNewest()) return undefined;
      this.#isReplaying = false;
      if (error instanceof JobError && error.code === "cancelled") this.#say(`${what}: cancelled.`);
      else this.#tellFault(error instanceof Error ? error.message : String(error));
      return undefined;
    } finally {
      if (isNewest()) this.#busy(false);
    }
  }

  #tellProgress(what: string, { frames, part }: Progress): void {
    if (part === undefined) this.#progress.removeAttribute("value");
    else this.#progress.value = part;
    const percent = part === undefined ? "" : ` ${Math.floor(part * 100)} %`;
    this.#status.textContent = `${what} …${percent}${frames > 0 ? `, ${frames.toLocaleString("en-US")} frames` : ""}`;
  }

  #busy(isBusy: boolean): void {
    this.#progress.hidden = !isBusy;
    this.#progress.removeAttribute("value");
    button("cancel").disabled = !isBusy;
    byId("results", HTMLElement).ariaBusy = String(isBusy);
  }

  #say(text: string): void {
    this.#status.textContent = text;
    this.#fault.hidden = true;
  }

  #tellFault(message: string): void {
    this.#say("That did not work:");
    this.#fault.textContent = message;
    this.#fault.hidden = false;
  }
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
