import * as abi from "../../assembly/abi.js";
import type { PolicyModel } from "../../src/config/types.js";
import { address, egress, endpoint, model, node, policy, policySet } from "../engine/model.js";
import {
  ethernet,
  icmpMessage,
  ipv4,
  ipv4FragmentsOf,
  ipv6,
  type Layer4,
  patterned,
  tcp,
  udp,
  vxlan,
} from "../support/frames.js";
import type { Mapping, Stage } from "./stage.js";

/** A frame and the hook it comes in at (HOOK_*). */
export interface GateFrame {
  readonly hook: number;
  readonly bytes: Uint8Array;
}

/** Frames of one kind, and the connections that there are before them. */
export interface GateCase {
  readonly name: string;
  /** Node that the engine plays: index into the model's nodes; none = every node. */
  readonly ownNode?: number;
  /** What has to become of each frame: ACTION_*. */
  readonly action: number;
  /** Opens connections and gives the frames that are counted: FRAMES of them. */
  prepare(stage: Stage): readonly GateFrame[];
}

/** Frames of a case, in one batch. */
export const FRAMES = 256;
/** Connections that are established before; the table has room for CAPACITY. */
const ESTABLISHED = 768;
export const CAPACITY = 1024;

const OUT = abi.HOOK_FROM_ENDPOINT;
const IN = abi.HOOK_FROM_NETWORK;
const OVERLAY = abi.HOOK_FROM_OVERLAY;

const PODS = 16;
const REMOTES = 64;
const IDENTITY = 4711;
const WORKER = 0;
const GATEWAY = 1;
const NODE_IPS = ["172.18.0.2", "172.18.0.3", "172.18.0.4", "172.18.0.5", "172.18.0.6"];

/** Sixteen pods of both families on one node, four gateways on others, one policy that selects everything. */
export function gateModel(): PolicyModel {
  const gateways = NODE_IPS.slice(GATEWAY).map((_, i) => `gateway-${i + 1}`);
  return model({
    nodes: [node("worker", NODE_IPS[WORKER]), ...gateways.map((name, i) => node(name, NODE_IPS[GATEWAY + i]))],
    egresses: gateways.map((name, i) =>
      egress(name, `203.0.113.${i + 1}`, { egressIPv6: address(`2001:db8::${i + 1}`) }),
    ),
    policies: [
      policy(
        "everything",
        gateways.map((_, i) => i),
      ),
    ],
    policySets: [policySet({ "0.0.0.0/0": 0, "::/0": 0 })],
    endpoints: Array.from({ length: PODS }, (_, i) =>
      endpoint(`pod-${i}`, [`10.1.0.${i + 1}`, `fd00::${i + 1}`], { node: "worker", identity: IDENTITY }),
    ),
  });
}

/** Addresses and ports of a connection as its endpoint sees them. */
interface Tuple {
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
}

type Family = 4 | 6;
type Transport = "tcp" | "udp";

function tupleOf(connection: number, family: Family): Tuple {
  const pod = (connection % PODS) + 1;
  const remote = ((connection * 37) % REMOTES) + 1;
  const srcPort = 40_000 + Math.floor(connection / PODS) * 7;
  const dstPort = 443;
  if (family === 6) return { src: `fd00::${pod}`, dst: `2001:db8:5::${remote}`, srcPort, dstPort };
  return { src: `10.1.0.${pod}`, dst: `198.51.100.${remote}`, srcPort, dstPort };
}

function packet(src: string, dst: string, body: Layer4, id = 0x1234): Uint8Array {
  return src.includes(":") ? ipv6({ src, dst }, body) : ipv4({ src, dst, id }, body);
}

function segment(transport: Transport, srcPort: number, dstPort: number, flags: string): Layer4 {
  const payload = patterned(18, srcPort);
  return transport === "tcp" ? tcp({ srcPort, dstPort, flags }) : udp({ srcPort, dstPort, payload });
}

function request({ src, dst, srcPort, dstPort }: Tuple, transport: Transport, flags: string): Uint8Array {
  return ethernet(packet(src, dst, segment(transport, srcPort, dstPort, flags)));
}

/** What a remote sends to the address and port that a connection has outside. */
function reply({ dst, dstPort }: Tuple, { egressIP, natPort }: Mapping, transport: Transport, flags: string) {
  return ethernet(packet(dst, egressIP, segment(transport, dstPort, natPort, flags)));
}

function overlay(from: number, to: number, vni: number, inner: Uint8Array): Uint8Array {
  const body = udp({ srcPort: 50_001, dstPort: 8472, payload: vxlan(vni, inner), checksum: 0 });
  return ethernet(ipv4({ src: NODE_IPS[from], dst: NODE_IPS[to] }, body));
}

function toGateway(inner: Uint8Array): Uint8Array {
  return overlay(WORKER, GATEWAY, IDENTITY, inner);
}

