import { concat, icmpMessage, otherProtocol } from "../../support/frames.js";
import {
  type Dice,
  egressOf,
  type Flow,
  familyOf,
  fromPod,
  fromRemote,
  headerOf,
  headerSize,
  type Kind,
  PODS,
  ip as packetOf,
  perFamily,
  ROUTERS,
  type Step,
} from "./conversation.js";
import { cut } from "./fragments.js";

/** Protocols without ports. */
const GRE = 47;
const ESP = 50;
/** For experiments (RFC 3692). */
const EXPERIMENT = 253;

/** How packets of each begin: GRE of an experimental EtherType, without and with a key (RFC 2784, RFC 2890), ESP with its SPI. */
const HEADS: readonly (readonly [protocol: number, head: Uint8Array, note?: string])[] = [
  [GRE, Uint8Array.of(0, 0, 0x88, 0xb5)],
  [GRE, Uint8Array.of(0x20, 0, 0x88, 0xb5, 0, 0, 0, 77)],
  [ESP, Uint8Array.of(0, 0, 0x12, 0x34, 0, 0, 0, 1)],
  [EXPERIMENT, Uint8Array.of(1, 2, 3, 4), "protocol 253"],
];

/** A remote that few conversations have: it belongs to the pod that first sends to it. */
function own(flow: Flow): Flow {
  const { port } = flow;
  const remote = familyOf(flow.pod) === 4 ? `100.64.${port >> 8}.${port & 255}` : `64:ff9b::${port.toString(16)}`;
  return { ...flow, remote };
}

class Tunnel {
  readonly steps: Step[] = [];
  readonly #flow: Flow;
  readonly #dice: Dice;
  readonly #protocol: number;
  readonly #head: Uint8Array;
  readonly #note: string | undefined;

  constructor(flow: Flow, dice: Dice) {
    this.#flow = own(flow);
    this.#dice = dice;
    [this.#protocol, this.#head, this.#note] = dice.pick(HEADS);
  }

  packet(from: Step["from"], flow = this.#flow, size = this.#dice.pick([4, 41, 700])): this {
    const layer4 = otherProtocol(this.#protocol, concat(this.#head, this.#dice.bytes(size)));
    const ip = { ...headerOf(this.#dice), dontFragment: false };
    const build = from === "pod" ? fromPod : fromRemote;
    const packet = build(flow, layer4, ip);
    const note = familyOf(flow.pod) === 6 ? this.#note : undefined;
    this.steps.push({ from, packets: () => packet, note });
    return this;
  }

  /** Of another pod to the same remote. */
  ofAnother(): this {
    const flow = this.#flow;
    const pod = this.#dice.pick(perFamily(flow, PODS).filter((address) => address !== flow.pod));
    return this.packet("pod", { ...flow, pod });
  }

  inFragments(from: Step["from"]): this {
    this.packet(from, this.#flow, 2000);
    this.steps.push(cut(this.steps.pop()!, this.#dice.pick([[1448], [552, 552]])));
    return this;
  }

  /** An error from outside about what came through last, or would have. */
  error(): this {
    const flow = this.#flow;
    const [type, code] = perFamily(flow, { 4: [3, 2], 6: [1, 0] });
    const src = this.#dice.pick(perFamily(flow, ROUTERS));
    const spoken = otherProtocol(this.#protocol, concat(this.#head, this.#dice.bytes(20)));
    const seen = packetOf({ src: egressOf(flow), dst: flow.remote }, spoken);
    const inner = seen.slice(0, headerSize(seen) + 8);
    const message = icmpMessage({ type: type!, code: code!, inner });
    const note = familyOf(flow.pod) === 6 ? this.#note : undefined;
    this.steps.push({ from: "remote", packets: () => packetOf({ src, dst: egressOf(flow) }, message), note });
    return this;
  }
}

function kind(name: string, weight: number, write: (tunnel: Tunnel) => unknown): Kind {
  return {
    name,
    weight,
    steps(flow, dice) {
      const tunnel = new Tunnel(flow, dice);
      write(tunnel);
      return tunnel.steps;
    },
  };
}

export const PROTOCOL_KINDS: readonly Kind[] = [
  {
    name: "gre-short",
    weight: 1,
    families: [4],
    steps(flow) {
      const short = otherProtocol(GRE, Uint8Array.of(0, 0, 0x88, 0xb5, 1));
      // Only such packets go there: they would make the remote the pod's with one gateway only.
      const remote = `100.127.${flow.port >> 8}.${flow.port & 255}`;
      return [{ from: "pod", note: "GRE of 5 bytes", packets: () => fromPod({ ...flow, remote }, short) }];
    },
  },
  kind("protocol", 3, (tunnel) => tunnel.packet("pod").packet("remote").packet("pod").packet("remote")),
  kind("protocol-taken", 3, (tunnel) => tunnel.packet("pod").ofAnother().packet("remote").ofAnother().packet("pod")),
  kind("protocol-error", 1, (tunnel) => tunnel.packet("pod").error().packet("remote")),
  kind("protocol-fragments", 2, (tunnel) => tunnel.inFragments("pod").inFragments("remote").packet("pod")),
];
