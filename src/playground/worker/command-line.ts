import type { RunSettings } from "../messages.js";

/** What a command line names. */
export interface CommandFiles {
  readonly captures: readonly string[];
  readonly manifests: readonly string[];
  readonly scenario: string | undefined;
  readonly settings: Pick<RunSettings, "natProfile" | "topology" | "seed">;
}

/** The same replay for a shell, with the files by their names. */
export function commandLine({ captures, manifests, scenario, settings }: CommandFiles): string {
  const { natProfile, topology, seed } = settings;
  const words = [
    ...["sluicegate", "replay", ...captures.map(shellWord)],
    ...manifests.flatMap((name) => ["-m", shellWord(name)]),
    ...(scenario === undefined ? [] : ["-s", shellWord(scenario)]),
    ...(natProfile ? ["--nat-profile", natProfile] : []),
    ...(topology === "cluster" ? ["--topology", topology] : []),
    ...(seed === 1 ? [] : ["--seed", String(seed)]),
    ...["-o", "out/"],
  ];
  return words.join(" ");
}

/** A word that no shell takes apart. */
function shellWord(text: string): string {
  const safe = text.startsWith("-") ? `./${text}` : text;
  return /^[\w@%+=:,./-]+$/.test(safe) ? safe : `'${safe.replaceAll("'", "'\\''")}'`;
}
