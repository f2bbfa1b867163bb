import { describe, expect, it } from "vitest";
import { VERDICT_FLAG_GUESSED, VERDICT_FLAG_REMAPPED } from "../../../assembly/abi.js";
import { compilePolicy, nodeTable } from "../../../src/engine/blob.js";
import { endpoint } from "../../engine/model.js";
import {
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  type Layer4,
  otherProtocol,
  patterned,
  tcp,
  udp,
} from "../../support/frames.js";
import { GatewayRig, type RigFrame } from "./gateway-rig.js";
import {
  EGRESS_IPS,
  ENDPOINT,
  EXCLUDED_REMOTE,
  GATEWAYS,
  NODE_IP,
  OTHER_ENDPOINT,
  REMOTE,
  UNSELECTED,
  world,
} from "./worlds.js";

const PORT = 40_000;

function from(src: string, dst: string, l4: Layer4, atMs = 0): RigFrame {
  return { hook: "from-endpoint", frame: ethernet(ipv4({ src, dst }, l4)), atMs };
}

function toward(dst: string, l4: Layer4, atMs = 0, src = REMOTE): RigFrame {
  return { hook: "from-network", frame: ethernet(ipv4({ src, dst }, l4)), atMs };
}

const syn = (port = PORT) => tcp({ srcPort: port, dstPort: 443, flags: "SYN" });
const ack = (port = PORT) => tcp({ srcPort: port, dstPort: 443, flags: "ACK" });
const synAckBack = (port: number) => tcp({ srcPort: 443, dstPort: port, flags: "SYN ACK" });

describe("what no policy translates passes unchanged under its reason", () => {
  it.each([
    ["no-policy", UNSELECTED, REMOTE],
    ["excluded", ENDPOINT, EXCLUDED_REMOTE],
    ["cluster-internal", ENDPOINT, OTHER_ENDPOINT],
    ["cluster-internal", ENDPOINT, NODE_IP],
    ["link-local", ENDPOINT, "169.254.169.254"],
    ["multicast", ENDPOINT, "224.0.0.251"],
    ["broadcast", ENDPOINT, "255.255.255.255"],
    ["loopback", ENDPOINT, "127.0.0.1"],
    ["endpoint-unknown", "10.99.0.1", REMOTE],
  ])("%s", async (reason, src, dst) => {
    const gateway = await GatewayRig.start(world(2));
    const sent = from(src, dst, udp({ srcPort: PORT, dstPort: 53 }));
    for (let i = 0; i < 2; i++) {
      expect(gateway.one(sent)).toMatchObject({ action: "pass", reason, frame: sent.frame });
    }
    expect(gateway.engine.counters().opened).toBe(0);
  });
});

