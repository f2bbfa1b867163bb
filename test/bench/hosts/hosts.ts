import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { EgressError } from "../../../src/errors.js";

/** A host cannot be had, or it did other work than the others. */
export class HostError extends EgressError {
  constructor(message: string, options?: ErrorOptions) {
    super("HOST", message, options);
  }
}

/** A WebAssembly host that is compared. */
export interface Host {
  /** What it says that it is once it runs. */
  readonly name: string;
  /** Short, for tables. */
  readonly title: string;
  /** Exact package that it comes in. */
  readonly package: string;
  /** What has to be there for its package to be installed. */
  readonly needs: string;
  /** Program and first argument of its process, below `cache`. */
  command(cache: string): readonly [program: string, script: string];
  /** Commands that install it below `cache`, in order. */
  install(cache: string): readonly (readonly string[])[];
}

/** The compared releases: the oldest line that is supported, the two after it, and the wasmtime of the day. The first one is divided by. */
const NODES = ["20.20.2", "22.23.3", "24.21.0"];
const WASMTIME = "50.0.1";

const SCRIPTS = "test/bench/hosts";

/** @param root of the project   @param platform e.g. `linux-x64` */
export function allHosts(root: string, platform = `${process.platform}-${process.arch}`): Host[] {
  return [...NODES.map((version) => nodeHost(root, version, platform)), wasmtimeHost(root)];
}

function nodeHost(root: string, version: string, platform: string): Host {
  const name = `node-${platform}`;
  const folder = (cache: string) => join(cache, `node-${version}`);
  const quiet = ["--no-save", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  return {
    name: `Node ${version}`,
    title: `Node ${version.split(".")[0]}`,
    package: `${name}@${version}`,
    needs: "npm with access to its registry, on Linux (x64, arm64) or macOS",
    command: (cache) => [
      join(folder(cache), "node_modules", name, "bin", "node"),
      join(root, SCRIPTS, "node-host.mjs"),
    ],
    install: (cache) => [["npm", "install", "--prefix", folder(cache), ...quiet, `${name}@${version}`]],
  };
}

function wasmtimeHost(root: string): Host {
  const folder = (cache: string) => join(cache, `wasmtime-${WASMTIME}`);
  const python = (cache: string) => join(folder(cache), "bin", "python");
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
  return {
    name: `wasmtime ${WASMTIME}`,
    title: "wasmtime",
    package: `wasmtime==${WASMTIME}`,
    needs: "Python 3.9 or later with venv (Debian: python3-venv) and access to its package registry",
    command: (cache) => [python(cache), join(root, SCRIPTS, "wasmtime_host.py")],
    install: (cache) => [
      ["python3", "-m", "venv", "--clear", folder(cache)],
      [python(cache), ...pip, `wasmtime==${WASMTIME}`],
    ],
  };
}

/**
 * Installs what is not yet in the cache from the package registries.
 * @throws {HostError} naming the package that cannot be had and what has to be there for it
 */
export function installHosts(hosts: readonly Host[], cache: string, onProgress: (text: string) => void): void {
  for (const host of hosts) {
    if (answers(host, cache)) continue;
    onProgress(`installing ${host.package}`);
    for (const [program = "", ...args] of host.install(cache)) {
      const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
      if (status !== 0) throw lacking(host, error?.message ?? lastLine(stderr));
    }
    if (!answers(host, cache)) throw lacking(host, "it was installed, but it does not start");
  }
}

function lacking(host: Host, why: string): HostError {
  return new HostError(`${host.name}: ${host.package} cannot be installed (${why}); it needs ${host.needs}`);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

/** Its process starts and ends by itself where nothing is asked of it. */
function answers(host: Host, cache: string): boolean {
  const [program, script] = host.command(cache);
  return existsSync(program) && spawnSync(program, [script], { input: "" }).status === 0;
}
