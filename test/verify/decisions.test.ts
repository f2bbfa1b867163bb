import { describe, expect, test } from "vitest";
import type { FrameObservation } from "../../src/verify/types.js";
import { icmpEcho, icmpMessage, ipv4 } from "../support/frames.js";
import {
  type Content,
  data,
  datagram,
  EGRESS_A,
  EGRESS_B,
  EXCLUDED,
  model,
  type Out,
  POD,
  POD6,
  packet,
  ping,
  poke,
  pong,
  prefix,
  REMOTE,
  REMOTE6,
  Scene,
  seconds,
  standing,
  syn,
  synAck,
} from "./scene.js";

describe("the policy decision", () => {
  test("an excluded or cluster-internal destination that was translated", () => {
    expect(new Scene().snat({ to: EXCLUDED }).faults).toEqual(["decision at 1"]);
    expect(new Scene().snat({ to: "10.1.5.5" }).faults).toEqual(["decision at 1"]);
  });

  test("a source that is no endpoint, or no longer", () => {
    expect(new Scene().snat({ from: "10.1.3.3" }).faults).toEqual(["decision at 1"]);
    const gone = model({ endpoints: [{ toNs: seconds(10) }] });
    expect(new Scene(gone).snat({ at: 9.9 }).snat({ at: 10 }).faults).toEqual(["decision at 2"]);
    const later = model({ endpoints: [{ fromNs: seconds(5) }] });
    expect(new Scene(later).fromEndpoint("pass", "endpoint-unknown", { at: 4 }).faults).toEqual([]);
    expect(new Scene(later).fromEndpoint("pass", "endpoint-unknown", { at: 5 }).faults).toEqual(["decision at 1"]);
  });

  test("a gateway that the policy does not permit", () => {
    const onlyB = model({ policies: [{ egresses: [1] }] });
    expect(new Scene(onlyB).snat().faults).toEqual(["egress-eligible at 1"]);
    expect(new Scene(onlyB).snat({ as: EGRESS_B }).faults).toEqual([]);
  });

  test("a CiliumEgressGatewayPolicy permits the gateway of the UID's FNV-1a hash alone", () => {
    // Check values of the original: this UID is 0xbd478d3e, 0 modulo 2; the next one 0xbc478bab, 1 modulo 2.
    const uids = ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"];
    uids.forEach((uid, index) => {
      const plain = model({ policies: [{ kind: "CiliumEgressGatewayPolicy" }], endpoints: [{ uid }] });
      const right = index === 0 ? EGRESS_A : EGRESS_B;
      const wrong = index === 0 ? EGRESS_B : EGRESS_A;
      expect(new Scene(plain).snat({ as: right }).faults).toEqual([]);
      expect(new Scene(plain).snat({ as: wrong }).faults).toEqual(["egress-eligible at 1"]);
    });
  });

  test("an unhealthy gateway, under the policy that knows health", () => {
    const statuses = standing({ "gw-a": { health: "down" } });
    expect(new Scene().snat({}, { statuses }).faults).toEqual(["egress-healthy at 1"]);
    const plain = model({ policies: [{ kind: "CiliumEgressGatewayPolicy", egresses: [0] }] });
    expect(new Scene(plain).snat({}, { statuses }).faults).toEqual([]);
  });

  test("a longer prefix of another policy wins, and on the same prefix the older policy", () => {
    const two = model({
      policies: [
        { createdAt: "2025-02-02T00:00:00Z", egresses: [0] },
        { createdAt: "2025-01-01T00:00:00Z", egresses: [1], destinations: [prefix("0.0.0.0/0")], excluded: [] },
      ],
    });
    expect(new Scene(two).snat({ as: EGRESS_B }).faults).toEqual([]);
    expect(new Scene(two).snat({ as: EGRESS_A }).faults).toEqual(["egress-eligible at 1"]);
    const hole = model({
      policies: [{}, { destinations: [prefix("198.51.77.128/25")], excluded: [], egresses: [1] }],
    });
    expect(new Scene(hole).snat({ to: "198.51.77.200", as: EGRESS_B }).faults).toEqual([]);
    expect(new Scene(hole).fromEndpoint("pass", "excluded", { to: EXCLUDED }).faults).toEqual([]);
  });

  test("a pass under another reason than the policies give", () => {
    expect(new Scene().fromEndpoint("pass", "no-policy", { to: EXCLUDED }).faults).toEqual(["decision at 1"]);
  });

  test("is asked again when policies change: what was selected must then pass, what was not must not", () => {
    const scene = new Scene().snat();
    scene.verifier.policiesChanged(model({ policies: [{ destinations: [prefix("192.0.2.0/24")] }] }), seconds(1));
    expect(scene.snat({ at: 2 }).fromEndpoint("pass", "no-policy", { at: 3 }).faults).toEqual(["decision at 2"]);
    scene.verifier.policiesChanged(model(), seconds(4));
    expect(scene.fromEndpoint("pass", "no-policy", { at: 5 }).faults).toEqual(["decision at 2", "leak at 4"]);
  });
});

