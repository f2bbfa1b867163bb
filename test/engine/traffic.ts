import { ethernet, icmpEcho, icmpMessage, ipv4, ipv6, otherProtocol, patterned, tcp, udp } from "../support/frames.js";
import type { TestFrame } from "./harness.js";

const ENDPOINTS = ["10.0.1.7", "10.0.1.8", "10.0.1.9"];
const EGRESS_IPS = ["203.0.113.10", "203.0.113.20"];
const REMOTES = ["198.51.100.1", "198.51.100.2", "192.168.7.7", "10.0.1.8", "8.8.8.8"];

/** xorshift32: the same numbers on every machine. */
export function random(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/**
 * Traffic of the small model that meets every part of the engine: opening, closing, pings, replies that fit and that do not, inbound
 * connections, ICMP errors, fragments, IPv6, garbage, silences longer than a lifetime, and time that runs backwards.
 */
export function mixedTraffic(count: number, seed: number): TestFrame[] {
  const next = random(seed);
  const sent: Sent[] = [];
  let atNs = 1_000_000_000n;
  return Array.from({ length: count }, (_, i) => {
    atNs += BigInt(next(40) === 0 ? next(120_000) : next(20)) * 1_000_000n;
    if (next(50) === 0) atNs -= 5_000_000n;
    const isOutbound = sent.length === 0 || next(2) > 0;
    const bytes = ethernet(isOutbound ? outbound(next, i, sent) : inbound(next, i, sent));
    const cut = next(25) === 0 ? next(bytes.length) : bytes.length;
    const hook = isOutbound ? "from-endpoint" : "from-network";
    return { hook, bytes: bytes.subarray(0, cut), wire: bytes.length, atNs } as const;
  });
}

type Next = (below: number) => number;

/** What a later frame may answer. */
interface Sent {
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly dst: string;
  readonly port: number;
}

function outbound(next: Next, i: number, sent: Sent[]): Uint8Array {
  const src = ENDPOINTS[next(4) > 0 ? 0 : next(ENDPOINTS.length)]!;
  const dst = REMOTES[next(REMOTES.length)]!;
  const port = 32_760 + next(40);
  const ip = { src, dst, ttl: next(30) === 0 ? 1 : 64, id: i & 0xffff };
  const protocol = (["tcp", "tcp", "udp", "icmp"] as const)[next(4)]!;
  switch (next(10)) {
    case 0:
      return ipv4({ ...ip, moreFragments: true }, udp({ srcPort: port, dstPort: 53, payload: patterned(16, i) }));
    case 1:
      return ipv6({ src: "fd00::7", dst: "2001:db8::1" }, udp({ srcPort: port, dstPort: 53 }));
    case 2:
      return ipv4(ip, otherProtocol(47, patterned(20, i)));
    default:
      sent.push({ protocol, dst, port });
      return ipv4(ip, transport(next, i, protocol, port, protocol === "tcp" ? 443 : 53, next(8) === 0));
  }
}

/** Mostly answers to the last frames sent, at either egress IP; some to endpoints' own addresses; some ICMP errors. */
function inbound(next: Next, i: number, sent: readonly Sent[]): Uint8Array {
  const { protocol, dst: src, port } = sent[Math.max(0, sent.length - 1 - next(8))]!;
  const dst = next(8) === 0 ? ENDPOINTS[next(ENDPOINTS.length)]! : EGRESS_IPS[next(EGRESS_IPS.length)]!;
  const ip = { src, dst, id: i & 0xffff };
  if (next(8) > 0) return ipv4(ip, transport(next, i, protocol, protocol === "tcp" ? 443 : 53, port, next(8) > 0));
  const inner = ipv4({ src: dst, dst: src }, transport(next, i, protocol, port, protocol === "tcp" ? 443 : 53, false));
  return ipv4(ip, icmpMessage({ type: 3, code: 3, inner }));
}

function transport(
  next: Next,
  i: number,
  protocol: Sent["protocol"],
  srcPort: number,
  dstPort: number,
  isReply: boolean,
) {
  const payload = patterned(next(40), i);
  if (protocol === "tcp") return tcp({ srcPort, dstPort, flags: tcpFlags(next), payload });
  if (protocol === "udp") return udp({ srcPort, dstPort, payload, checksum: next(4) === 0 ? 0 : undefined });
  return icmpEcho({ id: Math.max(srcPort, dstPort), reply: isReply, payload });
}

function tcpFlags(next: Next): string {
  return ["SYN", "SYN", "SYN ACK", "ACK", "ACK", "PSH ACK", "FIN ACK", "RST"][next(8)]!;
}
