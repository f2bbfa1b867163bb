import { closeSync, openSync, writeSync } from "node:fs";
import { pcapHeader } from "../support/capture-bytes.js";
import { addOnes, ethernet, ipv4, patterned, tcp } from "../support/frames.js";
import { ENDPOINT, REMOTE } from "./traffic.js";

const START_SECONDS = 1_790_000_000;
const CHUNK = 1 << 20;
const SPACING_US = 2;
const FIRST_PORT = 1024;

export interface LargeCapture {
  readonly frames: number;
  readonly connections: number;
  readonly payload: number;
}

/**
 * Writes a pcap of two-way TCP traffic: frames in turn over all connections (by source port, then by pod), request and answer in turn.
 * The first frame of a connection is a SYN. Templates are patched, so that gigabytes take seconds.
 * @returns bytes of the file
 */
export function writeLargeCapture(path: string, { frames, connections, payload }: LargeCapture): number {
  const file = openSync(path, "w");
  const chunk = Buffer.alloc(CHUNK + 65_536);
  let filled = pcapHeader().copy(chunk);
  let written = 0;
  const flush = () => {
    for (let at = 0; at < filled; ) at += writeSync(file, chunk, at, filled - at);
    written += filled;
    filled = 0;
  };
  const [syn, request, answer] = templates(payload);
  for (let i = 0; i < frames; i++) {
    const round = Math.floor(i / connections);
    const template = round === 0 ? syn : round % 2 === 1 ? answer : request;
    filled += putRecord(chunk, filled, i, template, i % connections, template === answer);
    if (filled >= CHUNK) flush();
  }
  flush();
  closeSync(file);
  return written;
}

function templates(payload: number): Buffer[] {
  const ports = { srcPort: 0, dstPort: 443 };
  const out = { src: ENDPOINT, dst: REMOTE };
  return [
    ethernet(ipv4(out, tcp({ ...ports, flags: "SYN" }))),
    ethernet(ipv4(out, tcp({ ...ports, flags: "PSH ACK", payload: patterned(payload) }))),
    ethernet(
      ipv4(
        { src: REMOTE, dst: ENDPOINT },
        tcp({ srcPort: 443, dstPort: 0, flags: "PSH ACK", payload: patterned(payload, 3) }),
      ),
    ),
  ].map((frame) => Buffer.from(frame));
}

/** Record and frame, with the pod's port and address of this connection put in and the checksums kept right. */
function putRecord(
  chunk: Buffer,
  at: number,
  i: number,
  template: Buffer,
  connection: number,
  isAnswer: boolean,
): number {
  const us = i * SPACING_US;
  chunk.writeUInt32LE(START_SECONDS + Math.floor(us / 1e6), at);
  chunk.writeUInt32LE(us % 1e6, at + 4);
  chunk.writeUInt32LE(template.length, at + 8);
  chunk.writeUInt32LE(template.length, at + 12);
  const frame = at + 16;
  template.copy(chunk, frame);
  const port = FIRST_PORT + (connection % 60_000);
  const pod = Math.floor(connection / 60_000);
  const host = (7 + pod) & 0xff;
  chunk.writeUInt16BE(port, frame + (isAnswer ? 36 : 34));
  chunk[frame + (isAnswer ? 33 : 29)] = host;
  lower(chunk, frame + 24, pod);
  lower(chunk, frame + 50, addOnes(port, pod));
  return 16 + template.length;
}

/** Lowers a checksum by what was added to a word that it covers. */
function lower(chunk: Buffer, at: number, by: number): void {
  chunk.writeUInt16BE(addOnes(chunk.readUInt16BE(at), ~by & 0xffff), at);
}

/** The pods that such a capture has. */
export function podsOf(connections: number): string[] {
  return Array.from({ length: Math.ceil(connections / 60_000) }, (_, pod) => `10.0.1.${7 + pod}`);
}
