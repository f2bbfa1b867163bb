import { release } from "node:os";
import type { NatProfile } from "../../../src/config/types.js";
import { EGRESS_IPS, PODS } from "./conversation.js";
import { explanationOf } from "./differences.js";
import { type Compared, compareGateways, type Difference, type Plan } from "./differential.js";
import { EngineGateway } from "./engine-gateway.js";
import { KernelGateway } from "./kernel-gateway.js";
import { KINDS } from "./kinds.js";

/** The NAT ports of each profile: the RFCs' (RFC 6056 section 3.2) and the original's default. */
const LOWEST: Readonly<Record<NatProfile, number>> = { rfc: 1024, cilium: 32768 };
/** Conversations that go on at a time. */
const ACTIVE = 400;

/** Leads conversations through a fresh Linux gateway and a fresh engine. @param wasm another build of the engine */
export async function runDifferential(
  natProfile: NatProfile,
  plan: Pick<Plan, "seed" | "packets" | "conversations">,
  wasm?: Uint8Array,
): Promise<Compared> {
  const options = { egressIPs: EGRESS_IPS, low: LOWEST[natProfile], high: 65535, natProfile };
  const kernel = new KernelGateway(options);
  try {
    const engine = await EngineGateway.start(
      PODS[4].map((address, i) => [address, PODS[6][i]!]),
      options,
      wasm,
    );
    return await compareGateways(kernel, engine, { ...plan, natProfile, kinds: KINDS, active: ACTIVE });
  } finally {
    await kernel.stop();
  }
}

/** The differences that no line of docs/differences.md explains. */
export function unexplained(compared: Compared): Difference[] {
  return compared.differences.filter((difference) => explanationOf(difference) === undefined);
}

/** How often each line of docs/differences.md was seen. */
export function seenNames(runs: readonly Compared[]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const difference of runs.flatMap(({ differences }) => differences)) {
    const name = explanationOf(difference);
    if (name !== undefined) seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  return seen;
}

/** One line for the log: on which kernel what was compared. */
export function summary(natProfile: NatProfile, compared: Compared): string {
  const { conversations, families, packets, compared: pairs, portsChanged, differences } = compared;
  return [
    `Linux ${release()}, profile ${natProfile}: ${conversations} conversations of ${compared.kinds.size} kinds, ${families[6]} in IPv6`,
    `${packets} packets to each gateway, ${pairs} that both let through compared`,
    `NAT port other than the pod's: ${portsChanged.kernel} by the kernel, ${portsChanged.engine} by the engine`,
    `${differences.length} differences, ${unexplained(compared).length} unexplained`,
  ].join("; ");
}
