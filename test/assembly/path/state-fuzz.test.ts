import { expect, it } from "vitest";
import * as abi from "../../../assembly/abi.js";
import { compilePolicy } from "../../../src/engine/blob.js";

import { createEngine, type Engine } from "../../../src/engine/engine.js";
import { configFor } from "../../../src/engine/sizing.js";
import { decodeState, encodeState } from "../../../src/engine/state-file.js";
import { EngineError } from "../../../src/errors.js";
import { withSettings } from "../../engine/model.js";
import { concat, ethernet, icmpEcho, ipv4, ipv4FragmentsOf, patterned, tcp, udp } from "../../support/frames.js";
import { EGRESS_IPS, ENDPOINT, OTHER_ENDPOINT, REMOTE, UNSELECTED, world } from "./worlds.js";

let seed = 1;
function rnd(n: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 4294967296) * n);
}
const pick = <T>(list: readonly T[]): T => list[rnd(list.length)];
const FLAGS = ["SYN", "SYN ACK", "ACK", "FIN ACK", "RST", "FIN SYN RST"];
const M = withSettings(world(2), { low: 2000, high: 2399 });

function packet(out: boolean): Uint8Array {
  const port = rnd(3) ? 2000 + rnd(420) : rnd(65536);
  const remotePort = pick([53, 80]);
  const ports = out ? { srcPort: port, dstPort: remotePort } : { srcPort: remotePort, dstPort: port };
  const l4 = pick([
    tcp({ ...ports, flags: pick(FLAGS) }),
    udp(ports),
    udp(ports),
    icmpEcho({ id: rnd(4) ? port : 0, reply: rnd(2) === 0 }),
  ]);
  const inside = pick([ENDPOINT, OTHER_ENDPOINT, UNSELECTED]);
  const src = out ? inside : REMOTE;
  const dst = out ? REMOTE : rnd(5) ? pick(EGRESS_IPS) : inside;
  const p = ipv4({ src, dst, ttl: rnd(9) ? 64 : 1 }, l4);
  if (rnd(4) === 0) {
    const whole = ipv4({ src, dst, id: rnd(6) }, udp({ ...ports, payload: patterned(72) }));
    return pick(
      ipv4FragmentsOf(
        whole,
        pick([
          [24, 24],
          [8, 40],
          [40, 16],
          [24, 32],
        ]),
      ),
    );
  }
  if (rnd(6) === 0) {
    const inner = ipv4({ src: dst, dst: src }, l4).slice();
    const a = out ? { src: inside, dst: REMOTE } : { src: REMOTE, dst };
    return ipv4(a, { protocol: () => 1, bytes: () => concat(Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0), inner) });
  }
  return p;
}
let time = 1_790_000_000_000_000_000n;
function batch(engine: Engine): void {
  const n = 1 + rnd(60);
  let at = rnd(16);
  for (let i = 0; i < n; i++) {
    const hook = 1 + rnd(2);
    const f = ethernet(packet(hook === 1));
    if (rnd(4) === 0) for (let k = 0; k < 3; k++) f[rnd(f.length)] = rnd(256);
    const captured = rnd(8) ? f.length : rnd(f.length + 1);
    if (rnd(10) === 0) at = Math.max(0, at - rnd(40));
    if (rnd(20) === 0) at = engine.arena.length - captured;
    if (at + captured > engine.arena.length) at = 0;
    engine.arena.set(f.subarray(0, captured), at);
    time += BigInt(rnd(100) ? rnd(2_000_000_000) : rnd(2) ? 3_000_000_000_000_000 : 100_000_000_000);
    if (time >= 1n << 64n) time = 1n;
    engine.setFrame(
      i,
      at,
      captured,
      rnd(9) ? f.length : rnd(0xffffffff),
      hook,
      rnd(9) ? 1 : 1 + rnd(6),
      rnd(9) ? 0 : rnd(16),
      Number(time & 0xffffffffn),
      Number(time >> 32n),
    );
    at += captured;
  }
  held += engine.process(n) < n ? 1 : 0;
  if (rnd(3)) engine.takeReleased();
}

/** Batches that ended because fragments were released. */
let held = 0;

/** Now and then something about the gateways changes. */
function disturb(engine: Engine, oneIn: number): void {
  if (rnd(oneIn) === 0) engine.setGateway(rnd(2), pick(["down", "healthy", "active"] as const));
  if (rnd(oneIn) === 0) engine.setReachable(rnd(2), rnd(2) === 0);
  if (rnd(oneIn) === 0) engine.nodeLost(rnd(3));
  if (rnd(oneIn) === 0) engine.setActive(0, rnd(2), pick([[], [0], [1], [0, 1]]));
}

