import { LINK_RAW } from "../../../assembly/abi.js";
import type { PolicyModel, Timeouts } from "../../../src/config/types.js";
import { GatewayRig } from "../../assembly/path/gateway-rig.js";
import {
  address,
  CILIUM_TIMEOUTS,
  egress,
  endpoint,
  model,
  node,
  policy,
  policySet,
  withSettings,
} from "../../engine/model.js";
import type { Delivery, Exchanged, Gateway, GatewayOptions, Packet } from "./gateway.js";

/** RFC 4787, 5382, 5508 and 7857 (nat-requirements: what the RFCs recommend). */
const RFC_TIMEOUTS: Timeouts = {
  tcpOpening: 240_000,
  tcpEstablished: 7_440_000,
  tcpClosing: 240_000,
  udp: 300_000,
  icmp: 60_000,
  other: 300_000,
};
/** Linux's for protocols that it does not know: no run may outlive those, as few remotes serve many pods. */
const OTHER_MS = 600_000;

/** What is left of a batch is given again behind frames that were held: not many at a time. */
const BATCH = 64;

/** The product's engine in the place of lab.sh's gateway: same pods, same egress IP, same ports, one routed hop. */
export class EngineGateway implements Gateway {
  readonly #rig: GatewayRig;
  #startNs: bigint | undefined;

  private constructor(rig: GatewayRig) {
    this.#rig = rig;
  }

  /** @param pods addresses of each   @param wasm the bytes of another build of the engine, one with a planted bug */
  static async start(
    pods: readonly (readonly string[])[],
    options: GatewayOptions,
    wasm?: Uint8Array,
  ): Promise<EngineGateway> {
    const sizes = { connections: 1 << 17, connections6: 1 << 17, arenaSize: 4 << 20 };
    const rig = await GatewayRig.start(labModel(pods, options), { natProfile: options.natProfile, ...sizes }, wasm);
    return new EngineGateway(rig);
  }

  async exchange(packets: readonly Packet[], times: readonly bigint[]): Promise<Exchanged> {
    this.#startNs ??= times[0] ?? 0n;
    const start = this.#startNs;
    const frames = packets.map(({ side, bytes }, i) => ({
      hook: side === "pod" ? ("from-endpoint" as const) : ("from-network" as const),
      frame: bytes,
      link: LINK_RAW,
      atMs: Number(times[i]! - start) / 1e6,
    }));
    const deliveries: Delivery[] = [];
    this.#rig.send(frames, BATCH, ({ hook }, { action, frame }) => {
      if (action === "drop" || action === "hold") return;
      deliveries.push({ side: hook === "from-endpoint" ? "remote" : "pod", bytes: frame, own: false });
    });
    return { times, deliveries };
  }
}

/** Every pod is on a worker and leaves for everywhere through one gateway on another node. */
function labModel(
  pods: readonly (readonly string[])[],
  { egressIPs, low, high, natProfile }: GatewayOptions,
): PolicyModel {
  const lab = model({
    nodes: [node("gateway", "172.18.0.11"), node("worker", "172.18.0.12")],
    egresses: [egress("gateway", egressIPs[4], { egressIPv6: address(egressIPs[6]) })],
    policies: [policy("out", [0])],
    policySets: [policySet({ "0.0.0.0/0": 0, "::/0": 0 })],
    endpoints: pods.map((addresses, i) => endpoint(`pod-${i}`, [...addresses], { node: "worker" })),
  });
  const timeouts = natProfile === "rfc" ? RFC_TIMEOUTS : CILIUM_TIMEOUTS;
  return withSettings(lab, { low, high }, { ...timeouts, other: OTHER_MS });
}
