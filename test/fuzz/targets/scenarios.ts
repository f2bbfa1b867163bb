import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadManifests } from "../../../src/config/load.js";
import { EgressError, PolicyError } from "../../../src/errors.js";
import { readScenarioText, type Scenario } from "../../../src/gateway/scenario.js";
import { replay } from "../../../src/replay/replay.js";
import type { Dice } from "../../scenario-fuzz/dice.js";
import { pcap } from "../../support/capture-bytes.js";
import { readFile } from "../../support/capture-read.js";
import { Finding } from "../finding.js";
import { mutateText, skeleton, smallerText } from "../mutate-bytes.js";
import type { Features, Target } from "../target.js";

const MAX_LENGTH = 4000;
/** Every so many frames of our own capture: enough for each connection to be there over the whole time. */
const KEPT_EVERY = 12;
const ORDERS = ["node-down", "node-up", "agent-down", "agent-up", "drain", "undrain", "remove", "add"];

/** Texts of scenarios through the reader, and replays under what it takes. */
export class ScenariosTarget implements Target {
  readonly name = "scenarios";
  units = 0;
  readonly #model = loadManifests(["pcaps/manifests"]);
  readonly #capture: string;

  private constructor(capture: string) {
    this.#capture = capture;
  }

  static async start(): Promise<ScenariosTarget> {
    const folder = mkdtempSync(join(tmpdir(), "sluicegate-fuzz-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const { frames } = await readFile("pcaps/web/in.pcap");
    const records = frames
      .filter((_, i) => i % KEPT_EVERY === 0)
      .map(({ bytes, time, wireLength }) => ({
        frame: bytes,
        seconds: Number(time / 1_000_000_000n),
        fraction: Number((time % 1_000_000_000n) / 1000n),
        wire: wireLength,
      }));
    const path = join(folder, "capture.pcap");
    writeFileSync(path, pcap(records));
    return new ScenariosTarget(path);
  }

  seeds(): Uint8Array[] {
    const nodes = this.#model.nodes.map(({ name }) => name);
    const events = ORDERS.map((event, i) => `  - {at: ${i}s, node: ${nodes[i % nodes.length]}, event: ${event}}`);
    const health = "  health: {probeInterval: 200ms, timeout: 400ms, phase: 50ms, failback: {holdDown: 1s}}";
    const head = "apiVersion: sluicegate.io/v1\nkind: Scenario\nspec:";
    const all = `${head}\n${health}\n  propagation: 500ms\n  events:\n${events.join("\n")}\n`;
    const later = `${head}\n  events:\n  - {at: 2s, manifests: later}\n  - {at: 3s, node: ${nodes[0]}, event: node-down}\n`;
    return [readFileSync("pcaps/scenarios/gw-a-dies.yaml"), Buffer.from(all), Buffer.from(later)];
  }

  mutate(base: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
    return Buffer.from(mutateText(Buffer.from(base).toString(), Buffer.from(other).toString(), dice, MAX_LENGTH));
  }

  async execute(input: Uint8Array): Promise<Features> {
    this.units++;
    const model = this.#model;
    let scenario: Scenario;
    try {
      scenario = readScenarioText(Buffer.from(input).toString("utf8"), "fuzz.yaml", {
        nodes: model.nodes,
        laterNodes: () => [],
      });
    } catch (error) {
      if (error instanceof PolicyError)
        return error.faults.map(({ path, expected }) => skeleton(`${path} ${expected}`));
      if (error instanceof EgressError) return [skeleton(error.message)];
      throw error;
    }
    const laterModels = scenario.events.flatMap((event) => ("manifests" in event ? [model] : []));
    const options = { captures: [this.#capture], model, scenario, laterModels, connections: 1024, allowNoMatch: true };
    const { frames, verification, reasons, failovers } = await replay(options);
    const { pass, snat, reverse, drop, lost, skipped } = frames;
    if (frames.read !== pass + snat + reverse + drop + lost + skipped)
      throw new Finding("counters", JSON.stringify(frames));
    const [first] = verification.mismatches;
    if (first)
      throw new Finding(
        "mismatch",
        `frame ${first.frame}: ${first.field} expected ${first.expected}, got ${first.got}: ${first.why}`,
      );
    return [
      ...Object.keys(reasons),
      ...failovers.map(({ event }) => event),
      ...scenario.warnings.map(({ text }) => skeleton(text)),
    ];
  }

  smaller = smallerText;
}
