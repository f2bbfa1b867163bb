import * as abi from "../../assembly/abi.js";
import type { NatProfile, PolicyModel, Timeouts } from "../config/types.js";
import { EngineError } from "../errors.js";

/** RFC 7857 section 2.3: a mapping outlives a reset by four minutes. */
const RFC_RESET_MS = 240_000;

/** RFC 6888 section 4, REQ-8: a freed port is given to nobody for two minutes. */
const RFC_HOLD_MS = 120_000;

export interface LifetimeTable {
  /** Rows of TIMEOUT_COUNT milliseconds, by TIMEOUT_*; row 0 is the default. */
  readonly rows: readonly (readonly number[])[];
  /** The row of each policy of the model. */
  readonly rowOfPolicy: readonly number[];
}

/**
 * The lifetime rows of a model: one for its settings and one per distinct override of a policy.
 * @throws {EngineError} where a lifetime is out of range or there are more than TIMEOUT_MAX_ROWS rows
 */
export function lifetimeTable(model: PolicyModel, natProfile: NatProfile): LifetimeTable {
  const defaults = model.settings.timeouts.value;
  const rows = [lifetimeRow("settings", defaults, natProfile)];
  const rowByText = new Map([[rows[0]!.join(), 0]]);
  const rowOfPolicy = model.policies.map(({ name, timeouts }) => {
    if (!timeouts) return 0;
    const row = lifetimeRow(`policy ${name}`, { ...defaults, ...timeouts }, natProfile);
    const text = row.join();
    const known = rowByText.get(text);
    if (known !== undefined) return known;
    rowByText.set(text, rows.length);
    return rows.push(row) - 1;
  });
  if (rows.length > abi.TIMEOUT_MAX_ROWS) {
    const expected = `expected at most ${abi.TIMEOUT_MAX_ROWS - 1} beside the default`;
    throw new EngineError(`policies: have ${rows.length - 1} different sets of timeouts, ${expected}`);
  }
  return { rows, rowOfPolicy };
}

function lifetimeRow(where: string, timeouts: Timeouts, natProfile: NatProfile): number[] {
  for (const [name, ms] of Object.entries(timeouts)) {
    const least = name === "portHold" ? 0 : 1;
    if (Number.isInteger(ms) && ms >= least && ms <= abi.TIMEOUT_MAX_MS) continue;
    throw new EngineError(`${where}: timeout ${name} is ${ms} ms, expected ${least} to ${abi.TIMEOUT_MAX_MS}`);
  }
  const row = new Array<number>(abi.TIMEOUT_COUNT).fill(0);
  row[abi.TIMEOUT_TCP_OPENING] = timeouts.tcpOpening;
  row[abi.TIMEOUT_TCP_ESTABLISHED] = timeouts.tcpEstablished;
  row[abi.TIMEOUT_TCP_CLOSING] = timeouts.tcpClosing;
  row[abi.TIMEOUT_TCP_RESET] = natProfile === "rfc" ? (timeouts.tcpReset ?? RFC_RESET_MS) : timeouts.tcpClosing;
  row[abi.TIMEOUT_UDP] = timeouts.udp;
  row[abi.TIMEOUT_ICMP] = timeouts.icmp;
  row[abi.TIMEOUT_OTHER] = timeouts.other;
  row[abi.TIMEOUT_HOLD] = timeouts.portHold ?? (natProfile === "rfc" ? RFC_HOLD_MS : 0);
  return row;
}