describe("direction", () => {
  it("answers to a connection from outside pass as reply-of-inbound", async () => {
    const gateway = await GatewayRig.start(world(1));
    const opening = toward(ENDPOINT, tcp({ srcPort: 5555, dstPort: 9000, flags: "SYN" }));
    expect(gateway.one(opening)).toMatchObject({ action: "pass", reason: "inbound", frame: opening.frame });
    const answer = from(ENDPOINT, REMOTE, tcp({ srcPort: 9000, dstPort: 5555, flags: "SYN ACK" }));
    expect(gateway.one(answer)).toMatchObject({ action: "pass", reason: "reply-of-inbound", frame: answer.frame });
    const data = from(ENDPOINT, REMOTE, tcp({ srcPort: 9000, dstPort: 5555, flags: "ACK PSH" }));
    expect(gateway.one(data)).toMatchObject({ action: "pass", reason: "reply-of-inbound" });
  });

  it.each([
    ["a SYN-ACK", tcp({ srcPort: 9000, dstPort: 5555, flags: "SYN ACK" })],
    ["mid-stream TCP from a service port", tcp({ srcPort: 8080, dstPort: 5555, flags: "ACK" })],
    ["an echo reply", icmpEcho({ id: 7, reply: true })],
  ])("%s of an endpoint is taken as an answer", async (_, l4) => {
    const gateway = await GatewayRig.start(world(1));
    const outcome = gateway.one(from(ENDPOINT, REMOTE, l4));
    expect(outcome).toMatchObject({ action: "pass", reason: "reply-of-inbound" });
    expect(outcome.flags & VERDICT_FLAG_GUESSED).not.toBe(0);
  });

  it("other mid-stream TCP is outbound and counted as a guess", async () => {
    const gateway = await GatewayRig.start(world(1));
    const outcome = gateway.one(from(ENDPOINT, REMOTE, ack()));
    expect(outcome).toMatchObject({ action: "snat" });
    expect(outcome.flags & VERDICT_FLAG_GUESSED).not.toBe(0);
    expect(gateway.engine.counters().directionGuessed).toBe(1);
  });

  it("a reply from outside to no connection is dropped where the policy selects it, else it passes", async () => {
    const gateway = await GatewayRig.start(world(1));
    expect(gateway.one(toward(ENDPOINT, synAckBack(PORT)))).toMatchObject({
      action: "drop",
      reason: "reply-without-connection",
    });
    expect(gateway.one(toward(UNSELECTED, synAckBack(PORT)))).toMatchObject({ action: "pass", reason: "no-policy" });
    const excluded = toward(ENDPOINT, synAckBack(PORT), 0, EXCLUDED_REMOTE);
    expect(gateway.one(excluded)).toMatchObject({ action: "pass", reason: "excluded" });
  });

  it("a frame to an egress IP without a mapping is dropped", async () => {
    const gateway = await GatewayRig.start(world(1));
    for (const l4 of [syn(), synAckBack(PORT), udp({ srcPort: 53, dstPort: PORT }), icmpEcho({ id: 3 })]) {
      expect(gateway.one(toward(EGRESS_IPS[0], l4))).toMatchObject({ action: "drop", reason: "no-reverse-mapping" });
    }
  });

  it("a packet whose source is its destination is dropped", async () => {
    const gateway = await GatewayRig.start(world(1));
    expect(gateway.one(from(ENDPOINT, ENDPOINT, syn()))).toMatchObject({ action: "drop", reason: "bad-source" });
  });
});

