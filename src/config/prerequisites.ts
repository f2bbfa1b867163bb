import type { ManifestWarning, PolicyModel } from "./types.js";

const POLICY_MAP_MAX = 16384;

/**
 * What the original asks of cilium-config before any egress policy works, and does not complain about loudly.
 * @param entries lines of the policy table: pairs of source address and destination prefix
 */
export function prerequisiteWarnings(model: PolicyModel, entries: number): ManifestWarning[] {
  const config = model.ciliumConfig;
  if (!config)
    return [warning("no ConfigMap cilium-config in the manifests: prerequisites are unchecked, settings are defaults")];
  const warnings: ManifestWarning[] = [];
  const need = (isMet: boolean, text: string) => {
    if (!isMet) warnings.push(warning(`cilium-config: ${text}`));
  };
  const isOn = (key: string) => config.get(key) === "true";
  const isNotOff = (key: string) => config.get(key) !== "false";
  need(
    isOn("enable-egress-gateway") || isOn("enable-ipv4-egress-gateway"),
    "enable-egress-gateway is not true, no egress policy has any effect",
  );
  need(isOn("enable-bpf-masquerade"), "enable-bpf-masquerade is not true, egress policies need BPF masquerading");
  need(isNotOff("enable-ipv4-masquerade"), "enable-ipv4-masquerade is false, egress policies need BPF masquerading");
  need(
    replacesKubeProxy(config),
    `kube-proxy-replacement is ${config.get("kube-proxy-replacement") ?? "not set"}, BPF masquerading needs the replacement`,
  );
  need(
    !/kvstore/.test(config.get("identity-allocation-mode") ?? "crd"),
    "identity-allocation-mode uses a kvstore, egress policies need identities in CRDs",
  );
  need(
    !isOn("enable-cilium-endpoint-slice"),
    "enable-cilium-endpoint-slice is true, egress policies do not see endpoints in slices",
  );
  need(isNotOff("enable-ipv4"), "enable-ipv4 is false, the tunnel to a gateway is IPv4");
  needIPv6(model, config, need);
  const most = readCount(config.get("egress-gateway-policy-map-max")) ?? POLICY_MAP_MAX;
  need(
    entries <= most,
    `the policies need ${entries} entries, more than egress-gateway-policy-map-max (${most}): the original leaves some out`,
  );
  return warnings;
}

function needIPv6(
  model: PolicyModel,
  config: ReadonlyMap<string, string>,
  need: (isMet: boolean, text: string) => void,
): void {
  if (!model.policies.some(({ destinations }) => destinations.some(({ family }) => family === 6))) return;
  need(config.get("enable-ipv6") === "true", "enable-ipv6 is not true, but policies have IPv6 destinations");
  need(
    config.get("enable-ipv6-masquerade") !== "false",
    "enable-ipv6-masquerade is false, but policies have IPv6 destinations",
  );
}

/** The values of newer releases are true and false, those of older ones name degrees. */
function replacesKubeProxy(config: ReadonlyMap<string, string>): boolean {
  const value = config.get("kube-proxy-replacement") ?? "false";
  return ["true", "strict", "partial", "probe"].includes(value) || config.get("enable-node-port") === "true";
}

function readCount(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

function warning(text: string): ManifestWarning {
  return { file: "", line: undefined, column: undefined, text };
}
