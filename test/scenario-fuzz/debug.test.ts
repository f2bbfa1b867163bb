import { mkdtempSync } from "node:fs";
import { it } from "vitest";
import { Verifier } from "../../src/verify/verifier.js";
import { rollCase } from "./fuzz-case.js";
import { tupleText } from "./ledger.js";
import { runSeed } from "./run.js";

it("x", async () => {
  const seed = Number(process.env.SEED),
    match = process.env.MATCH ?? "";
  const c = rollCase(seed);
  const rows: Record<number, string[]> = {};
  const real = Verifier.prototype.observe;
  const realP = Verifier.prototype.policiesChanged;
  let model: any;
  Verifier.prototype.policiesChanged = function (m, t) {
    model = m;
    return realP.call(this, m, t);
  };
  Verifier.prototype.observe = function (o) {
    model ??= undefined;
    (rows[o.frame] ??= []).push(
      `${o.action}/${o.reason}${o.egress >= 0 ? " e" + o.egress : ""}${o.remapped ? " R:" + o.remapped : ""}`,
    );
    return real.call(this, o);
  };
  const folder = mkdtempSync("/tmp/fz/dbg-");
  const { findings } = await runSeed(seed, folder, {});
  console.log(
    folder,
    JSON.stringify({
      ...c.script.health,
      prop: c.script.propagationMs,
      nat: c.natProfile,
      ports: c.snatPorts,
      timeouts: c.timeouts.udp,
    }),
  );
  if (process.env.WORDS)
    for (const cl of c.script.clusters) {
      for (const n of cl.nodes) console.log(JSON.stringify(n));
      for (const n of cl.pods) console.log(JSON.stringify(n));
      for (const n of cl.policies) console.log(JSON.stringify(n));
      console.log("--");
    }
  const ev = [...c.script.events].sort((a, b) => a.atMs - b.atMs);
  let e = 0;
  c.frames.forEach((f, i) => {
    const r = rows[i + 1] ?? [];
    if (process.env.DIFF ? r[0] === r[1] : !tupleText(f).includes(match)) return;
    while (e < ev.length && ev[e].atMs * 1000 <= f.us) console.log("   EVENT", JSON.stringify(ev[e++]));
    console.log(
      i + 1,
      (f.us / 1e6).toFixed(6),
      f.side,
      f.kind === "error" ? "ERR" : f.flags,
      tupleText(f),
      `ttl ${f.bytes[22]}`,
      (rows[i + 1] ?? []).join(" | "),
    );
  });
  for (const f of findings) console.log(f.check, f.text.slice(0, 700));
}, 600000);
