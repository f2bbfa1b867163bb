import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { captureFrames } from "../../../src/capture/frames.js";
import { formatAddress } from "../../../src/net/address.js";
import { decodeFrame, destinationPort, sourceAddress } from "../../../src/net/decode.js";
import { checksumState } from "../../../src/net/recount.js";
import { type NativePrograms, output, ROOT } from "./native.js";
import { type Peer, PeerError } from "./peer.js";
import { EGRESS_IP_TEXT } from "./prog-run.js";

const CLI = join(ROOT, "dist", "src", "cli", "main.js");
/** Memory rather than a disk, whose writing would cost each peer something else. */
const MEMORY_FOLDER = "/dev/shm";
export const FRAMES_PER_FLOW = 10;
/** Few, as reading their manifests is part of what `replay` is measured by. */
const ENDPOINTS = 256;
/** What `generate` leaves out: tcprewrite ends at the first malformed frame, and it knows TCP and UDP of IPv4 only. */
const LEFT_OUT = ["ipv6", "icmp", "sctp", "error", "fragment", "malformed"];
/** Every so many frames of what was written one is looked at. */
const SAMPLE_STEP = 97;
const EXTERNAL = "external.pcapng";
const PODS = "10.64.0.0/16";
/** One pair only: tcprewrite searches its table from the beginning for every port, and a range is a pair for each port in it. */
const PORT_PAIR = [443, 40443] as const;

export interface FileOptions {
  readonly programs: NativePrograms;
  /** Frames of each capture. */
  readonly packets: number;
}

interface Capture {
  readonly file: string;
  readonly manifests: string;
  readonly frames: number;
}

/** What a program of a file comparison is run with, and how its work is checked. */
interface FileProgram {
  readonly id: string;
  readonly capture: Capture;
  /** @param out a name in the scratch folder for what is written */
  command(out: string): string[];
  /** The capture among what was written. */
  written(out: string): string;
  check(out: string): Promise<void>;
}

/**
 * Programs that read a capture file and write another: tcpdump, which copies, tcprewrite, which sets addresses and ports by fixed tables, and
 * `replay`. Each is a process that is run from its beginning to its end, the time of starting it included.
 */
