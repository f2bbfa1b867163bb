/** Local ports that Linux chooses itself (net.ipv4.ip_local_port_range): `count` of them from `low` to `high`. */
export const EPHEMERAL_PORTS = { low: 32_768, high: 60_999, count: 28_232 } as const;
