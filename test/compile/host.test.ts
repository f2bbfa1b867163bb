import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { captureFrames } from "../../src/capture/frames.js";
import { sluicegate } from "../cli/fake-console.js";
import { ethernet, ipv4, text, udp } from "../support/frames.js";
import { BareHost, constant, type HostFrame, type HostVerdict } from "./bare-host.js";
import { type Recording, recordingProcess } from "./recorder.js";

// What `compile` writes, in the hands of a host that has nothing else, beside a replay of the same captures.

const { recording } = vi.hoisted(() => ({ recording: { frames: [], verdicts: [] } as Recording }));
vi.mock("../../src/engine/companion.js", async (original) => {
  const { instantiateCompanion, ...rest } = await original<typeof import("../../src/engine/companion.js")>();
  const recorded: typeof instantiateCompanion = (wasmFile, engine, functions, process = engine.process) =>
    instantiateCompanion(wasmFile, engine, functions, recordingProcess(engine, recording, process));
  return { ...rest, instantiateCompanion: recorded };
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-host-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  recording.frames.length = 0;
  recording.verdicts.length = 0;
});

/** The shipped manifests with some texts of theirs replaced. */
function manifestsWith(
  name: string,
  ...changes: (readonly [file: string, from: string | RegExp, to: string])[]
): string {
  const to = join(folder, name);
  cpSync("pcaps/manifests", to, { recursive: true });
  for (const [file, from, text] of changes) {
    const path = join(to, file);
    const before = readFileSync(path, "utf8");
    writeFileSync(path, before.replace(from, text));
    expect(readFileSync(path, "utf8")).not.toBe(before);
  }
  return to;
}

async function compiled(name: string, manifests: string, ...flags: string[]): Promise<string> {
  const out = join(folder, `${name}-compiled`);
  mkdirSync(out, { recursive: true });
  const { code, stderr } = await sluicegate("compile", "-m", manifests, "-o", join(out, "policy.bin"), ...flags);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return out;
}

function expectSame(ours: readonly HostVerdict[], theirs: readonly HostVerdict[]): void {
  expect(theirs.length).toBe(ours.length);
  ours.forEach((verdict, i) => {
    const bytes = Buffer.from(verdict.bytes).toString("hex");
    expect({ ...theirs[i]!, bytes: Buffer.from(theirs[i]!.bytes).toString("hex") }, `frame ${i}`).toEqual({
      ...verdict,
      bytes,
    });
  });
}

const ZONES: [string, string, string] = ["policies.yaml", "azAffinity: disabled", "azAffinity: localOnlyFirst"];
const CAP: [string, string, string] = [
  "policies.yaml",
  "      interface: eth1\n",
  "      interface: eth1\n      maxGatewayNodes: 1\n",
];

