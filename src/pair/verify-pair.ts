import type { PolicyModel } from "../config/types.js";
import { destinationAddress } from "../net/decode.js";
import { addressKey, mappedAddressKey } from "../net/tuple.js";
import { PolicyInterpreter } from "../verify/interpreter.js";
import type { VerificationResult } from "../verify/types.js";
import { Verifier } from "../verify/verifier.js";
import { CandidateIndex } from "./candidates.js";
import { type Direction, insideKey, type Kept, type PairKeys, pairKeys } from "./frame.js";
import { type SeenMapping, seenMapping } from "./mapping.js";
import { type Arrival, type FrameSource, mergeCaptures } from "./merge.js";
import { completed, cutTo, distance, isSound, overlap } from "./overlap.js";

const LINKTYPE_RAW = 101;

/** How far apart two copies of one packet may be once the clocks agree. */
const WINDOW_NS = 2_000_000_000n;

/** Mappings remembered to tell candidates apart; the oldest go first. */
const MAX_MAPPINGS = 1 << 18;

/** How two captures are compared. */
export interface PairOptions {
  /** Names of the two captures, for messages. */
  readonly beforeName: string;
  readonly afterName: string;
  /** Nanoseconds that the second capture's clock is ahead; estimated where left out. */
  readonly skewNs?: bigint;
  readonly maxMismatches?: number;
  /** Told of every packet that was seen on both sides under different addresses. */
  readonly onMapping?: (mapping: SeenMapping) => void;
}

/** What came of comparing two captures. */
export interface PairResult {
  /** Invariants over the paired frames; `framesChecked` counts comparisons, one per segment of a super-frame. */
  readonly verification: VerificationResult;
  /** Frames of the first capture with a partner, and of those the ones whose partners are cut otherwise. */
  readonly paired: number;
  readonly segmented: number;
  readonly unpairedBefore: number;
  /** Frames of the second capture with a gateway's or an endpoint's address and no partner. */
  readonly unpairedAfter: number;
  /** Frames with several partners that differ in their translation. */
  readonly ambiguous: number;
  /** Frames that were not looked at, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly skewNs: bigint;
  readonly isSkewEstimated: boolean;
}

/**
 * Judges another system's translation by two captures of the same traffic: one inside, with the endpoints' addresses, one on the
 * gateways' uplink. Memory holds four seconds of both and what the verifier remembers of connections.
 */
export async function verifyCapturePair(
  before: FrameSource,
  after: FrameSource,
  model: PolicyModel,
  options: PairOptions,
): Promise<PairResult> {
  const { skewNs, isEstimated, arrivals } = await mergeCaptures(before, after, options.skewNs);
  const pairing = new Pairing(model, options, skewNs);
  for await (const arrival of arrivals) pairing.take(arrival);
  return { ...pairing.finish(), skewNs, isSkewEstimated: isEstimated };
}

/** A frame of the first capture that waits until every partner can have come. */
interface Waiting {
  readonly kept: Kept;
  readonly direction: Direction;
}

class Pairing {
  readonly #model: PolicyModel;
  readonly #options: PairOptions;
  readonly #skewNs: bigint;
  readonly #policies: PolicyInterpreter;
  readonly #verifier: Verifier;
  readonly #index = new CandidateIndex();
  /** External inside-key by inside key of the connections paired last. */
  readonly #mappings = new Map<string, string>();
  readonly #egressByAddress = new Map<string, number[]>();
  readonly #skipped: Record<string, number> = {};
  #waiting: Waiting[] = [];
  #clockNs = 0n;
  #paired = 0;
  #segmented = 0;
  #unpairedBefore = 0;
  #unpairedAfter = 0;
  #ambiguous = 0;

  constructor(model: PolicyModel, options: PairOptions, skewNs: bigint) {
    this.#model = model;
    this.#skewNs = skewNs;
    this.#options = options;
    this.#policies = new PolicyInterpreter(model);
    const limit = options.maxMismatches === undefined ? {} : { maxMismatches: options.maxMismatches };
    this.#verifier = new Verifier(model, { natProfile: "cilium", foreign: true, resumed: true, ...limit });
    model.egresses.forEach((egress, index) => {
      for (const [address, family] of [
        [egress.egressIPv4, 4],
        [egress.egressIPv6, 6],
      ] as const) {
        if (!address) continue;
        const key = mappedAddressKey(address, family);
        this.#egressByAddress.set(key, [...(this.#egressByAddress.get(key) ?? []), index]);
      }
    });
  }