describe("leaks", () => {
  test("a selected frame that leaves untranslated, sound or damaged, IPv4 or IPv6", () => {
    const damaged = poke(packet(POD, REMOTE, data(40000, 443)), 14, 0x42);
    const scene = new Scene()
      .fromEndpoint("pass", "no-policy")
      .fromEndpoint("pass", "no-policy", { from: POD6, to: REMOTE6 })
      .see({ action: "pass", reason: "bad-header", captured: damaged, given: damaged, result: damaged });
    expect(scene.faults).toEqual(["leak at 1", "leak at 2", "leak at 3"]);
  });

  test("an answer passes only when the remote was seen to open the connection", () => {
    const inbound = { port: 9000, toPort: 51000 };
    const answer = { ...inbound, content: synAck };
    expect(
      new Scene()
        .fromNetwork("pass", "inbound", { ...inbound, content: syn })
        .fromEndpoint("pass", "reply-of-inbound", answer).faults,
    ).toEqual([]);
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { ...inbound, content: data }).faults).toEqual([
      "leak at 1",
    ]);
    const udp = { ...inbound, content: datagram };
    expect(
      new Scene().fromNetwork("pass", "inbound", udp).fromEndpoint("pass", "reply-of-inbound", { ...udp, at: 59 })
        .faults,
    ).toEqual([]);
    expect(
      new Scene().fromNetwork("pass", "inbound", udp).fromEndpoint("pass", "reply-of-inbound", { ...udp, at: 61 })
        .faults,
    ).toEqual(["leak at 2"]);
    const echo = { port: 5, content: pong };
    const ping5 = (_: number, id: number) => icmpEcho({ id });
    const pong5 = (id: number) => icmpEcho({ id, reply: true });
    expect(
      new Scene()
        .fromNetwork("pass", "inbound", { ...echo, content: ping5 })
        .fromEndpoint("pass", "reply-of-inbound", { port: 5, content: pong5 }).faults,
    ).toEqual([]);
  });

  test("in mid-stream a SYN-ACK or a port that the endpoint serves tells an answer", () => {
    const served = { port: 8080, toPort: 51000 };
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", served).faults).toEqual([]);
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { port: 9000, content: synAck }).faults).toEqual([]);
    const pong5 = (id: number) => icmpEcho({ id, reply: true });
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { port: 5, content: pong5 }).faults).toEqual([]);
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { port: 5, content: ping }).faults).toEqual([
      "leak at 1",
    ]);
    expect(new Scene().fromEndpoint("pass", "reply-of-inbound", { ...served, content: syn }).faults).toEqual([
      "leak at 1",
    ]);
  });

  test("a mid-stream segment from outside opens nothing that could excuse a leak", () => {
    const scene = new Scene()
      .fromNetwork("pass", "inbound", { port: 9000 })
      .fromEndpoint("pass", "reply-of-inbound", { port: 9000 });
    expect(scene.faults).toEqual(["leak at 2"]);
  });

  test("the remote may open a connection in place of one of the endpoint's that may be over, and of no other", () => {
    const unreachable = (_: number, __: number) =>
      icmpMessage({ type: 3, code: 1, inner: ipv4({ src: REMOTE, dst: POD }, syn(443, 40000)) });
    // One segment in mid-stream: its engine may keep it for 60 s or for 8,000 s.
    const opened = (at: number, content: Content) =>
      new Scene()
        .snat({ content: content === syn ? data : content })
        .fromNetwork("pass", "inbound", { at, content })
        .fromEndpoint("pass", "reply-of-inbound", { at: at + 1, content: content === syn ? unreachable : content });
    expect(opened(176, syn).faults).toEqual([]);
    expect(opened(50, syn).faults).toEqual(["leak at 3"]);
    expect(opened(61, datagram).faults).toEqual([]);
    expect(opened(50, datagram).faults).toEqual(["reply-not-reversed at 2", "leak at 3"]);
  });

  test("unsupported protocols excuse a leak only when that was asked for", () => {
    expect(new Scene().fromEndpoint("pass", "unsupported-passed").faults).toEqual(["leak at 1"]);
    expect(new Scene(model(), { unsupportedPasses: true }).fromEndpoint("pass", "unsupported-passed").faults).toEqual(
      [],
    );
  });

  test("an answer to an inbound connection that was translated", () => {
    const inbound = { port: 33000, toPort: 51000 };
    expect(
      new Scene().fromNetwork("pass", "inbound", { ...inbound, content: syn }).snat({ ...inbound, content: synAck })
        .faults,
    ).toEqual(["inbound-translated at 2"]);
  });
});

