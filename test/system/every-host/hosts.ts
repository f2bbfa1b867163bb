import { join } from "node:path";
import { expect } from "vitest";
import { buildProgram, type HostProgram, PROGRAMS, type ReplayLine } from "../../hosts/programs.js";
import { generated, type HostInput, hostInput, type Traffic } from "../../hosts/traffic.js";
import { type Finished, MANIFESTS, PCAPS, ROOT, scratch, start } from "../tools.js";

export const ENGINE = join(ROOT, "build/engine.wasm");
/** What any of the languages says where an error was not thought of. */
export const NATIVE_STACK = /Traceback|panicked|goroutine|^ +at |Assertion|core dumped/m;
/** For captures and what is made of them. */
export const FILES = scratch();
const BUILT = scratch();

export const TRAFFIC: Readonly<Record<string, () => Traffic>> = {
  web: () => ({ capture: join(PCAPS, "web/in.pcap"), manifests: MANIFESTS }),
  "fragments and ICMP errors": () => {
    const shares = ["--share", "fragment=0.2", "--share", "ipv6=0.3", "--share", "sctp=0.1"];
    const size = ["--packets", "6000", "--flows", "900", "--endpoints", "50"];
    return { ...generated(ROOT, join(FILES, "fragments"), ...size, ...shares), natProfile: "rfc", icmpErrors: true };
  },
  "many flows": () =>
    generated(ROOT, join(FILES, "flows"), "--packets", "40000", "--flows", "4000", "--endpoints", "200"),
};
const inputs = new Map<string, HostInput>();

/** What hosts are given of some traffic, once `prepare` has made it. */
export function inputOf(traffic: string): HostInput {
  return inputs.get(traffic)!;
}

/** Builds all hosts from clean, and makes their inputs. */
export async function prepare(): Promise<void> {
  // Cargo takes longest and works alone at the end: the others are done meanwhile.
  await Promise.all(PROGRAMS.map((program) => buildProgram(program, ROOT, join(BUILT, program.name), "quick")));
  for (const [name, traffic] of Object.entries(TRAFFIC))
    inputs.set(name, await hostInput(ROOT, join(FILES, `${name} for hosts`), traffic()));
}

/** Runs a host with the arguments as they are. */
export function launch(program: HostProgram, ...args: string[]): Promise<Finished> {
  const [file = "", ...first] = program.command(ROOT, join(BUILT, program.name), "quick");
  return start(file, [...first, ...args]);
}

/** Runs a command of a host over the engine that is built here. */
export function host(program: HostProgram, command: "vectors" | "replay", ...args: string[]): Promise<Finished> {
  return launch(program, command, ...program.flags(ENGINE), ...args);
}

/** OUT of a host: they run at the same time. */
export function outOf({ name }: HostProgram): string {
  return join(FILES, `${name}.pcap`);
}

/** Replays into `outOf(program)`. */
export async function replay(program: HostProgram, input: HostInput, ...flags: string[]): Promise<ReplayLine> {
  const args = ["--policy", input.policy, "--about", input.about, ...flags, input.capture, outOf(program)];
  const done = await host(program, "replay", ...args);
  expect(done, program.title).toMatchObject({ status: 0, stderr: "" });
  return JSON.parse(done.stdout);
}

/** Does the same with all hosts at the same time. @returns each with what came of it */
export async function everywhere<T>(
  run: (program: HostProgram) => Promise<T>,
  programs = PROGRAMS,
): Promise<(readonly [HostProgram, T])[]> {
  return Promise.all(programs.map(async (program) => [program, await run(program)] as const));
}
