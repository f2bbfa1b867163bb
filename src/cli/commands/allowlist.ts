import { allowlist, renderAllowlistCsv, renderAllowlistJson, renderAllowlistTable } from "../../config/allowlist.js";
import { UsageError } from "../../errors.js";
import { loadCluster, printWarnings, redaction } from "../cluster.js";
import { type CommandRun, EXIT_OK } from "../commands.js";

/** `allowlist -m PATH [--failures K]`: what a firewall must let in. */
export const run: CommandRun = async (_args, flags, console) => {
  if (flags.json && flags.csv) throw new UsageError("--json and --csv are both given, expected one of them");
  const model = loadCluster(flags);
  const redact = redaction(model, [], flags);
  printWarnings(model.warnings, flags, console, redact);
  const list = redact.data(allowlist(model, flags.failures ?? 0));
  if (flags.csv) for (const note of list.notes) console.err(`note: ${note}\n`);
  const render = flags.json ? renderAllowlistJson : flags.csv ? renderAllowlistCsv : renderAllowlistTable;
  console.out(render(list));
  return EXIT_OK;
};
