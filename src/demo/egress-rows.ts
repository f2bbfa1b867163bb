import type { GatewayPicture } from "../gateway/control.js";
import { formatAddress } from "../net/address.js";
import type { EgressRow } from "../replay/list-state.js";

const NO_ADDRESS = "0.0.0.0";

/**
 * Who takes new connections now, in the shape of the original's `bpf egress list`: a row per endpoint, destination prefix and active gateway,
 * IPv4 only, as the demonstration's cluster is.
 */
export function egressRows({ model, active }: GatewayPicture): EgressRow[] {
  return model.endpoints.flatMap(({ addresses, node, policySet }) => {
    const zone = model.nodes.find(({ name }) => name === node)?.zone;
    const sourceIP = formatAddress(addresses[0]!);
    return (model.policySets[policySet]?.entries ?? []).flatMap(({ prefix, policy }): EgressRow[] =>
      (active[policy]?.byZone.get(zone) ?? []).map((member) => {
        const egress = model.egresses[model.policies[policy]!.egresses[member]!]!;
        return {
          sourceIP,
          destinationCIDR: prefix.text,
          egressIP: egress.egressIPv4 ? formatAddress(egress.egressIPv4) : NO_ADDRESS,
          gatewayIP: egress.gatewayIP ? formatAddress(egress.gatewayIP) : "Not Found",
          gateway: egress.node,
        };
      }),
    );
  });
}
