import { ENDPOINT, LOCAL_ENDPOINT, OTHER_ENDPOINT, REMOTE } from "../../../assembly/path/worlds.js";
import { endpoint, node } from "../../../engine/model.js";
import { icmpMessage, ipv4 } from "../../../support/frames.js";
import { Book } from "../book.js";
import { answer, query, reply, segment } from "../builders.js";
import { CILIUM_PORTS, natPort } from "../choice.js";
import { drop } from "../say.js";
import { CILIUM, policyOf, type Setting } from "../settings.js";
import { at, behind, four, one, placed, TWO, two } from "../worlds.js";

const PORT = 40_000;
const [DOWN, HEALTHY, ACTIVE] = [0, 1, 2];
/** No verifier is told which members are active in a zone. */
const unwatched = (setting: Setting): Setting => ({ ...setting, verifier: undefined });

const base = TWO.model!;
const ZONES = ["zone-1", "zone-2", undefined];
const ZONED = policyOf(
  "zones",
  "gw-a in zone 1, gw-b in zone 2; 10.1.2.0 in zone 1, 10.1.2.1 in zone 2, 10.1.2.2 in none",
  {
    ...base,
    nodes: [
      node("gw-a", "172.18.0.11", "zone-1"),
      node("gw-b", "172.18.0.12", "zone-2"),
      ...ZONES.map((zone, i) => node(`worker-${i}`, `172.18.0.${20 + i}`, zone)),
    ],
    endpoints: ZONES.map((_, i) => endpoint(`pod-${i}`, [`10.1.2.${i}`], { node: `worker-${i}` })),
  },
);
const zoned: Setting = { configuration: CILIUM, policy: ZONED, verifier: undefined };

/** The first port from 40000 on whose connection goes to a gateway. */
const portFor = (gateway: number, dstPort: number, protocol: number, active: readonly number[]) =>
  Array.from({ length: 100 }, (_, i) => PORT + i).find((port) => placed(port, dstPort, protocol, active) === gateway)!;

export async function gateways(): Promise<Book> {
  const book = new Book(
    "gateways",
    "Gateways that are down, draining, unreachable, or have lost their memory; members that are active or not.",
  );
  await failing(book);
  await dying(book);
  await members(book);
  return book;
}

async function failing(book: Book): Promise<void> {
  const rules = ["docs/abi.md, setGateway", "docs/high-availability.md (losses, breaks and pins)"];
  const all = [0, 1, 2, 3];
  await book.add(
    {
      name: "down-breaks-tcp",
      why: "A gateway that goes down loses its connections: the next frame picks among the active ones, the tuple changes, and TCP breaks. When it is back, the connection stays where it is.",
      rules,
      setting: four,
      proof: ["hashes"],
    },
    (s) => {
      const port = portFor(1, 443, 6, all);
      const next = behind(placed(port, 443, 6, [0, 2, 3]));
      s.process([behind(1).out(segment("SYN"), port, port, {}, "created")]);
      s.call("setGateway", [1, DOWN]);
      s.process([
        next.out(segment("ACK"), port, port, {}, "created", "remapped", "breaks"),
        next.back(answer("ACK"), port),
      ]);
      s.call("setGateway", [1, ACTIVE]);
      s.process([next.out(segment("ACK"), port)]);
    },
  );
  await book.add(
    {
      name: "down-rebinds-udp",
      why: "UDP that moves to another gateway is rebound, not broken.",
      rules,
      setting: four,
      proof: ["hashes"],
    },
    (s) => {
      const port = portFor(2, 53, 17, all);
      s.process([behind(2).out(query(), port, port, {}, "created")]);
      s.call("setGateway", [2, DOWN]);
      s.process([behind(placed(port, 53, 17, [0, 1, 3])).out(query(), port, port, {}, "created", "remapped")]);
    },
  );
  await book.add(
    {
      name: "down-leaves-others",
      why: "Connections of other gateways stay where they are.",
      rules: ["docs/abi.md, Placement", ...rules],
      setting: four,
      proof: ["hashes"],
    },
    (s) => {
      const [mine, others] = [portFor(3, 443, 6, all), portFor(0, 443, 6, all)];
      s.process([
        behind(3).out(segment("SYN"), mine, mine, {}, "created"),
        behind(0).out(segment("SYN"), others, others, {}, "created"),
      ]);
      s.call("setGateway", [3, DOWN]);
      s.process([behind(0).out(segment("ACK"), others)]);
    },
  );
  await book.add(
    {
      name: "down-and-back-in-silence",
      why: "A connection that said nothing while its gateway was down picks again all the same, even if the gateway is back: healthy, but not for new ones.",
      rules,
      setting: unwatched(two),
      proof: ["hashes"],
    },
    (s) => {
      const port = portFor(1, 443, 6, [0, 1]);
      s.process([behind(1).out(segment("SYN"), port, port, {}, "created")]);
      s.call("setGateway", [1, DOWN]);
      s.call("setGateway", [1, HEALTHY]);
      s.process([behind(0).out(segment("ACK"), port, port, {}, "created", "remapped", "breaks")]);
    },
  );
  await book.add(
    {
      name: "draining",
      why: "A gateway that is healthy but not active keeps its connections and takes no new ones.",
      rules,
      setting: two,
      proof: ["hashes"],
    },
    (s) => {
      const port = portFor(0, 443, 6, [0, 1]);
      const fresh = Array.from({ length: 100 }, (_, i) => 41_000 + i).find((one) => placed(one, 443, 6, [0, 1]) === 0)!;
      s.process([behind(0).out(segment("SYN"), port, port, {}, "created")]);
      s.call("setGateway", [0, HEALTHY]);
      s.process([behind(0).out(segment("ACK"), port), behind(0).back(answer("ACK"), port)]);
      s.process([behind(1).out(segment("SYN"), fresh, fresh, {}, "created")]);
    },
  );
  await book.add(
    {
      name: "nobody-left",
      why: "With no active gateway a new connection is dropped, and so is one whose gateway went down.",
      rules: ["docs/abi.md, REASON_NO_EGRESS_GATEWAY", "docs/conformance.md, Cilium 2.4.9"],
      setting: one,
    },
    (s) => {
      s.process([at.out(segment("SYN"), PORT, PORT, {}, "created")]);
      s.call("setGateway", [0, DOWN]);
      s.one(at.send(segment("ACK")(PORT)), drop("no-egress-gateway"));
      s.one(at.send(segment("SYN")(PORT + 1)), drop("no-egress-gateway"));
    },
  );
  await book.add(
    {
      name: "reply-through-down-gateway",
      why: "A gateway that is believed to be down and has the mapping translates a reply: it does not ask.",
      rules: ["docs/high-availability.md (losses, breaks and pins)"],
      setting: unwatched(one),
    },
    (s) => {
      s.process([at.out(segment("SYN"), PORT, PORT, {}, "created")]);
      s.call("setGateway", [0, DOWN]);
      s.process([at.back(answer("SYN ACK"), PORT)]);
    },
  );
}

