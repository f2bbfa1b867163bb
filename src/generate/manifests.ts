import { completeOptions, type GenerateOptions } from "./options.js";
import { endpointAddresses, endpointNode, ipv4Text, PODS_PER_NODE, podCIDRs } from "./population.js";

const NAMESPACES = ["shop", "billing", "search", "partner"] as const;
/** Pods of this namespace go through the CiliumEgressGatewayPolicy, all others through the IsovalentEgressGatewayPolicy. */
const PARTNER = "partner";
const GATEWAY_ZONES = ["zone-a", "zone-b", "zone-c", "zone-a"] as const;
const WORKER_ZONES = ["zone-a", "zone-b", "zone-c"] as const;
const NODE_NET = 0xac100000; // 172.16.0.0/12
const FIRST_WORKER_HOST = 1024;
const CREATED = "2023-01-01T00:00:00Z";

/** The last 1/32 of the remotes' nets: traffic to them is excluded and leaves with the pods' own addresses. */
const EXCLUDED_CIDRS = ["198.19.240.0/20", "2001:db8:5::1:f000/116"] as const;

/**
 * The cluster to which a generated capture belongs, as YAML documents: four gateway nodes in three zones with their devices,
 * workers, namespaces, the pods that own every endpoint's addresses, and one policy of each kind.
 * @throws {UsageError} where an option is out of range
 */
export function generateManifests(given: Partial<GenerateOptions>): string {
  const { endpoints } = completeOptions(given);
  const workers = Math.ceil(endpoints / PODS_PER_NODE);
  return [
    ...GATEWAY_ZONES.map((zone, i) => gatewayNode(zone, i)),
    ...Array.from({ length: workers }, (_, i) => workerNode(i)),
    ...NAMESPACES.map(namespace),
    isovalentPolicy(),
    ciliumPolicy(),
    podList(endpoints),
  ].join("---\n");
}

function gatewayNode(zone: string, index: number): string {
  const host = 11 + index;
  const devices = {
    eth0: [`172.16.0.${host}/12`],
    eth1: [`203.0.113.${host}/24`, `2001:db8:203::${host}/64`],
    default: "eth0",
  };
  return `apiVersion: v1
kind: Node
metadata:
  name: gateway-${index + 1}
  labels:
    kubernetes.io/hostname: gateway-${index + 1}
    topology.kubernetes.io/zone: ${zone}
    egress-gateway: "true"
  annotations:
    sluicegate.io/interfaces: '${JSON.stringify(devices)}'
status:
  addresses:
    - type: InternalIP
      address: 172.16.0.${host}
`;
}

function workerNode(index: number): string {
  const cidrs = podCIDRs(index);
  return `apiVersion: v1
kind: Node
metadata:
  name: worker-${index + 1}
  labels:
    kubernetes.io/hostname: worker-${index + 1}
    topology.kubernetes.io/zone: ${WORKER_ZONES[index % WORKER_ZONES.length]}
spec:
  podCIDR: ${cidrs[0]}
  podCIDRs:
    - ${cidrs[0]}
    - ${cidrs[1]}
status:
  addresses:
    - type: InternalIP
      address: ${ipv4Text(NODE_NET + FIRST_WORKER_HOST + index)}
`;
}

function namespace(name: string): string {
  return `apiVersion: v1
kind: Namespace
metadata:
  name: ${name}
  labels:
    kubernetes.io/metadata.name: ${name}
`;
}

function isovalentPolicy(): string {
  const others = NAMESPACES.filter((name) => name !== PARTNER);
  return `apiVersion: isovalent.com/v1
kind: IsovalentEgressGatewayPolicy
metadata:
  name: internet
  creationTimestamp: "${CREATED}"
spec:
  selectors:
    - podSelector:
        matchExpressions:
          - key: io.kubernetes.pod.namespace
            operator: In
            values: [${others.join(", ")}]
  destinationCIDRs:
    - 0.0.0.0/0
    - ::/0
  excludedCIDRs:
    - ${EXCLUDED_CIDRS[0]}
    - ${EXCLUDED_CIDRS[1]}
  egressGroups:
    - nodeSelector:
        matchLabels:
          egress-gateway: "true"
      interface: eth1
`;
}

function ciliumPolicy(): string {
  return `apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata:
  name: ${PARTNER}
  creationTimestamp: "${CREATED}"
spec:
  selectors:
    - podSelector:
        matchLabels:
          io.kubernetes.pod.namespace: ${PARTNER}
  destinationCIDRs:
    - 0.0.0.0/0
    - ::/0
  excludedCIDRs:
    - ${EXCLUDED_CIDRS[0]}
    - ${EXCLUDED_CIDRS[1]}
  egressGateway:
    nodeSelector:
      matchLabels:
        kubernetes.io/hostname: gateway-1
    interface: eth1
`;
}

/** One line a pod: there may be hundreds of thousands. JSON is YAML, too. */
function podList(endpoints: number): string {
  const pods = Array.from({ length: endpoints }, (_, endpoint) => `  - ${JSON.stringify(pod(endpoint))}\n`);
  return `apiVersion: v1\nkind: List\nitems:\n${pods.join("")}`;
}

function pod(endpoint: number): object {
  const name = NAMESPACES[endpoint % NAMESPACES.length]!;
  const addresses = endpointAddresses(endpoint);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${name}-${endpoint}`,
      namespace: name,
      uid: `00000000-0000-4000-8000-${endpoint.toString(16).padStart(12, "0")}`,
      labels: { app: name },
    },
    spec: { nodeName: `worker-${endpointNode(endpoint) + 1}`, containers: [{ name }] },
    status: { phase: "Running", podIP: addresses[0], podIPs: addresses.map((ip) => ({ ip })) },
  };
}
