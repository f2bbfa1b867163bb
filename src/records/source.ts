import type { ByteSource } from "../capture/byte-source.js";
import { ReasonCounts } from "../capture/record-parser.js";
import type { RecordNotes } from "../capture/types.js";
import { CaptureError } from "../errors.js";
import type { RecordDecoder } from "./decoder.js";
import type { RecordFormat } from "./detect.js";
import { RecordFault } from "./fault.js";
import { FrameBuffer } from "./frame-buffer.js";
import { RecordWindow } from "./window.js";

/** Counts of a file of records, as far as it was read. */
class Notes implements RecordNotes {
  readonly kind: string;
  read = 0;
  used = 0;
  readonly unused = new ReasonCounts();

  constructor(kind: string) {
    this.kind = kind;
  }
}

/** A file of connection records as a pcap file of the frames that it tells of: bounded in memory for files of any length. */
export class RecordSource implements ByteSource {
  readonly name: string;
  readonly notes: RecordNotes;
  /** The last record is cut off, and was left out. */
  truncated = false;
  readonly #source: ByteSource;
  readonly #window: RecordWindow;
  readonly #decoder: RecordDecoder;
  readonly #frames = new FrameBuffer();
  readonly #notes: Notes;
  #failure: CaptureError | undefined;

  constructor(source: ByteSource, { cutter, decoder }: RecordFormat) {
    this.name = source.name;
    this.#source = source;
    this.#window = new RecordWindow(source, cutter);
    this.#decoder = decoder;
    this.#notes = new Notes(decoder.kind);
    this.notes = this.#notes;
  }

  read(target: Uint8Array): number | Promise<number> {
    if (target.length === 0) return 0;
    if (this.#frames.isEmpty) this.#decodeMany();
    return this.#frames.isEmpty ? this.#wait(target) : this.#frames.take(target);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  async #wait(target: Uint8Array): Promise<number> {
    while (this.#frames.isEmpty && !this.#failure && (await this.#window.fill())) this.#decodeMany();
    if (this.#frames.isEmpty && this.#failure) throw this.#failure;
    if (this.#frames.isEmpty && this.#window.isOpen) this.truncated = true;
    return this.#frames.take(target);
  }

  /** Decodes records in memory until they or the room for frames run out. A failure waits until the frames before it are taken. */
  #decodeMany(): void {
    try {
      while (!this.#failure && this.#frames.hasRoom(this.#decoder.mostFrames)) {
        const record = this.#window.next();
        if (record === undefined) return;
        this.#decode(record);
      }
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.#failure = error;
    }
  }

  #decode(record: string): void {
    try {
      const reason = this.#decoder.decode(record, this.#frames);
      if (reason === undefined) return;
      this.#notes.read++;
      if (reason === "") this.#notes.used++;
      else this.#notes.unused.add(reason);
    } catch (fault) {
      if (!(fault instanceof RecordFault)) throw fault;
      if (!this.#window.isLast) throw this.#window.failure(fault.message, fault);
      this.truncated = true;
    }
  }
}
