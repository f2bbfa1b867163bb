import { describe, expect, test } from "vitest";
import { ProgressBar } from "../../src/cli/progress.js";
import { FakeConsole } from "./fake-console.js";

function terminal(): FakeConsole {
  return Object.assign(new FakeConsole(), { progress: true });
}

describe("the progress bar", () => {
  test("shows nothing for work under a second, then draws at most ten times a second, and leaves nothing behind", () => {
    const console = terminal();
    const bar = new ProgressBar(console, 1000);
    for (console.timeMs = 0; console.timeMs < 1000; console.timeMs += 10) bar.update({ frames: 5, bytes: 250 });
    expect(console.stderr).toBe("");
    for (; console.timeMs <= 2000; console.timeMs += 10) bar.update({ frames: 3000, bytes: 250 });
    expect(console.stderr.split("\r").length - 1).toBe(11);
    expect(console.stderr).toContain("[######..................] 25 %  3,000 frames, 1,500 frames/s");
    bar.clear();
    expect(console.stderr.endsWith("\r\x1b[K")).toBe(true);
    expect(console.stdout).toBe("");
  });

  test("never goes past its end, and does without a bar where the size is unknown", () => {
    const console = terminal();
    console.timeMs = 0;
    const [known, unknown] = [new ProgressBar(console, 10), new ProgressBar(console, undefined)];
    console.timeMs = 2000;
    known.update({ frames: 1, bytes: 20 });
    unknown.update({ frames: 1, bytes: 20 });
    expect(console.stderr).toContain(`[${"#".repeat(24)}] 100 %`);
    expect(console.stderr.split("\r")[2]).not.toContain("[#");
  });

  test("is silent where standard error is no terminal", () => {
    const console = new FakeConsole();
    const bar = new ProgressBar(console, 10);
    console.timeMs = 5000;
    bar.update({ frames: 1, bytes: 1 });
    bar.clear();
    expect(console.stderr).toBe("");
  });

  test("makes way for a warning", () => {
    const console = terminal();
    const bar = new ProgressBar(console, 10);
    console.timeMs = 1500;
    bar.update({ frames: 1, bytes: 1 });
    bar.above("warning: x\n");
    expect(console.stderr.endsWith("\r\x1b[Kwarning: x\n")).toBe(true);
  });
});
