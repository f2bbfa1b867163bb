import { expect, it } from "vitest";
import { HOOK_FROM_OVERLAY, LINK_ETHERNET } from "../../../assembly/abi.js";
import { actionName, reasonName } from "../../../src/engine/names.js";
import { ethernet, ipv4, udp, vxlan } from "../../support/frames.js";
import { GatewayRig } from "./gateway-rig.js";
import { ENDPOINT, REMOTE, world } from "./worlds.js";

const IDENTITY = 4711;
const IDENTITY_OF_HOST = 1;
const GATEWAY = 0;
const START_NS = 1_790_000_000_000_000_000n;

it.each([
  ["an endpoint's is translated", IDENTITY, "snat", ""],
  ["the host's, which no node sends, is refused", IDENTITY_OF_HOST, "drop", "bad-overlay"],
])("at a gateway a packet under an identity of the overlay: %s", async (_, vni, action, reason) => {
  const { engine } = await GatewayRig.start(world(1));
  engine.setOwnNode(GATEWAY);
  const inner = ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: 40_000, dstPort: 53 })));
  const outer = udp({ srcPort: 50_000, dstPort: 8472, payload: vxlan(vni, inner), checksum: 0 });
  const frame = ethernet(ipv4({ src: "172.18.0.5", dst: "172.18.0.11" }, outer));
  engine.arena.set(frame);
  const time = [Number(START_NS & 0xffff_ffffn), Number(START_NS >> 32n)] as const;
  engine.setFrame(0, 0, frame.length, frame.length, HOOK_FROM_OVERLAY, LINK_ETHERNET, 0, ...time);
  engine.process(1);
  const [was, why] = [actionName(engine.action(0)), reasonName(engine.reason(0))];
  expect([was, was === "snat" ? "" : why]).toEqual([action, reason]);
});
