import { formatAddress } from "../../src/net/address.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import type { OutputFrame } from "../replay/outputs-read.js";
import { twinOf } from "./dual-stack.js";
import { type FuzzFrame, ICMP } from "./flows.js";
import type { FuzzCase } from "./fuzz-case.js";
import type { PodWords } from "./words.js";
import { World } from "./world.js";

/** Something that is not as it has to be. */
export interface Finding {
  /** Name of the check that found it. */
  readonly check: string;
  readonly text: string;
}

/** The external side of a frame that left. */
export interface External {
  readonly gateway: string;
  readonly ip: string;
  /** NAT port or echo identifier; of an ICMP error and of a fragment 0. */
  readonly port: number;
}

/** One captured frame and what became of it. */
export interface Entry {
  /** 1-based. */
  readonly number: number;
  /** Nanoseconds since the start. */
  readonly ns: number;
  readonly frame: FuzzFrame;
  /** Owner of the endpoint's address then. */
  readonly pod: PodWords | undefined;
  /** Where it left the cluster. */
  readonly external: External | undefined;
  /** In `endpoint.pcapng`. */
  readonly inside: OutputFrame | undefined;
  readonly output: OutputFrame | undefined;
}

/** What one replay of a trial came to. */
export interface Trial {
  readonly fuzz: FuzzCase;
  readonly report: ReplayReport;
  readonly world: World;
  readonly entries: readonly Entry[];
}

/** Joins the frames of a trial with the outputs of its replay. */
export function trialOf(
  fuzz: FuzzCase,
  report: ReplayReport,
  external: readonly OutputFrame[],
  endpoint: readonly OutputFrame[],
): Trial {
  const world = new World(fuzz, report);
  const outside = new Map(external.map((frame) => [frame.number, frame]));
  const inside = new Map(endpoint.map((frame) => [frame.number, frame]));
  const entries = fuzz.frames.map((frame, i): Entry => {
    const output = outside.get(i + 1);
    const ns = frame.us * 1000;
    return {
      number: i + 1,
      ns,
      frame,
      pod: world.podAt(frame.flow.ip, ns),
      external: output && externalOf(frame, output),
      inside: inside.get(i + 1),
      output: output ?? inside.get(i + 1),
    };
  });
  return { fuzz, report, world, entries };
}

/** The five-tuple of a frame's flow, as reports print it. */
export function tupleText({ flow, isIpv6 }: FuzzFrame): string {
  const { protocol, port, remotePort } = flow;
  const [ip, remote] = isIpv6 ? [twinOf(flow.ip), twinOf(flow.remote)] : [flow.ip, flow.remote];
  if (protocol === ICMP) return `${isIpv6 ? "icmpv6" : "icmp"} ${ip} -> ${remote} id ${port}`;
  const socket = (address: string, number: number) => (isIpv6 ? `[${address}]:${number}` : `${address}:${number}`);
  return `${protocol === 6 ? "tcp" : "udp"} ${socket(ip, port)} -> ${socket(remote, remotePort)}`;
}

/** Bytes of an Ethernet frame in front of what follows the IP header. */
export function transportAt({ isIpv6 }: FuzzFrame): number {
  return isIpv6 ? 54 : 34;
}

function externalOf(frame: FuzzFrame, { bytes, interfaceName }: OutputFrame): External {
  const at = transportAt(frame);
  const port = frame.kind !== "plain" ? 0 : bytes.readUInt16BE(frame.flow.protocol === ICMP ? at + 4 : at);
  const ip = frame.isIpv6 ? formatAddress(bytes.subarray(22, 38)) : bytes.subarray(26, 30).join(".");
  return { gateway: interfaceName, ip, port };
}

export function describe({ gateway, ip, port }: External): string {
  return `${ip}:${port} on ${gateway}`;
}
