import { expect, test } from "vitest";
import { replay } from "../../src/replay/replay.js";
import { enhancedPacket, interfaceBlock, pcapng } from "../support/capture-bytes.js";
import { withFile } from "../support/capture-read.js";
import { clusterModel } from "./cluster.js";
import { ENDPOINT, outbound } from "./traffic.js";

const LAST_NS = 0xffff_ffff_ffff_ffffn;

test.each([LAST_NS, LAST_NS - 1n, LAST_NS - 5_000_000n])(
  "frames up to the last nanosecond that a timestamp can hold are replayed: the first at %d",
  async (first) => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const packets = [first, LAST_NS].map((ticks, i) =>
      enhancedPacket({ ticks, frame: outbound("SYN", { id: i + 1 }) }),
    );
    const report = await withFile(pcapng([interfaceBlock({ resolution: 9 }), ...packets]), (path) =>
      replay({ captures: [path], model }),
    );
    expect(report.frames).toMatchObject({ read: 2, snat: 2 });
    expect(report.verification.ok).toBe(true);
  },
);
