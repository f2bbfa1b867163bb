import { concat, ipv4FragmentsOf, ipv6FragmentsOf } from "../support/frames.js";
import { Dice } from "./dice.js";
import { type FuzzFrame, TCP } from "./flows.js";

// Trials whose datagrams and echoes come in pieces, either way, in order or not, some of them late or never.

/** Seeds from here on. */
export const PIECES_FROM = 2_000_000;
const ETHERNET = 14;
/** Most pieces of one datagram are this far apart, microseconds. */
const APART_US = 400;

export function hasPieces(seed: number): boolean {
  return seed >= PIECES_FROM;
}

/** The frames with a share of their datagrams and echoes cut up; in order of time. */
export function inPieces(seed: number, frames: readonly FuzzFrame[]): FuzzFrame[] {
  if (!hasPieces(seed)) return [...frames];
  const dice = new Dice(seed ^ 0x5eed);
  const all = frames.flatMap((frame, i) => (dice.chance(60) ? piecesOf(frame, i + 1, dice) : [frame]));
  return all.sort((a, b) => a.us - b.us);
}

function piecesOf(frame: FuzzFrame, id: number, dice: Dice): FuzzFrame[] {
  const { bytes, isIpv6, flow } = frame;
  const body = bytes.length - ETHERNET - (isIpv6 ? 40 : 20);
  if (frame.kind === "error" || flow.protocol === TCP || body < 17) return [frame];
  const packet = bytes.subarray(ETHERNET);
  const sizes = Array.from({ length: dice.int(1, 3) }, () => dice.pick([8, 16, 24]));
  const cut = isIpv6 ? ipv6FragmentsOf(packet, sizes, id) : ipv4FragmentsOf(packet, sizes);
  if (dice.chance(45)) cut.reverse();
  if (dice.chance(5) && cut.length > 1) cut.splice(dice.int(0, cut.length - 1), 1);
  if (dice.chance(8)) cut.push(cut[dice.int(0, cut.length - 1)]);
  let { us } = frame;
  return cut.map((piece): FuzzFrame => {
    const at = us;
    us += dice.weighted([
      [20, () => dice.int(0, APART_US)],
      [3, () => dice.int(1, 900) * 1000],
      [1, () => dice.int(29, 31) * 1_000_000],
    ] as const)();
    return { ...frame, us: at, kind: "piece", bytes: concat(bytes.subarray(0, ETHERNET), piece) };
  });
}
