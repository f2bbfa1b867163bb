import { describe, expect, it } from "vitest";
import {
  VERDICT_FLAG_CREATED,
  VERDICT_FLAG_POLICY_CHANGE,
  VERDICT_FLAG_REMAPPED,
  VERDICT_FLAG_RESTART,
} from "../../../assembly/abi.js";
import type { PolicyModel } from "../../../src/config/types.js";
import { compilePolicy, nodeTable, zoneTable } from "../../../src/engine/blob.js";
import { connections } from "../../../src/engine/conntrack.js";
import { endpoint, node, policySet } from "../../engine/model.js";
import { ethernet, icmpMessage, ipv4, type Layer4, tcp, udp } from "../../support/frames.js";
import { GatewayRig, type Outcome, type RigFrame } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, GATEWAYS, LOCAL_ENDPOINT, OTHER_ENDPOINT, REMOTE, world } from "./worlds.js";

const PORT = 40_000;
const SECOND = 1000;

function from(l4: Layer4, atMs = 0, src = ENDPOINT): RigFrame {
  return { hook: "from-endpoint", frame: ethernet(ipv4({ src, dst: REMOTE }, l4)), atMs };
}

function back(sent: Outcome, l4: Layer4, atMs = 0): RigFrame {
  return { hook: "from-network", frame: ethernet(ipv4({ src: REMOTE, dst: sent.egressIP }, l4)), atMs };
}

const syn = (port = PORT) => tcp({ srcPort: port, dstPort: 443, flags: "SYN" });
const ack = (port = PORT) => tcp({ srcPort: port, dstPort: 443, flags: "ACK" });
const synAck = (port: number) => tcp({ srcPort: 443, dstPort: port, flags: "SYN ACK" });
const query = (port = PORT) => udp({ srcPort: port, dstPort: 53 });

class Cluster {
  readonly model: PolicyModel;
  readonly rig: GatewayRig;

  private constructor(model: PolicyModel, rig: GatewayRig) {
    this.model = model;
    this.rig = rig;
  }

  static async start(model: PolicyModel): Promise<Cluster> {
    return new Cluster(model, await GatewayRig.start(model, { connections: 16_384 }));
  }

  node(name: string): number {
    return nodeTable(this.model).findIndex((row) => row.name === name);
  }

  /** The node dies: nobody has noticed. */
  kill(name: string): void {
    this.rig.engine.nodeLost(this.node(name));
    this.rig.engine.setReachable(this.node(name), false);
  }

  revive(name: string): void {
    this.rig.engine.setReachable(this.node(name), true);
  }
}

const gatewayOf = (outcome: Outcome) => GATEWAYS[EGRESS_IPS.indexOf(outcome.egressIP)]!;

