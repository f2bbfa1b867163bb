import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildMutant } from "../verify/mutant.js";
import { sluicegate } from "./fake-console.js";

const WEB = "pcaps/web/in.pcap";
const MANIFESTS = ["-m", "pcaps/manifests"];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("check", () => {
  test("prints the resolved table in the shape of the original's list", async () => {
    const { code, stdout } = await sluicegate("check", ...MANIFESTS);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Source IP +Destination CIDR +Egress IP +Gateway IP /);
    expect(stdout).toMatch(/^10\.1\.1\.10 +0\.0\.0\.0\/0 +203\.0\.113\.10 +10\.0\.0\.21 .* shop-egress/m);
    expect(stdout).toMatch(/Excluded CIDR/);
  });

  test("--json names the first fields as the original does", async () => {
    const { rows } = JSON.parse((await sluicegate("check", ...MANIFESTS, "--json")).stdout);
    expect(Object.keys(rows[0]).slice(0, 4)).toEqual(["SourceIP", "DestCIDR", "EgressIP", "GatewayIP"]);
  });

  test("--redact keeps the table's columns in line", async () => {
    const { stdout } = await sluicegate("check", ...MANIFESTS, "--redact");
    const lines = stdout.trimEnd().split("\n");
    const column = lines[0]!.indexOf("Gateway IP");
    for (const line of lines.slice(1)) expect(line.slice(column - 3, column + 3)).toMatch(/^ {3}\S{3}$/);
    expect(stdout).not.toMatch(/203\.0\.113|shop|gw-/);
  });

  test("the first ten warnings show with their places, the others are counted; --verbose shows all", async () => {
    const file = join(folder, "warned.yaml");
    const unknown = Array.from({ length: 14 }, (_, i) => `  unknown${i}: 1\n`).join("");
    const policy = `apiVersion: cilium.io/v2\nkind: CiliumEgressGatewayPolicy\nmetadata:\n  name: p\nspec:\n${unknown}`;
    const rest =
      "  selectors:\n    - podSelector: {}\n  destinationCIDRs: [0.0.0.0/0]\n  egressGateway:\n    nodeSelector: {}\n";
    writeFileSync(file, policy + rest);
    const { code, stderr } = await sluicegate("check", "-m", file);
    expect(code).toBe(0);
    expect(stderr.match(/^warning: .*warned\.yaml:\d+:\d+: /gm)).toHaveLength(10);
    expect(stderr).toMatch(/warning: [5-9] more warnings \(--verbose shows all\)/);
    const verbose = (await sluicegate("check", "-m", file, "--verbose")).stderr;
    expect(verbose.match(/unknown\d+/g)?.length).toBeGreaterThanOrEqual(14);
    expect(verbose).not.toContain("more warnings");
  });
});

/** The shipped manifests with another zone affinity. */
function withAffinity(affinity: string): string {
  const dir = join(folder, affinity);
  mkdirSync(dir);
  for (const name of readdirSync("pcaps/manifests").filter((file) => file.endsWith(".yaml"))) {
    const text = readFileSync(join("pcaps/manifests", name), "utf8");
    writeFileSync(join(dir, name), text.replace(/azAffinity: \w+/, `azAffinity: ${affinity}`));
  }
  return dir;
}

test.each(["localOnly", "localOnlyFirst", "localPriority"])(
  "replay applies azAffinity %s without a word of warning",
  async (affinity) => {
    const { code, stderr } = await sluicegate("replay", "pcaps/icmp/in.pcap", "-m", withAffinity(affinity));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  },
);

test("collect prints a shell script and nothing else", async () => {
  const { code, stdout, stderr } = await sluicegate("collect");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^#!\/bin\/sh\n[\s\S]*kubectl/);
});

test("init writes manifests under which the same capture replays without a fault", async () => {
  const { code, stdout, stderr } = await sluicegate("init", WEB);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^1,739 frames, \d+ sources: wrote \d+ pods\n/);
  const file = join(folder, "starter.yaml");
  writeFileSync(file, stdout);
  const replayed = await sluicegate("replay", WEB, "-m", file, "--json");
  expect(replayed.code).toBe(0);
  const { frames, verification } = JSON.parse(replayed.stdout);
  expect(frames.snat).toBeGreaterThan(100);
  expect(verification.ok).toBe(true);
});

describe("allowlist", () => {
  test("names every egress IP of a policy for its destinations, as text, JSON and CSV", async () => {
    const text = await sluicegate("allowlist", ...MANIFESTS, "--failures", "1");
    expect(text.code).toBe(0);
    for (const last of [10, 20, 30, 40]) expect(text.stdout).toContain(`203.0.113.${last} `);
    const { rows, failures } = JSON.parse((await sluicegate("allowlist", ...MANIFESTS, "--json")).stdout);
    expect(failures).toBe(0);
    const csv = await sluicegate("allowlist", ...MANIFESTS, "--csv");
    expect(csv.stdout.trimEnd().split("\r\n")).toHaveLength(rows.length + 1);
    expect(csv.stderr).toMatch(/note: /);
  });

  test("--json and --csv exclude each other", async () => {
    expect(await sluicegate("allowlist", ...MANIFESTS, "--json", "--csv")).toMatchObject({ code: 2 });
  });
});

