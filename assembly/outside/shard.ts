import {
  FRAME_CAPTURED_AT,
  FRAME_HOOK_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_WIRE_AT,
  HOOK_FROM_ENDPOINT,
} from "../abi";
import { IPV4_DST_AT, IPV4_MIN_SIZE, IPV4_SRC_AT, PROTOCOL_ICMP, PROTOCOL_ICMP6 } from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_SIZE, IPV6_SRC_AT } from "../wire/ipv6";
import { KIND_ICMP_ERROR, Parsed, parseFrame } from "../wire/parse";
import { ICMP_SIZE } from "../wire/transport";
import { isEverEndpoint, mapped } from "./addresses";
import { arenaAt, parsedAt, seed, shardCount } from "./control";
import { mix, seal } from "./mix";
import { dstFirst, dstSecond, mayBeFragment, protocol, srcFirst, srcSecond, version } from "./packet";

// Which shard a frame belongs to: that of its remote, whose connections and ports are thus never divided. An ICMP error goes with the
// connection that it quotes, as that is what the engine looks for. Between two addresses of endpoints there are two remotes, and either may
// be nobody's at another time: all such frames are of shard 0.

const record: usize = memory.data(FRAME_SIZE, 8);

let remoteFirst: u64 = 0;
let remoteSecond: u64 = 0;
let insideFirst: u64 = 0;
let insideSecond: u64 = 0;

/**
 * The shard of the frame that packet.ts looked at last, by where it enters.
 * @param hook HOOK_* that it would be given to, 0 = none   @returns 0 to `shardCount` - 1
 */
export function shardOf(offset: u32, captured: u32, wire: u32, link: u32, hook: u32): u32 {
  const isOut = hook == HOOK_FROM_ENDPOINT;
  remoteFirst = isOut ? dstFirst : srcFirst;
  remoteSecond = isOut ? dstSecond : srcSecond;
  insideFirst = isOut ? srcFirst : dstFirst;
  insideSecond = isOut ? srcSecond : dstSecond;
  if (mayBeError()) readQuoted(offset, captured, wire, link, isOut);
  if (isEverEndpoint(insideFirst, insideSecond) && isEverEndpoint(remoteFirst, remoteSecond)) return 0;
  const hash = seal(mix(mix(seed, remoteFirst), remoteSecond));
  return <u32>(((hash >> 32) * shardCount) >> 32);
}

function mayBeError(): bool {
  if (version == 4) return protocol == PROTOCOL_ICMP;
  return protocol == PROTOCOL_ICMP6 || mayBeFragment();
}

/** Takes the addresses of the packet that an ICMP error quotes, as far as they were captured, in place of the frame's own. */
function readQuoted(offset: u32, captured: u32, wire: u32, link: u32, isOut: bool): void {
  store<u32>(record, offset, FRAME_OFFSET_AT);
  store<u32>(record, captured, FRAME_CAPTURED_AT);
  store<u32>(record, wire, FRAME_WIRE_AT);
  store<u8>(record, <u8>HOOK_FROM_ENDPOINT, FRAME_HOOK_AT);
  store<u8>(record, <u8>link, FRAME_LINK_AT);
  const p = changetype<Parsed>(parsedAt);
  parseFrame(record, arenaAt, p);
  if (p.kind != KIND_ICMP_ERROR) return;
  const quoted = p.l4 + ICMP_SIZE;
  if (quoted + (p.isIpv6 ? IPV6_SIZE : IPV4_MIN_SIZE) > p.end) return;
  if (load<u8>(quoted) >> 4 != (p.isIpv6 ? 6 : 4)) return;
  // What is quoted went the other way.
  const remote = quoted + (p.isIpv6 ? (isOut ? IPV6_SRC_AT : IPV6_DST_AT) : isOut ? IPV4_SRC_AT : IPV4_DST_AT);
  const inside = quoted + (p.isIpv6 ? (isOut ? IPV6_DST_AT : IPV6_SRC_AT) : isOut ? IPV4_DST_AT : IPV4_SRC_AT);
  remoteFirst = p.isIpv6 ? load<u64>(remote) : 0;
  remoteSecond = p.isIpv6 ? load<u64>(remote, 8) : mapped(load<u32>(remote));
  insideFirst = p.isIpv6 ? load<u64>(inside) : 0;
  insideSecond = p.isIpv6 ? load<u64>(inside, 8) : mapped(load<u32>(inside));
}
