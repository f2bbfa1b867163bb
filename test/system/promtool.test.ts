import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { replayMetrics } from "../../src/metrics/replay-metrics.js";
import { scenarioReport } from "../metrics/reports.js";
import { MANIFESTS, missing, output, PCAPS, ROOT, scratch } from "./tools.js";

const lacking = missing(["promtool"]);

/** What `promtool check metrics` says, which is nothing where it has no complaint. */
function complaints(text: string): { status: number | null; said: string } {
  const { status, stdout, stderr, error } = spawnSync("promtool", ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  if (error) throw error;
  return { status, said: stdout + stderr };
}

describe.skipIf(lacking !== "")("promtool check metrics", () => {
  test.each(["web/in.pcap", "records/flows.jsonl.gz"])("has nothing to say about a replay of %s", (capture) => {
    const file = join(scratch(), "sluicegate.prom");
    const cli = join(ROOT, "dist/src/cli/main.js");
    output(process.execPath, [cli, "replay", join(PCAPS, capture), "-m", MANIFESTS, "--metrics", file]);
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^sluicegate_gateway_connections_total\{/m);
    expect(complaints(text)).toEqual({ status: 0, said: "" });
  });

  test("nor about every metric that there is", () => {
    expect(complaints(replayMetrics(scenarioReport()))).toEqual({ status: 0, said: "" });
  });

  test("but finds a planted fault", () => {
    expect(complaints("# HELP a_total b\n# TYPE a_total gauge\na_total 1\n").status).not.toBe(0);
  });
});
