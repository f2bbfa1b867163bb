import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { HostInput } from "../../hosts/traffic.js";

// Inputs that no host can use, and what all of them say about each.

export interface BadInput {
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

export const BAD_INPUTS: readonly BadInput[] = [
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

export const BAD_ENGINES: readonly { what: string; says: RegExp; make(wasm: Buffer): Buffer | undefined }[] = [
  { what: "is missing", says: /engine\.wasm: cannot be read \(.+\)/, make: () => undefined },
  { what: "is no module", says: /engine\.wasm: is no WebAssembly module \(/, make: () => Buffer.from("hello, world") },
  { what: "is cut", says: /engine\.wasm: is no WebAssembly module \(/, make: (wasm) => wasm.subarray(0, 1000) },
  {
    what: "exports nothing",
    says: /engine\.wasm: abiVersion\(\) gives \w+, expected 4/,
    make: () => Buffer.from("0061736d01000000", "hex"),
  },
];
