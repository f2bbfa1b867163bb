export type PathStep = string | number;

/** Where an object came from: enough to find its line and column again, should something be wrong with it. */
export type Origin = JsonOrigin | YamlOrigin;

export interface JsonOrigin {
  readonly file: string;
  readonly format: "json";
  /** Byte offset of the value that `prefix` starts in. */
  readonly at: number;
  /** Steps from there to the object (members of nested lists). */
  readonly prefix: readonly PathStep[];
}

export interface YamlOrigin {
  readonly file: string;
  readonly format: "yaml";
  /** The piece of the text that was parsed on its own: characters, `end` exclusive. */
  readonly at: number;
  readonly end: number;
  /** Number of the document in that piece. */
  readonly document: number;
  readonly prefix: readonly PathStep[];
}

/** A question for line and column: the value at the end of `path`, or its key. */
export interface LocateQuery {
  readonly path: readonly PathStep[];
  readonly target: "value" | "key";
}

/** `spec.egressCIDRs[2]`, `metadata.annotations["sluicegate.io/timeouts"]`; empty for the object itself. */
export function formatPath(path: readonly PathStep[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}
