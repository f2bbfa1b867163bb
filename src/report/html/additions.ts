import type { ReplayReport } from "../../replay/report-types.js";

/** What a report says of time and failures. A report that lacks a part has no section for it. */
export interface ReportAdditions {
  failovers: (ReplayReport["failovers"][number] & { rebound?: number })[];
  readonly scenario?: {
    readonly name: string;
    readonly file: string;
    readonly propagationMs: number;
    readonly probeIntervalMs: number;
    readonly timeoutMs: number;
    readonly failback: string;
    readonly events: readonly { readonly at: string; readonly node?: string; readonly event: string }[];
  };
  readonly healthTransitions?: readonly {
    readonly node: string;
    readonly what: string;
    readonly at: string;
    readonly causeAt?: string;
  }[];
  readonly drains?: readonly {
    readonly node: string;
    readonly from: string;
    readonly connectionsAtStart: number;
    readonly ranDryAt: string | null;
    readonly stillLive: number;
  }[];
  readonly timeline?: {
    readonly from: string;
    readonly stepMs: number;
    readonly steps: number;
    readonly gateways: readonly {
      /** Index into `gateways[]` of the report. */
      readonly gateway: number;
      readonly connections: readonly number[];
      readonly frames: readonly number[];
      readonly bytes: readonly number[];
      readonly replies: readonly number[];
      readonly ports: readonly number[];
    }[];
    readonly lost: readonly number[];
    readonly broken: readonly number[];
    readonly rebound: readonly number[];
  };
  readonly overlay?: {
    readonly frames: number;
    readonly bytes: number;
    readonly tooBig: number;
    readonly largest: number;
    readonly mtu: number;
  };
  readonly topology?: string;
}

/** A report as the page takes it. */
export type PageReport = Omit<ReplayReport, "failovers"> & ReportAdditions;
