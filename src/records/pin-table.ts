import { formatAddress, parseAddress } from "../net/address.js";
import { RecordFault } from "./fault.js";
import type { Pin } from "./pins.js";
import { splitSocket } from "./sockets.js";

type Column =
  | "protocol"
  | "source"
  | "sourcePort"
  | "destination"
  | "destinationPort"
  | "egressIP"
  | "natPort"
  | "gateway"
  | "age";

/** Headings by their letters and digits alone. */
const HEADINGS: Readonly<Record<string, Column>> = {
  protocol: "protocol",
  proto: "protocol",
  source: "source",
  src: "source",
  sourceip: "source",
  srcip: "source",
  sourceaddress: "source",
  endpoint: "source",
  endpointip: "source",
  sourceport: "sourcePort",
  srcport: "sourcePort",
  sport: "sourcePort",
  destination: "destination",
  dest: "destination",
  dst: "destination",
  destinationip: "destination",
  destip: "destination",
  dstip: "destination",
  destinationaddress: "destination",
  remote: "destination",
  destinationport: "destinationPort",
  destport: "destinationPort",
  dstport: "destinationPort",
  dport: "destinationPort",
  egress: "egressIP",
  egressip: "egressIP",
  egressaddress: "egressIP",
  natport: "natPort",
  egressport: "natPort",
  gateway: "gateway",
  gatewayip: "gateway",
  gatewaynode: "gateway",
  age: "age",
  created: "age",
};

/** Protocol, source and destination of a line without a heading above it: `TCP 10.1.0.7:51514 -> 198.51.100.10:443 …`. */
const ARROW_LINE = /^(\S+)(?: (?:OUT|IN))? (\S+:\d+) -> (\S+:\d+)\s+(.*)$/;
const AGE = /^(\d{1,12})s(?:ec)?(?: ago)?$/;

/**
 * Tables of pins whose exact form is not public: columns are told by their headings, in any order; an address may have its port behind it.
 * Without a heading, `PROTOCOL SOURCE -> DESTINATION` with `name=value` behind it.
 */
export class PinTable {
  #columns: readonly (Column | undefined)[] | undefined;

  /** @returns undefined for a line that is no entry   @throws {RecordFault} */
  line(text: string): Pin | undefined {
    const heading = headingOf(text);
    if (heading) {
      this.#columns = heading;
      return undefined;
    }
    const arrow = ARROW_LINE.exec(text);
    if (arrow) return pinOf(arrowCells(arrow));
    return this.#columns && text !== "" ? pinOf(rowCells(text, this.#columns)) : undefined;
  }
}

type Cells = Partial<Record<Column, string>>;

/** Cells stand apart by tabs or by two spaces or more: headings may have single ones in them. */
function headingOf(text: string): (Column | undefined)[] | undefined {
  const columns = text.split(/\t+| {2,}/).map((cell) => HEADINGS[nameOf(cell)]);
  return columns.includes("source") && columns.includes("destination") ? columns : undefined;
}

function nameOf(heading: string): string {
  return heading.toLowerCase().replace(/[^a-z0-9]/g, "");
}

function rowCells(text: string, columns: readonly (Column | undefined)[]): Cells {
  const cells = text.split(/\t+| {2,}/);
  if (cells.length !== columns.length)
    throw new RecordFault("row", text, `${columns.length} columns as in the heading`);
  const found: Cells = {};
  columns.forEach((column, i) => {
    if (column) found[column] = cells[i]!;
  });
  return found;
}

/** Names begin where none goes before: from each letter on, a long word would be looked at again and again. */
function arrowCells([, protocol, source, destination, rest]: RegExpExecArray): Cells {
  const found: Cells = { protocol: protocol!, source: source!, destination: destination! };
  for (const [, name, value] of rest!.matchAll(/(?<![A-Za-z_-])([A-Za-z_-]+)[=:]\s?(\S+)/g)) {
    const column = HEADINGS[nameOf(name!)];
    if (column) found[column] = value!;
  }
  return found;
}

function pinOf(cells: Cells): Pin {
  const source = endOf(cells.source!, cells.sourcePort, "source");
  const destination = endOf(cells.destination!, cells.destinationPort, "destination");
  const egress = cells.egressIP === undefined ? undefined : endOf(cells.egressIP, cells.natPort, "egress IP");
  const age = AGE.exec(cells.age ?? "")?.[1];
  return {
    protocol: (cells.protocol ?? "").toUpperCase(),
    endpoint: source.address,
    endpointPort: source.port,
    remote: destination.address,
    remotePort: destination.port,
    egressIP: egress?.address ?? "",
    natPort: egress?.port ?? 0,
    ...(cells.gateway !== undefined && { gateway: cells.gateway }),
    ...(age !== undefined && { ageSeconds: Number(age) }),
  };
}

/** An address with its port behind it, in a column of its own, or without one (0). @throws {RecordFault} */
function endOf(text: string, portText: string | undefined, what: string): { address: string; port: number } {
  const alone = parseAddress(text);
  if (alone) return { address: formatAddress(alone), port: portText === undefined ? 0 : portOf(portText, what) };
  const socket = splitSocket(text);
  const address = socket && parseAddress(socket.address);
  if (!socket || !address) throw new RecordFault(what, text, "an address, perhaps with a port");
  return { address: formatAddress(address), port: socket.port };
}

function portOf(text: string, what: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new RecordFault(`${what} port`, text, "an integer from 0 to 65535");
}
