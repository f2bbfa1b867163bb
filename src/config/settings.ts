import { UsageError } from "../errors.js";
import type { Field } from "./field.js";
import { parseDurationMs } from "./time.js";
import type { ClusterSettings, NatProfile, Setting, Timeouts } from "./types.js";

/** Values given on the command line; they win over cilium-config and over defaults. */
export interface SettingOverrides {
  readonly natProfile?: NatProfile;
  /** Inclusive bounds, 1 … 65535. */
  readonly snatPorts?: { readonly low: number; readonly high: number };
  /** Milliseconds. */
  readonly timeouts?: Partial<Timeouts>;
  readonly tunnelPort?: number;
  readonly healthTimeoutMs?: number;
}

const SECOND = 1000;
const FIRST_PORT_OF = { cilium: 32768, rfc: 1024 } as const;
const LAST_PORT = 65535;
/** Lifetimes of connection states by NAT profile: the original's defaults, and those that the RFCs recommend. */
export const PROFILE_TIMEOUTS: Readonly<Record<NatProfile, Timeouts>> = {
  cilium: {
    tcpOpening: 60 * SECOND,
    tcpEstablished: 8000 * SECOND,
    tcpClosing: 10 * SECOND,
    udp: 60 * SECOND,
    icmp: 60 * SECOND,
    other: 60 * SECOND,
  },
  rfc: {
    tcpOpening: 240 * SECOND,
    tcpEstablished: 7440 * SECOND,
    tcpClosing: 240 * SECOND,
    udp: 300 * SECOND,
    icmp: 60 * SECOND,
    other: 300 * SECOND,
    tcpReset: 240 * SECOND,
    portHold: 120 * SECOND,
  },
};
const HEALTH_TIMEOUT_MS = 2 * SECOND;
const VXLAN_PORT = 8472;
const GENEVE_PORT = 6081;

/** Their keys in cilium-config, of those that the original has. */
const TIMEOUT_KEYS: Readonly<Record<keyof Timeouts, string | undefined>> = {
  tcpOpening: "bpf-ct-timeout-regular-tcp-syn",
  tcpEstablished: "bpf-ct-timeout-regular-tcp",
  tcpClosing: "bpf-ct-timeout-regular-tcp-fin",
  udp: "bpf-ct-timeout-regular-any",
  icmp: "bpf-ct-timeout-regular-any",
  other: "bpf-ct-timeout-regular-any",
  tcpReset: undefined,
  portHold: undefined,
};

/** Whether a lifetime may be so many milliseconds: the hold-down of ports can be switched off. */
export function isLifetime(name: keyof Timeouts, ms: number): boolean {
  return ms > 0 || (ms === 0 && name === "portHold");
}

/** Names of lifetimes, as flags and annotations write them. */
export const TIMEOUT_NAMES = Object.keys(PROFILE_TIMEOUTS.rfc) as readonly (keyof Timeouts)[];

/**
 * Settles every setting: flag, else cilium-config (port range and lifetimes only under profile `cilium`, which is there to resemble the
 * cluster), else the profile's default; each with where it came from.
 * @param config `data` of ConfigMap cilium-config
 * @throws {UsageError} for overrides out of range
 */
export function resolveSettings(config: Field | undefined, overrides: SettingOverrides): ClusterSettings {
  const profile: Setting<NatProfile> =
    overrides.natProfile === undefined
      ? { value: "cilium", source: "default" }
      : { value: overrides.natProfile, source: "flag" };
  const ofProfile = profile.value === "cilium" ? config : undefined;
  const { timeouts, timeoutSources } = resolveTimeouts(ofProfile, profile.value, overrides.timeouts ?? {});
  return {
    natProfile: profile,
    snatPorts: resolvePorts(ofProfile, profile.value, overrides.snatPorts),
    timeouts,
    timeoutSources,
    tunnelPort: resolveTunnelPort(config, overrides.tunnelPort),
    healthTimeoutMs: resolveHealthTimeout(config, overrides.healthTimeoutMs),
  };
}