describe("a gateway that has died", () => {
  it("loses the frames of its connections until it is found down, then they move, and break", async () => {
    const cluster = await Cluster.start(world(4));
    const opened = cluster.rig.one(from(syn()));
    cluster.kill(gatewayOf(opened));
    const lost = cluster.rig.one(from(ack(), 10));
    expect(lost).toMatchObject({ action: "drop", reason: "gateway-down", egress: opened.egress });
    expect(lost.frame).toEqual(from(ack()).frame);
    cluster.rig.engine.setGateway(cluster.node(gatewayOf(opened)), "down");
    const moved = cluster.rig.one(from(ack(), 20));
    expect(moved.action).toBe("snat");
    expect(moved.egressIP).not.toBe(opened.egressIP);
    expect(moved.flags & (VERDICT_FLAG_REMAPPED | VERDICT_FLAG_POLICY_CHANGE | VERDICT_FLAG_RESTART)).toBe(
      VERDICT_FLAG_REMAPPED,
    );
    expect(cluster.rig.engine.counters()).toMatchObject({ opened: 2, broken: 1, removed: 0, live: 1, entries: 1 });
  });

  it("that is found down loses its pins, those of silent connections too, whatever becomes of it before they speak again", async () => {
    const cluster = await Cluster.start(world(4));
    const opened = cluster.rig.one(from(syn()));
    const gateway = cluster.node(gatewayOf(opened));
    cluster.kill(gatewayOf(opened));
    cluster.rig.engine.setGateway(gateway, "down");
    cluster.revive(gatewayOf(opened));
    cluster.rig.engine.setGateway(gateway, "healthy");
    const moved = cluster.rig.one(from(ack(), 20));
    expect(moved.egressIP).not.toBe(opened.egressIP);
    cluster.rig.engine.setGateway(gateway, "active");
    expect(cluster.rig.one(from(ack(), 30)).egressIP).toBe(moved.egressIP);
  });

  it("gets no connection remembered whose first frame never arrived", async () => {
    const cluster = await Cluster.start(world(1));
    cluster.kill(GATEWAYS[0]!);
    expect(cluster.rig.one(from(syn()))).toMatchObject({ action: "drop", reason: "gateway-down", egress: 0 });
    expect(cluster.rig.engine.counters()).toMatchObject({ opened: 0, entries: 0 });
  });

  it("sends no reply back: its mappings are gone at once", async () => {
    const cluster = await Cluster.start(world(1));
    const opened = cluster.rig.one(from(syn()));
    cluster.rig.engine.nodeLost(0);
    const reply = cluster.rig.one(back(opened, synAck(opened.natPort), 5));
    expect(reply).toMatchObject({ action: "drop", reason: "no-reverse-mapping" });
  });

  it("that is back before anybody noticed keeps its connections where the same port is free: the tuple is the same", async () => {
    const cluster = await Cluster.start(world(2));
    const opened = cluster.rig.one(from(syn()));
    cluster.kill(gatewayOf(opened));
    cluster.rig.one(from(ack(), 10));
    cluster.revive(gatewayOf(opened));
    const again = cluster.rig.one(from(ack(), 20));
    expect(again).toMatchObject({ action: "snat", egressIP: opened.egressIP, natPort: opened.natPort });
    expect(again.flags & (VERDICT_FLAG_REMAPPED | VERDICT_FLAG_CREATED)).toBe(VERDICT_FLAG_CREATED);
    expect(cluster.rig.engine.counters()).toMatchObject({ opened: 2, broken: 0, removed: 1, live: 1 });
    expect(cluster.rig.one(back(again, synAck(again.natPort), 30)).action).toBe("reverse");
  });

  it("that is back before anybody noticed breaks a connection whose port another has taken", async () => {
    const cluster = await Cluster.start(world(1));
    const opened = cluster.rig.one(from(syn()));
    cluster.kill(GATEWAYS[0]!);
    cluster.revive(GATEWAYS[0]!);
    const thief = cluster.rig.one(from(syn(), 10, "10.1.0.8"));
    expect(thief.natPort).toBe(opened.natPort);
    const again = cluster.rig.one(from(ack(), 20));
    expect(again.natPort).not.toBe(opened.natPort);
    expect(again.flags & (VERDICT_FLAG_REMAPPED | VERDICT_FLAG_RESTART)).toBe(
      VERDICT_FLAG_REMAPPED | VERDICT_FLAG_RESTART,
    );
    expect(cluster.rig.engine.counters()).toMatchObject({ broken: 1, live: 2, removed: 0 });
  });

  it("keeps a pin as long as the connection lives, and no longer", async () => {
    const cluster = await Cluster.start(world(4));
    const opened = cluster.rig.one(from(query()));
    cluster.rig.engine.nodeLost(cluster.node(gatewayOf(opened)));
    expect([...connections(cluster.rig.engine.conntrack())]).toHaveLength(1);
    cluster.rig.engine.advance(0xffff_ffff, 0x18d7_6a00);
    expect(cluster.rig.engine.counters()).toMatchObject({ live: 0, entries: 0, expired: 1 });
  });

  it("ends what its own endpoints had open", async () => {
    const cluster = await Cluster.start(world(2));
    const opened = cluster.rig.one(from(syn(), 0, LOCAL_ENDPOINT));
    cluster.rig.engine.nodeLost(cluster.node("gw-a"));
    expect(cluster.rig.engine.counters()).toMatchObject({ live: 0, entries: 0, removed: 1 });
    expect(cluster.rig.one(back(opened, synAck(opened.natPort), 5)).action).toBe("drop");
  });

  it("makes an ICMP error of the endpoint about a lost mapping unmatched, not untranslated", async () => {
    const cluster = await Cluster.start(world(1));
    const opened = cluster.rig.one(from(query()));
    cluster.rig.engine.nodeLost(0);
    const reply = ipv4({ src: REMOTE, dst: ENDPOINT }, udp({ srcPort: 53, dstPort: PORT }));
    const error = from(icmpMessage({ type: 3, code: 3, inner: reply }), 5);
    expect(cluster.rig.one(error)).toMatchObject({ action: "drop", reason: "icmp-error-unmatched" });
    cluster.rig.engine.setReachable(0, false);
    expect(cluster.rig.one(error)).toMatchObject({ action: "drop", reason: "gateway-down", egress: opened.egress });
  });

  it("is used by a CiliumEgressGatewayPolicy all the same: its health is not looked at", async () => {
    const cluster = await Cluster.start(world(1, { kind: "CiliumEgressGatewayPolicy" }));
    cluster.rig.one(from(syn()));
    cluster.kill(GATEWAYS[0]!);
    cluster.rig.engine.setGateway(0, "down");
    expect(cluster.rig.one(from(ack(), 10))).toMatchObject({ action: "drop", reason: "gateway-down" });
  });

  it("drops what a hop of TTL 1 cannot reach before it is lost", async () => {
    const cluster = await Cluster.start(world(1));
    cluster.kill(GATEWAYS[0]!);
    const short = ethernet(ipv4({ src: ENDPOINT, dst: REMOTE, ttl: 1 }, syn()));
    const outcome = cluster.rig.one({ hook: "from-endpoint", frame: short });
    expect(outcome).toMatchObject({ action: "drop", reason: "ttl-exceeded" });
  });
});

