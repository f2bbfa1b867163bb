import { ABI_VERSION } from "../../../assembly/abi.js";
import { nodeTable } from "../../../src/engine/blob.js";
import { formatAddress } from "../../../src/net/address.js";
import type { Vector, VectorFile } from "../format.js";
import { FLAGS } from "./say.js";
import { hex, Script } from "./script.js";
import { type Configuration, type Policy, recordOf, type Setting } from "./settings.js";
import { SETTLED_COUNTERS, STEADY_COUNTERS } from "./tally.js";

export interface Head {
  readonly name: string;
  /** In words: what has to happen, and by which rule. */
  readonly why: string;
  readonly rules: readonly string[];
  readonly setting?: Setting;
  /** What else the script was held against, beside words, verifier and oracles. */
  readonly proof?: readonly string[];
}

/** One file of vectors. */
export class Book {
  readonly name: string;
  /** Where engine and words, model or rules disagree. */
  readonly faults: string[] = [];
  readonly #about: string;
  readonly #configurations = new Map<string, Configuration>();
  readonly #policies = new Map<string, Policy>();
  readonly #vectors: Vector[] = [];

  constructor(name: string, about: string) {
    this.name = name;
    this.#about = about;
  }

  /** Plays a vector: it is a fault where the engine, the verifier or an oracle does not agree with what `tell` says. */
  async add(
    { name, why, rules, setting, proof = [] }: Head,
    tell: (script: Script) => void | Promise<void>,
  ): Promise<void> {
    const where = `${this.name}: ${name}`;
    if (this.#vectors.some((one) => one.name === name)) throw new Error(`${where}: there are two`);
    try {
      const script = await Script.start(setting);
      await tell(script);
      script.referee.finish();
      for (const one of script.configurations) this.#once(this.#configurations, one, where);
      for (const one of script.policies) this.#once(this.#policies, one, where);
      this.#vectors.push({ name, why, rules, proof: [...script.referee.proof, ...proof], steps: script.steps });
    } catch (cause) {
      this.faults.push(`${where}: ${(cause as Error).message}`);
    }
  }

  #once<T extends { readonly name: string }>(all: Map<string, T>, one: T, where: string): void {
    const known = all.get(one.name);
    if (known && known !== one) throw new Error(`${where}: ${one.name} is the name of two`);
    all.set(one.name, one);
  }

  file(): VectorFile {
    return {
      schema: "sluicegate.io/vectors/v1",
      abiVersion: ABI_VERSION,
      about: this.#about,
      verdictFlags: Object.values(FLAGS).reduce((bits, flag) => bits | flag, 0),
      counters: { steady: STEADY_COUNTERS, settled: SETTLED_COUNTERS },
      configurations: [...this.#configurations.values()].map((one) => ({
        name: one.name,
        about: one.about,
        record: hex(recordOf(one)),
      })),
      policies: [...this.#policies.values()].map(({ name, about, model, blob }) => ({
        name,
        about,
        nodes: model ? nodeTable(model).map((row) => row.name) : [],
        egresses: (model?.egresses ?? []).map(({ node, egressIPv4, egressIPv6 }) =>
          [node, ...[egressIPv4, egressIPv6].flatMap((ip) => (ip ? [formatAddress(ip)] : []))].join(" "),
        ),
        blob: hex(blob),
      })),
      vectors: this.#vectors,
    };
  }
}

/** The bytes of a file: one step, configuration or policy on each line. */
export function textOf({ configurations, policies, vectors, ...head }: VectorFile): string {
  const lines = (rows: readonly unknown[]) => rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n");
  const top = JSON.stringify(head, undefined, 2).slice(2, -2);
  const told = vectors.map(({ steps, ...about }) => {
    const fields = Object.entries(about).map(
      ([name, value]) => `      ${JSON.stringify(name)}: ${JSON.stringify(value)}`,
    );
    const list = `      "steps": [\n${steps.map((step) => `        ${JSON.stringify(step)}`).join(",\n")}\n      ]`;
    return `    {\n${[...fields, list].join(",\n")}\n    }`;
  });
  return `{\n${top},\n  "configurations": [\n${lines(configurations)}\n  ],\n  "policies": [\n${lines(policies)}\n  ],\n  "vectors": [\n${told.join(",\n")}\n  ]\n}\n`;
}
