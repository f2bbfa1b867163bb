/** Lets what waits in the event loop run: timers, messages, an abort. Timers would wait 4 ms each. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const received = () => {
      port1.close();
      resolve();
    };
    Object.assign(port1, { onmessage: received });
    port2.postMessage(undefined);
  });
}
