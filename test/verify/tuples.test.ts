import { describe, expect, test } from "vitest";
import { datagram, EGRESS_B, model, POD_B, POD6, ping, REMOTE6, Scene, seconds, standing, syn } from "./scene.js";

describe("the external tuple", () => {
  test("shared by two live connections is a mismatch, by two after each other is none", () => {
    const first = { content: datagram };
    const second = { content: datagram, from: POD_B, at: 20 };
    expect(new Scene().snat(first).snat(second).faults).toEqual(["tuple-shared at 2"]);
    expect(new Scene().snat(first).snat({ ...second, at: 61 }).faults).toEqual([]);
    expect(new Scene().snat(first).snat({ ...second, to: "198.51.100.10" }).faults).toEqual([]);
    expect(new Scene().snat(first).snat({ ...second, natPort: 40001 }).faults).toEqual([]);
  });

  test("of a TCP connection is held down after its end where the settings say so, unless ports are scarce", () => {
    const timeouts = { portHold: 120_000 };
    const reusedAt = (at: number, snatPorts = { low: 32768, high: 65535 }, evictions = 0) =>
      new Scene(model({ timeouts, snatPorts }))
        .snat({ content: syn })
        .snat({ content: syn, from: POD_B, at }, { evictions }).faults;
    expect(reusedAt(59)).toEqual(["tuple-shared at 2"]);
    expect(reusedAt(61)).toEqual(["tuple-shared at 2"]);
    expect(reusedAt(179)).toEqual(["tuple-shared at 2"]);
    expect(reusedAt(181)).toEqual([]);
    expect(reusedAt(61, { low: 40000, high: 40000 })).toEqual([]);
    expect(reusedAt(61, undefined, 1)).toEqual([]);
    const none = new Scene().snat({ content: syn }).snat({ content: syn, from: POD_B, at: 61 });
    expect(none.faults).toEqual([]);
  });

  test("reused after the engine evicted live entries, or after its gateway was lost, is no mismatch", () => {
    const second = { content: datagram, from: POD_B, at: 20 };
    expect(new Scene().snat({ content: datagram }).snat(second, { evictions: 1 }).faults).toEqual([]);
    const lost = new Scene().snat({ content: datagram });
    lost.verifier.nodeLost("gw-a");
    expect(lost.snat(second).faults).toEqual([]);
  });

  test("that changes in mid-connection is a mismatch, after the lifetime none", () => {
    expect(new Scene().snat().snat({ at: 5, natPort: 40001 }).faults).toEqual(["tuple-changed at 2"]);
    expect(new Scene().snat().snat({ at: 5, as: EGRESS_B }).faults).toEqual(["pin-moved at 2", "tuple-changed at 2"]);
    expect(new Scene().snat({ content: datagram }).snat({ content: datagram, at: 61, natPort: 40001 }).faults).toEqual(
      [],
    );
  });

  test("may change by a failover or a policy change that happened, not by one that did not", () => {
    const moved = { at: 5, as: EGRESS_B };
    const statuses = standing({ "gw-a": { health: "down" } });
    expect(new Scene().snat().snat(moved, { remapped: "failover", statuses }).faults).toEqual([]);
    for (const remapped of ["failover", "policy-change"]) {
      expect(new Scene().snat().snat(moved, { remapped }).faults).toEqual(["pin-moved at 2", "remap-cause at 2"]);
    }
    const changed = new Scene().snat();
    changed.verifier.policiesChanged(model({ policies: [{ egresses: [1] }] }), seconds(4));
    expect(changed.snat(moved, { remapped: "policy-change" }).faults).toEqual([]);
  });

  test("has a NAT port in the configured range, an echo identifier any value", () => {
    expect(new Scene().snat({ port: 700 }).faults).toEqual(["nat-port at 1"]);
    expect(new Scene(model({ snatPorts: { low: 40001, high: 40010 } })).snat({}).faults).toEqual(["nat-port at 1"]);
    expect(new Scene().snat({ content: ping, port: 3 }).faults).toEqual([]);
  });

  test("has the egress IP of the gateway that was named", () => {
    expect(new Scene().snat({ as: "203.0.113.99" }).faults).toEqual(["egress-address at 1"]);
    expect(new Scene().snat({ as: EGRESS_B, egress: 0 }).faults).toEqual(["egress-address at 1"]);
    expect(new Scene().snat({ from: POD6, to: REMOTE6, as: "2001:db8:bb::1", egress: 1 }).faults).toEqual([
      "egress-address at 1",
    ]);
  });

  test("refused while ports are free is a mismatch, when all are taken none", () => {
    const two = model({ snatPorts: { low: 40000, high: 40001 }, policies: [{ egresses: [0] }] });
    const first = new Scene(two).snat({ content: datagram });
    expect(first.fromEndpoint("drop", "no-nat-mapping", { port: 2, content: datagram }).faults).toEqual([
      "refused-while-free at 2",
    ]);
    const full = new Scene(two).snat({ content: datagram }).snat({ content: datagram, port: 1, natPort: 40001 });
    expect(full.fromEndpoint("drop", "no-nat-mapping", { port: 2, content: datagram }).faults).toEqual([]);
  });
});