  take({ side, kept }: Arrival): void {
    if (!kept) return this.#skip(`${side}: not a readable IP packet`);
    if (side === "before") this.#takeBefore(kept);
    else this.#takeAfter(kept);
    if (kept.timeNs > this.#clockNs) this.#clockNs = kept.timeNs;
    this.#settle(this.#clockNs - WINDOW_NS);
    this.#index.expire(this.#clockNs - 2n * WINDOW_NS - 1n, (old) => this.#leave(old));
  }

  finish(): Omit<PairResult, "skewNs" | "isSkewEstimated"> {
    const end = this.#clockNs + 4n * WINDOW_NS;
    this.#settle(end);
    this.#index.expire(end, (old) => this.#leave(old));
    return {
      verification: this.#verifier.finish(),
      paired: this.#paired,
      segmented: this.#segmented,
      unpairedBefore: this.#unpairedBefore,
      unpairedAfter: this.#unpairedAfter,
      ambiguous: this.#ambiguous,
      skipped: this.#skipped,
    };
  }

  #takeBefore(kept: Kept): void {
    const { bytes, packet, timeNs } = kept;
    const sender = this.#policies.ownerOfKey(addressKey(bytes, packet.sourceAt, packet.family), timeNs);
    if (sender) {
      const { reason, selected } = this.#policies.decide(sender, destinationAddress(bytes, packet), packet.family);
      // Excluded and unselected frames may be seen on the uplink and must be untranslated there; the rest stays in the cluster.
      if (!selected && reason !== "excluded" && reason !== "no-policy") return this.#skip(`before: ${reason}`);
      this.#waiting.push({ kept, direction: "out" });
      return;
    }
    const receiver = this.#policies.ownerOfKey(addressKey(bytes, packet.destinationAt, packet.family), timeNs);
    if (receiver) this.#waiting.push({ kept, direction: "in" });
    else this.#skip("before: not of an endpoint");
  }

  #takeAfter(kept: Kept): void {
    const keys = new Map<Direction, PairKeys>();
    for (const direction of ["out", "in"] as const) keys.set(direction, pairKeys(kept, direction));
    this.#index.add(kept, keys);
  }

  /** Pairs and judges every waiting frame up to `timeNs`, in order. */
  #settle(timeNs: bigint): void {
    let done = 0;
    while (done < this.#waiting.length && this.#waiting[done]!.kept.timeNs <= timeNs)
      this.#pair(this.#waiting[done++]!);
    if (done > 0) this.#waiting = this.#waiting.slice(done);
  }