describe("gateways", () => {
  const flows = (count: number) => Array.from({ length: count }, (_, i) => from(ENDPOINT, REMOTE, syn(33_000 + i)));

  it("100 connections of one pod to one remote use all four, and each keeps its own", async () => {
    const gateway = await GatewayRig.start(world(4));
    const first = gateway.send(flows(100));
    const again = gateway.send(flows(100).map((sent) => ({ ...sent, atMs: 10 })));
    expect(new Set(first.map((outcome) => outcome.egressIP))).toEqual(new Set(EGRESS_IPS));
    expect(again.map((outcome) => outcome.egressIP)).toEqual(first.map((outcome) => outcome.egressIP));
  });

  it("10,000 connections spread to 25 % ± 2 points each", async () => {
    const gateway = await GatewayRig.start(world(4), { connections: 20_000 });
    const outcomes = gateway.send(flows(10_000));
    for (const ip of EGRESS_IPS) {
      const share = outcomes.filter((outcome) => outcome.egressIP === ip).length / outcomes.length;
      expect(Math.abs(share - 0.25)).toBeLessThan(0.02);
    }
  });

  it("a gateway that goes down gives up its connections, the others keep theirs", async () => {
    const model = world(4);
    const gateway = await GatewayRig.start(model);
    const before = gateway.send(flows(200));
    const down = nodeTable(model).findIndex((row) => row.name === GATEWAYS[1]);
    gateway.engine.setGateway(down, "down");
    const after = gateway.send(flows(200).map((sent) => ({ ...sent, atMs: 10 })));
    after.forEach((outcome, i) => {
      const moved = before[i].egressIP === EGRESS_IPS[1];
      expect(outcome.egressIP === before[i].egressIP).toBe(!moved);
      expect((outcome.flags & VERDICT_FLAG_REMAPPED) !== 0).toBe(moved);
    });
    const moved = before.filter((outcome) => outcome.egressIP === EGRESS_IPS[1]).length;
    expect(gateway.engine.counters()).toMatchObject({ broken: moved, rebound: 0, live: 200 });
    gateway.engine.setGateway(down, "active");
    const back = gateway.send(flows(200).map((sent) => ({ ...sent, atMs: 20 })));
    expect(back.map((outcome) => outcome.egressIP)).toEqual(after.map((outcome) => outcome.egressIP));
  });

  it("a draining gateway keeps its connections and takes no new ones", async () => {
    const model = world(2);
    const gateway = await GatewayRig.start(model);
    const before = gateway.send(flows(50));
    gateway.engine.setGateway(
      nodeTable(model).findIndex((row) => row.name === GATEWAYS[0]),
      "healthy",
    );
    const kept = gateway.send(flows(50).map((sent) => ({ ...sent, atMs: 1 })));
    expect(kept.map((outcome) => outcome.egressIP)).toEqual(before.map((outcome) => outcome.egressIP));
    const fresh = gateway.send(Array.from({ length: 50 }, (_, i) => from(ENDPOINT, REMOTE, syn(50_000 + i))));
    expect(new Set(fresh.map((outcome) => outcome.egressIP))).toEqual(new Set([EGRESS_IPS[1]]));
  });

  it("with no gateway up, selected frames are dropped", async () => {
    const model = world(1);
    const gateway = await GatewayRig.start(model);
    gateway.engine.setGateway(
      nodeTable(model).findIndex((row) => row.name === GATEWAYS[0]),
      "down",
    );
    expect(gateway.one(from(ENDPOINT, REMOTE, syn()))).toMatchObject({ action: "drop", reason: "no-egress-gateway" });
  });

  it("a gateway without an egress IP drops what it is chosen for", async () => {
    const model = world(1);
    const gateway = await GatewayRig.start({
      ...model,
      egresses: model.egresses.map((row) => ({ ...row, egressIPv4: undefined })),
    });
    expect(gateway.one(from(ENDPOINT, REMOTE, syn()))).toMatchObject({ action: "drop", reason: "no-egress-ip" });
  });

  it("a CiliumEgressGatewayPolicy assigns by FNV-1a of the endpoint's UID and ignores health", async () => {
    // the original: 7c22952d-… is 1 mod 2, fe8c8750-… is 0 mod 2.
    const model = world(2, { kind: "CiliumEgressGatewayPolicy" });
    const uids = {
      [ENDPOINT]: "7c22952d-25a0-409d-952c-60895b5c2a90",
      [OTHER_ENDPOINT]: "fe8c8750-0fe0-43e6-b088-f02d39e10eeb",
    };
    const endpoints = Object.entries(uids).map(([ip, uid]) => endpoint(uid, [ip], { uid }));
    const gateway = await GatewayRig.start({ ...model, endpoints });
    gateway.engine.setGateway(0, "down");
    gateway.engine.setGateway(1, "down");
    for (let port = PORT; port < PORT + 5; port++) {
      expect(gateway.one(from(ENDPOINT, REMOTE, syn(port))).egressIP).toBe(EGRESS_IPS[1]);
      expect(gateway.one(from(OTHER_ENDPOINT, REMOTE, syn(port))).egressIP).toBe(EGRESS_IPS[0]);
    }
  });
});

