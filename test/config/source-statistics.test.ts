import { describe, expect, test } from "vitest";
import { captureFrames, countTalkers, formatAddress, loadManifestTexts, starterManifests } from "../../src/index.js";

describe("countTalkers", () => {
  test("counts who sends to whom, the busiest first", async () => {
    const { sources, frames, unreadable, beyondBound } = await countTalkers(captureFrames("pcaps/icmp/in.pcap"));
    expect(frames).toBe(89);
    expect(beyondBound).toBe(0);
    const sums = sources.map((source) => source.frames);
    expect(sums).toEqual([...sums].sort((a, b) => b - a));
    expect(sums.reduce((sum, n) => sum + n, 0)).toBe(frames - unreadable);
    const [first] = sources;
    expect(formatAddress(first!.address)).toBe("10.1.3.10");
    expect(first!.destinations.reduce((sum, to) => sum + to.frames, 0)).toBe(first!.frames);
  });

  test("gives starterManifests what it needs", async () => {
    const { sources } = await countTalkers(captureFrames("pcaps/web/in.pcap"));
    const { text, endpoints } = starterManifests(sources);
    expect(loadManifestTexts({ "starter.yaml": text }).endpoints.length).toBe(endpoints);
  });
});
