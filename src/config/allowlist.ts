import { type AddressBytes, type Family, familyOf, formatAddress, type Prefix } from "../net/address.js";
import { AddressPool } from "./address-pool.js";
import { settlePools } from "./egress-pools.js";
import { failuresToReach } from "./reach.js";
import { Standings } from "./standing.js";
import { renderCsv, renderTextTable } from "./text-table.js";
import type { Endpoint, Policy, PolicyModel, PolicySetEntry } from "./types.js";

/** One source address that a firewall at the destination may see. */
export interface AllowlistRow {
  /** Traffic to this prefix, parts with a row of a longer prefix taken out; `other` = whatever no policy of these endpoints names. */
  readonly destination: string;
  readonly family: Family;
  readonly address: string;
  /** `egress`: an egress IP; `node`: the address of the endpoint's own node, because nothing is translated. */
  readonly via: "egress" | "node";
  readonly node: string | undefined;
  readonly zone: string | undefined;
  /** Policy that decides, undefined for `other`. */
  readonly policy: string | undefined;
  /** Fewest gateways that have to fail before this address shows; 0 = it shows in normal operation. */
  readonly failures: number;
  /** Endpoints that may show it. */
  readonly endpoints: number;
  readonly assumed: boolean;
  readonly why: string;
}

/** Source addresses that a firewall must allow, by policy. */
export interface Allowlist {
  readonly rows: readonly AllowlistRow[];
  readonly failures: number;
  /** What the rows cannot say. */
  readonly notes: readonly string[];
}

const NO_POLICY = { name: undefined };

/**
 * Every source address that a selected endpoint can show to each destination while up to `failures` gateways are down, whichever they are.
 * Gateways of a CiliumEgressGatewayPolicy never fail over, so failures add nothing there; but which of them a pod gets hangs on its UID, so
 * all count.
 * @param failures 0 … 64
 */
export function allowlist(model: PolicyModel, failures: number): Allowlist {
  const builder = new AllowlistBuilder(model, failures);
  for (const endpoint of model.endpoints)
    if (endpoint.toNs === undefined && endpoint.policySet >= 0) builder.add(endpoint);
  return { rows: builder.rows(), failures, notes: builder.notes() };
}

interface RowDraft extends Omit<AllowlistRow, "endpoints" | "failures"> {
  failures: number;
  readonly endpoints: Set<Endpoint>;
}

class AllowlistBuilder {
  readonly #model: PolicyModel;
  readonly #failures: number;
  readonly #standings: Standings;
  readonly #rows = new Map<string, RowDraft>();
  readonly #nodes: ReadonlyMap<string, PolicyModel["nodes"][number]>;
  readonly #pools: ReadonlyMap<Policy, readonly Prefix[]>;
  readonly #dropped = new Set<string>();
  readonly #nodeless = new Set<Endpoint>();
  /** Egresses of a policy with the failures that they take to show, by zone. */
  readonly #reach = new Map<string, ReadonlyMap<number, number>>();

  constructor(model: PolicyModel, failures: number) {
    this.#model = model;
    this.#failures = failures;
    this.#standings = new Standings(model);
    this.#nodes = new Map(model.nodes.map((node) => [node.name, node]));
    const { pools } = settlePools(model.policies);
    this.#pools = new Map(model.policies.map((policy, index) => [policy, pools[index]!]));
  }

  add(endpoint: Endpoint): void {
    const families = new Set(endpoint.addresses.map(familyOf));
    const { entries } = this.#model.policySets[endpoint.policySet]!;
    for (const entry of entries) {
      if (!families.has(entry.prefix.family)) continue;
      const policy = this.#model.policies[entry.policy]!;
      if (entry.excluded)
        this.#addNode(endpoint, entry.prefix.text, entry.prefix.family, policy, `excluded by ${policy.name}`);
      else this.#addEgresses(endpoint, entry, policy);
    }
    for (const family of families) {
      const coversAll = entries.some(
        ({ prefix }) => prefix.family === family && prefix.length === (family === 4 ? 96 : 0),
      );
      if (!coversAll) this.#addNode(endpoint, "other", family, NO_POLICY, "no policy selects it");
    }
  }

