import { describe, expect, it } from "vitest";
import { clusterModel } from "../replay/cluster.js";
import { replayAndRead } from "../replay/outputs-read.js";
import { captureOf } from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";
import { ethernet, icmpEcho, icmpMessage, ipv4, type Layer4, patterned } from "../support/frames.js";
import { EXT, INSIDE, Nat, OTHER_INSIDE, OUTSIDE_ROUTER, outbound, REMOTE } from "./rig.js";

// ICMP queries other than echo (RFC 5508 REQ-1): timestamps are translated by their identifier; what RFC 6918 deprecates is dropped.

/** A timestamp request or reply (RFC 792): identifier, sequence number, three times. */
function timestamp(id: number, reply = false): Layer4 {
  return icmpMessage({ type: reply ? 14 : 13, word: id * 0x10000 + 1, inner: patterned(12) });
}

const toRemote = (src: string, l4: Layer4) => ethernet(ipv4({ src, dst: REMOTE }, l4));
const fromRemote = (dst: string, l4: Layer4) => ethernet(ipv4({ src: REMOTE, dst }, l4));

describe("an ICMP timestamp", () => {
  it("leaves with the egress IP and an identifier, and its reply comes back, exact to the byte", async () => {
    const nat = await Nat.start();
    expect(nat.out(timestamp(7))).toMatchObject({ action: "snat", natPort: 7, frame: toRemote(EXT, timestamp(7)) });
    const second = nat.out(timestamp(7), { src: OTHER_INSIDE });
    expect(second).toMatchObject({ action: "snat", egressIP: EXT });
    expect(second.natPort).not.toBe(7);
    expect(second.frame).toEqual(toRemote(EXT, timestamp(second.natPort)));
    const back = nat.back(timestamp(second.natPort, true));
    expect(back).toMatchObject({ action: "reverse", frame: fromRemote(OTHER_INSIDE, timestamp(7, true)) });
    nat.check();
  });

  it("shares no identifier with an echo: both may have the same one, and neither's reply answers the other", async () => {
    const nat = await Nat.start();
    expect(nat.out(icmpEcho({ id: 9 }))).toMatchObject({ action: "snat", natPort: 9 });
    const refused = { action: "drop", reason: "no-reverse-mapping" };
    expect(nat.back(timestamp(9, true))).toMatchObject(refused);
    expect(nat.out(timestamp(8))).toMatchObject({ action: "snat", natPort: 8 });
    expect(nat.back(icmpEcho({ id: 8, reply: true }))).toMatchObject(refused);
    expect(nat.out(timestamp(9), { src: OTHER_INSIDE })).toMatchObject({ action: "snat", natPort: 9 });
    expect(nat.back(timestamp(9, true)).frame).toEqual(fromRemote(OTHER_INSIDE, timestamp(9, true)));
    const echo = icmpEcho({ id: 9, reply: true });
    expect(nat.back(echo).frame).toEqual(fromRemote(INSIDE, echo));
    expect(nat.back(timestamp(9))).toMatchObject(refused);
    nat.check();
  });

  it("an error about it comes back as one about what the endpoint sent, and does not keep it alive", async () => {
    const nat = await Nat.start();
    nat.out(timestamp(7), { src: OTHER_INSIDE });
    const { natPort } = nat.out(timestamp(7));
    const error = (dst: string, id: number) =>
      icmpMessage({ type: 3, code: 1, inner: ipv4({ src: dst, dst: REMOTE }, timestamp(id)) });
    const outcome = nat.back(error(EXT, natPort), { src: OUTSIDE_ROUTER, atMs: 59_000 });
    const wanted = ethernet(ipv4({ src: OUTSIDE_ROUTER, dst: INSIDE }, error(INSIDE, 7)));
    expect(outcome).toMatchObject({ action: "reverse", frame: wanted });
    expect(nat.back(timestamp(natPort, true), { atMs: 60_001 })).toMatchObject({ reason: "no-reverse-mapping" });
    nat.check();
  });

  it("without its three times is truncated, with another code than 0 unsupported", async () => {
    const nat = await Nat.start();
    for (let length = 0; length < 12; length++) {
      const cut = icmpMessage({ type: 13, word: 7 * 0x10000, inner: patterned(length) });
      expect(nat.out(cut)).toMatchObject({ action: "drop", reason: "truncated" });
    }
    const odd = icmpMessage({ type: 13, code: 1, word: 7 * 0x10000, inner: patterned(12) });
    expect(nat.out(odd)).toMatchObject({ action: "drop", reason: "unsupported-protocol" });
    expect(nat.counters.entries).toBe(0);
    nat.check();
  });

  it.each([15, 16, 17, 18])("type %i is deprecated (RFC 6918) and dropped either way", async (type) => {
    const nat = await Nat.start();
    const message = icmpMessage({ type, word: 7 * 0x10000, inner: patterned(12) });
    expect(nat.one(outbound(message))).toMatchObject({ action: "drop", reason: "unsupported-protocol" });
    expect(nat.back(message).action).toBe("drop");
    expect(nat.counters.entries).toBe(0);
    nat.check();
  });

  it("and its reply go through a replay in both topologies, beside an echo with the same identifier", async () => {
    const pod = "10.0.1.10";
    const model = await clusterModel({ pods: [pod], worker: "worker", gateways: { "gw-a": "203.0.113.10" } });
    const out = (l4: Layer4) => ethernet(ipv4({ src: pod, dst: REMOTE }, l4));
    const back = (l4: Layer4) => ethernet(ipv4({ src: REMOTE, dst: pod, ttl: 50 }, l4));
    const replies = [back(timestamp(5, true)), back(icmpEcho({ id: 5, reply: true }))];
    const frames = [out(timestamp(5)), out(icmpEcho({ id: 5 })), ...replies];
    await withFile(captureOf(frames.map((frame, i) => ({ us: i * 10, frame }))), async (path) => {
      const single = await replayAndRead({ captures: [path], model });
      const cluster = await replayAndRead({ captures: [path], model, topology: "cluster" });
      for (const { report, endpoint } of [single, cluster]) {
        expect(report.verification).toMatchObject({ ok: true, mismatches: [] });
        expect(report.frames).toMatchObject({ snat: 2, reverse: 2 });
        expect(endpoint.map(({ bytes }) => Uint8Array.from(bytes))).toEqual(replies);
      }
      expect(cluster.files.external.equals(single.files.external)).toBe(true);
    });
  });
});
