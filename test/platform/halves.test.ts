import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import * as posix from "node:path/posix";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as nodeFiles from "../../src/platform/node/files.js";
import * as nodeHash from "../../src/platform/node/hash.js";
import * as nodeMemory from "../../src/platform/node/memory.js";
import * as nodeTasks from "../../src/platform/node/tasks.js";
import * as nodeThreads from "../../src/platform/node/threads.js";
import * as nodeWasm from "../../src/platform/node/wasm.js";
import * as nodeZlib from "../../src/platform/node/zlib.js";
import * as webFiles from "../../src/platform/web/files.js";
import * as webHash from "../../src/platform/web/hash.js";
import * as webMemory from "../../src/platform/web/memory.js";
import * as webTasks from "../../src/platform/web/tasks.js";
import * as webThreads from "../../src/platform/web/threads.js";
import * as webWasm from "../../src/platform/web/wasm.js";
import * as webZlib from "../../src/platform/web/zlib.js";

/** Both halves, typed so that neither compiles without a function that the other has. `packageFile` is for Node's programs alone. */
const HALVES: Readonly<Record<string, readonly [object, object]>> = {
  files: [nodeFiles satisfies typeof webFiles, webFiles satisfies typeof nodeFiles],
  hash: [nodeHash satisfies typeof webHash, webHash satisfies typeof nodeHash],
  memory: [nodeMemory satisfies typeof webMemory, webMemory satisfies typeof nodeMemory],
  tasks: [nodeTasks satisfies typeof webTasks, webTasks satisfies typeof nodeTasks],
  threads: [nodeThreads satisfies typeof webThreads, webThreads satisfies typeof nodeThreads],
  wasm: [nodeWasm satisfies typeof webWasm, webWasm satisfies Omit<typeof nodeWasm, "packageFile">],
  zlib: [nodeZlib satisfies typeof webZlib, webZlib satisfies typeof nodeZlib],
};

test("both halves of the platform have the same modules with the same names in them", () => {
  const modules = readdirSync("src/platform/node").map((name) => name.replace(".ts", ""));
  expect(Object.keys(HALVES).sort()).toEqual(modules.sort());
  expect(readdirSync("src/platform/web").sort()).toEqual([...modules.map((name) => `${name}.ts`), "inflate.ts"].sort());
  for (const [node, web] of Object.values(HALVES))
    expect(Object.keys(web).sort()).toEqual(
      Object.keys(node)
        .filter((name) => name !== "packageFile")
        .sort(),
    );
});

describe("in a browser", () => {
  test("SHA-256 is that of Node, for every length around a block and for texts", () => {
    for (let length = 0; length < 200; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 37) & 0xff);
      expect(webHash.sha256(bytes)).toEqual(nodeHash.sha256(bytes));
    }
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(webHash.sha256(text)).toEqual(new Uint8Array(createHash("sha256").update(text, "utf8").digest()));
      }),
    );
  });

  test("the same bytes are UTF-8, also where a character lies across two pieces of a large text", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(webMemory.isUtf8(bytes)).toBe(nodeMemory.isUtf8(bytes));
      }),
    );
    const large = new Uint8Array((1 << 20) + 8).fill(0x61);
    large.set([0xf0, 0x9f, 0xa6, 0xad], (1 << 20) - 2);
    expect(webMemory.isUtf8(large)).toBe(true);
    large[(1 << 20) + 1] = 0x61;
    expect(webMemory.isUtf8(large)).toBe(false);
    expect(webMemory.isUtf8(Uint8Array.of(0x61, 0xc3))).toBe(false);
  });

  test("paths are put together and taken apart as with Node", () => {
    const step = fc.constantFrom("..", ".", "a", "b.yaml", "", "/", "c/d", "../e", "/f");
    fc.assert(
      fc.property(fc.array(step, { maxLength: 5 }), (parts) => {
        const path = parts.join("/");
        const trimmed = posix.join(...parts).replace(/(?<=.)\/$/, "");
        expect(webFiles.join(...parts)).toBe(trimmed);
        expect(webFiles.basename(path)).toBe(posix.basename(path));
        expect(webFiles.isAbsolute(path)).toBe(posix.isAbsolute(path));
      }),
    );
    for (const path of ["a/b/c.yaml", "a.yaml", "/a.yaml", "/", "a/b/", "../a"])
      expect(webFiles.dirname(path)).toBe(posix.dirname(path));
  });

  test("whoever asks for a file or a thread hears that there is none", async () => {
    const { join: _j, dirname: _d, basename: _b, isAbsolute: _i, exists, ...others } = webFiles;
    expect(exists("a")).toBe(false);
    for (const [name, call] of Object.entries(others) as [string, (path: string) => unknown][])
      await expect((async () => call("a"))(), name).rejects.toThrow("there is no file system here");
    expect(() => webThreads.startThread("replay/share-worker.js", {})).toThrow("there are no worker threads here");
  });

  test("tasks that wait get their turn", async () => {
    for (const { nextTask } of [nodeTasks, webTasks]) {
      let isRun = false;
      setTimeout(() => {
        isRun = true;
      }, 0);
      for (let i = 0; i < 10_000 && !isRun; i++) await nextTask();
      expect(isRun).toBe(true);
    }
  });
});
