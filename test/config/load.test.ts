import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { loadManifests, loadManifestTexts } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { PolicyError, UsageError } from "../../src/errors.js";
import {
  faultsOf,
  list,
  load,
  loadYaml,
  namespace,
  pod,
  temporaryFolder,
  warningsOf,
  writeFiles,
} from "./manifests.js";

const names = (model: PolicyModel) => model.endpoints.map(({ name }) => name);
const yamlPod = (name: string, ip: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nstatus: {podIP: ${ip}}\n`;

describe("loadManifests reads", () => {
  test("YAML, JSON and gzip in folders, sorted by name, folders inside of folders as well", () => {
    const folder = writeFiles({
      "2.yaml": yamlPod("b", "10.0.0.2"),
      "1.json": pod("a", "10.0.0.1"),
      "4.yml.gz": gzipSync(yamlPod("d", "10.0.0.4")),
      "notes.txt": "not a manifest",
      ".hidden.yaml": "{",
    });
    mkdirSync(join(folder, "3"));
    writeFileSync(join(folder, "3", "c.json.gz"), gzipSync(JSON.stringify(pod("c", "10.0.0.3"))));
    const model = loadManifests([folder]);
    expect(names(model)).toEqual(["a", "b", "c", "d"]);
    expect(warningsOf(model)).toEqual([
      `1 files that are neither YAML nor JSON by name were passed over, the first: ${folder}/notes.txt`,
    ]);
  });

  test("a file that is named, whatever its name, by its content", () => {
    const folder = writeFiles({
      "dump.txt": JSON.stringify(pod("a", "10.0.0.1")),
      other: yamlPod("b", "10.0.0.2"),
      z: gzipSync(yamlPod("c", "10.0.0.3")),
    });
    expect(names(loadManifests([join(folder, "dump.txt"), join(folder, "other"), join(folder, "z")]))).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("a file once, however often it is named, and loops of links only once", () => {
    const folder = writeFiles({ "a.json": pod("a", "10.0.0.1") });
    symlinkSync(folder, join(folder, "loop"));
    expect(loadManifests([folder, join(folder, "a.json"), folder]).objectCounts).toEqual(new Map([["Pod", 1]]));
  });

  test("several documents, empty ones, comments, byte order marks and CRLF", () => {
    const text = `\uFEFF# head\r\n---\r\n${yamlPod("a", "10.0.0.1").replaceAll("\n", "\r\n")}---\r\n---\r\n# nothing\r\n---\r\n${yamlPod("b", "10.0.0.2")}...\n`;
    expect(names(loadYaml(text))).toEqual(["a", "b"]);
  });

  test("lists of kind List and PodList, lists in lists, bare JSON lists and values in a row", () => {
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name, index) => pod(name, `10.0.0.${index}`)) as [
      object,
      object,
      object,
      object,
    ];
    expect(names(load([a, list([b, list([c])]), d]))).toEqual(["a", "b", "c", "d"]);
    const bare = (item: object) => ({ ...item, apiVersion: undefined, kind: undefined });
    const typed = { apiVersion: "v1", items: [bare(a), bare(b)], kind: "PodList", metadata: { resourceVersion: "1" } };
    expect(names(loadManifests([writeFiles({ "a.json": typed })]))).toEqual(["a", "b"]);
    expect(names(loadManifests([writeFiles({ "a.json": [a, b] })]))).toEqual(["a", "b"]);
    expect(names(loadManifests([writeFiles({ "a.json": `${JSON.stringify(a)}\n${JSON.stringify(b)}` })]))).toEqual([
      "a",
      "b",
    ]);
  });

  test("the same from YAML as from JSON", () => {
    const objects = [
      pod("a", "10.0.0.1", { labels: { app: "x" }, created: "2026-01-01T00:00:00Z" }),
      namespace("default", { t: "1" }),
    ];
    const asYaml = loadYaml(
      `apiVersion: v1\nkind: List\nitems:\n${objects.map((object) => `- ${JSON.stringify(object)}`).join("\n")}\n`,
    );
    expect({ ...asYaml, warnings: [] }).toEqual({ ...load(objects), warnings: [] });
  });

  test("aliases, merge keys and unquoted times", () => {
    const text = `apiVersion: v1
kind: Pod
metadata: &meta {name: a, namespace: n, creationTimestamp: 2026-01-01T00:00:00Z}
status: {podIP: 10.0.0.1}
---
x-shared: &shared {namespace: m}
apiVersion: v1
kind: Pod
metadata: {<<: *shared, name: b}
status: {podIP: 10.0.0.2}
`;
    const model = loadYaml(text);
    expect(model.endpoints.map(({ namespace: ns, name }) => `${ns}/${name}`)).toEqual(["n/a", "m/b"]);
    expect(model.endpoints[0]!.fromNs).toBe(BigInt(Date.parse("2026-01-01T00:00:00Z")) * 1_000_000n);
  });
});