describe("a change of policy or owner", () => {
  it("keeps connections whose gateway and egress IP stay permitted", async () => {
    const gateway = await GatewayRig.start(world(4));
    const before = gateway.one(from(ENDPOINT, REMOTE, syn()));
    gateway.engine.loadPolicy(compilePolicy(world(4), { natProfile: "cilium" }));
    const after = gateway.one(from(ENDPOINT, REMOTE, ack(), 5));
    expect(after).toMatchObject({ action: "snat", egressIP: before.egressIP, natPort: before.natPort });
    expect(after.flags & VERDICT_FLAG_REMAPPED).toBe(0);
  });

  it("lets connections pass that are no longer selected, and drops late replies to their mapping", async () => {
    const gateway = await GatewayRig.start(world(1));
    gateway.one(from(ENDPOINT, REMOTE, syn()));
    const model = world(1);
    gateway.engine.loadPolicy(
      compilePolicy(
        { ...model, endpoints: model.endpoints.map((row) => ({ ...row, policySet: -1 })) },
        { natProfile: "cilium" },
      ),
    );
    expect(gateway.one(from(ENDPOINT, REMOTE, ack(), 5))).toMatchObject({ action: "pass", reason: "no-policy" });
    expect(gateway.one(toward(EGRESS_IPS[0], synAckBack(PORT), 6))).toMatchObject({
      action: "drop",
      reason: "no-reverse-mapping",
    });
    expect(gateway.engine.counters()).toMatchObject({ removed: 1, live: 0 });
  });

  it("breaks a connection that is newly selected in mid-stream", async () => {
    const model = world(1);
    const unselected = { ...model, endpoints: model.endpoints.map((row) => ({ ...row, policySet: -1 })) };
    const gateway = await GatewayRig.start(unselected);
    expect(gateway.one(from(ENDPOINT, REMOTE, syn()))).toMatchObject({ action: "pass" });
    gateway.engine.loadPolicy(compilePolicy(model, { natProfile: "cilium" }));
    const after = gateway.one(from(ENDPOINT, REMOTE, ack(), 5));
    expect(after).toMatchObject({ action: "snat", egressIP: EGRESS_IPS[0] });
    expect(after.flags & VERDICT_FLAG_REMAPPED).not.toBe(0);
  });

  it("an address that another pod takes over starts new connections under that pod's policy", async () => {
    const model = world(1);
    const changeNs = 1_790_000_000_000_000_000n + 1_000_500_000n;
    const endpoints = [
      endpoint("old", ["10.1.0.50"], { toNs: changeNs }),
      endpoint("new", ["10.1.0.50"], { fromNs: changeNs, policySet: -1 }),
    ];
    const gateway = await GatewayRig.start({ ...model, endpoints });
    expect(gateway.one(from("10.1.0.50", REMOTE, syn()))).toMatchObject({ action: "snat" });
    expect(gateway.one(from("10.1.0.50", REMOTE, ack(), 1000.4))).toMatchObject({ action: "snat" });
    expect(gateway.one(from("10.1.0.50", REMOTE, ack(), 1000.6))).toMatchObject({
      action: "pass",
      reason: "no-policy",
    });
  });
});

describe("what cannot be translated", () => {
  it.each([
    [
      "fragment-without-first",
      ipv4({ src: ENDPOINT, dst: REMOTE, fragmentOffset: 8 }, udp({ srcPort: 1, dstPort: 2 })),
    ],
    [
      "fragment-unsupported",
      ipv4({ src: ENDPOINT, dst: REMOTE, moreFragments: true }, icmpMessage({ type: 3, inner: patterned(32) })),
    ],
    ["sctp-bad", ipv4({ src: ENDPOINT, dst: REMOTE }, otherProtocol(132, new Uint8Array(32)))],
    ["unsupported-protocol", ipv4({ src: ENDPOINT, dst: REMOTE }, otherProtocol(51, new Uint8Array(32)))],
  ])("%s: dropped where selected, passed where not", async (reason, packet) => {
    const gateway = await GatewayRig.start(world(1));
    const frame = ethernet(packet);
    expect(gateway.one({ hook: "from-endpoint", frame })).toMatchObject({ action: "drop", reason, frame });
    const unselected = frame.slice();
    unselected[29] = 99;
    expect(gateway.one({ hook: "from-endpoint", frame: unselected })).toMatchObject({
      action: "pass",
      reason: "no-policy",
    });
  });

  it("--unsupported pass mimics the original", async () => {
    const gateway = await GatewayRig.start(world(1), { unsupported: "pass" });
    const frame = ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, otherProtocol(51, new Uint8Array(32))));
    expect(gateway.one({ hook: "from-endpoint", frame })).toMatchObject({
      action: "pass",
      reason: "unsupported-passed",
    });
  });
});

it("a later fragment to an egress IP is a fragment, not a missing mapping", async () => {
  const gateway = await GatewayRig.start(world(1));
  gateway.one(from(ENDPOINT, REMOTE, udp({ srcPort: PORT, dstPort: 53 })));
  const packet = ipv4({ src: REMOTE, dst: EGRESS_IPS[0], fragmentOffset: 8 }, udp({ srcPort: 53, dstPort: PORT }));
  expect(gateway.one({ hook: "from-network", frame: ethernet(packet) })).toMatchObject({
    action: "drop",
    reason: "fragment-without-first",
  });
});
