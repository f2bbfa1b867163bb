// engine.wasm under a policy that `sluicegate compile` wrote, for hosts in JavaScript: copy this file and abi.mjs. docs/abi.md says what each call means.
// Runs in Node and in browsers; files come as `{ name, bytes }`, where the name is for messages.

import { abi, codeText, constants } from "./abi.mjs";

const { BLOB_SECTIONS_AT, BLOB_VERSION, CONFIG_FLAGS_AT, CONFIG_FLAG_ICMP_ERRORS, CONFIG_MAX_BATCH_AT, CONFIG_SIZE } =
  constants;
const { EGRESS_IPV4_AT, EGRESS_IPV6_AT, EGRESS_SIZE, ENDPOINT_ADDRESS_AT, ENDPOINT_SIZE } = constants;
const { FRAME_CAPTURED_AT, FRAME_FLAGS_AT, FRAME_HOOK_AT, FRAME_LINK_AT, FRAME_OFFSET_AT, FRAME_SIZE } = constants;
const { FRAME_FLAG_RELEASED, FRAME_TAG_AT, FRAME_TIME_AT, FRAME_WIRE_AT, LINK_ETHERNET } = constants;
const { GENERATED_COUNT_AT, GENERATED_FRAME_AT, GENERATED_LENGTH_AT, GENERATED_PACKET_AT, GENERATED_ROWS_AT } =
  constants;
const { ACTION_HOLD, FRAGMENT_MS, GENERATED_SIZE, OK, SECTION_EGRESSES, SECTION_ENDPOINTS } = constants;
const { VERDICT_ACTION_AT, VERDICT_EGRESS_AT, VERDICT_INNER_AT, VERDICT_LENGTH_AT, VERDICT_REASON_AT, VERDICT_SIZE } =
  constants;

const POLICY_SCHEMA = "sluicegate.io/compiled-policy/v1";
const NANOSECONDS_PER_MS = 1_000_000n;
/** Frames of a `process` call: more gain nothing, and stay in no cache. */
const BATCH = 256;

/** Something that was given is not as it has to be. The message says where, what it is, and what it should be. */
export class HostError extends Error {}

/** The value that a file of JSON holds. @throws {HostError} */
export function jsonOf({ name, bytes }) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new HostError(`${name}: is no JSON (${cause.message})`, { cause });
  }
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const BYTES = new Map(DIGITS.map((digits, byte) => [digits, byte]));

/** Bytes as hexadecimal digits. */
export function hex(bytes) {
  let digits = "";
  for (let i = 0; i < bytes.length; i++) digits += DIGITS[bytes[i]];
  return digits;
}

/** The bytes that hexadecimal digits stand for, as far as they are such. */
export function bytesOf(digits) {
  const lower = digits.toLowerCase();
  const bytes = new Uint8Array(lower.length >> 1);
  for (let i = 0; i < bytes.length; i++) {
    const byte = BYTES.get(lower.slice(2 * i, 2 * i + 2));
    if (byte === undefined) return bytes.subarray(0, i);
    bytes[i] = byte;
  }
  return bytes;
}

export function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** In hexadecimal. Browsers have it in secure contexts alone: https and localhost. */
export async function sha256(bytes) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** Compiles the engine; one module serves any number of instances. @throws {HostError} */
export async function compileEngine({ name, bytes }) {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new HostError(`${name}: is no WebAssembly module (${cause.message})`, { cause });
  }
}

