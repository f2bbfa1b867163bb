import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { sluicegate } from "./fake-console.js";

const WEB = "pcaps/web/in.pcap";
const MANIFESTS = "pcaps/manifests";
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A path in the test's folder. */
function at(name: string): string {
  return join(folder, name);
}

function replay(...more: string[]) {
  return sluicegate("replay", WEB, "-m", MANIFESTS, ...more);
}

async function reportOf(...more: string[]): Promise<ReplayReport> {
  return JSON.parse((await replay("--json", ...more)).stdout);
}

describe("replay of a recorded capture", () => {
  test("prints a summary on standard output, nothing on standard error, and ends with 0", async () => {
    const { code, stdout, stderr } = await replay();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Input\n {2}pcaps\/web\/in\.pcap {2}1,739 frames\n/);
    expect(stdout).toMatch(/Verification {2}ok: [\d,]+ frames checked independently of the engine, no mismatch/);
    expect(stderr).toBe("");
  });

  test("--json prints one document in which every frame is accounted for", async () => {
    const { frames, reasons, verification } = await reportOf();
    const { read, pass, snat, reverse, drop, lost, skipped } = frames;
    expect(read).toBe(1739);
    expect(pass + snat + reverse + drop + lost + skipped).toBe(read);
    const explained = Object.values(reasons).reduce((sum, n) => sum + n, 0);
    expect(explained).toBe(read - snat - reverse);
    expect(verification).toMatchObject({ enabled: true, ok: true, mismatches: [] });
  });

  test("-o writes four files, creates the folder, and twice writes the same bytes, timing aside", async () => {
    for (const name of ["one/deep", "two"]) expect((await replay("-o", at(name))).code).toBe(0);
    expect(readdirSync(at("two")).sort()).toEqual(["endpoint.pcapng", "external.pcapng", "index.html", "report.json"]);
    const [one, two] = ["one/deep", "two"].map((name) => (file: string) => readFileSync(join(at(name), file)));
    for (const file of ["endpoint.pcapng", "external.pcapng"]) expect(one!(file).equals(two!(file))).toBe(true);
    const withoutTiming = (text: string) => text.replace(/"timing": \{[\s\S]*?\}/, "");
    expect(withoutTiming(one!("report.json").toString())).toBe(withoutTiming(two!("report.json").toString()));
    expect(one!("index.html").toString()).toContain("Every frame is right");
  });

  test("--metrics writes a snapshot, the same every time, and over no input", async () => {
    for (const name of ["one.prom", "two.prom"]) expect((await replay("--metrics", at(name))).code).toBe(0);
    const [one, two] = ["one.prom", "two.prom"].map((name) => readFileSync(at(name), "utf8"));
    expect(one).toMatch(
      /^sluicegate_gateway_connections_total\{node="gw-a",egress_ip="203\.0\.113\.10",zone="zone-1"\} \d+$/m,
    );
    expect(one).toBe(two);
    expect(await replay("--metrics", WEB)).toMatchObject({ code: 2 });
    expect(await replay("--metrics", at("r.json"), "--report", at("r.json"))).toMatchObject({ code: 2 });
  });

  test("--redact hides names and addresses from metrics, too", async () => {
    await replay("--metrics", at("redacted.prom"), "--redact");
    expect(readFileSync(at("redacted.prom"), "utf8")).not.toMatch(/gw-|203\.0\.113|zone-\d"/);
  });

  test("--report and --html write single files", async () => {
    await replay("--report", at("r.json"), "--html", at("r.html"));
    expect(JSON.parse(readFileSync(at("r.json"), "utf8")).schema).toBe("sluicegate.io/replay-report/v1");
    expect(readFileSync(at("r.html"), "utf8")).toMatch(/^<!doctype html>/);
  });

  test("--walk shows frames step by step in the page, each once, and none of their payload", async () => {
    const { code } = await replay("--html", at("w.html"), "--walk", "40", "--walk", "4", "--walk", "40");
    expect(code).toBe(0);
    const page = readFileSync(at("w.html"), "utf8");
    expect([...page.matchAll(/<summary>Frame (\d+) /g)].map(([, frame]) => frame)).toEqual(["40", "4"]);
    expect(page).toMatch(/<dt>policy<\/dt><dd><div>shop\/cart-1 on w1: /);
    expect(page).toContain("bytes of content are left out");
  });

  test.each([
    [["--walk", "4"], "--walk shows in a page only, expected -o or --html with it"],
    [["--walk", "0", "--html", "x.html"], '--walk is "0", expected an integer from 1'],
    [["--walk", "99999", "--html", "x.html"], "frame is 99999, expected 1 to 1739: the captures have no more"],
  ])("refuses %s", async (flags, message) => {
    const { code, stderr } = await replay(...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync("x.html")).toBe(false);
  });

  test("--walk of standard input, which cannot be read again, is refused", async () => {
    const { code, stderr } = await sluicegate("replay", "-", "-m", MANIFESTS, "--html", at("y.html"), "--walk", "1");
    expect(code).toBe(2);
    expect(stderr).toContain("--walk reads the captures again, expected files and not -");
  });

  test("--seed moves connections to other gateways and shows in the report", async () => {
    const [a, b] = [await reportOf(), await reportOf("--seed", "2")];
    expect([a.seed, b.seed]).toEqual([1, 2]);
    expect(a.connections.opened).toBe(b.connections.opened);
    expect(a.gateways.map(({ connections }) => connections)).not.toEqual(
      b.gateways.map(({ connections }) => connections),
    );
  });

  test("--batch changes no result", async () => {
    const [a, b] = [await reportOf("--batch", "1"), await reportOf("--batch", "1000")];
    expect({ ...a, timing: 0 }).toEqual({ ...b, timing: 0 });
  });

  test("--frames and --filter replay a part", async () => {
    const some = await reportOf("--frames", "1-100", "--allow-no-match");
    expect(some.frames.read).toBe(100);
    const dns = await reportOf("--filter", "udp and port 53");
    expect(dns.filter).toBe("udp and port 53");
    expect(dns.reasons.filtered).toBeGreaterThan(1000);
    expect(dns.verification.ok).toBe(true);
  });

  test("--no-verify says so", async () => {
    expect((await reportOf("--no-verify")).verification).toMatchObject({ enabled: false, framesChecked: 0 });
    expect((await replay("--no-verify")).stdout).toContain("Verification  off (--no-verify)");
  });

  test("--nat-profile and --snat-ports reach the engine", async () => {
    const rfc = await reportOf("--nat-profile", "rfc");
    expect(rfc.natProfile).toBe("rfc");
    expect(rfc.gateways[0]!.portsLimit).toBe(65535 - 1024 + 1);
    const narrow = await reportOf("--snat-ports", "40000-40001");
    expect(narrow.gateways[0]!.portsLimit).toBe(2);
    expect(narrow.reasons["no-nat-mapping"]).toBeGreaterThan(0);
  });

  test("--timeout reaches the engine, and the report says where it comes from", async () => {
    const usual = await reportOf();
    const short = await reportOf("--timeout", "tcpEstablished=300ms", "--timeout", "udp=1ms");
    expect(short.connections.expired).toBeGreaterThan(usual.connections.expired);
    expect(short.verification.ok).toBe(true);
    expect(short).toMatchObject({ settings: { "timeouts.udp": { value: "1 ms", source: "flag" } } });
  });

  test("--mid-stream drop drops what does not begin with a SYN", async () => {
    const dropped = await reportOf("--frames", "801-", "--mid-stream", "drop");
    expect(dropped.reasons["no-state"]).toBeGreaterThan(0);
    expect(dropped.verification.ok).toBe(true);
    expect((await reportOf("--frames", "801-")).reasons["no-state"] ?? 0).toBe(0);
  });

  test("a capture in two halves gives the same connections through a saved state", async () => {
    const whole = await reportOf();
    const first = await reportOf("--frames", "1-800", "--save-state", at("half.state"));
    const second = await reportOf("--frames", "801-", "--load-state", at("half.state"));
    expect(first.frames.read + second.frames.read).toBeGreaterThanOrEqual(whole.frames.read);
    expect(second.connections.opened).toBe(whole.connections.opened);
    expect(second.verification.ok).toBe(true);
  });
});

