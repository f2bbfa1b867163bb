import { expect, test } from "vitest";
import type { NatProfile } from "../../src/config/types.js";
import { runDifferential, seenNames, summary, unexplained } from "./netfilter/run.js";
import { missing } from "./tools.js";

const { env } = process;
const packets = Number(env.SLUICEGATE_NETFILTER_PACKETS ?? 100_000);
const seed = Number(env.SLUICEGATE_NETFILTER_SEED ?? 1001);
const PROFILES: readonly NatProfile[] = ["rfc", "cilium"];

// In a soak nothing may be left out for want of a tool.
const lacking = missing(["ip", "nft", "ethtool", "unshare", "setpriv", "python3"], [], true);
if (lacking !== "") throw new Error(`missing: ${lacking}`);

test.each(PROFILES)(`T57: the kernel and the engine do the same to ${packets} packets (%s)`, async (profile) => {
  const compared = await runDifferential(profile, { seed, packets, conversations: 0 });
  console.log(summary(profile, compared));
  console.log(`differences seen: ${[...seenNames([compared])].map(([name, times]) => `${name} ${times}`).join(", ")}`);
  expect(unexplained(compared).slice(0, 20), `seed ${seed}`).toEqual([]);
  expect(compared.packets).toBeGreaterThanOrEqual(packets);
});
