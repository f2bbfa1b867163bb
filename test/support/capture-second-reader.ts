import { createRequire } from "node:module";
import { Readable } from "node:stream";

/** The parts of `pcap-parser` that are used; the package comes without types. */
interface PcapParserModule {
  parse(input: Readable): NodeJS.EventEmitter;
}

interface ParserPacket {
  header: {
    timestampSeconds: number;
    timestampMicroseconds: number;
    capturedLength: number;
    originalLength: number;
  };
  data: Buffer;
}

export interface SecondReaderFrame {
  seconds: number;
  microseconds: number;
  wireLength: number;
  bytes: Buffer;
}

const { parse } = createRequire(import.meta.url)("pcap-parser") as PcapParserModule;

/**
 * Reads a microsecond pcap file with a reader that shares nothing with ours. It knows no other format
 * and is silent about a cut last record, so it is only asked about whole files.
 */
export function readWithSecondReader(bytes: Uint8Array): Promise<SecondReaderFrame[]> {
  return new Promise((resolve, reject) => {
    const frames: SecondReaderFrame[] = [];
    parse(Readable.from([Buffer.from(bytes)]))
      .on("packet", ({ header, data }: ParserPacket) => {
        frames.push({
          seconds: header.timestampSeconds,
          microseconds: header.timestampMicroseconds,
          wireLength: header.originalLength,
          bytes: Buffer.from(data),
        });
      })
      .on("error", reject)
      .on("end", () => resolve(frames));
  });
}
