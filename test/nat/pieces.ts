/** Fragments for the tests of the NAT: of whole datagrams, and made by hand. */
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import { ethernet, ipv4, ipv4FragmentsOf, type Layer4, otherProtocol, patterned, udp } from "../support/frames.js";
import { EXT, INSIDE, REMOTE } from "./rig.js";

/** Pieces of one datagram, as frames. */
export function pieces(
  l4: Layer4,
  { src = INSIDE, dst = REMOTE, id = 0x4242, sizes = [1000, 1000], atMs = 0 } = {},
): RigFrame[] {
  const hook = dst === EXT ? ("from-network" as const) : ("from-endpoint" as const);
  return ipv4FragmentsOf(ipv4({ src, dst, id }, l4), sizes).map((packet) => ({ hook, frame: ethernet(packet), atMs }));
}

/** One piece made by hand: `from` in bytes. */
export function piece(
  from: number,
  payload: Uint8Array,
  more: boolean,
  { src = INSIDE, id = 0x4242, protocol = 17 } = {},
): RigFrame {
  const packet = ipv4(
    { src, dst: REMOTE, id, fragmentOffset: from, moreFragments: more },
    otherProtocol(protocol, payload),
  );
  return { hook: "from-endpoint", frame: ethernet(packet) };
}

/** The first `length` bytes of a datagram that says it is longer. */
export function head(length: number): Uint8Array {
  const whole = udp({ srcPort: 5000, dstPort: 53, payload: patterned(4000) });
  return whole
    .bytes({ family: 4, src: Uint8Array.of(10, 0, 0, 2), dst: Uint8Array.of(192, 0, 2, 102) })
    .slice(0, length);
}
