import { type CaptureInput, nameOfInput } from "../capture/input.js";
import { openBytes } from "../capture/open.js";
import { NS_PER_SECOND } from "../config/time.js";
import { CaptureError } from "../errors.js";
import { formatAddress, parseAddress } from "../net/address.js";
import { LineCutter } from "./cutter.js";
import { RecordFault } from "./fault.js";
import { PinTable } from "./pin-table.js";
import { splitSocket } from "./sockets.js";
import { RecordWindow } from "./window.js";

/** A connection that a real gateway translated, as its own tables say. Addresses are canonical texts. */
export interface Pin {
  /** In capitals: `TCP`, `UDP`, `ICMP`, `ICMPV6`, `SCTP`; empty where the list does not say. */
  readonly protocol: string;
  readonly endpoint: string;
  readonly endpointPort: number;
  readonly remote: string;
  readonly remotePort: number;
  /** Empty where the list names the gateway only. */
  readonly egressIP: string;
  /** 0 where the list does not say. */
  readonly natPort: number;
  /** Gateway's address or name, where the list says. */
  readonly gateway?: string;
  /** Whole seconds since it was made when the list was printed. */
  readonly ageSeconds?: number;
  /** Nanoseconds since the epoch, to a second; where both the age and `takenNs` are known. */
  readonly createdNs?: bigint;
  /** When the list was printed, where the caller knows. */
  readonly takenNs?: bigint;
}

/** A list of pins, and when it was printed. */
export interface PinFile {
  readonly file: CaptureInput;
  /** Nanoseconds since the epoch. */
  readonly takenNs?: bigint;
}

/** How a list of pins is read. */
export interface PinOptions {
  /** When the list was printed, nanoseconds since the epoch. */
  readonly takenNs?: bigint;
}

const NAT_LINE = /^(\S+) (OUT|IN) (\S+) -> (\S+) XLATE_(SRC|DST) (\S+)(.*)$/;
const CREATED = /\bCreated=(\d{1,12})\s?s(?:ec)?\b/i;

/**
 * Pins from the output of `cilium bpf nat list` (both halves of a mapping give the same pin), or of `egress-ha ct list` and tables like it;
 * plain or gzipped, line by line.
 * @throws {UsageError} where there is no such file
 * @throws {CaptureError} where a line is not what it should be, and where no line is an entry
 */
export async function* readPins(input: CaptureInput, options: PinOptions = {}): AsyncGenerator<Pin> {
  const { source } = await openBytes(input);
  const window = new RecordWindow(source, new LineCutter());
  const reader = new PinReader(options);
  let isFound = false;
  try {
    do {
      for (let line = window.next(); line !== undefined; line = window.next()) {
        const pin = pinOf(reader, line, window);
        if (!pin) continue;
        isFound = true;
        yield pin;
      }
    } while (await window.fill());
  } finally {
    await source.close();
  }
  if (!isFound)
    throw new CaptureError(
      nameOfInput(input),
      0,
      "holds no pin, expected the output of `bpf nat list` or `egress-ha ct list`",
    );
}

function pinOf(reader: PinReader, line: string, window: RecordWindow): Pin | undefined {
  try {
    return reader.line(line);
  } catch (fault) {
    if (fault instanceof RecordFault) throw window.failure(fault.message, fault);
    throw fault;
  }
}

/** Knows the lists line by line: a table's heading says what the columns of later lines are. */
class PinReader {
  readonly #options: PinOptions;
  readonly #table = new PinTable();

  constructor(options: PinOptions) {
    this.#options = options;
  }

  /** @returns undefined for a line that is no entry   @throws {RecordFault} */
  line(text: string): Pin | undefined {
    const line = text.trim();
    const pin = natPin(line) ?? (line.includes("XLATE_") ? brokenNat(line) : this.#table.line(line));
    return pin && { ...pin, ...timesOf(pin.ageSeconds, this.#options) };
  }
}

function brokenNat(line: string): never {
  throw new RecordFault(
    "entry",
    line,
    "PROTOCOL OUT|IN ADDRESS:PORT -> ADDRESS:PORT XLATE_SRC|XLATE_DST ADDRESS:PORT …",
  );
}

/** `TCP OUT endpoint -> remote XLATE_SRC egress …`, `TCP IN remote -> egress XLATE_DST endpoint …` */
function natPin(line: string): Pin | undefined {
  const match = NAT_LINE.exec(line);
  if (!match) return undefined;
  const [, protocol, direction, from, to, half, translated, rest] = match as unknown as string[];
  if ((direction === "OUT") !== (half === "SRC")) brokenNat(line);
  const [endpoint, remote, egress] = direction === "OUT" ? [from!, to!, translated!] : [translated!, from!, to!];
  const [inside, outside] = [socketOf(endpoint, "endpoint"), socketOf(remote, "remote")];
  const external = socketOf(egress, "egress address");
  const age = CREATED.exec(rest!)?.[1];
  return {
    protocol: protocol!.toUpperCase(),
    endpoint: inside.address,
    endpointPort: inside.port,
    remote: outside.address,
    remotePort: outside.port,
    egressIP: external.address,
    natPort: external.port,
    ...(age !== undefined && { ageSeconds: Number(age) }),
  };
}

/** @returns the address in canonical text   @throws {RecordFault} */
export function socketOf(text: string, what: string): { address: string; port: number } {
  const socket = splitSocket(text);
  const address = socket && parseAddress(socket.address);
  if (!socket || !address) throw new RecordFault(what, text, "ADDRESS:PORT");
  return { address: formatAddress(address), port: socket.port };
}

function timesOf(ageSeconds: number | undefined, { takenNs }: PinOptions): Pick<Pin, "createdNs" | "takenNs"> {
  if (takenNs === undefined) return {};
  if (ageSeconds === undefined) return { takenNs };
  return { takenNs, createdNs: takenNs - BigInt(ageSeconds) * NS_PER_SECOND };
}
