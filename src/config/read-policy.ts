import { type AddressBytes, formatAddress } from "../net/address.js";
import { readAddress, readPrefixes } from "./addresses.js";
import type { Field } from "./field.js";
import { readMetadata } from "./metadata.js";
import type { EndpointRule, GatewayRecord, PolicyRecord } from "./records.js";
import { type LabelSelector, prefixKeys, readSelector } from "./selector.js";
import { isLifetime, TIMEOUT_NAMES } from "./settings.js";
import { parseDurationMs } from "./time.js";
import type { AzAffinity, GroupStatus, Timeouts } from "./types.js";

/** More gateways than this in one policy do not fit the engine's group table. */
export const MOST_GATEWAYS = 64;

const NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels.";
const POD_NAMESPACE = "io.kubernetes.pod.namespace";
const AZ_AFFINITIES: readonly AzAffinity[] = ["disabled", "localOnly", "localOnlyFirst", "localPriority"];
const LONGEST_INTERFACE_NAME = 15;

/** Reads a CiliumEgressGatewayPolicy. Every fault is reported; the record counts only where the log has none in the end. */
export function readCiliumPolicy(object: Field): PolicyRecord | undefined {
  const spec = object.get("spec");
  return readPolicy(object, "CiliumEgressGatewayPolicy", {
    gateways: readCiliumGateways(spec),
    egressCIDRs: [],
    azAffinity: "disabled",
    status: [],
  });
}

/** Reads an IsovalentEgressGatewayPolicy, status included. */
export function readIsovalentPolicy(object: Field): PolicyRecord | undefined {
  const spec = object.get("spec");
  const egressCIDRs = readPrefixes(spec.get("egressCIDRs"));
  return readPolicy(object, "IsovalentEgressGatewayPolicy", {
    gateways: readGroups(spec, egressCIDRs.length > 0),
    egressCIDRs,
    azAffinity: readAzAffinity(spec.get("azAffinity")),
    status: object.get("status").get("groupStatuses").items().map(readGroupStatus),
  });
}

type KindPart = Pick<PolicyRecord, "gateways" | "egressCIDRs" | "azAffinity" | "status">;

function readPolicy(object: Field, kind: PolicyRecord["kind"], part: KindPart): PolicyRecord | undefined {
  const metadata = readMetadata(object);
  const spec = object.get("spec");
  if (spec.isMissing || !spec.isObject) spec.fault("an object with selectors and destinationCIDRs");
  const { rules, nodeSelectors } = readRules(spec);
  const destinationField = spec.get("destinationCIDRs");
  if (destinationField.isMissing && spec.isObject) destinationField.fault("at least one CIDR");
  const destinations = readPrefixes(destinationField);
  if (Array.isArray(destinationField.value) && destinationField.value.length === 0) {
    destinationField.warn(
      "empty destinationCIDRs",
      `${object.label}: destinationCIDRs is empty, the policy selects no traffic`,
    );
  }
  const excluded = readPrefixes(spec.get("excludedCIDRs"));
  const timeouts = readTimeouts(object.get("metadata").get("annotations").get("sluicegate.io/timeouts"));
  return metadata && { kind, metadata, rules, nodeSelectors, destinations, excluded, timeouts, field: object, ...part };
}

function readRules(specField: Field): { rules: EndpointRule[]; nodeSelectors: LabelSelector[] } {
  const field = specField.get("selectors");
  const rules: EndpointRule[] = [];
  const nodeSelectors: LabelSelector[] = [];
  if (field.isMissing && specField.isObject) field.fault("a list of endpoint selectors");
  if (Array.isArray(field.value) && field.value.length === 0) {
    field.warn("empty selectors", `${field.label}: selectors is empty, the policy selects no endpoint`);
  }
  for (const item of field.items()) {
    const podSelector = readSelector(item.get("podSelector"));
    const namespaceSelector = readSelector(item.get("namespaceSelector"));
    const nodeSelector = readSelector(item.get("nodeSelector"));
    if (nodeSelector) nodeSelectors.push(nodeSelector);
    if (item.get("podSelector").isMissing && item.get("namespaceSelector").isMissing) {
      item.fault("a podSelector or a namespaceSelector (an empty one selects everything)");
      continue;
    }
    rules.push({ requirements: [...namespaceRequirements(namespaceSelector), ...(podSelector ?? [])] });
  }
  return { rules, nodeSelectors };
}

function namespaceRequirements(selector: LabelSelector | undefined): LabelSelector {
  if (!selector) return [];
  if (selector.length === 0) return [{ key: POD_NAMESPACE, operator: "Exists", values: [] }];
  return prefixKeys(selector, NAMESPACE_LABELS);
}

