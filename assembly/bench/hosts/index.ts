// The driver of `npm run bench:hosts`: hands frames that lie in the arena to the engine, batch by batch. Being WebAssembly itself, it costs
// the same in every host, however dear a host's calls are. It has no memory of its own: frame records are the engine's, the rest is globals.

import {
  FRAME_CAPTURED_AT,
  FRAME_FLAGS_AT,
  FRAME_HOOK_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_TIME_AT,
  FRAME_WIRE_AT,
  LINK_ETHERNET,
} from "../../abi";
import { advance, process } from "./engine";

/** Nanoseconds that a frame lies behind the one before it. */
const FRAME_GAP: u64 = 1000;
/** Longer than any lifetime, nanoseconds. */
const EVERYTHING_EXPIRED: u64 = 9_000_000_000_000;

let recordsAt: usize = 0;
let batch: u32 = 0;
let frameBytes: u32 = 0;
/** Virtual time, nanoseconds since the epoch. */
let time: u64 = 0;

/**
 * Says where the engine's frame records lie, frames of one call, bytes of each frame, and the time of the first frame.
 */
export function attach(records: usize, size: u32, bytes: u32, timeLow: u32, timeHigh: u32): void {
  recordsAt = records;
  batch = size;
  frameBytes = bytes;
  time = <u64>timeLow | ((<u64>timeHigh) << 32);
}

/** Describes the frames of all batches to come. @param hook HOOK_* */
export function describe(hook: u32): void {
  for (let i: u32 = 0; i < batch; i++) {
    const record = recordsAt + <usize>i * FRAME_SIZE;
    store<u32>(record, frameBytes, FRAME_CAPTURED_AT);
    store<u32>(record, frameBytes, FRAME_WIRE_AT);
    store<u8>(record, <u8>hook, FRAME_HOOK_AT);
    store<u8>(record, <u8>LINK_ETHERNET, FRAME_LINK_AT);
    store<u16>(record, 0, FRAME_FLAGS_AT);
    store<u64>(record, 0, FRAME_TIME_AT);
  }
}

/** Lets the engine process `count` frames of the arena from frame `first` on. @returns how many it did, or its error code */
export function pass(first: u32, count: u32): i32 {
  let done: u32 = 0;
  while (done < count) {
    const left = count - done;
    const size = left < batch ? left : batch;
    let offset = (first + done) * frameBytes;
    let record = recordsAt;
    for (let i: u32 = 0; i < size; i++) {
      store<u32>(record, offset, FRAME_OFFSET_AT);
      offset += frameBytes;
      record += FRAME_SIZE;
    }
    // Virtual time is the latest seen: the first record of a batch moves it, the others keep a time long past.
    store<u64>(recordsAt, time, FRAME_TIME_AT);
    time += <u64>size * FRAME_GAP;
    const result = process(size);
    if (result != <i32>size) return result < 0 ? result : <i32>done + result;
    done += size;
  }
  return <i32>done;
}

/** Lets every connection expire. @returns the engine's code */
export function forget(): i32 {
  time += EVERYTHING_EXPIRED;
  return advance(<u32>time, <u32>(time >> 32));
}
