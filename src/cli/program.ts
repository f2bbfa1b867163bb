import { Command, CommanderError, Option } from "commander";
import { UsageError } from "../errors.js";
import { COMMANDS, type CommandRun, type CommandSpec, EXIT_OK } from "./commands.js";
import type { Console } from "./console.js";
import { FLAGS, type Flag, type FlagKey, type FlagValues } from "./flags.js";
import { commandHelp, flagOf, overview, shownFlags } from "./help.js";
import { nearest } from "./nearest.js";

/** What a command line asks for. */
export interface Invocation {
  readonly run: CommandRun;
  readonly args: readonly string[];
  readonly flags: FlagValues;
}

interface Parsed {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly flags: FlagValues;
}

/**
 * Parses a command line (without `node` and the script). Help and version are printed here.
 * @returns what to run, or undefined where there is nothing left to do
 * @throws {UsageError} for whatever is wrong with it
 */
export async function parseCommandLine(
  argv: readonly string[],
  version: string,
  console: Console,
): Promise<Invocation | undefined> {
  const parsed = parse(argv, version, console);
  if (!parsed) return undefined;
  checkRequired(parsed);
  return { run: (await parsed.spec.load()).run, args: parsed.args, flags: parsed.flags };
}

function parse(argv: readonly string[], version: string, console: Console): Parsed | undefined {
  let parsed: Parsed | undefined;
  const program = quiet(new Command("sluicegate"), console, () => overview(console.width));
  program.version(version, "-V, --version", "print the version").helpCommand(false);
  for (const spec of COMMANDS) {
    addCommand(program, spec, console, (args, flags) => {
      parsed = { spec, args, flags };
    });
  }
  program.command("help [command]").action((name?: string) => console.out(helpFor(name, console.width)));
  try {
    program.parse(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === EXIT_OK) return undefined;
    if (error.code === "commander.help") throw new UsageError("no command given, expected one: see sluicegate --help");
    throw usageError(error, argv);
  }
  return parsed;
}

/** Commander's own printing is kept quiet: faults are thrown, help comes from our tables. */
function quiet(command: Command, console: Console, help: () => string): Command {
  return command
    .exitOverride()
    .configureHelp({ formatHelp: help })
    .configureOutput({ writeOut: (text) => console.out(text), writeErr: () => {}, outputError: () => {} });
}

function addCommand(
  program: Command,
  spec: CommandSpec,
  console: Console,
  take: (args: string[], flags: FlagValues) => void,
): void {
  const command = quiet(program.command(spec.name), console, () => commandHelp(spec, "short", console.width));
  for (const arg of spec.args) command.argument(arg);
  const options = spec.flags.map((key) => ({ key, option: toOption(FLAGS[key] as Flag) }));
  for (const { option } of options) command.addOption(option);
  command.action(() => {
    const flags: Partial<Record<FlagKey, unknown>> = {};
    for (const { key, option } of options) {
      const name = option.attributeName();
      if (command.getOptionValueSource(name) === "cli")
        flags[key] = (FLAGS[key] as Flag).argument ? command.getOptionValue(name) : true;
    }
    take([...command.args], flags as FlagValues);
  });
}

function toOption(flag: Flag): Option {
  const syntax = `${flag.short ? `${flag.short}, ` : ""}${flag.name}`;
  if (!flag.argument) return new Option(syntax);
  return new Option(`${syntax} <value>`).argParser((value: string, before: unknown) => {
    const parsed = flag.parse(value, flag.name);
    if (flag.repeats) return [...((before as unknown[] | undefined) ?? []), parsed];
    if (before !== undefined) throw new UsageError(`${flag.name} is given twice, expected once`);
    return parsed;
  });
}

function checkRequired({ spec, flags }: Parsed): void {
  for (const key of spec.required ?? []) {
    if (flags[key] !== undefined) continue;
    const flag = flagOf(spec, key);
    const short = flag.short ? `${flag.short} ` : `${flag.name} `;
    throw new UsageError(`sluicegate ${spec.name}: ${flag.name} is missing, expected ${short}${flag.argument}`);
  }
}

function helpFor(name: string | undefined, width: number): string {
  if (name === undefined) return overview(width);
  const spec = COMMANDS.find((known) => known.name === name);
  if (spec) return commandHelp(spec, "long", width);
  throw unknownCommand(name);
}

/** A fault of commander in our words. */
function usageError(error: CommanderError, argv: readonly string[]): UsageError {
  const spec = COMMANDS.find(({ name }) => name === argv.find((arg) => !arg.startsWith("-")));
  const where = spec ? `sluicegate ${spec.name}` : "sluicegate";
  const quoted = /'(.*?)'/s.exec(error.message)?.[1] ?? "";
  switch (error.code) {
    case "commander.unknownCommand":
      return unknownCommand(quoted);
    case "commander.unknownOption":
      return new UsageError(`${where}: ${quoted} is not a flag of it, expected ${flagHint(quoted, spec)}`);
    case "commander.optionMissingArgument":
      return new UsageError(`${where}: ${missingValue(quoted, spec)}`);
    case "commander.missingArgument":
      return new UsageError(
        `${where}: ${quoted.toUpperCase()} is missing, expected ${spec ? argsOf(spec) : "a command"}`,
      );
    case "commander.excessArguments":
      return new UsageError(`${where}: has too many arguments, expected ${(spec && argsOf(spec)) || "none"}`);
    default:
      return new UsageError(`${where}: ${error.message.replace(/^error: /, "")}`, { cause: error });
  }
}

function unknownCommand(name: string): UsageError {
  const near = nearest(name, commandNames());
  const expected = near ? `did you mean ${near}?` : `expected one of ${commandNames().join(", ")}`;
  return new UsageError(`sluicegate: ${JSON.stringify(name)} is not a command, ${expected}`);
}

function commandNames(): string[] {
  return COMMANDS.map(({ name }) => name);
}

function flagHint(given: string, spec: CommandSpec | undefined): string {
  const name = given.split("=")[0]!;
  const known = spec ? shownFlags(spec).map((flag) => flag.name) : [];
  const near = nearest(name, [...known, "--help"]);
  return near ? `perhaps ${near}` : `those that sluicegate ${spec ? `${spec.name} ` : ""}--help names`;
}

function missingValue(syntax: string, spec: CommandSpec | undefined): string {
  const name = /--[a-z-]+/.exec(syntax)?.[0] ?? syntax;
  const flag = spec && shownFlags(spec).find((known) => known.name === name);
  return `${name} has no value, expected ${flag?.argument ?? "one"}`;
}

function argsOf(spec: CommandSpec): string {
  return spec.args.map((arg) => arg.replace(/[<>]/g, "").toUpperCase()).join(" ");
}
