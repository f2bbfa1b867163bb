import { LINE_SIZE } from "../../assembly/abi.js";
import { EngineError } from "../errors.js";
import { type Group, toCase } from "./cases.js";
import { instantiateKernel, type KernelExports } from "./kernel.js";
import type { Contestant } from "./measure.js";

/** What a line would take that held IPv6 addresses themselves; the engine's hold numbers of them. */
const WIDE_LINE_SIZE = 128;

/** Lookups of one run. */
const LOOKUPS = 1 << 17;

/**
 * What the two layouts of conntrack lines cost without the engine around them: lookups in blocks, 128-byte IPv6 lines divided by 64-byte
 * IPv4 lines, and for each of them one by one divided by in blocks.
 */
export function layoutGroup(connections: number): Group {
  return {
    name: `layouts, ${connections} connections`,
    has: (id) => id.startsWith("layout-") && id.endsWith(`/${connections}`),
    cases: async () => {
      const narrow = await filled(connections, LINE_SIZE);
      const wide = await filled(connections, WIDE_LINE_SIZE);
      const info = { connections, protocol: "tcp", work: "lookup", batch: LOOKUPS } as const;
      const one = { ...info, batch: 1 };
      return [
        toCase(
          `layout-ipv6/${connections}`,
          { ...info, yardstick: "IPv4 lines" },
          lookups(wide, 1),
          lookups(narrow, 1),
        ),
        toCase(
          `layout-ipv4-single/${connections}`,
          { ...one, yardstick: "in blocks" },
          lookups(narrow, 0),
          lookups(narrow, 1),
        ),
        toCase(
          `layout-ipv6-single/${connections}`,
          { ...one, yardstick: "in blocks" },
          lookups(wide, 0),
          lookups(wide, 1),
        ),
      ];
    },
  };
}

async function filled(connections: number, lineSize: number): Promise<KernelExports> {
  const exports = await instantiateKernel();
  const lines = exports.layoutFill(connections, lineSize) >>> 0;
  if (lines !== connections * 2) {
    throw new EngineError(`layout skeleton: filled ${lines} lines of ${lineSize} bytes, expected ${connections * 2}`);
  }
  return exports;
}

function lookups(exports: KernelExports, ahead: number): Contestant {
  let start = 1;
  const run = () => {
    start += LOOKUPS;
    return exports.layoutLookup(LOOKUPS, start, ahead) >>> 0;
  };
  return {
    restore: () => {},
    run,
    verify: () => {
      const found = run();
      if (found !== LOOKUPS) throw new EngineError(`layout skeleton: found ${found} keys, expected ${LOOKUPS}`);
    },
  };
}
