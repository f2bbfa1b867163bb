import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CASES, type ReplayCase, replayed, reportOf } from "./cases.js";
import { MANIFESTS, missing, PCAPS, python, scratch } from "./tools.js";

interface Pairing {
  readonly faults: readonly { readonly check: string; readonly packet: number | null; readonly detail: string }[];
  readonly counts: Readonly<Record<string, number>>;
}

const lacking = missing(["python3"], ["scapy", "yaml"]);

function pair(entry: Omit<ReplayCase, "name">, capture: string, folder: string): Pairing {
  const options = [
    ...(entry.decapsulated ? ["--decapsulate"] : []),
    ...entry.mayMiss.flatMap((reason) => ["--may-miss", reason]),
  ];
  return python<Pairing>("pairing.py", "--capture", capture, "--output", folder, "--manifests", MANIFESTS, ...options);
}

const [WEB] = CASES as [ReplayCase, ...ReplayCase[]];
const webCapture = join(PCAPS, WEB.capture);

describe.skipIf(lacking !== "")("outputs pair with inputs by packet id", () => {
  for (const entry of CASES) {
    test(`every frame of ${entry.capture} comes out once, where the manifests say, changed only where NAT must`, () => {
      const { folder } = replayed(entry.name);
      const { faults, counts } = pair(entry, join(PCAPS, entry.capture), folder);
      expect(faults).toEqual([]);
      expect(counts.snat).toBeGreaterThan(0);
      expect(counts.reverse).toBeGreaterThan(0);
      expect(reportOf(folder).verification).toMatchObject({ ok: true, mismatches: [] });
    });
  }

  test("the connections of web are spread over all four gateways", () => {
    const busy = reportOf(replayed("web").folder).gateways.filter((gateway) => gateway.connections > 0);
    expect([...new Set(busy.map((gateway) => gateway.node))].sort()).toEqual(["gw-a", "gw-b", "gw-c", "gw-d"]);
  });

  const planted = lacking === "" ? Object.entries(python<Record<string, string>>("plant.py", "--list")) : [];
  test.each(planted)("%s, planted into the outputs, is reported as %s", (fault, check) => {
    const folder = scratch();
    python("plant.py", fault, replayed("web").folder, folder);
    const { faults } = pair(WEB, webCapture, folder);
    expect(faults.map((entry) => entry.check)).toContain(check);
  });

  test("outputs copied by the planting tool without a fault pair as well as the original", () => {
    const folder = scratch();
    python("plant.py", "none", replayed("web").folder, folder);
    expect(pair(WEB, webCapture, folder).faults).toEqual([]);
  });
});
