import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import type { ShareSetup } from "../../src/replay/share.js";
import { ShareThread } from "../../src/replay/share-threads.js";
import { withFolder } from "../support/capture-read.js";

const ORDER = { piece: 0, count: 0, used: 0, faces: [] };

/** A thread that runs `code` instead of a share. */
function withThread(code: string, use: (thread: ShareThread) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const file = join(folder, "module.mjs");
    writeFileSync(file, code);
    const thread = new ShareThread({} as ShareSetup, pathToFileURL(file));
    await use(thread);
    await thread.end();
  });
}

it("a thread that ends by itself fails what it was asked, and all that it is asked later", () =>
  withThread("process.exit(3);", async (thread) => {
    await expect(thread.take(ORDER)).rejects.toThrow("worker thread: ended with code 3");
    await expect(thread.finish()).rejects.toThrow("worker thread: ended with code 3");
  }));

it("a thread that throws says what", () =>
  withThread('throw new Error("out of luck");', async (thread) => {
    await expect(thread.take(ORDER)).rejects.toThrow("worker thread: out of luck");
  }));
