/**
 * Sluicegate as a library: read a cluster's manifests, send captures or frames through its egress gateways, judge the result. The same in
 * Node and in browsers; docs/library.md tells how to start.
 *
 * ```ts
 * import { loadManifests, replay, summary } from "sluicegate";
 *
 * const model = loadManifests(["manifests/"]);
 * const report = await replay({ captures: ["capture.pcap"], model });
 * console.log(summary(report, { colour: false, verbose: false }));
 * ```
 *
 * Errors raised on purpose are `EgressError`s; their `code` is stable.
 *
 * @packageDocumentation
 */

export {
  type CaptureFrame,
  type CaptureNotes,
  captureFrames,
} from "./capture/frames.js";
export type {
  BlobLike,
  ByteStream,
  CaptureInput,
  FileLike,
  InputFrame,
  NamedBytes,
  NamedFrames,
  WebStream,
} from "./capture/input.js";
export type { MergedIndex } from "./capture/merge.js";
export { type OpenOptions, openCapture } from "./capture/open.js";
export type { OutputTarget, TakeBytes } from "./capture/output-sink.js";
export type { CaptureInterface, CaptureReader, FrameIndex, RecordNotes } from "./capture/types.js";
export { createFrameIndex } from "./capture/types.js";
export type { WriteOptions } from "./capture/write.js";
export { PcapngWriter, PcapWriter } from "./capture/write.js";
export { type CompiledPolicy, type CompileSettings, compileForHosts, tryOut } from "./compile/compile.js";
export { documentText, type EngineCall, type PolicyDocument, policyDocument } from "./compile/document.js";
export type { Opening } from "./compile/opening.js";
export type { Needs } from "./compile/room.js";
export { type Allowlist, type AllowlistRow, allowlist } from "./config/allowlist.js";
export { type CheckReport, type CheckRow, checkModel } from "./config/check.js";
export { collectScript } from "./config/collect.js";
export type { SourceStatistics, StarterOptions } from "./config/init.js";
export { type StarterManifests, starterManifests } from "./config/init.js";
export { type LoadOptions, loadManifests, loadManifestTexts, type ManifestTexts } from "./config/load.js";
export type { SettingOverrides } from "./config/settings.js";
export { countTalkers, type SeenFrame, type Talkers } from "./config/source-statistics.js";
export type {
  AzAffinity,
  ClusterNode,
  ClusterPrefix,
  ClusterSettings,
  Egress,
  EgressGroup,
  Endpoint,
  GroupStatus,
  ManifestWarning,
  NatProfile,
  Policy,
  PolicyModel,
  PolicySet,
  PolicySetEntry,
  Setting,
  Timeouts,
} from "./config/types.js";
export { completeDemoOptions, DEMO_DEFAULTS, type DemoOptions } from "./demo/options.js";
export type { DemoEvent, DemoOutage, DemoReport, MonitorEntry } from "./demo/report-types.js";
export { type DemoTaps, simulateDemo } from "./demo/simulate.js";
export { type EgressUse, Engine, type EngineOptions, type StreamOptions } from "./embed/engine.js";
export type { EngineFrame, FrameResult, FrameVerdict } from "./embed/frame.js";
export { type VerifyOptions, verify } from "./embed/verify.js";
export type { CompileOptions } from "./engine/blob.js";
export { compilePolicy } from "./engine/blob.js";
export type { ConntrackBytes, ConntrackLine } from "./engine/conntrack.js";
export type { EgressStats, EngineCounters } from "./engine/counters.js";
export type { GeneratedPacket } from "./engine/engine.js";
export { createEngine, type Engine as BatchEngine, type GatewayState } from "./engine/engine.js";
export { DEFAULT_ENGINE_CONFIG, type EngineConfig } from "./engine/engine-config.js";
export type { EngineMemory } from "./engine/memory.js";
export type { CompiledModule, EngineCode, WasmSource } from "./engine/wasm-source.js";
export type { CaptureErrorOptions } from "./errors.js";
export {
  CaptureError,
  EgressError,
  EngineError,
  type ErrorCode,
  OutputError,
  PolicyError,
  type PolicyFault,
  UsageError,
} from "./errors.js";
export type { NODE_ORDERS, NodeAtStart, NodeOrder } from "./gateway/ground-truth.js";
export type { Failback, HealthConfig } from "./gateway/health.js";
export { scenarioOptionsOf } from "./gateway/initial.js";
export type { Finding } from "./gateway/node-track.js";
export type { ScenarioTime } from "./gateway/scenario.js";
export {
  readScenario,
  readScenarioText,
  type Scenario,
  type ScenarioEvent,
  type ScenarioOptions,
} from "./gateway/scenario.js";
export { type FrameSink, type GenerateSummary, generateCapture } from "./generate/generate.js";
export { generateManifests } from "./generate/manifests.js";
export type { SizeProfileName } from "./generate/options.js";
export { GENERATE_DEFAULTS, type GenerateOptions } from "./generate/options.js";
export { replayMetrics } from "./metrics/replay-metrics.js";
export type { MetricsReport } from "./metrics/report.js";
export type { Family } from "./net/address.js";
export {
  type AddressBytes,
  formatAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "./net/address.js";
export type { PairFrame } from "./pair/frame.js";
export type { SeenMapping } from "./pair/mapping.js";
export type { FrameSource } from "./pair/merge.js";
export { type PairOptions, type PairResult, verifyCapturePair } from "./pair/verify-pair.js";
export type { ChunkStream } from "./platform/file.js";
export { isRecordFile, openCaptureOrRecords, openRecords, type RecordOptions } from "./records/open.js";
export type { PinFile } from "./records/pins.js";
export { type Pin, type PinOptions, readPins } from "./records/pins.js";
export type { Columns } from "./replay/columns.js";
export { explainFrame } from "./replay/explain.js";
export type {
  AfterHold,
  Classification,
  ConntrackPair,
  FrameExplanation,
  GatewayCandidate,
  ParsedFrame,
  PolicyMatch,
  ReplyExpectation,
  Translation,
} from "./replay/explain-types.js";
export type { CtRow, EgressRow, GatewayRow, NatRow } from "./replay/list-state.js";
export { StateListing } from "./replay/list-state.js";
export { type BusySource, NoMatchError } from "./replay/no-match.js";
export type { ReplayOptions } from "./replay/options.js";
export type { OutputName } from "./replay/outputs.js";
export type { ObservedPiece, PieceObserver } from "./replay/piece-observer.js";
export { DamagedCaptureError, replay } from "./replay/replay.js";
export type {
  BrokenConnection,
  Drain,
  Failover,
  FrameAction,
  HealthTransition,
  ReplayReport,
  ReplayTimeline,
  ViewpointDecision,
} from "./replay/report-types.js";
export type { Face } from "./replay/viewpoint.js";
export type { ReportNumbers } from "./report/condition.js";
export { type Condition, type ConditionNames, parseCondition } from "./report/condition.js";
export { type DemoStyle, demoText } from "./report/demo-view.js";
export { explainText } from "./report/explain-view.js";
export type { Markup } from "./report/html/markup.js";
export { type PageExtra, reportPage } from "./report/html/page.js";
export type { PageSection } from "./report/html/section.js";
export { reportJson } from "./report/json.js";
export { type PairReport, pairReport, pairSummary } from "./report/pair-view.js";
export { REASON_TEXTS, reasonText } from "./report/reasons.js";
export { Redactor, type SecretNames } from "./report/redact.js";
export { shrinkText } from "./report/shrink-view.js";
export { type SummaryOptions, summary } from "./report/summary.js";
export type { Conditions } from "./shrink/failure.js";
export type { KeptFrame, ShrinkProgress } from "./shrink/shrink.js";
export { type ShrinkOptions, type ShrinkReport, shrinkCapture } from "./shrink/shrink.js";
export { formatMismatch } from "./verify/fields.js";
export type { Mismatch, VerificationResult } from "./verify/types.js";
export type { CutConnection, DiffGroup } from "./whatif/diff.js";
export { type DiffOptions, type DiffReport, diffManifests } from "./whatif/diff.js";
export type { DeadlineConnection, DeadlineRow } from "./whatif/drain.js";
export { type DrainOptions, type DrainReport, drainNode } from "./whatif/drain.js";
export type { BreakingConnection, FailureRow } from "./whatif/failover.js";
export { type FailoverOptions, type FailoverReport, playFailures } from "./whatif/failover.js";
export type { FailureTimes } from "./whatif/failover-plan.js";
export type { LoggedConnection, Outcome } from "./whatif/logged-connection.js";
export { PinIndex, readPinIndex } from "./whatif/pin-index.js";
export type { PinCoverage } from "./whatif/pinned-traffic.js";
export type { DestinationRow, PortRow, RefusalRow } from "./whatif/ports.js";
export { type PortsOptions, type PortsReport, portUse } from "./whatif/ports.js";
export type { Spread } from "./whatif/spread.js";
export type { AffinityRow, ZoneShare } from "./whatif/zones.js";
export { compareZones, type ZonesReport } from "./whatif/zones.js";
