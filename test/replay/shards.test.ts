import { describe, expect, it } from "vitest";
import * as layout from "../../assembly/outside/layout.js";
import { deriveSeeds } from "../../src/engine/seeds.js";
import { resolveOptions, startMachine } from "../../src/replay/setup.js";
import { ethernet, icmpMessage, ipv4, ipv4FragmentsOf, ipv6, patterned, udp } from "../support/frames.js";
import { dualStack } from "./dual-stack.js";

const POD = "10.1.0.7";
const OTHER_POD = "10.1.0.8";
const POD6 = "fd00:1::7";
const ROUTER = "192.0.2.33";
const ROUTER6 = "2001:db8:77::1";
const COUNT = 4;
/** First address of a remote, and the share of four that it belongs to under the default seed. */
const VECTORS = [["198.51.100.1", 2]] as const;

/** Numbers of the share of `count` that each frame belongs to; every frame has to belong to exactly one. */
async function sharesOf(frames: readonly Uint8Array[], count = COUNT, seed = 1): Promise<number[]> {
  const model = await dualStack([POD, OTHER_POD, POD6]);
  const owners: number[][] = frames.map(() => []);
  for (let index = 0; index < count; index++) {
    const options = resolveOptions({ captures: ["-"], model, seed, verify: false, connections: 1024 });
    const { engine, outside, addresses } = await startMachine({ ...options, shard: { index, count } });
    outside.setAddresses(addresses);
    outside.setInterface(0, 1, layout.INTERFACE_FLAG_DECAPSULATE);
    let at = 0;
    frames.forEach((frame, i) => {
      engine.arena.set(frame, at);
      outside.columns.offset[i] = at;
      outside.columns.captured[i] = frame.length;
      outside.columns.wire[i] = frame.length;
      at += frame.length;
    });
    outside.classify(frames.length, 1);
    frames.forEach((_, i) => {
      if (outside.columns.action[i] !== layout.ACTION_ELSEWHERE) owners[i]!.push(index);
    });
  }
  expect(owners.map(({ length }) => length)).toEqual(frames.map(() => 1));
  return owners.map(([owner]) => owner!);
}

const datagram = udp({ srcPort: 4000, dstPort: 53, payload: patterned(40) });
const sent = (remote: string, from = POD) => ethernet(ipv4({ src: from, dst: remote }, datagram));
const received = (remote: string, to = POD) => ethernet(ipv4({ src: remote, dst: to }, datagram));

/** As the specification has it (assembly/outside/mix.ts, shard.ts), in plain arithmetic. */
function shareBy(remote: readonly number[], count: number): number {
  const mask = (1n << 64n) - 1n;
  const low64 = (value: bigint) => value & mask;
  const bytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...remote];
  const word = (from: number) => bytes.slice(from, from + 8).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const mix = (hash: bigint, value: bigint) => {
    const h = low64((hash ^ value) * 0x9e3779b97f4a7c15n);
    return h ^ (h >> 32n);
  };
  const hash = mix(mix(deriveSeeds(1, "rendezvous").tableSeed, word(0)), word(8));
  const sealed = low64((hash ^ (hash >> 29n)) * 0xbf58476d1ce4e5b9n);
  return Number((((sealed ^ (sealed >> 32n)) >> 32n) * BigInt(count)) >> 32n);
}

describe("the share that a frame belongs to", () => {
  it("is that of a keyed hash of its remote: test vectors", async () => {
    const remotes = VECTORS.map(([remote]) => remote);
    expect(remotes.map((remote) => shareBy(remote.split(".").map(Number), COUNT))).toEqual(VECTORS.map(([, n]) => n));
    expect(await sharesOf(remotes.map((remote) => sent(remote)))).toEqual(VECTORS.map(([, n]) => n));
  });

  it("is the same both ways, for every endpoint and port", async () => {
    const remote = "198.51.100.77";
    const other = ethernet(ipv4({ src: OTHER_POD, dst: remote }, udp({ srcPort: 9, dstPort: 10 })));
    const shares = await sharesOf([sent(remote), received(remote), other, received(remote, OTHER_POD)]);
    expect(new Set(shares).size).toBe(1);
  });

  it("divides many remotes evenly, and otherwise under another seed", async () => {
    const frames = Array.from({ length: 2000 }, (_, i) => sent(`198.18.${i >> 8}.${i & 255}`));
    const shares = await sharesOf(frames);
    for (let share = 0; share < COUNT; share++) {
      const size = shares.filter((one) => one === share).length;
      expect(size).toBeGreaterThan(400);
      expect(size).toBeLessThan(600);
    }
    expect(await sharesOf(frames, COUNT, 2)).not.toEqual(shares);
  });

  it("of an ICMP error is that of the remote whose packet it quotes, whoever sends it, either way", async () => {
    const remotes = Array.from({ length: 12 }, (_, i) => `198.51.100.${i + 1}`);
    const quote = (packet: Uint8Array) => icmpMessage({ type: 3, code: 4, word: 1280, inner: packet.subarray(0, 28) });
    const fromOutside = remotes.map((remote) =>
      ethernet(ipv4({ src: ROUTER, dst: POD }, quote(ipv4({ src: POD, dst: remote }, datagram)))),
    );
    const fromInside = remotes.map((remote) =>
      ethernet(ipv4({ src: POD, dst: remote }, quote(ipv4({ src: remote, dst: POD }, datagram)))),
    );
    const shares = await sharesOf(remotes.map((remote) => sent(remote)));
    expect(new Set(shares).size).toBeGreaterThan(1);
    expect(await sharesOf(fromOutside)).toEqual(shares);
    expect(await sharesOf(fromInside)).toEqual(shares);
  });

  it("of an ICMPv6 error is that of the remote whose packet it quotes", async () => {
    const remotes = Array.from({ length: 12 }, (_, i) => `2001:db8:99::${i + 1}`);
    const quoted = (remote: string) => ipv6({ src: POD6, dst: remote }, datagram);
    const errors = remotes.map((remote) =>
      ethernet(ipv6({ src: ROUTER6, dst: POD6 }, icmpMessage({ type: 2, code: 0, word: 1280, inner: quoted(remote) }))),
    );
    const shares = await sharesOf(remotes.map((remote) => ethernet(quoted(remote))));
    expect(new Set(shares).size).toBeGreaterThan(1);
    expect(await sharesOf(errors)).toEqual(shares);
  });

  it("is the same for all pieces of a datagram", async () => {
    for (let i = 1; i < 9; i++) {
      const packet = ipv4(
        { src: POD, dst: `198.51.100.${i}`, id: i },
        udp({ srcPort: 5, dstPort: 6, payload: patterned(3000) }),
      );
      const pieces = ipv4FragmentsOf(packet, [1200, 1200]).map((piece) => ethernet(piece));
      expect(new Set(await sharesOf(pieces)).size).toBe(1);
    }
  });

  it("is the first one between endpoints, and of what shows no addresses", async () => {
    const arp = ethernet(patterned(28), { etherType: 0x0806 });
    expect(await sharesOf([sent(OTHER_POD), received(OTHER_POD), arp, arp.subarray(0, 10)])).toEqual([0, 0, 0, 0]);
  });
});
