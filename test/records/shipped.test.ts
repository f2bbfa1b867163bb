import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import { StateListing } from "../../src/replay/list-state.js";
import { replay } from "../../src/replay/replay.js";
import { withFolder } from "../support/capture-read.js";

const WEB = "pcaps/web/in.pcap";
const FLOWS = "pcaps/records/flows.jsonl.gz";
const TABLE = "pcaps/records/ct-list.txt";
const model = loadManifests(["pcaps/manifests"]);

/** Which gateway each connection with ports has after a replay. */
function placement(capture: string): Promise<{ placed: string[]; opened: number }> {
  return withFolder(async (folder) => {
    const saveState = join(folder, "state");
    const { connections } = await replay({ captures: [capture], model, saveState });
    const rows = [...StateListing.read(saveState).ct()].filter((row) => row.gateway !== "" && row.protocol !== "ICMP");
    const placed = rows.map((row) => `${row.protocol} ${row.source} ${row.destination} ${row.gateway}`).sort();
    return { placed, opened: connections.opened };
  });
}

describe("records of pcaps/web's traffic", () => {
  test("give every TCP and UDP connection the gateway that the capture gives it", async () => {
    const { placed, opened } = await placement(WEB);
    expect(placed.length).toBeGreaterThan(90);
    expect((await placement(FLOWS)).placed).toEqual(placed);
    expect(await placement(TABLE)).toEqual({ placed, opened });
  });

  test.each([
    [FLOWS, "hubble-flows", { inbound: 10, "lost-events": 1, "other-observation": 125 }],
    [TABLE, "ct-list", { inbound: 2 }],
  ])("%s: verification is off and says why, and every record is accounted for", async (capture, kind, unused) => {
    const report = await replay({ captures: [capture], model });
    const { records } = report.input.files[0]!;
    expect(records).toMatchObject({ kind, unused });
    expect(records!.read).toBe(records!.used + Object.values(unused).reduce((sum, n) => sum + n, 0));
    expect(report.verification).toMatchObject({ enabled: false, ok: true, framesChecked: 0 });
    expect(report.verification.notes).toEqual({
      [`records: frames made up of ${kind}, whose bytes prove nothing`]: records!.used,
    });
    expect(report.frames.drop + report.frames.skipped).toBe(0);
  });

  test("a table counts as printed a minute after the youngest pod was made, unless the caller knows better", async () => {
    const times = async (options: object) => (await replay({ captures: [TABLE], model, ...options })).input;
    expect(await times({})).toMatchObject({
      firstFrame: "2024-01-02T00:01:00.000000000Z",
      lastFrame: "2024-01-02T00:01:00.000000000Z",
    });
    expect((await times({ recordsAtNs: 1_795_420_732_000_000_000n })).firstFrame).toBe(
      "2026-11-23T07:58:52.000000000Z",
    );
  });

  test("merged with a capture they turn verification off, too", async () => {
    const report = await replay({ captures: ["pcaps/icmp/in.pcap", FLOWS], model });
    expect(report.verification.enabled).toBe(false);
    expect(report.input.files.map(({ records }) => records?.kind)).toEqual([undefined, "hubble-flows"]);
  });
});

test.skipIf(!existsSync("dist/src/pair/mapping.js"))(
  "pcaps/records is what test/records/make-records.mjs writes",
  async () => {
    await withFolder(async (folder) => {
      execFileSync(process.execPath, ["test/records/make-records.mjs", folder]);
      const read = (dir: string, name: string) => readFileSync(join(dir, name));
      for (const name of ["ct-list.txt", "nat-list.txt"])
        expect(read(folder, name)).toEqual(read("pcaps/records", name));
      const [made, shipped] = [folder, "pcaps/records"].map((dir) =>
        gunzipSync(read(dir, "flows.jsonl.gz")).toString(),
      );
      expect(made).toBe(shipped);
    });
  },
);