async function dying(book: Book): Promise<void> {
  const rules = ["docs/abi.md, setReachable", "docs/high-availability.md (losses, breaks and pins)"];
  const lost = drop("gateway-down", { egress: 0 });
  await book.add(
    {
      name: "unreachable",
      why: "Frames to a gateway that does not answer are lost, and stay pinned to it; when it answers again, with its memory, they go on.",
      rules,
      setting: one,
    },
    (s) => {
      s.process([at.out(segment("SYN"), PORT, PORT, {}, "created")]);
      s.call("setReachable", [0, 0]);
      s.one(at.send(segment("ACK")(PORT)), lost);
      s.call("setReachable", [0, 1]);
      s.process([at.out(segment("ACK"), PORT)]);
    },
  );
  await book.add(
    {
      name: "unreachable-first-frame",
      why: "A connection whose first frame never arrived is not remembered.",
      rules,
      setting: one,
    },
    (s) => {
      s.call("setReachable", [0, 0]);
      s.one(at.send(segment("SYN")(PORT)), lost);
      s.advance(0, { entries: 0, live: 0 });
    },
  );
  await book.add(
    { name: "unreachable-ttl", why: "What the hop ends is not lost: it was dropped before.", rules, setting: one },
    (s) => {
      s.call("setReachable", [0, 0]);
      s.one(at.send(segment("SYN")(PORT), { ttl: 1 }), drop("ttl-exceeded"));
    },
  );
  const gone = ["docs/abi.md, nodeLost", "docs/high-availability.md (losses, breaks and pins)"];
  await book.add(
    {
      name: "lost-reply",
      why: "A gateway that lost its memory has no mapping for a reply.",
      rules: gone,
      setting: one,
    },
    (s) => {
      s.process([at.out(segment("SYN"), PORT, PORT, {}, "created")]);
      s.call("nodeLost", [0]);
      s.one(at.answer(answer("SYN ACK")(PORT)), drop("no-reverse-mapping"));
    },
  );
  await book.add(
    {
      name: "lost-same-port",
      why: "A gateway that is back without its memory makes a new mapping for the pinned connection; the port is free, so the tuple is the same and nothing broke.",
      rules: gone,
      setting: one,
    },
    (s) => {
      s.process([at.out(segment("SYN"), PORT, PORT, {}, "created")]);
      s.call("nodeLost", [0]);
      s.process([at.out(segment("ACK"), PORT, PORT, {}, "created"), at.back(answer("ACK"), PORT)], {
        counters: { removed: 1 },
        note: "the mapping before counts as removed",
      });
    },
  );
  await book.add(
    {
      name: "lost-port-taken",
      why: "Where another endpoint took the port meanwhile, the connection gets another one: it broke, because its gateway restarted.",
      rules: gone,
      setting: one,
      proof: ["hashes"],
    },
    (s) => {
      const other = at.with({ inside: OTHER_ENDPOINT });
      const next = natPort({ src: ENDPOINT, dst: REMOTE, srcPort: PORT, dstPort: 443, protocol: 6 }, CILIUM_PORTS, [
        PORT,
      ]);
      s.process([at.out(segment("SYN"), PORT, PORT, {}, "created")]);
      s.call("nodeLost", [0]);
      s.process([other.out(segment("SYN"), PORT, PORT, {}, "created")]);
      s.process([at.out(segment("ACK"), PORT, next, {}, "created", "remapped", "restart", "breaks")]);
    },
  );
  await book.add(
    {
      name: "lost-own-endpoints",
      why: "What the endpoints of a lost node had open is over.",
      rules: gone,
      setting: one,
    },
    (s) => {
      const local = at.with({ inside: LOCAL_ENDPOINT, hop: false });
      s.process([local.out(segment("SYN"), PORT, PORT, {}, "created")]);
      s.call("nodeLost", [0], { counters: { removed: 1 } });
      s.one(at.answer(answer("SYN ACK")(PORT)), drop("no-reverse-mapping"));
      s.advance(0, { entries: 0, live: 0 });
    },
  );
  await book.add(
    {
      name: "lost-icmp-error",
      why: "An endpoint's error about a mapping that is lost is about no connection; while its gateway does not answer it is lost.",
      rules: gone,
      setting: unwatched(one),
    },
    (s) => {
      s.process([at.out(query(), PORT, PORT, {}, "created")]);
      s.call("nodeLost", [0]);
      const error = at.send(
        icmpMessage({ type: 3, code: 3, inner: ipv4({ src: REMOTE, dst: ENDPOINT }, reply()(PORT)) }),
      );
      s.one(error, drop("icmp-error-unmatched"));
      s.call("setReachable", [0, 0]);
      s.one(error, lost);
    },
  );
}

