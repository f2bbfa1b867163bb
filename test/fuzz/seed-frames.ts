import * as abi from "../../assembly/abi.js";
import {
  concat,
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  ipv4FragmentsOf,
  ipv6,
  ipv6FragmentsOf,
  type Layer4,
  nullLink,
  otherProtocol,
  patterned,
  ppp,
  qinq,
  sctp,
  sll,
  sll2,
  tcp,
  udp,
  vxlan,
} from "../support/frames.js";
import { sctpPacket } from "../support/sctp.js";
import type { FuzzRecord } from "./frame-input.js";
import { EGRESS_IPS, EGRESS_IPS6, ENDPOINTS, ENDPOINTS6, NODES, REMOTES, REMOTES6 } from "./worlds.js";

const PORT = 40_001;
const OUT = abi.HOOK_FROM_ENDPOINT;
const IN = abi.HOOK_FROM_NETWORK;
const OVERLAY = abi.HOOK_FROM_OVERLAY;

function record(hook: number, bytes: Uint8Array, link: number = abi.LINK_ETHERNET, flags = 0): FuzzRecord {
  return { hook, link, flags, gapMs: 1, extra: 0, bytes };
}

/** Puts a packet into the frame of each link type that the engine knows. */
export function onLink(packet: Uint8Array, link: number): Uint8Array {
  switch (link) {
    case abi.LINK_RAW:
      return packet;
    case abi.LINK_SLL:
      return sll(packet);
    case abi.LINK_SLL2:
      return sll2(packet);
    case abi.LINK_NULL:
      return nullLink(packet);
    case abi.LINK_PPP:
      return ppp(packet);
    default:
      return ethernet(packet);
  }
}

/** Around 500 frames: every protocol, direction, link type and oddity that this code names. */
export function seedFrames(): FuzzRecord[] {
  return [
    ...conversations(),
    ...tcpForms(),
    ...icmpForms(),
    ...linkForms(),
    ...ipv4Forms(),
    ...ipv6Forms(),
    ...ipv6Conversations(),
    ...icmp6Forms(),
    ...overlayForms(),
    ...offloadForms(),
    ...fragmentForms(),
    ...sctpForms(),
    ...portlessForms(),
    ...timestampForms(),
    ...longForms(),
  ];
}

/** What an endpoint sends and what comes back, for each transport, pod, remote and egress IP. */
function conversations(): FuzzRecord[] {
  const records: FuzzRecord[] = [];
  for (const src of ENDPOINTS) {
    for (const dst of REMOTES) {
      for (const body of transports(PORT, 443)) records.push(record(OUT, ethernet(ipv4({ src, dst }, body))));
    }
  }
  for (const dst of EGRESS_IPS) {
    for (const src of REMOTES) {
      for (const body of transports(443, PORT, true)) records.push(record(IN, ethernet(ipv4({ src, dst }, body))));
    }
  }
  for (const dst of ENDPOINTS) {
    for (const body of transports(50_000, 8080))
      records.push(record(IN, ethernet(ipv4({ src: REMOTES[0], dst }, body))));
  }
  return records;
}

function transports(srcPort: number, dstPort: number, isReply = false): Layer4[] {
  const payload = patterned(24, srcPort);
  const id = Math.max(srcPort, dstPort);
  return [
    tcp({ srcPort, dstPort, flags: isReply ? "SYN ACK" : "SYN" }),
    udp({ srcPort, dstPort, payload }),
    icmpEcho({ id, reply: isReply, payload }),
    sctp({ srcPort, dstPort }),
    sctpPacket(srcPort, dstPort, "INIT-ACK"),
    sctpPacket(srcPort, dstPort, ["COOKIE-ECHO", "DATA"]),
    sctpPacket(srcPort, dstPort, ["COOKIE-ACK", "SACK", "DATA"]),
    sctpPacket(srcPort, dstPort, "SHUTDOWN"),
    sctpPacket(srcPort, dstPort, "ABORT", { flags: 1 }),
  ];
}

