import { expect, it } from "vitest";
import { concat, ethernet, ipv4, tcp } from "../../support/frames.js";
import { GatewayRig, type RigFrame } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, OTHER_ENDPOINT, REMOTE, world } from "./worlds.js";

const error = (src: string, dst: string, inner: Uint8Array): RigFrame => ({
  hook: "from-endpoint",
  frame: ethernet(
    ipv4({ src, dst }, { protocol: () => 1, bytes: () => concat(Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0), inner) }),
  ),
});

it("an endpoint's ICMP error to a selected remote does not leave untranslated because it quotes an inbound connection of another remote", async () => {
  const gateway = await GatewayRig.start(world(1));
  const syn = ipv4({ src: REMOTE, dst: ENDPOINT }, tcp({ srcPort: 4000, dstPort: 8080, flags: "SYN" }));
  expect(gateway.one({ hook: "from-network", frame: ethernet(syn) })).toMatchObject({
    action: "pass",
    reason: "inbound",
  });
  expect(gateway.one(error(ENDPOINT, "198.51.100.77", syn))).toMatchObject({ action: "drop" });
});

it("an ICMP error of one endpoint that quotes another's connection is not sent in that one's name", async () => {
  const gateway = await GatewayRig.start(world(1));
  gateway.one({
    hook: "from-endpoint",
    frame: ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, tcp({ srcPort: 40_000, dstPort: 80, flags: "SYN" }))),
  });
  const quoted = ipv4({ src: REMOTE, dst: ENDPOINT }, tcp({ srcPort: 80, dstPort: 40_000, flags: "SYN ACK" }));
  expect(gateway.one(error(OTHER_ENDPOINT, REMOTE, quoted))).toMatchObject({ action: "drop" });
});
void EGRESS_IPS;