  #pair({ kept, direction }: Waiting): void {
    const keys = pairKeys(kept, direction);
    const inside = insideKey(kept, direction);
    for (const key of [keys.exact, keys.loose]) {
      const found = this.#choose(this.#index.find(key, kept.timeNs, WINDOW_NS), kept, direction, inside);
      if (found === "ambiguous") return void this.#ambiguous++;
      if (!found) continue;
      found.taken = true;
      return this.#judgeWhole(kept, found, direction, inside);
    }
    this.#pairWide(kept, direction, keys.wide, inside);
  }

  /** The nearest in time of the candidates, those of the connection's known mapping before others. */
  #choose(
    candidates: readonly Kept[],
    kept: Kept,
    direction: Direction,
    inside: string,
  ): Kept | "ambiguous" | undefined {
    const known = this.#mappings.get(inside);
    const ofMapping = candidates.filter((candidate) => insideKey(candidate, direction) === known);
    const rest = ofMapping.length > 0 ? ofMapping : candidates;
    const tuples = new Set(rest.map((candidate) => insideKey(candidate, direction)));
    if (tuples.size > 1) return "ambiguous";
    let nearest: Kept | undefined;
    for (const candidate of rest)
      if (!nearest || distance(candidate, kept) < distance(nearest, kept)) nearest = candidate;
    return nearest;
  }

  /** TCP: partners that were cut otherwise. Else: a partner of the same connection, length and identification whose content differs. */
  #pairWide(kept: Kept, direction: Direction, keys: readonly string[], inside: string): void {
    const known = this.#mappings.get(inside);
    const candidates = [...new Set(keys.flatMap((key) => this.#index.find(key, kept.timeNs, WINDOW_NS)))];
    if (kept.packet.kind !== "tcp") {
      const partner = candidates.find((candidate) => insideKey(candidate, direction) === known);
      if (!partner || kept.packet.fragmentId === 0) return void this.#unpairedBefore++;
      partner.taken = true;
      return this.#judgeWhole(kept, partner, direction, inside);
    }
    const overlapping = candidates.filter((candidate) => overlap(kept, candidate) !== undefined);
    const ofMapping = overlapping.filter((candidate) => insideKey(candidate, direction) === known);
    const partners = ofMapping.length > 0 ? ofMapping : overlapping;
    if (new Set(partners.map((partner) => insideKey(partner, direction))).size > 1) return void this.#ambiguous++;
    if (partners.length === 0) return void this.#unpairedBefore++;
    this.#paired++;
    this.#segmented++;
    for (const partner of partners) this.#judgeSegment(kept, partner, direction, inside);
  }

  #judgeWhole(kept: Kept, partner: Kept, direction: Direction, inside: string): void {
    this.#paired++;
    // A checksum left to the network card inside is complete outside, and the other way round for replies.
    const [a, b] = [completed(kept, partner), completed(partner, kept)];
    const length = kept.packet.length === partner.packet.length ? Math.min(a.length, b.length) : undefined;
    this.#observe(
      kept,
      partner,
      direction,
      inside,
      length === undefined ? a : a.subarray(0, length),
      length === undefined ? b : b.subarray(0, length),
    );
  }

  #judgeSegment(kept: Kept, partner: Kept, direction: Direction, inside: string): void {
    const common = overlap(kept, partner);
    if (!common) return;
    if (!isSound(kept) || !isSound(partner)) {
      partner.paired = true;
      return this.#skip("super-frame with a wrong or uncaptured checksum");
    }
    const a = cutTo(kept, common.fromKept, common.length, partner);
    const b = cutTo(partner, common.fromPartner, common.length, kept);
    this.#observe(kept, partner, direction, inside, a, b);
  }

  /** Lets the verifier judge one pair. Inside is what an endpoint sends or receives, whichever way the frame went. */
  #observe(kept: Kept, partner: Kept, direction: Direction, inside: string, a: Uint8Array, b: Uint8Array): void {
    partner.paired = true;
    this.#remember(inside, insideKey(partner, direction));
    const isOut = direction === "out";
    const { family } = kept.packet;
    const end = isOut ? (family === 4 ? 12 : 8) : family === 4 ? 16 : 24;
    const isTranslated = addressKey(a, end, family) !== addressKey(b, end, family);
    const mapping =
      isTranslated && this.#options.onMapping ? seenMapping(kept, partner, direction, this.#skewNs) : undefined;
    if (mapping) this.#options.onMapping?.(mapping);
    this.#verifier.observe({
      frame: kept.frame,
      capture: `${this.#options.beforeName} (${this.#options.afterName} frame ${partner.frame})`,
      timeNs: kept.timeNs,
      linkType: LINKTYPE_RAW,
      hook: isOut ? "from-endpoint" : "from-network",
      captured: isTranslated ? a : b,
      given: isOut ? a : b,
      result: isTranslated ? (isOut ? b : a) : isOut ? a : b,
      wireLength: Math.max(a.length, kept.packet.length),
      action: isTranslated ? (isOut ? "snat" : "reverse") : "pass",
      reason: "",
      egress: isOut && isTranslated ? this.#egressOf(kept, addressKey(b, end, family)) : -1,
      view: "network",
      remapped: "",
    });
  }

  /** The egress whose address the frame left with: of several nodes with one address the first that the policy permits. */
  #egressOf(kept: Kept, address: string): number {
    const { bytes, packet, timeNs } = kept;
    const indexes = this.#egressByAddress.get(address) ?? [];
    const sender = this.#policies.ownerOfKey(addressKey(bytes, packet.sourceAt, packet.family), timeNs);
    const decision = sender && this.#policies.decide(sender, destinationAddress(bytes, packet), packet.family);
    const permitted = this.#model.policies[decision?.policy ?? -1]?.egresses ?? [];
    return indexes.find((index) => permitted.includes(index)) ?? indexes[0] ?? -1;
  }

  #remember(inside: string, external: string): void {
    this.#mappings.delete(inside);
    this.#mappings.set(inside, external);
    if (this.#mappings.size <= MAX_MAPPINGS) return;
    for (const oldest of this.#mappings.keys()) {
      this.#mappings.delete(oldest);
      return;
    }
  }

  #leave({ bytes, packet, paired, timeNs }: Kept): void {
    if (paired) return;
    const addresses = [packet.sourceAt, packet.destinationAt].map((at) => addressKey(bytes, at, packet.family));
    const concerns = addresses.some((key) => this.#egressByAddress.has(key) || this.#policies.ownerOfKey(key, timeNs));
    if (concerns) this.#unpairedAfter++;
    else this.#skip("after: not of a gateway or an endpoint");
  }

  #skip(reason: string): void {
    this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1;
  }
}
