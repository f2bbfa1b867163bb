import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadManifests } from "../../../src/config/load.js";
import type { PolicyModel } from "../../../src/config/types.js";
import { decodeState, encodeState } from "../../../src/engine/state-file.js";
import { EgressError } from "../../../src/errors.js";
import { StateListing } from "../../../src/replay/list-state.js";
import type { ReplayOptions } from "../../../src/replay/options.js";
import { replay } from "../../../src/replay/replay.js";
import { decodeReplayState, encodeReplayState, type HostNotes } from "../../../src/replay/state.js";
import type { Dice } from "../../scenario-fuzz/dice.js";
import { pcap } from "../../support/capture-bytes.js";
import { ethernet, icmpEcho, ipv4, ipv6, tcp, udp } from "../../support/frames.js";
import { Finding } from "../finding.js";
import { mutateBytes, skeleton, smallerBytes } from "../mutate-bytes.js";
import type { Features, Target } from "../target.js";
import { dualStackModel, ENDPOINTS, ENDPOINTS6, REMOTES, REMOTES6 } from "../worlds.js";

const MAX_LENGTH = 1 << 20;
const CONNECTIONS = 64;
/** Frames before the state was saved; the same number follows after it was read. */
const FRAMES = 120;
const SHA_SIZE = 32;
/** One in so many states is gone on from, too. */
const REPLAY_EVERY = 3;

/** Saved states that somebody changed, with a right checksum or not: listed and gone on from, or refused. */
export class StatesTarget implements Target {
  readonly name = "states";
  units = 0;
  readonly #sources: readonly Source[];
  readonly #folder: string;
  readonly #seeds: Uint8Array[];

  private constructor(sources: readonly Source[], folder: string, seeds: Uint8Array[]) {
    this.#sources = sources;
    this.#folder = folder;
    this.#seeds = seeds;
  }

