import { describe, expect, it } from "vitest";
import { answerText, Monitor, type Request, requestText, TIMEOUT_NS } from "../../src/demo/monitor.js";

const SERVER = "198.51.100.20";
const SEEN = "203.0.113.1";

/** What the server answers to a request, once the gateway has translated it back. */
function answer(request: Request, text = requestText(request)) {
  const asked = { source: SEEN, sourcePort: 40_000, destination: SERVER, destinationPort: 7, text };
  return {
    source: SERVER,
    sourcePort: 7,
    destination: "10.1.0.7",
    destinationPort: request.port,
    text: answerText(asked),
  };
}

describe("an answer", () => {
  it("counts up to the time-out of its request, and from then on no longer", () => {
    for (const [afterNs, counts] of [
      [TIMEOUT_NS - 1, true],
      [TIMEOUT_NS, false],
    ] as const) {
      const monitor = new Monitor();
      const request = monitor.send(5_000_000);
      monitor.receive(answer(request), 5_000_000 + afterNs);
      expect(request.answeredBy).toBe(counts ? SEEN : undefined);
      expect(request.answeredNs).toBe(counts ? 5_000_000 + afterNs : undefined);
    }
  });

  it("to other words, or that comes a second time, changes nothing", () => {
    const monitor = new Monitor();
    const request = monitor.send(0);
    monitor.receive(answer(request, "request 99"), 10);
    expect(request.answeredNs).toBeUndefined();
    monitor.receive(answer(request), 20);
    monitor.receive(answer(request), 30);
    expect(request.answeredNs).toBe(20);
  });
});
