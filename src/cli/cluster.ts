import { formatWarning } from "../config/check.js";
import { type LoadOptions, loadManifests } from "../config/load.js";
import type { SettingOverrides } from "../config/settings.js";
import type { ManifestWarning, PolicyModel } from "../config/types.js";
import { Redactor } from "../report/redact.js";
import { counted } from "../report/units.js";
import type { Console } from "./console.js";
import type { FlagValues } from "./flags.js";

/** Warnings that are printed without --verbose. */
const SHOWN_WARNINGS = 10;

/** Reads the manifests that the flags name. @throws {PolicyError} with all faults of all files */
export function loadCluster(flags: FlagValues): PolicyModel {
  return loadManifests(flags.manifests ?? [], loadOptions(flags));
}

/** What the flags add to manifests. */
export function loadOptions(flags: FlagValues): LoadOptions {
  const settings: SettingOverrides = {
    ...(flags.natProfile && { natProfile: flags.natProfile }),
    ...(flags.snatPorts && { snatPorts: flags.snatPorts }),
    ...(flags.timeout && { timeouts: Object.fromEntries(flags.timeout) }),
  };
  return {
    ...(flags.serviceCidr && { serviceCIDRs: flags.serviceCidr }),
    ...(flags.interface && { interfaces: flags.interface }),
    ignoreOwnershipTimes: flags.ignoreOwnershipTimes ?? false,
    settings,
  };
}

/** Names of a cluster and of the files given, for `--redact`. @param later manifests that come into force later */
function redactorFor(
  model: PolicyModel,
  captures: readonly string[],
  flags: FlagValues,
  later: readonly PolicyModel[] = [],
): Redactor {
  const models = [model, ...later];
  const nodes = models.flatMap((one) => [...one.nodes, ...one.egresses.map(({ node }) => ({ name: node }))]);
  const files = models.flatMap(({ warnings }) => warnings.map(({ file }) => file));
  return new Redactor({
    capture: captures,
    file: [
      ...(flags.manifests ?? []),
      ...(flags.from ?? []),
      ...(flags.to ?? []),
      ...(flags.scenario === undefined ? [] : [flags.scenario]),
      ...files,
    ],
    node: nodes.map(({ name }) => name),
    pod: models.flatMap(({ endpoints }) => endpoints.flatMap(({ name, uid }) => [name, uid])),
    policy: models.flatMap(({ policies }) => policies.map(({ name }) => name)),
    namespace: models.flatMap(({ endpoints }) => endpoints.map(({ namespace }) => namespace)),
    zone: models.flatMap(({ nodes: own }) => own.flatMap(({ zone }) => zone ?? [])),
    device: models.flatMap(({ egresses }) => egresses.flatMap(({ interfaceName }) => interfaceName ?? [])),
  });
}

/** What `--redact` does to texts and to plain data; without it, nothing. */
export type Redaction = Pick<Redactor, "text" | "data">;

export function redaction(
  model: PolicyModel,
  captures: readonly string[],
  flags: FlagValues,
  later: readonly PolicyModel[] = [],
): Redaction {
  return flags.redact ? redactorFor(model, captures, flags, later) : NO_REDACTION;
}

const NO_REDACTION: Redaction = { text: (text) => text, data: (value) => value };

/** Warnings and passed-over kinds, on standard error; the first few unless the user wants all. */
export function printWarnings(
  warnings: readonly ManifestWarning[],
  flags: FlagValues,
  console: Console,
  redact: Redaction,
): void {
  const shown = flags.verbose ? warnings : warnings.slice(0, SHOWN_WARNINGS);
  for (const warning of shown) console.err(`warning: ${redact.text(formatWarning(warning))}\n`);
  const hidden = warnings.length - shown.length;
  if (hidden > 0) console.err(`warning: ${counted(hidden, "more warning")} (--verbose shows all)\n`);
}

/** One line on kinds that do not count and pods that are no endpoints; nothing where there are none. */
export function printPassedOver(model: PolicyModel, console: Console): void {
  const list = (counts: ReadonlyMap<string, number>) => [...counts].map(([name, n]) => `${name} ${n}`).join(", ");
  if (model.ignoredKinds.size > 0) console.err(`note: kinds that do not count: ${list(model.ignoredKinds)}\n`);
  const { skippedPods } = model;
  if (skippedPods && skippedPods.size > 0) console.err(`note: pods that are no endpoints: ${list(skippedPods)}\n`);
}