describe("the loss of one of four gateways", () => {
  it("moves only its own connections; new ones spread over the other three within 10 %", async () => {
    const cluster = await Cluster.start(world(4));
    const before = Array.from({ length: 3000 }, (_, i) => cluster.rig.one(from(syn(20_000 + i))));
    cluster.kill(GATEWAYS[1]!);
    cluster.rig.engine.setGateway(cluster.node(GATEWAYS[1]!), "down");
    const after = before.map((_, i) => cluster.rig.one(from(ack(20_000 + i), 10)));
    after.forEach(({ egressIP }, i) => {
      expect(egressIP === before[i]!.egressIP).toBe(before[i]!.egressIP !== EGRESS_IPS[1]);
    });
    const fresh = Array.from({ length: 3000 }, (_, i) => cluster.rig.one(from(syn(30_000 + i), 20)).egressIP);
    for (const ip of EGRESS_IPS.filter((_, i) => i !== 1)) {
      const share = fresh.filter((egressIP) => egressIP === ip).length / fresh.length;
      expect(Math.abs(share * 3 - 1)).toBeLessThan(0.1);
    }
  });
});

describe("active members", () => {
  const ZONES = ["zone-1", "zone-2", undefined];

  /** gw-a and gw-b in zone-1 and zone-2, an endpoint in each zone and one in none. */
  function zoned(): PolicyModel {
    const base = world(2);
    return {
      ...base,
      nodes: [
        node("gw-a", "172.18.0.11", "zone-1"),
        node("gw-b", "172.18.0.12", "zone-2"),
        ...ZONES.map((zone, i) => node(`worker-${i}`, `172.18.0.${20 + i}`, zone)),
      ],
      endpoints: ZONES.map((_, i) => endpoint(`pod-${i}`, [`10.1.2.${i}`], { node: `worker-${i}` })),
    };
  }

  it("are told apart by the zone of the endpoint", async () => {
    const cluster = await Cluster.start(zoned());
    expect(zoneTable(cluster.model)).toEqual(["zone-1", "zone-2"]);
    cluster.rig.engine.setActive(0, 1, [0]);
    cluster.rig.engine.setActive(0, 2, [1]);
    cluster.rig.engine.setActive(0, 0, []);
    for (let port = PORT; port < PORT + 20; port++) {
      expect(cluster.rig.one(from(syn(port), 0, "10.1.2.0")).egressIP).toBe(EGRESS_IPS[0]);
      expect(cluster.rig.one(from(syn(port), 0, "10.1.2.1")).egressIP).toBe(EGRESS_IPS[1]);
      expect(cluster.rig.one(from(syn(port), 0, "10.1.2.2"))).toMatchObject({ reason: "no-egress-gateway" });
    }
  });

  it("that are active no more keep their connections", async () => {
    const cluster = await Cluster.start(zoned());
    const first = Array.from({ length: 20 }, (_, i) => cluster.rig.one(from(syn(PORT + i), 0, "10.1.2.0")));
    cluster.rig.engine.setActive(0, 1, [1]);
    first.forEach((opened, i) => {
      expect(cluster.rig.one(from(ack(PORT + i), 10, "10.1.2.0")).egressIP).toBe(opened.egressIP);
      expect(cluster.rig.one(from(syn(PORT + 100 + i), 10, "10.1.2.0")).egressIP).toBe(EGRESS_IPS[1]);
    });
    expect(new Set(first.map(({ egressIP }) => egressIP)).size).toBe(2);
  });

  it("are all of them again after a policy was loaded, and part of a saved state", async () => {
    const cluster = await Cluster.start(zoned());
    cluster.rig.engine.setActive(0, 1, []);
    const state = cluster.rig.engine.saveState();
    cluster.rig.engine.loadPolicy(compilePolicy(cluster.model));
    expect(cluster.rig.one(from(syn(), 0, "10.1.2.0")).action).toBe("snat");
    cluster.rig.engine.loadState(state);
    expect(cluster.rig.one(from(syn(), 1, "10.1.2.0"))).toMatchObject({ reason: "no-egress-gateway" });
  });

  it("are refused by number: policy, zone, member", async () => {
    const { engine } = (await Cluster.start(zoned())).rig;
    expect(() => engine.setActive(1, 0, [])).toThrow("no-such-gateway");
    expect(() => engine.setActive(0, 65, [])).toThrow("no-such-gateway");
    expect(() => engine.setActive(0, 0, [64])).toThrow("member 64, expected 0 to 63");
    expect(() => engine.setReachable(5, false)).toThrow("no-such-gateway");
    expect(() => engine.nodeLost(5)).toThrow("no-such-gateway");
  });
});

