// Everything that engine.wasm exports beside its memory. docs/abi.md explains each function.

import { ABI_VERSION, REGION_STATE } from "./abi";
import {
  loadPolicy,
  nodeLost,
  restore as restoreState,
  setActive,
  setGateway,
  setOwnNode,
  setReachable,
} from "./path/control";
import { feedback } from "./path/feedback";
import { locate } from "./path/locate";
import { advance as advanceTo, passTime as passTimeTo, process } from "./path/process";
import { configBlock, configure, regionAt, regionSize } from "./tables/memory";

export {
  configure,
  feedback,
  loadPolicy,
  locate,
  nodeLost,
  process,
  regionAt,
  regionSize,
  setActive,
  setGateway,
  setOwnNode,
  setReachable,
};

export function abiVersion(): u32 {
  return ABI_VERSION;
}

/** Address of the configuration record, to be filled before `configure`. */
export function configAt(): usize {
  return configBlock;
}

/** Virtual time as two halves, so that no host needs 64-bit parameters. */
export function advance(timeLow: u32, timeHigh: u32): i32 {
  return advanceTo(<u64>timeLow | ((<u64>timeHigh) << 32));
}

export function passTime(timeLow: u32, timeHigh: u32): i32 {
  return passTimeTo(<u64>timeLow | ((<u64>timeHigh) << 32));
}

export function restore(): i32 {
  return restoreState(regionSize(REGION_STATE));
}
