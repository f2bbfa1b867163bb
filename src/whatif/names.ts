import { protocolName } from "../net/protocol-name.js";
import type { ReplayReport } from "../replay/report-types.js";
import type { LoggedConnection } from "./logged-connection.js";

/** A gateway as reports name it. */
export interface GatewayName {
  node: string;
  egressIP: string;
}

const ECHO_PROTOCOLS = new Set(["icmp", "icmpv6"]);

/** `shop/cart-0`, or the address where no pod owns it. */
export function podName({ owner, endpoint }: LoggedConnection): string {
  return owner ? `${owner.namespace}/${owner.name}` : endpoint;
}

/** Where a connection goes: `tcp 198.51.100.10:443`, `icmp 198.51.100.10`. */
export function destinationName({ protocol, remote, remotePort }: LoggedConnection): string {
  return `${protocolName(protocol)} ${withPort(remote, remotePort)}`;
}

/** `tcp 10.1.1.10:40000 -> 198.51.100.10:443`, `icmp 10.1.1.10 -> 198.51.100.10 id 7`: as in a replay's report. */
export function fiveTupleName(connection: LoggedConnection): string {
  const { protocol, endpoint, endpointPort, remote, remotePort } = connection;
  const name = protocolName(protocol);
  if (ECHO_PROTOCOLS.has(name)) return `${name} ${endpoint} -> ${remote} id ${endpointPort}`;
  return `${name} ${withPort(endpoint, endpointPort)} -> ${withPort(remote, remotePort)}`;
}

/** How a connection leaves: by a gateway, or not, or nobody knows it. */
export type Way =
  | { readonly kind: "gateway"; readonly gateway: GatewayName }
  | { readonly kind: "pass" | "drop" | "lost"; readonly reason: string }
  | { readonly kind: "unknown" };

/** How a connection left at its best, or where it is `undefined`, that nobody knows it. */
export function wayOf(connection: LoggedConnection | undefined, report: Pick<ReplayReport, "gateways">): Way {
  if (!connection) return { kind: "unknown" };
  const { outcome, reason, egress } = connection;
  return outcome === "snat" ? viaGateway(egress, report) : { kind: outcome, reason };
}

/** How the newest frame of a connection left. */
export function lastWayOf(connection: LoggedConnection | undefined, report: Pick<ReplayReport, "gateways">): Way {
  if (!connection) return { kind: "unknown" };
  const { lastOutcome, lastReason, egress } = connection;
  return lastOutcome === "snat" ? viaGateway(egress, report) : { kind: lastOutcome, reason: lastReason };
}

/** True for two gateways under one egress IP: who goes from one to the other keeps the external tuple while the port is free there. */
export function haveOneAddress(a: Way, b: Way): boolean {
  return a.kind === "gateway" && b.kind === "gateway" && a.gateway.egressIP === b.gateway.egressIP;
}

function viaGateway(egress: number, { gateways }: Pick<ReplayReport, "gateways">): Way {
  const { node, egressIP } = gateways[egress]!;
  return { kind: "gateway", gateway: { node, egressIP } };
}

/** `gw-a 203.0.113.10`, `passes (excluded)`, `dropped (no-egress-gateway)` */
export function wayName(way: Way): string {
  switch (way.kind) {
    case "gateway":
      return `${way.gateway.node} ${way.gateway.egressIP}`.trim();
    case "pass":
      return `passes (${way.reason})`;
    case "drop":
      return `dropped (${way.reason})`;
    case "lost":
      return `lost (${way.reason})`;
    case "unknown":
      return "of no pod";
  }
}

function withPort(address: string, port: number): string {
  if (port === 0) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
