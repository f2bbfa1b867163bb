import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { LINKTYPE_ETHERNET } from "../capture/types.js";
import { PcapngWriter } from "../capture/write.js";
import { FRAME_FLAG_GSO } from "../engine/codes.js";
import type { OverlayPacket } from "../engine/fabric.js";
import type { ReplayReport } from "./report-types.js";

/** Bytes that an Ethernet frame may hold behind its header unless something else is said. */
const DEFAULT_MTU = 1500;
const ETHERNET_SIZE = 14;
/** Largest frame that a capture file may hold. */
const MAX_WRITTEN = 256 << 10;

/** Where an overlay packet stands in the captures. */
export interface Stamp {
  /** 1-based number of the frame that it carries. */
  readonly number: number;
  readonly timeLow: number;
  readonly timeHigh: number;
  /** FRAME_FLAG_* */
  readonly flags: number;
}

/**
 * The packets between the nodes of a cluster: counts them, and writes `overlay.pcapng`, one interface per sending node. A super-frame is
 * cut up by a network card before it leaves, so its length is no fault.
 */
export class Overlay {
  readonly #names: () => readonly string[];
  readonly #writer: PcapngWriter | undefined;
  readonly #report = { frames: 0, bytes: 0, tooBig: 0, largest: 0, mtu: DEFAULT_MTU };

  /**
   * @param names of the nodes of the policy in force, by index   @param folder for the capture; undefined = it is not written
   * @throws {OutputError} where the file cannot be created
   */
  constructor(names: () => readonly string[], folder: string | undefined) {
    this.#names = names;
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    this.#writer = new PcapngWriter(join(folder, "overlay.pcapng"));
  }

  take({ from, arena, at, captured, wire }: OverlayPacket, stamp: Stamp): void {
    const report = this.#report;
    report.frames++;
    report.bytes += wire;
    const size = wire - ETHERNET_SIZE;
    if (!(stamp.flags & FRAME_FLAG_GSO)) {
      if (size > report.mtu) report.tooBig++;
      report.largest = Math.max(report.largest, size);
    }
    if (!this.#writer || captured > MAX_WRITTEN) return;
    const id = this.#writer.interfaceId(LINKTYPE_ETHERNET, this.#names()[from]!);
    this.#writer.frame(id, stamp.timeLow, stamp.timeHigh, captured, wire, stamp.number, arena, at);
  }

  report(): NonNullable<ReplayReport["overlay"]> {
    return { ...this.#report };
  }

  /** @throws {OutputError} */
  close(): void {
    this.#writer?.close();
  }
}
