import * as abi from "../../assembly/abi.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { configFor } from "../../src/engine/sizing.js";
import { firstFrame, type GateFrame, gateModel } from "./cases.js";
import { smallConfig } from "./stage.js";

/** A start of an engine, from its instance to the first frame that leaves. */
export interface StartCase {
  readonly name: string;
  readonly config: EngineConfig;
  readonly frame: GateFrame;
  /** What has to become of it: ACTION_*. */
  readonly action: number;
}

/** What happens between a compiled module and the first verdict, in order; test/gate/harness.c has the same list. */
export const STEPS = ["instantiate", "configure", "loadPolicy", "first frame"] as const;
export type Step = (typeof STEPS)[number];

/** Tables for a thousand connections, and what a host gets that says nothing about sizes. */
export function startCases(): readonly StartCase[] {
  const frame = firstFrame();
  const action = abi.ACTION_SNAT;
  return [
    { name: "start-small", config: smallConfig(), frame, action },
    { name: "start-default", config: configFor(gateModel()), frame, action },
  ];
}