function tcpForms(): FuzzRecord[] {
  const [src, dst] = [ENDPOINTS[0], REMOTES[0]];
  const ports = { srcPort: PORT, dstPort: 443 };
  const mss = Uint8Array.of(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7);
  const flags = ["ACK", "PSH ACK", "FIN ACK", "RST", "RST ACK", "SYN ACK", "SYN FIN", "", "FIN SYN RST PSH ACK URG"];
  return flags.flatMap((words) => [
    record(OUT, ethernet(ipv4({ src, dst }, tcp({ ...ports, flags: words, payload: patterned(17) })))),
    record(
      IN,
      ethernet(
        ipv4({ src: dst, dst: EGRESS_IPS[0] }, tcp({ srcPort: 443, dstPort: PORT, flags: words, options: mss })),
      ),
    ),
  ]);
}

function icmpForms(): FuzzRecord[] {
  const records: FuzzRecord[] = [];
  const inner = ipv4({ src: EGRESS_IPS[0], dst: REMOTES[0] }, udp({ srcPort: PORT, dstPort: 443 }));
  const innerTcp = ipv4({ src: EGRESS_IPS[0], dst: REMOTES[0] }, tcp({ srcPort: PORT, dstPort: 443 })).subarray(0, 28);
  const innerOut = ipv4({ src: REMOTES[0], dst: ENDPOINTS[0] }, udp({ srcPort: 443, dstPort: PORT }));
  for (const [type, code] of [
    [3, 3],
    [3, 4],
    [4, 0],
    [5, 1],
    [11, 0],
    [12, 0],
  ]) {
    for (const quoted of [inner, innerTcp]) {
      const message = icmpMessage({ type, code, word: 1400, inner: quoted });
      records.push(record(IN, ethernet(ipv4({ src: "198.51.100.254", dst: EGRESS_IPS[0] }, message))));
    }
    const message = icmpMessage({ type, code, inner: innerOut });
    records.push(record(OUT, ethernet(ipv4({ src: ENDPOINTS[0], dst: REMOTES[0] }, message))));
  }
  for (const type of [9, 10, 13, 14, 15, 17, 42]) {
    records.push(record(OUT, ethernet(ipv4({ src: ENDPOINTS[0], dst: REMOTES[0] }, icmpMessage({ type })))));
  }
  const aboutError = icmpMessage({
    type: 3,
    code: 1,
    inner: ipv4({ src: REMOTES[0], dst: EGRESS_IPS[0] }, icmpMessage({ type: 3, inner })),
  });
  return [...records, record(IN, ethernet(ipv4({ src: REMOTES[0], dst: EGRESS_IPS[0] }, aboutError)))];
}

function linkForms(): FuzzRecord[] {
  const packets = [
    ipv4({ src: ENDPOINTS[0], dst: REMOTES[0] }, tcp({ srcPort: PORT, dstPort: 443, flags: "SYN" })),
    ipv6({ src: ENDPOINTS6[0], dst: REMOTES6[0] }, udp({ srcPort: PORT, dstPort: 53 })),
  ];
  const records = packets.flatMap((packet) =>
    Array.from({ length: abi.LINK_COUNT - 1 }, (_, n) => record(OUT, onLink(packet, n + 1), n + 1)),
  );
  const arp = concat(new Uint8Array(12), Uint8Array.of(8, 6), new Uint8Array(28));
  return [
    ...records,
    record(OUT, ethernet(packets[0], { vlans: [{ id: 7 }] })),
    record(OUT, qinq(packets[0], 100, 7)),
    record(OUT, ethernet(packets[0], { trailer: new Uint8Array(18) })),
    record(OUT, ppp(packets[0], false), abi.LINK_PPP),
    record(OUT, concat(Uint8Array.of(0x21), packets[0]), abi.LINK_PPP),
    record(OUT, nullLink(packets[0], "big"), abi.LINK_NULL),
    record(OUT, ethernet(packets[0], { vlans: [{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }] })),
    record(OUT, arp),
    record(OUT, new Uint8Array(0)),
  ];
}

