import { EGRESS_STATS_SIZE } from "../abi";
import { countersAt, egressStatsAt } from "./memory";

export function count(counter: usize): void {
  const at = countersAt + counter;
  store<u64>(at, load<u64>(at) + 1);
}

export function uncount(counter: usize): void {
  const at = countersAt + counter;
  store<u64>(at, load<u64>(at) - 1);
}

export function countMany(counter: usize, amount: u64): void {
  const at = countersAt + counter;
  store<u64>(at, load<u64>(at) + amount);
}

export function egressStats(egress: u32): usize {
  return egressStatsAt + <usize>egress * EGRESS_STATS_SIZE;
}
