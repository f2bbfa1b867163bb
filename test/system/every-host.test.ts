import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { captureFrames } from "../../src/capture/frames.js";
import { buildProgram, type HostProgram, INTERPRETED, NODE, PROGRAMS, type ReplayLine } from "../hosts/programs.js";
import { generated, type HostInput, hostInput, replayFlags, sluicegate, type Traffic } from "../hosts/traffic.js";
import { readVectorFiles } from "../vectors/read.js";
import { type Finished, MANIFESTS, missing, PCAPS, ROOT, run, scratch } from "./tools.js";

// The hosts of test/hosts, built from clean: the same vectors, bytes, counts and complaints from all of them.

const lacking = missing(PROGRAMS.flatMap(({ tools }) => tools));
const ENGINE = join(ROOT, "build/engine.wasm");
const BUILT = scratch();
const FILES = scratch();
const NATIVE_STACK = /Traceback|panicked|goroutine|^ +at |Assertion|core dumped/m;

function host(program: HostProgram, command: "vectors" | "replay", ...args: string[]): Finished {
  const [file = "", ...first] = program.command(ROOT, join(BUILT, program.name), "quick");
  return run(file, [...first, command, ...program.flags(ENGINE), ...args]);
}

function replay(program: HostProgram, input: HostInput, out: string, ...flags: string[]): ReplayLine {
  const done = host(program, "replay", "--policy", input.policy, "--about", input.about, ...flags, input.capture, out);
  expect(done, program.title).toMatchObject({ status: 0, stderr: "" });
  return JSON.parse(done.stdout);
}

/** What has to be the same in all hosts. */
function shared({ host: _, runtime, framesPerSecond, ...line }: ReplayLine) {
  expect(runtime).toMatch(/\d+\.\d+/);
  expect(framesPerSecond).toBeGreaterThan(0);
  return line;
}

const TRAFFIC: Readonly<Record<string, () => Traffic>> = {
  web: () => ({ capture: join(PCAPS, "web/in.pcap"), manifests: MANIFESTS }),
  "fragments and ICMP errors": () => {
    const shares = ["--share", "fragment=0.2", "--share", "ipv6=0.3", "--share", "sctp=0.1"];
    const size = ["--packets", "6000", "--flows", "900", "--endpoints", "50"];
    return { ...generated(ROOT, join(FILES, "fragments"), ...size, ...shares), natProfile: "rfc", icmpErrors: true };
  },
  "many flows": () =>
    generated(ROOT, join(FILES, "flows"), "--packets", "40000", "--flows", "4000", "--endpoints", "200"),
};
const inputs = new Map<string, HostInput>();

