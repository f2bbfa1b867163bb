import {
  FEEDBACK_FORGET,
  FEEDBACK_REFUSED,
  FEEDBACK_RESTART,
  GATEWAY_DOWN,
  NO_INDEX,
  REASON_NO_NAT_MAPPING,
  VNI_HOST,
  VNI_WORLD,
} from "../../../../assembly/abi.js";
import { address } from "../../../engine/model.js";
import { natModel } from "../../../nat/rig.js";
import { be16, be32, concat, ethernet, ipv4, ipv4FragmentsOf, patterned, udp, vxlan } from "../../../support/frames.js";
import { Book } from "../book.js";
import { query, reply, segment } from "../builders.js";
import { chosen, egressKey } from "../choice.js";
import { drop, type Given, pass, type Want } from "../say.js";
import { atFar, EXT, INSIDE, REMOTE } from "../scenes.js";
import { hex, type Script } from "../script.js";
import { policyOf, RFC, type Setting } from "../settings.js";

const [GW_A, GW_B, WORKER] = [0, 1, 2];
const ADDRESSES = ["172.18.0.11", "172.18.0.12", "172.18.0.5"];
const IDENTITY = 4711;
const base = natModel({ hop: true });
const CLUSTER = policyOf(
  "cluster",
  "10.0.0.2 (identity 4711) on node worker is selected for everything, by gw-a with 192.0.2.1",
  { ...base, endpoints: base.endpoints.map((pod) => ({ ...pod, identity: IDENTITY })) },
  "rfc",
);
const cluster: Setting = { configuration: RFC, policy: CLUSTER, verifier: undefined };

const mac = (prefix: number, node: number) => concat(be16(prefix), be32(node));

/** What the engine puts in front of an IPv4 packet: locally administered addresses that end in the number of the node. */
function outer(from: number, to: number, vni: number, length: number): (sourcePort: number) => Uint8Array {
  return (sourcePort) => {
    const inner = concat(mac(0x0a53, to), mac(0x0a53, from), be16(0x0800));
    const header = udp({
      srcPort: sourcePort,
      dstPort: 8472,
      payload: concat(vxlan(vni, inner), new Uint8Array(length)),
      checksum: 0,
    });
    const packet = ipv4({ src: ADDRESSES[from]!, dst: ADDRESSES[to]!, id: 0, dontFragment: true }, header);
    return concat(mac(0x0253, to), mac(0x0253, from), be16(0x0800), packet).slice(0, 64);
  };
}

/** A packet as it comes over the overlay. */
function carried(
  from: number,
  to: number,
  vni: number,
  packet: Uint8Array,
  fields: { port?: number; flags?: number; atMs?: number } = {},
): Given {
  const inner = concat(mac(0x0a53, to), mac(0x0a53, from), be16(packet[0]! >> 4 === 6 ? 0x86dd : 0x0800), packet);
  const payload = vxlan(vni, inner).slice();
  if (fields.flags !== undefined) payload[0] = fields.flags;
  const header = udp({ srcPort: 50_000, dstPort: fields.port ?? 8472, payload, checksum: 0 });
  return {
    hook: "from-overlay",
    bytes: ethernet(ipv4({ src: ADDRESSES[from]!, dst: ADDRESSES[to]! }, header)),
    atMs: fields.atMs ?? 0,
  };
}

/** Bytes before the inner frame. */
const INNER_AT = 14 + 20 + 8 + 8;
const framed = (from: number, to: number, packet: Uint8Array) =>
  concat(mac(0x0a53, to), mac(0x0a53, from), be16(0x0800), packet);
const out = (port: number, ttl = 64) => ipv4({ src: INSIDE, dst: REMOTE, ttl }, query()(port));
const left = (port: number, ttl = 63) => ipv4({ src: EXT, dst: REMOTE, ttl }, query()(port));

/** Off to the gateway, unchanged. */
function redirected(given: Given, ...flags: Want["flags"]): Want {
  return {
    action: "redirect",
    reason: "none",
    flags,
    egress: 0,
    target: ADDRESSES[GW_A]!,
    node: GW_A,
    inner: 14,
    outer: outer(WORKER, GW_A, IDENTITY, given.bytes.length - 14),
  };
}

