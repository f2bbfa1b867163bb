import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { compareHosts } from "../bench/hosts/compare-hosts.js";
import { allHosts, installHosts } from "../bench/hosts/hosts.js";
import { PLAN_FILE, WORKS, writePlan } from "../bench/hosts/plan.js";
import { Session, TOUCHES } from "../bench/hosts/session.js";
import { ROOT, scratch } from "./tools.js";

const CACHE = join(ROOT, "build", "hosts");
const HOSTS = allHosts(ROOT);
const FILES = { engine: join(ROOT, "build/engine.wasm"), driver: join(ROOT, "build/bench/driver.wasm") };

beforeAll(() => {
  mkdirSync(CACHE, { recursive: true });
  installHosts(HOSTS, CACHE, () => {});
});

test("Node 20, 22, 24 and wasmtime give the same verdicts and frames, with the blind store and without, and a figure each", async () => {
  const report = await compareHosts({
    ...{ ...FILES, hosts: HOSTS, cache: CACHE },
    ...{ sizes: [1000, 20_000], placements: 1, turns: 3, blockMs: 2, batch: 256 },
    onProgress: () => {},
  });
  expect(report.hosts.map(({ host }) => host)).toEqual(HOSTS.map(({ name }) => name));
  expect(report.figures.length).toBe(2 * WORKS.length * HOSTS.length * TOUCHES.length);
  for (const { ns, ratio, withoutTouch } of report.figures) {
    for (const { median } of [ns, ratio, withoutTouch]) expect(Number.isFinite(median) && median > 0).toBe(true);
  }
});

test("each of them notices a policy under which other addresses come out", async () => {
  const folder = scratch();
  const plan = await writePlan(folder, { ...FILES, connections: 500, batch: 256 });
  const file = join(folder, plan.files.policy);
  const policy = readFileSync(file);
  // 203.0.113.1, the egress IP of the first gateway, becomes 203.0.113.129.
  const at = policy.indexOf(Buffer.from([0xff, 0xff, 203, 0, 113, 1]));
  expect(at).toBeGreaterThan(0);
  policy[at + 5] = 129;
  writeFileSync(file, policy);
  for (const host of HOSTS) {
    const [program, script] = host.command(CACHE);
    const session = new Session(host.name, program, [script]);
    try {
      await session.start(join(folder, PLAN_FILE), "on");
      const outcome = await session.outcome("on", "forward");
      expect(outcome.verdicts).not.toBe(plan.works.forward.expected.verdicts);
      expect(outcome.frames).not.toBe(plan.works.forward.expected.frames);
    } finally {
      session.close();
    }
  }
});
