import type { Target } from "../target.js";
import { BlobsTarget } from "./blobs.js";
import { CallsTarget } from "./calls.js";
import { CapturesTarget } from "./captures.js";
import { FramesTarget } from "./frames.js";
import { ManifestsTarget } from "./manifests.js";
import { ScenariosTarget } from "./scenarios.js";
import { StatesTarget } from "./states.js";

/** By name, with the share of the time that each gets when all run: what the outside can send counts most. */
export const TARGETS = {
  frames: { share: 50, start: () => FramesTarget.start() },
  captures: { share: 12, start: () => CapturesTarget.start() },
  manifests: { share: 10, start: async () => new ManifestsTarget() },
  scenarios: { share: 8, start: () => ScenariosTarget.start() },
  states: { share: 8, start: () => StatesTarget.start() },
  blobs: { share: 6, start: () => BlobsTarget.start() },
  calls: { share: 6, start: async () => new CallsTarget() },
} satisfies Record<string, { readonly share: number; readonly start: () => Promise<Target> }>;

export type TargetName = keyof typeof TARGETS;

export const TARGET_NAMES = Object.keys(TARGETS) as TargetName[];
