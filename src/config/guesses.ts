import type { FaultLog } from "./fault-log.js";
import type { PolicySetModel } from "./policy-sets.js";
import type { PolicyRecord } from "./records.js";
import type { Policy } from "./types.js";

/** Pod labels that Cilium leaves out of identities unless it is told otherwise, so that no selector of the original sees them. */
const NO_IDENTITY_LABELS = [
  /^pod-template-(hash|generation)$/,
  /^controller-revision-hash$/,
  /^statefulset\.kubernetes\.io\//,
  /^batch\.kubernetes\.io\//,
  /^apps\.kubernetes\.io\/pod-index$/,
  /^job-name$|^controller-uid$/,
];

/**
 * Warns where the model had to guess because there are Pods without CiliumEndpoints: which gateway a UID hashes to, and whether a label is
 * part of an identity.
 */
export function warnGuesses(
  policies: readonly PolicyRecord[],
  resolved: readonly Policy[],
  sets: PolicySetModel,
  log: FaultLog,
): void {
  policies.forEach((policy, index) => {
    const guessed = [...sets.selected[index]!].filter(({ hasEndpointUid }) => !hasEndpointUid).length;
    if (guessed === 0) return;
    const gateways = resolved[index]!.egresses.length;
    if (policy.kind === "CiliumEgressGatewayPolicy" && gateways > 1) {
      const text = `${policy.field.label}: which of its ${gateways} gateways ${guessed} pods use is a guess, it hangs on UIDs of CiliumEndpoints, which are not in the manifests`;
      log.warn("gateway by guess", text, policy.field.place("value"));
    }
    const key = policy.rules
      .flatMap(({ requirements }) => requirements)
      .find((requirement) => isNoIdentityLabel(requirement.key))?.key;
    if (key !== undefined) {
      const text = `${policy.field.label} selects by ${key}, a label that Cilium leaves out of identities by default: there it may select nothing`;
      log.warn("label outside of identities", text, policy.field.place("value"));
    }
  });
}

function isNoIdentityLabel(key: string): boolean {
  return NO_IDENTITY_LABELS.some((pattern) => pattern.test(key));
}