function ipv4Forms(): FuzzRecord[] {
  const ip = { src: ENDPOINTS[0], dst: REMOTES[0] };
  const body = udp({ srcPort: PORT, dstPort: 443, payload: patterned(64) });
  const recordRoute = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0);
  const sourceRoute = Uint8Array.of(131, 7, 4, 8, 8, 8, 8, 0);
  const packets = [
    ...ipv4FragmentsOf(ipv4({ ...ip, id: 77 }, body), [24, 24]),
    ipv4({ ...ip, options: recordRoute }, body),
    ipv4({ ...ip, options: sourceRoute }, body),
    ipv4({ ...ip, ttl: 1 }, body),
    ipv4({ ...ip, ttl: 0 }, body),
    ipv4({ ...ip, headerChecksum: { wrongBy: 1 } }, body),
    ipv4({ ...ip, dst: "224.0.0.251" }, body),
    ipv4({ ...ip, dst: "255.255.255.255" }, body),
    ipv4({ ...ip, dst: "0.0.0.0" }, body),
    ipv4({ ...ip, dst: "127.0.0.1" }, body),
    ipv4({ ...ip, dst: "10.0.1.8" }, body),
    ipv4({ ...ip, src: "127.0.0.1" }, body),
    ipv4({ ...ip, src: EGRESS_IPS[0] }, body),
    ipv4({ src: REMOTES[0], dst: REMOTES[0] }, body),
    ipv4(ip, udp({ srcPort: PORT, dstPort: 443, checksum: 0 })),
    ipv4(ip, udp({ srcPort: 0, dstPort: 443 })),
    ipv4(ip, udp({ srcPort: PORT, dstPort: 0 })),
    ipv4(ip, udp({ srcPort: PORT, dstPort: 443, checksum: { wrongBy: 3 } })),
    ipv4(ip, otherProtocol(47, patterned(24))),
    ipv4(ip, otherProtocol(50, patterned(24))),
    ipv4(ip, otherProtocol(2, patterned(8))),
  ];
  return packets.map((packet) => record(OUT, ethernet(packet)));
}

/** The same in IPv6: what leaves, what is excluded, what comes back, what comes straight to a pod. */
function ipv6Conversations(): FuzzRecord[] {
  const records: FuzzRecord[] = [];
  const add = (hook: number, src: string, dst: string, bodies: readonly Layer4[]) => {
    for (const body of bodies) records.push(record(hook, ethernet(ipv6({ src, dst }, body))));
  };
  for (const src of ENDPOINTS6) for (const dst of REMOTES6) add(OUT, src, dst, transports(PORT, 443));
  for (const dst of EGRESS_IPS6) for (const src of REMOTES6) add(IN, src, dst, transports(443, PORT, true));
  for (const dst of ENDPOINTS6) add(IN, REMOTES6[0], dst, transports(50_000, 8080));
  add(OUT, ENDPOINTS6[0], REMOTES6[0], transports(8080, 50_000, true));
  for (const flags of ["ACK", "FIN ACK", "RST", "SYN ACK", "SYN FIN"])
    add(OUT, ENDPOINTS6[0], REMOTES6[0], [tcp({ srcPort: PORT, dstPort: 443, flags, payload: patterned(17) })]);
  return records;
}

/** Errors about what a pod or a remote has sent, and what hosts of one link say to each other. */
function icmp6Forms(): FuzzRecord[] {
  const [pod, egressIP, far] = [ENDPOINTS6[0], EGRESS_IPS6[1], REMOTES6[0]];
  const sent = [
    ipv6({ src: egressIP, dst: far }, udp({ srcPort: PORT, dstPort: 443 })),
    ipv6({ src: egressIP, dst: far }, tcp({ srcPort: PORT, dstPort: 443 })).subarray(0, 48),
    ipv6({ src: egressIP, dst: far }, icmpEcho({ id: PORT })),
    ipv6({ src: egressIP, dst: far, extensions: [{ type: 60 }] }, udp({ srcPort: PORT, dstPort: 443 })),
  ];
  const got = ipv6({ src: far, dst: pod }, udp({ srcPort: 443, dstPort: PORT }));
  const message = (type: number, inner: Uint8Array) => icmpMessage({ type, word: 1280, inner });
  const neighbours = [133, 134, 135, 136, 137].flatMap((type) =>
    [255, 64].map((hopLimit) =>
      ipv6({ src: pod, dst: hopLimit === 255 ? "ff02::1:ff00:1" : far, hopLimit }, icmpMessage({ type, inner: got })),
    ),
  );
  return [
    ...[1, 2, 3, 4, 100].flatMap((type) => [
      ...sent.map((inner) => record(IN, ethernet(ipv6({ src: REMOTES6[1], dst: egressIP }, message(type, inner))))),
      record(OUT, ethernet(ipv6({ src: pod, dst: far }, message(type, got)))),
    ]),
    ...neighbours.map((packet) => record(OUT, ethernet(packet))),
    record(IN, ethernet(ipv6({ src: far, dst: egressIP, hopLimit: 255 }, icmpMessage({ type: 136, inner: got })))),
  ];
}