describe("a gateway whose egress IP moved", () => {
  it("keeps the connection under its new address, which breaks it", async () => {
    const cluster = await Cluster.start(world(2));
    const opened = cluster.rig.one(from(syn()));
    const old = cluster.model.egresses[opened.egress]!;
    const egresses = [...cluster.model.egresses, { ...old, egressIPv4: world(4).egresses[3]!.egressIPv4 }];
    const members = [0, 1].map((index) => (index === opened.egress ? 2 : index));
    const policies = cluster.model.policies.map((one) => ({ ...one, egresses: members }));
    cluster.rig.engine.loadPolicy(compilePolicy({ ...cluster.model, egresses, policies }));
    const moved = cluster.rig.one(from(ack(), 10));
    expect(moved).toMatchObject({ action: "snat", egressIP: EGRESS_IPS[3], egress: 2 });
    expect(moved.flags & VERDICT_FLAG_REMAPPED).not.toBe(0);
  });

  it("is found again among several that claim one address", async () => {
    const base = world(2);
    const shared = base.egresses.map((row) => ({ ...row, egressIPv4: base.egresses[0]!.egressIPv4 }));
    const cluster = await Cluster.start({
      ...base,
      egresses: shared,
      policies: [{ ...base.policies[0]!, egresses: [1] }],
    });
    const opened = cluster.rig.one(from(syn()));
    expect(opened.egress).toBe(1);
    const swapped = { ...cluster.model, egresses: [shared[0]!, shared[0]!, shared[1]!] };
    cluster.rig.engine.loadPolicy(compilePolicy({ ...swapped, policies: [{ ...base.policies[0]!, egresses: [2] }] }));
    const kept = cluster.rig.one(from(ack(), 10));
    expect(kept).toMatchObject({ action: "snat", egress: 2, natPort: opened.natPort });
    expect(kept.flags & VERDICT_FLAG_CREATED).toBe(0);
  });
});

