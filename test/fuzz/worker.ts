import { parentPort, workerData } from "node:worker_threads";
import { distill, readCorpus } from "./corpus.js";
import { type Found, Fuzzer } from "./fuzzer.js";
import { inputText } from "./input-text.js";
import { TARGETS, type TargetName } from "./targets/index.js";

/** What the main thread asks for. */
export interface WorkerOrder {
  readonly targets: readonly TargetName[];
  readonly seed: number;
  readonly seconds: number;
  /** Stop after so many executions instead. */
  readonly runs: number | undefined;
  readonly keep: boolean;
  /** Two 32-bit numbers, executions begun and bytes of the input, then the input: what the main thread sees when this one hangs. */
  readonly shared: SharedArrayBuffer;
}

/** What comes back. */
export type WorkerMessage =
  | { readonly kind: "target"; readonly name: string }
  | {
      readonly kind: "found";
      readonly target: string;
      readonly text: string;
      readonly finding: string;
      readonly reason: string;
    }
  | { readonly kind: "done"; readonly rows: readonly TargetRow[] };

export interface TargetRow {
  readonly target: string;
  readonly executions: number;
  readonly units: number;
  readonly seconds: number;
  readonly corpus: number;
  readonly features: number;
  /** Inputs worth keeping, as text. */
  readonly kept: readonly string[];
}

/** Milliseconds that a target gets before the next one's turn. */
const TURN_MS = 200;
/** Findings of one kind after which a target is not asked again: they are one finding. */
const SAME_LIMIT = 3;
const KEEP_MOST = 60;
const KEEP_BYTES = 60_000;
/** Growth of the heap over a run that is taken for a leak, bytes; what the corpora hold is far less. */
const LEAK_BYTES = 400 << 20;

class Turn {
  readonly fuzzer: Fuzzer;
  readonly share: number;
  usedMs = 0;
  readonly kinds = new Map<string, number>();

  constructor(fuzzer: Fuzzer, share: number) {
    this.fuzzer = fuzzer;
    this.share = share;
  }

  /** What of its share it has had. */
  get load(): number {
    return this.usedMs / this.share;
  }
}

async function work(order: WorkerOrder, send: (message: WorkerMessage) => void): Promise<void> {
  const announce = announcer(order.shared);
  const turns: Turn[] = [];
  for (const name of order.targets) {
    send({ kind: "target", name });
    const target = await TARGETS[name].start();
    turns.push(new Turn(new Fuzzer(target, order.seed, readCorpus(name), announce), TARGETS[name].share));
  }
  const end = performance.now() + order.seconds * 1000;
  const heapBefore = usedHeap();
  const isOver = () =>
    order.runs === undefined ? performance.now() >= end : turns.every(({ fuzzer }) => fuzzer.executions >= order.runs!);
  while (!isOver()) {
    const turn = turns.reduce((least, other) => (other.load < least.load ? other : least));
    send({ kind: "target", name: turn.fuzzer.target.name });
    const started = performance.now();
    while (performance.now() - started < TURN_MS && !isOver()) report(turn, await turn.fuzzer.step(), send);
    turn.usedMs += performance.now() - started;
  }
  const grown = usedHeap() - heapBefore;
  if (grown > LEAK_BYTES) {
    const finding = `leak of memory: the heap has grown by ${grown >> 20} MiB over the run`;
    send({ kind: "found", target: order.targets.join(","), text: "", finding, reason: "" });
  }
  send({ kind: "done", rows: await Promise.all(turns.map((turn) => rowOf(turn, order.keep))) });
}

function report({ kinds }: Turn, found: Found | undefined, send: (message: WorkerMessage) => void): void {
  if (!found) return;
  const { target, finding, input } = found;
  const count = (kinds.get(finding.kind) ?? 0) + 1;
  kinds.set(finding.kind, count);
  if (count > SAME_LIMIT) return;
  send({ kind: "found", target, text: inputText(input), finding: finding.kind, reason: finding.message });
}

async function rowOf({ fuzzer, usedMs }: Turn, keep: boolean): Promise<TargetRow> {
  const { target, executions, corpus, featureCount } = fuzzer;
  const { units } = target;
  const kept = keep ? await distill(target, corpus, KEEP_MOST, KEEP_BYTES) : [];
  const seconds = usedMs / 1000;
  return {
    target: target.name,
    executions,
    units,
    seconds,
    corpus: corpus.length,
    features: featureCount,
    kept: kept.map(inputText),
  };
}

function usedHeap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed + process.memoryUsage().external;
}

function announcer(shared: SharedArrayBuffer): (input: Uint8Array) => void {
  const numbers = new Int32Array(shared, 0, 2);
  const bytes = new Uint8Array(shared, 8);
  return (input) => {
    const length = Math.min(input.length, bytes.length);
    bytes.set(input.subarray(0, length));
    Atomics.store(numbers, 1, length);
    Atomics.add(numbers, 0, 1);
  };
}

if (parentPort) {
  const port = parentPort;
  await work(workerData as WorkerOrder, (message) => port.postMessage(message));
}
