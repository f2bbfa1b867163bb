/** An address and port as the original's commands print them. */
export interface SocketText {
  readonly address: string;
  readonly port: number;
}

/**
 * Takes `10.1.0.7:51514`, `[fd00::7]:53` or `fd00::7:53` (the port is behind the last colon) apart.
 * @returns undefined where there is no port from 0 to 65535; the address is not looked at
 */
export function splitSocket(text: string): SocketText | undefined {
  const colon = text.lastIndexOf(":");
  const digits = text.slice(colon + 1);
  if (colon < 1 || !/^\d{1,5}$/.test(digits) || Number(digits) > 65_535) return undefined;
  const address = text.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { address, port: Number(digits) };
}
