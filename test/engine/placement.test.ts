import { describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.js";
import { ethernet, ipv4, udp } from "../support/frames.js";
import { run, startEngine, type TestFrame } from "./harness.js";
import { egress, endpoint, model, policy, policySet } from "./model.js";

const NAMES = ["gw-a", "gw-b", "gw-c", "gw-d"];

function fourGateways(kind: "CiliumEgressGatewayPolicy" | "IsovalentEgressGatewayPolicy") {
  return model({
    egresses: NAMES.map((name, i) => egress(name, `203.0.113.${i + 1}`)),
    policies: [policy("p", [0, 1, 2, 3], { kind })],
    policySets: [policySet({ "0.0.0.0/0": 0 })],
    endpoints: [
      endpoint("e", ["10.0.1.7"], { uid: "00000000-0000-0000-0000-000000000001" }),
      endpoint("f", ["10.0.1.8"], { uid: "00000000-0000-0000-0000-000000000002" }),
    ],
  });
}

function frames(count: number, src = "10.0.1.7", atNs = 0n): TestFrame[] {
  return Array.from({ length: count }, (_, i) => {
    const packet = ipv4({ src, dst: "198.51.100.1" }, udp({ srcPort: 20_000 + i, dstPort: 53 }));
    return { hook: "from-endpoint", bytes: ethernet(packet), atNs };
  });
}

function egresses(engine: Engine, list: readonly TestFrame[]): number[] {
  return run(engine, list).map(({ action, egress: index }) => {
    expect(action).toBe("snat");
    return index;
  });
}

function shares(chosen: readonly number[]): number[] {
  return NAMES.map((_, i) => chosen.filter((index) => index === i).length / chosen.length);
}

describe("connections of one endpoint to one remote over four gateways", () => {
  const sizes = { connections: 16_384 };

  test("100: each gateway gets some, and each connection keeps its own", async () => {
    const engine = await startEngine(fourGateways("IsovalentEgressGatewayPolicy"), sizes);
    const chosen = egresses(engine, frames(100));
    expect(shares(chosen).every((share) => share > 0)).toBe(true);
    expect(egresses(engine, frames(100))).toEqual(chosen);
  });

  test("10,000: each gateway gets 25 % ± 2 points", async () => {
    const engine = await startEngine(fourGateways("IsovalentEgressGatewayPolicy"), sizes);
    for (const share of shares(egresses(engine, frames(10_000)))) expect(Math.abs(share - 0.25)).toBeLessThan(0.02);
  });

  test("when one goes down only its own connections move; when it comes back none does", async () => {
    const engine = await startEngine(fourGateways("IsovalentEgressGatewayPolicy"), sizes);
    const before = egresses(engine, frames(4000));
    engine.setGateway(2, "down");
    const during = egresses(engine, frames(4000));
    expect(during.every((index, i) => index !== 2 && (before[i] === 2 || index === before[i]))).toBe(true);
    expect(engine.counters().rebound).toBe(before.filter((index) => index === 2).length);
    engine.setGateway(2, "active");
    expect(egresses(engine, frames(4000))).toEqual(during);
  });

  test("a gateway that is healthy but not active keeps what it has and gets nothing new", async () => {
    const engine = await startEngine(fourGateways("IsovalentEgressGatewayPolicy"), sizes);
    const before = egresses(engine, frames(400));
    engine.setGateway(1, "healthy");
    expect(egresses(engine, frames(400))).toEqual(before);
    expect(egresses(engine, frames(400, "10.0.1.8"))).not.toContain(1);
  });
});

describe("connections under a CiliumEgressGatewayPolicy", () => {
  test("of one endpoint all use member FNV-1a-32(UID) mod 4, and go on to a dead gateway", async () => {
    const engine = await startEngine(fourGateways("CiliumEgressGatewayPolicy"));
    expect(new Set(egresses(engine, frames(50)))).toEqual(new Set([0xbd478d3e % 4]));
    expect(new Set(egresses(engine, frames(50, "10.0.1.8")))).toEqual(new Set([0xbc478bab % 4]));
    engine.setGateway(0xbd478d3e % 4, "down");
    expect(new Set(egresses(engine, frames(50)))).toEqual(new Set([0xbd478d3e % 4]));
  });
});

test("a jump of virtual time past the coarse clock's range expires everything", async () => {
  const engine = await startEngine(fourGateways("IsovalentEgressGatewayPolicy"));
  const years = 100n * 365n * 86_400n * 1_000_000_000n;
  egresses(engine, frames(100));
  expect(engine.counters().live).toBe(100);
  egresses(engine, frames(1, "10.0.1.8", years));
  engine.advance(0, 0);
  expect(engine.counters()).toMatchObject({ live: 1, expired: 100 });
});
