import { EgressError } from "../../errors.js";
import type { Fault, JobName, Jobs, Modules, PickedFile, ToPage, ToWorker } from "../messages.js";
import { Desk, type Supervision } from "./desk.js";

/** Time between two messages of progress: milliseconds. */
const PROGRESS_MS = 100;

/** Ends the job at hand: the page wants another one, or none. */
class Cancelled extends Error {
  override readonly message = "cancelled";
}

type Hand<N extends JobName> = (
  desk: Desk,
  input: Jobs[N]["takes"],
  supervision: Supervision,
) => Promise<Jobs[N]["gives"]>;

const HANDS: { readonly [N in JobName]: Hand<N> } = {
  open: (desk, files, supervision) => desk.open(files, supervision),
  starter: (desk, _, supervision) => desk.starter(supervision),
  replay: (desk, settings, supervision) => desk.replay(settings, supervision),
  walk: (desk, { frame, settings }, supervision) => desk.walk(frame, settings, supervision),
};

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<Modules | ToWorker>) => void) | null;
  postMessage(message: ToPage, transfer?: Transferable[]): void;
};

let desk: Desk;
let current = { id: -1, controller: new AbortController() };
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }) => {
  if ("engine" in data) {
    desk = new Desk(data);
  } else if ("cancel" in data) {
    if (data.cancel === current.id) current.controller.abort(new Cancelled());
  } else if ("again" in data) {
    last = last.then(() => reopen(data.again));
  } else {
    current.controller.abort(new Cancelled());
    current = { id: data.id, controller: new AbortController() };
    const { controller } = current;
    last = last.then(() => work(data.id, data.name, data.input, controller.signal));
  }
};

/** Does a job and tells how it ended. Never rejects. */
async function work<N extends JobName>(id: number, name: N, input: unknown, signal: AbortSignal): Promise<void> {
  let told = 0;
  const onProgress: Supervision["onProgress"] = (progress) => {
    const now = performance.now();
    if (now - told < PROGRESS_MS) return;
    told = now;
    scope.postMessage({ id, progress });
  };
  try {
    signal.throwIfAborted();
    const result = await HANDS[name](desk, input as Jobs[N]["takes"], { signal, onProgress });
    scope.postMessage({ id, result }, buffersOf(result));
  } catch (error) {
    scope.postMessage({ id, fault: faultOf(error) });
  }
}

/** Opens files of which the page knows already what they are. */
async function reopen(files: readonly PickedFile[]): Promise<void> {
  // Whoever needs them hears that they are missing.
  await desk.open(files, { signal: new AbortController().signal }).catch(() => {});
}

/** Memory of the frame list changes hands: a copy of it would stop the page for a while. */
function buffersOf(result: Jobs[JobName]["gives"]): Transferable[] {
  if (!("frames" in result)) return [];
  return result.frames.columns.flatMap(({ values }) =>
    ArrayBuffer.isView(values) ? [values.buffer as ArrayBuffer] : [],
  );
}

function faultOf(error: unknown): Fault {
  if (error instanceof Cancelled) return { code: "cancelled", message: error.message };
  const code = error instanceof EgressError ? error.code : "fault";
  return { code, message: error instanceof Error ? error.message : String(error) };
}