describe("a policy that is not programmed yet", () => {
  it("lets frames pass, and breaks the connection once it is", async () => {
    const base = world(1);
    const later = policySet({ "0.0.0.0/0": 0 });
    const waiting = { entries: later.entries.map((entry) => ({ ...entry, notYet: true })) };
    const cluster = await Cluster.start({ ...base, policySets: [waiting] });
    const sent = from(syn());
    expect(cluster.rig.one(sent)).toMatchObject({ action: "pass", reason: "not-yet-programmed", frame: sent.frame });
    cluster.rig.engine.loadPolicy(compilePolicy(base));
    const translated = cluster.rig.one(from(ack(), SECOND));
    expect(translated.action).toBe("snat");
    expect(translated.flags & (VERDICT_FLAG_REMAPPED | VERDICT_FLAG_POLICY_CHANGE)).toBe(
      VERDICT_FLAG_REMAPPED | VERDICT_FLAG_POLICY_CHANGE,
    );
  });
});

describe("egress statistics", () => {
  it("tell when the last connection of a gateway ended", async () => {
    const cluster = await Cluster.start(world(1));
    const { engine } = cluster.rig;
    cluster.rig.one(from(query()));
    cluster.rig.one(from(query(PORT + 1), 5 * SECOND));
    expect(engine.egressStats()[0]!.lastEndNs).toBe(0n);
    const start = 1_790_000_000_000_000_000n;
    const end = start + 300n * 1_000_000_000n;
    engine.advance(Number(end & 0xffff_ffffn), Number(end >> 32n));
    expect(engine.egressStats()[0]!.live).toBe(0);
    expect(engine.egressStats()[0]!.lastEndNs - start).toBe(65_001_000_000n);
  });
});

it("a move onto a port whose holder has just expired leaves no line behind, wherever in the table that one lay", async () => {
  const model = world(2);
  const probe = await GatewayRig.start(model);
  const choice = (port: number, src: string) => gatewayOf(probe.one(from(query(port), 0, src)));
  const port = Array.from({ length: 40 }, (_, i) => 50_000 + i).find(
    (one) => choice(one, ENDPOINT) === "gw-a" && choice(one, OTHER_ENDPOINT) === "gw-b",
  )!;
  const dying = nodeTable(model).findIndex(({ name }) => name === "gw-a");
  for (let tableSeed = 0n; tableSeed < 300n; tableSeed++) {
    const rig = await GatewayRig.start(model, { connections: 16, tableSeed });
    rig.one(from(query(port), 0, OTHER_ENDPOINT));
    rig.one(from(query(port), 30_000));
    rig.engine.setGateway(dying, "down");
    expect(rig.one(from(query(port), 65_000))).toMatchObject({ egressIP: EGRESS_IPS[1], natPort: port });
    const held = [...connections(rig.engine.conntrack())].map(({ original }) => original.src);
    expect([held, rig.engine.counters().entries]).toEqual([[ENDPOINT], 1]);
  }
});
