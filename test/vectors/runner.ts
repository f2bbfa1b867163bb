import type { FrameRow, LocateStep, ProcessStep, RestoreStep, Step, Vector, VectorFile, VerdictRow } from "./format.js";
import { codesOf, constant, fieldsOf, hex, type Instance, label, type Module, unhex } from "./host.js";

/** One thing that is not as the vector says. */
export interface Difference {
  readonly vector: string;
  /** From 0 on. */
  readonly step: number;
  /** What is compared: `verdicts[2].reason`, `counters.reasons.no-policy`. */
  readonly field: string;
  readonly expected: unknown;
  readonly got: unknown;
}

export function textOf({ vector, step, field, expected, got }: Difference): string {
  return `${vector}, step ${step}, ${field}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`;
}

type Report = (field: string, expected: unknown, got: unknown) => void;
type Tally = ReadonlyMap<string, string>;

/** Runs one vector of a file on instances of its own. @returns what differs, in order; after the first step that differs it stops */
export async function runVector(file: VectorFile, vector: Vector, module: Module): Promise<Difference[]> {
  const differences: Difference[] = [];
  const run = new Run(file, module, await module.start());
  for (const [step, what] of vector.steps.entries()) {
    await run.step(what, (field, expected, got) => {
      if (JSON.stringify(expected) === JSON.stringify(got)) return;
      differences.push({ vector: vector.name, step, field, expected, got });
    });
    if (differences.length > 0) break;
  }
  return differences;
}

class Run {
  readonly #file: VectorFile;
  readonly #module: Module;
  readonly #saved = new Map<string, Uint8Array>();
  #engine: Instance;
  #isConfigured = false;
  /** Counters as the steps so far have stated them. */
  #stated = new Map<string, string>();

  constructor(file: VectorFile, module: Module, engine: Instance) {
    this.#file = file;
    this.#module = module;
    this.#engine = engine;
  }

