import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { loadManifests } from "../../src/config/load.js";
import { writeGatewayView } from "./gateway-view.js";

export interface Traffic {
  /** Capture taken at the pods. */
  readonly capture: string;
  readonly manifests: string;
  readonly natProfile?: "cilium" | "rfc";
  readonly icmpErrors?: boolean;
  /** Connections that the engine has room for. */
  readonly connections?: number;
}

/** What a host is given. */
export interface HostInput {
  /** The capture as the gateways' interfaces would have shown it. */
  readonly capture: string;
  readonly policy: string;
  readonly about: string;
  /** Hook of each frame. */
  readonly hooks: readonly number[];
}

/** Compiles the policy and writes the capture for hosts into `folder`. @param root of the project, built */
export async function hostInput(root: string, folder: string, traffic: Traffic): Promise<HostInput> {
  const { natProfile = "cilium", icmpErrors = false, connections = 32_768 } = traffic;
  mkdirSync(folder, { recursive: true });
  const policy = join(folder, "policy.bin");
  const flags = ["--connections", String(connections), ...replayFlags(traffic)];
  sluicegate(root, "compile", "-m", traffic.manifests, "-o", policy, ...flags);
  const capture = join(folder, "gateway.pcap");
  const options = { natProfile, icmpErrors, connections, verify: false };
  const hooks = await writeGatewayView(traffic.capture, loadManifests([traffic.manifests]), options, capture);
  return { capture, policy, about: join(folder, "policy.json"), hooks };
}

/** Flags of `sluicegate replay` that mean the same. */
export function replayFlags({ natProfile = "cilium", icmpErrors = false }: Traffic): string[] {
  return ["--nat-profile", natProfile, ...(icmpErrors ? ["--icmp-errors"] : [])];
}

export function sluicegate(root: string, ...args: string[]): string {
  return execFileSync(process.execPath, [join(root, "dist/src/cli/main.js"), ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
}

/** `sluicegate generate` into `folder`. */
export function generated(root: string, folder: string, ...flags: string[]): Pick<Traffic, "capture" | "manifests"> {
  sluicegate(root, "generate", "-o", folder, ...flags);
  return { capture: join(folder, "capture.pcap"), manifests: join(folder, "manifests.yaml") };
}
