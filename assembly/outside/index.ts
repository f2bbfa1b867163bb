// Everything that outside.wasm exports. It imports the engine's memory and its `process`, and keeps all it knows in the engine's
// REGION_HOST (layout.ts), so a saved state holds it.

import { insertAddress } from "./addresses";
import { run } from "./batch";
import { classify } from "./classify";
import { attach } from "./control";
import { OUTSIDE_VERSION } from "./layout";

export { attach, classify, insertAddress, run };

export function outsideVersion(): u32 {
  return OUTSIDE_VERSION;
}
