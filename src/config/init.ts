import {
  type AddressBytes,
  type Family,
  familyOf,
  formatAddress,
  parsePrefix,
  prefixContains,
} from "../net/address.js";
import { AddressPool } from "./address-pool.js";
import { addressKey, isGlobalUnicast } from "./addresses.js";

/** What a capture says about one source address; gathered by whoever reads the capture. */
export interface SourceStatistics {
  readonly address: AddressBytes;
  readonly frames: number;
  readonly bytes: number;
  /** Where it sent to, busiest first; a few suffice. */
  readonly destinations: readonly { readonly address: AddressBytes; readonly frames: number; readonly bytes: number }[];
}

/** What starter manifests are made with. */
export interface StarterOptions {
  /** Gateway nodes to write; default 2. */
  readonly gateways?: number;
  /** Most pods to write, busiest sources first; default 50. */
  readonly mostPods?: number;
  /** Named in the first comment line. */
  readonly captureName?: string;
}

/** Manifests to start from. */
export interface StarterManifests {
  /** YAML that `loadManifests` takes without a fault. */
  readonly text: string;
  /** Sources that became pods. */
  readonly endpoints: number;
  /** Sources that did not, by reason: `public`, `not-unicast`, `beyond-limit`. */
  readonly leftOut: ReadonlyMap<string, number>;
}

const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"].map(
  (text) => parsePrefix(text)!,
);
const NODE_RANGE = [parsePrefix("198.18.0.0/15")!];
const EGRESS_RANGES = { 4: [parsePrefix("203.0.113.0/24")!], 6: [parsePrefix("2001:db8:e::/48")!] } as const;
const MOST_GATEWAYS = 64;

/**
 * Manifests to begin with, made from what a capture holds: every private source a pod, gateways that take turns, one policy for everything outside.
 * Where no source is private, the busiest ones are taken. To be edited: the cluster's real ones are better.
 */
export function starterManifests(sources: readonly SourceStatistics[], options: StarterOptions = {}): StarterManifests {
  const leftOut = new Map<string, number>();
  const leave = (reason: string, count: number) => {
    if (count > 0) leftOut.set(reason, count);
  };
  const unicast = sources.filter(({ address }) => isGlobalUnicast(address));
  leave("not-unicast", sources.length - unicast.length);
  const privates = unicast.filter(({ address }) => isPrivate(address));
  const candidates = privates.length > 0 ? privates : unicast;
  leave("public", unicast.length - candidates.length);
  const busiest = [...candidates].sort(
    (a, b) => b.frames - a.frames || (formatAddress(a.address) < formatAddress(b.address) ? -1 : 1),
  );
  const pods = busiest.slice(0, options.mostPods ?? 50);
  leave("beyond-limit", busiest.length - pods.length);
  const gateways = makeGateways(sources, Math.min(MOST_GATEWAYS, Math.max(1, options.gateways ?? 2)));
  const families = ([4, 6] as const).filter((family) => pods.some(({ address }) => familyOf(address) === family));
  const documents = [
    ...gateways.map((gateway) => nodeText(gateway)),
    ...pods.map((pod) => podText(pod)),
    policyText(families, pods),
  ];
  return {
    text: `${headText(options.captureName, pods, leftOut)}${documents.join("---\n")}`,
    endpoints: pods.length,
    leftOut,
  };
}

export function isPrivate(address: AddressBytes): boolean {
  return PRIVATE.some((prefix) => prefix.family === familyOf(address) && prefixContains(prefix, address));
}

interface Gateway {
  readonly name: string;
  readonly zone: string;
  readonly internalIP: AddressBytes;
  readonly egressIPs: readonly AddressBytes[];
}

/** Gateways with addresses that occur nowhere in the capture. */
function makeGateways(sources: readonly SourceStatistics[], count: number): Gateway[] {
  const seen = new Set(["203.0.113.0", "203.0.113.255", "2001:db8:e::", "198.18.0.0"]);
  for (const { address, destinations } of sources) {
    seen.add(addressKey(address));
    for (const destination of destinations) seen.add(addressKey(destination.address));
  }
  const internal = new AddressPool(NODE_RANGE, 4, seen);
  const pools = [new AddressPool(EGRESS_RANGES[4], 4, seen), new AddressPool(EGRESS_RANGES[6], 6, seen)];
  const gateways: Gateway[] = [];
  for (let number = 1; number <= count; number++) {
    const internalIP = internal.take();
    const egressIPs = pools.flatMap((pool) => pool.take() ?? []);
    if (!internalIP || egressIPs.length === 0) break;
    gateways.push({ name: `gateway-${number}`, zone: `zone-${((number - 1) % 3) + 1}`, internalIP, egressIPs });
  }
  return gateways;
}

function headText(
  captureName: string | undefined,
  pods: readonly SourceStatistics[],
  leftOut: ReadonlyMap<string, number>,
): string {
  const origin = captureName === undefined ? "a capture" : captureName.replace(/[^\x20-\x7e]/g, "?");
  const lines = [
    `Starter manifests, made from ${origin}: ${pods.length} sources as pods.`,
    "Names, labels, gateways and egress IPs are inventions; put in those of your cluster, or use a dump of it.",
    ...[...leftOut].map(([reason, count]) => `Left out: ${count} sources (${reason}).`),
  ];
  return lines.map((line) => `# ${line}\n`).join("");
}

function nodeText({ name, zone, internalIP, egressIPs }: Gateway): string {
  const cidrs = egressIPs.map((address) => `"${formatAddress(address)}/${familyOf(address) === 4 ? 24 : 64}"`);
  return `apiVersion: v1
kind: Node
metadata:
  name: ${name}
  labels:
    egress-gateway: "true"
    topology.kubernetes.io/zone: ${zone}
  annotations:
    sluicegate.io/interfaces: '{"eth0":[${cidrs.join(",")}],"default":"eth0"}'
status:
  addresses:
  - type: InternalIP
    address: ${formatAddress(internalIP)}
`;
}

function podText({ address, frames, bytes, destinations }: SourceStatistics): string {
  const text = formatAddress(address);
  const busiest = destinations.slice(0, 3).map((destination) => formatAddress(destination.address));
  const to = busiest.length === 0 ? "" : `, mostly to ${busiest.join(", ")}`;
  return `# ${frames} frames, ${bytes} bytes${to}
apiVersion: v1
kind: Pod
metadata:
  name: endpoint-${text.replace(/[.:]/g, "-").replace(/-$/, "-0")}
  namespace: captured
  labels:
    egress: "yes"
status:
  phase: Running
  podIPs:
  - ip: "${text}"
`;
}

function policyText(families: readonly Family[], pods: readonly SourceStatistics[]): string {
  const destinations = (families.length > 0 ? families : [4]).map((family) => (family === 4 ? "0.0.0.0/0" : "::/0"));
  const insiders = pods.some(({ destinations: to }) => to.some(({ address }) => isPrivate(address)));
  const excluded = insiders
    ? "  # Private destinations occur; take out those that are to pass untranslated, e.g. with\n  # excludedCIDRs: [10.0.0.0/8]\n"
    : "";
  return `apiVersion: isovalent.com/v1
kind: IsovalentEgressGatewayPolicy
metadata:
  name: egress
spec:
  selectors:
  - namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: captured
    podSelector:
      matchLabels:
        egress: "yes"
  destinationCIDRs:
${destinations.map((destination) => `  - "${destination}"\n`).join("")}${excluded}  egressGroups:
  - nodeSelector:
      matchLabels:
        egress-gateway: "true"
    interface: eth0
`;
}
