import { LINKTYPE_ETHERNET } from "../capture/types.js";
import { PcapngWriter } from "../capture/write.js";
import { halves } from "../replay/time.js";
import type { DemoTaps } from "./simulate.js";

/** Name of the monitor's interface in its capture. */
const POD_INTERFACE = "eth0";

/** The two captures of a demonstration, written while it runs; every frame has a number of its own, counted per file. */
export class DemoCaptures {
  readonly taps: DemoTaps;
  readonly #pod: NumberedWriter;
  readonly #server: NumberedWriter;

  /**
   * @param pod file for what the monitor's interface shows
   * @param server file for what the server's shows, one pcapng interface per gateway
   * @throws {OutputError} where a file cannot be created
   */
  constructor(pod: string, server: string) {
    this.#pod = new NumberedWriter(pod);
    this.#server = new NumberedWriter(server);
    this.taps = {
      pod: (frame, timeNs) => this.#pod.frame(POD_INTERFACE, frame, timeNs),
      server: (frame, timeNs, gateway) => this.#server.frame(gateway, frame, timeNs),
    };
  }

  /** @throws {OutputError} */
  close(): void {
    try {
      this.#pod.close();
    } finally {
      this.#server.close();
    }
  }
}

class NumberedWriter {
  readonly #writer: PcapngWriter;
  #count = 0;

  constructor(file: string) {
    this.#writer = new PcapngWriter(file);
  }

  frame(name: string, frame: Uint8Array, timeNs: bigint): void {
    const id = this.#writer.interfaceId(LINKTYPE_ETHERNET, name);
    const [low, high] = halves(timeNs);
    this.#writer.frame(id, low, high, frame.length, frame.length, ++this.#count, frame, 0);
  }

  close(): void {
    this.#writer.close();
  }
}
