import { describe, expect, it } from "vitest";
import { formatAddress } from "../../src/net/address.js";
import { decodeFrame, destinationAddress, sourceAddress } from "../../src/net/decode.js";
import { CAPTURES_OF_OTHERS, withHalfItsSources } from "./others.js";
import { replayAndRead } from "./outputs-read.js";

/** What nothing here may be called any more. */
const NOT_YET = ["fragment-unsupported", "ipv6-unsupported"];
/** ICMP information and address mask messages, which RFC 6918 has retired. */
const RETIRED = new Map([["pcapplusplus_IcmpPackets.pcap", 2]]);
const CASES = CAPTURES_OF_OTHERS.flatMap((name) =>
  (["cilium", "rfc"] as const).map((natProfile) => ({ name, natProfile })),
);

describe.skipIf(CAPTURES_OF_OTHERS.length === 0)("captures made outside of this project", () => {
  for (const { name, natProfile } of CASES) {
    it(`${name}, ${natProfile}: every frame is accounted for, none is translated wrongly or leaks`, async () => {
      const { path, pods, model } = await withHalfItsSources(name);
      const { report, external, endpoint } = await replayAndRead({
        captures: [path],
        model,
        natProfile,
        allowNoMatch: true,
      });
      const { frames, reasons, verification } = report;
      expect(verification.mismatches).toEqual([]);
      expect(verification.ok).toBe(true);
      expect(Object.keys(reasons).filter((reason) => NOT_YET.includes(reason))).toEqual([]);
      expect(reasons["unsupported-protocol"]).toBe(RETIRED.get(name));
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
