import { type CtRow, type EgressRow, type NatRow, StateListing } from "../../replay/list-state.js";
import { ctLines, egressLines, gatewayLines, natLines } from "../../report/list-view.js";
import { Redactor } from "../../report/redact.js";
import { type CommandRun, EXIT_OK } from "../commands.js";
import type { Console } from "../console.js";
import { oneOf } from "../flag-values.js";
import type { FlagValues } from "../flags.js";

/** Made once: a comparison that has to look its locale up is many times slower, and tables are large. */
const COLLATOR = new Intl.Collator("en", { numeric: true });
const tables = oneOf("nat", "ct", "egress", "gateways");

/** `list nat|ct|egress|gateways STATE`: what a saved state holds. */
export const run: CommandRun = async ([what = "", file = ""], flags, console) => {
  const table = tables(what, "WHAT");
  const listing = StateListing.read(file);
  switch (table) {
    case "nat":
      print([...listing.nat()].sort(byTuple), natLines, flags, console);
      break;
    case "ct":
      print([...listing.ct()].sort(byTuple), ctLines, flags, console);
      break;
    case "egress":
      print([...listing.egress()].sort(byRule), egressLines, flags, console);
      break;
    case "gateways":
      print(listing.gateways(), gatewayLines, flags, console);
  }
  return EXIT_OK;
};

function print<T>(
  rows: readonly T[],
  lines: (rows: readonly T[]) => string[],
  flags: FlagValues,
  console: Console,
): void {
  const shown = flags.redact ? redactorOf(rows).data(rows) : rows;
  if (flags.json) console.out(`${JSON.stringify(shown, undefined, 2)}\n`);
  else if (rows.length === 0) console.err("No entries found.\n");
  else console.out(`${lines(shown).join("\n")}\n`);
}

/** A state holds no names but those of gateway nodes. */
function redactorOf(rows: readonly unknown[]): Redactor {
  const named = rows as readonly { readonly gateway?: string; readonly node?: string }[];
  return new Redactor({ node: named.flatMap(({ gateway, node }) => [gateway ?? "", node ?? ""]) });
}

/** The table's own order is that of its hashes and means nothing. */
function byTuple(a: NatRow | CtRow, b: NatRow | CtRow): number {
  return compare(
    [a.protocol, a.direction, a.source, a.destination],
    [b.protocol, b.direction, b.source, b.destination],
  );
}

function byRule(a: EgressRow, b: EgressRow): number {
  return compare([a.sourceIP, a.destinationCIDR, a.gateway], [b.sourceIP, b.destinationCIDR, b.gateway]);
}

function compare(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((part, i) => part !== b[i]);
  return at < 0 ? 0 : COLLATOR.compare(a[at]!, b[at]!);
}
