import { LINK_ETHERNET, LINK_NULL, LINK_PPP, LINK_RAW, LINK_SLL, LINK_SLL2 } from "../../assembly/abi.js";
import * as capture from "../capture/types.js";

const LINKS = new Map([
  [capture.LINKTYPE_NULL, LINK_NULL],
  [capture.LINKTYPE_ETHERNET, LINK_ETHERNET],
  [capture.LINKTYPE_PPP, LINK_PPP],
  [capture.LINKTYPE_RAW, LINK_RAW],
  [capture.LINKTYPE_LOOP, LINK_NULL],
  [capture.LINKTYPE_LINUX_SLL, LINK_SLL],
  [capture.LINKTYPE_IPV4, LINK_RAW],
  [capture.LINKTYPE_IPV6, LINK_RAW],
  [capture.LINKTYPE_LINUX_SLL2, LINK_SLL2],
]);

/** @returns the engine's LINK_* for a capture's LINKTYPE_*, or 0 where the engine cannot read such frames */
export function engineLink(linkType: number): number {
  return LINKS.get(linkType) ?? 0;
}
