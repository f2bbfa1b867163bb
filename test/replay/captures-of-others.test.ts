import { describe, expect, it } from "vitest";
import { formatAddress } from "../../src/net/address.js";
import { decodeFrame, destinationAddress, sourceAddress } from "../../src/net/decode.js";
import { CAPTURES_OF_OTHERS, withHalfItsSources } from "./others.js";
import { replayAndRead } from "./outputs-read.js";

describe.skipIf(CAPTURES_OF_OTHERS.length === 0)("captures made outside of this project", () => {
  for (const name of CAPTURES_OF_OTHERS) {
    it(`${name}: every frame is accounted for, none is translated wrongly or leaks`, async () => {
      const { path, pods, model } = await withHalfItsSources(name);
      const { report, external, endpoint } = await replayAndRead({ captures: [path], model, allowNoMatch: true });
      const { frames, reasons, verification } = report;
      expect(verification.mismatches).toEqual([]);
      expect(verification.ok).toBe(true);
      expect(frames.read).toBe(frames.pass + frames.snat + frames.reverse + frames.drop + frames.lost + frames.skipped);
      const explained = Object.values(reasons).reduce((sum, count) => sum + count, 0);
      expect(explained).toBe(frames.read - frames.snat - frames.reverse);
      expect(external.length).toBe(frames.snat);
      expect(endpoint.length).toBe(frames.reverse + frames.pass);
      for (const frame of external) {
        const packet = decodeFrame(frame.bytes, frame.linkType, Math.max(frame.wire, frame.bytes.length))!;
        expect(pods).not.toContain(formatAddress(sourceAddress(frame.bytes, packet)));
        expect(formatAddress(destinationAddress(frame.bytes, packet))).not.toBe("");
      }
    });
  }
});