describe("reasons of drops", () => {
  const drop = (reason: string, out: Out = {}, more: Partial<FrameObservation> = {}) =>
    new Scene().fromEndpoint("drop", reason, out, more).faults;

  test("must hold for the frame", () => {
    expect(drop("ttl-exceeded")).toEqual(["drop-reason at 1"]);
    expect(drop("ttl-exceeded", { ttl: 1 })).toEqual([]);
    for (const invented of ["banana", "after-break", "duplicate", "no-reverse-mapping"]) {
      expect(drop(invented)).toEqual(["drop-reason at 1"]);
    }
    expect(drop("truncated")).toEqual(["drop-reason at 1"]);
    expect(drop("bad-header", { content: datagram })).toEqual(["drop-reason at 1"]);
    expect(drop("unsupported-protocol")).toEqual(["drop-reason at 1"]);
    expect(drop("ipv6-unsupported")).toEqual(["drop-reason at 1"]);
    expect(drop("ipv6-unsupported", { from: POD6, to: REMOTE6 })).toEqual([]);
    expect(drop("no-egress-ip")).toEqual(["drop-reason at 1"]);
    expect(drop("no-egress-ip", { from: POD6, to: REMOTE6 })).toEqual([]);
  });

  test("a plain policy with a gateway has one", () => {
    const plain = model({ policies: [{ kind: "CiliumEgressGatewayPolicy" }] });
    expect(new Scene(plain).fromEndpoint("drop", "no-egress-gateway").faults).toEqual(["drop-reason at 1"]);
    const none = model({ policies: [{ kind: "CiliumEgressGatewayPolicy", egresses: [] }] });
    expect(new Scene(none).fromEndpoint("drop", "no-egress-gateway").faults).toEqual([]);
  });

  test("a frame that no policy selects is not dropped for a policy's sake", () => {
    expect(drop("no-egress-gateway", { to: EXCLUDED })).toEqual(["decision at 1"]);
  });
});