function ipv6Forms(): FuzzRecord[] {
  const [pod, egressIP] = [ENDPOINTS6[0], EGRESS_IPS6[1]];
  const ip = { src: pod, dst: REMOTES6[0] };
  const body = udp({ srcPort: PORT, dstPort: 443, payload: patterned(64) });
  const inner = ipv6({ src: egressIP, dst: REMOTES6[0] }, udp({ srcPort: PORT, dstPort: 443 }));
  const out = [
    ipv6(ip, tcp({ srcPort: PORT, dstPort: 443, flags: "SYN" })),
    ipv6(ip, icmpEcho({ id: PORT })),
    ipv6(ip, sctp({ srcPort: PORT, dstPort: 443 })),
    ipv6({ ...ip, extensions: [{ type: 0 }, { type: 60 }] }, body),
    ipv6(
      {
        ...ip,
        extensions: [
          { type: 43, body: new Uint8Array(22) },
          { type: 51, body: new Uint8Array(10) },
        ],
      },
      body,
    ),
    ipv6({ ...ip, fragment: { id: 9 } }, body),
    ipv6({ ...ip, fragment: { id: 10, offset: 1480 } }, body),
    ipv6({ ...ip, extensions: [{ type: 60 }], fragment: { id: 11, more: true } }, body),
    ipv6(ip, udp({ srcPort: PORT, dstPort: 443, checksum: 0 })),
    ipv6(ip, udp({ srcPort: PORT, dstPort: 443, checksum: { wrongBy: 3 } })),
    ipv6({ ...ip, src: "::" }, body),
    ipv6({ ...ip, src: egressIP }, body),
    ipv6({ ...ip, dst: "fd00::8" }, body),
    ipv6({ ...ip, dst: "::ffff:198.51.100.1" }, body),
    ipv6({ ...ip, hopLimit: 1 }, body),
    ipv6({ ...ip, dst: "ff02::1" }, body),
    ipv6({ ...ip, dst: "fe80::1" }, body),
    ipv6(ip, otherProtocol(59, new Uint8Array(0))),
    ipv6(ip, otherProtocol(50, patterned(16))),
    ...ipv6FragmentsOf(ipv6(ip, body), [24, 24], 5),
  ];
  const back = [
    ...transports(443, PORT, true).map((reply) => ipv6({ src: REMOTES6[0], dst: egressIP }, reply)),
    ipv6({ src: REMOTES6[1], dst: egressIP }, icmpMessage({ type: 2, word: 1280, inner })),
    ipv6({ src: REMOTES6[1], dst: egressIP }, icmpMessage({ type: 1, code: 4, inner })),
    ipv6({ src: REMOTES6[1], dst: egressIP }, icmpMessage({ type: 133 })),
  ];
  return [...out.map((packet) => record(OUT, ethernet(packet))), ...back.map((packet) => record(IN, ethernet(packet)))];
}

