import type { ReplayReport } from "../replay/report-types.js";

/** What metrics are made of: a replay's report, of which a scenario's part is there only where one was played. */
export type MetricsReport = Pick<
  ReplayReport,
  "seed" | "natProfile" | "input" | "frames" | "reasonActions" | "connections" | "gateways" | "verification"
> & {
  readonly failovers: readonly (ReplayReport["failovers"][number] & { readonly rebound?: number })[];
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
