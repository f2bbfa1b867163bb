import type { ReplayReport } from "../replay/report-types.js";

type Failover = ReplayReport["failovers"][number] & { readonly rebound?: number };

/** A replay's report as far as metrics are made of it; what a scenario adds is there only where one was played. */
export type MetricsReport = Omit<ReplayReport, "failovers"> & {
  readonly failovers: readonly Failover[];
  readonly topology?: string;
  readonly scenario?: { readonly name: string };
  readonly healthTransitions?: readonly { readonly node: string; readonly what: string }[];
  readonly drains?: readonly {
    readonly node: string;
    readonly from: string;
    readonly connectionsAtStart: number;
    /** RFC 3339; null where connections are left. */
    readonly ranDryAt: string | null;
    readonly stillLive: number;
  }[];
  readonly overlay?: { readonly frames: number; readonly bytes: number; readonly tooBig: number };
};