/** At the gateway: leaves. */
function snat(port: number, ...flags: Want["flags"]): Want {
  return {
    action: "snat",
    reason: "none",
    flags: [...flags, "hop"],
    egress: 0,
    egressIP: EXT,
    natPort: port,
    inner: INNER_AT,
    out: framed(WORKER, GW_A, left(port)),
  };
}

export async function overlay(): Promise<Book> {
  const book = new Book(
    "overlay",
    "Engines that each play one node of a cluster: frames redirected over VXLAN, taken from it, and what nodes tell each other.",
  );
  const play = (node: number) => (s: Script) => s.call("setOwnNode", [node]);
  const rules = ["RFC 7348 section 5", "docs/abi.md, Overlay"];
  await book.add(
    {
      name: "endpoint-node-redirects",
      why: "At the endpoint's node a selected frame goes to its gateway as it is, behind outer headers under the endpoint's identity; the second frame opens nothing.",
      rules,
      setting: cluster,
    },
    (s) => {
      play(WORKER)(s);
      const sent = atFar.send(query()(4000));
      s.one(sent, redirected(sent, "created"));
      s.one(sent, redirected(sent));
    },
  );
  await book.add(
    {
      name: "endpoint-node-passes",
      why: "At the endpoint's node what no policy selects passes, and what is for the cluster.",
      rules: ["docs/abi.md, setOwnNode"],
      setting: cluster,
    },
    (s) => {
      play(WORKER)(s);
      s.one(atFar.send(query()(4000), { dst: "10.0.0.9" }), pass("cluster-internal"));
      s.one(atFar.send(query()(4000), { dst: "224.0.0.251" }), pass("multicast"));
    },
  );
  await book.add(
    {
      name: "endpoint-node-ttl",
      why: "A frame that the hop to the gateway would end is dropped at the endpoint's node already.",
      rules: ["docs/high-availability.md (cluster topology)"],
      setting: cluster,
    },
    (s) => {
      play(WORKER)(s);
      s.one(atFar.send(query()(4000), { ttl: 1 }), drop("ttl-exceeded"));
    },
  );
  await book.add(
    {
      name: "gateway-takes",
      why: "At the gateway the inner frame is translated where it lies, TTL one less: VERDICT_INNER_AT says where it begins, VERDICT_LENGTH_AT how long it is.",
      rules,
      setting: cluster,
    },
    (s) => {
      play(GW_A)(s);
      s.one(carried(WORKER, GW_A, IDENTITY, out(4000)), snat(4000, "created"));
      s.one(carried(WORKER, GW_A, IDENTITY, out(4000)), snat(4000));
    },
  );
  await book.add(
    {
      name: "gateway-sends-reply-back",
      why: "A reply is translated and goes to the endpoint's node under VNI_WORLD, TTL one less.",
      rules,
      setting: cluster,
    },
    (s) => {
      play(GW_A)(s);
      s.one(carried(WORKER, GW_A, IDENTITY, out(4000)), snat(4000, "created"));
      const back = ethernet(ipv4({ src: REMOTE, dst: INSIDE, ttl: 63 }, reply()(4000)));
      s.one(atFar.answer(reply()(4000)), {
        action: "redirect",
        reason: "none",
        flags: ["hop"],
        egress: 0,
        egressIP: EXT,
        natPort: 4000,
        target: ADDRESSES[WORKER]!,
        node: WORKER,
        inner: 14,
        outer: outer(GW_A, WORKER, VNI_WORLD, back.length - 14),
        out: back,
      });
    },
  );
  await book.add(
    {
      name: "endpoint-node-delivers",
      why: "At the endpoint's node a reply from the overlay goes on to the endpoint as it came.",
      rules,
      setting: cluster,
    },
    (s) => {
      play(WORKER)(s);
      const sent = atFar.send(query()(4000));
      s.one(sent, redirected(sent, "created"));
      const back = ipv4({ src: REMOTE, dst: INSIDE, ttl: 63 }, reply()(4000));
      s.one(carried(GW_A, WORKER, VNI_WORLD, back), {
        action: "reverse",
        reason: "none",
        flags: [],
        natPort: 0,
        inner: INNER_AT,
        out: framed(GW_A, WORKER, back),
      });
    },
  );
  await refusals(book, rules);
  await telling(book);
  await moving(book);
  await locating(book);
  return book;
}

