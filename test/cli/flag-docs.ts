import type { CommandSpec } from "../../src/cli/commands.js";
import type { Flag } from "../../src/cli/flags.js";
import { flagSyntax, shownFlags, usageLine } from "../../src/cli/help.js";
import { REASON_TEXTS } from "../../src/report/reasons.js";

/** The part of docs/cli.md that says what a command's tables say: `npm run docs` writes it, a test compares it. */
export function commandDocs(command: CommandSpec): string {
  const rows = shownFlags(command).map((flag) => `| \`${cell(flagSyntax(flag))}\` | ${cell(flagText(flag))} |`);
  const flags = rows.length > 0 ? ["", "| flag | |", "|---|---|", ...rows] : [];
  return [
    "```text",
    usageLine(command),
    "```",
    "",
    command.description,
    ...flags,
    "",
    "```sh",
    ...command.examples,
    "```",
    "",
  ].join("\n");
}

/** Puts the parts of all commands between their markers `<!-- NAME -->` and `<!-- /NAME -->`; the rest of the page stays. */
export function fillDocs(page: string, commands: readonly CommandSpec[]): string {
  const parts = new Map(commands.map((command) => [command.name, commandDocs(command)]));
  parts.set("reasons", reasonDocs());
  return [...parts].reduce((text, [name, part]) => {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const from = text.indexOf(open);
    const to = text.indexOf(close);
    if (from < 0 || to < from) throw new Error(`docs/cli.md has no ${open} … ${close}`);
    return `${text.slice(0, from + open.length)}\n\n${part}\n${text.slice(to)}`;
  }, page);
}

function reasonDocs(): string {
  const rows = Object.entries(REASON_TEXTS).map(([reason, text]) => `| \`${reason}\` | ${cell(text)} |`);
  return ["| reason | means |", "|---|---|", ...rows, ""].join("\n");
}

function flagText({ help, details, repeats, default: byDefault }: Flag): string {
  const notes = [repeats && "repeats", byDefault !== undefined && `default: ${byDefault}`].filter(Boolean).join("; ");
  const line = `${help[0]!.toUpperCase()}${help.slice(1)}${notes ? ` (${notes})` : ""}.`;
  return details ? `${line} ${details}` : line;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
