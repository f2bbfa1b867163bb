/** Lets what waits in the event loop run: timers, messages, an abort. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
