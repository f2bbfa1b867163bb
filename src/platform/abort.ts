import { nextTask } from "#platform/tasks.js";

/** What `work` gives, unless `signal` is aborted before. @throws the signal's reason; `work` goes on then, and nobody hears of it */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let stop: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    work.catch(() => {});
  }
}

/** Lets an abort come, which waits in the event loop, and takes it. Without a signal nothing is waited for. @throws the signal's reason */
export async function breathe(signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return;
  await nextTask();
  signal.throwIfAborted();
}
