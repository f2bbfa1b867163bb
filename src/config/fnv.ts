import { utf8Bytes } from "../net/text.js";

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * FNV-1a over the UTF-8 bytes of `text`, 32 bits, unsigned.
 * An endpoint of a CiliumEgressGatewayPolicy uses gateway number `fnv1a32(uid) % gateways`.
 */
export function fnv1a32(text: string): number {
  let hash = OFFSET_BASIS;
  for (const byte of utf8Bytes(text)) hash = Math.imul(hash ^ byte, PRIME);
  return hash >>> 0;
}
