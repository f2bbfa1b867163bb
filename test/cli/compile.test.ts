import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sluicegate } from "./fake-console.js";

let root: string;
let folder: string;
let number = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "sluicegate-compile-"));
});
beforeEach(() => {
  folder = join(root, String(number++));
  mkdirSync(folder);
});
afterAll(() => rmSync(root, { recursive: true }));

const compile = (file: string, ...flags: string[]) =>
  sluicegate("compile", "-m", "pcaps/manifests", "-o", join(folder, file), ...flags);

function written(name: string): { blob: string; text: string } {
  return {
    blob: readFileSync(join(folder, `${name}.bin`)).toString("hex"),
    text: readFileSync(join(folder, `${name}.json`), "utf8"),
  };
}

describe("compile", () => {
  test("writes the blob and what has to be known about it, and says so in two lines", async () => {
    const { code, stdout, stderr } = await compile("policy.bin");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readdirSync(folder).sort()).toEqual(["policy.bin", "policy.json"]);
    expect(stdout.replaceAll(folder, "DIR")).toBe(
      `DIR/policy.bin: 2.1 KiB, nodes 7, egresses 5, policies 3, prefixes 34, endpoints 10
DIR/policy.json: ABI version 4, configuration for 524,288 connections, 0 calls after loading
`,
    );
    expect(readFileSync(join(folder, "policy.bin")).toString("latin1", 0, 4)).toBe("SGP1");
    const document = JSON.parse(written("policy").text);
    expect(document.blob.file).toBe("policy.bin");
    expect(
      document.egresses.map(({ nodeName, ipv4 }: { nodeName: string; ipv4: string }) => `${nodeName} ${ipv4}`),
    ).toContain("gw-a 203.0.113.10");
    expect(document.policies.map(({ name }: { name: string }) => name)).toEqual([
      "billing-egress",
      "lab-egress",
      "shop-egress",
    ]);
  });

  test("--json prints the document as it stands in the file", async () => {
    const { stdout } = await compile("policy.bin", "--json");
    expect(stdout).toBe(written("policy").text);
  });

  test("the same manifests give the same bytes, wherever they and the results lie", async () => {
    await compile("policy.bin");
    const first = written("policy");
    const elsewhere = join(folder, "copy");
    cpSync("pcaps/manifests", elsewhere, { recursive: true });
    mkdirSync(join(folder, "out"));
    await sluicegate("compile", "-m", elsewhere, "-o", join(folder, "out/policy.bin"));
    folder = join(folder, "out");
    expect(written("policy")).toEqual(first);
    expect(first.text).not.toContain("pcaps");
  });

  test("writes over what it wrote before, as other commands do", async () => {
    await compile("policy.bin", "--seed", "1");
    const first = written("policy");
    await compile("policy.bin", "--seed", "2");
    expect(written("policy").text).not.toBe(first.text);
    await compile("policy.bin", "--seed", "1");
    expect(written("policy")).toEqual(first);
  });

  test.each([
    ["--snat-ports", "40000-40999", true],
    ["--nat-profile", "rfc", true],
    ["--timeout", "udp=30s", true],
    ["--seed", "2", false],
    ["--balance", "random", false],
    ["--mid-stream", "drop", false],
    ["--unsupported", "pass", false],
    ["--bad-checksum", "drop", false],
    ["--connections", "1000", false],
    ["--batch", "64", false],
  ])("%s %s shows in the result", async (flag, value, showsInBlob) => {
    await compile("plain.bin");
    await compile("other.bin", flag, value);
    const record = (name: string) => JSON.parse(written(name).text).configuration.record;
    expect(written("other").blob === written("plain").blob).toBe(!showsInBlob);
    if (!showsInBlob || flag === "--nat-profile") expect(record("other")).not.toBe(record("plain"));
  });

  test("faults of manifests are those that check prints, at the same places, and nothing is written", async () => {
    const bad = join(folder, "bad");
    cpSync("pcaps/manifests", bad, { recursive: true });
    const policies = readFileSync(join(bad, "policies.yaml"), "utf8");
    const spoiled = policies
      .replace("0.0.0.0/0", "0.0.0.0/33")
      .replace("egressIP: 203.0.113.21", "egressIP: 203.0.113.300");
    writeFileSync(join(bad, "policies.yaml"), spoiled);
    const check = await sluicegate("check", "-m", bad);
    const { code, stdout, stderr } = await sluicegate("compile", "-m", bad, "-o", join(folder, "policy.bin"));
    expect(code).toBe(2);
    expect({ code, stderr }).toEqual({ code: check.code, stderr: check.stderr });
    expect(stderr.match(/policies\.yaml:\d+:\d+: /g)).toHaveLength(2);
    expect(stdout).toBe("");
    expect(existsSync(join(folder, "policy.bin")) || existsSync(join(folder, "policy.json"))).toBe(false);
  });

  test("what no engine takes is refused, and nothing is written", async () => {
    const { code, stderr } = await compile("policy.bin", "--connections", "64", "--timeout", "udp=400h");
    expect(code).toBe(2);
    expect(stderr).toContain("udp");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("refuses to write over its manifests, and both results into one file", async () => {
    cpSync("pcaps/manifests", folder, { recursive: true });
    writeFileSync(join(folder, "nodes.json"), "[]");
    const over = async (file: string) => sluicegate("compile", "-m", folder, "-o", join(folder, file));
    expect((await over("nodes.yaml")).stderr).toContain("is an input");
    expect((await over("nodes.bin")).stderr).toContain("nodes.json: is an input");
    expect((await over("policy.json")).stderr).toContain(
      "policy.json: is the name of what is written beside the policy",
    );
    expect((await over("policy.json")).code).toBe(2);
    const { code, stderr } = await sluicegate("compile", "-m", folder, "-o", "-");
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "-: two files are written, expected a name such as policy.bin\n",
    });
    expect(readFileSync(join(folder, "nodes.yaml"), "utf8")).toBe(readFileSync("pcaps/manifests/nodes.yaml", "utf8"));
  });

  test("a folder that is not there, and a missing -o or -m, are usage errors", async () => {
    const { code, stderr } = await compile("no/where/policy.bin");
    expect({ code, stderr: stderr.replaceAll(folder, "DIR") }).toEqual({
      code: 2,
      stderr: "DIR/no/where/policy.bin: cannot be written (ENOENT)\n",
    });
    expect((await sluicegate("compile", "-m", "pcaps/manifests")).stderr).toContain(
      "--output is missing, expected -o FILE",
    );
    expect((await sluicegate("compile", "-o", "x.bin")).stderr).toContain("--manifests is missing");
  });

  test("a policy without a file ending gets its document beside it", async () => {
    await compile("policy");
    expect(readdirSync(folder).sort()).toEqual(["policy", "policy.json"]);
    expect(JSON.parse(readFileSync(join(folder, "policy.json"), "utf8")).blob.file).toBe("policy");
  });

  test("warnings of manifests show on standard error", async () => {
    const warned = join(folder, "warned");
    cpSync("pcaps/manifests", warned, { recursive: true });
    const policies = readFileSync(join(warned, "policies.yaml"), "utf8");
    writeFileSync(
      join(warned, "policies.yaml"),
      policies.replace("  azAffinity: disabled", "  azAffinity: disabled\n  colour: red"),
    );
    const { code, stderr } = await sluicegate("compile", "-m", warned, "-o", join(folder, "policy.bin"));
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*policies\.yaml:\d+:\d+: .*colour/);
  });
});
