import { endpointAddresses, ipv4Text, podCIDRs, remoteIPv4 } from "../generate/population.js";
import type { DemoOptions } from "./options.js";

export const ZONES = ["zone-a", "zone-b", "zone-c", "zone-d"] as const;
export type Zone = (typeof ZONES)[number];

/** A gateway of the demonstration. */
export interface DemoGateway {
  readonly node: string;
  readonly zone: Zone;
  readonly internalIP: string;
  readonly egressIP: string;
}

/** One in each zone. */
export const GATEWAYS: readonly DemoGateway[] = ZONES.map((zone, i) => ({
  node: `gateway-${zone.slice(-1)}`,
  zone,
  internalIP: `172.16.0.${11 + i}`,
  egressIP: `203.0.113.${11 + i}`,
}));

/** Number of the monitor's endpoint and of the echo server's remote in the address plan of src/generate. */
export const MONITOR_NUMBER = 0;
export const SERVER_NUMBER = 0;
export const MONITOR_ZONE: Zone = "zone-d";
export const MONITOR_IP = endpointAddresses(MONITOR_NUMBER)[0];
export const SERVER_IP = ipv4Text(remoteIPv4(SERVER_NUMBER));
/** Of the echo service (RFC 862), whose words any packet analyser knows. */
export const SERVER_PORT = 7;

const WORKER = "worker-d";
const WORKER_IP = "172.16.4.1";

/**
 * The cluster as YAML documents: four gateway nodes with their devices, the monitor's node and pod, and one policy that sends what the
 * monitor says to the server's network through all four.
 */
export function demoManifests(): string {
  return [...GATEWAYS.map(gatewayNode), workerNode(), NAMESPACE, monitorPod(), policy()].join("---\n");
}

/** The failure as a scenario: the gateway goes and comes back. Its file name is only for messages. */
export function demoScenario({ kill, atMs, downForMs }: DemoOptions): string {
  return `apiVersion: sluicegate.io/v1
kind: Scenario
metadata:
  name: reboot-of-${kill}
spec:
  events:
    - at: ${seconds(atMs)}
      node: ${kill}
      event: node-down
    - at: ${seconds(atMs + downForMs)}
      node: ${kill}
      event: node-up
`;
}

function seconds(ms: number): string {
  return `${ms / 1000}s`;
}

function gatewayNode({ node, zone, internalIP, egressIP }: DemoGateway): string {
  const devices = { eth0: [`${internalIP}/12`], eth1: [`${egressIP}/24`], default: "eth0" };
  return `apiVersion: v1
kind: Node
metadata:
  name: ${node}
  labels:
    kubernetes.io/hostname: ${node}
    topology.kubernetes.io/zone: ${zone}
    egress-gateway: "true"
  annotations:
    sluicegate.io/interfaces: '${JSON.stringify(devices)}'
status:
  addresses:
    - type: InternalIP
      address: ${internalIP}
`;
}

function workerNode(): string {
  const [cidr] = podCIDRs(0);
  return `apiVersion: v1
kind: Node
metadata:
  name: ${WORKER}
  labels:
    kubernetes.io/hostname: ${WORKER}
    topology.kubernetes.io/zone: ${MONITOR_ZONE}
spec:
  podCIDR: ${cidr}
  podCIDRs:
    - ${cidr}
status:
  addresses:
    - type: InternalIP
      address: ${WORKER_IP}
`;
}

const NAMESPACE = `apiVersion: v1
kind: Namespace
metadata:
  name: monitoring
  labels:
    kubernetes.io/metadata.name: monitoring
`;

function monitorPod(): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: monitor
  namespace: monitoring
  uid: 00000000-0000-4000-8000-000000000001
  labels:
    app: monitor
spec:
  nodeName: ${WORKER}
  containers:
    - name: monitor
status:
  phase: Running
  podIP: ${MONITOR_IP}
  podIPs:
    - ip: ${MONITOR_IP}
`;
}

function policy(): string {
  return `apiVersion: isovalent.com/v1
kind: IsovalentEgressGatewayPolicy
metadata:
  name: to-the-echo-server
  creationTimestamp: "2023-01-01T00:00:00Z"
spec:
  selectors:
    - podSelector:
        matchLabels:
          app: monitor
  destinationCIDRs:
    - 198.18.0.0/15
  egressGroups:
    - nodeSelector:
        matchLabels:
          egress-gateway: "true"
      interface: eth1
`;
}
