import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import { replay } from "../../src/replay/replay.js";
import { type ShrinkReport, shrinkCapture } from "../../src/shrink/shrink.js";
import { sluicegate } from "../cli/fake-console.js";
import { readOutput } from "../replay/outputs-read.js";
import { readFile } from "../support/capture-read.js";
import { buildMutant, type Mutation } from "../verify/mutant.js";

const WEB = "pcaps/web/in.pcap";
const MANIFESTS = ["-m", "pcaps/manifests"];
const SCENARIO = ["-s", "pcaps/scenarios/gw-a-dies.yaml"];
const model = loadManifests(["pcaps/manifests"]);
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-shrink-test-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function withBug(
  mutation: Mutation,
  name: string,
): Promise<{ report: ShrinkReport; engineWasm: string; output: string }> {
  const engineWasm = join(folder, `${name}.wasm`);
  const output = join(folder, `${name}.pcapng`);
  writeFileSync(engineWasm, await buildMutant([mutation]));
  const report = await shrinkCapture({ capture: WEB, output, replay: { model, engineWasm } });
  return { report, engineWasm, output };
}

describe("a capture that shows a bug of the engine", () => {
  it("comes down to a connection's first frame and the reply that goes to the wrong pod", async () => {
    const mutation = {
      file: "assembly/path/connection.ts",
      search: "putMapping(network, address, src,",
      replace: "putMapping(network, address, src ^ 0x0f000000,",
    };
    const { report, engineWasm, output } = await withBug(mutation, "reply");
    const { frames } = await readFile(WEB);
    expect(report.frames).toEqual({ read: frames.length, kept: 2 });
    expect(report.flows.kept).toBe(1);
    const [sent, answered] = report.kept;
    const [from, to] = /(\S+) > (\S+)/.exec(sent.text)!.slice(1);
    expect(answered.text).toContain(`${to} > ${from}`);
    expect(report.failure.kind).toBe("mismatch");
    expect(report.failure.what).toContain(`${WEB} frame ${answered.frame} at`);

    const written = readOutput(readFileSync(output));
    expect(written.map(({ number, timeNs, bytes }) => ({ number, timeNs, bytes }))).toEqual(
      report.kept.map(({ frame }) => ({
        number: frame,
        timeNs: frames[frame - 1].time,
        bytes: frames[frame - 1].bytes,
      })),
    );
    const again = await replay({ captures: [output], model, engineWasm });
    expect(again.verification.ok).toBe(false);
    expect((await replay({ captures: [output], model })).verification.ok).toBe(true);
  });

  it("comes down to one frame where one is enough", async () => {
    const mutation = {
      file: "assembly/wire/checksum.ts",
      search: "(difference + (difference >> 31))",
      replace: "(difference + (difference >> 31) - 1)",
    };
    const { report } = await withBug(mutation, "checksum");
    expect(report.frames.kept).toBe(1);
  });
});

describe("sluicegate shrink", () => {
  it("keeps the first frame under a scenario, says how it fails, and gives the same result again", async () => {
    const output = join(folder, "broken.pcapng");
    const argv = ["shrink", WEB, ...MANIFESTS, ...SCENARIO, "--fail-on", "broken>0", "-o", output];
    const { code, stdout, stderr } = await sluicegate(...argv);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^pcaps\/web\/in\.pcap: 1,739 frames of \d+ flows; 3 frames of 2 flows still fail \(\d+ replays\)\n/,
    );
    expect(stdout).toContain("--fail-on broken>0 holds\n");
    expect(stdout).toMatch(/\n {4}1 {2}0\.000000 s {2}/);
    expect(stderr).toMatch(/still fails after \d+ replays: frames 3, flows 2\n$/);
    const again = await sluicegate("replay", output, ...MANIFESTS, ...SCENARIO, "--fail-on", "broken>0");
    expect(again.code).toBe(1);
    const bytes = readFileSync(output);
    expect((await sluicegate(...argv)).stdout).toBe(stdout);
    expect(readFileSync(output).equals(bytes)).toBe(true);
  }, 600_000);

  it("--json prints one document", async () => {
    const { stdout } = await sluicegate("shrink", "pcaps/icmp/in.pcap", ...MANIFESTS, "--fail-on", "pass>0", "--json");
    const report: ShrinkReport = JSON.parse(stdout);
    expect(report).toMatchObject({
      schema: "sluicegate.io/shrink-report/v1",
      capture: "pcaps/icmp/in.pcap",
      failure: { kind: "condition", what: "--fail-on pass>0 holds" },
      frames: { kept: 1 },
    });
  });

  it("refuses a capture that does not fail", async () => {
    const { code, stdout, stderr } = await sluicegate("shrink", WEB, ...MANIFESTS, "--fail-on", "broken>0");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      `${WEB}: does not fail: every frame is verified, no condition of --fail-on holds, and no error comes; expected a capture whose replay exits with 1 or ends in an error\n`,
    );
  });

  it("refuses a damaged capture, one that belongs to other manifests, and to write over what it reads", async () => {
    const damaged = join(folder, "damaged.pcap");
    const bytes = readFileSync(WEB);
    bytes.fill(0xff, 24, 40);
    writeFileSync(damaged, bytes);
    expect(await sluicegate("shrink", damaged, ...MANIFESTS)).toMatchObject({ code: 2, stdout: "" });
    const copy = join(folder, "copy.pcap");
    writeFileSync(copy, readFileSync(WEB));
    const over = await sluicegate("shrink", copy, ...MANIFESTS, "-o", copy);
    expect(over.code).toBe(2);
    expect(over.stderr).toContain("is an input");
    const other = join(folder, "other.yaml");
    writeFileSync(
      other,
      "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus: {addresses: [{type: InternalIP, address: 192.0.2.1}]}\n",
    );
    const unmatched = await sluicegate("shrink", WEB, "-m", other);
    expect(unmatched.code).toBe(2);
    expect(unmatched.stderr).toContain("endpoint of the manifests");
  });
});
