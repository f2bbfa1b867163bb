import type { EngineExports } from "../../src/engine/load.js";
import { constant, type HostFrame, type HostVerdict, readVerdict } from "./bare-host.js";

/** Everything that went into an engine and what it made of it. */
export interface Recording {
  readonly frames: HostFrame[];
  readonly verdicts: HostVerdict[];
}

/** `process` of an engine, with a note of every frame that it takes. */
export function recordingProcess(
  engine: EngineExports,
  { frames, verdicts }: Recording,
  process: (count: number) => number,
): (count: number) => number {
  return (count) => {
    const { buffer } = engine.memory;
    const view = new DataView(buffer);
    const region = (name: string) => engine.regionAt(constant(name)) >>> 0;
    const [arena, records, rows] = [region("REGION_ARENA"), region("REGION_FRAMES"), region("REGION_VERDICTS")];
    const recordAt = (i: number) => records + i * constant("FRAME_SIZE");
    const placeOf = (i: number) => arena + view.getUint32(recordAt(i) + constant("FRAME_OFFSET_AT"), true);
    const given = Array.from({ length: count }, (_, i): HostFrame => {
      const at = recordAt(i);
      const captured = view.getUint32(at + constant("FRAME_CAPTURED_AT"), true);
      return {
        bytes: new Uint8Array(buffer).slice(placeOf(i), placeOf(i) + captured),
        wire: view.getUint32(at + constant("FRAME_WIRE_AT"), true),
        hook: view.getUint8(at + constant("FRAME_HOOK_AT")),
        link: view.getUint8(at + constant("FRAME_LINK_AT")),
        flags: view.getUint16(at + constant("FRAME_FLAGS_AT"), true),
        time: view.getBigUint64(at + constant("FRAME_TIME_AT"), true),
        tag: view.getBigUint64(at + constant("FRAME_TAG_AT"), true),
      };
    });
    const done = process(count);
    for (let i = 0; i < done; i++) {
      frames.push(given[i]!);
      verdicts.push(readVerdict(buffer, rows + i * constant("VERDICT_SIZE"), placeOf(i)));
    }
    return done;
  };
}