  static async start(): Promise<StatesTarget> {
    const folder = mkdtempSync(join(tmpdir(), "sluicegate-fuzz-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const both = join(folder, "both.pcap");
    writeFileSync(both, bothFamilies());
    const model = loadManifests(["pcaps/manifests"]);
    const sources = [
      { model, capture: "pcaps/web/in.pcap" },
      { model, capture: "pcaps/icmp/in.pcap" },
      { model: dualStackModel(), capture: both },
    ];
    const seeds: Uint8Array[] = [];
    for (const { model, capture } of sources) {
      const saveState = join(folder, "seed");
      await replay({ ...optionsFor(model), captures: [capture], toFrame: FRAMES, saveState });
      seeds.push(readFileSync(saveState));
    }
    return new StatesTarget(sources, folder, seeds);
  }

  seeds(): Uint8Array[] {
    return [...this.#seeds];
  }

  /** A change of one of its parts below all checksums, or of the file as it is. */
  mutate(base: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
    if (dice.chance(20)) return mutateBytes(base, other, dice, { maxLength: MAX_LENGTH });
    if (dice.chance(10))
      return signed(mutateBytes(base.subarray(0, -SHA_SIZE), other, dice, { maxLength: MAX_LENGTH }));
    try {
      return deepChange(base, dice);
    } catch (error) {
      if (error instanceof EgressError) return signed(base.subarray(0, -SHA_SIZE));
      throw error;
    }
  }

  async execute(input: Uint8Array): Promise<Features> {
    this.units++;
    const path = join(this.#folder, "state");
    writeFileSync(path, input);
    const features = [listed(path)];
    if (input.length % REPLAY_EVERY === 0) features.push(...(await this.#goOn(path)));
    return features;
  }

  smaller = smallerBytes;

  /** Of the seed that a state comes from, as far as it still says so; a state of another model is refused. */
  #sourceOf(path: string): Source {
    const isOf = (seed: Uint8Array) => Buffer.compare(policyIn(seed), policyIn(readFileSync(path))) === 0;
    try {
      return this.#sources[Math.max(0, this.#seeds.findIndex(isOf))];
    } catch (error) {
      if (error instanceof EgressError) return this.#sources[0];
      throw error;
    }
  }

  async #goOn(path: string): Promise<string[]> {
    const { model, capture } = this.#sourceOf(path);
    const part = { fromFrame: FRAMES + 1, toFrame: 2 * FRAMES, captures: [capture] };
    try {
      const { frames, reasons } = await replay({ ...optionsFor(model), ...part, loadState: path });
      const { read, pass, snat, reverse, drop, lost, skipped } = frames;
      if (!Number.isSafeInteger(read) || read < 0) throw new Finding("counters", `${read} frames read`);
      return [
        `went on ${[pass, snat, reverse, drop, lost, skipped].map((count) => count > 0)}`,
        ...Object.keys(reasons),
      ];
    } catch (error) {
      if (error instanceof EgressError) return [skeleton(error.message)];
      throw error;
    }
  }
}

/** What a seed was saved of, and what goes on after it. */
interface Source {
  readonly model: PolicyModel;
  readonly capture: string;
}

function policyIn(state: Uint8Array): Uint8Array {
  return decodeReplayState(state).blob;
}

/** A capture of what pods of the dual-stack model send and what the outside answers to their own addresses, again and again. */
function bothFamilies(): Uint8Array {
  const packets = [...Array(4).keys()].flatMap((round) =>
    ENDPOINTS6.flatMap((src, i) =>
      REMOTES6.flatMap((dst, j) => {
        const ports = { srcPort: 40_000 + j, dstPort: 443 };
        const back = { srcPort: 443, dstPort: ports.srcPort };
        return [
          ipv6({ src, dst }, tcp({ ...ports, flags: round === 0 ? "SYN" : "ACK" })),
          ipv6({ src: dst, dst: src }, tcp({ ...back, flags: round === 0 ? "SYN ACK" : "ACK" })),
          ipv6({ src, dst }, icmpEcho({ id: 7 + j })),
          ipv4({ src: ENDPOINTS[i], dst: REMOTES[j] }, udp(ports)),
          ipv4({ src: REMOTES[j], dst: ENDPOINTS[i] }, udp(back)),
        ];
      }),
    ),
  );
  return pcap(packets.map((packet, i) => ({ frame: ethernet(packet), seconds: 1_790_000_000 + (i >> 4) })));
}

function optionsFor(model: PolicyModel): Omit<ReplayOptions, "captures"> {
  return { model, connections: CONNECTIONS, verify: false, allowNoMatch: true };
}

function listed(path: string): string {
  try {
    const listing = StateListing.read(path);
    const rows = [[...listing.nat()], [...listing.ct()], [...listing.egress()], [...listing.gateways()]];
    return `listed ${rows.map(({ length }) => Math.min(length, 4))}`;
  } catch (error) {
    if (error instanceof EgressError) return skeleton(error.message);
    throw error;
  }
}

/** Words of the engine's tables, or of the host's, changed; the rest is as it was, and every checksum is right. */
function deepChange(file: Uint8Array, dice: Dice): Uint8Array {
  const state = decodeReplayState(file);
  if (dice.chance(25)) return encodeReplayState({ ...state, notes: changedLeaf(state.notes, dice) as HostNotes });
  if (dice.chance(25)) return encodeReplayState({ ...state, kept: scattered(state.kept, dice) });
  if (dice.chance(10)) return encodeReplayState({ ...state, blob: scattered(state.blob, dice) });
  const saved = decodeState(state.engine, MAX_LENGTH);
  return encodeReplayState({ ...state, engine: encodeState(scattered(saved.region, dice), saved) });
}

const ODD_LEAVES = [undefined, null, -1, 0, 1, 0.5, 479, 2 ** 53, "", "0", "99999999999999999999", "x", [], {}, true];

/** The same value of JSON with something else in one place. */
function changedLeaf(value: unknown, dice: Dice): unknown {
  if (typeof value !== "object" || value === null || dice.chance(5)) return dice.pick(ODD_LEAVES);
  const keys = Object.keys(value);
  if (keys.length === 0) return dice.pick(ODD_LEAVES);
  const key = dice.pick(keys);
  const changed = changedLeaf((value as Record<string, unknown>)[key], dice);
  return Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed };
}

/** Some words changed, mostly ones that say something. */
function scattered(bytes: Uint8Array, dice: Dice): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (let left = dice.int(1, 8); left > 0; left--) {
    let at = 0;
    for (let tries = 0; tries < 200; tries++) {
      at = dice.int(0, (copy.length >> 2) - 1) * 4;
      if (view.getUint32(at, true) !== 0) break;
    }
    const before = view.getUint32(at, true);
    const roll = dice.int(0, 2);
    if (roll === 0) view.setUint32(at, dice.pick([0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff]), true);
    else view.setUint32(at, roll === 1 ? before ^ (1 << dice.int(0, 31)) : before + 1, true);
  }
  return copy;
}

function signed(body: Uint8Array): Uint8Array {
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}
