import * as layout from "../../assembly/outside/layout.js";

/** How large the outside simulator's tables are. */
export interface OutsideSizes {
  /** Frames of one piece of a capture. */
  readonly pieceFrames: number;
  /** Connections that the engine is configured for. */
  readonly connections: number;
  /** Whether connections may be IPv6 at all. */
  readonly hasIpv6: boolean;
  readonly addresses: number;
  readonly spans: number;
  readonly changes: number;
  readonly interfaces: number;
  readonly filterInstructions: number;
  /** Nodes that have a number. */
  readonly nodes: number;
  /** Egresses that the engine has room for. */
  readonly egresses: number;
  /** Bytes of the arena that frames lie in; a copy of frames as given to the engine is kept where `keepsGiven`. */
  readonly arenaSize: number;
  readonly keepsGiven: boolean;
  /** Buffers of output files that lie in the region, so that copying to them makes no JavaScript object. */
  readonly outputBuffers: number;
  readonly outputBufferSize: number;
}

/** Places in the host region, as offsets from its start. */
export interface HostRegion {
  readonly size: number;
  /** The part that a saved state keeps: control block, mappings, the IPv6 addresses that they name, ports of fragments. */
  readonly keptSize: number;
  readonly mappings: number;
  readonly mappingSlots: number;
  /** IPv6 addresses of mappings, by number. */
  readonly wide: number;
  readonly wideSlots: number;
  /** Ports of fragmented replies. */
  readonly fragments: number;
  readonly addresses: number;
  readonly addressSlots: number;
  readonly shortAddresses: number;
  readonly spans: number;
  readonly changes: number;
  readonly interfaces: number;
  readonly columns: readonly number[];
  readonly parsed: number;
  readonly pending: number;
  readonly stamps: number;
  readonly copies: number;
  readonly copySlots: number;
  readonly events: number;
  readonly filter: number;
  readonly nodes: number;
  readonly egressNodes: number;
  readonly deadAddresses: number;
  readonly row: number;
  readonly given: number;
  /** The arena as it was before the engine saw it. */
  readonly captured: number;
  readonly outputs: readonly number[];
}

/** Bytes of one value of each column, by COLUMN_*. */
const COLUMN_WIDTHS = [4, 4, 4, 4, 4, 4, 1, 1, 2, 1, 1, 2, 2, 2, 2, 4, 4, 4] as const;
/** Copies of one packet lie within 20 ms: room for that long a stretch of a fast capture. */
const COPY_SLOTS = 1 << 15;
const MIN_MAPPING_SLOTS = 1 << 10;
/** Several batches full of addresses that nobody has seen before. */
const MIN_WIDE_SLOTS = 1 << 16;

/** Lays the region out; a pure function of the sizes, so that a saved state fits into it again. */
export function planHostRegion(sizes: OutsideSizes): HostRegion {
  let size = layout.CONTROL_SIZE;
  const take = (bytes: number) => {
    const at = Math.ceil(size / 64) * 64;
    size = at + bytes;
    return at;
  };
  const mappingSlots = powerOfTwo(Math.max(MIN_MAPPING_SLOTS, sizes.connections * 2));
  const mappings = take(mappingSlots * layout.MAPPING_SIZE);
  const wideSlots = sizes.hasIpv6 ? Math.max(MIN_WIDE_SLOTS, mappingSlots * 2) : 64;
  const wide = take(wideSlots * layout.WIDE_SIZE);
  const fragments = take(layout.FRAGMENT_SLOTS * layout.FRAGMENT_SIZE);
  const keptSize = size;
  const addressSlots = powerOfTwo(sizes.addresses * 2 + 2);
  return {
    mappings,
    mappingSlots,
    wide,
    wideSlots,
    fragments,
    keptSize,
    addressSlots,
    copySlots: COPY_SLOTS,
    addresses: take(addressSlots * layout.ADDRESS_SIZE),
    shortAddresses: take(addressSlots * layout.SHORT_SIZE),
    spans: take(sizes.spans * layout.SPAN_SIZE),
    changes: take(sizes.changes * 8),
    interfaces: take(sizes.interfaces * layout.INTERFACE_SIZE),
    columns: COLUMN_WIDTHS.map((width) => take(sizes.pieceFrames * width)),
    parsed: take(layout.PARSED_SIZE),
    pending: take(layout.MAX_BATCH * layout.PENDING_SIZE),
    stamps: take(layout.STAMP_COUNT * 4),
    copies: take(COPY_SLOTS * layout.COPY_SIZE),
    events: take(layout.EVENT_COUNT * layout.EVENT_SIZE),
    filter: take(sizes.filterInstructions * layout.FILTER_SIZE),
    nodes: take(sizes.nodes * layout.NODE_SIZE),
    egressNodes: take(sizes.egresses * 2),
    // An egress has an address of either family.
    deadAddresses: take(sizes.egresses * 2 * layout.DEAD_SIZE),
    row: take(layout.ADDRESS_SIZE),
    given: sizes.keepsGiven ? take(sizes.arenaSize) : 0,
    captured: sizes.keepsGiven ? take(sizes.arenaSize) : 0,
    outputs: Array.from({ length: sizes.outputBuffers }, () => take(sizes.outputBufferSize)),
    // Evaluated last: `take` has moved it to the end.
    get size() {
      return size;
    },
  };
}

function powerOfTwo(atLeast: number): number {
  let value = 1;
  while (value < atLeast) value *= 2;
  return value;
}
