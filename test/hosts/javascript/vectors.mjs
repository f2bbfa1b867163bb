// The command `vectors`: the conformance vectors of test/vectors, run as docs/vectors.md says.

import { abi, constants, fieldsOf, labelsOf } from "./abi.mjs";
import { bytesOf, compileEngine, Engine, HostError, hex, jsonOf } from "./sluicegate.mjs";

const SCHEMA = "sluicegate.io/vectors/v1";
const LABELS = { action: labelsOf("action"), reason: labelsOf("reason") };
const GENERATED = Object.fromEntries(fieldsOf("generated").map((field) => [field.name, field]));
const SIZES = { u8: 1, u16: 2, u32: 4, u64: 8 };

/**
 * @param engine a file   @param files of vectors, an iterable or an asynchronous one   @param print takes a line
 * @returns exit code: 0 all as expected, 1 a vector differs   @throws {HostError}
 */
export async function vectors({ engine, files, print }) {
  const module = await compileEngine(engine);
  const total = { vectors: 0, steps: 0, differ: 0 };
  for await (const file of files) {
    const sum = await runFile(file, { module, name: engine.name, print });
    await print(`${file.name.split("/").at(-1)}: ${textOf(sum)}`);
    for (const key of Object.keys(total)) total[key] += sum[key];
  }
  await print(textOf(total));
  return total.differ === 0 ? 0 : 1;
}

function textOf({ vectors, steps, differ }) {
  return `${vectors} vectors, ${steps} steps: ${differ === 0 ? "as expected" : `${differ} vectors differ`}`;
}

async function runFile(file, { module, name, print }) {
  const set = jsonOf(file);
  if (set?.schema !== SCHEMA)
    throw new HostError(`${file.name}: schema is ${JSON.stringify(set?.schema)}, expected "${SCHEMA}"`);
  if (set.abiVersion !== abi.abiVersion)
    throw new HostError(`${file.name}: abiVersion is ${set.abiVersion}, expected ${abi.abiVersion}`);
  const sum = { vectors: 0, steps: 0, differ: 0 };
  for (const vector of set.vectors) {
    const run = new Run(set, module, name);
    await run.start();
    sum.vectors++;
    for (const [number, step] of vector.steps.entries()) {
      sum.steps++;
      const differences = [];
      await run.step(step, (field, expected, got) => {
        const [wanted, found] = [JSON.stringify(expected), JSON.stringify(got)];
        if (wanted !== found)
          differences.push(`${vector.name}, step ${number}, ${field}: expected ${wanted}, got ${found}`);
      });
      for (const difference of differences) await print(difference);
      if (differences.length === 0) continue;
      sum.differ++;
      break;
    }
  }
  return sum;
}

/** One vector: the instance that it is at, and what its steps have said so far. */
class Run {
  #set;
  #module;
  #engineName;
  #engine;
  #isConfigured;
  #stated;
  #saved = new Map();

  constructor(set, module, engineName) {
    this.#set = set;
    this.#module = module;
    this.#engineName = engineName;
  }

  async start() {
    this.#engine = await Engine.start(this.#module, this.#engineName);
    this.#isConfigured = false;
    this.#stated = new Map();
  }

