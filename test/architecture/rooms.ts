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

const BELOW_ENGINE = ["src/errors", "src/platform", "src/net", "src/capture", "src/config"];
const BELOW_REPLAY = [...BELOW_ENGINE, "src/engine", "src/gateway", "src/verify", "src/pair"];
const BELOW_REPORT = [...BELOW_REPLAY, "src/pair", "src/records", "src/replay"];
const BELOW_INDEX = [
  ...BELOW_REPORT,
  "src/compile",
  "src/embed",
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
  "src/platform": { values: ["src/errors"] },
  "src/net": { values: ["src/errors", "src/platform"], packages: ["ipaddr.js"] },
  "src/capture": { values: ["src/errors", "src/platform", "src/net"] },
  "src/config": { values: ["src/errors", "src/platform", "src/net"], packages: ["js-yaml"] },
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
  "src/report": {
    values: [...BELOW_REPORT, "src/whatif"],
    types: ["src/demo", "src/shrink"],
    packages: ["#page/assets.js"],
  },
  "src/embed": { values: [...BELOW_REPLAY, "src/compile", "src/report"] },
  "src/bench": {
    values: [...BELOW_REPORT, "src/report", "src/generate", "assembly/abi", "assembly/bench"],
    packages: ["benchmark", "@assemblyscript/loader"],
  },
  "src/index": { values: BELOW_INDEX },
  "src/playground": { values: [...BELOW_INDEX, "src/index", "assembly/outside"], packages: ["virtual:worker"] },
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
    if (from.startsWith("assembly/")) return `${where}, but the engine knows no Node`;
    return KNOWS_NODE.test(line.file) ? undefined : `${where}, but only src/platform/node knows Node`;
  }
  const platform = /^#platform\/(.+)\.js$/.exec(line.target)?.[1];
  if (platform === undefined && !line.target.startsWith(".")) {
    return room.packages?.includes(line.target) ? undefined : `${where}, but ${from} may not use that package`;
  }
  const path = targetPath(line, "node");
  const to = roomOf(path);
  if (platform === undefined && to !== from && HALVES.test(path) && !KNOWS_NODE.test(line.file))
    return `${where}, expected #platform/…, which is the half of the platform at hand`;
  if (to === from || room.values.includes(to)) return undefined;
  if (room.types?.includes(to))
    return line.isTypeOnly ? undefined : `${where}, but ${from} may take only types from ${to}`;
  return `${where}, but ${from} may not import ${to}`;
}

/** Files that may use Node's own modules: one half of the platform, programs, and what runs in Node's threads. */
const KNOWS_NODE = /^src\/(?:platform\/node|cli|bench)\/|^src\/(?:replay\/share|whatif\/failover)-worker\.ts$/;
const HALVES = /^src\/platform\/(?:node|web)\//;

/** The source file that an import of this package names, where `#platform` is one of its halves; of a package its name. */
export function targetPath({ file, target }: ImportLine, half: "node" | "web"): string {
  if (target.startsWith("#platform/")) return `src/platform/${half}/${target.slice(10).replace(/\.js$/, ".ts")}`;
  return target.startsWith(".") ? join(dirname(file), target).replace(/\.js$/, ".ts") : target;
}

/** Every import that a file reaches by values, those of the files that it reaches included. @param textOf text of a source file */
export function reachedFrom(file: string, half: "node" | "web", textOf: (file: string) => string): ImportLine[] {
  const [found, files, waiting]: [ImportLine[], Set<string>, string[]] = [[], new Set([file]), [file]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const line of importsOf(next, textOf(next))) {
      if (line.isTypeOnly) continue;
      found.push(line);
      const path = targetPath(line, half);
      if (!path.startsWith("src/") && !path.startsWith("assembly/")) continue;
      if (!files.has(path)) waiting.push(path);
      files.add(path);
    }
  }
  return found;
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