describe("--fail-on", () => {
  test("ends with 1 where it holds and says why", async () => {
    const { code, stderr, stdout } = await replay("--fail-on", "drop>100000", "--fail-on", "snat>0 and excluded>=1");
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /--fail-on snat>0 and excluded>=1: holds \(frames\.snat is \d+, > 0, reasons\.excluded is \d+, >= 1\)/,
    );
    expect(stderr).not.toContain("drop>100000");
    expect(stdout).toContain("Verification");
  });

  test("ends with 0 where it does not hold", async () => {
    expect((await replay("--fail-on", "broken>0 or lost>0")).code).toBe(0);
  });

  test("is refused before any work where a name is wrong", async () => {
    const { code, stderr, stdout } = await sluicegate(
      "replay",
      "missing.pcap",
      "-m",
      "missing",
      "--fail-on",
      "brokken>0",
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain('column 1 has "brokken"');
  });
});

describe("--redact", () => {
  test("leaves no name and no address of the cluster in report, page, summary or warnings", async () => {
    const { stdout, stderr } = await replay(
      ...["--redact", "--verbose", "--report", at("x.json"), "--html", at("x.html"), "--walk", "40"],
    );
    const all = [stdout, stderr, readFileSync(at("x.json"), "utf8"), readFileSync(at("x.html"), "utf8")].join("\n");
    expect(all).not.toMatch(/203\.0\.113\.|198\.51\.100\.|10\.[01]\.\d+\.\d+/);
    expect(all).not.toMatch(/gw-[abcd]|zone-[123]|lab-egress|shop-egress|pcaps\/|in\.pcap/);
    expect(all).toMatch(/NODE-\d/);
    expect(all).toMatch(/Frame 40 [\s\S]*Its bytes are left out/);
  });

  test("changes names only: every number stays", async () => {
    const [plain, redacted] = [await reportOf(), await reportOf("--redact")];
    expect(redacted.frames).toEqual(plain.frames);
    expect(redacted.reasons).toEqual(plain.reasons);
    expect(redacted.gateways.map(({ connections }) => connections)).toEqual(
      plain.gateways.map(({ connections }) => connections),
    );
    expect(await reportOf("--redact").then((report) => report.gateways)).toEqual(redacted.gateways);
  });
});

