import {
  LINE_CLASS_AT,
  LINE_DST_AT,
  LINE_HOOK_AT,
  LINE_HOOK_MASK,
  LINE_PAIR_AT,
  LINE_PROTOCOL_AT,
  LINE_SIZE,
  LINE_SRC_AT,
  TIMEOUT_HOLD,
} from "../../assembly/abi.js";
import type { Engine } from "../../src/engine/engine.js";

/**
 * Every line in use has a partner that points back, is of the other side and has the same remote; the counter of entries says how many pairs.
 * Lines of ports that are held down have none. @returns pairs in the table   @throws Error where one is broken
 */
export function pairsIn(engine: Engine): number {
  const table = engine.conntrack().lines;
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  let lines = 0;
  for (let at = 0; at + LINE_SIZE <= table.length; at += LINE_SIZE) {
    if (table[at + LINE_HOOK_AT] === 0) continue;
    // A port that is held down after its connection.
    if (table[at + LINE_CLASS_AT] === TIMEOUT_HOLD) continue;
    lines++;
    const pair = view.getUint32(at + LINE_PAIR_AT, true) * LINE_SIZE;
    if (table[pair + LINE_HOOK_AT] === 0 || view.getUint32(pair + LINE_PAIR_AT, true) * LINE_SIZE !== at)
      throw new Error(`the line at ${at} has no partner`);
    const same = (a: number, b: number) => view.getUint32(at + a, true) === view.getUint32(pair + b, true);
    const hook = table[at + LINE_HOOK_AT] & LINE_HOOK_MASK;
    if (
      table[at + LINE_PROTOCOL_AT] !== table[pair + LINE_PROTOCOL_AT] ||
      hook === (table[pair + LINE_HOOK_AT] & LINE_HOOK_MASK)
    )
      throw new Error(`the line at ${at} and its partner are of one side`);
    // The remote is the destination on one side and the source on the other.
    if (hook === 1 ? !same(LINE_DST_AT, LINE_SRC_AT) : !same(LINE_SRC_AT, LINE_DST_AT))
      throw new Error(`the line at ${at} and its partner have different remotes`);
  }
  const { entries } = engine.counters();
  if (lines !== entries * 2) throw new Error(`${lines} lines for ${entries} connections`);
  return lines / 2;
}
