import { FRAME_FLAG_RELEASED } from "../../../assembly/abi.js";
import { patterned, udp } from "../../support/frames.js";
import { type Given, hold, type Said, type Want } from "./say.js";
import type { Script } from "./script.js";

export const UDP = (srcPort: number) => udp({ srcPort, dstPort: 53, payload: patterned(40) });
export const BACK = (dstPort: number) => udp({ srcPort: 53, dstPort, payload: patterned(40) });
export const SIZES = [16, 16];

export const sent = (bytes: Uint8Array, atMs = 0): Given => ({ hook: "from-endpoint", bytes, atMs });
export const came = (bytes: Uint8Array, atMs = 0): Given => ({ hook: "from-network", bytes, atMs });
export const again = (given: Given, tag: number, atMs = given.atMs ?? 0): Given => ({
  ...given,
  flags: FRAME_FLAG_RELEASED,
  tag,
  atMs,
});
/** Plays pieces in an order: early ones are held, the first one releases them, and they follow it before what else is there. */
export function play(s: Script, order: readonly number[], given: readonly Given[], out: readonly Want[]): void {
  const early = order.slice(0, order.indexOf(0));
  const rest = order.slice(early.length + 1);
  for (const [i, place] of early.entries()) s.one(given[place]!, hold(i + 1));
  s.one(given[0]!, out[0]!, { released: early.map((_, i) => i + 1) });
  if (early.length > 0) s.process(early.map((place, i): Said => [again(given[place]!, i + 1), out[place]!]));
  if (rest.length > 0) s.process(rest.map((place): Said => [given[place]!, out[place]!]));
}
