import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { commandLine } from "../../../src/playground/worker/command-line.js";
import { SETTINGS } from "../files.js";

describe("the command line of a replay", () => {
  test("names what is not as by default", () => {
    const settings = { ...SETTINGS, natProfile: "rfc", topology: "cluster", seed: 7 } as const;
    expect(commandLine({ captures: ["a.pcap"], manifests: ["m/n.yaml", "p.yaml"], scenario: "s.yaml", settings })).toBe(
      "sluicegate replay a.pcap -m m/n.yaml -m p.yaml -s s.yaml --nat-profile rfc --topology cluster --seed 7 -o out/",
    );
    expect(commandLine({ captures: ["a.pcap"], manifests: ["p.yaml"], scenario: undefined, settings: SETTINGS })).toBe(
      "sluicegate replay a.pcap -m p.yaml -o out/",
    );
  });

  test.each(["two words", "it's", "$(reboot)", "-rf", "a;b", "`x`", "é", 'say "no"', "back\\slash", "*"])(
    "gives a shell the file %s as one word",
    (name) => {
      const line = commandLine({ captures: [name], manifests: ["m.yaml"], scenario: undefined, settings: SETTINGS });
      const words = execFileSync("sh", ["-c", `printf '%s\\n' ${line}`], { encoding: "utf8" })
        .trimEnd()
        .split("\n");
      expect(words).toEqual(["sluicegate", "replay", name === "-rf" ? "./-rf" : name, "-m", "m.yaml", "-o", "out/"]);
    },
  );
});
