import { formatAddress } from "../../src/net/address.js";
import { Dice } from "./dice.js";
import type { Flow } from "./flows.js";

// Trials in both families. Words stay those of IPv4; every address and CIDR in them has a twin in IPv6, and some flows use the twins.

/** Seeds from here on roll trials with pods, gateways and policies of both families. */
export const DUAL_STACK_FROM = 1_000_000;
const NETWORK = "20010db8004600000000000000";

export function isDualStack(seed: number): boolean {
  return seed >= DUAL_STACK_FROM;
}

/** The address behind the network's first 96 bits, as reports write it. */
export function twinOf(ip: string): string {
  const bytes = Buffer.from(
    NETWORK.slice(0, 24) +
      ip
        .split(".")
        .map((octet) => Number(octet).toString(16).padStart(2, "0"))
        .join(""),
    "hex",
  );
  return formatAddress(Uint8Array.from(bytes));
}

/** The CIDR of the twins of all addresses of a CIDR. */
export function twinOfCidr(cidr: string): string {
  const [base, length] = cidr.split("/");
  return `${twinOf(base)}/${96 + Number(length)}`;
}

/** Whether a flow uses the twins: the same for all frames of it. Nodes have an address of IPv4 only. */
export function usesTwins(seed: number, { ip, port, remote, remotePort, protocol }: Flow): boolean {
  if (!isDualStack(seed) || remote.startsWith("172.18.")) return false;
  const words = [...ip.split("."), ...remote.split("."), port, remotePort, protocol].map(Number);
  return new Dice(words.reduce((sum, word) => (Math.imul(sum, 31) + word) >>> 0, seed)).chance(55);
}
