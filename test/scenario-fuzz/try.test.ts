import { mkdtempSync, rmSync } from "node:fs";
import { it } from "vitest";
import { runSeed } from "./run.js";

it("x", async () => {
  const stats: Record<string, number> = {};
  const whys: Record<string, number[]> = {};
  const from = Number(process.env.FROM ?? 1),
    n = Number(process.env.N ?? 20);
  const t0 = process.cpuUsage();
  for (let seed = from; seed < from + n; seed++) {
    const folder = mkdtempSync("/tmp/fz/case-");
    try {
      const { findings, single: a } = await runSeed(seed, folder, { batches: seed % 10 === 0 });
      for (const [k, v] of Object.entries({
        ...a.frames,
        broken: a.broken.length,
        rebound: a.rebound.length,
        ...a.reasons,
      }))
        stats[k] = (stats[k] ?? 0) + v;
      for (const r of [...a.broken, ...a.rebound]) stats[`cause ${r.cause}`] = (stats[`cause ${r.cause}`] ?? 0) + 1;
      const seen = new Set<string>();
      for (const { check, text } of findings) {
        if (seen.has(check)) continue;
        seen.add(check);
        (whys[check] ??= []).push(seed);
        if (whys[check]!.length <= Number(process.env.SHOW ?? 3)) console.log(seed, check, text.slice(0, 420));
      }
    } catch (e) {
      console.log(seed, (e as Error).stack);
      (whys["throws"] ??= []).push(seed);
    }
    if (process.env.KEEP) console.log(folder);
    else rmSync(folder, { recursive: true });
  }
  const t1 = process.cpuUsage(t0);
  console.log(JSON.stringify({ cpuMsPerScript: (t1.user + t1.system) / 1000 / n, stats }));
  for (const [k, v] of Object.entries(whys)) console.log(k, v.length, v.slice(0, 12).join());
}, 6000000);
