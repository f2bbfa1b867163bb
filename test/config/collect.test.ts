import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { collectScript } from "../../src/config/collect.js";
import { loadManifests } from "../../src/config/load.js";
import { ciliumPolicy, list, namespace, node, temporaryFolder } from "./manifests.js";

const TOOLS = ["sh", "mkdir", "mv", "rm", "sed", "grep", "cat"];
const STRIPPERS = ["jq", "python3", "node"] as const;

const POD = {
  metadata: {
    name: "web",
    namespace: "shop",
    uid: "u-1",
    labels: { app: "web" },
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": '{"env":[{"value":"SECRET"}]}' },
    creationTimestamp: "2026-01-01T00:00:00Z",
  },
  spec: {
    nodeName: "n1",
    containers: [
      {
        name: "c",
        env: [{ name: "PASSWORD", value: "SECRET" }],
        args: ["--token=SECRET"],
        ports: [{ containerPort: 8080 }],
      },
    ],
    initContainers: [{ name: "i", envFrom: [{ secretRef: { name: "SECRET" } }] }],
  },
  status: { phase: "Running", podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }] },
};
const CONFIG = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "cilium-config" },
  data: { "tunnel-port": "8473" },
};

/** What the fake cluster holds, by kind as kubectl is asked for it. */
const OBJECTS: Readonly<Record<string, object>> = {
  nodes: list([node("n1", "172.18.0.2")]),
  pods: { apiVersion: "v1", items: [{ ...POD, apiVersion: "v1", kind: "Pod" }], kind: "List" },
  namespaces: list([namespace("shop", {})]),
  services: list([]),
  configmaps: list([CONFIG]),
  "ciliumegressgatewaypolicies.cilium.io": list([ciliumPolicy("p", {})]),
};

/** A PATH with a fake kubectl that serves `OBJECTS`, the few tools that the script may use, and `strippers`. */
function fakePath(strippers: readonly string[], broken: string[] = []): { path: string; calls: string } {
  const folder = temporaryFolder();
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const tool of TOOLS) symlinkSync(which(tool)!, join(bin, tool));
  for (const tool of strippers)
    writeFileSync(join(bin, tool), `#!/bin/sh\nexec ${which(tool)} "$@"\n`, { mode: 0o755 });
  for (const [kind, value] of Object.entries(OBJECTS))
    writeFileSync(join(folder, `${kind}.json`), JSON.stringify(value));
  const calls = join(folder, "calls");
  const script = `#!/bin/sh
echo "$*" >> "${calls}"
if [ "$1" != get ] || [ "$3" != -A ] || [ "$4" != -o ]; then echo "unexpected call" >&2; exit 3; fi
case " ${broken.join(" ")} " in *" $2 "*) echo "Error from server (Forbidden): $2 is forbidden" >&2; exit 1 ;; esac
if [ ! -f "${folder}/$2.json" ]; then echo "error: the server doesn't have a resource type \\"$2\\"" >&2; exit 1; fi
cat "${folder}/$2.json"
`;
  writeFileSync(join(bin, "kubectl"), script);
  chmodSync(join(bin, "kubectl"), 0o755);
  return { path: bin, calls };
}

function which(tool: string): string | undefined {
  const found = spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim();
  return found === ""
    ? undefined
    : tool === "python3"
      ? execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim()
      : found;
}

function run(path: string): { status: number | null; stderr: string; folder: string } {
  const folder = join(temporaryFolder(), "dump with space");
  const { status, stderr } = spawnSync(which("sh")!, ["-s", folder], {
    input: collectScript(),
    encoding: "utf8",
    env: { PATH: path },
  });
  return { status, stderr, folder };
}

const PRESENT = STRIPPERS.filter((tool) => which(tool) !== undefined);

