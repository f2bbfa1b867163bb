import * as layout from "../../../assembly/outside/layout.js";
import { type AddressBytes, formatAddress, socketText } from "../../net/address.js";
import {
  decodeFrame,
  destinationAddress,
  destinationPort,
  type IpPacket,
  sourceAddress,
  sourcePort,
} from "../../net/decode.js";
import { addressKey } from "../../net/tuple.js";
import { outputLinkTypeOf } from "../../replay/observer.js";
import type { ObservedPiece, PieceObserver } from "../../replay/piece-observer.js";
import { nameOfAction, nameOfReason } from "../../replay/reasons.js";
import type { ReplayReport } from "../../replay/report-types.js";
import { nanoseconds } from "../../replay/time.js";
import type { GridColumn, GridData } from "../../report/html/client/page-data.js";
import { showable } from "../../report/html/markup.js";

/** Frames that are listed: each takes some 50 bytes here, and as many in the page. */
export const MOST_FRAMES = 2_000_000;
const FIRST_ROOM = 4096;

/** Texts, each kept once, known by the number that it came at. */
class Texts {
  readonly all: string[] = [];
  readonly #places = new Map<string | number, number>();

  /** @param key stands for the text, which is made only where the key is new */
  placeOf(key: string | number, textOf: () => string): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.all.length);
    return this.all.push(showable(textOf())) - 1;
  }
}

/** A value for each frame, in memory that doubles as it fills. */
class Values<T extends Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>> {
  #room: T;
  readonly #make: (length: number) => T;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#room = make(FIRST_ROOM);
  }

  set(row: number, value: number): void {
    if (row >= this.#room.length) {
      const larger = this.#make(this.#room.length * 2);
      larger.set(this.#room);
      this.#room = larger;
    }
    this.#room[row] = value;
  }

  /** The first `count`, in memory of their own. */
  cut(count: number): T {
    return this.#room.slice(0, count) as T;
  }
}

const places = () => new Values((length) => new Uint32Array(length));

/** Watches a replay, and lists its frames: what each is, and what became of it. */
export class FrameList implements PieceObserver {
  readonly #most: number;
  #frames = 0;
  readonly #times = new Values((length) => new Float64Array(length));
  readonly #lengths = places();
  readonly #sources = places();
  readonly #destinations = places();
  readonly #protocols = places();
  readonly #actions = places();
  readonly #reasons = places();
  readonly #gateways = places();
  readonly #sockets = new Texts();
  readonly #protocolTexts = new Texts();
  readonly #actionTexts = new Texts();
  readonly #reasonTexts = new Texts();
  readonly #egresses = new Texts();

  constructor(most = MOST_FRAMES) {
    this.#most = most;
  }

  before({ columns, faces, arena, first, end, passed }: ObservedPiece): void {
    for (let i = first; i < end; i++) {
      const row = passed + i;
      if (row >= this.#most) break;
      const at = columns.offset[i]!;
      const bytes = arena.subarray(at, at + columns.captured[i]!);
      const face = faces[columns.interface[i]!]!;
      this.#describe(row, bytes, decodeFrame(bytes, outputLinkTypeOf(i, columns, face), columns.wire[i]!));
      this.#times.set(row, Number(nanoseconds(columns.timeLow[i]!, columns.timeHigh[i]!) / 1000n));
      this.#lengths.set(row, columns.wire[i]!);
    }
  }

  after({ columns, first, end, passed }: ObservedPiece): void {
    for (let i = first; i < end; i++) {
      const row = passed + i;
      this.#frames = row + 1;
      if (row >= this.#most) continue;
      const [action, reason, egress] = [columns.action[i]!, columns.reason[i]!, columns.egress[i]!];
      this.#actions.set(
        row,
        this.#actionTexts.placeOf(action, () => nameOfAction(action) ?? String(action)),
      );
      this.#reasons.set(
        row,
        this.#reasonTexts.placeOf(reason, () => nameOfReason(reason)),
      );
      this.#gateways.set(
        row,
        this.#egresses.placeOf(egress, () => String(egress)),
      );
    }
  }

  /** What was seen, for the page's table. @param gateways the report's: frames know them by their places */
  grid({ gateways }: Pick<ReplayReport, "gateways">): GridData {
    const rows = Math.min(this.#frames, this.#most);
    const nodes = this.#egresses.all.map((egress) =>
      Number(egress) === layout.NO_EGRESS ? "" : showable(gateways[Number(egress)]?.node ?? ""),
    );
    const texts = (key: string, title: string, values: Values<Uint32Array<ArrayBuffer>>, all: readonly string[]) =>
      ({ key, title, values: values.cut(rows), texts: all }) satisfies GridColumn;
    return {
      rows,
      left: this.#frames - rows,
      columns: [
        { key: "frame", title: "Frame", values: Uint32Array.from({ length: rows }, (_, i) => i + 1), numeric: true },
        { key: "at", title: "At (UTC)", values: this.#times.cut(rows) },
        texts("verdict", "Verdict", this.#actions, this.#actionTexts.all),
        texts("node", "Gateway", this.#gateways, nodes),
        texts("source", "From", this.#sources, this.#sockets.all),
        texts("destination", "To", this.#destinations, this.#sockets.all),
        texts("protocol", "Protocol", this.#protocols, this.#protocolTexts.all),
        texts("reason", "Reason", this.#reasons, this.#reasonTexts.all),
        { key: "length", title: "Bytes", values: this.#lengths.cut(rows), numeric: true },
      ],
      filters: [
        { label: "Verdict", kind: "choice", keys: ["verdict"] },
        { label: "Reason", kind: "choice", keys: ["reason"] },
        { label: "Gateway", kind: "choice", keys: ["node"] },
        { label: "Address", kind: "prefix", keys: ["source", "destination"] },
      ],
    };
  }

  #describe(row: number, bytes: Uint8Array, packet: IpPacket | undefined): void {
    if (!packet) {
      const none = this.#sockets.placeOf("", () => "");
      this.#sources.set(row, none);
      this.#destinations.set(row, none);
      this.#protocols.set(
        row,
        this.#protocolTexts.placeOf("", () => "no IP"),
      );
      return;
    }
    const { sourceAt, destinationAt, kind, protocol } = packet;
    const socket = (at: number, port: number, address: (bytes: Uint8Array, packet: IpPacket) => AddressBytes) => {
      const key = `${addressKey(bytes, at, packet.family)} ${kind === "echo" ? "echo" : ""}${port}`;
      return this.#sockets.placeOf(key, () => endText(formatAddress(address(bytes, packet)), port, kind === "echo"));
    };
    this.#sources.set(row, socket(sourceAt, sourcePort(bytes, packet), sourceAddress));
    this.#destinations.set(row, socket(destinationAt, destinationPort(bytes, packet), destinationAddress));
    this.#protocols.set(
      row,
      this.#protocolTexts.placeOf(kind === "other" ? protocol : kind, () => protocolText(packet)),
    );
  }
}

/** One end of a packet; the identifier of an echo stands where others have a port. */
function endText(address: string, port: number, isEcho: boolean): string {
  if (port === 0) return address;
  return isEcho ? `${address} id ${port}` : socketText(address, port);
}

function protocolText({ kind, protocol }: IpPacket): string {
  return kind === "other" ? `protocol ${protocol}` : kind.replaceAll("-", " ");
}
