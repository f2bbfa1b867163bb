import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { compileReference } from "../native/compile.js";
import { PeerError } from "./peer.js";

/** The repository, whether this runs compiled (dist/test/bench/peers) or not. */
export const ROOT = process.cwd();
const SOURCES = join(ROOT, "test", "bench", "peers");
const BUILT = join(ROOT, "build", "peers");

/** Where the headers of <linux/bpf.h> lie that depend on the processor; clang -target bpf does not look there. */
const HEADER_FOLDERS: Partial<Record<NodeJS.Architecture, string>> = {
  x64: "/usr/include/x86_64-linux-gnu",
  arm64: "/usr/include/aarch64-linux-gnu",
};

/** Debian's package of each program that the comparison runs. */
const PACKAGES = {
  bash: "bash",
  gcc: "gcc libc6-dev",
  ip: "iproute2",
  nft: "nftables",
  sysctl: "procps",
  tcpdump: "tcpdump",
  tcprewrite: "tcpreplay",
  unshare: "util-linux",
} as const;
const CLANG_PACKAGE = "clang-14";
const CLANG = /^clang(-\d+)?$/;

function folders(): string[] {
  return [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function programsIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The path of some version of clang, or undefined. */
function findClang(): string | undefined {
  const found = folders().flatMap((folder) =>
    programsIn(folder)
      .filter((name) => CLANG.test(name))
      .map((name) => join(folder, name)),
  );
  return found.find(isExecutable);
}

/** What has to be installed or done before the comparison can run, in words; empty where nothing is missing. */
export function missingHere(): string {
  const absent = Object.keys(PACKAGES).filter((name) => !folders().some((folder) => isExecutable(join(folder, name))));
  const packages = absent.map((name) => PACKAGES[name as keyof typeof PACKAGES] as string);
  if (!findClang()) {
    absent.push("clang");
    packages.push(CLANG_PACKAGE);
  }
  const words = absent.length > 0 ? [`no ${absent.join(", ")} here: apt-get install ${packages.join(" ")}`] : [];
  if (process.getuid?.() !== 0)
    words.push("must be root, to make network namespaces and to load programs into the kernel");
  return words.join("; ");
}

export interface NativePrograms {
  /** ../native */
  readonly reference: string;
  /** native/prog-run.c */
  readonly progRun: string;
  /** native/spend.c */
  readonly spend: string;
  /** native/frames.bpf.c */
  readonly frames: string;
  /** First line of the compiler's `--version`. */
  readonly compiler: string;
}

/** Compiles what is written in C into build/peers and build/native. @throws {PeerError} with what the compiler said */
export function buildNative(): NativePrograms {
  const clang = findClang();
  if (!clang) throw new PeerError(`no clang on the path: apt-get install ${CLANG_PACKAGE}`);
  mkdirSync(BUILT, { recursive: true });
  const native = (name: string) => join(SOURCES, "native", name);
  const strict = ["-O2", "-Wall", "-Wextra", "-Werror"];
  const headers = HEADER_FOLDERS[process.arch];
  const bpf = ["-target", "bpf", "-mcpu=v3", ...(headers ? ["-idirafter", headers] : []), "-c"];
  const compile = (source: string, built: string, flags: readonly string[]): string => {
    const file = join(BUILT, built);
    output(clang, [...strict, ...flags, native(source), "-o", file]);
    return file;
  };
  return {
    reference: compileReference(),
    progRun: compile("prog-run.c", "prog-run", []),
    spend: compile("spend.c", "spend", []),
    frames: compile("frames.bpf.c", "frames.bpf.o", bpf),
    compiler: firstLine(output(clang, ["--version"])),
  };
}

/** Standard output of a program that has to succeed. */
export function output(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (error || status !== 0) throw new PeerError(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout || stderr;
}

/** Versions of the peers as they print them. */
export function versions(): Record<string, string> {
  return {
    gcc: firstLine(output("gcc", ["--version"])),
    nft: firstLine(output("nft", ["--version"])),
    tcpdump: firstLine(output("tcpdump", ["--version"])),
    tcprewrite: firstLine(output("tcprewrite", ["--version"])),
  };
}

function firstLine(text: string): string {
  return text.split("\n")[0]!.trim();
}

/** Script that lays out the network namespaces. */
export const ROUTER_SCRIPT = join(SOURCES, "router.sh");

export function writeText(file: string, text: string): void {
  writeFileSync(resolve(ROOT, file), text);
}