  async step(step: Step, report: Report): Promise<void> {
    if (step.do === "start") {
      this.#engine = await this.#module.start();
      this.#isConfigured = false;
      this.#stated = new Map();
      return;
    }
    if (step.do === "save") {
      const { at, size } = this.#engine.region("REGION_STATE");
      this.#saved.set(step.as, this.#engine.bytes(at, size).slice());
      return;
    }
    const offsets = "frames" in step ? this.#describe(step.frames) : [];
    report("returns", step.returns, this.#call(step));
    if (step.do === "process" || step.do === "locate") this.#compareRows(step, offsets, report);
    if (!this.#isConfigured) return;
    report("released", step.released ?? [], this.#released());
    this.#compareCounters(flat(step.counters ?? {}), report);
    if (step.do === "call" && step.egressStats) this.#compareStats(step.egressStats, report);
  }

  #call(step: Exclude<Step, { do: "start" | "save" }>): number {
    const engine = this.#engine;
    switch (step.do) {
      case "configure": {
        const { record } = this.#file.configurations.find(({ name }) => name === step.configuration)!;
        engine.bytes(engine.call("configAt") >>> 0, constant("CONFIG_SIZE")).set(unhex(record));
        const code = engine.call("configure");
        this.#isConfigured ||= code === constant("OK");
        return code;
      }
      case "load": {
        const blob = unhex(this.#file.policies.find(({ name }) => name === step.policy)!.blob);
        if (this.#isConfigured) engine.bytes(engine.region("REGION_ARENA").at, blob.length).set(blob);
        return engine.call("loadPolicy", ...(step.arguments ?? [0, blob.length]));
      }
      case "restore":
        return this.#restore(step);
      case "call":
        return engine.call(step.function, ...step.arguments);
      default:
        return engine.call(step.do, ("count" in step ? step.count : undefined) ?? step.frames.length);
    }
  }

  #restore({ from, fill }: RestoreStep): number {
    const { at, size } = this.#engine.region("REGION_STATE");
    const state = this.#saved.get(from)!.slice();
    if (fill !== undefined) state.fill(fill);
    if (state.length !== size) throw new Error(`the state has ${state.length} bytes, the region ${size}`);
    this.#engine.bytes(at, size).set(state);
    return this.#engine.call("restore");
  }

  /** Puts frames one behind the other into the arena, and their records into REGION_FRAMES. @returns where each lies in the arena */
  #describe(frames: readonly FrameRow[]): number[] {
    if (!this.#isConfigured) return [];
    const arena = this.#engine.region("REGION_ARENA");
    const records = this.#engine.region("REGION_FRAMES");
    const size = constant("FRAME_SIZE");
    let next = 0;
    return frames.map((frame, i) => {
      const bytes = unhex(frame.bytes);
      const offset = frame.offset ?? next;
      if (offset + bytes.length <= arena.size) this.#engine.bytes(arena.at + offset, bytes.length).set(bytes);
      next = offset + bytes.length;
      const record: Record<string, number | string> = {
        captured: bytes.length,
        wire: bytes.length,
        tag: "0",
        ...frame,
        offset,
      };
      const at = records.at + i * size;
      if ((i + 1) * size <= records.size)
        for (const field of fieldsOf("frame")) this.#engine.put(at, field, record[field.name]!);
      return offset;
    });
  }

  #compareRows(step: ProcessStep | LocateStep, offsets: readonly number[], report: Report): void {
    const { at } = this.#engine.region("REGION_VERDICTS");
    step.verdicts?.forEach((row, i) => {
      const say: Report = (field, expected, got) => report(`verdicts[${i}].${field}`, expected, got);
      this.#compareVerdict(row, at + i * constant("VERDICT_SIZE"), say);
      this.#compareBytes(row, i, step.frames[i]!, offsets[i]!, say);
    });
    if (step.do === "process" && step.generated) report("generated", step.generated, this.#generated());
  }

  #compareVerdict(row: VerdictRow, at: number, report: Report): void {
    for (const field of fieldsOf("verdict")) {
      const expected = row[field.name as keyof VerdictRow];
      if (expected === undefined) continue;
      let got = this.#engine.get(at, field);
      if (field.name === "action" || field.name === "reason") got = label(field.name, got as number);
      if (field.name === "flags") got = (got as number) & this.#file.verdictFlags;
      report(field.name, expected, got);
    }
  }

  #compareBytes(row: VerdictRow, i: number, given: FrameRow, offset: number, report: Report): void {
    const at = this.#engine.region("REGION_ARENA").at + offset;
    if (row.outer !== undefined) {
      const size = constant("OUTER_SIZE");
      report("outer", row.outer, hex(this.#engine.bytes(this.#engine.region("REGION_OUTER").at + i * size, size)));
    }
    const out = row.unchanged ? given.bytes : row.out;
    if (out === undefined) return;
    const got = hex(this.#engine.bytes(at + (row.skip ?? 0), out.length / 2));
    report(row.unchanged ? "unchanged" : "out", out, got);
  }

  #generated(): unknown[] {
    const { at } = this.#engine.region("REGION_GENERATED");
    const [count] = fieldsOf("generated_head");
    const rows = at + constant("GENERATED_ROWS_AT");
    const fields = Object.fromEntries(fieldsOf("generated").map((field) => [field.name, field]));
    return Array.from({ length: this.#engine.get(at, count!) as number }, (_, i) => {
      const row = rows + i * constant("GENERATED_SIZE");
      const length = this.#engine.get(row, fields.length!) as number;
      return {
        frame: this.#engine.get(row, fields.frame!),
        egress: this.#engine.get(row, fields.egress!),
        packet: hex(this.#engine.bytes(row + fields.packet!.offset, length)),
      };
    });
  }

  /** Takes the list of released frames, as a host does. */
  #released(): number[] {
    const { at, size } = this.#engine.region("REGION_RELEASED");
    const bytes = this.#engine.bytes(at, size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const numbers = Array.from({ length: view.getUint32(0, true) }, (_, i) => view.getUint32(4 + i * 4, true));
    view.setUint32(0, 0, true);
    return numbers;
  }

  /** What a step states has changed to that; what it does not state is as it was, of the counters that are compared always. */
  #compareCounters(stated: Tally, report: Report): void {
    const { steady } = this.#file.counters;
    for (const [name, value] of stated) this.#stated.set(name, value);
    for (const [name, got] of this.#counters()) {
      const isSteady = steady.includes(name.split(".")[0]!);
      if (isSteady || stated.has(name)) report(`counters.${name}`, this.#stated.get(name) ?? "0", got);
    }
  }

  /** All of them, by `opened` or `reasons.no-policy`. */
  #counters(): Tally {
    const { at } = this.#engine.region("REGION_COUNTERS");
    const all = new Map<string, string>();
    for (const field of fieldsOf("counters")) {
      if (field.count === 1) {
        all.set(field.name, this.#engine.get(at, field) as string);
        continue;
      }
      const family = field.name === "reasons" ? "reason" : "action";
      for (const { value } of codesOf(family)) {
        if (value >= field.count || (family === "reason" && value >= constant("REASON_COUNT"))) continue;
        all.set(`${field.name}.${label(family, value)}`, this.#engine.get(at, field, value) as string);
      }
    }
    return all;
  }

  #compareStats(rows: readonly Readonly<Record<string, number | string>>[], report: Report): void {
    const { at } = this.#engine.region("REGION_EGRESS_STATS");
    rows.forEach((row, i) => {
      for (const field of fieldsOf("egress_stats")) {
        if (row[field.name] === undefined) continue;
        const got = this.#engine.get(at + i * constant("EGRESS_STATS_SIZE"), field);
        report(`egressStats[${i}].${field.name}`, row[field.name], got);
      }
    });
  }
}

function flat(counters: NonNullable<Exclude<Step, { do: "start" | "save" }>["counters"]>): Tally {
  return new Map(
    Object.entries(counters).flatMap(([name, value]) =>
      typeof value === "string"
        ? [[name, value] as const]
        : Object.entries(value).map(([label, count]) => [`${name}.${label}`, count] as const),
    ),
  );
}
