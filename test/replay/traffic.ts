import { type PcapRecord, pcap } from "../support/capture-bytes.js";
import { ethernet, icmpEcho, icmpMessage, ipv4, patterned, tcp, udp } from "../support/frames.js";

export const ENDPOINT = "10.0.1.7";
export const REMOTE = "198.51.100.1";

/** A capture's frame at a time in microseconds since 2026-09-21T14:13:20Z. */
export interface TimedFrame {
  readonly us: number;
  readonly frame: Uint8Array;
  readonly captured?: number;
  readonly wire?: number;
}

const START_SECONDS = 1_790_000_000;

/** Timestamp of a frame at `us`, nanoseconds since the epoch. */
export function timeOf(us: number): bigint {
  return BigInt(START_SECONDS) * 1_000_000_000n + BigInt(us) * 1000n;
}

/** A pcap file of these frames, in the order given. */
export function captureOf(frames: readonly TimedFrame[], linkType = 1): Buffer {
  const records = frames.map(({ us, frame, captured, wire }): PcapRecord => {
    const kept = captured === undefined ? frame : frame.subarray(0, captured);
    return {
      seconds: START_SECONDS + Math.floor(us / 1e6),
      fraction: us % 1e6,
      frame: kept,
      wire: wire ?? frame.length,
    };
  });
  return pcap(records, { linkType });
}

export interface Side {
  readonly endpoint?: string;
  readonly remote?: string;
  readonly port?: number;
  readonly remotePort?: number;
  readonly ttl?: number;
  readonly id?: number;
}

/** What an endpoint sends: TCP unless `payload` alone is given. */
export function outbound(flags: string, side: Side = {}, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const { endpoint = ENDPOINT, remote = REMOTE, port = 40_000, remotePort = 443, ttl = 64, id = 1 } = side;
  return ethernet(
    ipv4({ src: endpoint, dst: remote, ttl, id }, tcp({ srcPort: port, dstPort: remotePort, flags, payload })),
  );
}

/** What it receives. */
export function inbound(flags: string, side: Side = {}, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const { endpoint = ENDPOINT, remote = REMOTE, port = 40_000, remotePort = 443, ttl = 57, id = 2 } = side;
  return ethernet(
    ipv4({ src: remote, dst: endpoint, ttl, id }, tcp({ srcPort: remotePort, dstPort: port, flags, payload })),
  );
}

/** A whole short TCP connection, `gapUs` between frames. */
export function conversation(startUs: number, side: Side = {}, gapUs = 100): TimedFrame[] {
  const steps = [
    () => outbound("SYN", at(0)),
    () => inbound("SYN ACK", at(1)),
    () => outbound("ACK", at(2)),
    () => outbound("PSH ACK", at(3), patterned(120)),
    () => inbound("ACK", at(4)),
    () => inbound("PSH ACK", at(5), patterned(700, 2)),
    () => outbound("FIN ACK", at(6)),
    () => inbound("FIN ACK", at(7)),
    () => outbound("ACK", at(8)),
  ];
  // Every packet has an IP ID of its own, as a real host sends them.
  const at = (step: number) => ({ id: 100 + step, ...side });
  return steps.map((build, i) => ({ us: startUs + i * gapUs, frame: build() }));
}

/** DNS-like question and answer. */
export function question(us: number, side: Side = {}): TimedFrame[] {
  const { endpoint = ENDPOINT, remote = REMOTE, port = 5353, remotePort = 53 } = side;
  return [
    {
      us,
      frame: ethernet(
        ipv4({ src: endpoint, dst: remote }, udp({ srcPort: port, dstPort: remotePort, payload: patterned(33) })),
      ),
    },
    {
      us: us + 900,
      frame: ethernet(
        ipv4({ src: remote, dst: endpoint }, udp({ srcPort: remotePort, dstPort: port, payload: patterned(99, 4) })),
      ),
    },
  ];
}

export function ping(us: number, side: Side = {}): TimedFrame[] {
  const { endpoint = ENDPOINT, remote = REMOTE, port = 77 } = side;
  const echo = (reply: boolean) => icmpEcho({ id: port, seq: 1, reply, payload: patterned(56) });
  return [
    { us, frame: ethernet(ipv4({ src: endpoint, dst: remote }, echo(false))) },
    { us: us + 500, frame: ethernet(ipv4({ src: remote, dst: endpoint }, echo(true))) },
  ];
}

/** Fragmentation needed (RFC 1191) from a router on the way, about what the endpoint sent. */
export function tooBig(us: number, quoted: Uint8Array, side: Side = {}): TimedFrame {
  const { endpoint = ENDPOINT } = side;
  const message = icmpMessage({ type: 3, code: 4, word: 1280, inner: quoted.subarray(14, 14 + 28) });
  return { us, frame: ethernet(ipv4({ src: "192.0.2.33", dst: endpoint, ttl: 60 }, message)) };
}
