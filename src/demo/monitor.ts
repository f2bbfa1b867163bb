import { EPHEMERAL_PORTS } from "../net/ports.js";
import type { Datagram } from "./datagrams.js";

/** A request without an answer for this long is lost, nanoseconds. */
export const TIMEOUT_NS = 1_000_000_000;

/** Shares no divisor with the number of ports, so that all have had their turn before one comes again. They all lie within the NAT ports. */
const PORT_STRIDE = 10_007;

/** One request and what became of it. Nanoseconds from the first request. */
export interface Request {
  readonly number: number;
  readonly port: number;
  readonly sentNs: number;
  /** Node of the gateway that it left by, which the monitor cannot know; undefined where it did not leave. */
  gateway?: string;
  /** Source address that the server saw, and when the answer came; undefined while there is none. */
  answeredBy?: string;
  answeredNs?: number;
}

/** Sends each request from a source port of its own, hence as a new connection, and notes who answered. */
export class Monitor {
  /** By number. */
  readonly requests: Request[] = [];
  readonly #byPort = new Map<number, Request>();

  /** Notes that the next request is being sent. */
  send(nowNs: number): Request {
    const number = this.requests.length;
    const port = EPHEMERAL_PORTS.low + ((number * PORT_STRIDE) % EPHEMERAL_PORTS.count);
    const request: Request = { number, port, sentNs: nowNs };
    this.requests.push(request);
    this.#byPort.set(port, request);
    return request;
  }

  /** Takes an answer: the address that it holds, then the words of the request. One that is too late or that nobody waits for is ignored. */
  receive(answer: Datagram, nowNs: number): void {
    const request = this.#byPort.get(answer.destinationPort);
    if (!request || nowNs >= request.sentNs + TIMEOUT_NS) return;
    const [seen = "", ...words] = answer.text.split(" ");
    if (words.join(" ") !== requestText(request)) return;
    this.#byPort.delete(request.port);
    request.answeredBy = seen.slice(0, seen.lastIndexOf(":"));
    request.answeredNs = nowNs;
  }
}

/** What a request says. */
export function requestText({ number }: Pick<Request, "number">): string {
  return `request ${number}`;
}

/** What the server answers: the source that it saw, and what it was asked. */
export function answerText({ source, sourcePort, text }: Datagram): string {
  return `${source}:${sourcePort} ${text}`;
}
