import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { ENDPOINT_BASE, ENDPOINT_COUNT } from "../../../src/bench/cluster.js";
import { FRAME_BYTES, FrameWriter } from "../../../src/bench/frames.js";
import { originalTuple } from "../../../src/bench/traffic.js";
import { addWords } from "../../../src/net/recount.js";
import { PeerError } from "./peer.js";

/** Words of the course (native/frames.bpf.c). */
const CONNECTIONS = 0;
const IN_ORDER = 1;
const IP_SUM = 3;
const L4_SUM = 4;
const DONE = 5;
const OPENED = 6;
const REFUSED = 7;

const IP_AT = 14;
const L4_AT = 34;
const L4_BYTES = FRAME_BYTES - L4_AT;
const UDP = 17;

/** Source of translated frames, the egress IP of every policy: 203.0.113.1. */
export const EGRESS_IP = 0xcb007101;
export const EGRESS_IP_TEXT = "203.0.113.1";

/** What the kernel's programs have counted since they were loaded. */
export interface Course {
  readonly done: number;
  readonly opened: number;
  readonly refused: number;
}

interface Waiting {
  readonly lines: string[];
  resolve(lines: string[]): void;
  reject(error: Error): void;
}

/** A child that runs one program of native/frames.bpf.c, see native/prog-run.c. */
export class ProgRun {
  readonly what: string;
  readonly #child: ChildProcessWithoutNullStreams;
  #waiting: Waiting | undefined;
  #complaint = "";
  #ended = false;

  private constructor(what: string, command: readonly string[]) {
    this.what = what;
    const [program, ...args] = command;
    this.#child = spawn(program!, args);
    this.#child.stderr.on("data", (text: Buffer) => {
      this.#complaint += text;
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#take(line));
    this.#child.on("error", ({ message }) => this.#end(message));
    this.#child.on("close", (status) => this.#end(`ended with ${status}: ${this.#complaint.trim()}`));
    this.#child.stdin.on("error", () => {});
  }

  /** @param what its name in errors   @param command runs prog-run, maybe from within another program   @throws {PeerError} where it does not start */
  static async start(what: string, command: readonly string[], connections: number): Promise<ProgRun> {
    const child = new ProgRun(what, command);
    await child.#answer();
    await child.#describeFrames(connections);
    return child;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Sends one command. @returns the lines of the answer, the last one without its "ok" */
  async ask(command: string): Promise<string[]> {
    if (this.#ended) throw new PeerError(`${this.what}: ${this.#complaint.trim() || "has ended"}`);
    this.#child.stdin.write(`${command}\n`);
    return this.#answer();
  }

  /** Lets the program see `frames` frames of random connections. @returns nanoseconds of CPU time */
  async run(frames: number): Promise<number> {
    return Number((await this.ask(`run ${frames}`)).at(-1));
  }

  /** Lets the program see one frame of each connection, in the order of their numbers. */
  async openAll(connections: number): Promise<void> {
    await this.ask(`set ${IN_ORDER} 1`);
    await this.ask("set 2 0");
    await this.run(connections);
    await this.ask(`set ${IN_ORDER} 0`);
  }

  /** The same policies for all of the benchmark's endpoints. */
  async addEndpoints(): Promise<void> {
    await this.ask(`endpoints ${ENDPOINT_BASE} ${ENDPOINT_COUNT} ${EGRESS_IP}`);
  }

  async course(): Promise<Course> {
    const words = (await this.ask("course")).at(-1)!.split(" ").map(Number);
    return { done: words[DONE]!, opened: words[OPENED]!, refused: words[REFUSED]! };
  }

  /** A frame as one run leaves it behind. */
  async one(): Promise<Uint8Array> {
    return Buffer.from((await this.ask("one")).at(-1)!, "hex");
  }

  /** The frames that `device` is given to send while `count` more are run. */
  async watch(device: string, count: number): Promise<Uint8Array[]> {
    const lines = await this.ask(`watch ${device} ${count}`);
    return lines.slice(0, -1).map((line) => Buffer.from(line.replace("frame ", ""), "hex"));
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    await new Promise<void>((resolve) => {
      this.#child.on("close", () => resolve());
      this.#child.stdin.end();
    });
  }

  /** The buffer for frames, of which the program itself writes the headers, and what their checksums have in common. */
  async #describeFrames(connections: number): Promise<void> {
    const frame = new Uint8Array(FRAME_BYTES);
    const tuple = { src: 0, dst: 0, srcPort: 0, dstPort: 0 };
    originalTuple(0, tuple);
    new FrameWriter("udp", FRAME_BYTES).write(new DataView(frame.buffer), 0, tuple, 0);
    await this.ask(`frame ${Buffer.from(frame).toString("hex")}`);
    // Without addresses, ports and checksums, which differ from frame to frame.
    frame.fill(0, 24, 38);
    frame.fill(0, 40, 42);
    await this.ask(`set ${IP_SUM} ${addWords(0, frame, IP_AT, L4_AT)}`);
    await this.ask(`set ${L4_SUM} ${addWords(UDP + L4_BYTES, frame, L4_AT, FRAME_BYTES)}`);
    await this.ask(`set ${CONNECTIONS} ${connections}`);
  }

  #answer(): Promise<string[]> {
    return new Promise((resolve, reject) => {
      if (this.#ended) reject(new PeerError(`${this.what}: ${this.#complaint.trim()}`));
      this.#waiting = { lines: [], resolve, reject };
    });
  }

  #take(line: string): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    const isLast = /^ok\b/.test(line);
    waiting.lines.push(isLast ? line.slice(3) : line);
    if (!isLast) return;
    this.#waiting = undefined;
    waiting.resolve(waiting.lines);
  }

  #end(why: string): void {
    this.#ended = true;
    this.#complaint ||= why;
    this.#waiting?.reject(new PeerError(`${this.what}: ${why}`));
    this.#waiting = undefined;
  }
}
