import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { NODE, type ReplayLine } from "../../hosts/programs.js";
import { replayFlags, sluicegate } from "../../hosts/traffic.js";
import { ROOT } from "../tools.js";
import { framesOf, odd, rewritten, VARIANTS } from "./captures.js";
import { everywhere, FILES, inputOf, outOf, replay, TRAFFIC } from "./hosts.js";

/** What has to be the same in all hosts. */
function shared({ host: _, runtime, framesPerSecond, ...line }: ReplayLine) {
  expect(runtime).toMatch(/\d+\.\d+/);
  expect(framesPerSecond).toBeGreaterThan(0);
  return line;
}

/** The command `replay`. */
export function replayTests(): void {
  describe.each(Object.keys(TRAFFIC))("replays %s", (name) => {
    test("to the same file in all hosts, in each of three rounds", async () => {
      const input = inputOf(name);
      const lines = await everywhere((program) => replay(program, input, "--rounds", "3"));
      for (const [program, line] of lines) {
        expect(line.host).toBe(program.name);
        expect(
          createHash("sha256")
            .update(readFileSync(outOf(program)))
            .digest("hex"),
        ).toBe(line.sha256);
        expect(shared(line), program.title).toEqual(shared(lines[0]![1]));
      }
      const all = input.hooks.length;
      expect(lines[0]![1]).toMatchObject({ frames: all, given: all, skipped: 0, rounds: 3 });
    });

    test("to the frames that `sluicegate replay` writes", async () => {
      const traffic = TRAFFIC[name]!();
      const out = join(FILES, `${name} out`);
      const flags = ["-m", traffic.manifests, "-o", out, "--json", ...replayFlags(traffic)];
      const report = sluicegate(ROOT, "replay", traffic.capture, ...flags);
      const { verification, frames } = JSON.parse(report);
      expect(verification.ok).toBe(true);
      const line = await replay(NODE, inputOf(name));
      for (const action of ["snat", "reverse", "pass"]) expect(line.actions[action], action).toBe(frames[action]);
      const wanted = [
        ...(await framesOf(join(out, "external.pcapng"))),
        ...(await framesOf(join(out, "endpoint.pcapng"))),
      ];
      expect((await framesOf(outOf(NODE))).sort()).toEqual(wanted.sort());
    });
  });

  test("meets all that a replay of a host can: both directions, passes, drops, fragments held, ICMP errors", async () => {
    const line = await replay(NODE, inputOf("fragments and ICMP errors"));
    for (const [action, frames] of Object.entries(line.actions)) expect([action, frames > 10]).toEqual([action, true]);
    expect(line.errors).toBeGreaterThan(10);
  });

  describe("reads captures", () => {
    test.each(VARIANTS)("with %s, to the same frames", async (variant) => {
      const input = inputOf("web");
      const expected = (await replay(NODE, input)).sha256;
      const capture = join(FILES, "variant.pcap");
      writeFileSync(capture, rewritten(readFileSync(input.capture), variant));
      for (const [{ title }, { sha256 }] of await everywhere((program) => replay(program, { ...input, capture })))
        expect(sha256, title).toBe(expected);
    });

    test("with VLAN tags, cut frames, frames of other protocols and of nobody, to the same file", async () => {
      const input = inputOf("web");
      const capture = join(FILES, "odd.pcap");
      writeFileSync(capture, odd(readFileSync(input.capture)));
      const lines = await everywhere(async (program) => shared(await replay(program, { ...input, capture })));
      const [, first] = lines[0]!;
      for (const [{ title }, line] of lines) expect(line, title).toEqual(first);
      expect(first.skipped).toBeGreaterThan(100);
      expect(first.actions.reverse).toBeGreaterThan(100);
      expect(first.actions.drop).toBeGreaterThan(100);
    });

    test("without frames, to an empty one", async () => {
      const input = inputOf("web");
      const capture = join(FILES, "empty.pcap");
      writeFileSync(capture, readFileSync(input.capture).subarray(0, 24));
      for (const [program, line] of await everywhere((program) => replay(program, { ...input, capture }))) {
        expect(line, program.title).toMatchObject({ frames: 0, given: 0, written: 0, framesPerSecond: 0 });
        expect(readFileSync(outOf(program)).length).toBe(24);
      }
    });
  });
}
