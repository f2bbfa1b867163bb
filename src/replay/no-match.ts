import * as layout from "../../assembly/outside/layout.js";
import type { PolicyModel } from "../config/types.js";
import { EgressError } from "../errors.js";
import { type AddressBytes, parseAddress, prefixContains } from "../net/address.js";
import type { KnownAddress } from "./known-addresses.js";

/** One of the busiest sources of a capture in which nothing was an endpoint's. */
export interface BusySource {
  readonly address: string;
  readonly frames: number;
  /** What the address is: `node`, `egress IP`, `overlay`, `endpoint at another time`, `podCIDR without a pod`, `unknown`. */
  readonly what: string;
}

/** No frame was of an endpoint: most likely manifests and captures do not belong together. */
export class NoMatchError extends EgressError {
  /** Busiest first, at most ten. */
  readonly sources: readonly BusySource[];
  readonly hint: string;

  constructor(sources: readonly BusySource[], framesRead: number) {
    const hint = hintFor(sources);
    const lines = sources.map(({ address, frames, what }) => `  ${address}  ${frames} frames  ${what}`);
    const list = lines.length > 0 ? `\nbusiest sources:\n${lines.join("\n")}` : "";
    super(
      "no-match",
      `none of ${framesRead} frames is sent or received by an endpoint of the manifests${list}\n${hint}`,
    );
    this.sources = sources;
    this.hint = hint;
  }
}

const LISTED = 10;
const MAX_COUNTED = 65_536;

/** Counts sources as long as nothing has matched: a bounded number of addresses. */
export class SourceCounts {
  readonly #counts = new Map<string, { frames: number; overlay: number }>();

  add(address: string, isOverlay: boolean): void {
    const row = this.#counts.get(address);
    if (row) {
      row.frames++;
      if (isOverlay) row.overlay++;
    } else if (this.#counts.size < MAX_COUNTED) {
      this.#counts.set(address, { frames: 1, overlay: isOverlay ? 1 : 0 });
    }
  }

  busiest(model: PolicyModel, addresses: ReadonlyMap<string, KnownAddress>): BusySource[] {
    return [...this.#counts]
      .sort(([a, x], [b, y]) => y.frames - x.frames || (a < b ? -1 : 1))
      .slice(0, LISTED)
      .map(([address, { frames, overlay }]) => ({
        address,
        frames,
        what: overlay * 2 > frames ? "overlay" : whatIs(address, model, addresses),
      }));
  }
}

function whatIs(text: string, model: PolicyModel, addresses: ReadonlyMap<string, KnownAddress>): string {
  const flags = addresses.get(text)?.flags ?? 0;
  if (flags & layout.ADDRESS_EGRESS) return "egress IP";
  if (flags & layout.ADDRESS_NODE) return "node";
  if (flags & layout.ADDRESS_ENDPOINT) return "endpoint at another time";
  const bytes = parseAddress(text);
  if (bytes && isInPodCidr(bytes, model)) return "podCIDR without a pod";
  return "unknown";
}

function isInPodCidr(bytes: AddressBytes, model: PolicyModel): boolean {
  return model.clusterPrefixes.some(({ why, prefix }) => why === "pod-cidr" && prefixContains(prefix, bytes));
}

function hintFor(sources: readonly BusySource[]): string {
  const first = sources.find(({ what }) => what !== "unknown")?.what;
  switch (first) {
    case "node":
    case "egress IP":
      return "These frames were translated before they were captured: capture on the pods' interfaces, or judge the translation with `sluicegate verify BEFORE AFTER`.";
    case "overlay":
      return "These are overlay packets: leave out --no-decap, and give manifests of the cluster whose nodes these are.";
    case "endpoint at another time":
      return "Pods own these addresses, but not at the time of the capture: collect manifests from that time, or use --ignore-ownership-times.";
    case "podCIDR without a pod":
      return "These are pod addresses that no pod of the manifests has: collect the manifests again, at the time of the capture.";
    default:
      return "Give manifests of the cluster that was captured (`sluicegate collect`), or start with `sluicegate init CAPTURE`; --allow-no-match goes on.";
  }
}