describe("list", () => {
  let state: string;
  beforeAll(async () => {
    state = join(folder, "web.state");
    expect((await sluicegate("replay", WEB, ...MANIFESTS, "--save-state", state)).code).toBe(0);
  });

  test("nat prints two lines a mapping, in the shape of the original's", async () => {
    const { code, stdout } = await sluicegate("list", "nat", state);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    const out = lines.filter((line) => / OUT /.test(line));
    expect(lines.length).toBe(out.length * 2);
    for (const line of out)
      expect(line).toMatch(
        /^(?:TCP|UDP|ICMP) OUT 10\.[\d.]+:\d+ -> [\d.]+:\d+ XLATE_SRC 203\.0\.113\.\d+:\d+ Created=\d+sec ago/,
      );
    expect([...lines].sort()).not.toEqual(lines.slice().reverse());
  });

  test("ct, egress and gateways print what the state holds", async () => {
    expect((await sluicegate("list", "ct", state)).stdout).toMatch(
      /^TCP OUT 10\..* remaining: \d+ sec\(s\) Packets=\d+/m,
    );
    expect((await sluicegate("list", "egress", state)).stdout).toMatch(/^10\.1\.1\.10 +0\.0\.0\.0\/0 +203\.0\.113\./m);
    expect((await sluicegate("list", "gateways", state)).stdout).toMatch(/^gw-a +203\.0\.113\.10 +\d+ /m);
  });

  test("--json prints rows, --redact hides addresses and nodes", async () => {
    const rows = JSON.parse((await sluicegate("list", "gateways", state, "--json", "--redact")).stdout);
    expect(rows[0].node).toMatch(/^NODE-\d$/);
    expect(rows[0].egressIP).toMatch(/^240\.0\.0\.\d+$/);
  });

  test("says what is wrong with its arguments", async () => {
    const { code, stderr } = await sluicegate("list", "nats", state);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'WHAT is "nats", expected one of nat, ct, egress, gateways\n',
    });
    expect((await sluicegate("list", "nat", WEB)).stderr).toContain("saved state: does not start with SGR1");
    expect((await sluicegate("list", "nat", "missing")).code).toBe(2);
  });
});

describe("verify", () => {
  const PAIR = ["pcaps/snat/inside.pcap", "pcaps/snat/uplink.pcap"];

  test("judges a Linux gateway by two captures of it", async () => {
    const { code, stdout } = await sluicegate("verify", ...PAIR, ...MANIFESTS);
    expect(code).toBe(0);
    expect(stdout).toMatch(/paired +745 /);
    expect(stdout).toMatch(/Verification {2}ok: 0 mismatches in 745 comparisons\n$/);
  });

  test("ends with 1 where a translation is wrong, and names frame and field", async () => {
    const wrong = Buffer.from(readFileSync(PAIR[1]!));
    const at = wrong.indexOf(Buffer.from("HTTP/1.1"), 2000);
    wrong[at] = wrong[at]! ^ 0x20;
    const file = join(folder, "wrong.pcap");
    writeFileSync(file, wrong);
    const report = join(folder, "pair.json");
    const { code, stdout } = await sluicegate("verify", PAIR[0]!, file, ...MANIFESTS, "--report", report);
    expect(code).toBe(1);
    expect(stdout).toMatch(/frame \d+\) frame \d+ at [\d.]+ s: .*\n.*expected .* got /);
    const { verification, frames } = JSON.parse(readFileSync(report, "utf8"));
    expect(verification.mismatchCount).toBeGreaterThan(0);
    expect(frames.paired).toBe(745);
  });

  test("refuses the same capture twice and a skew of a third", async () => {
    expect((await sluicegate("verify", PAIR[0]!, PAIR[0]!, ...MANIFESTS)).code).toBe(2);
    const { stderr } = await sluicegate("verify", ...PAIR, ...MANIFESTS, "--skew", "x=1");
    expect(stderr).toContain("--skew names x, expected pcaps/snat/inside.pcap or pcaps/snat/uplink.pcap");
  });
});

