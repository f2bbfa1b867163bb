import { dualModel, EXT6, INSIDE6, OTHER_INSIDE6, REMOTE6 } from "../../nat/dual-stack.js";
import { EXT, INSIDE, natModel, OTHER_EXT, OTHER_INSIDE, OTHER_REMOTE, REMOTE } from "../../nat/rig.js";
import { Place } from "./places.js";
import { policyOf, RFC, type Setting } from "./settings.js";

export { EXT, EXT6, INSIDE, INSIDE6, OTHER_EXT, OTHER_INSIDE, OTHER_INSIDE6, OTHER_REMOTE, REMOTE, REMOTE6 };

/** Two endpoints whose traffic of both families leaves through one gateway on their own node. */
export const NEAR = policyOf(
  "near",
  "10.0.0.2 and 10.0.0.3 (fd00::2, fd00::3) on node gw-a are selected for everything, by gw-a with 192.0.2.1 and 2001:db8:1::1; ports 1024 to 65535",
  dualModel(),
  "rfc",
);
/** The same on another node than the gateway. */
export const FAR = policyOf(
  "far",
  "10.0.0.2 and 10.0.0.3 on node worker are selected for everything, by gw-a with 192.0.2.1; ports 1024 to 65535",
  natModel({ hop: true }),
  "rfc",
);

export const near: Setting = { configuration: RFC, policy: NEAR, verifier: {} };
export const far: Setting = { configuration: RFC, policy: FAR, verifier: {} };

export const at = new Place({ inside: INSIDE, remote: REMOTE, ext: EXT, egress: 0, hop: false });
export const at6 = new Place({ inside: INSIDE6, remote: REMOTE6, ext: EXT6, egress: 0, hop: false });
export const atFar = at.with({ hop: true });