describe("loadManifests takes pipes", () => {
  /** Runs `loadManifests` on a named pipe that another process writes `text` to. */
  function loadFromPipe(text: string): { endpoints: string[]; message: string } {
    const folder = writeFiles({ text });
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const writer = spawn("sh", ["-c", 'cat "$1" > "$2"', "sh", join(folder, "text"), pipe], { stdio: "ignore" });
    try {
      return { endpoints: names(loadManifests([pipe])), message: "" };
    } catch (error) {
      if (error instanceof PolicyError) return { endpoints: [], message: error.message.replace(pipe, "pipe") };
      throw error;
    } finally {
      writer.kill();
    }
  }

  test("and finds the lines of faults though they can be read only once", () => {
    expect(loadFromPipe(yamlPod("a", "10.0.0.1")).endpoints).toEqual(["a"]);
    expect(loadFromPipe(yamlPod("a", "10.0.0")).message).toBe(
      'pipe:4:17: Pod default/a status.podIP is "10.0.0", expected an IPv4 or IPv6 address',
    );
  });

  test("but no devices, which may never end", () => {
    expect(() => loadManifests(["/dev/zero"])).toThrow(
      "/dev/zero: cannot be read: it is a device, expected a file, a folder or a pipe",
    );
  });
});

describe("loadManifests counts", () => {
  test("objects that count and kinds that do not, kinds of the same name in other groups apart", () => {
    const model = load([
      pod("a", "10.0.0.1"),
      { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d" } },
      { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "e" } },
      { apiVersion: "serving.knative.dev/v1", kind: "Service", metadata: { name: "s" } },
      { apiVersion: "sluicegate.io/v1", kind: "Scenario", spec: {} },
    ]);
    expect(model.objectCounts).toEqual(new Map([["Pod", 1]]));
    expect(model.ignoredKinds).toEqual(
      new Map([
        ["Deployment", 2],
        ["Service.serving.knative.dev", 1],
        ["Scenario", 1],
      ]),
    );
  });
});

describe("loadManifests refuses", () => {
  test.each<[string, (folder: string) => string[], RegExp]>([
    ["a path that is not there", (folder) => [join(folder, "none.yaml")], /none\.yaml: cannot be read: ENOENT/],
    ["a folder without manifests", (folder) => [folder], /no manifests there, expected \.yaml, \.yml or \.json files$/],
    ["no path at all", () => [], /^no path: no manifests there/],
  ])("%s", (_what, paths, message) => {
    const folder = temporaryFolder();
    expect(() => loadManifests(paths(folder))).toThrow(UsageError);
    expect(() => loadManifests(paths(folder))).toThrow(message);
  });

  test("gzip that was cut off", () => {
    const folder = writeFiles({ "a.json.gz": gzipSync(JSON.stringify(pod("a", "10.0.0.1"))).subarray(0, 40) });
    expect(() => loadManifests([folder])).toThrow(/a\.json\.gz: cannot be read: unexpected end of file/);
  });

  test("a service CIDR that is none", () => {
    const folder = writeFiles({ "a.json": pod("a", "10.0.0.1") });
    expect(() => loadManifests([folder], { serviceCIDRs: ["10.96.0.0"] })).toThrow(
      '--service-cidr is "10.96.0.0", expected a CIDR such as 10.96.0.0/12',
    );
  });

  test("a broken flow mapping in a YAML file that looks like JSON, as YAML", () => {
    expect(faultsOf({ "a.yaml": "{kind: Pod\n" })[0]).toMatch(
      /^a\.yaml:2:1: the text is broken \(.*\), expected well-formed YAML$/,
    );
  });
});

describe("loadManifestTexts", () => {
  const text = `${yamlPod("a", "10.0.0.1")}---\n${yamlPod("b", "10.0.0.2")}`;

  test("reads from memory what loadManifests reads from files", () => {
    const folder = writeFiles({ "pods.yaml": text, "more.json": pod("c", "10.0.0.3") });
    const texts = new Map([
      ["more.json", JSON.stringify(pod("c", "10.0.0.3"))],
      ["pods.yaml", text],
    ]);
    expect(loadManifestTexts(texts)).toEqual(loadManifests([folder]));
  });

  test("reports faults under the names that it was given", () => {
    const texts = new Map([["made-up.yaml", yamlPod("a", "10.0.0.300")]]);
    expect(() => loadManifestTexts(texts)).toThrow(/^made-up\.yaml:4:\d+: .*"10\.0\.0\.300", expected an/);
  });
});
