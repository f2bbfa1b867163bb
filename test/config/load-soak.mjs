// Loads large cluster dumps and prints time and peak memory: node test/config/load-soak.mjs [MEGABYTES] after `npm run build:ts`.
// Not part of `npm test`: it takes a minute and its figures depend on the machine.
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const LOAD = "../../dist/src/config/load.js";
const NODES = 200;

/** A pod as the API server returns it: about 5 kB, most of it of no concern here. */
function pod(number) {
  const ip = `10.${(number >> 16) & 0xff}.${(number >> 8) & 0xff}.${number & 0xff}`;
  const conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];
  const time = "2026-01-01T00:00:00Z";
  const env = Array.from({ length: 24 }, (_, index) => ({
    name: `SETTING_NUMBER_${index}`,
    value: `value of ${index}, as long as such values tend to be`,
  }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `app-${number % 500}-${number}`,
      namespace: `team-${number % 50}`,
      uid: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
      labels: {
        app: `app-${number % 500}`,
        "pod-template-hash": String(number % 997),
        tier: number % 3 === 0 ? "front" : "back",
      },
      annotations: { "example.com/checksum": "0123456789abcdef".repeat(4) },
      creationTimestamp: time,
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: `app-${number % 500}`, uid: "x", controller: true },
      ],
    },
    spec: {
      nodeName: `node-${number % NODES}`,
      serviceAccountName: "default",
      containers: [
        {
          name: "main",
          image: "registry.example.com/app:1",
          env,
          ports: [{ containerPort: 8080, name: "http", protocol: "TCP" }],
        },
      ],
      tolerations: [
        { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
      ],
    },
    status: {
      phase: "Running",
      podIP: ip,
      podIPs: [{ ip }],
      conditions: conditions.map((type) => ({ type, status: "True", lastProbeTime: null, lastTransitionTime: time })),
    },
  };
}

function others() {
  const nodes = Array.from({ length: NODES }, (_, number) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: `node-${number}`,
      labels: { egress: number < 4 ? "yes" : "no", "topology.kubernetes.io/zone": `z${number % 3}` },
    },
    spec: { podCIDR: `172.20.${number}.0/24` },
    status: { addresses: [{ type: "InternalIP", address: `172.18.0.${number + 1}` }] },
  }));
  const services = Array.from({ length: 500 }, (_, number) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: `app-${number}`, namespace: `team-${number % 50}` },
    spec: {
      clusterIP: `172.30.${number >> 8}.${number & 255}`,
      selector: { app: `app-${number}` },
      ports: [{ port: 80, targetPort: "http" }],
    },
  }));
  const policies = Array.from({ length: 500 }, (_, number) => ({
    apiVersion: "isovalent.com/v1",
    kind: "IsovalentEgressGatewayPolicy",
    metadata: { name: `app-${number}` },
    spec: {
      selectors: [{ podSelector: { matchLabels: { app: `app-${number}` } } }],
      destinationCIDRs: ["0.0.0.0/0"],
      egressGroups: [{ nodeSelector: { matchLabels: { egress: "yes" } }, interface: "eth1" }],
    },
  }));
  return [...nodes, ...services, ...policies];
}

/** Writes a list of about `megabytes` as kubectl would. @returns pods written */
function writeDump(path, megabytes, format) {
  const file = openSync(path, "w");
  const isJson = format === "json";
  const text = isJson
    ? (object) => JSON.stringify(object, undefined, 4).replaceAll("\n", "\n        ")
    : (object) => `- ${yaml(object, "  ").trimStart()}`;
  let size = writeSync(
    file,
    isJson ? '{\n    "apiVersion": "v1",\n    "items": [\n        ' : "apiVersion: v1\nitems:\n",
  );
  const separator = isJson ? ",\n        " : "";
  for (const object of others()) size += writeSync(file, text(object) + separator);
  let count = 0;
  let batch = "";
  for (; size + batch.length < megabytes * 1e6; count++) {
    batch += (count > 0 ? separator : "") + text(pod(count));
    if (batch.length < 1e6) continue;
    size += writeSync(file, batch);
    batch = "";
  }
  writeSync(
    file,
    `${batch}${isJson ? '\n    ],\n    "kind": "List",\n    "metadata": {"resourceVersion": ""}\n}\n' : "kind: List\n"}`,
  );
  closeSync(file);
  return count;
}

/** Block style as kubectl writes it: lists not indented below their key. */
function yaml(value, indent) {
  let text = "";
  for (const [key, member] of Object.entries(value)) {
    if (Array.isArray(member))
      text += `${indent}${key}:\n${member.map((item) => `${indent}- ${yamlItem(item, indent)}`).join("")}`;
    else if (typeof member === "object" && member !== null) text += `${indent}${key}:\n${yaml(member, `${indent}  `)}`;
    else text += `${indent}${key}: ${scalar(member)}\n`;
  }
  return text;
}

function yamlItem(item, indent) {
  return typeof item === "object" ? yaml(item, `${indent}  `).trimStart() : `${scalar(item)}\n`;
}

function scalar(value) {
  return typeof value === "string" && (/^[\d:./T-]+Z?$|: |, /.test(value) || value === "True")
    ? JSON.stringify(value)
    : String(value);
}

async function measure(path) {
  const { loadManifests } = await import(LOAD);
  const start = process.cpuUsage();
  const wall = performance.now();
  const model = loadManifests([path]);
  const { user, system } = process.cpuUsage(start);
  const selected = model.endpoints.filter(({ policySet }) => policySet >= 0).length;
  const seconds = [(performance.now() - wall) / 1000, (user + system) / 1e6].map((value) => value.toFixed(2));
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    `${seconds[0]} s wall, ${seconds[1]} s CPU, ${peak} MiB peak, ${model.endpoints.length} endpoints, ${selected} selected, ${model.policySets.length} sets`,
  );
}

if (process.argv[2] === "--measure") await measure(process.argv[3]);
else {
  const megabytes = Number(process.argv[2] ?? 100);
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-soak-"));
  try {
    for (const format of ["json", "yaml"]) {
      const path = join(folder, `dump.${format}`);
      const count = writeDump(path, megabytes, format);
      console.log(`${format}: ${(statSync(path).size / 1e6).toFixed(1)} MB, ${count} pods`);
      const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--measure", path], {
        stdio: "inherit",
      });
      if (status !== 0) process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