describe("input that is wrong ends with 2", () => {
  test("a capture that does not exist", async () => {
    const { code, stderr } = await sluicegate("replay", "missing.pcap", "-m", MANIFESTS);
    expect(code).toBe(2);
    expect(stderr).toMatch(/missing\.pcap: .*ENOENT|missing\.pcap/);
  });

  test("manifests that do not exist, before the capture is touched", async () => {
    expect(await sluicegate("replay", WEB, "-m", "missing")).toMatchObject({ code: 2, stdout: "" });
  });

  test("faults of manifests, all at once, with their places", async () => {
    const file = at("bad.yaml");
    writeFileSync(
      file,
      'apiVersion: cilium.io/v2\nkind: CiliumEgressGatewayPolicy\nmetadata:\n  name: p\nspec:\n  selectors:\n    - podSelector: {}\n  destinationCIDRs: ["10.0.0.300/8"]\n  excludedCIDRs: ["x"]\n  egressGateway:\n    nodeSelector: {}\n',
    );
    const { code, stderr } = await sluicegate("check", "-m", file);
    expect(code).toBe(2);
    expect(stderr).toMatch(/bad\.yaml:8:\d+: .*10\.0\.0\.300\/8.*\n.*bad\.yaml:9:\d+: /);
    expect(stderr).toContain("2 faults in the manifests; nothing was applied");
  });

  test("a capture without any endpoint, with its busiest sources and the likely fix", async () => {
    const { code, stderr } = await sluicegate("replay", "pcaps/snat/uplink.pcap", "-m", MANIFESTS);
    expect(code).toBe(2);
    expect(stderr).toMatch(/203\.0\.113\.10 +407 frames +egress IP/);
    expect(stderr).toContain("sluicegate verify BEFORE AFTER");
    const allowed = await sluicegate("replay", "pcaps/snat/uplink.pcap", "-m", MANIFESTS, "--allow-no-match");
    expect(allowed.code).toBe(0);
  });

  test("damage in the middle, after everything before it was reported and written", async () => {
    const bytes = readFileSync(WEB);
    const damaged = Buffer.concat([bytes.subarray(0, 100_000), Buffer.alloc(64, 0xff), bytes.subarray(100_000)]);
    writeFileSync(at("damaged.pcap"), damaged);
    const { code, stdout, stderr } = await sluicegate(
      "replay",
      at("damaged.pcap"),
      "-m",
      MANIFESTS,
      "-o",
      at("d"),
      "--json",
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/damaged\.pcap: byte \d+: /);
    const report: ReplayReport = JSON.parse(stdout);
    expect(report.frames.read).toBeGreaterThan(100);
    expect(JSON.parse(readFileSync(at("d/report.json"), "utf8")).frames).toEqual(report.frames);
  });

  test("a last record that is cut off is a warning", async () => {
    writeFileSync(at("cut.pcap"), readFileSync(WEB).subarray(0, 100_001));
    const { code, stderr, stdout } = await sluicegate("replay", at("cut.pcap"), "-m", MANIFESTS);
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: .*cut\.pcap: .*cut off/);
    expect(stdout).toContain("the last record is cut off");
  });

  test("a result that would overwrite an input, under any of its names", async () => {
    const copy = at("copy.pcap");
    writeFileSync(copy, readFileSync(WEB));
    for (const flag of ["--report", "--html", "--save-state"]) {
      const { code, stderr } = await sluicegate("replay", copy, "-m", MANIFESTS, flag, join(folder, ".", "copy.pcap"));
      expect(code).toBe(2);
      expect(stderr).toContain("is an input");
    }
    const { code } = await sluicegate("replay", WEB, "-m", MANIFESTS, "--report", `${MANIFESTS}/nodes.yaml`);
    expect(code).toBe(2);
    expect(readFileSync(copy).equals(readFileSync(WEB))).toBe(true);
    expect(readFileSync(`${MANIFESTS}/nodes.yaml`, "utf8")).toContain("kind: Node");
  });

  test("two results in one file", async () => {
    const { code, stderr } = await replay("--report", at("same"), "--html", at("same"));
    expect({ code, exists: existsSync(at("same")) }).toEqual({ code: 2, exists: false });
    expect(stderr).toContain("is written twice");
  });

  test("a folder that cannot be written to", async () => {
    writeFileSync(at("file"), "");
    const { code, stderr } = await replay("--report", at("file/below.json"));
    expect(code).toBe(2);
    expect(stderr).toMatch(/below\.json: cannot be written \(ENOTDIR\)/);
  });

  test("a skew of a file that is not read", async () => {
    const { code, stderr } = await replay("--skew", "other.pcap=1");
    expect(code).toBe(2);
    expect(stderr).toContain("--skew names other.pcap, expected one of pcaps/web/in.pcap");
  });
});

