import { describe, expect, test } from "vitest";
import {
  data,
  datagram,
  EGRESS_A,
  fin,
  model,
  type Out,
  POD,
  POD_B,
  packet,
  ping,
  poke,
  pong,
  REMOTE,
  rst,
  Scene,
  syn,
} from "./scene.js";

describe("replies", () => {
  test("go to the endpoint that holds the external tuple", () => {
    const wrong = packet(REMOTE, POD_B, data(443, 40000), 50);
    const scene = new Scene().snat().snat({ from: POD_B, natPort: 40001 });
    expect(scene.reverse({}, { result: wrong }).faults).toEqual(["reply-destination at 3", "reply-restored at 3"]);
    const port = packet(REMOTE, POD, data(443, 40009), 50);
    expect(new Scene().snat().reverse({}, { result: port, view: "network" }).faults).toEqual([
      "reply-destination at 2",
    ]);
  });

  test("to an external tuple that nobody holds are a mismatch unless the engine was resumed", () => {
    expect(new Scene().reverse().faults).toEqual(["reply-destination at 1"]);
    const resumed = new Scene(model(), { resumed: true }).reverse();
    expect(resumed.result).toMatchObject({ ok: true, notes: { "reply-to-unseen-connection": 1 } });
  });

  test("must be what the endpoint received, byte for byte", () => {
    const other = packet(REMOTE, POD, (data as typeof syn)(443, 40000), 50);
    const captured = poke(other, -1, 0x77);
    expect(new Scene().snat().reverse({}, { captured }).faults).toEqual(["reply-restored at 2"]);
  });

  test("that come after their external tuple passed to another connection are that one's", () => {
    const stray = {
      given: packet(REMOTE, EGRESS_A, datagram(443, 40000), 51),
      result: packet(REMOTE, POD_B, datagram(443, 40000), 50),
    };
    const scene = new Scene().snat({ content: datagram }).snat({ content: datagram, from: POD_B, at: 61 });
    expect(scene.reverse({ content: datagram, at: 62 }, stray).result).toMatchObject({
      ok: true,
      notes: { "reply after its external tuple passed to another connection": 1 },
    });
  });

  test("with a TTL of 255 are compared without it", () => {
    const given = packet(REMOTE, EGRESS_A, data(443, 40000), 255);
    const result = packet(REMOTE, POD, data(443, 40000), 254);
    expect(new Scene().snat().reverse({ ttl: 255 }, { given, result }).faults).toEqual([]);
    expect(new Scene().snat().reverse({ ttl: 254 }, { given, result }).faults).toEqual([]);
    const undecremented = packet(REMOTE, POD, data(443, 40000), 255);
    expect(new Scene().snat().reverse({ ttl: 255 }, { given, result: undecremented }).faults).toEqual(["ttl at 2"]);
  });

  test("in network view are judged without a captured original", () => {
    expect(new Scene().snat().reverse({}, { view: "network" }).faults).toEqual([]);
  });

  test("that were dropped while the mapping must live are mismatches, later they are notes", () => {
    const drop = (at: number, content = datagram) =>
      new Scene().snat({ content }).fromNetwork("drop", "no-reverse-mapping", { at, content, as: EGRESS_A });
    expect(drop(59).faults).toEqual(["reply-not-reversed at 2"]);
    expect(drop(61).result).toMatchObject({ ok: true, notes: { "reply after its mapping's lifetime": 1 } });
    expect(drop(7999, data).result).toMatchObject({ ok: true, notes: { "reply while its mapping may have ended": 1 } });
    expect(drop(59, data).faults).toEqual(["reply-not-reversed at 2"]);
  });

  test("of a closed connection may be dropped once the closing lifetime has passed", () => {
    const closed = (at: number, by = fin) =>
      new Scene().snat({ content: syn }).snat().snat({ content: by }).fromNetwork("drop", "no-reverse-mapping", { at });
    for (const by of [fin, rst]) {
      expect(closed(9.9, by).faults).toEqual(["reply-not-reversed at 4"]);
      expect(closed(10.1, by).faults).toEqual([]);
    }
  });

  test("that pass as inbound although a mapping lives are mismatches", () => {
    expect(new Scene().snat().fromNetwork("pass", "inbound", { at: 1 }).faults).toEqual(["reply-not-reversed at 2"]);
  });

  test("restored by a mapping that outlived its longest lifetime are mismatches", () => {
    const late = (at: number, out: Out = {}) => new Scene().snat(out).reverse({ ...out, at }).faults;
    expect(late(59.9, { content: datagram })).toEqual([]);
    expect(late(60.1, { content: datagram })).toEqual(["mapping-outlived at 2"]);
    expect(late(60.1, { content: syn })).toEqual(["mapping-outlived at 2"]);
    expect(late(7999)).toEqual([]);
    expect(late(8001)).toEqual(["mapping-outlived at 2"]);
    const echo = { port: 9, content: ping };
    const answer = { port: 9, content: pong };
    expect(new Scene().snat(echo).reverse({ ...answer, at: 59.9 }).faults).toEqual([]);
    expect(new Scene().snat(echo).reverse({ ...answer, at: 60.1 }).faults).toEqual(["mapping-outlived at 2"]);
  });

  test("restored within the lifetime move its end", () => {
    const out = { content: datagram };
    expect(
      new Scene()
        .snat(out)
        .reverse({ ...out, at: 50 })
        .reverse({ ...out, at: 109 }).faults,
    ).toEqual([]);
  });

  test("obey a policy's own lifetimes", () => {
    const quick = model({ policies: [{ timeouts: { udp: 5000 } }] });
    expect(new Scene(quick).snat({ content: datagram }).reverse({ content: datagram, at: 6 }).faults).toEqual([
      "mapping-outlived at 2",
    ]);
  });

  test("under the RFC profile do not surely refresh, and a reset keeps the mapping for up to four minutes", () => {
    const out = { content: datagram };
    const rfc = new Scene(model(), { natProfile: "rfc" });
    expect(
      rfc
        .snat(out)
        .reverse({ ...out, at: 50 })
        .fromNetwork("drop", "no-reverse-mapping", { ...out, at: 70 }).faults,
    ).toEqual([]);
    const reset = new Scene(model({ timeouts: { tcpEstablished: 100_000 } }), { natProfile: "rfc" });
    expect(reset.snat({ content: syn }).snat({ content: rst }).reverse({ at: 239 }).faults).toEqual([]);
  });
});