async function members(book: Book): Promise<void> {
  const rules = ["docs/abi.md, setActive", "docs/high-availability.md (groups, caps and zones)"];
  const pod = (i: number, gateway: number) => behind(gateway).with({ inside: `10.1.2.${i}` });
  await book.add(
    {
      name: "active-by-zone",
      why: "Endpoints of each zone have members of their own: zone 1 gw-a, zone 2 gw-b, no zone none.",
      rules,
      setting: zoned,
    },
    (s) => {
      s.call("setActive", [0, 1, 0b01, 0]);
      s.call("setActive", [0, 2, 0b10, 0]);
      s.call("setActive", [0, 0, 0, 0]);
      for (let port = PORT; port < PORT + 4; port++) {
        s.process([
          pod(0, 0).out(segment("SYN"), port, port, {}, "created"),
          pod(1, 1).out(segment("SYN"), port, port, {}, "created"),
        ]);
        s.one(pod(2, 0).send(segment("SYN")(port)), drop("no-egress-gateway"));
      }
    },
  );
  await book.add(
    {
      name: "active-no-more-keeps",
      why: "A member that is active no more keeps its connections.",
      rules,
      setting: zoned,
      proof: ["hashes"],
    },
    (s) => {
      const port = Array.from({ length: 100 }, (_, i) => PORT + i).find(
        (one) => placed(one, 443, 6, [0, 1], "10.1.2.0") === 0,
      )!;
      s.process([pod(0, 0).out(segment("SYN"), port, port, {}, "created")]);
      s.call("setActive", [0, 1, 0b10, 0]);
      s.process([
        pod(0, 0).out(segment("ACK"), port),
        pod(0, 1).out(segment("SYN"), port + 1000, port + 1000, {}, "created"),
      ]);
    },
  );
  await book.add(
    {
      name: "active-again-after-load",
      why: "After a policy was loaded all members are active again for every zone.",
      rules: ["docs/abi.md, loadPolicy"],
      setting: zoned,
    },
    (s) => {
      s.call("setActive", [0, 0, 0, 0]);
      s.one(pod(2, 0).send(segment("SYN")(PORT)), drop("no-egress-gateway"));
      s.load(ZONED);
      const gateway = placed(PORT, 443, 6, [0, 1], "10.1.2.2");
      s.process([pod(2, gateway).out(segment("SYN"), PORT, PORT, {}, "created")]);
    },
  );
}
