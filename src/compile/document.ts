import { sha256 } from "#platform/hash.js";
import type { Egress, Policy, Timeouts } from "../config/types.js";
import { nodeTable, zoneTable } from "../engine/blob.js";
import { ABI_VERSION, BLOB_VERSION, GATEWAY_ACTIVE, GATEWAY_DOWN, GATEWAY_HEALTHY } from "../engine/codes.js";
import { type EngineConfig, encodeEngineConfig } from "../engine/engine-config.js";
import { type AddressBytes, formatAddress } from "../net/address.js";
import { hexOf } from "../net/bytes.js";
import type { CompiledPolicy } from "./compile.js";
import type { Opening } from "./opening.js";
import { type Needs, needsOf } from "./room.js";

/** One call of an exported function, with what it is for. */
export interface EngineCall {
  readonly function: "setGateway" | "setActive";
  /** 32 bits each, unsigned. */
  readonly arguments: readonly number[];
  /** For people. */
  readonly why: string;
}

/** What stands beside a compiled policy: everything that a host has to know about it. Indexes are those of verdicts and of the engine's functions. */
export interface PolicyDocument {
  readonly schema: "sluicegate.io/compiled-policy/v1";
  /** What `abiVersion()` has to return. */
  readonly abiVersion: number;
  readonly blobVersion: number;
  readonly blob: { readonly file: string; readonly bytes: number; readonly sha256: string };
  readonly configuration: {
    /** The bytes that `configure` reads, in hexadecimal: to be copied to `configAt()`. */
    readonly record: string;
    /** The same for people; seeds in hexadecimal. */
    readonly fields: Readonly<Record<string, number | string | boolean>>;
  };
  /** Rows and bytes that the policy takes of what is configured; `connections6` is 1 where it speaks of IPv6, 0 where it does not. */
  readonly needs: Needs & { readonly connections6: 0 | 1 };
  /** To be made in this order after each `loadPolicy` of the blob. */
  readonly calls: readonly EngineCall[];
  readonly nodes: readonly { readonly name: string; readonly address: string | null; readonly zone: number }[];
  /** Names by number; 0 stands for none. */
  readonly zones: readonly (string | null)[];
  readonly egresses: readonly {
    readonly node: number;
    readonly nodeName: string;
    readonly ipv4: string | null;
    readonly ipv6: string | null;
    readonly interface: string | null;
    /** The addresses are a guess, as the node's devices are not known. */
    readonly assumed: boolean;
  }[];
  readonly policies: readonly {
    readonly kind: Policy["kind"];
    readonly name: string;
    /** Egresses; bit i of a mask of `setActive` stands for the one at place i. */
    readonly members: readonly number[];
  }[];
  readonly settings: {
    readonly natProfile: string;
    readonly snatPorts: { readonly low: number; readonly high: number };
    readonly timeouts: Timeouts;
  };
}

/** Describes a compiled policy for hosts. @param file name of the blob's file, without folders: the document lies beside it */
export function policyDocument(compiled: CompiledPolicy, file: string): PolicyDocument {
  const { blob, config, opening, model } = compiled;
  const nodes = nodeTable(model);
  const zones = [null, ...zoneTable(model)];
  const numberOf = new Map(nodes.map(({ name }, index) => [name, index]));
  const { snatPorts, timeouts } = model.settings;
  return {
    schema: "sluicegate.io/compiled-policy/v1",
    abiVersion: ABI_VERSION,
    blobVersion: BLOB_VERSION,
    blob: { file, bytes: blob.length, sha256: hexOf(sha256(blob)) },
    configuration: { record: hexOf(encodeEngineConfig(config)), fields: fieldsOf(config) },
    needs: { ...needsOf(blob), connections6: config.connections6 === 0 ? 0 : 1 },
    calls: callsOf(
      opening,
      nodes.map(({ name }) => name),
      zones,
      model.policies,
    ),
    nodes: nodes.map(({ name, address, zone }) => ({
      name,
      address: textOf(address),
      zone: zone === undefined ? 0 : zones.indexOf(zone),
    })),
    zones,
    egresses: model.egresses.map((egress) => egressRow(egress, numberOf.get(egress.node)!)),
    policies: model.policies.map(({ kind, name, egresses }) => ({ kind, name, members: [...egresses] })),
    settings: { natProfile: config.natProfile, snatPorts: { ...snatPorts.value }, timeouts: { ...timeouts.value } },
  };
}

/** The document as the text of its file: two spaces, one newline at the end. */
export function documentText(document: PolicyDocument): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function fieldsOf(config: EngineConfig): Record<string, number | string | boolean> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      typeof value === "bigint" ? value.toString(16).padStart(16, "0") : value,
    ]),
  );
}

function egressRow(egress: Egress, node: number): PolicyDocument["egresses"][number] {
  return {
    node,
    nodeName: egress.node,
    ipv4: textOf(egress.egressIPv4),
    ipv6: textOf(egress.egressIPv6),
    interface: egress.interfaceName ?? null,
    assumed: egress.assumed,
  };
}

const GATEWAY_STATES = { down: GATEWAY_DOWN, healthy: GATEWAY_HEALTHY, active: GATEWAY_ACTIVE } as const;
const GATEWAY_WORDS = { down: "is not healthy", healthy: "takes no new connections", active: "is active" } as const;

function callsOf(
  { gateways, active }: Opening,
  nodes: readonly string[],
  zones: readonly (string | null)[],
  policies: readonly Policy[],
): EngineCall[] {
  const states = gateways.map(
    ({ node, state }): EngineCall => ({
      function: "setGateway",
      arguments: [node, GATEWAY_STATES[state]],
      why: `${nodes[node]} ${GATEWAY_WORDS[state]}`,
    }),
  );
  const masks = active.map(({ policy, zone, members }): EngineCall => {
    const where = zones[zone] === null ? "without a zone" : `in ${zones[zone]}`;
    const { name, egresses } = policies[policy]!;
    return {
      function: "setActive",
      arguments: [policy, zone, maskOf(members, 0), maskOf(members, 32)],
      why: `${name}: ${members.length} of ${egresses.length} members for endpoints ${where}`,
    };
  });
  return [...states, ...masks];
}

/** The 32 bits of members `first` and up. */
function maskOf(members: readonly number[], first: number): number {
  return members
    .filter((member) => member >= first && member < first + 32)
    .reduce((mask, member) => mask + 2 ** (member - first), 0);
}

function textOf(address: AddressBytes | undefined): string | null {
  return address ? formatAddress(address) : null;
}