  async step(step, compare) {
    if (step.do === "start") return this.start();
    if (step.do === "save") {
      this.#saved.set(step.as, this.#region("REGION_STATE").slice());
      return;
    }
    const offsets = step.frames ? this.#describe(step.frames) : [];
    compare("returns", step.returns, this.#call(step));
    step.verdicts?.forEach((row, i) => {
      const named = (field, expected, got) => compare(`verdicts[${i}].${field}`, expected, got);
      this.#compareVerdict(row, i, named);
      this.#compareBytes(row, i, step.frames[i].bytes, offsets[i], named);
    });
    if (step.generated) compare("generated", step.generated, this.#generated());
    if (!this.#isConfigured) return;
    compare("released", step.released ?? [], this.#engine.released());
    this.#compareCounters(flat(step.counters ?? {}), compare);
    for (const [i, row] of (step.egressStats ?? []).entries()) this.#compareStats(row, i, compare);
  }

  #call(step) {
    const engine = this.#engine;
    switch (step.do) {
      case "configure": {
        const { record } = named(this.#set.configurations, step.configuration);
        const code = engine.configure(bytesOf(record));
        this.#isConfigured ||= code === constants.OK;
        return code;
      }
      case "load": {
        const blob = bytesOf(named(this.#set.policies, step.policy).blob);
        const arena = this.#region("REGION_ARENA");
        if (blob.length <= arena.length) arena.set(blob);
        return engine.call("loadPolicy", ...(step.arguments ?? [0, blob.length]));
      }
      case "restore": {
        const state = this.#region("REGION_STATE");
        state.set(this.#saved.get(step.from));
        if (step.fill !== undefined) state.fill(step.fill);
        return engine.call("restore");
      }
      case "call":
        return engine.call(step.function, ...step.arguments);
      default:
        return engine.call(step.do, step.count ?? step.frames.length);
    }
  }

  /** A window onto a region. */
  #region(name) {
    const { at, size } = this.#engine.region(constants[name]);
    return this.#engine.bytes.subarray(at, at + size);
  }

  /** Puts frames into the arena and their records into REGION_FRAMES, as far as there is room. @returns where each lies */
  #describe(frames) {
    const arena = this.#region("REGION_ARENA");
    const records = this.#region("REGION_FRAMES");
    let next = 0;
    return frames.map((frame, i) => {
      const bytes = bytesOf(frame.bytes);
      const offset = frame.offset ?? next;
      if (offset + bytes.length <= arena.length) arena.set(bytes, offset);
      next = offset + bytes.length;
      const record = { captured: bytes.length, wire: bytes.length, tag: "0", ...frame, offset };
      const at = i * constants.FRAME_SIZE;
      if (at + constants.FRAME_SIZE <= records.length)
        for (const field of fieldsOf("frame")) put(records, at, field, record[field.name]);
      return offset;
    });
  }

  #compareVerdict(row, i, compare) {
    const rows = this.#region("REGION_VERDICTS");
    for (const field of fieldsOf("verdict")) {
      const expected = row[field.name];
      if (expected === undefined) continue;
      const got = get(rows, i * constants.VERDICT_SIZE, field);
      if (field.name in LABELS) compare(field.name, expected, LABELS[field.name].get(got) ?? String(got));
      else compare(field.name, expected, field.name === "flags" ? got & this.#set.verdictFlags : got);
    }
  }

  #compareBytes(row, i, given, offset, compare) {
    const at = i * constants.OUTER_SIZE;
    if (row.outer !== undefined)
      compare("outer", row.outer, hex(this.#region("REGION_OUTER").subarray(at, at + constants.OUTER_SIZE)));
    const expected = row.unchanged ? given : row.out;
    if (expected === undefined) return;
    const from = offset + (row.skip ?? 0);
    const got = hex(this.#region("REGION_ARENA").subarray(from, from + expected.length / 2));
    compare(row.unchanged ? "unchanged" : "out", expected, got);
  }

  #generated() {
    const region = this.#region("REGION_GENERATED");
    const [count] = fieldsOf("generated_head");
    return Array.from({ length: get(region, 0, count) }, (_, i) => {
      const row = constants.GENERATED_ROWS_AT + i * constants.GENERATED_SIZE;
      const from = row + GENERATED.packet.offset;
      const packet = hex(region.subarray(from, from + get(region, row, GENERATED.length)));
      return { frame: get(region, row, GENERATED.frame), egress: get(region, row, GENERATED.egress), packet };
    });
  }

  /** What a step states has changed to that; what it does not state is as it was, of the counters that are compared always. */
  #compareCounters(stated, compare) {
    const { steady } = this.#set.counters;
    for (const [name, value] of stated) this.#stated.set(name, value);
    for (const [name, got] of this.#counters())
      if (steady.includes(name.split(".")[0]) || stated.has(name))
        compare(`counters.${name}`, this.#stated.get(name) ?? "0", got);
  }

  /** All of them, by `opened` or `reasons.no-policy`. */
  #counters() {
    const region = this.#region("REGION_COUNTERS");
    return fieldsOf("counters").flatMap((field) => {
      if (field.count === 1) return [[field.name, get(region, 0, field)]];
      const labels = LABELS[field.name === "reasons" ? "reason" : "action"];
      return [...labels].map(([value, label]) => [`${field.name}.${label}`, get(region, 0, field, value)]);
    });
  }

  #compareStats(row, i, compare) {
    const region = this.#region("REGION_EGRESS_STATS");
    for (const field of fieldsOf("egress_stats"))
      if (row[field.name] !== undefined)
        compare(
          `egressStats[${i}].${field.name}`,
          row[field.name],
          get(region, i * constants.EGRESS_STATS_SIZE, field),
        );
  }
}

function named(entries, name) {
  const entry = entries.find((one) => one.name === name);
  if (!entry) throw new HostError(`nothing is named ${name}`);
  return entry;
}

function flat(counters) {
  return new Map(
    Object.entries(counters).flatMap(([name, value]) =>
      typeof value === "string"
        ? [[name, value]]
        : Object.entries(value).map(([label, count]) => [`${name}.${label}`, count]),
    ),
  );
}

/** A field of the record at `at`: a number, 64 bits as decimal text, bytes as hexadecimal. */
function get(bytes, at, { offset, type, count }, index = 0) {
  if (type === "u8" && count > 1) return hex(bytes.subarray(at + offset, at + offset + count));
  const place = bytes.byteOffset + at + offset + index * SIZES[type];
  const view = new DataView(bytes.buffer);
  if (type === "u8") return view.getUint8(place);
  if (type === "u16") return view.getUint16(place, true);
  return type === "u32" ? view.getUint32(place, true) : view.getBigUint64(place, true).toString();
}

function put(bytes, at, { offset, type }, value) {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at + offset);
  if (type === "u8") view.setUint8(0, value);
  else if (type === "u16") view.setUint16(0, value, true);
  else if (type === "u32") view.setUint32(0, value, true);
  else view.setBigUint64(0, BigInt(value), true);
}
