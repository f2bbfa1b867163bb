import { parentPort, workerData } from "node:worker_threads";
import { EgressError } from "../errors.js";
import { type PieceOrder, Share, type ShareSetup } from "./share.js";
import type { ShareAnswer } from "./share-threads.js";

// The module that a replay runs in its worker threads: a share each, which takes piece after piece as they are sent.

const port = parentPort!;
const share = Share.start(workerData as ShareSetup);

port.on("message", async (order: PieceOrder | "finish") => {
  port.postMessage(await answer(order));
});

async function answer(order: PieceOrder | "finish"): Promise<ShareAnswer> {
  try {
    const ready = await share;
    return order === "finish" ? { outcome: ready.finish() } : { piece: ready.take(order) };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    return { error: { name, message, isOurs: error instanceof EgressError } };
  }
}
