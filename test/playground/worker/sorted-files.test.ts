import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { sortFiles } from "../../../src/playground/worker/sorted-files.js";
import { MANIFESTS, made, picked } from "../files.js";

const { signal } = new AbortController();
const SCENARIO = { apiVersion: "sluicegate.io/v1", kind: "Scenario", spec: { events: [] } };

async function kindOf(name: string, content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const { captures, texts, scenario, passedOver } = await sortFiles([{ name, file: new Blob([content]) }], signal);
  if (scenario) return "scenario";
  if (captures.length > 0) return "capture";
  return texts.size > 0 ? "manifests" : `passed over: ${passedOver}`;
}

describe("files that were picked", () => {
  test.each([
    ["YAML", "a.yaml", readFileSync("pcaps/scenarios/gw-a-dies.yaml", "utf8")],
    ["JSON on one line", "a.json", JSON.stringify(SCENARIO)],
    ["JSON, gzipped", "a.json.gz", new Uint8Array(gzipSync(JSON.stringify(SCENARIO)))],
  ])("are a scenario by the kind of their object: %s", async (_, name, content) => {
    expect(await kindOf(name, content)).toBe("scenario");
  });

  test.each([
    ["a ConfigMap that speaks of one", "apiVersion: v1\nkind: ConfigMap\ndata:\n  file: |\n    kind: Scenario\n"],
    ["what cannot be read", "kind: Scenario\nspec: ["],
    ["nothing", ""],
  ])("are manifests else: %s", async (_, content) => {
    expect(await kindOf("a.yaml", content)).toBe("manifests");
  });

  test("are connection records whatever their name", async () => {
    const flow = readFileSync("pcaps/records/flows.jsonl.gz");
    expect(await kindOf("flows.json.gz", new Uint8Array(flow))).toBe("capture");
    expect(await kindOf("dump/ct.txt", readFileSync("pcaps/records/ct-list.txt", "utf8"))).toBe("capture");
  });

  test("are passed over where a folder brought what begins as no capture, and not where they were picked", async () => {
    expect(await kindOf("dump/README.txt", "Read me\n")).toBe("passed over: dump/README.txt");
    expect(await kindOf("dump/empty", "")).toBe("passed over: dump/empty");
    expect(await kindOf("README.txt", "Read me\n")).toBe("capture");
    for (const capture of ["web/in.pcap", "any/in.pcap.gz", "offload/in.pcapng", "overlay/in.pcap"])
      expect(await kindOf(`dump/${capture}`, new Uint8Array(readFileSync(`pcaps/${capture}`))), capture).toBe(
        "capture",
      );
  });

  test("are told apart until the signal says so", async () => {
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(sortFiles(picked(...MANIFESTS), controller.signal)).rejects.toThrow("enough");
  });

  test("are at most one scenario, and no broken gzip", async () => {
    const text = JSON.stringify(SCENARIO);
    await expect(sortFiles([made("a.json", text), made("b.json", text)], signal)).rejects.toThrow(
      "b.json: is a second scenario, expected one: a.json is there",
    );
    await expect(
      sortFiles([{ name: "a.yaml.gz", file: new Blob([new Uint8Array([0x1f, 0x8b, 8])]) }], signal),
    ).rejects.toThrow(/^a\.yaml\.gz: /);
  });
});
