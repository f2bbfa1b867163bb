import { expect, it } from "vitest";
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import { ethernet, icmpEcho, icmpMessage, ipv4, tcp, text, udp } from "../support/frames.js";
import { EXT, INSIDE, Nat, OTHER_INSIDE, OUTSIDE_ROUTER, type Outcome, REMOTE, randomNumbers } from "./rig.js";

/** Random traffic both ways over few tuples and minutes: mappings collide, close, expire and come back. */
function traffic(count: number): RigFrame[] {
  const random = randomNumbers(56);
  let atMs = 0;
  return Array.from({ length: count }, () => {
    atMs += random(4) === 0 ? random(40_000) : random(50);
    const own = 700 + random(12);
    const out = random(3) > 0;
    const flags = ["SYN", out ? "ACK" : "SYN ACK", "ACK", "FIN ACK", "RST"][random(5)];
    const src = random(2) ? INSIDE : OTHER_INSIDE;
    const guess = 1024 + random(64_512);
    const ports = out ? { srcPort: own, dstPort: 443 } : { srcPort: 443, dstPort: random(2) ? own : guess };
    const l4 = [
      tcp({ ...ports, flags }),
      udp({ ...ports, payload: text("x") }),
      icmpEcho({ id: own, reply: !out }),
      icmpMessage({
        type: 3,
        code: 4,
        word: 1400,
        inner: ipv4({ src: EXT, dst: REMOTE }, udp({ srcPort: guess, dstPort: 443 })),
      }),
    ][random(out ? 3 : 4)];
    const packet = out
      ? ipv4({ src, dst: REMOTE }, l4)
      : ipv4({ src: random(8) ? REMOTE : OUTSIDE_ROUTER, dst: EXT }, l4);
    return { hook: out ? "from-endpoint" : "from-network", frame: ethernet(packet), atMs };
  });
}

function digest(outcomes: readonly Outcome[]): string {
  return outcomes
    .map(({ frame, ...rest }) => `${JSON.stringify(rest)} ${Buffer.from(frame).toString("hex")}`)
    .join("\n");
}

it("T56 the same seed and packets give the same bytes twice, and other port seeds give other ports", async () => {
  const frames = traffic(2000);
  const run = async (portSeed: bigint) => {
    const nat = await Nat.start({ engine: { portSeed, connections: 256 } });
    const outcomes = nat.send(frames);
    nat.check();
    return digest(outcomes);
  };
  const first = await run(1n);
  expect(await run(1n)).toBe(first);
  expect(await run(2n)).not.toBe(first);
});

it("T56 split at any packet, with the state saved and loaded in between: byte for byte the same", async () => {
  const frames = traffic(80);
  const whole = await Nat.start({ engine: { connections: 64 } });
  const straight = digest(whole.send(frames));
  for (let cut = 0; cut <= frames.length; cut++) {
    const before = await Nat.start({ engine: { connections: 64 } });
    const first = before.rig.send(frames.slice(0, cut));
    const after = await Nat.start({ engine: { connections: 64 } });
    after.rig.engine.loadState(before.rig.engine.saveState());
    const rest = after.rig.send(frames.slice(cut));
    expect(digest([...first, ...rest])).toBe(straight);
    expect(after.counters).toEqual(whole.counters);
    expect(after.rig.engine.saveState()).toEqual(whole.rig.engine.saveState());
  }
});
