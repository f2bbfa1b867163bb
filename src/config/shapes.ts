import type { Field } from "./field.js";

const LONGEST_SHOWN = 80;

/** Which fields an object may have: `any` = whatever, `list` = a list of that shape. */
export type Shape = "any" | { readonly list: Shape } | { readonly fields: Readonly<Record<string, Shape>> };

function fields(names: string, shapes: Readonly<Record<string, Shape>> = {}): Shape {
  const all: Record<string, Shape> = {};
  for (const name of names.split(/\s+/)) if (name !== "") all[name] = "any";
  return { fields: { ...all, ...shapes } };
}

function list(names: string, shapes: Readonly<Record<string, Shape>> = {}): Shape {
  return { list: fields(names, shapes) };
}

const METADATA =
  fields(`name namespace uid labels annotations creationTimestamp deletionTimestamp deletionGracePeriodSeconds generation
  generateName resourceVersion selfLink finalizers ownerReferences managedFields clusterName`);
const SELECTOR = fields("matchLabels", { matchExpressions: list("key operator values") });
const RULE = fields("", { namespaceSelector: SELECTOR, podSelector: SELECTOR, nodeSelector: SELECTOR });
const GATEWAY = fields("interface egressIP", { nodeSelector: SELECTOR });

function object(spec: Shape, more: Readonly<Record<string, Shape>> = {}): Shape {
  return fields("apiVersion kind", { metadata: METADATA, spec, ...more });
}

const CONTAINER = fields(
  `name image command args workingDir envFrom env resources resizePolicy restartPolicy restartPolicyRules volumeMounts
  volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy
  securityContext stdin stdinOnce tty targetContainerName`,
  { ports: list("name hostPort containerPort protocol hostIP") },
);

const POD_SPEC = fields(
  `volumes ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName
  serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC shareProcessNamespace securityContext imagePullSecrets
  hostname subdomain affinity schedulerName tolerations hostAliases priorityClassName priority dnsConfig readinessGates runtimeClassName
  enableServiceLinks preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates resourceClaims
  resources hostnameOverride workloadRef`,
  { containers: { list: CONTAINER }, initContainers: { list: CONTAINER } },
);

const SERVICE_SPEC = fields(
  `selector clusterIP clusterIPs type externalIPs sessionAffinity loadBalancerIP loadBalancerSourceRanges externalName
  externalTrafficPolicy healthCheckNodePort publishNotReadyAddresses sessionAffinityConfig ipFamilies ipFamilyPolicy
  allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy trafficDistribution`,
  { ports: list("name protocol appProtocol port targetPort nodePort") },
);

/** Known fields of each kind that counts. Parts that never matter here (probes, volumes, status details) are not looked into. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  CiliumEgressGatewayPolicy: object(
    fields("destinationCIDRs excludedCIDRs", {
      selectors: { list: RULE },
      egressGateway: GATEWAY,
      egressGateways: { list: GATEWAY },
    }),
    { status: "any" },
  ),
  IsovalentEgressGatewayPolicy: object(
    fields("destinationCIDRs excludedCIDRs egressCIDRs azAffinity", {
      selectors: { list: RULE },
      egressGroups: list("interface egressIP maxGatewayNodes", { nodeSelector: SELECTOR }),
    }),
    { status: "any" },
  ),
  Node: object(fields("podCIDR podCIDRs providerID unschedulable taints configSource externalID"), { status: "any" }),
  CiliumNode: object(
    fields("instance-id bootid addresses health ingress encryption eni azure alibaba-cloud ipam nodeidentity"),
    {
      status: "any",
    },
  ),
  Pod: object(POD_SPEC, { status: "any" }),
  CiliumEndpoint: fields("apiVersion kind spec status", { metadata: METADATA }),
  CiliumIdentity: fields("apiVersion kind security-labels status", { metadata: METADATA }),
  Namespace: object("any", { status: "any" }),
  Service: object(SERVICE_SPEC, { status: "any" }),
  ConfigMap: fields("apiVersion kind data binaryData immutable", { metadata: METADATA }),
};

/** Warns about every field of `object` that its kind does not have: most often a slip of the pen that would otherwise do nothing, silently. */
export function warnUnknownFields(object: Field, shape: Shape, kind: string): void {
  if (shape === "any" || object.isMissing) return;
  if ("list" in shape) {
    if (Array.isArray(object.value)) for (const member of object.items()) warnUnknownFields(member, shape.list, kind);
    return;
  }
  if (!object.isObject) return;
  for (const key of Object.keys(object.value as object)) {
    const known = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    if (known === undefined) warnUnknown(object, key, shape.fields, kind);
    else if (known !== "any") warnUnknownFields(object.get(key), known, kind);
  }
}

function warnUnknown(parent: Field, key: string, known: Readonly<Record<string, Shape>>, kind: string): void {
  const meant = Object.keys(known).find((name) => isNear(name, key));
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  const shown = key.length <= LONGEST_SHOWN ? key : `${key.slice(0, LONGEST_SHOWN)}…`;
  parent
    .get(key)
    .warn(
      `unknown field ${shown} of a ${kind}`,
      `${parent.label}: ${shown} is not a field that counts here, it is ignored${hint}`,
      "key",
    );
}

/** Equal but for case, or one letter more, less or other, or two swapped. */
export function isNear(name: string, key: string): boolean {
  const [a, b] = [name.toLowerCase(), key.toLowerCase()];
  if (a === b) return true;
  if (Math.abs(a.length - b.length) > 1 || a.length < 4) return false;
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  const [restA, restB] = [a.slice(same), b.slice(same)];
  if (restA.slice(2) === restB.slice(2) && restA[0] === restB[1] && restA[1] === restB[0]) return true;
  return restA.slice(1) === restB.slice(1) || restA === restB.slice(1) || restA.slice(1) === restB;
}