/** VXLAN between nodes: to a gateway, and back to the node of the endpoint. */
function overlayForms(): FuzzRecord[] {
  const packets = [
    ipv4({ src: ENDPOINTS[0], dst: REMOTES[0] }, tcp({ srcPort: PORT, dstPort: 443, flags: "SYN" })),
    ipv4({ src: ENDPOINTS[0], dst: REMOTES[0] }, udp({ srcPort: PORT, dstPort: 443 })),
    ipv4({ src: REMOTES[0], dst: ENDPOINTS[0] }, udp({ srcPort: 443, dstPort: PORT })),
    ipv6({ src: ENDPOINTS6[0], dst: REMOTES6[0] }, udp({ srcPort: PORT, dstPort: 443 })),
    ipv6({ src: REMOTES6[0], dst: ENDPOINTS6[0] }, udp({ srcPort: 443, dstPort: PORT })),
  ];
  return packets.flatMap((packet) =>
    [4711, abi.VNI_WORLD].flatMap((vni) => {
      const outer = udp({ srcPort: 50_001, dstPort: 8472, payload: vxlan(vni, ethernet(packet)), checksum: 0 });
      const frame = ethernet(ipv4({ src: NODES[2], dst: NODES[0] }, outer));
      const back = ethernet(ipv4({ src: NODES[0], dst: NODES[2] }, outer));
      return [record(OVERLAY, frame), record(OVERLAY, back), record(OUT, frame)];
    }),
  );
}

function offloadForms(): FuzzRecord[] {
  const ip = { src: ENDPOINTS[0], dst: REMOTES[0] };
  const partial = { srcPort: PORT, dstPort: 443, payload: patterned(60), checksum: "partial" } as const;
  const packets = [ipv4(ip, tcp(partial)), ipv4(ip, udp(partial)), ipv4({ ...ip, totalLength: 0 }, tcp(partial))];
  const flags = [0, abi.FRAME_FLAG_PARTIAL, abi.FRAME_FLAG_GSO, abi.FRAME_FLAG_PARTIAL | abi.FRAME_FLAG_GSO];
  return packets.flatMap((packet) => flags.map((bits) => record(OUT, ethernet(packet), abi.LINK_ETHERNET, bits)));
}

/** An address of either family as a packet around a body. */
function packetOf(src: string, dst: string, body: Layer4, ttl = 64): Uint8Array {
  return src.includes(":") ? ipv6({ src, dst, hopLimit: ttl }, body) : ipv4({ src, dst, ttl, id: 500 + ttl }, body);
}

/** A packet in pieces of so many bytes behind the IP header, multiples of 8. */
export function piecesOf(packet: Uint8Array, sizes: readonly number[], id: number): Uint8Array[] {
  return packet[0] >> 4 === 6 ? ipv6FragmentsOf(packet, sizes, id) : ipv4FragmentsOf(packet, sizes);
}

const BOTH = [
  { pod: ENDPOINTS[0], other: ENDPOINTS[1], far: REMOTES[0], gateways: EGRESS_IPS },
  { pod: ENDPOINTS6[0], other: ENDPOINTS6[1], far: REMOTES6[0], gateways: EGRESS_IPS6 },
];

/** Datagrams in pieces, from either side, in order and last one first; two pods with one identification. */
function fragmentForms(): FuzzRecord[] {
  const payload = patterned(64);
  return BOTH.flatMap(({ pod, other, far, gateways }) => {
    const out = [
      udp({ srcPort: PORT, dstPort: 443, payload }),
      icmpEcho({ id: PORT, payload }),
      tcp({ srcPort: PORT, dstPort: 443, flags: "SYN", payload }),
    ].map((body) => packetOf(pod, far, body));
    const back = [udp({ srcPort: 443, dstPort: PORT, payload }), icmpEcho({ id: PORT, reply: true, payload })].flatMap(
      (body) => gateways.map((gateway) => packetOf(far, gateway, body)),
    );
    const same = packetOf(other, far, udp({ srcPort: PORT, dstPort: 443, payload }));
    const sent = (hook: number, packets: readonly Uint8Array[], turned: boolean) =>
      packets.flatMap((packet, i) => {
        const pieces = piecesOf(packet, [32, 24], 900 + i);
        return (turned ? pieces.reverse() : pieces).map((piece) => record(hook, ethernet(piece)));
      });
    return [
      ...sent(OUT, out, false),
      ...sent(IN, back, false),
      ...sent(OUT, out, true),
      ...sent(IN, back, true),
      ...sent(OUT, [out[0], same], false),
    ];
  });
}