describe("collectScript", () => {
  test("is clean POSIX shell", () => {
    const { status, stderr } = spawnSync("sh", ["-n"], { input: collectScript(), encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    expect(collectScript()).not.toMatch(/\[\[|\blocal |function |<\(|\bpipefail\b/);
  });

  test.each(PRESENT)("leaves one file per kind that loads, with pods stripped by %s to what counts", (tool) => {
    const { status, stderr, folder } = run(fakePath([tool]).path);
    expect(stderr).toMatch(/done, see /);
    expect(status).toBe(0);
    expect(readdirSync(folder)).toEqual(
      [
        "ciliumegressgatewaypolicies.json",
        "cilium-config.json",
        "namespaces.json",
        "nodes.json",
        "pods.json",
        "services.json",
      ].sort(),
    );
    const pods = readFileSync(join(folder, "pods.json"), "utf8");
    expect(pods).not.toContain("SECRET");
    const model = loadManifests([folder]);
    expect(model.warnings.filter(({ text }) => text.includes("not a field"))).toEqual([]);
    expect(model.endpoints).toMatchObject([
      {
        namespace: "shop",
        name: "web",
        uid: "u-1",
        node: "n1",
        servicePorts: [{ protocol: "TCP", port: 8080 }],
        fromNs: 1_767_225_600_000_000_000n,
      },
    ]);
    expect(model.settings.tunnelPort.value).toBe(8473);
    expect(model.policies.map(({ name }) => name)).toEqual(["p"]);
  });

  test("asks for one kind at a time, and for no ConfigMap but cilium-config", () => {
    const { path, calls } = fakePath(["node"]);
    run(path);
    const lines = readFileSync(calls, "utf8").trim().split("\n");
    expect(
      lines.filter((line) => !/^get [a-z.]+ -A -o json( --field-selector metadata\.name=cilium-config)?$/.test(line)),
    ).toEqual([]);
    expect(lines.filter((line) => line.startsWith("get configmaps"))).toEqual([
      "get configmaps -A -o json --field-selector metadata.name=cilium-config",
    ]);
    expect(lines.join()).not.toMatch(/secret/i);
  });

  test("without any of these tools lets kubectl's own templates name the fields, so that no environment leaves it", () => {
    const { path, calls } = fakePath([]);
    run(path);
    const asked = readFileSync(calls, "utf8")
      .split("\n")
      .find((line) => line.startsWith("get pods"))!;
    expect(asked).toMatch(/^get pods -A -o go-template=\{"apiVersion":"v1","kind":"List"/);
    const fields = new Set([...asked.matchAll(/\.[a-z][A-Za-z.]*/g)].map(([field]) => field));
    expect([...fields].sort()).toEqual(
      [
        ".containerPort",
        ".containers",
        ".ip",
        ".items",
        ".metadata.creationTimestamp",
        ".metadata.deletionTimestamp",
        ".metadata.labels",
        ".metadata.name",
        ".metadata.namespace",
        ".metadata.uid",
        ".name",
        ".ports",
        ".protocol",
        ".spec.containers",
        ".spec.hostNetwork",
        ".spec.nodeName",
        ".spec.serviceAccountName",
        ".status.phase",
        ".status.podIP",
        ".status.podIPs",
      ].filter((field) => fields.has(field)),
    );
    expect(asked).not.toMatch(/env|args|command|annotations/);
  });

  test("leaves a kind out that the cluster does not know, and says so", () => {
    const { stderr } = run(fakePath(["node"]).path);
    expect(stderr).toMatch(/isovalentegressgatewaypolicies\.isovalent\.com is unknown to this cluster, left out/);
  });

  test.each(["nodes", "pods"])(
    "ends with 1 and the server's words where %s may not be read, with the rest dumped",
    (kind) => {
      const { status, stderr, folder } = run(fakePath(["node"], [kind]).path);
      expect(status).toBe(1);
      expect(stderr).toMatch(new RegExp(`collect: ${kind}: Error from server \\(Forbidden\\): ${kind} is forbidden`));
      expect(stderr).toMatch(/1 kinds failed/);
      expect(readdirSync(folder)).not.toContain(`${kind}.json`);
      expect(readdirSync(folder)).toContain("namespaces.json");
      expect(readdirSync(folder).filter((name) => /\.(part|errors)$/.test(name))).toEqual([]);
    },
  );

  test("keeps its files from others", () => {
    const { folder } = run(fakePath(["node"]).path);
    expect(statSync(join(folder, "pods.json")).mode & 0o077).toBe(0);
  });

  test("ends with 2 without kubectl", () => {
    const folder = temporaryFolder();
    for (const tool of TOOLS) symlinkSync(which(tool)!, join(folder, tool));
    const { status, stderr } = run(folder);
    expect([status, stderr]).toEqual([2, "collect: kubectl is not on the PATH\n"]);
  });
});