describe.skipIf(lacking !== "")(`every host ${lacking && `(missing: ${lacking})`}`, () => {
  beforeAll(async () => {
    // Cargo takes longest and works alone at the end: the others are done meanwhile.
    await Promise.all(PROGRAMS.map((program) => buildProgram(program, ROOT, join(BUILT, program.name), "quick")));
    for (const [name, traffic] of Object.entries(TRAFFIC))
      inputs.set(name, await hostInput(ROOT, join(FILES, `${name} for hosts`), traffic()));
  }, 900_000);

  const files = readVectorFiles();
  const count = [...files.values()].reduce((sum, file) => sum + file.vectors.length, 0);
  const steps = [...files.values()].reduce(
    (sum, file) => sum + file.vectors.reduce((n, one) => n + one.steps.length, 0),
    0,
  );

  test.each([...PROGRAMS, INTERPRETED].map((program) => [program.title, program] as const))(
    "%s runs all vectors as expected",
    (_, program) => {
      const done = host(program, "vectors", join(ROOT, "test/vectors"));
      expect(done).toMatchObject({ status: 0, stderr: "" });
      const lines = done.stdout.trim().split("\n");
      expect(lines.length).toBe(files.size + 1);
      expect(lines.at(-1)).toBe(`${count} vectors, ${steps} steps: as expected`);
      expect(count).toBeGreaterThanOrEqual(597);
    },
  );

  test("the Go package's constants are those of abi.json", () => {
    const done = run("go", ["-C", join(ROOT, "test/hosts/go"), "test", "./..."]);
    expect(done.status, done.stdout + done.stderr).toBe(0);
  });

  describe.each(Object.keys(TRAFFIC))("replays %s", (name) => {
    test("to the same file in all hosts, in each of three rounds", () => {
      const input = inputs.get(name)!;
      const lines = PROGRAMS.map((program) => {
        const out = join(FILES, `${program.name}.pcap`);
        const line = replay(program, input, out, "--rounds", "3");
        expect(line.host).toBe(program.name);
        expect(createHash("sha256").update(readFileSync(out)).digest("hex")).toBe(line.sha256);
        return shared(line);
      });
      for (const line of lines) expect(line).toEqual(lines[0]);
      expect(lines[0]).toMatchObject({ frames: input.hooks.length, given: input.hooks.length, skipped: 0, rounds: 3 });
    });

    test("to the frames that `sluicegate replay` writes", async () => {
      const input = inputs.get(name)!;
      const traffic = TRAFFIC[name]!();
      const out = join(FILES, `${name} out`);
      const report = sluicegate(
        ROOT,
        "replay",
        traffic.capture,
        "-m",
        traffic.manifests,
        "-o",
        out,
        "--json",
        ...replayFlags(traffic),
      );
      const { verification, frames } = JSON.parse(report);
      expect(verification.ok).toBe(true);
      const ours = join(FILES, "node.pcap");
      const line = replay(NODE, input, ours);
      for (const action of ["snat", "reverse", "pass"]) expect(line.actions[action], action).toBe(frames[action]);
      const wanted = [
        ...(await framesOf(join(out, "external.pcapng"))),
        ...(await framesOf(join(out, "endpoint.pcapng"))),
      ];
      expect((await framesOf(ours)).sort()).toEqual(wanted.sort());
    });
  });

  test("meets all that a replay of a host can: both directions, passes, drops, fragments held, ICMP errors", () => {
    const line = replay(NODE, inputs.get("fragments and ICMP errors")!, join(FILES, "node.pcap"));
    for (const [action, frames] of Object.entries(line.actions)) expect([action, frames > 10]).toEqual([action, true]);
    expect(line.errors).toBeGreaterThan(10);
  });

  describe("reads captures", () => {
    const variants = ["microseconds", "microseconds, big-endian", "nanoseconds", "nanoseconds, big-endian"] as const;
    test.each(variants)("with %s, to the same frames", (variant) => {
      const input = inputs.get("web")!;
      const expected = replay(NODE, input, join(FILES, "node.pcap")).sha256;
      const capture = join(FILES, "variant.pcap");
      writeFileSync(capture, rewritten(readFileSync(input.capture), variant));
      for (const program of PROGRAMS)
        expect(replay(program, { ...input, capture }, join(FILES, "out.pcap")).sha256, program.title).toBe(expected);
    });

    test("with VLAN tags, cut frames, frames of other protocols and of nobody, to the same file", () => {
      const input = inputs.get("web")!;
      const capture = join(FILES, "odd.pcap");
      writeFileSync(capture, odd(readFileSync(input.capture)));
      const lines = PROGRAMS.map((program) => shared(replay(program, { ...input, capture }, join(FILES, "out.pcap"))));
      for (const line of lines) expect(line).toEqual(lines[0]);
      expect(lines[0]!.skipped).toBeGreaterThan(100);
      expect(lines[0]!.actions.reverse).toBeGreaterThan(100);
      expect(lines[0]!.actions.drop).toBeGreaterThan(100);
    });

    test("without frames, to an empty one", () => {
      const input = inputs.get("web")!;
      const capture = join(FILES, "empty.pcap");
      writeFileSync(capture, readFileSync(input.capture).subarray(0, 24));
      for (const program of PROGRAMS) {
        const args = ["--policy", input.policy, "--about", input.about, capture, join(FILES, "out.pcap")];
        const done = host(program, "replay", ...args);
        expect(JSON.parse(done.stdout), program.title).toMatchObject({
          frames: 0,
          given: 0,
          written: 0,
          framesPerSecond: 0,
        });
        expect(readFileSync(join(FILES, "out.pcap")).length).toBe(24);
      }
    });
  });

  describe("says on one line what is wrong with", () => {
    test.each(BAD_INPUTS)("$what", ({ make, says }) => {
      const input = inputs.get("web")!;
      const folder = scratch();
      const bad = { ...input, ...make(input, folder) };
      for (const program of PROGRAMS) {
        const args = ["--policy", bad.policy, "--about", bad.about, bad.capture, bad.out ?? join(folder, "out.pcap")];
        const { status, stdout, stderr } = host(program, "replay", ...args);
        expect({ status, stdout }, program.title).toEqual({ status: 2, stdout: "" });
        expect(stderr.replaceAll(`${folder}/`, ""), program.title).toMatch(says);
        expect(stderr.trim().split("\n").length, stderr).toBe(1);
      }
    });

    test.each(BAD_ENGINES)("an engine that $what", ({ make, says }) => {
      const input = inputs.get("web")!;
      const engine = join(scratch(), "engine.wasm");
      const bytes = make(readFileSync(ENGINE));
      if (bytes) writeFileSync(engine, bytes);
      for (const program of PROGRAMS.filter(({ flags }) => flags(ENGINE).length > 0)) {
        const [file = "", ...first] = program.command(ROOT, join(BUILT, program.name), "quick");
        const flags = ["--engine", engine, "--policy", input.policy, "--about", input.about];
        const { status, stderr } = run(file, [...first, "replay", ...flags, input.capture, join(FILES, "out.pcap")]);
        expect(status, stderr).toBe(2);
        expect(stderr, program.title).toMatch(says);
        expect(stderr, program.title).not.toMatch(NATIVE_STACK);
        expect(stderr).toContain("engine.wasm: ");
      }
    });

    test.each([
      ["no command", []],
      ["another command", ["fly"]],
      ["no operands", ["replay"]],
      ["too few rounds", ["replay", "--policy", "p", "--about", "a", "--rounds", "0", "in", "out"]],
      ["an unknown flag", ["replay", "--colour", "--policy", "p", "--about", "a", "in", "out"]],
    ])("%s, by exit code 2", (_, args) => {
      for (const program of PROGRAMS) {
        const [file = "", ...first] = program.command(ROOT, join(BUILT, program.name), "quick");
        const { status, stdout, stderr } = run(file, [...first, ...args]);
        expect({ status, stdout }, program.title).toEqual({ status: 2, stdout: "" });
        expect(stderr).toMatch(/usage|rounds/);
        expect(stderr, program.title).not.toMatch(NATIVE_STACK);
      }
    });
  });

  describe("of a vector that was changed", () => {
    const folder = scratch();
    const changes = plantAll(folder);
    test.each(PROGRAMS.map((program) => [program.title, program] as const))(
      "%s tells each difference",
      (_, program) => {
        const { status, stdout, stderr } = host(program, "vectors", folder);
        expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
        const lines = stdout.trim().split("\n");
        expect(lines.filter((line) => line.includes(": expected "))).toEqual(changes.map(({ says }) => says));
        expect(lines.at(-1)).toMatch(
          new RegExp(`^${changes.length} vectors, \\d+ steps: ${changes.length} vectors differ$`),
        );
      },
    );

    test("is told by what it calls itself, where it is none", () => {
      const other = join(scratch(), "other.json");
      writeFileSync(other, JSON.stringify({ schema: "sluicegate.io/vectors/v9" }));
      for (const program of PROGRAMS) {
        const { status, stderr } = host(program, "vectors", other);
        expect({ status, stderr: stderr.trim() }, program.title).toEqual({
          status: 2,
          stderr: `${other}: schema is "sluicegate.io/vectors/v9", expected "sluicegate.io/vectors/v1"`,
        });
      }
    });
  });
});

