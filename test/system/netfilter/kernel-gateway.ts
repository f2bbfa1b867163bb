import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { concat } from "../../support/frames.js";
import type { Delivery, Exchanged, Gateway, GatewayOptions, Packet } from "./gateway.js";

const ETHERNET_SIZE = 14;
/** DSCP 56 without ECN: what lab.sh's gateway writes into packets of its own. */
const OWN_TRAFFIC_CLASS = 0xe0;
const MACS = {
  pod: Uint8Array.of(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1),
  remote: Uint8Array.of(2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4),
};

/** The Linux kernel's gateway of lab.sh. Its clock is the machine's. */
export class KernelGateway implements Gateway {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<never>;
  #said = "";
  #pending = Buffer.alloc(0);
  #arrived: () => void = () => {};

  constructor({ egressIPs, low, high }: GatewayOptions) {
    this.#child = spawn(join(import.meta.dirname, "lab.sh"), [egressIPs[4], egressIPs[6], `${low}-${high}`]);
    this.#child.stderr.on("data", (text) => {
      this.#said += text;
    });
    this.#child.stdout.on("data", (data: Buffer) => {
      this.#pending = Buffer.concat([this.#pending, data]);
      this.#arrived();
    });
    this.#ended = new Promise((_, reject) => {
      this.#child.on("close", (status) => reject(new Error(`the kernel's gateway ended (${status}): ${this.#said}`)));
      this.#child.on("error", reject);
    });
    this.#ended.catch(() => {});
  }

  async exchange(packets: readonly Packet[]): Promise<Exchanged> {
    const parts = packets.flatMap(({ side, bytes }) => {
      const head = Buffer.alloc(3);
      head.writeUInt8(side === "pod" ? 0 : 1);
      head.writeUInt16LE(ETHERNET_SIZE + bytes.length, 1);
      return [head, MACS[side], etherType(bytes), bytes];
    });
    const count = Buffer.alloc(4);
    count.writeUInt32LE(packets.length);
    this.#child.stdin.write(concat(count, ...parts));
    const times = await this.#take(8 * packets.length);
    const total = (await this.#take(4)).readUInt32LE();
    const deliveries: Delivery[] = [];
    for (let i = 0; i < total; i++) {
      const head = await this.#take(3);
      const frame = await this.#take(head.readUInt16LE(1));
      if (!isIp(frame)) continue;
      const bytes = new Uint8Array(frame.subarray(ETHERNET_SIZE));
      deliveries.push({
        side: head.readUInt8() === 0 ? "pod" : "remote",
        bytes,
        own: (trafficClassOf(bytes) & 0xfc) === OWN_TRAFFIC_CLASS,
      });
    }
    return { times: packets.map((_, i) => times.readBigUInt64LE(8 * i)), deliveries };
  }

  /** Ends the namespaces and all that is in them. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended.catch(() => {});
  }

  async #take(size: number): Promise<Buffer> {
    while (this.#pending.length < size) {
      const more = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      await Promise.race([more, this.#ended]);
    }
    const taken = this.#pending.subarray(0, size);
    this.#pending = this.#pending.subarray(size);
    return taken;
  }
}

function etherType(packet: Uint8Array): Uint8Array {
  return packet[0]! >> 4 === 6 ? Uint8Array.of(0x86, 0xdd) : Uint8Array.of(8, 0);
}

function trafficClassOf(packet: Uint8Array): number {
  return packet[0]! >> 4 === 6 ? ((packet[0]! & 15) << 4) | (packet[1]! >> 4) : packet[1]!;
}

function isIp(frame: Buffer): boolean {
  const type = frame.readUInt16BE(12);
  return type === 0x0800 || type === 0x86dd;
}