describe("explain", () => {
  test("follows a reply through reconstruction, reverse NAT and verification", async () => {
    const { code, stdout } = await sluicegate("explain", WEB, "--frame", "4", ...MANIFESTS);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^pcaps\/web\/in\.pcap frame 4 at .*Z {2}74 bytes on the wire\n/);
    expect(stdout).toMatch(/packet +IPv4 tcp \[SYN ACK\] 198\.51\.100\.10:80 > 10\.1\.1\.11:\d+, TTL 61/);
    expect(stdout).toMatch(
      /policy +shop\/cart-1 on w1: 0\.0\.0\.0\/0 of IsovalentEgressGatewayPolicy shop-egress: selected/,
    );
    expect(stdout).toMatch(/gw-[abcd] +203\.0\.113\.\d0 +[0-9a-f]{16} +picked/);
    expect(stdout).toMatch(/TTL 62 becomes 61/);
    expect(stdout).toMatch(/verified +no mismatch/);
    expect(stdout.match(/\^\^/g)?.length).toBeGreaterThan(8);
  });

  test("says why a frame was not translated", async () => {
    const { stdout } = await sluicegate("explain", "pcaps/icmp/in.pcap", "--frame", "1", ...MANIFESTS);
    expect(stdout).toMatch(/verdict +(?:skipped|pass|drop|snat)/);
    const arp = await sluicegate("explain", WEB, "--frame", "7", ...MANIFESTS);
    expect(arp.stdout).toMatch(/verdict +skipped, not-ip: no IP packet/);
    expect(arp.stdout).toContain("The frame, unchanged");
  });

  test("--json gives the same as data", async () => {
    const { stdout } = await sluicegate("explain", WEB, "--frame", "4", ...MANIFESTS, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ frame: 4, action: "reverse", mismatches: [] });
  });

  test("refuses a frame that the capture does not have", async () => {
    const { code, stderr } = await sluicegate("explain", WEB, "--frame", "1740", ...MANIFESTS);
    expect(code).toBe(2);
    expect(stderr).toContain("expected 1 to 1739");
  });
});

describe("generate", () => {
  test("writes a capture and manifests that replay without a mismatch, the same bytes every time", async () => {
    const make = async (name: string) => {
      const dir = join(folder, name);
      const { code, stdout } = await sluicegate(
        ...["generate", "-o", dir, "--packets", "3000", "--endpoints", "50", "--share", "ipv6=0", "--seed", "9"],
      );
      expect(code).toBe(0);
      expect(stdout).toMatch(/capture\.pcap: 3,000 frames, /);
      return dir;
    };
    const [a, b] = [await make("gen-a"), await make("gen-b")];
    for (const file of ["capture.pcap", "manifests.yaml"])
      expect(readFileSync(join(a, file)).equals(readFileSync(join(b, file)))).toBe(true);
    const replayed = await sluicegate("replay", join(a, "capture.pcap"), "-m", join(a, "manifests.yaml"), "--json");
    expect(JSON.parse(replayed.stdout).verification).toMatchObject({ ok: true, mismatchCount: 0 });
    expect(replayed.code).toBe(0);
  });

  test.each([
    [["--share", "udp=2"], "--share is"],
    [["--share", "gre=0.1"], "KIND one of ipv6, udp"],
    [["--share", "udp=0.9", "--share", "icmp=0.2"], "udpShare + icmpShare + sctpShare"],
    [["--packets", "2"], "--packets is"],
  ])("refuses %j", async (flags, message) => {
    const { code, stderr } = await sluicegate("generate", "-o", join(folder, "never"), ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe("bench", () => {
  test("refuses a comparison with what is no report, before it measures anything", async () => {
    const { code, stderr } = await sluicegate("bench", "--compare", "package.json");
    expect(code).toBe(2);
    expect(stderr).toMatch(/package\.json/);
    expect((await sluicegate("bench", "--compare", "missing.json")).stderr).toContain("cannot be read (ENOENT)");
  });

  test.each([
    ["a missing file", () => "missing.wasm", /missing\.wasm: cannot be read, expected what/],
    ["what is no WebAssembly", () => "package.json", /package\.json: cannot be instantiated, expected a WebAssembly/],
    ["another module", () => "build/reference.wasm", /reference\.wasm: .*, expected/],
    [
      "an engine of another ABI",
      otherAbi,
      /other\.wasm: has ABI version 99, this host expects \d+; build both together/,
    ],
  ])("refuses %s to take turns with, before it measures anything", async (_, file, message) => {
    const { code, stdout, stderr } = await sluicegate("bench", "--against", await file());
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
  });

  test("refuses an earlier run and another build at once", async () => {
    const { code, stderr } = await sluicegate("bench", "--compare", "a.json", "--against", "b.wasm");
    expect(code).toBe(2);
    expect(stderr).toContain("--compare and --against do not go together");
  });

  test("draws the cost curve of an earlier run, and refuses what is none", async () => {
    const { code, stdout } = await sluicegate("bench", "--draw", "docs/cost-curve.json");
    expect(code).toBe(0);
    expect(stdout).toBe(readFileSync("docs/cost-curve.svg", "utf8"));
    expect(await sluicegate("bench", "--draw", "package.json")).toMatchObject({ code: 2, stdout: "" });
  });

  test.each([
    [["--profile", "--compare", "docs/cost-curve.json"], "--compare and --profile do not go together"],
    [["--draw", "a.json", "--compare", "b.json"], "--compare and --draw do not go together"],
  ])("refuses %j", async (flags, message) => {
    const { code, stderr } = await sluicegate("bench", ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

/** An engine as an older build would be. @returns its file */
async function otherAbi(): Promise<string> {
  const file = join(folder, "other.wasm");
  const [search, replace] = ["export const ABI_VERSION = ", "export const ABI_VERSION = 99; // "];
  writeFileSync(file, await buildMutant([{ file: "assembly/abi.ts", search, replace }]));
  return file;
}