  #addNode(
    endpoint: Endpoint,
    destination: string,
    family: Family,
    policy: { readonly name: string | undefined },
    why: string,
  ): void {
    const node = endpoint.node === undefined ? undefined : this.#nodes.get(endpoint.node);
    const address = node?.internalIPs.find((internal) => familyOf(internal) === family);
    if (!node || !address) {
      this.#nodeless.add(endpoint);
      return;
    }
    const place = { destination, family, address, policy: policy.name, node: node.name, zone: node.zone };
    this.#note(endpoint, {
      ...place,
      via: "node",
      failures: 0,
      assumed: true,
      why: `${why}: masqueraded by its own node`,
    });
  }

  #addEgresses(endpoint: Endpoint, entry: PolicySetEntry, policy: Policy): void {
    const { family, text: destination } = entry.prefix;
    if (policy.egresses.length === 0)
      this.#dropped.add(`${policy.name}: no gateway, traffic to ${destination} is dropped`);
    for (const [index, failures] of this.#reachable(policy, endpoint)) {
      if (failures > this.#failures) continue;
      const { node, zone, assumed, egressIPv4, egressIPv6, claimsIPv4, claimsIPv6 } = this.#model.egresses[index]!;
      const address = family === 4 ? (egressIPv4 ?? claimsIPv4) : (egressIPv6 ?? claimsIPv6);
      if (!address) {
        if ((policy.egressCIDRs ?? []).length === 0) {
          this.#dropped.add(
            `${policy.name}: gateway ${node} has no egress IP, its traffic to ${destination} is dropped`,
          );
        }
        continue;
      }
      const isOwned = address === egressIPv4 || address === egressIPv6;
      const why = failures === 0 ? (isOwned ? "active gateway" : "takes the address over") : afterFailures(failures);
      this.#note(endpoint, {
        destination,
        family,
        address,
        via: "egress",
        node,
        zone,
        policy: policy.name,
        failures,
        assumed,
        why,
      });
    }
    this.#addPool(endpoint, destination, family, policy);
  }

  /** A gateway that comes in for another may be given any of the first addresses of the pool. */
  #addPool(endpoint: Endpoint, destination: string, family: Family, policy: Policy): void {
    const prefixes = this.#pools.get(policy)!;
    if (prefixes.length === 0) return;
    const reachable = [...this.#reachable(policy, endpoint)]
      .sort(([, a], [, b]) => a - b)
      .filter(([, failures]) => failures <= this.#failures);
    const pool = new AddressPool(prefixes, family);
    for (const [, failures] of reachable) {
      const address = pool.take();
      if (!address) return;
      const why = failures === 0 ? "given out of egressCIDRs" : `given out of egressCIDRs ${afterFailures(failures)}`;
      const owner = { node: undefined, zone: undefined, policy: policy.name };
      this.#note(endpoint, { destination, family, address, via: "egress", ...owner, failures, assumed: false, why });
    }
  }

  #note(endpoint: Endpoint, row: Omit<RowDraft, "endpoints" | "address"> & { readonly address: AddressBytes }): void {
    const address = formatAddress(row.address);
    const key = [row.destination, row.family, address, row.via, row.policy].join("\0");
    const known = this.#rows.get(key);
    if (!known) {
      this.#rows.set(key, { ...row, address, endpoints: new Set([endpoint]) });
      return;
    }
    known.endpoints.add(endpoint);
    known.failures = Math.min(known.failures, row.failures);
  }

  #reachable(policy: Policy, endpoint: Endpoint): ReadonlyMap<number, number> {
    const zone = (endpoint.node === undefined ? undefined : this.#nodes.get(endpoint.node))?.zone;
    const key = `${this.#model.policies.indexOf(policy)} ${zone}`;
    let reach = this.#reach.get(key);
    if (!reach) {
      reach = failuresToReach(this.#model, this.#standings, policy, zone);
      this.#reach.set(key, reach);
    }
    return reach;
  }

  rows(): AllowlistRow[] {
    const rows = [...this.#rows.values()].map(({ endpoints, ...row }) => ({ ...row, endpoints: endpoints.size }));
    const order = (row: AllowlistRow) =>
      [row.destination, row.policy ?? "", row.via, String(row.failures).padStart(3, "0"), row.address].join("\0");
    return rows.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  }

  notes(): string[] {
    const notes = [...this.#dropped].sort();
    if (this.#nodeless.size > 0) {
      notes.push(`${this.#nodeless.size} endpoints also show addresses of nodes that the manifests do not name`);
    }
    if (this.#rows.size > 0) {
      notes.push("a new pod shows the address of its own node until its policy is programmed");
      notes.push("node addresses are InternalIPs; a node that leaves by another device shows the address of that");
    }
    return notes;
  }
}

function afterFailures(failures: number): string {
  return failures === 1 ? "after 1 failure" : `after ${failures} failures`;
}

const HEADER = ["Destination", "Source IP", "Via", "Node", "Zone", "Policy", "Failures", "Endpoints", "Assumed", "Why"];

function cellsOf(row: AllowlistRow, none: string): string[] {
  const destination = row.destination === "other" ? `other IPv${row.family}` : row.destination;
  return [
    destination,
    row.address,
    row.via,
    row.node ?? none,
    row.zone ?? none,
    row.policy ?? none,
    String(row.failures),
    String(row.endpoints),
    row.assumed ? "yes" : "no",
    row.why,
  ];
}

/** The list as aligned text, notes below. */
export function renderAllowlistTable(list: Allowlist): string {
  const cells = list.rows.map((row) => cellsOf(row, "-"));
  const table = cells.length === 0 ? "No endpoint is selected by any policy.\n" : renderTextTable(HEADER, cells);
  const notes = list.notes.map((note) => `note: ${note}\n`).join("");
  return notes === "" ? table : `${table}\n${notes}`;
}

export function renderAllowlistCsv(list: Allowlist): string {
  return renderCsv(
    HEADER.map((title) => title.toLowerCase().replaceAll(" ", "_")),
    list.rows.map((row) => cellsOf(row, "")),
  );
}

export function renderAllowlistJson(list: Allowlist): string {
  return `${JSON.stringify({ schema: "sluicegate.io/allowlist/v1", ...list }, undefined, 2)}\n`;
}