async function refusals(book: Book, rules: readonly string[]): Promise<void> {
  const bad: [string, Given, string][] = [
    ["host-identity", carried(WORKER, GW_A, VNI_HOST, out(4000)), "No node sends under the host's own identity."],
    [
      "another-port",
      carried(WORKER, GW_A, IDENTITY, out(4000), { port: 4789 }),
      "It is no packet of this overlay's port.",
    ],
    [
      "no-vni-flag",
      carried(WORKER, GW_A, IDENTITY, out(4000), { flags: 0 }),
      "Without the I flag a VXLAN header has no VNI.",
    ],
    [
      "cut",
      {
        ...carried(WORKER, GW_A, IDENTITY, out(4000)),
        bytes: carried(WORKER, GW_A, IDENTITY, out(4000)).bytes.slice(0, 60),
      },
      "It ends before the inner frame begins.",
    ],
    [
      "not-ip",
      { hook: "from-overlay", bytes: ethernet(new Uint8Array(46), { etherType: 0x0806 }) },
      "It is no IP packet at all.",
    ],
    [
      "unselected",
      carried(WORKER, GW_A, IDENTITY, ipv4({ src: "10.0.0.77", dst: REMOTE }, query()(4000))),
      "No policy selects the inner source: the gateway has nothing to do with it.",
    ],
    [
      "reply-without-connection",
      carried(GW_B, GW_A, VNI_WORLD, ipv4({ src: REMOTE, dst: INSIDE }, reply()(4000))),
      "A reply for an endpoint of another node does not come here.",
    ],
  ];
  for (const [name, given, why] of bad)
    await book.add(
      {
        name: `refused-${name}`,
        why: `${why} It is dropped.`,
        rules: ["docs/abi.md, REASON_BAD_OVERLAY", ...rules],
        setting: cluster,
      },
      (s) => {
        s.call("setOwnNode", [GW_A]);
        // Where the outer headers are sound the length is that of the inner frame.
        const length = given.bytes.length - (["unselected", "reply-without-connection"].includes(name) ? INNER_AT : 0);
        s.one(given, drop("bad-overlay", { length }));
      },
    );
  await book.add(
    {
      name: "fragments-at-gateway",
      why: "A gateway translates fragments that an endpoint's node has sent on in order, and drops one that comes without its first: it holds none.",
      rules: ["docs/abi.md, Fragments"],
      setting: cluster,
    },
    (s) => {
      s.call("setOwnNode", [GW_A]);
      const cut = (src: string, ttl: number, id = 7) =>
        ipv4FragmentsOf(ipv4({ src, dst: REMOTE, ttl, id }, query(patterned(40))(4000)), [24]);
      const leaves = (i: number, ...flags: Want["flags"]): Want => ({
        ...snat(4000, ...flags),
        out: framed(WORKER, GW_A, cut(EXT, 63)[i]!),
      });
      const early = cut(INSIDE, 64, 8)[1]!;
      s.one(carried(WORKER, GW_A, IDENTITY, early), drop("fragment-without-first", { length: early.length + 14 }));
      s.one(carried(WORKER, GW_A, IDENTITY, cut(INSIDE, 64)[0]!), leaves(0, "created"));
      s.one(carried(WORKER, GW_A, IDENTITY, cut(INSIDE, 64)[1]!), leaves(1));
    },
  );
}

