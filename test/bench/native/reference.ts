import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as abi from "../../../assembly/abi.js";
import { type EngineConfig, encodeEngineConfig } from "../../../src/engine/engine-config.js";

/** Totals since the program was started, as it counts them itself. */
export interface NativeCounters {
  readonly snat: number;
  readonly reverse: number;
  readonly other: number;
  readonly opened: number;
  readonly live: number;
}

/** What frames were given, and what became of them. */
export interface Played {
  /** VERDICT_SIZE bytes each. */
  readonly verdicts: Buffer;
  readonly arena: Buffer;
  /** COUNTERS_SIZE bytes. */
  readonly counters: Buffer;
  /** EGRESS_STATS_SIZE bytes per egress. */
  readonly stats: Buffer;
}

/**
 * The C reference as a child process (main.c has its commands). It is asked and answers over two named pipes that block: while it works,
 * this process waits, so the two can take turns.
 */
export class NativeReference {
  readonly #folder = mkdtempSync(join(tmpdir(), "sluicegate-native-"));
  readonly #child: ChildProcess;
  readonly #commands: number;
  readonly #answers: number;

  /** @param program of `compileReference` */
  constructor(program: string, config: EngineConfig, blob: Uint8Array) {
    const start = this.path("start");
    writeFileSync(start, Buffer.concat([encodeEngineConfig(config), blob]));
    const commands = this.#pipe("commands");
    const answers = this.#pipe("answers");
    this.#child = spawn(program, [start], { stdio: [commands.reader, answers.writer, "inherit"] });
    this.#child.on("error", () => {});
    closeSync(commands.reader);
    closeSync(answers.writer);
    this.#commands = commands.writer;
    this.#answers = answers.reader;
  }

  /** A file in a folder that goes with the program. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Lets frames through that frame records describe. @param batch frames per block of calls */
  play(records: Uint8Array, arena: Uint8Array, batch: number): Played {
    const count = records.length / abi.FRAME_SIZE;
    const head = Buffer.alloc(16);
    head.writeUInt32LE(count, 0);
    head.writeBigUInt64LE(BigInt(arena.length), 8);
    writeFileSync(this.path("in"), Buffer.concat([head, records, arena]));
    this.#ask(`play ${this.path("in")} ${this.path("out")} ${batch}`);
    const out = readFileSync(this.path("out"));
    const arenaAt = count * abi.VERDICT_SIZE;
    const countersAt = arenaAt + arena.length;
    const statsAt = countersAt + abi.COUNTERS_SIZE;
    return {
      verdicts: out.subarray(0, arenaAt),
      arena: out.subarray(arenaAt, countersAt),
      counters: out.subarray(countersAt, statsAt),
      stats: out.subarray(statsAt),
    };
  }

  /** Gives frames of 64 bytes for `pass` and `block`. @param forgets all connections go before each pass */
  load(frames: Uint8Array, hook: number, batch: number, forgets: boolean): void {
    const file = this.path("frames");
    writeFileSync(file, frames);
    this.#ask(`load ${file} ${hook} ${batch} ${forgets ? "forget" : "keep"}`);
    rmSync(file);
  }

  /** Totals so far. */
  counters(): NativeCounters {
    return JSON.parse(this.#ask("count")) as NativeCounters;
  }

  /** One pass over them. */
  pass(): NativeCounters {
    return JSON.parse(this.#ask("pass")) as NativeCounters;
  }

  /** The frames as the last pass left them. */
  frames(): Buffer {
    const file = this.path("frames");
    this.#ask(`save ${file}`);
    const bytes = readFileSync(file);
    rmSync(file);
    return bytes;
  }

  /** Passes for `ms` milliseconds of CPU time. @returns nanoseconds per frame */
  block(ms: number): number {
    return Number(this.#ask(`block ${ms}`));
  }

  close(): void {
    closeSync(this.#commands);
    closeSync(this.#answers);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #ask(command: string): string {
    try {
      writeSync(this.#commands, `${command}\n`);
    } catch {
      // It is gone: reading says so.
    }
    const bytes = Buffer.alloc(512);
    let length = 0;
    while (length === 0 || bytes[length - 1] !== 0x0a) {
      const more = readSync(this.#answers, bytes, length, bytes.length - length, null);
      if (more === 0) throw new Error(`native reference: ended at \`${command.split(" ", 1)}\`, expected an answer`);
      length += more;
    }
    return bytes.toString("latin1", 0, length - 1);
  }

  #pipe(name: string): { reader: number; writer: number } {
    const file = this.path(name);
    execFileSync("mkfifo", [file]);
    // Opened for both first, as either end alone waits for the other.
    const both = openSync(file, constants.O_RDWR);
    const ends = { reader: openSync(file, constants.O_RDONLY), writer: openSync(file, constants.O_WRONLY) };
    closeSync(both);
    return ends;
  }
}
