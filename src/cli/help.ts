import { COMMANDS, type CommandSpec } from "./commands.js";
import { FLAGS, type Flag, type FlagKey } from "./flags.js";

const INDENT = "  ";
const MAX_LEFT = 34;

/** A flag as a command words it. */
export function flagOf({ words }: CommandSpec, key: FlagKey): Flag {
  return { ...(FLAGS[key] as Flag), ...words?.[key] };
}

/** The flags of a command that are shown, as it words them: those that are not there yet are not. */
export function shownFlags(command: CommandSpec): Flag[] {
  return command.flags.map((key) => flagOf(command, key)).filter((flag) => !flag.hidden);
}

/** `-m, --manifests PATH` */
export function flagSyntax({ short, name, argument }: Flag): string {
  return `${short ? `${short}, ` : ""}${name}${argument ? ` ${argument}` : ""}`;
}

/** `sluicegate replay CAPTURE… -m PATH [flags]` */
export function usageLine(command: CommandSpec): string {
  const args = command.args.map((arg) =>
    arg
      .replace(/[<>[\]]/g, "")
      .toUpperCase()
      .replace("...", "…"),
  );
  const required = (command.required ?? []).map((key) => {
    const flag = flagOf(command, key);
    return `${flag.short ?? flag.name} ${flag.argument}`;
  });
  const rest = shownFlags(command).length > required.length ? ["[flags]"] : [];
  return ["sluicegate", command.name, ...args, ...required, ...rest].join(" ");
}

/** `sluicegate --help` */
export function overview(width: number): string {
  const rows = COMMANDS.map(({ name, summary }): [string, string] => [name, summary]);
  return [
    "Usage: sluicegate COMMAND [arguments] [flags]",
    "",
    ...wrap(
      "An egress gateway for Kubernetes pods as a packet engine: send your captures through your policies, and check every rewritten frame.",
      width,
    ),
    "",
    "Commands:",
    ...table(rows, width),
    "",
    "sluicegate COMMAND --help   the flags of a command",
    "sluicegate help COMMAND     the same at length",
    "",
    "Exit codes: 0 done; 1 a mismatch, a regression or a --fail-on that holds; 2 bad usage or input.",
    "",
  ].join("\n");
}

/** `sluicegate COMMAND --help`, or with `long` what `sluicegate help COMMAND` prints. */
export function commandHelp(command: CommandSpec, style: "short" | "long", width: number): string {
  const rows = shownFlags(command).map((flag): [string, string] => [flagSyntax(flag), flagText(flag, style)]);
  rows.push(["-h, --help", "print this"]);
  return [
    `Usage: ${usageLine(command)}`,
    "",
    ...wrap(plain(style === "long" ? command.description : `${capital(command.summary)}.`), width),
    "",
    "Flags:",
    ...(style === "long" ? longTable(rows, width) : table(rows, width)),
    "",
    "Examples:",
    ...command.examples.map((example) => `${INDENT}${example}`),
    "",
  ].join("\n");
}

function flagText(flag: Flag, style: "short" | "long"): string {
  const repeats = flag.repeats ? " (repeats)" : "";
  const byDefault = flag.default === undefined ? "" : ` (default: ${flag.default})`;
  const line = `${flag.help}${repeats}${byDefault}`;
  return style === "short" || !flag.details ? line : `${capital(line)}. ${plain(flag.details)}`;
}

/** Two columns; a left side that is too long stands on a line of its own. */
function table(rows: readonly (readonly [string, string])[], width: number): string[] {
  const left = Math.min(MAX_LEFT, Math.max(...rows.map(([name]) => name.length))) + 2;
  return rows.flatMap(([name, text]) => {
    const lines = wrap(text, width - INDENT.length - left);
    const first = name.length + 2 > left ? [`${INDENT}${name}`] : [];
    const head = first.length > 0 ? "" : name;
    return [...first, ...lines.map((line, i) => `${INDENT}${(i === 0 ? head : "").padEnd(left)}${line}`)];
  });
}

function longTable(rows: readonly (readonly [string, string])[], width: number): string[] {
  return rows.flatMap(([name, text]) => [
    `${INDENT}${name}`,
    ...wrap(text, width - 8).map((line) => `${INDENT.repeat(4)}${line}`),
  ]);
}

/** Breaks at spaces; a word that is longer than `width` stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Texts are written in Markdown for the docs; a terminal shows code as it is. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}

function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