describe("replay of connection records", () => {
  const records = (file: string, ...more: string[]) => sluicegate("replay", file, "-m", MANIFESTS, ...more);

  test("says what became of them and that nothing is verified", async () => {
    const { code, stdout } = await records("pcaps/records/flows.jsonl.gz");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /954 records \(hubble-flows\), 818 made into frames; not used: 125 other-observation, 10 inbound, 1 lost-events\n/,
    );
    expect(stdout).toMatch(/^Verification {2}off: frames made up of records prove nothing$/m);
  });

  test("--records-at dates a table", async () => {
    const { stdout } = await records("pcaps/records/ct-list.txt", "--records-at", "2026-11-23T08:00:00Z", "--json");
    expect(JSON.parse(stdout).input.firstFrame).toBe("2026-11-23T08:00:00.000000000Z");
    expect(await records("pcaps/records/ct-list.txt", "--records-at", "today")).toMatchObject({ code: 2 });
  });

  test("a faulty record ends it with its line, after everything before it", async () => {
    writeFileSync(
      at("bad.txt"),
      `${readFileSync("pcaps/records/ct-list.txt", "utf8")}TCP OUT 10.1.0.7 -> 198.51.100.9:443 x\n`,
    );
    const { code, stdout, stderr } = await records(at("bad.txt"), "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout).frames.read).toBe(531);
    expect(stderr).toBe(`${at("bad.txt")}:128: source is "10.1.0.7", expected ADDRESS:PORT\n`);
  });
});

