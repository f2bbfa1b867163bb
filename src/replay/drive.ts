import type { MergedCapture } from "../capture/merge.js";
import { CaptureError } from "../errors.js";
import { breathe } from "../platform/abort.js";
import type { ViewpointDecision } from "./report-types.js";
import type { Session } from "./session.js";
import type { ResolvedOptions } from "./setup.js";
import { Faces, indexOver, pieceSizes, prescan } from "./sources.js";

/**
 * Takes all pieces of the captures, up to the end of the session's range, and tells of decisions and progress on the way.
 * @returns what is wrong with a capture, once everything before it has been taken
 */
export async function takeAll(session: Session, merged: MergedCapture): Promise<CaptureError | undefined> {
  const { options, machine } = session;
  const faces = new Faces(merged);
  const index = indexOver(machine.outside.columns, pieceSizes(options.captures.length).frames);
  const arena = machine.engine.arena.subarray(0, pieceSizes(options.captures.length).bytes);
  try {
    tell(options, await prescan(options, session.viewpoints));
    while (!session.isDone && (await merged.next(arena, index))) {
      faces.update();
      tell(options, session.take(index, faces.list));
      options.onProgress?.({ frames: session.framesRead, bytes: session.tally.bytes });
      await breathe(options.signal);
    }
    return undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof CaptureError) return error;
    throw error;
  } finally {
    if (options.saveState === undefined) session.dropHeld();
  }
}

function tell(options: ResolvedOptions, decisions: readonly ViewpointDecision[]): void {
  for (const decision of decisions) options.onDecision?.(decision);
}
