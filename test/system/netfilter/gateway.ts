import type { NatProfile } from "../../../src/config/types.js";
import type { Family } from "../../../src/net/address.js";

/** Which of the gateway's two wires a frame is on. */
export type Side = "pod" | "remote";

/** An IP packet on a wire, without its link header. */
export interface Packet {
  readonly side: Side;
  readonly bytes: Uint8Array;
}

/** One that came out of a gateway. */
export interface Delivery extends Packet {
  /** The gateway made this packet itself: an ICMP error, a reset. */
  readonly own: boolean;
}

/** A NAT gateway as seen from its wires. */
export interface Gateway {
  /** Sends packets in order. @param times of sending in ns, one per packet; left out where the gateway has a clock of its own */
  exchange(packets: readonly Packet[], times?: readonly bigint[]): Promise<Exchanged>;
}

export interface Exchanged {
  readonly times: readonly bigint[];
  readonly deliveries: readonly Delivery[];
}

/** What both gateways are set up with. */
export interface GatewayOptions {
  /** By family: 4, 6. */
  readonly egressIPs: Readonly<Record<Family, string>>;
  readonly low: number;
  readonly high: number;
  readonly natProfile: NatProfile;
}