async function telling(book: Book): Promise<void> {
  const rules = ["docs/abi.md, feedback"];
  for (const [name, what, why] of [
    ["refused", FEEDBACK_REFUSED | (REASON_NO_NAT_MAPPING << 8), "The gateway refused the frame"],
    ["restart", FEEDBACK_RESTART, "The gateway made a new mapping for it"],
  ] as const)
    await book.add(
      {
        name: `feedback-${name}`,
        why: `${why}, and the endpoint's node is told: the pin stays, and the next frame goes to the same gateway.`,
        rules,
        setting: cluster,
      },
      (s) => {
        s.call("setOwnNode", [WORKER]);
        const sent = atFar.send(segment("SYN")(5000));
        s.one(sent, redirected(sent, "created"));
        s.call("feedback", [0, what]);
        s.one(sent, redirected(sent));
      },
    );
  await book.add(
    {
      name: "feedback-forget",
      why: "A connection that ended at its gateway is forgotten at the endpoint's node: the next frame begins it anew.",
      rules,
      setting: cluster,
    },
    (s) => {
      s.call("setOwnNode", [WORKER]);
      const sent = atFar.send(query()(4000));
      s.one(sent, redirected(sent, "created"));
      s.call("feedback", [0, FEEDBACK_FORGET]);
      s.one(sent, redirected(sent, "created"));
    },
  );
  await book.add(
    {
      name: "feedback-unknown",
      why: "Feedback about a connection that is not known changes nothing.",
      rules,
      setting: cluster,
    },
    (s) => {
      s.call("setOwnNode", [WORKER]);
      s.one(atFar.send(query()(4000), { dst: "224.0.0.251" }), pass("multicast"));
      s.call("feedback", [0, FEEDBACK_FORGET]);
    },
  );
}

async function moving(book: Book): Promise<void> {
  const both = policyOf(
    "cluster-of-two",
    "the same through gw-a with 192.0.2.1 or gw-b with 192.0.2.2",
    { ...CLUSTER.model!, policies: CLUSTER.model!.policies.map((row) => ({ ...row, egresses: [0, 1] })) },
    "rfc",
  );
  const keys = [egressKey("gw-a", EXT), egressKey("gw-b", "192.0.2.2")];
  const port = Array.from({ length: 100 }, (_, i) => 4000 + i).find(
    (srcPort) => chosen({ src: INSIDE, dst: REMOTE, srcPort, dstPort: 53, protocol: 17 }, keys) === 0,
  )!;
  await book.add(
    {
      name: "endpoint-node-moves",
      why: "A gateway that goes down loses its pins: the next frame goes to the other one, the connection is rebound, and the verdict says which gateway may forget it.",
      rules: ["docs/abi.md, VERDICT_FLAG_RELEASE", "docs/abi.md, setGateway"],
      setting: { ...cluster, policy: both },
      proof: ["hashes"],
    },
    (s) => {
      s.call("setOwnNode", [WORKER]);
      const sent = atFar.send(query()(port));
      s.one(sent, redirected(sent, "created"));
      s.call("setGateway", [GW_A, GATEWAY_DOWN]);
      s.one(sent, {
        ...redirected(sent, "remapped", "release"),
        egress: 1,
        oldEgress: 0,
        target: ADDRESSES[GW_B]!,
        node: GW_B,
        outer: outer(WORKER, GW_B, IDENTITY, sent.bytes.length - 14),
      });
    },
  );
}

async function locating(book: Book): Promise<void> {
  await book.add(
    {
      name: "locate",
      why: "locate says where frames come in, and processes none: the node of the endpoint that sends or is sent to, and the egress whose address a frame from the network has.",
      rules: ["docs/abi.md, locate"],
      setting: cluster,
    },
    (s) => {
      const nobody = { node: NO_INDEX, egress: NO_INDEX, egress_ip: "00".repeat(16) };
      s.locate([
        [atFar.send(query()(4000)), { ...nobody, node: WORKER }],
        [atFar.answer(reply()(4000)), { ...nobody, egress: 0, egress_ip: hex(address(EXT)) }],
        [atFar.answer(reply()(4000), { dst: INSIDE }), { ...nobody, node: WORKER }],
        [atFar.send(query()(4000), { src: "10.99.0.1" }), nobody],
      ]);
    },
  );
}
