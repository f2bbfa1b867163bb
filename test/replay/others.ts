import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { PolicyModel } from "../../src/config/types.js";
import { formatAddress, parsePrefix, prefixContains } from "../../src/net/address.js";
import { decodeFrame, destinationPort, type IpPacket, sourceAddress } from "../../src/net/decode.js";
import { readFile } from "../support/capture-read.js";
import { clusterModel } from "./cluster.js";

// Captures made outside of this project; they are not part of it, and tests that use them are skipped where they are absent.

const FOLDER = process.env.SLUICEGATE_CAPTURES ?? resolve("..", "shared", "captures");
/** Names of the captures; empty where there are none. */
export const CAPTURES_OF_OTHERS = existsSync(FOLDER)
  ? readdirSync(FOLDER).filter((name) => /\.pcap(ng)?(\.gz)?$/.test(name))
  : [];
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

/** A capture of others, with half of its private sources as pods that are selected for everything. */
export async function withHalfItsSources(name: string): Promise<{ path: string; pods: string[]; model: PolicyModel }> {
  const path = join(FOLDER, name);
  const pods = (await sourcesOf(path)).filter((_, i) => i % 2 === 0);
  return { path, pods, model: await clusterModel({ pods }) };
}
