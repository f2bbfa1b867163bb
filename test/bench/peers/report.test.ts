import { describe, expect, it } from "vitest";
import { FIGURES } from "./catalogue.js";
import { groupOf } from "./report.js";
import { MEMORY_SAMPLES, syntheticReport } from "./synthetic.js";
import { printPeers, times } from "./table.js";

const figure = (id: string) => groupOf("memory", 1000, MEMORY_SAMPLES).figures.find((one) => one.id === id)!;

describe("the figures of a group", () => {
  it("are medians of the rounds and of the rounds' own ratios to the engine", () => {
    expect(figure("engine").ratio.median).toBe(1);
    expect(figure("javascript").ns.median).toBe(36);
    expect(figure("javascript").ratio.median).toBeCloseTo(1.2);
  });

  it("leave out what a peer needs only to be given frames, round by round", () => {
    expect(figure("bpf").ns.median).toBe(150);
    expect(figure("nft").ns.median).toBe(1410);
    expect(figure("nft").ratio.median).toBeCloseTo(47);
    expect(figure("increment").ns.median).toBe(610);
    expect(figure("forward").ns.median).toBe(800);
  });
});

describe("the targets", () => {
  it("are those whose peers were measured, each met or missed in its own direction", () => {
    expect(syntheticReport().targets.map(({ name, met }) => `${met} ${name}`)).toEqual([
      "false engine ÷ C, 1,000 connections",
      "true nft SNAT ÷ engine, 1,000 connections",
      "true tcprewrite ÷ replay --no-verify, forward",
      "true replay --no-verify ÷ tcpdump, forward",
      "false replay ÷ tcpdump, forward",
    ]);
  });
});

describe("the table", () => {
  const text = printPeers(syntheticReport());

  it("has a line for every figure, with the ratio's interval", () => {
    expect(text).toMatch(/^Linux router with nft SNAT +1,410 .* 47 +46 … 47 +\d+ %$/m);
    expect(text).toMatch(/^tcprewrite, forward +630 /m);
    expect(text).toContain("missed  replay ÷ tcpdump, forward: 5.3, wanted at most 4");
  });

  it("says of every peer what it does more than Sluicegate, and what less", () => {
    for (const { name, more, less } of FIGURES.filter((one) => one.kind === "memory" && one.more !== "")) {
      expect(text).toContain(`${name} does what Sluicegate does not: ${more}\n  and does not do: ${less}`);
    }
  });

  it("shows ratios by as many digits as they are sure of", () => {
    expect([0.0131, 0.531, 1.999, 4.23, 47.6].map(times)).toEqual(["0.013", "0.53", "2.00", "4.2", "48"]);
  });
});