it("forged states, frames and reloads never trap nor write outside the state", async () => {
  let accepted = 0;
  const blob = compilePolicy(M, { natProfile: "cilium" });
  for (let round = 0; round < 60; round++) {
    seed = round * 7919 + 3;
    time = 1_790_000_000_000_000_000n;
    const config = configFor(M, {
      connections: pick([16, 64, 1024]),
      arenaSize: 8192,
      maxBatch: 64,
      bitmaps: rnd(3),
      fragments: pick([0, 1, 8]),
      hostSize: 64,
      natProfile: pick(["cilium", "rfc"] as const),
    });
    const engine = await createEngine(config);
    engine.host.fill(0x5a);
    engine.loadPolicy(blob);
    for (let i = 0; i < 20; i++) batch(engine);
    const state = decodeState(engine.saveState());
    for (let k = rnd(30); k > 0; k--) {
      const where = rnd(4);
      if (where === 0) state.region[rnd(128)] = rnd(256);
      else if (where === 1) {
        // a field of a used line
        const slots = [];
        const { at, size } = state.conntrack;
        for (let i = at; i < at + size; i += 64) if (state.region[i + abi.LINE_HOOK_AT]) slots.push(i);
        if (slots.length)
          state.region[pick(slots) + pick([0, 4, 8, 12, 14, 15, 20, 21, 23, 24, 28, 32, 38, 60, 61])] = rnd(256);
      } else
        state.region[
          state.conntrack.at +
            state.conntrack.size +
            rnd(state.region.length - state.conntrack.at - state.conntrack.size)
        ] = rnd(256);
    }
    try {
      engine.loadState(encodeState(state.region, state));
      accepted++;
    } catch (e) {
      if (!(e instanceof EngineError)) throw new Error(`round ${round}: trap in restore`);
      continue;
    }
    try {
      for (let i = 0; i < 30; i++) {
        batch(engine);
        if (rnd(10) === 0) engine.loadPolicy(blob);
        disturb(engine, 6);
      }
      engine.advance(Number(time & 0xffffffffn), Number((time >> 32n) + 100000n));
    } catch (e) {
      throw new Error(`round ${round}: ${String(e)}`);
    }
    if (!engine.host.every((b) => b === 0x5a)) throw new Error(`round ${round}: host region written`);
  }
  expect(accepted).toBeGreaterThan(10);
  expect(held).toBeGreaterThan(50);
}, 300_000);

let lost = 0;

it("without forging: counters, groups, bitmaps and lines agree after random traffic, reloads, health changes", async () => {
  const wide = compilePolicy(M, { natProfile: "cilium" });
  for (let round = 0; round < 25; round++) {
    seed = round * 104729 + 11;
    time = 1_790_000_000_000_000_000n;
    const natProfile = pick(["cilium", "rfc"] as const);
    const engine = await createEngine(
      configFor(M, {
        connections: pick([16, 64, 1024, 4096]),
        arenaSize: 8192,
        maxBatch: 64,
        bitmaps: rnd(4),
        natProfile,
      }),
    );
    engine.loadPolicy(wide);
    for (let i = 0; i < 80; i++) {
      batch(engine);
      if (rnd(12) === 0) engine.loadPolicy(wide);
      disturb(engine, 8);
    }
    const c = engine.counters();
    const t = engine.conntrack().lines;
    const v = new DataView(t.buffer, t.byteOffset, t.byteLength);
    let used = 0;
    let live = 0;
    const byEgress = [0, 0];
    const groups = new Map<string, number>();
    const keys = new Set<string>();
    for (let at = 0; at < t.length; at += 64) {
      if (!v.getUint8(at + abi.LINE_HOOK_AT)) continue;
      const flags = v.getUint8(at + abi.LINE_FLAGS_AT);
      used += flags & abi.LINE_FLAG_LOST ? 2 : 1;
      const key = Buffer.from(t.subarray(at, at + 14)).toString("hex");
      expect(keys.has(key), `round ${round} duplicate key`).toBe(false);
      keys.add(key);
      expect(v.getUint32(v.getUint32(at + 16, true) * 64 + 16, true)).toBe(at / 64);
      if (flags & abi.LINE_FLAG_TRANSLATED && flags & abi.LINE_FLAG_PRIMARY) {
        live++;
        lost += flags & abi.LINE_FLAG_LOST ? 1 : 0;
        byEgress[v.getUint16(at + abi.LINE_EGRESS_AT, true)]++;
      }
      if (flags & abi.LINE_FLAG_TRANSLATED && !(flags & abi.LINE_FLAG_PRIMARY)) {
        const g = `${v.getUint32(at + 4, true)}/${v.getUint32(at, true)}/${v.getUint16(at + 8, true)}/${v.getUint8(at + 12)}`;
        groups.set(g, (groups.get(g) ?? 0) + 1);
      }
    }
    expect(used, `round ${round}`).toBe(c.entries * 2);
    expect(live).toBe(c.live);
    expect(engine.egressStats().map((s) => s.live)).toEqual(byEgress);
    expect(c.opened).toBe(c.live + c.closed + c.expired + c.broken + c.rebound + c.removed);
    // group rows lie between conntrack and the bitmaps
    const region = engine.regionBytes(abi.REGION_STATE);
    const base = t.byteOffset - region.byteOffset + t.length;
    const n = engine.config.connections;
    const rows = n + (n >> 1) + 193;
    const rv = new DataView(region.buffer, region.byteOffset, region.byteLength);
    let found = 0;
    const bitmaps = new Set<number>();
    for (let i = 0; i < rows; i++) {
      const at = ((base + 63) & ~63) + i * 32;
      if (!rv.getUint8(at + 10)) continue;
      found++;
      const g = `${rv.getUint32(at, true)}/${rv.getUint32(at + 4, true)}/${rv.getUint16(at + 8, true)}/${rv.getUint8(at + 10)}`;
      expect(rv.getUint32(at + 12, true), `round ${round} group ${g}`).toBe(groups.get(g));
      const b = rv.getUint32(at + 16, true);
      if (b) {
        expect(bitmaps.has(b)).toBe(false);
        bitmaps.add(b);
      }
    }
    expect(found).toBe(groups.size);
  }
  // Connections whose gateway had lost their mapping were among them.
  expect(lost).toBeGreaterThan(10);
}, 300_000);
