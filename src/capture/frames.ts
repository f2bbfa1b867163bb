import type { CaptureInput } from "./input.js";
import { openCapture } from "./open.js";
import { createFrameIndex } from "./types.js";

/** One frame of a capture. `bytes` is a view that is good until the next frame is asked for. */
export interface CaptureFrame {
  /** 1-based. */
  readonly frame: number;
  readonly timeNs: bigint;
  readonly linkType: number;
  readonly bytes: Uint8Array;
  readonly wireLength: number;
}

/** What a capture said besides its frames; complete once all frames were taken. */
export interface CaptureNotes {
  /** The last record is cut off. */
  truncated: boolean;
}

const MEMORY_SIZE = 4 << 20;
const INDEX_CAPACITY = 1 << 14;

/**
 * The frames of a capture one by one, for whoever looks at frames without an engine. Memory is bounded for files of any size.
 * @param signal ends waiting for bytes of a stream   @throws its reason
 * @throws {CaptureError} at damage, after everything before it
 */
export async function* captureFrames(
  input: CaptureInput,
  notes: CaptureNotes = { truncated: false },
  signal?: AbortSignal,
): AsyncGenerator<CaptureFrame> {
  const reader = await openCapture(input, { signal });
  const memory = new Uint8Array(MEMORY_SIZE);
  const index = createFrameIndex(INDEX_CAPACITY);
  let frame = 0;
  try {
    while (await reader.next(memory, index)) {
      for (let i = 0; i < index.count; i++) {
        const at = index.offset[i]!;
        yield {
          frame: ++frame,
          timeNs: (BigInt(index.timeHigh[i]!) << 32n) | BigInt(index.timeLow[i]!),
          linkType: reader.interfaces[index.interfaceIndex[i]!]!.linkType,
          bytes: memory.subarray(at, at + index.capturedLength[i]!),
          wireLength: index.wireLength[i]!,
        };
      }
    }
  } finally {
    notes.truncated = reader.truncated;
    await reader.close();
  }
}