/** Frames as text: time, length on the wire, bytes. */
async function framesOf(file: string): Promise<string[]> {
  const frames: string[] = [];
  for await (const { timeNs, wireLength, bytes } of captureFrames(file, { truncated: false }))
    frames.push(`${timeNs} ${wireLength} ${Buffer.from(bytes).toString("hex")}`);
  return frames;
}

/** Header and records of a capture with little-endian nanoseconds, as `gateway-view.ts` writes them. */
function recordsOf(capture: Buffer): { head: Buffer; records: { head: Buffer; bytes: Buffer }[] } {
  const records = [];
  for (let at = 24; at < capture.length; ) {
    const length = capture.readUInt32LE(at + 8);
    records.push({ head: capture.subarray(at, at + 16), bytes: capture.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return { head: capture.subarray(0, 24), records };
}

function rewritten(capture: Buffer, variant: string): Uint8Array {
  const isBig = variant.includes("big");
  const isMicro = variant.includes("micro");
  const { head, records } = recordsOf(capture);
  const swapped = (bytes: Buffer, ...sizes: number[]) => {
    const copy = Buffer.from(bytes);
    let at = 0;
    for (const size of sizes) {
      if (isBig) copy.subarray(at, at + size).reverse();
      at += size;
    }
    return copy;
  };
  const first = Buffer.from(head);
  if (isMicro) first.writeUInt32LE(0xa1b2c3d4, 0);
  const all: Uint8Array[] = [swapped(first, 4, 2, 2, 4, 4, 4, 4)];
  for (const { head, bytes } of records) {
    const record = Buffer.from(head);
    if (isMicro) {
      expect(record.readUInt32LE(4) % 1000).toBe(0);
      record.writeUInt32LE(record.readUInt32LE(4) / 1000, 4);
    }
    all.push(swapped(record, 4, 4, 4, 4), bytes);
  }
  return Buffer.concat(all);
}

/** Frames by turns as they are, with one or two VLAN tags, cut anywhere, of nobody, and of another protocol than IP. */
function odd(capture: Buffer): Buffer {
  const { head, records } = recordsOf(capture);
  const tag = (type: number, bytes: Buffer) =>
    Buffer.concat([bytes.subarray(0, 12), Buffer.from([type >> 8, type & 255, 0, 7]), bytes.subarray(12)]);
  const made = records.flatMap(({ head, bytes }, i) => {
    const from = [
      bytes,
      tag(0x8100, bytes),
      tag(0x88a8, tag(0x8100, bytes)),
      bytes.subarray(0, i % 60),
      Buffer.from(bytes),
    ][i % 5]!;
    if (i % 10 === 4) from[12] = 0x42;
    else if (i % 5 === 4) from.fill(0xee, 26, 34);
    const record = Buffer.from(head);
    record.writeUInt32LE(from.length, 8);
    record.writeUInt32LE(from.length + 100 * (i % 2), 12);
    return [record, from];
  });
  return Buffer.concat([head, ...made]);
}

interface BadInput {
  readonly what: string;
  readonly says: RegExp;
  make(input: HostInput, folder: string): Partial<HostInput> & { out?: string };
}

function badCapture(what: string, says: RegExp, change: (bytes: Buffer) => Buffer): BadInput {
  const make = (input: HostInput, folder: string) => {
    const capture = join(folder, "bad.pcap");
    writeFileSync(capture, change(Buffer.from(readFileSync(input.capture))));
    return { capture };
  };
  return { what, says, make };
}

function badAbout(what: string, says: RegExp, change: (text: string) => string): BadInput {
  const make = (input: HostInput, folder: string) => {
    const about = join(folder, "bad.json");
    const text = readFileSync(input.about, "utf8");
    const changed = change(text);
    expect(changed).not.toBe(text);
    writeFileSync(about, changed);
    return { about };
  };
  return { what, says, make };
}

/** A blob that another policy.json goes with, so that only the engine can refuse it. */
function badBlob(what: string, says: RegExp, change: (bytes: Buffer) => Buffer): BadInput {
  const make = (input: HostInput, folder: string) => {
    const [policy, about] = [join(folder, "bad.bin"), join(folder, "bad.json")];
    const blob = change(Buffer.from(readFileSync(input.policy)));
    const document = JSON.parse(readFileSync(input.about, "utf8"));
    const sha256 = createHash("sha256").update(blob).digest("hex");
    writeFileSync(policy, blob);
    writeFileSync(about, JSON.stringify({ ...document, blob: { file: "bad.bin", bytes: blob.length, sha256 } }));
    return { policy, about };
  };
  return { what, says, make };
}

function with32(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt32LE(value, at);
  return bytes;
}

const MAGIC = "expected d4c3b2a1, a1b2c3d4, 4d3cb2a1 or a1b23c4d: classic pcap";

const BAD_INPUTS: readonly BadInput[] = [
  badCapture("an empty capture", /^bad\.pcap: byte 0: 0 bytes are left, expected the 24 of a pcap header\n$/, () =>
    Buffer.alloc(0),
  ),
  badCapture("a cut header", /^bad\.pcap: byte 0: 23 bytes are left, expected the 24 of a pcap header\n$/, (b) =>
    b.subarray(0, 23),
  ),
  badCapture("pcapng", new RegExp(`^bad\\.pcap: byte 0: magic is 0a0d0d0a, ${MAGIC}\n$`), (b) =>
    with32(b, 0, 0x0a0d0d0a),
  ),
  badCapture("another version", /^bad\.pcap: byte 4: version is 2\.5, expected 2\.4\n$/, (b) => with32(b, 4, 0x50002)),
  badCapture("another link type", /^bad\.pcap: byte 20: link type is 276, expected 1: Ethernet\n$/, (b) =>
    with32(b, 20, 276),
  ),
  badCapture(
    "a cut record header",
    /^bad\.pcap: byte 24: frame 1: 15 bytes are left, expected the 16 of a record header\n$/,
    (b) => b.subarray(0, 39),
  ),
  badCapture("a cut frame", /^bad\.pcap: byte 40: frame 1: 10 bytes are left, expected the \d+ of the frame\n$/, (b) =>
    b.subarray(0, 50),
  ),
  badCapture(
    "a length of 4 GiB",
    /^bad\.pcap: byte 32: frame 1: captured length is 4294967295, expected at most 262144\n$/,
    (b) => with32(b, 32, 0xffffffff),
  ),
  badCapture(
    "a length past the end",
    /^bad\.pcap: byte 40: frame 1: \d+ bytes are left, expected the 262144 of the frame\n$/,
    (b) => with32(b, 32, 262_144).subarray(0, 100_000),
  ),
  {
    what: "a missing capture",
    says: /^none\.pcap: cannot be read \(.+\)\n$/,
    make: (_, folder) => ({ capture: join(folder, "none.pcap") }),
  },
  { what: "a folder as capture", says: /: cannot be read \(.+\)\n$/, make: (_, folder) => ({ capture: folder }) },
  {
    what: "a missing policy",
    says: /^none\.bin: cannot be read \(.+\)\n$/,
    make: (_, folder) => ({ policy: join(folder, "none.bin") }),
  },
  {
    what: "a missing policy.json",
    says: /^none\.json: cannot be read \(.+\)\n$/,
    make: (_, folder) => ({ about: join(folder, "none.json") }),
  },
  {
    what: "an output that cannot be",
    says: /^none\/out\.pcap: cannot be written \(.+\)\n$/,
    make: (_, folder) => ({ out: join(folder, "none/out.pcap") }),
  },
  badAbout("a policy.json that is none", /^bad\.json: is no JSON.*\n$/, (text) => text.slice(0, -20)),
  badAbout("a policy.json that is a list", /^bad\.json: .*\n$/, () => "[]"),
  badAbout(
    "another schema",
    /^bad\.json: schema is "sluicegate\.io\/compiled-policy\/v7", expected "sluicegate\.io\/compiled-policy\/v1"\n$/,
    (text) => text.replace("compiled-policy/v1", "compiled-policy/v7"),
  ),
  badAbout("another ABI", /^bad\.json: abiVersion is 3, expected 4\n$/, (text) =>
    text.replace('"abiVersion": 4', '"abiVersion": 3'),
  ),
  badAbout("a blob version", /^bad\.json: blobVersion is 9, expected 1\n$/, (text) =>
    text.replace('"blobVersion": 1', '"blobVersion": 9'),
  ),
  badAbout("a short configuration", /^bad\.json: configuration\.record has 95 bytes, expected 96\n$/, (text) =>
    text.replace(/("record": ")../, "$1"),
  ),
  badAbout("a policy of another run", /^.*policy\.bin: SHA-256 is [0-9a-f]{64}, expected 0{64}\n$/, (text) =>
    text.replace(/[0-9a-f]{64}(?=")/, "0".repeat(64)),
  ),
  badAbout("a policy of another length", /^.*policy\.bin: has \d+ bytes, expected 7\n$/, (text) =>
    text.replace(/"bytes": \d+/, '"bytes": 7'),
  ),
  badAbout(
    "a configuration that the engine refuses",
    /^.*policy\.bin: configure\(\) gives -3 \(ERROR_CONFIG_RANGE\), expected 0 \(OK\)\n$/,
    (text) => text.replace(/("record": ".{8}).{8}/, "$1ffffffff"),
  ),
  badAbout(
    "a policy.json without most of it",
    /^bad\.json: configuration\.record has 0 bytes, expected 96\n$/,
    (text) => JSON.stringify({ ...JSON.parse(text), configuration: undefined, blob: undefined, calls: undefined }),
  ),
  badAbout("a call that no engine knows", /^.*policy\.bin: the engine has no fly\(\) of 1 arguments\n$/, (text) =>
    JSON.stringify({ ...JSON.parse(text), calls: [{ function: "fly", arguments: [1] }] }),
  ),
  badAbout(
    "a call with too few arguments",
    /^.*policy\.bin: the engine has no setGateway\(\) of 1 arguments\n$/,
    (text) => JSON.stringify({ ...JSON.parse(text), calls: [{ function: "setGateway", arguments: [1] }] }),
  ),
  badAbout(
    "a call that the engine refuses",
    /^.*policy\.bin: setGateway\(\) gives -15 \(ERROR_NO_SUCH_GATEWAY\), expected 0 \(OK\)\n$/,
    (text) => JSON.stringify({ ...JSON.parse(text), calls: [{ function: "setGateway", arguments: [4294967295, 1] }] }),
  ),
  badBlob(
    "a blob of another version",
    /^bad\.bin: loadPolicy\(\) gives -10 \(ERROR_POLICY_VERSION\), expected 0 \(OK\)\n$/,
    (b) => with32(b, 4, 2),
  ),
  badBlob("a cut blob", /^bad\.bin: loadPolicy\(\) gives -9 \(ERROR_POLICY_HEADER\), expected 0 \(OK\)\n$/, (b) =>
    b.subarray(0, 80),
  ),
  badBlob("an empty blob", /^bad\.bin: loadPolicy\(\) gives -9 \(ERROR_POLICY_HEADER\), expected 0 \(OK\)\n$/, () =>
    Buffer.alloc(0),
  ),
  badBlob(
    "a blob with a section outside of it",
    /^bad\.bin: loadPolicy\(\) gives -12 \(ERROR_POLICY_SECTION\), expected 0 \(OK\)\n$/,
    (b) => with32(b, 16 + 5 * 8 + 4, 0xfffffff8),
  ),
];

const BAD_ENGINES: readonly { what: string; says: RegExp; make(wasm: Buffer): Buffer | undefined }[] = [
  { what: "is missing", says: /engine\.wasm: cannot be read \(.+\)/, make: () => undefined },
  { what: "is no module", says: /engine\.wasm: is no WebAssembly module \(/, make: () => Buffer.from("hello, world") },
  { what: "is cut", says: /engine\.wasm: is no WebAssembly module \(/, make: (wasm) => wasm.subarray(0, 1000) },
  {
    what: "exports nothing",
    says: /engine\.wasm: abiVersion\(\) gives \w+, expected 4/,
    make: () => Buffer.from("0061736d01000000", "hex"),
  },
];

interface Planted {
  readonly file: string;
  readonly vector: string;
  readonly says: string;
}

/** Writes a file for each kind of difference, with one vector in which one value was changed. */
function plantAll(folder: string): Planted[] {
  mkdirSync(folder, { recursive: true });
  const files = readVectorFiles();
  // biome-ignore lint/suspicious/noExplicitAny: a walk over JSON
  type Json = any;
  const planted: Planted[] = [];
  const plant = (
    file: string,
    find: (step: Json) => Json,
    change: (found: Json) => readonly [field: string, expected: Json, got: Json],
  ) => {
    const copy = structuredClone(files.get(file)) as Json;
    const hit = (vector: Json) => vector.steps.findIndex((step: Json) => find(step) !== undefined);
    const vector = copy.vectors.find((one: Json) => hit(one) >= 0);
    expect(vector, file).toBeDefined();
    const at = hit(vector);
    const [field, expected, got] = change(find(vector.steps[at]));
    copy.vectors = [vector];
    const says = `${vector.name}, step ${at}, ${field}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`;
    const name = `${String(planted.length).padStart(2, "0")}.json`;
    writeFileSync(join(folder, name), JSON.stringify(copy));
    planted.push({ file: name, vector: vector.name, says });
  };
  const rowWith = (key: string) => (step: Json) => {
    const i = step.verdicts?.findIndex((row: Json) => row[key] !== undefined) ?? -1;
    return i < 0 ? undefined : { i, row: step.verdicts[i] };
  };
  const field = (file: string, key: string, to: (value: Json) => Json) =>
    plant(file, rowWith(key), ({ i, row }) => {
      const got = row[key];
      row[key] = to(got);
      return [`verdicts[${i}].${key}`, row[key], got];
    });
  const otherEnd = (hex: string) => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");
  const more = (value: number) => value + 1;
  field("policy", "action", (value) => (value === "drop" ? "pass" : "drop"));
  field("policy", "reason", () => "inbound");
  field("policy", "flags", (value) => value ^ 32);
  for (const key of ["length", "egress", "nat_port"]) field("policy", key, more);
  field("overlay", "old_egress", more);
  field("policy", "egress_ip", otherEnd);
  field("policy", "out", otherEnd);
  for (const key of ["target", "outer"]) field("overlay", key, otherEnd);
  for (const key of ["node", "inner"]) field("overlay", key, more);
  plant(
    "policy",
    (step) => {
      const i = step.verdicts?.findIndex((row: Json) => row.unchanged) ?? -1;
      return i < 0 ? undefined : { i, row: step.verdicts[i], frame: step.frames[i] };
    },
    ({ i, row, frame }) => {
      delete row.unchanged;
      row.out = otherEnd(frame.bytes);
      return [`verdicts[${i}].out`, row.out, frame.bytes];
    },
  );
  const at = (key: string) => (step: Json) => (step[key] === undefined ? undefined : step);
  plant("calls", at("returns"), (step) => {
    const got = step.returns;
    step.returns = 77;
    return ["returns", 77, got];
  });
  plant("fragments", at("released"), (step) => {
    const got = step.released;
    step.released = [...got, 12345];
    return ["released", step.released, got];
  });
  plant(
    "limits",
    (step) => (step.generated?.length > 0 ? step : undefined),
    (step) => {
      const got = structuredClone(step.generated);
      step.generated[0].packet = otherEnd(step.generated[0].packet);
      return ["generated", step.generated, got];
    },
  );
  plant(
    "policy",
    (step) => (typeof step.counters?.opened === "string" ? step : undefined),
    ({ counters }) => {
      const got = counters.opened;
      counters.opened = String(Number(got) + 1);
      return ["counters.opened", counters.opened, got];
    },
  );
  plant(
    "policy",
    (step) => (step.counters?.reasons ? step : undefined),
    ({ counters }) => {
      const [name, got] = Object.entries(counters.reasons)[0] as [string, string];
      delete counters.reasons[name];
      return [`counters.reasons.${name}`, "0", got];
    },
  );
  plant("lifetimes", at("egressStats"), (step) => {
    const got = step.egressStats[0].connections;
    step.egressStats[0].connections = "99";
    return ["egressStats[0].connections", "99", got];
  });
  return planted;
}