function resolvePorts(
  config: Field | undefined,
  profile: NatProfile,
  flag: SettingOverrides["snatPorts"],
): ClusterSettings["snatPorts"] {
  if (flag) {
    const isRange = isPort(flag.low) && isPort(flag.high) && flag.low <= flag.high;
    if (!isRange)
      throw new UsageError(`the SNAT port range is ${flag.low}-${flag.high}, expected LOW-HIGH within 1-65535`);
    return { value: flag, source: "flag" };
  }
  const high = readNodePortEnd(config?.get("node-port-range"));
  if (high !== undefined) return { value: { low: high + 1, high: LAST_PORT }, source: "cilium-config node-port-range" };
  return { value: { low: FIRST_PORT_OF[profile], high: LAST_PORT }, source: `profile ${profile}` };
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= LAST_PORT;
}

/** NodePorts come first, SNAT gets all ports behind them. */
function readNodePortEnd(field: Field | undefined): number | undefined {
  const text = field?.text();
  if (!field || !text) return undefined;
  const match = /^\s*(\d{1,5})\s*,\s*(\d{1,5})\s*$/.exec(text);
  const [low, high] = [Number(match?.[1]), Number(match?.[2])];
  if (match && isPort(low) && isPort(high) && low <= high && high < LAST_PORT) return high;
  field.fault('a port range such as "30000,32767" that ends below 65535');
  return undefined;
}

function resolveTimeouts(
  config: Field | undefined,
  profile: NatProfile,
  flags: Partial<Timeouts>,
): { timeouts: Setting<Timeouts>; timeoutSources: Record<keyof Timeouts, string> } {
  const value: Record<string, number> = {};
  const sources: Record<string, string> = {};
  for (const name of TIMEOUT_NAMES) {
    const key = TIMEOUT_KEYS[name];
    const flag = flags[name];
    if (flag !== undefined && !(Number.isFinite(flag) && isLifetime(name, flag)))
      throw new UsageError(`timeout ${name} is ${flag} ms, expected more than 0`);
    const configured = flag === undefined && key !== undefined ? readDuration(config?.get(key)) : undefined;
    const ms = flag ?? configured ?? PROFILE_TIMEOUTS[profile][name];
    if (ms === undefined) continue;
    value[name] = ms;
    sources[name] =
      flag !== undefined ? "flag" : configured !== undefined ? `cilium-config ${key}` : `profile ${profile}`;
  }
  const source = [...new Set(Object.values(sources))].join(", ");
  return {
    timeouts: { value: value as unknown as Timeouts, source },
    timeoutSources: sources as Record<keyof Timeouts, string>,
  };
}

function readDuration(field: Field | undefined): number | undefined {
  const text = field?.text();
  if (!field || !text) return undefined;
  const duration = parseDurationMs(text);
  if (duration) return duration;
  field.fault("a duration above zero such as 2h13m20s");
  return undefined;
}

function resolveTunnelPort(config: Field | undefined, flag: number | undefined): Setting<number> {
  if (flag !== undefined) {
    if (!isPort(flag)) throw new UsageError(`the tunnel port is ${flag}, expected 1-65535`);
    return { value: flag, source: "flag" };
  }
  const field = config?.get("tunnel-port");
  const text = field?.text();
  if (field && text && text !== "0") {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (isPort(port)) return { value: port, source: "cilium-config tunnel-port" };
    field.fault("a port number");
  }
  const isGeneve = (config?.get("tunnel-protocol").value ?? config?.get("tunnel").value) === "geneve";
  if (isGeneve) return { value: GENEVE_PORT, source: "cilium-config tunnel-protocol" };
  return { value: VXLAN_PORT, source: "default" };
}

function resolveHealthTimeout(config: Field | undefined, flag: number | undefined): Setting<number> {
  if (flag !== undefined) return { value: flag, source: "flag" };
  const key = "egress-gateway-ha-healthcheck-timeout";
  const configured = readDuration(config?.get(key));
  if (configured !== undefined) return { value: configured, source: `cilium-config ${key}` };
  return { value: HEALTH_TIMEOUT_MS, source: "default" };
}