describe("a host with engine.wasm, policy.bin and policy.json alone", () => {
  test.each([
    { name: "web", capture: "web/in.pcap", changes: [], flags: [], frames: 1721 },
    { name: "rfc", capture: "web/in.pcap", changes: [], flags: ["--nat-profile", "rfc", "--seed", "7"], frames: 1721 },
    {
      name: "few ports",
      capture: "web/in.pcap",
      changes: [],
      flags: ["--snat-ports", "40000-40007", "--balance", "random"],
      frames: 1721,
    },
    {
      name: "zones and caps",
      capture: "web/in.pcap",
      changes: [ZONES, CAP],
      flags: ["--mid-stream", "drop"],
      frames: 1721,
    },
    { name: "fragments", capture: "icmp/in.pcap", changes: [], flags: ["--nat-profile", "rfc"], frames: 87 },
    { name: "offloads", capture: "offload/in.pcapng", changes: [], flags: ["--bad-checksum", "drop"], frames: 700 },
  ])("comes to the verdicts and frames of a replay: $name", async ({ name, capture, changes, flags, frames }) => {
    const manifests = manifestsWith(name, ...changes);
    const out = join(folder, `${name}-out`);
    const run = await sluicegate("replay", join("pcaps", capture), "-m", manifests, "-o", out, "--json", ...flags);
    const report = JSON.parse(run.stdout);
    expect(report.verification.ok).toBe(true);
    expect(recording.frames.length).toBeGreaterThanOrEqual(frames);

    const host = await BareHost.start(await compiled(name, manifests, ...flags));
    expect(host.document.calls.length > 0).toBe(changes.length > 0);
    const verdicts = host.run(recording.frames, 333);
    expectSame(recording.verdicts, verdicts);
    const total = (action: string) => verdicts.filter((verdict) => verdict.action === action).length;
    for (const action of ["snat", "reverse", "pass"]) expect(total(action), action).toBe(report.frames[action]);
    expect(total("snat")).toBeGreaterThan(20);

    const left: Uint8Array[] = [];
    for await (const { bytes } of captureFrames(join(out, "external.pcapng"), { truncated: false }))
      left.push(bytes.slice());
    const sent = verdicts
      .filter(({ action }) => action === "snat")
      .map(({ bytes }) => Buffer.from(bytes).toString("hex"));
    expect(sent).toEqual(left.map((bytes) => Buffer.from(bytes).toString("hex")));

    // The names in policy.json are those of the report.
    const { egresses } = host.document;
    const carried = new Map<string, number>();
    for (const { action, egress } of verdicts) {
      if (action !== "snat") continue;
      const key = `${egresses[egress]!.nodeName} ${egresses[egress]!.ipv4}`;
      carried.set(key, (carried.get(key) ?? 0) + 1);
    }
    const reported = report.gateways as { node: string; egressIP: string; frames: number }[];
    const busy = reported
      .filter((row) => row.frames > 0)
      .map((row) => [`${row.node} ${row.egressIP}`, row.frames] as const);
    expect(carried).toEqual(new Map(busy));
  });

  test("does so with generated traffic: IPv6, SCTP, malformed frames, and fragments that are held and given again", async () => {
    const trial = join(folder, "trial");
    const shares = ["--share", "fragment=0.2", "--share", "ipv6=0.3", "--share", "sctp=0.1"];
    await sluicegate("generate", "-o", trial, "--packets", "6000", "--flows", "900", "--endpoints", "50", ...shares);
    const manifests = join(trial, "manifests.yaml");
    const flags = ["--nat-profile", "rfc", "--icmp-errors"];
    const run = await sluicegate("replay", join(trial, "capture.pcap"), "-m", manifests, "--json", ...flags);
    const report = JSON.parse(run.stdout);
    const host = await BareHost.start(await compiled("trial", manifests, ...flags));
    const verdicts = host.run(recording.frames, 100);
    expectSame(recording.verdicts, verdicts);
    const total = (action: string) => verdicts.filter((verdict) => verdict.action === action).length;
    for (const action of ["snat", "reverse"]) expect(total(action), action).toBe(report.frames[action]);
    expect(total("hold")).toBeGreaterThan(0);
    expect(verdicts.some(({ egressIP }) => egressIP.startsWith("20010db8"))).toBe(true);
  });

  test("does what the example of docs/abi.md says, both ways", async () => {
    const host = await BareHost.start(await compiled("example", "pcaps/manifests"));
    const [endpoint, remote] = ["10.1.1.10", "198.51.100.10"];
    const payload = text("hi");
    const frame = (hook: string, bytes: Uint8Array): HostFrame => ({
      bytes,
      wire: bytes.length,
      hook: constant(hook),
      link: constant("LINK_ETHERNET"),
      flags: 0,
      time: 1_795_420_800_000_000_000n,
      tag: 0n,
    });
    const query = (src: string, ttl: number) =>
      ethernet(ipv4({ src, dst: remote, ttl }, udp({ srcPort: 40000, dstPort: 53, payload })));
    const [out] = host.run([frame("HOOK_FROM_ENDPOINT", query(endpoint, 64))], 1);
    expect(out).toMatchObject({ action: "snat", natPort: 40000 });
    const egressIP = host.document.egresses[out!.egress]!.ipv4!;
    expect(["203.0.113.10", "203.0.113.20", "203.0.113.30", "203.0.113.40"]).toContain(egressIP);
    expect(Buffer.from(out!.bytes).toString("hex")).toBe(Buffer.from(query(egressIP, 63)).toString("hex"));

    const answer = (dst: string, ttl: number) =>
      ethernet(ipv4({ src: remote, dst, ttl }, udp({ srcPort: 53, dstPort: 40000, payload })));
    const [back] = host.run([frame("HOOK_FROM_NETWORK", answer(egressIP, 64))], 1);
    expect(back).toMatchObject({ action: "reverse" });
    expect(Buffer.from(back!.bytes).toString("hex")).toBe(Buffer.from(answer(endpoint, 63)).toString("hex"));
  });

  test("finds in docs/abi.md what every key of policy.json is for", async () => {
    const document = JSON.parse(readFileSync(join(await compiled("keys", "pcaps/manifests"), "policy.json"), "utf8"));
    const page = readFileSync("docs/abi.md", "utf8");
    const section = page.slice(page.indexOf("## From manifests"), page.indexOf("## A frame from start"));
    const cells = [...section.matchAll(/^\| (`.+?) \|/gm)].map((row) => row[1]!).join(", ");
    const named = new Set([...cells.matchAll(/`(\w+)[.\w]*`/g)].map((name) => name[1]!));
    expect(Object.keys(document).filter((key) => key !== "schema" && !named.has(key))).toEqual([]);
    expect([...named].filter((key) => !(key in document))).toEqual([]);
    expect(section).toContain(document.schema);
  });

  test("has something to say after loading where zones, caps and drains narrow who takes connections", async () => {
    const drained = ["nodes.yaml", /(.*10\.0\.0\.23\/24.*\n)/, '$1    sluicegate.io/drain: "true"\n'] as const;
    const out = await compiled("narrow", manifestsWith("narrow", ZONES, CAP, drained));
    const { calls, nodes, zones } = JSON.parse(readFileSync(join(out, "policy.json"), "utf8"));
    const gwC = nodes.findIndex((node: { name: string }) => node.name === "gw-c");
    expect(calls[0]).toEqual({
      function: "setGateway",
      arguments: [gwC, constant("GATEWAY_HEALTHY")],
      why: "gw-c takes no new connections",
    });
    const masks = calls.slice(1) as { function: string; arguments: number[]; why: string }[];
    expect(masks.map((call) => call.function)).toEqual(zones.map(() => "setActive"));
    expect(masks.map((call) => call.arguments[1])).toEqual(zones.map((_: unknown, zone: number) => zone));
    expect(masks[0]!.why).toMatch(/^shop-egress: \d of 4 members for endpoints without a zone$/);
    expect(masks[1]!.why).toMatch(/members for endpoints in zone-1$/);
    await BareHost.start(out);
  });
});

describe("a policy changes between batches", () => {
  /** Frames of web/in.pcap as the engine gets them: from pods first, so that all connections are there. */
  async function framesOf(manifests: string): Promise<HostFrame[]> {
    await sluicegate("replay", "pcaps/web/in.pcap", "-m", manifests, "--no-verify");
    return [...recording.frames];
  }

  const OTHER_CODES: readonly [string, (blob: Uint8Array) => Uint8Array, string][] = [
    ["is cut", (blob) => blob.slice(0, 60), "ERROR_POLICY_HEADER"],
    ["has lost its end", (blob) => blob.slice(0, -8), "ERROR_POLICY_HEADER"],
    ["is something else", (blob) => blob.map((byte, i) => (i === 0 ? byte ^ 1 : byte)), "ERROR_POLICY_HEADER"],
    ["is of another version", (blob) => with32(blob, constant("BLOB_VERSION_AT"), 2), "ERROR_POLICY_VERSION"],
    [
      "has a section outside",
      (blob) => with32(blob, constant("BLOB_SECTIONS_AT") + 4, 1 << 20),
      "ERROR_POLICY_SECTION",
    ],
    [
      "has more endpoints than were configured",
      (blob) => {
        const at = constant("BLOB_SECTIONS_AT") + constant("SECTION_ENDPOINTS") * 8;
        const longer = with32(new Uint8Array([...blob, ...new Uint8Array(20_000 * 56)]), at, 20_000);
        return with32(longer, constant("BLOB_LENGTH_AT"), longer.length);
      },
      "ERROR_POLICY_TOO_LARGE",
    ],
    [
      "names an egress that is not there",
      (blob) => with32(blob, sectionOffset(blob, "SECTION_MEMBERS"), 77),
      "ERROR_POLICY_REFERENCE",
    ],
  ];

  test.each(OTHER_CODES)("a blob that %s is refused, and the one before stays in force", async (what, spoil, error) => {
    const manifests = manifestsWith(`refused ${what}`);
    const frames = await framesOf(manifests);
    const out = await compiled(`refused ${what}`, manifests);
    const blob = new Uint8Array(readFileSync(join(out, "policy.bin")));
    const [plain, disturbed] = [await BareHost.start(out), await BareHost.start(out)];
    const half = frames.length >> 1;
    const first = [plain.run(frames.slice(0, half), 100), disturbed.run(frames.slice(0, half), 100)];
    expect(disturbed.loadBlob(spoil(blob))).toBe(constant(error));
    const second = [plain.run(frames.slice(half), 100), disturbed.run(frames.slice(half), 100)];
    expectSame([...first[0]!, ...second[0]!], [...first[1]!, ...second[1]!]);
  });

  test("another policy takes over: connections that it no longer selects pass, others stay where they are", async () => {
    const manifests = manifestsWith("before");
    const frames = await framesOf(manifests);
    const before = await compiled("before", manifests);
    const lessShop = [
      "policies.yaml",
      "    - 198.51.100.128/26\n",
      "    - 198.51.100.128/26\n    - 198.51.100.10/32\n",
    ] as const;
    const after = await compiled("after", manifestsWith("after", lessShop));
    const [stays, changes] = [await BareHost.start(before), await BareHost.start(before)];
    const half = frames.length >> 1;
    expectSame(stays.run(frames.slice(0, half), 200), changes.run(frames.slice(0, half), 200));
    expect(changes.load(after)).toBe(constant("OK"));
    const [same, other] = [stays.run(frames.slice(half), 200), changes.run(frames.slice(half), 200)];
    const excluded = other.filter(
      ({ action, reason }, i) => same[i]!.action === "snat" && action === "pass" && reason === "excluded",
    );
    expect(excluded.length).toBeGreaterThan(50);
    const kept = other.filter(({ action }, i) => action === "snat" && same[i]!.action === "snat");
    expect(kept.length).toBeGreaterThan(50);
    const moved = other.filter(
      ({ action, natPort, egressIP }, i) =>
        action === "snat" && (natPort !== same[i]!.natPort || egressIP !== same[i]!.egressIP),
    );
    expect(moved).toEqual([]);
  });
});

function with32(blob: Uint8Array, at: number, value: number): Uint8Array {
  const copy = blob.slice();
  new DataView(copy.buffer).setUint32(at, value, true);
  return copy;
}

function sectionOffset(blob: Uint8Array, section: string): number {
  const at = constant("BLOB_SECTIONS_AT") + constant(section) * 8 + 4;
  return new DataView(blob.buffer, blob.byteOffset).getUint32(at, true);
}