/** What `sluicegate compile` wrote. */
export class Policy {
  /**
   * @param blob policy.bin   @param aboutFile policy.json
   * @throws {HostError} where they are not of one run, or of another version than this host
   */
  static async read({ name: file, bytes: blob }, aboutFile) {
    const about = jsonOf(aboutFile);
    const { name: aboutName } = aboutFile;
    const fail = (text) => {
      throw new HostError(text);
    };
    const { schema, abiVersion, blobVersion, configuration, blob: stated } = about ?? {};
    if (schema !== POLICY_SCHEMA)
      fail(`${aboutName}: schema is ${JSON.stringify(schema)}, expected "${POLICY_SCHEMA}"`);
    if (abiVersion !== abi.abiVersion) fail(`${aboutName}: abiVersion is ${abiVersion}, expected ${abi.abiVersion}`);
    if (blobVersion !== BLOB_VERSION) fail(`${aboutName}: blobVersion is ${blobVersion}, expected ${BLOB_VERSION}`);
    const record = bytesOf(String(configuration?.record ?? ""));
    if (record.length !== CONFIG_SIZE)
      fail(`${aboutName}: configuration.record has ${record.length} bytes, expected ${CONFIG_SIZE}`);
    if (blob.length !== stated?.bytes) fail(`${file}: has ${blob.length} bytes, expected ${stated?.bytes}`);
    const sum = await sha256(blob);
    if (sum !== stated.sha256) fail(`${file}: SHA-256 is ${sum}, expected ${stated.sha256}`);
    return new Policy(file, about, record, blob);
  }

  constructor(file, about, record, blob) {
    this.file = file;
    this.about = about;
    this.record = record;
    this.blob = blob;
  }

  /** Addresses of all endpoints, as 32 digits; of a blob that `loadPolicy` took. */
  endpoints() {
    return this.#addresses(SECTION_ENDPOINTS, ENDPOINT_SIZE, [ENDPOINT_ADDRESS_AT]);
  }

  /** All egress IPs, likewise. */
  egressIPs() {
    return this.#addresses(SECTION_EGRESSES, EGRESS_SIZE, [EGRESS_IPV4_AT, EGRESS_IPV6_AT]);
  }

  #addresses(section, size, places) {
    const view = viewOf(this.blob);
    const rows = view.getUint32(BLOB_SECTIONS_AT + section * 8, true);
    const from = view.getUint32(BLOB_SECTIONS_AT + section * 8 + 4, true);
    const all = new Set();
    for (let row = 0; row < rows; row++)
      for (const at of places) all.add(hex(this.blob.subarray(from + row * size + at, from + row * size + at + 16)));
    all.delete("0".repeat(32));
    return all;
  }
}

/** One instance of the engine. */
export class Engine {
  #exports;

  /** @param name for messages   @throws {HostError} where the module is another one, or of another ABI */
  static async start(module, name = "engine.wasm") {
    let exports;
    try {
      ({ exports } = await WebAssembly.instantiate(module, {}));
    } catch (cause) {
      throw new HostError(`${name}: cannot be instantiated (${cause.message})`, { cause });
    }
    const version = exports.abiVersion?.();
    if (version !== abi.abiVersion)
      throw new HostError(`${name}: abiVersion() gives ${version}, expected ${abi.abiVersion}`);
    return new Engine(exports);
  }

  constructor(exports) {
    this.#exports = exports;
  }

  /** Calls an exported function. Addresses and sizes come back signed: see `region`. */
  call(name, ...args) {
    return this.#exports[name](...args);
  }

  /** How many parameters an exported function has; undefined where there is none. */
  parametersOf(name) {
    const exported = this.#exports[name];
    return typeof exported === "function" ? exported.length : undefined;
  }

