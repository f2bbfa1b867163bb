import { EGRESS_IPS, ENDPOINT, OTHER_ENDPOINT, world as plainWorld, REMOTE } from "../../assembly/path/worlds.js";
import { endpoint, policySet, prefix } from "../../engine/model.js";
import { chosen, egressKey } from "./choice.js";
import { Place } from "./places.js";
import { START_NS } from "./script.js";
import { CILIUM, policyOf, type Setting } from "./settings.js";

type Fields = Parameters<typeof plainWorld>[1];
/** The same with what its policy says, for the verifier, which reads policies and not the sets that are made of them. */
const world = (gateways: number, fields: Fields = {}) =>
  plainWorld(gateways, {
    destinations: [prefix("0.0.0.0/0"), prefix("::/0")],
    excluded: [prefix("192.0.2.0/24")],
    ...fields,
  });

export const ONE = policyOf(
  "one-gateway",
  "pods 10.1.0.7 (serves TCP 8080) and 10.1.0.8 on worker and 10.1.1.7 on gw-a leave through gw-a with 203.0.113.1, but to 192.0.2.0/24; 10.1.0.99 is selected by nothing; ports 32768 to 65535",
  world(1),
);
export const TWO = policyOf(
  "two-gateways",
  "the same through gw-a with 203.0.113.1 and gw-b with 203.0.113.2",
  world(2),
);
export const FOUR = policyOf("four-gateways", "the same through gw-a to gw-d with 203.0.113.1 to .4", world(4));
export const NOBODY = policyOf("nobody-selected", "one gateway, and no endpoint that a policy selects", {
  ...world(1),
  endpoints: world(1).endpoints.map((one) => ({ ...one, policySet: -1 })),
});
export const CILIUMS_OWN = policyOf(
  "two-gateways-without-ha",
  "a CiliumEgressGatewayPolicy with two gateways; 10.1.0.7 has a UID whose FNV-1a is odd, 10.1.0.8 an even one",
  {
    ...world(2, { kind: "CiliumEgressGatewayPolicy" }),
    endpoints: [
      endpoint("odd", [ENDPOINT], { uid: "7c22952d-25a0-409d-952c-60895b5c2a90", node: "worker" }),
      endpoint("even", [OTHER_ENDPOINT], { uid: "fe8c8750-0fe0-43e6-b088-f02d39e10eeb", node: "worker" }),
    ],
  },
);
export const NO_IP = policyOf("no-egress-ip", "one gateway without any egress IP", {
  ...world(1),
  egresses: world(1).egresses.map((row) => ({ ...row, egressIPv4: undefined })),
});
export const WAITING = policyOf("not-yet", "one gateway, whose policy is not programmed yet", {
  ...world(1),
  policySets: [{ entries: policySet({ "0.0.0.0/0": 0 }).entries.map((entry) => ({ ...entry, notYet: true })) }],
});
const CHANGE_NS = START_NS + 1_000_500_000n;
export const WITHOUT_B = policyOf(
  "two-gateways-one-used",
  "gw-a and gw-b with their addresses, and a policy that uses gw-a alone",
  {
    ...world(2),
    policies: world(2).policies.map((row) => ({ ...row, egresses: [0] })),
  },
);
export const OWNERS = policyOf("owners", "10.1.0.50 goes from a selected pod to one that nothing selects at 1.0005 s", {
  ...world(1),
  endpoints: [
    endpoint("old", ["10.1.0.50"], { toNs: CHANGE_NS, node: "worker" }),
    endpoint("new", ["10.1.0.50"], { fromNs: CHANGE_NS, policySet: -1, node: "worker" }),
  ],
});

export const one: Setting = { configuration: CILIUM, policy: ONE, verifier: {} };
export const two: Setting = { configuration: CILIUM, policy: TWO, verifier: {} };
export const four: Setting = { configuration: CILIUM, policy: FOUR, verifier: {} };

const NODES = ["gw-a", "gw-b", "gw-c", "gw-d"];
const KEYS = NODES.map((name, i) => egressKey(name, EGRESS_IPS[i]!));

/** The worker's pod behind gateway `i`. */
export const behind = (i: number) =>
  new Place({ inside: ENDPOINT, remote: REMOTE, ext: EGRESS_IPS[i]!, egress: i, hop: true });
export const at = behind(0);
/** Which of the active gateways placement gives a connection of the pod. */
export const placed = (srcPort: number, dstPort: number, protocol: number, active: readonly number[], src = ENDPOINT) =>
  active[
    chosen(
      { src, dst: REMOTE, srcPort, dstPort, protocol },
      active.map((i) => KEYS[i]!),
    )
  ]!;
