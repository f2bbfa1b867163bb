import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sluicegate } from "./fake-console.js";

const MANIFESTS = ["-m", "pcaps/manifests"];
const LIST = "pcaps/records/nat-list.txt";
const CAPTURES = ["--inside", "pcaps/snat/inside.pcap", "--uplink", "pcaps/snat/uplink.pcap"];
/** A DNS query of cart-0 that a Linux gateway translated (pcaps/snat). */
const DNS = "203.0.113.10:62548@2026-11-23T07:59:27Z";
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-who-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A list of these lines, as a file. */
function list(...lines: string[]): string {
  const path = join(folder, `${lines.length}.txt`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

describe("who answers by what real gateways did", () => {
  test.each([
    ["a list", ["--pins", `${LIST}@2026-11-23T07:59:33Z`]],
    ["captures on both sides", CAPTURES],
  ])("%s", async (_, source) => {
    const { code, stdout, stderr } = await sluicegate("who", DNS, ...source, ...MANIFESTS, "--json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { schema, answers } = JSON.parse(stdout);
    expect(schema).toBe("sluicegate.io/who/v1");
    expect(answers).toEqual([
      expect.objectContaining({
        pod: "shop/cart-0",
        node: "w1",
        endpoint: "10.1.1.10",
        endpointPort: 51465,
        protocol: "UDP",
        remote: "198.51.100.53",
        remotePort: 53,
      }),
    ]);
    expect(Date.parse(answers[0].from)).toBeLessThanOrEqual(Date.parse("2026-11-23T07:59:28Z"));
  });

  test("both say the same of every mapping that the captures hold", async () => {
    const { stdout } = await sluicegate("who", "203.0.113.10:39949@1795420771", ...CAPTURES, ...MANIFESTS, "--json");
    const listed = await sluicegate("who", "203.0.113.10:39949@1795420771", "--pins", LIST, ...MANIFESTS, "--json");
    const strip = (text: string) =>
      JSON.parse(text).answers.map(({ endpoint, remote }: Record<string, string>) => [endpoint, remote]);
    expect(strip(stdout)).toEqual(strip(listed.stdout));
    expect(strip(stdout)).toHaveLength(1);
  });

  test("as a table; a list without a time says that it proves no time", async () => {
    const { code, stdout, stderr } = await sluicegate("who", DNS, "--pins", LIST, ...MANIFESTS);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^pod +endpoint +protocol +remote +from +until +source\nshop\/cart-0 +10\.1\.1\.10:51465 +UDP +198\.51\.100\.53:53 +\? +\? +pcaps/,
    );
    expect(stderr).toMatch(/^note: pcaps\/records\/nat-list\.txt does not say when it was printed: .* not proven/);
  });

  test("without manifests it knows addresses only", async () => {
    const { code, stdout, stderr } = await sluicegate("who", DNS, "--pins", `${LIST}@2026-11-23T07:59:33Z`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\? +10\.1\.1\.10:51465 /m);
    expect(stderr).toBe("note: no manifests were given (-m): pods are not named\n");
  });

  test("a port that several remotes see lists all, and --remote tells them apart", async () => {
    const line = (pod: number, remote: string) =>
      `TCP OUT 10.1.1.${pod}:5000 -> ${remote} XLATE_SRC 203.0.113.10:5000 Created=5sec ago NeedsCT=1`;
    const pins = `${list(line(10, "198.51.100.10:443"), line(11, "198.51.100.10:80"), line(11, "198.51.100.53:443"))}@1795420772`;
    const who = (...more: string[]) =>
      sluicegate("who", "203.0.113.10:5000@1795420770", "--pins", pins, ...MANIFESTS, ...more);
    const { stdout, stderr } = await who();
    expect(stdout.trimEnd().split("\n")).toHaveLength(4);
    expect(stderr).toBe("note: several connections had the tuple: the remote tells them apart (--remote)\n");
    expect((await who("--remote", "198.51.100.53")).stdout).toMatch(/\nshop\/cart-1 +10\.1\.1\.11:5000 .*\n$/);
    expect((await who("--remote", "198.51.100.10:443")).stdout).toMatch(/\nshop\/cart-0 +10\.1\.1\.10:5000 .*\n$/);
    expect(await who("--remote", "198.51.100.99")).toMatchObject({ code: 1, stdout: "" });
  });

  test("a node's own connection is the node's, no pod's", async () => {
    const pins = list(
      "TCP OUT 10.0.0.21:6000 -> 198.51.100.10:443 XLATE_SRC 203.0.113.10:6000 Created=1sec ago NeedsCT=1",
    );
    const { stdout } = await sluicegate("who", "203.0.113.10:6000@1795420770", "--pins", pins, ...MANIFESTS);
    expect(stdout).toMatch(/^node gw-a +10\.0\.0\.21:6000 /m);
  });
});

describe("exit code 1, and no name, where nobody is known to have had it", () => {
  test("at that time: it says when somebody had", async () => {
    const early = DNS.replace("07:59:27", "07:50:00");
    for (const source of [["--pins", `${LIST}@2026-11-23T07:59:33Z`], CAPTURES]) {
      const { code, stdout, stderr } = await sluicegate("who", early, ...source, ...MANIFESTS);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(
        /^203\.0\.113\.10:62548: nobody is known .*; it was in use from 2026-11-23T07:59:2\d\S+ to 2026/,
      );
      expect(stderr).not.toMatch(/cart|10\.1\./);
    }
  });

  test("at all, also as JSON", async () => {
    const { code, stdout } = await sluicegate("who", "203.0.113.10:1@1795420770", "--pins", LIST, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ answers: [], otherTimes: [], notes: [] });
  });

  test("a pod that came by the address later is not named", async () => {
    const pins = list("UDP OUT 10.1.1.10:1 -> 198.51.100.53:53 XLATE_SRC 203.0.113.10:1024 Created=1sec ago NeedsCT=1");
    const { code, stdout } = await sluicegate(
      "who",
      "203.0.113.10:1024@2023-01-01T00:00:00Z",
      "--pins",
      pins,
      ...MANIFESTS,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\? +10\.1\.1\.10:1 /m);
  });
});

describe("exit code 2", () => {
  test.each([
    ["nothing real to answer from", [DNS, ...MANIFESTS], "simulated and must not name a pod in an abuse report"],
    ["half of two captures", [DNS, "--uplink", "a.pcap", ...MANIFESTS], "--uplink and --inside go together"],
    ["the other half", [DNS, "--inside", "a.pcap", "--pins", LIST, ...MANIFESTS], "--uplink and --inside go together"],
    ["captures without manifests", [DNS, ...CAPTURES], "expected -m PATH to tell pods by"],
    ["no time", ["203.0.113.10:62548", "--pins", LIST], "expected EGRESS_IP:PORT@TIME, such as"],
    ["no port", ["203.0.113.10@2026-11-23T07:59:27Z", "--pins", LIST], "expected EGRESS_IP:PORT@TIME"],
    ["a port too high", ["203.0.113.10:65536@1795420770", "--pins", LIST], "expected EGRESS_IP:PORT@TIME"],
    [
      "a remote that is none",
      [DNS, "--pins", LIST, "--remote", "example.org"],
      '--remote is "example.org", expected ADDRESS',
    ],
    [
      "a list that does not exist",
      [DNS, "--pins", "missing.txt@1795420770"],
      "missing.txt: cannot be opened (ENOENT), expected a readable file",
    ],
    ["a list that is none", [DNS, "--pins", "pcaps/README.md"], "pcaps/README.md: byte 0: holds no pin"],
  ])("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await sluicegate("who", ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("an IPv6 egress IP stands in brackets", async () => {
    const pins = list("TCP OUT [fd00::7]:1 -> [2001:db8::9]:2 XLATE_SRC [2001:db8:aa::1]:3 Created=1sec ago NeedsCT=1");
    expect(await sluicegate("who", "[2001:db8:aa::1]:3@1795420770.5", "--pins", pins)).toMatchObject({ code: 0 });
    expect(await sluicegate("who", "2001:db8:aa::1:3@1795420770.5", "--pins", pins)).toMatchObject({ code: 2 });
  });
});
