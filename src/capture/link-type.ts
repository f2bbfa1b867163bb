import {
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NULL,
  LINKTYPE_PPP,
  LINKTYPE_RAW,
} from "./types.js";

const NAMES: ReadonlyMap<number, string> = new Map([
  [LINKTYPE_NULL, "null"],
  [LINKTYPE_ETHERNET, "ethernet"],
  [LINKTYPE_PPP, "ppp"],
  [LINKTYPE_RAW, "raw-ip"],
  [LINKTYPE_LOOP, "loop"],
  [LINKTYPE_LINUX_SLL, "linux-sll"],
  [LINKTYPE_IPV4, "ipv4"],
  [LINKTYPE_IPV6, "ipv6"],
  [LINKTYPE_LINUX_SLL2, "linux-sll2"],
]);

/** Link types whose frames can be parsed. Readers deliver the others too; consumers count them by number. */
export const SUPPORTED_LINK_TYPES: readonly number[] = [...NAMES.keys()];

/** A word for messages: `ethernet`, or `link type 9999` for what we do not parse. */
export function linkTypeName(linkType: number): string {
  return NAMES.get(linkType) ?? `link type ${linkType}`;
}
