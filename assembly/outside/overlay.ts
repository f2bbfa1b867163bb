import { LINK_ETHERNET, LINK_RAW } from "../abi";
import { be16 } from "../wire/bytes";
import { PROTOCOL_UDP } from "../wire/ipv4";
import { UDP_LENGTH_AT, UDP_SIZE } from "../wire/transport";
import { control } from "./control";
import { CONTROL_TUNNEL_PORT_AT } from "./layout";
import { destinationPort, hasPorts, isFragment, l4, packetEnd, protocol, sourcePort } from "./packet";

// Overlay packets between nodes: VXLAN (RFC 7348) and Geneve (RFC 8926), told apart by port and by header.
//
//  VXLAN   | flags (0x08 = VNI given) | 24 reserved | 24 VNI | 8 reserved |
//  Geneve  | version 2, option words 6 | flags 8 | protocol type 16 | 24 VNI | 8 reserved | options |

const VXLAN_PORT_LINUX: u32 = 8472;
const VXLAN_PORT_IANA: u32 = 4789;
const GENEVE_PORT: u32 = 6081;
const WIREGUARD_PORT: u32 = 51871; // Cilium's
const PROTOCOL_ESP: u32 = 50;
const HEADER_SIZE: u32 = 8;
const VXLAN_VNI_FLAG: u32 = 0x08;
const GENEVE_PROTOCOL_AT: usize = 2;
const TYPE_BRIDGED: u32 = 0x6558;
const TYPE_IPV4: u32 = 0x0800;
const TYPE_IPV6: u32 = 0x86dd;

/** The inner frame of the packet looked at last, as `openOverlay` found it: address, link type and length on the wire. */
export let innerFrame: usize = 0;
export let innerLink: u32 = 0;
export let innerWire: u32 = 0;

/** True for packets of a tunnel; whether they can be decapsulated is another question. */
export function isOverlay(): bool {
  if (protocol != PROTOCOL_UDP) return false;
  // A later fragment shows no ports; a first one does, but the inner frame is cut.
  if (!hasPorts()) return false;
  const port = destinationPort();
  return (
    port == VXLAN_PORT_LINUX ||
    port == VXLAN_PORT_IANA ||
    port == GENEVE_PORT ||
    port == load<u32>(control + CONTROL_TUNNEL_PORT_AT)
  );
}

export function isEncrypted(): bool {
  if (protocol == PROTOCOL_ESP) return true;
  return (
    protocol == PROTOCOL_UDP && hasPorts() && (destinationPort() == WIREGUARD_PORT || sourcePort() == WIREGUARD_PORT)
  );
}

/** Finds the inner frame of an overlay packet. @returns false where the packet holds none, or too little of it was captured */
export function openOverlay(): bool {
  if (isFragment || l4 + UDP_SIZE + HEADER_SIZE > packetEnd) return false;
  const length = be16(l4 + UDP_LENGTH_AT);
  if (length < UDP_SIZE + HEADER_SIZE) return false;
  const header = l4 + UDP_SIZE;
  const size = destinationPort() == GENEVE_PORT ? geneveSize(header) : vxlanSize(header);
  if (size == 0 || length <= UDP_SIZE + size || header + size >= packetEnd) return false;
  innerFrame = header + size;
  innerWire = length - UDP_SIZE - size;
  return true;
}

function vxlanSize(header: usize): u32 {
  if (!(load<u8>(header) & VXLAN_VNI_FLAG)) return 0;
  innerLink = LINK_ETHERNET;
  return HEADER_SIZE;
}

function geneveSize(header: usize): u32 {
  const first = <u32>load<u8>(header);
  if (first >> 6 != 0) return 0;
  const type = be16(header + GENEVE_PROTOCOL_AT);
  if (type == TYPE_BRIDGED) innerLink = LINK_ETHERNET;
  else if (type == TYPE_IPV4 || type == TYPE_IPV6) innerLink = LINK_RAW;
  else return 0;
  return HEADER_SIZE + ((first & 0x3f) << 2);
}
