import { LAST_NS, parseTimestampNs } from "../config/time.js";
import { UsageError } from "../errors.js";
import { formatAddress, parseAddress } from "../net/address.js";
import { END_OF_TIME } from "../records/frame-buffer.js";
import type { PinFile } from "../records/pins.js";
import type { WhoQuery } from "../records/who.js";
import { type FlagParser, refused } from "./flag-values.js";

export interface RemoteFilter {
  /** Canonical text. */
  readonly remote: string;
  readonly remotePort?: number;
}

const SOCKET = /^(?:\[([^\]]+)\]|([^[\]:]+)):(\d{1,5})$/;

/** `FILE` or `FILE@TIME`; an `@` in front of something that is no time is part of the name. */
export const pinFile: FlagParser<PinFile> = (value, flag) => {
  if (value === "") throw refused(flag, value, "FILE or FILE@TIME");
  const at = value.lastIndexOf("@");
  const time = at > 0 ? instant(value.slice(at + 1)) : undefined;
  return time ? { file: value.slice(0, at), takenNs: time.fromNs } : { file: value };
};

/** `ADDRESS` or `ADDRESS:PORT`. */
export const remoteFilter: FlagParser<RemoteFilter> = (value, flag) => {
  const alone = parseAddress(value);
  if (alone) return { remote: formatAddress(alone) };
  const socket = socketOf(value);
  if (socket) return { remote: socket.address, remotePort: socket.port };
  throw refused(flag, value, "ADDRESS or ADDRESS:PORT, such as 198.51.100.10:443 or [2001:db8::10]:443");
};

/** When records were printed, nanoseconds since the epoch: a time that pcap files, which frames are made up as, have a number for. */
export const recordTime: FlagParser<bigint> = (value, flag) => {
  const time = instant(value);
  if (time && time.fromNs < END_OF_TIME * 1_000_000_000n) return time.fromNs;
  throw refused(flag, value, "an RFC 3339 time such as 2026-11-23T10:58:58Z, or seconds since 1970, from 1970 to 2106");
};

/** `EGRESS_IP:PORT@TIME`. A time covers what its last digit stands for: a whole second, a tenth of one, and so on. @throws {UsageError} */
export function parseWho(text: string): Pick<WhoQuery, "egressIP" | "port" | "fromNs" | "toNs"> {
  const at = text.lastIndexOf("@");
  const socket = socketOf(text.slice(0, Math.max(0, at)));
  const time = instant(text.slice(at + 1));
  if (!socket || !time) {
    const expected = "EGRESS_IP:PORT@TIME, such as 203.0.113.10:40312@2026-11-23T10:58:58Z";
    throw new UsageError(`EGRESS_IP:PORT@TIME is ${JSON.stringify(text)}, expected ${expected}`);
  }
  return { egressIP: socket.address, port: socket.port, ...time };
}

function socketOf(text: string): { address: string; port: number } | undefined {
  const match = SOCKET.exec(text);
  const address = match && parseAddress(match[1] ?? match[2]!);
  const port = Number(match?.[3]);
  return address && port <= 65_535 ? { address: formatAddress(address), port } : undefined;
}

/** RFC 3339, or seconds since 1970, within 64 bits of nanoseconds; [fromNs, toNs) is what its last digit covers. */
function instant(text: string): { fromNs: bigint; toNs: bigint } | undefined {
  const seconds = /^(\d{1,10})(?:\.(\d{1,9}))?$/.exec(text);
  const fraction = (seconds ? seconds[2] : /\.(\d{1,9})/.exec(text)?.[1]) ?? "";
  const fromNs = seconds
    ? BigInt(seconds[1]!) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"))
    : parseTimestampNs(text);
  if (fromNs === undefined || fromNs < 0n || fromNs > LAST_NS) return undefined;
  return { fromNs, toNs: fromNs + 10n ** BigInt(9 - fraction.length) };
}
