import { basename, join, parse } from "node:path";
import { type CompileSettings, compileForHosts, tryOut } from "../../compile/compile.js";
import { documentText, type PolicyDocument, policyDocument } from "../../compile/document.js";
import { UsageError } from "../../errors.js";
import { bytes, count, counted } from "../../report/units.js";
import { loadCluster, printPassedOver, printWarnings, redaction } from "../cluster.js";
import { type CommandRun, EXIT_OK } from "../commands.js";
import type { FlagValues } from "../flags.js";
import { refuseOverwriting, writeBytes, writeTextFile } from "../output-files.js";
import { manifestFiles } from "../replay-files.js";

/** `compile -m PATH -o FILE`: the policy for hosts of the engine that do not have this program. */
export const run: CommandRun = async (_args, flags, console) => {
  const blobFile = flags.output!;
  const documentFile = documentBeside(blobFile);
  refuseOverwriting([blobFile, documentFile], manifestFiles(flags.manifests ?? []));
  const model = loadCluster(flags);
  printWarnings(model.warnings, flags, console, redaction(model, [], flags));
  if (flags.verbose) printPassedOver(model, console);
  const compiled = compileForHosts(model, settingsOf(flags));
  await tryOut(compiled);
  const document = policyDocument(compiled, basename(blobFile));
  writeBytes(blobFile, compiled.blob);
  writeTextFile(documentFile, documentText(document));
  console.out(flags.json ? documentText(document) : summaryOf(document, blobFile, documentFile));
  return EXIT_OK;
};

/** `policy.json` of `policy.bin`. @throws {UsageError} where no two files can have such names */
function documentBeside(file: string): string {
  const { dir, name, ext } = parse(file);
  if (file === "-") throw new UsageError("-: two files are written, expected a name such as policy.bin");
  if (ext === ".json")
    throw new UsageError(
      `${file}: is the name of what is written beside the policy, expected another ending, such as .bin`,
    );
  return join(dir, `${name}.json`);
}

function settingsOf(flags: FlagValues): CompileSettings {
  const given = {
    natProfile: flags.natProfile,
    balance: flags.balance,
    seed: flags.seed,
    connections: flags.connections,
    maxBatch: flags.batch,
    unsupported: flags.unsupported,
    badChecksum: flags.badChecksum,
    midStream: flags.midStream,
    icmpErrors: flags.icmpErrors,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function summaryOf(document: PolicyDocument, blobFile: string, documentFile: string): string {
  const { blob, needs, calls, configuration } = document;
  const rows = [
    `nodes ${count(needs.nodes)}`,
    `egresses ${count(needs.egresses)}`,
    `policies ${count(needs.policies)}`,
    `prefixes ${count(needs.prefixes)}`,
    `endpoints ${count(needs.endpoints)}`,
  ];
  const { connections } = configuration.fields;
  const engine = [
    `ABI version ${document.abiVersion}`,
    `configuration for ${counted(Number(connections), "connection")}`,
    `${counted(calls.length, "call")} after loading`,
  ];
  return `${blobFile}: ${bytes(blob.bytes)}, ${rows.join(", ")}\n${documentFile}: ${engine.join(", ")}\n`;
}