export function filePeers({ programs, packets }: FileOptions): Peer[] {
  const folder = mkdtempSync(join(isWritable(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir(), "sluicegate-peers-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  const forward = generate(join(folder, "forward"), packets, ["--no-replies"]);
  const both = generate(join(folder, "both"), packets, []);
  const peers = [
    tcpdump("tcpdump-forward", forward),
    tcprewrite("tcprewrite-forward", forward),
    replay("replay-forward", forward, false),
    replay("replay-forward-verified", forward, true),
    tcpdump("tcpdump-both", both),
    replay("replay-both", both, false),
    replay("replay-both-verified", both, true),
  ];
  let open = peers.length;
  const close = async () => {
    if (--open > 0) return;
    process.off("exit", remove);
    remove();
  };
  return peers.map((program) => filePeer(program, programs, join(folder, program.id), close));
}

function filePeer(program: FileProgram, { spend }: NativePrograms, out: string, close: () => Promise<void>): Peer {
  /** Bytes of the capture that was checked; what a turn writes has to be as long. */
  let size = 0;
  /** @returns nanoseconds of CPU time */
  const run = () => {
    rmSync(out, { recursive: true, force: true });
    return runCounted(spend, program.command(out));
  };
  return {
    id: program.id,
    turn: async () => {
      const ns = run();
      const written = statSync(program.written(out)).size;
      if (written !== size) throw new PeerError(`${program.id}: ${written} bytes were written, expected ${size}`);
      return ns / program.capture.frames;
    },
    verify: async () => {
      if (!existsSync(out)) run();
      await program.check(out);
      size = statSync(program.written(out)).size;
    },
    close,
  };
}

/** User and system time that a program and its own children used, as wait4 tells it. */
function runCounted(spend: string, command: readonly string[]): number {
  const done = spawnSync(spend, command, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe", "pipe"] });
  const [status, user, system] = (done.output?.[3] ?? "").trim().split(" ").map(Number);
  if (status !== 0 || user === undefined || system === undefined) {
    throw new PeerError(`${command.join(" ")}: exit ${status}: ${done.error?.message ?? done.stderr}`);
  }
  return (user + system) * 1000;
}

function generate(folder: string, packets: number, flags: readonly string[]): Capture {
  const flows = Math.max(1, Math.floor(packets / FRAMES_PER_FLOW));
  const size = [
    "--packets",
    String(packets),
    "--flows",
    String(flows),
    "--endpoints",
    String(ENDPOINTS),
    "--sizes",
    "small",
  ];
  const shares = LEFT_OUT.flatMap((kind) => ["--share", `${kind}=0`]);
  const said = output(process.execPath, [CLI, "generate", "-o", folder, "--json", ...size, ...shares, ...flags]);
  const { capture, manifests, frames } = JSON.parse(said) as { capture: string; manifests: string; frames: number };
  return { file: capture, manifests, frames };
}

function tcpdump(id: string, capture: Capture): FileProgram {
  return {
    id,
    capture,
    command: (out) => ["tcpdump", "-Z", "root", "-r", capture.file, "-w", out],
    written: (out) => out,
    check: async (out) => {
      const [size, expected] = [statSync(out).size, statSync(capture.file).size];
      if (size !== expected) throw new PeerError(`${id}: ${size} bytes were written, expected ${expected}`);
    },
  };
}

function tcprewrite(id: string, capture: Capture): FileProgram {
  const tables = [`--srcipmap=${PODS}:${EGRESS_IP_TEXT}/32`, `--portmap=${PORT_PAIR.join(":")}`];
  return {
    id,
    capture,
    command: (out) => ["tcprewrite", ...tables, "-i", capture.file, "-o", out],
    written: (out) => out,
    check: (out) => {
      const isRight = (source: string, port: number) => source === EGRESS_IP_TEXT && port !== PORT_PAIR[0];
      return checkCapture(id, out, capture.frames, isRight);
    },
  };
}

interface ReplayReport {
  readonly frames: { readonly read: number; readonly snat: number; readonly reverse: number; readonly pass: number };
  readonly verification: { readonly enabled: boolean; readonly ok: boolean; readonly framesChecked: number };
}

function replay(id: string, capture: Capture, isVerified: boolean): FileProgram {
  const flags = isVerified ? ["--json"] : ["--json", "--no-verify"];
  return {
    id,
    capture,
    command: (out) => [process.execPath, CLI, "replay", capture.file, "-m", capture.manifests, "-o", out, ...flags],
    written: (out) => join(out, EXTERNAL),
    check: async (out) => {
      const { frames, verification } = JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as ReplayReport;
      const done = frames.snat + frames.reverse + frames.pass;
      if (frames.read !== capture.frames || done !== frames.read || frames.snat === 0) {
        throw new PeerError(`${id}: ${done} of ${frames.read} frames went through, expected ${capture.frames}`);
      }
      const checked = verification.enabled && verification.ok ? verification.framesChecked : 0;
      if (isVerified && checked === 0) throw new PeerError(`${id}: no frame was verified, expected all of them to be`);
      // What policies exclude is not written: it passes no gateway.
      const isGateway = (source: string) => source.startsWith("203.0.113.");
      await checkCapture(id, join(out, EXTERNAL), frames.snat, isGateway);
    },
  };
}

/** Counts the frames of a capture that was written and looks at some of them. */
async function checkCapture(
  id: string,
  file: string,
  expected: number,
  isRight: (source: string, destinationPort: number) => boolean,
): Promise<void> {
  let count = 0;
  for await (const { bytes, linkType, wireLength } of captureFrames(file, { truncated: false })) {
    if (count++ % SAMPLE_STEP !== 0) continue;
    const packet = decodeFrame(bytes, linkType, wireLength);
    if (!packet) throw new PeerError(`${id}: frame ${count} is no IP packet any more`);
    const [source, port] = [formatAddress(sourceAddress(bytes, packet)), destinationPort(bytes, packet)];
    if (!isRight(source, port)) {
      throw new PeerError(`${id}: frame ${count} goes from ${source} to port ${port}, expected a translation`);
    }
    if (checksumState(bytes, packet) === "wrong") throw new PeerError(`${id}: frame ${count} has a wrong checksum`);
  }
  if (count !== expected) throw new PeerError(`${id}: ${count} frames were written, expected ${expected}`);
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