/** The chunks of an association's life, and packets that no receiver takes. */
function sctpForms(): FuzzRecord[] {
  const chunk = (type: number, length: number, extra: Partial<{ flags: number; stated: number }> = {}) => {
    const bytes = new Uint8Array(length + ((4 - (length % 4)) % 4));
    bytes.set([type, extra.flags ?? 0, (extra.stated ?? length) >> 8, (extra.stated ?? length) & 255]);
    return bytes;
  };
  const sound = [
    chunk(2, 24),
    chunk(10, 12),
    chunk(11, 4),
    chunk(0, 21, { flags: 3 }),
    chunk(3, 16),
    chunk(4, 8),
    chunk(7, 8),
    chunk(8, 4),
    chunk(14, 4),
    chunk(6, 4),
    concat(chunk(10, 12), chunk(0, 20)),
  ];
  const odd = [chunk(0, 16, { stated: 3 }), chunk(0, 16, { stated: 900 }), chunk(1, 20, { stated: 19 }), chunk(255, 4)];
  const make = (srcPort: number, dstPort: number) => [
    sctp({ srcPort, dstPort }),
    ...[...sound, ...odd].map((chunks) => sctp({ srcPort, dstPort, tag: 7, chunks })),
    sctp({ srcPort, dstPort, tag: 7, chunks: sound[3], checksum: 0 }),
    sctp({ srcPort, dstPort, tag: 7, chunks: sound[3], checksum: 0x0102_0304 }),
  ];
  return BOTH.flatMap(({ pod, far, gateways }) => [
    ...make(PORT, 443).map((body) => record(OUT, ethernet(packetOf(pod, far, body)))),
    ...make(443, PORT).map((body) => record(IN, ethernet(packetOf(far, gateways[0], body)))),
    record(OUT, ethernet(packetOf(pod, far, make(PORT, 443)[4])), abi.LINK_ETHERNET, abi.FRAME_FLAG_PARTIAL),
    ...piecesOf(packetOf(pod, far, make(PORT, 443)[4]), [16], 77).map((piece) => record(OUT, ethernet(piece))),
  ]);
}

/** Protocols without ports, either way, of two pods that want the one mapping. */
function portlessForms(): FuzzRecord[] {
  return BOTH.flatMap(({ pod, other, far, gateways }) =>
    [47, 50, 51, 4, 41, 33, 136].flatMap((protocol) => {
      const body = otherProtocol(protocol, patterned(24));
      const out = [pod, other].map((src) => record(OUT, ethernet(packetOf(src, far, body))));
      return [...out, ...gateways.map((gateway) => record(IN, ethernet(packetOf(far, gateway, body))))];
    }),
  );
}

function timestampForms(): FuzzRecord[] {
  const message = (type: number, id: number) => icmpMessage({ type, word: id * 0x1_0000 + 1, inner: patterned(12) });
  const { pod, other, far, gateways } = BOTH[0];
  return [
    ...[pod, other].map((src) => record(OUT, ethernet(packetOf(src, far, message(13, 7))))),
    record(OUT, ethernet(packetOf(pod, far, icmpEcho({ id: 7 })))),
    ...gateways.map((gateway) => record(IN, ethernet(packetOf(far, gateway, message(14, 7))))),
    record(OUT, ethernet(packetOf(pod, far, message(14, 9)))),
    record(IN, ethernet(packetOf(far, pod, message(13, 9)))),
  ];
}

/** Longer than some links, with a TTL that ends on the way, and as many as want more ports than there are. */
function longForms(): FuzzRecord[] {
  return BOTH.flatMap(({ pod, far }) => [
    ...[640, 680, 1290, 1400].flatMap((size) => {
      const body = udp({ srcPort: PORT, dstPort: 443, payload: patterned(size) });
      const whole = pod.includes(":") ? [] : [ipv4({ src: pod, dst: far, dontFragment: true }, body)];
      return [packetOf(pod, far, body), ...whole].map((bytes) => record(OUT, ethernet(bytes)));
    }),
    ...[1, 2].map((ttl) => record(OUT, ethernet(packetOf(pod, far, udp({ srcPort: PORT, dstPort: 53 }), ttl)))),
    ...Array.from({ length: 8 }, (_, n) =>
      record(OUT, ethernet(packetOf(pod, far, udp({ srcPort: PORT + n * 10, dstPort: 9 })))),
    ),
  ]);
}
