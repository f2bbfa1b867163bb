import { type AddressBytes, type Family, familyOf, formatAddress, type Prefix, parsePrefix } from "../net/address.js";
import { AddressPool } from "./address-pool.js";
import { addressKey, sameAddress } from "./addresses.js";
import type { DeviceTable, NodeDevices } from "./devices.js";
import { firstOfFamily } from "./read-cluster.js";
import type { GatewayRecord, NodeRecord } from "./records.js";

/** An egress address for one gateway node under one policy entry, for the families that the policy's destinations have. */
export interface ResolvedEgress {
  readonly node: NodeRecord;
  egressIPv4: AddressBytes | undefined;
  egressIPv6: AddressBytes | undefined;
  readonly assumed: boolean;
  readonly interfaceName: string | undefined;
  readonly note: string | undefined;
}

/** One gateway of one policy: which entry of the manifest it stems from, and what was resolved for it. */
export interface Member {
  readonly entry: number;
  readonly resolved: ResolvedEgress;
  /** Addresses that are on another node at present. */
  claimsIPv4?: AddressBytes;
  claimsIPv6?: AddressBytes;
}

/** What the destinations of a policy ask for. */
export interface Families {
  readonly wantsIPv4: boolean;
  readonly wantsIPv6: boolean;
}

const PLACEHOLDERS_IPV4 = [parsePrefix("192.0.2.0/24")!];
const PLACEHOLDERS_IPV6 = [parsePrefix("2001:db8::/32")!];

export function familiesOf(destinations: readonly Prefix[]): Families {
  return {
    wantsIPv4: destinations.some(({ family }) => family === 4),
    wantsIPv6: destinations.some(({ family }) => family === 6),
  };
}

/** Stand-in addresses from the documentation ranges for interfaces of nodes whose devices nobody has told us. */
export class Placeholders {
  readonly #pools: { readonly 4: AddressPool; readonly 6: AddressPool };
  readonly #given = new Map<string, AddressBytes | undefined>();

  /**
   * @param interfaces all (node, interface) pairs in want of one, in a stable order, which decides who gets which
   * @param used addresses that occur elsewhere in the manifests
   */
  constructor(interfaces: readonly (readonly [string, string])[], used: readonly AddressBytes[]) {
    const taken = used.map(addressKey);
    this.#pools = {
      4: new AddressPool(PLACEHOLDERS_IPV4, 4, [...taken, "192.0.2.0", "192.0.2.255"]),
      6: new AddressPool(PLACEHOLDERS_IPV6, 6, [...taken, "2001:db8::"]),
    };
    for (const [node, name] of interfaces) {
      for (const family of [4, 6] as const) {
        const key = `${node}\0${name}\0${family}`;
        if (!this.#given.has(key)) this.#given.set(key, this.#pools[family].take());
      }
    }
  }

  get(node: string, interfaceName: string, family: Family): AddressBytes | undefined {
    return this.#given.get(`${node}\0${interfaceName}\0${family}`);
  }
}

/** Settles the egress addresses of `gateway` on `node`, as the original's agent does. Where devices are known they are the truth. */
export function resolveEgress(
  node: NodeRecord,
  gateway: GatewayRecord,
  families: Families,
  devices: DeviceTable,
  placeholders: Placeholders,
): ResolvedEgress {
  const known = devices.get(node.name);
  const choice = gateway.egressIP
    ? byAddress(node, gateway.egressIP, known)
    : gateway.interfaceName !== undefined
      ? byInterface(node, gateway.interfaceName, known, placeholders)
      : byDefaultRoute(node, known);
  const egressIPv4 = families.wantsIPv4 ? choice.first(4) : undefined;
  const egressIPv6 = families.wantsIPv6 ? choice.first(6) : undefined;
  const missing = [
    families.wantsIPv4 && !egressIPv4 ? "IPv4" : "",
    families.wantsIPv6 && !egressIPv6 ? "IPv6" : "",
  ].filter(Boolean);
  const note = missing.length > 0 ? `${choice.where} has no ${missing.join(" and no ")} address` : choice.assumption;
  return {
    node,
    egressIPv4,
    egressIPv6,
    assumed: choice.assumption !== undefined && (egressIPv4 ?? egressIPv6) !== undefined,
    interfaceName: choice.interfaceName,
    note,
  };
}

interface Choice {
  first(family: Family): AddressBytes | undefined;
  readonly interfaceName: string | undefined;
  /** Where the address is looked for, for messages. */
  readonly where: string;
  /** Why the address is a guess. */
  readonly assumption: string | undefined;
}

function byAddress(node: NodeRecord, egressIP: AddressBytes, known: NodeDevices | undefined): Choice {
  const text = formatAddress(egressIP);
  const family = familyOf(egressIP);
  if (!known) {
    return {
      first: (wanted) => (wanted === family ? egressIP : undefined),
      interfaceName: undefined,
      where: `egressIP ${text}`,
      assumption: undefined,
    };
  }
  const device = [...known.devices.values()].find(({ addresses }) =>
    addresses.some((address) => sameAddress(address, egressIP)),
  );
  return {
    first: (wanted) => (device ? (wanted === family ? egressIP : firstOfFamily(device.addresses, wanted)) : undefined),
    interfaceName: device?.name,
    where: device
      ? `the device of egressIP ${text} on ${node.name}`
      : `node ${node.name} does not hold egressIP ${text}: it`,
    assumption: undefined,
  };
}

function byInterface(
  node: NodeRecord,
  name: string,
  known: NodeDevices | undefined,
  placeholders: Placeholders,
): Choice {
  const where = `interface ${name} of ${node.name}`;
  if (!known) {
    return {
      first: (family) => placeholders.get(node.name, name, family),
      interfaceName: name,
      where,
      assumption: `the addresses of ${where} are not known, a placeholder stands in`,
    };
  }
  const device = known.devices.get(name);
  return {
    first: (family) => device && firstOfFamily(device.addresses, family),
    interfaceName: name,
    where,
    assumption: undefined,
  };
}

function byDefaultRoute(node: NodeRecord, known: NodeDevices | undefined): Choice {
  const stated = known?.defaultDevice;
  if (known && stated !== undefined) {
    const device = known.devices.get(stated);
    return {
      first: (family) => device && firstOfFamily(device.addresses, family),
      interfaceName: stated,
      where: `the default device ${stated} of ${node.name}`,
      assumption: undefined,
    };
  }
  const device = known && deviceWithInternalIP(node, known);
  return {
    first: (family) => firstOfFamily(device ? device.addresses : node.internalIPs, family),
    interfaceName: device?.name,
    where: `node ${node.name}`,
    assumption: device
      ? `device ${device.name} of ${node.name} is taken for the one of its default route because it holds the InternalIP`
      : `the device of the default route of ${node.name} is not known, its InternalIP is taken`,
  };
}

function deviceWithInternalIP(node: NodeRecord, known: NodeDevices) {
  return [...known.devices.values()].find(({ addresses }) =>
    addresses.some((address) => node.internalIPs.some((internal) => sameAddress(internal, address))),
  );
}
