import { dirname, join } from "node:path/posix";

/** One import or re-export of a source file. */
export interface ImportLine {
  /** Path of the importing file from the repository root, with `/`. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** As written: `./x.js`, `node:fs`, `commander`. */
  readonly target: string;
  readonly isTypeOnly: boolean;
}

/** What a room of `src` or `assembly` may import besides itself. */
interface Room {
  readonly values: readonly string[];
  /** Rooms of which it may import types only. */
  readonly types?: readonly string[];
  /** npm packages. */
  readonly packages?: readonly string[];
}

const BELOW_ENGINE = ["src/errors", "src/net", "src/capture", "src/config"];
const BELOW_REPLAY = [...BELOW_ENGINE, "src/engine", "src/gateway", "src/verify", "src/pair"];
const BELOW_REPORT = [...BELOW_REPLAY, "src/pair", "src/records", "src/replay"];
const BELOW_INDEX = [
  ...BELOW_REPORT,
  "src/compile",
  "src/whatif",
  "src/metrics",
  "src/shrink",
  "src/report",
  "src/generate",
  "src/demo",
  "src/bench",
];

/** Imports only point up this table (docs/architecture.md); a room that is missing here may not exist. */
export const ROOMS: Readonly<Record<string, Room>> = {
  "assembly/abi": { values: [] },
  "assembly/wire": { values: ["assembly/abi"] },
  "assembly/tables": { values: ["assembly/abi", "assembly/wire"] },
  "assembly/path": { values: ["assembly/abi", "assembly/wire", "assembly/tables"] },
  "assembly/index": { values: ["assembly/abi", "assembly/tables", "assembly/path"] },
  "assembly/outside": { values: ["assembly/abi", "assembly/wire"] },
  "assembly/bench": { values: ["assembly/abi", "assembly/wire", "assembly/tables", "assembly/path", "assembly/index"] },
  "src/errors": { values: [] },
  "src/net": { values: ["src/errors"], packages: ["ipaddr.js"] },
  "src/capture": { values: ["src/errors", "src/net"] },
  "src/config": { values: ["src/errors", "src/net"], packages: ["yaml", "js-yaml"] },
  "src/records": { values: BELOW_ENGINE },
  "src/engine": { values: [...BELOW_ENGINE, "assembly/abi"], packages: ["@assemblyscript/loader"] },
  "src/gateway": { values: [...BELOW_ENGINE, "src/engine"] },
  "src/compile": { values: [...BELOW_ENGINE, "src/engine", "src/gateway"] },
  "src/generate": { values: BELOW_ENGINE },
  "src/verify": { values: ["src/errors", "src/net"], types: ["src/capture", "src/config", "src/engine"] },
  "src/pair": { values: ["src/errors", "src/net", "src/verify"], types: ["src/capture", "src/config"] },
  "src/replay": { values: [...BELOW_REPLAY, "src/records", "assembly/outside"] },
  "src/whatif": { values: [...BELOW_REPORT, "assembly/outside"] },
  "src/shrink": { values: ["src/errors", "src/net", "src/capture", "src/replay", "src/verify"] },
  "src/demo": { values: [...BELOW_ENGINE, "src/engine", "src/gateway", "src/generate", "src/replay"] },
  "src/metrics": { values: ["src/errors"], types: ["src/replay"] },
  "src/report": { values: [...BELOW_REPORT, "src/whatif"], types: ["src/demo", "src/shrink"] },
  "src/bench": {
    values: [...BELOW_REPORT, "src/report", "src/generate", "assembly/abi", "assembly/bench"],
    packages: ["benchmark", "@assemblyscript/loader"],
  },
  "src/index": { values: BELOW_INDEX },
  "src/cli": { values: [...BELOW_INDEX, "src/index"], packages: ["commander"] },
};

/** Room of a file: its folder under `src` or `assembly`, or its own name where it lies directly there. */
export function roomOf(file: string): string {
  const [top, second] = file.split("/");
  return `${top}/${second!.replace(/\.ts$/, "")}`;
}

const IMPORT = /^[ \t]*(?:import|export)\b(?:[^"';]*?\bfrom)?\s*["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']\s*\)/g;

/** Every import, re-export and dynamic import of a source text. */
export function importsOf(file: string, text: string): ImportLine[] {
  const code = withoutComments(text);
  const found: (ImportLine & { at: number })[] = [];
  for (const match of code.matchAll(IMPORT)) {
    found.push({
      file,
      line: lineOf(code, match.index),
      target: match[1]!,
      isTypeOnly: isTypeOnly(match[0]),
      at: match.index,
    });
  }
  for (const match of code.matchAll(DYNAMIC)) {
    found.push({ file, line: lineOf(code, match.index), target: match[1]!, isTypeOnly: false, at: match.index });
  }
  return found.sort((a, b) => a.at - b.at).map(({ at: _, ...line }) => line);
}

/** Why this import breaks the rules, or undefined. */
export function faultOf(line: ImportLine): string | undefined {
  const from = roomOf(line.file);
  const room = ROOMS[from];
  const where = `${line.file}:${line.line}: imports ${line.target}`;
  if (!room) return `${where}, but room ${from} is not in the table`;
  if (line.target.startsWith("node:")) {
    return from.startsWith("assembly/") ? `${where}, but the engine knows no Node` : undefined;
  }
  if (!line.target.startsWith(".")) {
    return room.packages?.includes(line.target) ? undefined : `${where}, but ${from} may not use that package`;
  }
  const to = roomOf(join(dirname(line.file), line.target).replace(/\.js$/, ".ts"));
  if (to === from || room.values.includes(to)) return undefined;
  if (room.types?.includes(to))
    return line.isTypeOnly ? undefined : `${where}, but ${from} may take only types from ${to}`;
  return `${where}, but ${from} may not import ${to}`;
}

/** `import type …`, or an import list in which every name is marked `type`. */
function isTypeOnly(statement: string): boolean {
  if (/^\s*(?:import|export)\s+type\b/.test(statement)) return true;
  const list = /\{([^}]*)\}/.exec(statement)?.[1];
  if (list === undefined || /^\s*(?:import|export)\s+[\w*]/.test(statement)) return false;
  const names = list.split(",").filter((name) => name.trim() !== "");
  return names.length > 0 && names.every((name) => /^\s*type\s/.test(name));
}

/** Comments become spaces; line breaks stay, so that line numbers hold. */
function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, " ");
  return text
    .replace(/\/\*[\s\S]*?\*\//g, blank)
    .replace(/^([^"'`\n]*?)\/\/[^\n]*/gm, (whole, code) => code + blank(whole.slice(code.length)));
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}
