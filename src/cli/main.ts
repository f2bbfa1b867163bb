#!/usr/bin/env node
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EXIT_OK, EXIT_USAGE } from "./commands.js";
import { type Console, processConsole } from "./console.js";
import { describeError } from "./describe-error.js";
import { parseCommandLine } from "./program.js";

/**
 * Runs one command line and says how it went.
 * @param argv arguments behind the program's name
 * @returns the exit code: 0 done, 1 mismatch, 2 bad usage or input
 */
export async function main(argv: readonly string[], console: Console, env = process.env): Promise<number> {
  try {
    const invocation = await parseCommandLine(argv, packageVersion(), console);
    return invocation ? await invocation.run(invocation.args, invocation.flags, console) : EXIT_OK;
  } catch (error) {
    console.err(describeError(error, env.SLUICEGATE_TRACE === "1"));
    return EXIT_USAGE;
  }
}

/** Of the package this file belongs to: dist/src/cli when built, src/cli in tests. */
function packageVersion(): string {
  for (const up of ["../../../package.json", "../../package.json"]) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8"));
      if (name === "sluicegate") return version;
    } catch {
      // Not at this level.
    }
  }
  return "unknown";
}

/**
 * A reader that went away (`| head`) is no error: nobody is left to tell, but files and the exit code are still owed. Any other failure to
 * write results (a full disk behind `>`) is one.
 */
function surviveBrokenStreams(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") return;
      if (stream === process.stdout) process.stderr.write(`standard output: cannot be written (${error.code})\n`);
      process.exit(EXIT_USAGE);
    });
  }
}

function isEntryPoint(): boolean {
  const script = process.argv[1];
  return script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url);
}

if (isEntryPoint()) {
  surviveBrokenStreams();
  // Not process.exit: what is still on its way to a pipe must arrive.
  process.exitCode = await main(process.argv.slice(2), processConsole(process));
}