describe("replay with a scenario", () => {
  const SCENARIO = "pcaps/scenarios/gw-a-dies.yaml";

  test("tells of the outage, and of the connection that it broke", async () => {
    const { code, stdout, stderr } = await replay("-s", SCENARIO);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/\nScenario {2}gw-a-dies \(pcaps\/scenarios\/gw-a-dies\.yaml\)/);
    expect(stdout).toMatch(/\n {2}gw-a {2}node-down {2}\+4\.100 s +0\.386 s +47 +1 +0\n/);
    expect(stdout).toMatch(
      /broken .* tcp 10\.1\.2\.10:60684 -> 198\.51\.100\.10:8090 +gw-a 203\.0\.113\.10 +gw-d .* failover/,
    );
  });

  test.each([
    ["lost>0", 1],
    ["broken>=1 and reasons.gateway-down=47", 1],
    ["lost>1000", 0],
  ])("--fail-on '%s' ends with %i", async (condition, code) => {
    expect((await replay("-s", SCENARIO, "--fail-on", condition)).code).toBe(code);
  });

  test("--redact hides nodes, files and addresses of the scenario, too", async () => {
    const text = (await replay("-s", SCENARIO, "--json", "--redact")).stdout;
    expect(JSON.parse(text).failovers).toHaveLength(1);
    expect(text).not.toMatch(/gw-[a-d]\b|203\.0\.113|gw-a-dies\.yaml/);
  });

  test("reports every fault of a scenario and of its manifests with its place, and replays nothing", async () => {
    const file = at("bad.yaml");
    const event = (more: string) => `    - at: 1s\n      ${more}\n`;
    const head = "apiVersion: sluicegate.io/v1\nkind: Scenario\nspec:\n  events:\n";
    writeFileSync(file, head + event("node: gw-x\n      event: node-down") + event("node: gw-a\n      event: explode"));
    const { code, stdout, stderr } = await replay("-s", file);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/bad\.yaml:6:\d+: .*gw-x.*expected a node of the manifests/);
    expect(stderr).toMatch(/bad\.yaml:10:\d+: .*explode.*expected one of node-down/);
    expect(stderr).toContain("2 faults in the scenario; nothing was applied");
    writeFileSync(
      at("policy.yaml"),
      "apiVersion: cilium.io/v2\nkind: CiliumEgressGatewayPolicy\nmetadata:\n  name: p\nspec: {}\n",
    );
    writeFileSync(file, head + event("manifests: policy.yaml"));
    const later = await replay("-s", file);
    expect(later.code).toBe(2);
    expect(later.stderr).toMatch(/policy\.yaml:\d+:\d+: CiliumEgressGatewayPolicy p/);
    expect(later.stderr).toContain("in the manifests; nothing was applied");
  });

  test("warns of what comes after the last frame: it never happens", async () => {
    const file = at("late.yaml");
    const event = (time: string, what: string) => `    - {at: ${time}, ${what}}\n`;
    const head = "apiVersion: sluicegate.io/v1\nkind: Scenario\nspec:\n  events:\n";
    writeFileSync(file, head + event("1s", "node: gw-a, event: drain") + event("76s", "node: gw-a, event: node-down"));
    const { code, stderr } = await replay("-s", file);
    const times = ["2026-11-23T08:00:00.480001000Z", "2026-11-23T07:58:52.068421000Z"];
    const text = `${file}: node-down of gw-a at ${times[0]} never happens: the last frame comes at ${times[1]}`;
    expect({ code, stderr }).toEqual({ code: 0, stderr: `warning: ${text}\n` });
    writeFileSync(
      file,
      head + event("76s", "node: gw-a, event: drain") + event("2m", `manifests: ${resolve(MANIFESTS)}`),
    );
    const both = (await replay("-s", file)).stderr;
    expect(both).toContain("drain of gw-a at 2026-11-23T08:00:00.480001000Z and 1 later event never happen: the last");
    expect((await replay("-s", file, "--redact")).stderr).not.toMatch(/gw-a|late\.yaml/);
  });

  test("refuses to write over the scenario", async () => {
    const { code, stderr } = await replay("-s", SCENARIO, "--report", SCENARIO);
    expect(code).toBe(2);
    expect(stderr).toContain("is an input");
  });
});
