import { LINKTYPE_ETHERNET } from "../../src/capture/types.js";
import type { DemoOptions } from "../../src/demo/options.js";
import type { DemoReport } from "../../src/demo/report-types.js";
import { simulateDemo } from "../../src/demo/simulate.js";
import { formatAddress } from "../../src/net/address.js";
import { decodeFrame, destinationAddress, destinationPort, sourceAddress, sourcePort } from "../../src/net/decode.js";
import { type ChecksumState, checksumState } from "../../src/net/recount.js";

/** A frame as a tap saw it. */
export interface SeenFrame {
  readonly bytes: Uint8Array;
  readonly timeNs: bigint;
  /** Of a server's tap. */
  readonly gateway?: string;
}

export interface SeenRun {
  readonly report: DemoReport;
  readonly pod: readonly SeenFrame[];
  readonly server: readonly SeenFrame[];
}

/** Runs a demonstration and keeps every frame. */
export async function seenRun(options: Partial<DemoOptions> = {}): Promise<SeenRun> {
  const pod: SeenFrame[] = [];
  const server: SeenFrame[] = [];
  const report = await simulateDemo(options, {
    pod: (bytes, timeNs) => pod.push({ bytes, timeNs }),
    server: (bytes, timeNs, gateway) => server.push({ bytes, timeNs, gateway }),
  });
  return { report, pod, server };
}

/** `10.0.0.1:40000 > 198.51.100.1:7000 right`: ends and state of the UDP checksum. */
export function ends({ bytes }: SeenFrame): { source: string; destination: string; checksum: ChecksumState } {
  const packet = decodeFrame(bytes, LINKTYPE_ETHERNET, bytes.length)!;
  return {
    source: `${formatAddress(sourceAddress(bytes, packet))}:${sourcePort(bytes, packet)}`,
    destination: `${formatAddress(destinationAddress(bytes, packet))}:${destinationPort(bytes, packet)}`,
    checksum: checksumState(bytes, packet),
  };
}

/** Node of the gateway by the address that the server saw. */
export function answeredBy(report: DemoReport): (string | null)[] {
  const nodes = new Map(report.gateways.map(({ egressIP, node }) => [egressIP, node]));
  return report.log.map((entry) => (entry.answeredBy === null ? null : nodes.get(entry.answeredBy)!));
}
