import { checkModel, renderCheckJson, renderCheckTable } from "../../config/check.js";
import { loadCluster, printPassedOver, printWarnings, redaction } from "../cluster.js";
import { type CommandRun, EXIT_OK } from "../commands.js";

/** `check -m PATH`: faults of the manifests, or the table of who leaves by which address. */
export const run: CommandRun = async (_args, flags, console) => {
  const model = loadCluster(flags);
  const redact = redaction(model, [], flags);
  const report = checkModel(model);
  printWarnings(report.warnings, flags, console, redact);
  if (flags.verbose) printPassedOver(model, console);
  const rows = redact.data(report.rows);
  const shown = { ...report, rows, warnings: redact.data(report.warnings) };
  console.out(flags.json ? renderCheckJson(shown) : renderCheckTable(rows));
  return EXIT_OK;
};
