import type { PolicyModel } from "../config/types.js";
import type { ReplayOptions } from "../replay/options.js";
import type { FlagValues } from "./flags.js";
import { skewsOf } from "./replay-files.js";

/** What the flags of `replay` and `explain` say, as the library takes it; flags that were not given are left to its defaults. */
export function replayOptions(captures: readonly string[], model: PolicyModel, flags: FlagValues): ReplayOptions {
  const { frames } = flags;
  const given = {
    viewpoint: flags.viewpoint,
    decapsulate: flags.noDecap ? false : undefined,
    natProfile: flags.natProfile,
    topology: flags.topology,
    balance: flags.balance,
    seed: flags.seed,
    recordsAtNs: flags.recordsAt,
    filter: flags.filter,
    verify: flags.noVerify ? false : undefined,
    connections: flags.connections,
    batchSize: flags.batch,
    workers: flags.workers,
    unsupported: flags.unsupported,
    badChecksum: flags.badChecksum,
    midStream: flags.midStream,
    icmpErrors: flags.icmpErrors,
    fromFrame: frames?.from,
    toFrame: frames?.to,
    loadState: flags.loadState,
    saveState: flags.saveState,
    allowNoMatch: flags.allowNoMatch,
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { captures, model, skews: skewsOf(captures, flags), ...(set as Partial<ReplayOptions>) };
}