function numbers(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

/** The first frame of a connection. */
export function firstFrame(): GateFrame {
  return { hook: OUT, bytes: request(tupleOf(0, 4), "tcp", "SYN") };
}

/** As many of the established connections as frames are counted, spread over all of them. */
const COUNTED = numbers(FRAMES).map((i) => (i * 3) % ESTABLISHED);

/** Opens and confirms the connections of one kind. @returns what each looks like outside */
function establish(stage: Stage, transport: Transport, family: Family = 4): Mapping[] {
  const tuples = numbers(ESTABLISHED).map((i) => tupleOf(i, family));
  const sent = (flags: string) => tuples.map((tuple) => ({ hook: OUT, bytes: request(tuple, transport, flags) }));
  const mappings = stage.send(sent("SYN"), abi.ACTION_SNAT);
  const answers = tuples.map((tuple, i) => ({ hook: IN, bytes: reply(tuple, mappings[i], transport, "SYN ACK") }));
  stage.send(answers, abi.ACTION_REVERSE);
  stage.send(sent("ACK"), abi.ACTION_SNAT);
  return mappings;
}

function forward(transport: Transport, family: Family): readonly GateFrame[] {
  return COUNTED.map((i) => ({ hook: OUT, bytes: request(tupleOf(i, family), transport, "ACK") }));
}

export const CASES: readonly GateCase[] = [
  {
    name: "tcp-forward",
    action: abi.ACTION_SNAT,
    prepare: (stage) => {
      establish(stage, "tcp");
      return forward("tcp", 4);
    },
  },
  {
    name: "tcp-reverse",
    action: abi.ACTION_REVERSE,
    prepare: (stage) => {
      const mappings = establish(stage, "tcp");
      return COUNTED.map((i) => ({ hook: IN, bytes: reply(tupleOf(i, 4), mappings[i], "tcp", "ACK") }));
    },
  },
  {
    name: "tcp-new",
    action: abi.ACTION_SNAT,
    prepare: (stage) => {
      establish(stage, "tcp");
      return numbers(FRAMES, ESTABLISHED).map((i) => ({ hook: OUT, bytes: request(tupleOf(i, 4), "tcp", "SYN") }));
    },
  },
  {
    name: "udp-forward",
    action: abi.ACTION_SNAT,
    prepare: (stage) => {
      establish(stage, "udp");
      return forward("udp", 4);
    },
  },
  {
    name: "ipv6-forward",
    action: abi.ACTION_SNAT,
    prepare: (stage) => {
      establish(stage, "tcp", 6);
      return forward("tcp", 6);
    },
  },
  {
    name: "icmp-error",
    action: abi.ACTION_REVERSE,
    prepare: (stage) => {
      const mappings = establish(stage, "udp");
      return COUNTED.map((i) => {
        const { dst, dstPort } = tupleOf(i, 4);
        const { egressIP, natPort } = mappings[i];
        const inner = packet(egressIP, dst, segment("udp", natPort, dstPort, ""));
        const error = icmpMessage({ type: 3, code: 3, inner });
        return { hook: IN, bytes: ethernet(packet(dst, egressIP, error)) };
      });
    },
  },
  {
    name: "vxlan-redirect",
    ownNode: WORKER,
    action: abi.ACTION_REDIRECT,
    prepare: (stage) => {
      const tuples = numbers(ESTABLISHED).map((i) => tupleOf(i, 4));
      const sent = (flags: string) => tuples.map((tuple) => ({ hook: OUT, bytes: request(tuple, "tcp", flags) }));
      stage.send(sent("SYN"), abi.ACTION_REDIRECT);
      const answers = tuples.map(({ src, dst, srcPort, dstPort }) => {
        const inner = ethernet(packet(dst, src, segment("tcp", dstPort, srcPort, "SYN ACK")));
        return { hook: OVERLAY, bytes: overlay(GATEWAY, WORKER, abi.VNI_WORLD, inner) };
      });
      stage.send(answers, abi.ACTION_REVERSE);
      stage.send(sent("ACK"), abi.ACTION_REDIRECT);
      return forward("tcp", 4);
    },
  },
  {
    name: "vxlan-gateway",
    ownNode: GATEWAY,
    action: abi.ACTION_SNAT,
    prepare: (stage) => {
      const tuples = numbers(ESTABLISHED).map((i) => tupleOf(i, 4));
      const sent = (flags: string) =>
        tuples.map((tuple) => ({ hook: OVERLAY, bytes: toGateway(request(tuple, "tcp", flags)) }));
      const mappings = stage.send(sent("SYN"), abi.ACTION_SNAT);
      const answers = tuples.map((tuple, i) => ({ hook: IN, bytes: reply(tuple, mappings[i], "tcp", "SYN ACK") }));
      stage.send(answers, abi.ACTION_REDIRECT);
      stage.send(sent("ACK"), abi.ACTION_SNAT);
      return forward("tcp", 4).map(({ bytes }) => ({ hook: OVERLAY, bytes: toGateway(bytes) }));
    },
  },
  {
    name: "fragment-pair",
    action: abi.ACTION_SNAT,
    prepare: (stage) => {
      establish(stage, "udp");
      return numbers(FRAMES / 2).flatMap((i) => {
        const { src, dst, srcPort, dstPort } = tupleOf(COUNTED[i], 4);
        const whole = packet(src, dst, udp({ srcPort, dstPort, payload: patterned(120, i) }), 1000 + i);
        return ipv4FragmentsOf(whole, [64]).map((piece) => ({ hook: OUT, bytes: ethernet(piece) }));
      });
    },
  },
];
