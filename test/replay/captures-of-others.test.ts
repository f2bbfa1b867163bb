import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { formatAddress, parsePrefix, prefixContains } from "../../src/net/address.js";
import {
  decodeFrame,
  destinationAddress,
  destinationPort,
  type IpPacket,
  sourceAddress,
} from "../../src/net/decode.js";
import { readFile } from "../support/capture-read.js";
import { clusterModel } from "./cluster.js";
import { replayAndRead } from "./outputs-read.js";

const FOLDER = process.env.SLUICEGATE_CAPTURES ?? resolve("..", "shared", "captures");
const captures = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => /\.pcap(ng)?(\.gz)?$/.test(name)) : [];
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10"].map(
  (text) => parsePrefix(text)!,
);

/** Private sources of a capture, those of inner frames among them; where there are none, all sources. */
async function sourcesOf(path: string): Promise<string[]> {
  const { frames, interfaces } = await readFile(path);
  const seen = new Set<string>();
  for (const frame of frames) {
    const { linkType } = interfaces[frame.interface];
    const packet = decodeFrame(frame.bytes, linkType, Math.max(frame.wireLength, frame.bytes.length));
    if (!packet) continue;
    seen.add(formatAddress(sourceAddress(frame.bytes, packet)));
    const inner = innerOf(frame.bytes, packet);
    const innerPacket = inner && decodeFrame(inner, 1, inner.length);
    if (inner && innerPacket) seen.add(formatAddress(sourceAddress(inner, innerPacket)));
  }
  const isPrivate = (text: string) => PRIVATE.some((prefix) => prefixContains(prefix, addressOf(text)));
  const usable = [...seen].filter((text) => text !== "0.0.0.0" && text !== "::");
  const found = usable.filter(isPrivate);
  return (found.length > 0 ? found : usable).sort();
}

function addressOf(text: string): Uint8Array {
  return parsePrefix(`${text}/${text.includes(":") ? 128 : 32}`)!.bytes;
}

function innerOf(bytes: Uint8Array, packet: IpPacket): Uint8Array | undefined {
  if (packet.kind !== "udp" || ![4789, 8472, 6081].includes(destinationPort(bytes, packet))) return undefined;
  const options = destinationPort(bytes, packet) === 6081 ? (bytes[packet.transportAt + 8] & 0x3f) * 4 : 0;
  return bytes.subarray(packet.transportAt + 16 + options);
}

describe.skipIf(captures.length === 0)("captures made outside of this project", () => {
  for (const name of captures) {
    it(`${name}: every frame is accounted for, none is translated wrongly or leaks`, async () => {
      const path = join(FOLDER, name);
      const sources = await sourcesOf(path);
      const pods = sources.filter((_, i) => i % 2 === 0);
      const model = await clusterModel({ pods });
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
