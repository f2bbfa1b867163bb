import { describe, expect, it } from "vitest";
import type { FrameObservation } from "../../src/verify/types.js";
import { Verifier } from "../../src/verify/verifier.js";
import { EXT, INSIDE, natModel, OTHER_EXT, REMOTE } from "../nat/rig.js";
import {
  type EthernetFields,
  ethernet,
  icmpMessage,
  ipv4,
  ipv4FragmentsOf,
  patterned,
  sll,
  sll2,
  udp,
} from "../support/frames.js";

// What the verifier makes of ICMP errors of the gateways' own: planted faults, one for each thing that can be wrong about them.

const MESSAGE = udp({ srcPort: 5000, dstPort: 53, payload: patterned(40) });
const ENDED = ipv4({ src: INSIDE, dst: REMOTE, ttl: 1 }, MESSAGE);
const LONG = ipv4(
  { src: INSIDE, dst: REMOTE, dontFragment: true },
  udp({ srcPort: 5000, dstPort: 53, payload: patterned(1423) }),
);

function errorAbout(packet: Uint8Array, fields: { src?: string; type?: number; code?: number; word?: number } = {}) {
  const { src = EXT, type = 11, code = 0, word = 0 } = fields;
  const inner = packet.subarray(0, 548);
  return ipv4(
    { src, dst: INSIDE, id: 0, dontFragment: true, trafficClass: 0xc0 },
    icmpMessage({ type, code, word, inner }),
  );
}

/** Fields of the mismatches of one frame of the endpoint, whose gateway is on another node. */
function judge(packet: Uint8Array, told: Uint8Array | undefined, o: Partial<FrameObservation> = {}, icmpErrors = true) {
  return judgeFrame(ethernet(packet), told, o, icmpErrors);
}

function judgeFrame(
  frame: Uint8Array,
  told: Uint8Array | undefined,
  o: Partial<FrameObservation> = {},
  icmpErrors = true,
) {
  const verifier = new Verifier(natModel({ hop: true }), { natProfile: "rfc", icmpErrors });
  verifier.observe({
    frame: 1,
    capture: "planted",
    timeNs: 1_790_000_000_000_000_000n,
    linkType: 1,
    hook: "from-endpoint",
    captured: frame,
    given: frame,
    result: frame,
    wireLength: frame.length,
    action: "drop",
    reason: "ttl-exceeded",
    egress: -1,
    view: "endpoint",
    remapped: "",
    ...(told && { told }),
    ...o,
  });
  return verifier.finish().mismatches.map(({ field }) => field);
}

describe("an ICMP error of a gateway's own", () => {
  it("is taken where it is right, and where there is none", () => {
    expect(judge(ENDED, errorAbout(ENDED))).toEqual([]);
    expect(judge(ENDED, undefined)).toEqual([]);
    const tooBig = errorAbout(LONG, { type: 3, code: 4, word: 1450 });
    expect(judge(LONG, tooBig, { reason: "packet-too-big" })).toEqual([]);
  });

  it("is a fault where any one bit of it differs", () => {
    const right = errorAbout(ENDED);
    for (let at = 0; at < right.length; at++) {
      const wrong = Uint8Array.from(right);
      wrong[at]! ^= 1;
      expect([at, judge(ENDED, wrong)]).toEqual([at, ["told"]]);
    }
    expect(judge(ENDED, right.subarray(0, -1))).toEqual(["told"]);
  });

  it("is a fault where it comes from another gateway, or says another MTU", () => {
    expect(judge(ENDED, errorAbout(ENDED, { src: OTHER_EXT }))).toEqual(["told"]);
    const wrongMtu = errorAbout(LONG, { type: 3, code: 4, word: 1500 });
    expect(judge(LONG, wrongMtu, { reason: "packet-too-big" })).toEqual(["told"]);
  });

  it("is a fault where nothing calls for one: no such option, another reason, another action", () => {
    expect(judge(ENDED, errorAbout(ENDED), {}, false)).toEqual(["told"]);
    expect(judge(ENDED, errorAbout(ENDED), { reason: "table-full" })).toEqual(["told"]);
    expect(judge(ENDED, errorAbout(ENDED), { hook: "from-network" })).toContain("told");
  });

  it("is a fault about what nobody may be told of (RFC 1122 section 3.2.2, RFC 4443 section 2.4(e))", () => {
    const to = (dst: string, l4 = MESSAGE) => ipv4({ src: INSIDE, dst, ttl: 1 }, l4);
    const about = (packet: Uint8Array, fields: EthernetFields = {}) =>
      judgeFrame(ethernet(packet, fields), errorAbout(packet));
    const unreachable = icmpMessage({ type: 3, code: 3, inner: ipv4({ src: REMOTE, dst: INSIDE }, MESSAGE) });
    const redirect = icmpMessage({ type: 5, code: 1, inner: ipv4({ src: REMOTE, dst: INSIDE }, MESSAGE) });
    for (const l4 of [unreachable, redirect]) expect(about(to(REMOTE, l4))).toContain("told");
    const [first, later] = ipv4FragmentsOf(to(REMOTE), [24]);
    expect(about(first!)).toEqual([]);
    expect(about(later!)).toContain("told");
    for (const dst of ["224.0.0.251", "239.1.2.3", "255.255.255.255"]) expect(about(to(dst))).toContain("told");
    expect(about(ENDED, { dst: "02:00:00:00:00:99" })).toEqual([]);
    for (const dst of ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff"]) expect(about(ENDED, { dst })).toEqual(["told"]);
    const cooked = (frame: Uint8Array, linkType: number) => judgeFrame(frame, errorAbout(ENDED), { linkType });
    expect([0, 1, 2, 3, 4].map((type) => cooked(sll(ENDED, type), 113).length)).toEqual([0, 1, 1, 0, 0]);
    const packetTypes = [0, 1, 2, 3, 4].map((packetType) => cooked(sll2(ENDED, { packetType }), 276).length);
    expect(packetTypes).toEqual([0, 1, 1, 0, 0]);
  });

  it("a drop as packet-too-big is a fault where the packet fits, may be cut up, or nobody is told", () => {
    const drop = { reason: "packet-too-big" };
    const fits = ipv4(
      { src: INSIDE, dst: REMOTE, dontFragment: true },
      udp({ srcPort: 1, dstPort: 2, payload: patterned(1422) }),
    );
    const divisible = ipv4({ src: INSIDE, dst: REMOTE }, udp({ srcPort: 1, dstPort: 2, payload: patterned(1423) }));
    expect([judge(fits, undefined, drop), judge(divisible, undefined, drop)]).toEqual([
      ["drop-reason"],
      ["drop-reason"],
    ]);
    expect(judge(LONG, undefined, drop, false)).toEqual(["drop-reason"]);
    expect(judge(LONG, undefined, drop)).toEqual([]);
  });
});
