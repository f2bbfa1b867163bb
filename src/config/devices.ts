import { UsageError } from "../errors.js";
import { type AddressBytes, familyOf, parseAddress } from "../net/address.js";
import { isGlobalUnicast, sameAddress } from "./addresses.js";
import type { Field } from "./field.js";

/** One network device of a node with its addresses in the order in which the system lists them. */
export interface Device {
  readonly name: string;
  readonly addresses: AddressBytes[];
}

/** What is known of a node's devices; a node without an entry has unknown devices. */
export interface NodeDevices {
  readonly devices: Map<string, Device>;
  /** Device of the default route, where stated. */
  defaultDevice: string | undefined;
}

/** Devices by node name, from all sources together. */
export class DeviceTable {
  readonly #nodes = new Map<string, NodeDevices>();

  get(node: string): NodeDevices | undefined {
    return this.#nodes.get(node);
  }

  get nodeNames(): Iterable<string> {
    return this.#nodes.keys();
  }

  #of(node: string): NodeDevices {
    let known = this.#nodes.get(node);
    if (!known) {
      known = { devices: new Map(), defaultDevice: undefined };
      this.#nodes.set(node, known);
    }
    return known;
  }

  /**
   * Adds a device (without addresses, it is known to exist) and one address of it; loopback, link-local and multicast ones are nobody's
   * egress address.
   */
  add(node: string, deviceName: string, address: AddressBytes | undefined): void {
    const { devices } = this.#of(node);
    let device = devices.get(deviceName);
    if (!device) {
      device = { name: deviceName, addresses: [] };
      devices.set(deviceName, device);
    }
    if (!address || !isGlobalUnicast(address)) return;
    if (!device.addresses.some((known) => sameAddress(known, address))) device.addresses.push(address);
  }

  setDefault(node: string, deviceName: string): void {
    this.#of(node).defaultDevice = deviceName;
  }

  /**
   * Takes `{"eth1": ["203.0.113.10/24"], "default": "eth1"}` in: the value of annotation `sluicegate.io/interfaces`, or one node's entry
   * of `interfaces.yaml`.
   */
  addObject(node: string, field: Field): void {
    if (!field.isObject) {
      field.fault('an object such as {"eth1": ["203.0.113.10/24"], "default": "eth1"}');
      return;
    }
    for (const [name, member] of field.entries()) {
      if (name === "default") {
        const device = member.requiredText("the name of a device");
        if (device !== undefined) this.setDefault(node, device);
        continue;
      }
      this.add(node, name, undefined);
      for (const item of typeof member.value === "string" ? [member] : member.items()) {
        const address = readDeviceAddress(item);
        if (address) this.add(node, name, address);
      }
      if (member.isMissing) member.fault("a list of addresses with their prefix lengths");
    }
  }

  /** Annotation `sluicegate.io/interfaces`: the same as JSON text. */
  addAnnotation(node: string, field: Field): void {
    const text = field.text("JSON text");
    if (text === undefined) return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      field.fault('JSON such as {"eth1": ["203.0.113.10/24"], "default": "eth1"}');
      return;
    }
    this.addObject(node, field.withValue(value));
  }

  /** A whole `interfaces.yaml`: node names over such objects. */
  addInterfacesFile(document: Field): void {
    for (const [node, field] of document.entries()) this.addObject(node, field);
  }

  /** One link of `ip -j addr`; loopback, link-local and host-scope addresses are nobody's egress address. */
  addLink(node: string, link: Field): void {
    const name = link.get("ifname").text();
    if (!link.isObject || (name === undefined && Object.keys(link.value as object).length > 0)) {
      link.fault("a link as `ip -j addr` prints it, with an ifname");
      return;
    }
    if (name === undefined) return;
    const bare = name.replace(/@.*$/, "");
    this.add(node, bare, undefined);
    for (const entry of link.get("addr_info").items()) {
      const family = entry.get("family").value;
      if (family !== "inet" && family !== "inet6") continue;
      const text = entry.get("local").requiredText("an address");
      const address = text === undefined ? undefined : parseAddress(text);
      if (text !== undefined && !address) entry.get("local").fault("an IPv4 or IPv6 address");
      if (address) this.add(node, bare, address);
    }
  }

  /**
   * A flag `--interface NODE:eth1=203.0.113.10/24`.
   * @throws {UsageError}
   */
  addFlag(text: string): void {
    const match = /^([^:]+):([^=\s/]+)=(\S+)$/.exec(text);
    const addresses = match?.[3]?.split(",").map(parseDeviceAddress);
    if (!match || !addresses || addresses.includes(undefined)) {
      throw new UsageError(
        `--interface is ${JSON.stringify(text)}, expected NODE:DEVICE=ADDRESS/LENGTH such as node-1:eth1=203.0.113.10/24`,
      );
    }
    for (const address of addresses) this.add(match[1]!, match[2]!, address);
  }
}

function readDeviceAddress(field: Field): AddressBytes | undefined {
  const expected = "an address with its prefix length such as 203.0.113.10/24";
  const text = field.requiredText(expected);
  const address = text === undefined ? undefined : parseDeviceAddress(text);
  if (text !== undefined && !address) field.fault(expected);
  return address;
}

/** `203.0.113.10/24`; the length says nothing here but is usual and checked. */
function parseDeviceAddress(text: string): AddressBytes | undefined {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  const address = match ? parseAddress(match[1]!) : undefined;
  if (!address) return undefined;
  const longest = familyOf(address) === 4 ? 32 : 128;
  return match![2] === undefined || Number(match![2]) <= longest ? address : undefined;
}