  /** Views onto the memory: those taken before `configure` are gone after it, later ones stay. */
  get bytes() {
    return new Uint8Array(this.#exports.memory.buffer);
  }

  get view() {
    return new DataView(this.#exports.memory.buffer);
  }

  /** Where a region lies and how many bytes it has. @param id REGION_* */
  region(id) {
    return { at: this.call("regionAt", id) >>> 0, size: this.call("regionSize", id) >>> 0 };
  }

  /** @returns OK or an ERROR_*   @param record CONFIG_SIZE bytes */
  configure(record) {
    this.bytes.set(record, this.call("configAt") >>> 0);
    return this.call("configure");
  }

  /** @returns OK or an ERROR_*   @param blob at most as large as the arena */
  loadPolicy(blob) {
    this.bytes.set(blob, this.region(constants.REGION_ARENA).at);
    return this.call("loadPolicy", 0, blob.length);
  }

  /** The numbers of held frames that are to be given again now, in order; the list is empty afterwards. */
  released() {
    const { at } = this.region(constants.REGION_RELEASED);
    const { view } = this;
    const numbers = Array.from({ length: view.getUint32(at, true) }, (_, i) => view.getUint32(at + 4 + i * 4, true));
    view.setUint32(at, 0, true);
    return numbers;
  }
}

/**
 * An engine under a policy: takes frames in any number, gives each its verdict, keeps fragments that wait for their first one.
 *
 * A frame is `{ bytes, wire, hook, time }`: Ethernet, its length on the wire, HOOK_*, nanoseconds since 1970.
 */
export class Gateway {
  /** Milliseconds spent on copying frames in, writing their records, and in `process`. */
  busyMs = 0;
  #engine;
  #bytes;
  #view;
  #arena;
  #at;
  #batch;
  #tellsErrors;
  #held = new Map();
  #now = 0n;

  /** @throws {HostError} where the engine refuses the policy, or is another one */
  static async start(module, policy, engineName) {
    const engine = await Engine.start(module, engineName);
    const must = (what, code) => {
      if (code !== OK) throw new HostError(`${policy.file}: ${what} gives ${codeText(code)}, expected 0 (OK)`);
    };
    must("configure()", engine.configure(policy.record));
    const { size } = engine.region(constants.REGION_ARENA);
    if (policy.blob.length > size)
      throw new HostError(`${policy.file}: has ${policy.blob.length} bytes, expected at most ${size}: the arena's`);
    must("loadPolicy()", engine.loadPolicy(policy.blob));
    for (const { function: name, arguments: args } of policy.about.calls ?? []) {
      if (engine.parametersOf(name) !== args.length)
        throw new HostError(`${policy.file}: the engine has no ${name}() of ${args.length} arguments`);
      must(`${name}()`, engine.call(name, ...args));
    }
    return new Gateway(engine, policy);
  }

  constructor(engine, policy) {
    const { REGION_ARENA, REGION_FRAMES, REGION_GENERATED, REGION_VERDICTS } = constants;
    this.#engine = engine;
    this.#bytes = engine.bytes;
    this.#view = engine.view;
    this.#arena = engine.region(REGION_ARENA);
    const at = (id) => engine.region(id).at;
    this.#at = { frames: at(REGION_FRAMES), verdicts: at(REGION_VERDICTS), generated: at(REGION_GENERATED) };
    const record = viewOf(policy.record);
    this.#batch = Math.min(BATCH, record.getUint32(CONFIG_MAX_BATCH_AT, true));
    this.#tellsErrors = (record.getUint32(CONFIG_FLAGS_AT, true) & CONFIG_FLAG_ICMP_ERRORS) !== 0;
  }

  /**
   * Takes frames through the engine in order.
   * @param frames any iterable: a batch is fetched, goes through the engine, and its verdicts are told before the next one
   * @param take called for each frame once its fate is known, and for ACTION_HOLD, with `{ frame, action, reason, egress, bytes, error }`: `bytes` are
   *   the frame as it leaves, `error` an ICMP error for its sender or undefined, both in the engine's memory until `take` returns
   * @throws {HostError} where a frame does not fit the arena
   */
  process(frames, take) {
    this.#run([], frames, take);
  }

  /** Ends the wait of all fragments that are still held. */
  flush(take) {
    if (this.#held.size === 0) return;
    this.#now += BigInt(FRAGMENT_MS) * NANOSECONDS_PER_MS;
    this.#engine.call("advance", Number(this.#now & 0xffff_ffffn), Number(this.#now >> 32n));
    this.#run(this.#again(), [], take);
  }

  /** Takes first what is in the queue, then the frames. An item of the queue is a frame and, where it was held, its number. */
  #run(queue, frames, take) {
    const upcoming = frames[Symbol.iterator]();
    for (;;) {
      const batch = queue.splice(0, this.#batch);
      while (batch.length < this.#batch) {
        const { done, value } = upcoming.next();
        if (done) break;
        batch.push({ frame: value, number: undefined });
      }
      if (batch.length === 0) return;
      const started = performance.now();
      const count = this.#describe(batch);
      const done = this.#engine.call("process", count);
      this.busyMs += performance.now() - started;
      if (done < 1) throw new HostError(`process(${count}) gives ${codeText(done)}, expected 1 to ${count}`);
      this.#deliver(batch.slice(0, done), take);
      queue.unshift(...this.#again(), ...batch.slice(done));
    }
  }

  /** Writes the batch into arena and frame records, one frame behind the other. @returns how many fit */
  #describe(batch) {
    const view = this.#view;
    let offset = 0;
    let at = this.#at.frames;
    for (let i = 0; i < batch.length; i++, at += FRAME_SIZE) {
      const { frame, number } = batch[i];
      const { bytes } = frame;
      if (bytes.length > this.#arena.size - offset) {
        if (i > 0) return i;
        throw new HostError(`a frame has ${bytes.length} bytes, expected at most ${this.#arena.size}: the arena's`);
      }
      this.#bytes.set(bytes, this.#arena.at + offset);
      view.setUint32(at + FRAME_OFFSET_AT, offset, true);
      view.setUint32(at + FRAME_CAPTURED_AT, bytes.length, true);
      view.setUint32(at + FRAME_WIRE_AT, frame.wire, true);
      view.setUint8(at + FRAME_HOOK_AT, frame.hook);
      view.setUint8(at + FRAME_LINK_AT, LINK_ETHERNET);
      view.setUint16(at + FRAME_FLAGS_AT, number === undefined ? 0 : FRAME_FLAG_RELEASED, true);
      view.setBigUint64(at + FRAME_TIME_AT, number === undefined ? frame.time : this.#now, true);
      view.setUint32(at + FRAME_TAG_AT, number ?? 0, true);
      view.setUint32(at + FRAME_TAG_AT + 4, 0, true);
      offset += bytes.length;
    }
    return batch.length;
  }

  #deliver(batch, take) {
    const view = this.#view;
    const errors = this.#errors();
    let from = this.#arena.at;
    batch.forEach(({ frame, number }, i) => {
      const at = this.#at.verdicts + i * VERDICT_SIZE;
      const action = view.getUint8(at + VERDICT_ACTION_AT);
      if (number === undefined && frame.time > this.#now) this.#now = frame.time;
      if (action === ACTION_HOLD) this.#held.set(view.getUint32(at + VERDICT_INNER_AT, true), frame);
      take({
        frame,
        action,
        reason: view.getUint8(at + VERDICT_REASON_AT),
        egress: view.getUint32(at + VERDICT_EGRESS_AT, true),
        bytes: this.#bytes.subarray(from, from + view.getUint32(at + VERDICT_LENGTH_AT, true)),
        error: errors?.get(i),
      });
      from += frame.bytes.length;
    });
  }

  /** The held frames that the engine wants to see again now, in its order. */
  #again() {
    return this.#engine.released().map((number) => {
      const frame = this.#held.get(number);
      this.#held.delete(number);
      return { frame, number };
    });
  }

  /** ICMP errors of the engine's own, by the frame record that they are about. */
  #errors() {
    if (!this.#tellsErrors) return undefined;
    const view = this.#view;
    const { generated } = this.#at;
    const count = view.getUint32(generated + GENERATED_COUNT_AT, true);
    const rows = Array.from({ length: count }, (_, i) => generated + GENERATED_ROWS_AT + i * GENERATED_SIZE);
    return new Map(
      rows.map((row) => {
        const from = row + GENERATED_PACKET_AT;
        const length = view.getUint32(row + GENERATED_LENGTH_AT, true);
        return [view.getUint32(row + GENERATED_FRAME_AT, true), this.#bytes.subarray(from, from + length)];
      }),
    );
  }
}
