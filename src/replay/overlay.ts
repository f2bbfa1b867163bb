import { LINKTYPE_ETHERNET } from "../capture/types.js";
import { PcapngWriter } from "../capture/write.js";
import { FRAME_FLAG_GSO } from "../engine/codes.js";
import type { OverlayWatcher } from "../engine/fabric.js";
import type { Columns } from "./columns.js";
import type { TargetOf } from "./outputs.js";
import type { ReplayReport } from "./report-types.js";

/** Bytes that an Ethernet frame may hold behind its header unless something else is said. */
const DEFAULT_MTU = 1500;
const ETHERNET_SIZE = 14;
/** Where the outer header has its addresses. */
const SOURCE_AT = ETHERNET_SIZE + 12;
const DESTINATION_AT = ETHERNET_SIZE + 16;
/** Largest frame that a capture file may hold. */
const MAX_WRITTEN = 256 << 10;

/** What a packet between nodes carries. */
export interface Carried {
  /** Place in the piece of frame `frame` of the running batch. */
  slotOf(frame: number): number;
  /** 1-based number of the frame at that place. */
  numberOf(slot: number): number;
  readonly columns: Pick<Columns, "timeLow" | "timeHigh" | "flags">;
  /** Names of the nodes of the policy in force, by index. */
  names(): readonly string[];
}

/** What takes the packets in order: a capture file, or who passes them on. */
export type PacketSink = Pick<PcapngWriter, "interfaceId" | "frame" | "close">;

/** The capture of a replay. @throws {OutputError} where the file cannot be created */
export function overlayFile(targetOf: TargetOf): PcapngWriter {
  return new PcapngWriter(targetOf("overlay.pcapng"));
}

/**
 * The packets between the nodes of a cluster: counts them, and writes `overlay.pcapng`, one interface per sending node, but for packets from
 * or to a node without an address. A super-frame is cut up by a network card before it leaves, so its length is no fault.
 */
export class Overlay implements OverlayWatcher {
  readonly #carried: Carried;
  readonly #writer: PacketSink | undefined;
  readonly #report = { frames: 0, bytes: 0, tooBig: 0, largest: 0, mtu: DEFAULT_MTU, unaddressed: 0 };

  /** @param writer of the capture; undefined = it is not written */
  constructor(carried: Carried, writer: PacketSink | undefined) {
    this.#carried = carried;
    this.#writer = writer;
  }

  packet(frame: number, from: number, captured: number, wire: number, arena: Uint8Array): void {
    const report = this.#report;
    const { columns } = this.#carried;
    const slot = this.#carried.slotOf(frame);
    report.frames++;
    report.bytes += wire;
    const size = wire - ETHERNET_SIZE;
    if (!(columns.flags[slot]! & FRAME_FLAG_GSO)) {
      if (size > report.mtu) report.tooBig++;
      report.largest = Math.max(report.largest, size);
    }
    const isAddressed = hasAddress(arena, SOURCE_AT) && hasAddress(arena, DESTINATION_AT);
    if (!isAddressed) report.unaddressed++;
    if (!this.#writer || !isAddressed || captured > MAX_WRITTEN) return;
    const id = this.#writer.interfaceId(LINKTYPE_ETHERNET, this.#carried.names()[from]!);
    const number = this.#carried.numberOf(slot);
    this.#writer.frame(id, columns.timeLow[slot]!, columns.timeHigh[slot]!, captured, wire, number, arena, 0);
  }

  report(): NonNullable<ReplayReport["overlay"]> {
    return { ...this.#report };
  }

  /** @throws {OutputError} */
  close(): void {
    this.#writer?.close();
  }
}

function hasAddress(packet: Uint8Array, at: number): boolean {
  return packet.subarray(at, at + 4).some((byte) => byte !== 0);
}