function readCiliumGateways(spec: Field): GatewayRecord[] {
  const single = spec.get("egressGateway");
  const list = spec.get("egressGateways");
  const entries = list.items();
  entries[MOST_GATEWAYS]?.fault(`at most ${MOST_GATEWAYS} gateways`);
  if (entries.length > 0) {
    if (!single.isMissing)
      single.warn(
        "both gateway fields",
        `${spec.label}: egressGateway is ignored because egressGateways is given`,
        "key",
      );
    return entries.flatMap((entry) => readGateway(entry) ?? []);
  }
  if (single.isMissing) {
    const hasOddList = !list.isMissing && !Array.isArray(list.value);
    if (spec.isObject && !hasOddList) single.fault("a gateway, here or in egressGateways");
    return [];
  }
  const gateway = readGateway(single);
  return gateway ? [gateway] : [];
}

function readGroups(spec: Field, hasEgressCIDRs: boolean): GatewayRecord[] {
  const field = spec.get("egressGroups");
  const entries = field.items();
  const isEmptyList = Array.isArray(field.value) && entries.length === 0;
  if ((field.isMissing && spec.isObject) || isEmptyList) field.fault("at least one egress group");
  for (const entry of entries) {
    const egressIP = entry.get("egressIP");
    if (hasEgressCIDRs && !egressIP.isMissing) egressIP.fault("no egressIP where spec.egressCIDRs gives the addresses");
  }
  return entries.flatMap((entry) => readGateway(entry) ?? []);
}

function readGateway(field: Field): GatewayRecord | undefined {
  if (!field.isObject) {
    field.fault("an object with a nodeSelector");
    return undefined;
  }
  const selectorField = field.get("nodeSelector");
  if (selectorField.isMissing) selectorField.fault("a label selector for gateway nodes");
  const nodeSelector = readSelector(selectorField);
  const interfaceName = readInterfaceName(field.get("interface"));
  const egressIP = readEgressIP(field.get("egressIP"));
  if (interfaceName !== undefined && !isEmpty(field.get("egressIP"))) {
    field.get("egressIP").fault("either interface or egressIP, not both");
  }
  const maxGatewayNodes = field.get("maxGatewayNodes").count(0) || undefined;
  return nodeSelector && { nodeSelector, interfaceName, egressIP, maxGatewayNodes, field };
}

/** An empty text means the same as no text, as in the original. */
function isEmpty(field: Field): boolean {
  return field.isMissing || field.value === "";
}

function readInterfaceName(field: Field): string | undefined {
  if (isEmpty(field)) return undefined;
  const name = field.text("the name of a network interface");
  if (name === undefined) return undefined;
  if (name.length > LONGEST_INTERFACE_NAME || /[\s/]/.test(name)) {
    field.fault(`the name of a network interface (at most ${LONGEST_INTERFACE_NAME} characters, no "/" and no spaces)`);
  }
  return name;
}

function readEgressIP(field: Field): AddressBytes | undefined {
  return isEmpty(field) ? undefined : readAddress(field);
}

function readAzAffinity(field: Field): AzAffinity {
  if (isEmpty(field)) return "disabled";
  const known = AZ_AFFINITIES.find((name) => name === field.value);
  if (!known) field.fault(`one of ${AZ_AFFINITIES.join(", ")}`);
  return known ?? "disabled";
}

function readTimeouts(field: Field): Partial<Timeouts> | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  const expected = 'a JSON object such as {"tcpEstablished":"1h","udp":"30s"}';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    field.fault(expected);
    return undefined;
  }
  const inner = field.withValue(value);
  if (!inner.isObject) {
    field.fault(expected);
    return undefined;
  }
  const timeouts: Partial<Record<keyof Timeouts, number>> = {};
  for (const [key, member] of inner.entries()) {
    const name = TIMEOUT_NAMES.find((known) => known === key);
    if (!name) member.fault(`only ${TIMEOUT_NAMES.join(", ")}`);
    const duration = member.requiredText("a duration such as 30s");
    const milliseconds = duration === undefined ? undefined : parseDurationMs(duration);
    if (name === undefined || duration === undefined) continue;
    if (milliseconds !== undefined && isLifetime(name, milliseconds)) timeouts[name] = milliseconds;
    else member.fault("a duration above zero such as 90s or 1h30m");
  }
  return timeouts;
}

function readGroupStatus(field: Field): GroupStatus {
  const byZone = new Map<string, readonly AddressBytes[]>();
  for (const [zone, list] of field.get("activeGatewayIPsByAZ").entries()) byZone.set(zone, readAddressList(list));
  const egressIPs = new Map<string, readonly AddressBytes[]>();
  for (const [gateway, value] of field.get("egressIPByGatewayIP").entries()) {
    const gatewayIP = readAddress(value.withValue(gateway));
    const list = Array.isArray(value.value)
      ? readAddressList(value)
      : [readAddress(value)].filter((address) => address !== undefined);
    if (gatewayIP) egressIPs.set(formatAddress(gatewayIP), list);
  }
  return {
    activeGatewayIPs: readAddressList(field.get("activeGatewayIPs")),
    activeGatewayIPsByAZ: byZone,
    healthyGatewayIPs: readAddressList(field.get("healthyGatewayIPs")),
    egressIPByGatewayIP: egressIPs,
  };
}

function readAddressList(field: Field): AddressBytes[] {
  return field.items().flatMap((item) => readAddress(item) ?? []);
}
