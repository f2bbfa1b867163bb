import { loadManifestTexts } from "../config/load.js";
import { Random } from "../generate/random.js";
import { Schedule } from "../generate/schedule.js";
import { type DemoGateway, demoManifests, demoScenario, GATEWAYS, SERVER_IP, SERVER_PORT } from "./cluster.js";
import { DatagramBuilder, readDatagram } from "./datagrams.js";
import { type DemoGateways, startGateways } from "./gateways.js";
import { type Delays, drawDelays, SERVER_US, wayNs } from "./latency.js";
import { answerText, Monitor, requestText } from "./monitor.js";
import { completeDemoOptions, type DemoOptions, START_NS } from "./options.js";
import { demoReport } from "./report.js";
import type { DemoReport } from "./report-types.js";

/** Requests come at this part of the mean distance at least; the rest of it is drawn from twice its length. */
const STEADY = 0.9;
/** Of the three streams of chance: when requests are sent, how long they are on the way, what fills the builder's pool. */
const STREAMS = { sending: 0x9e37_79b9, delays: 0x7f4a_7c15, payload: 0xf39c_c060 } as const;

/** Somebody who wants to see the frames. Each is whole, Ethernet, and the listener's to keep. `timeNs` is since the epoch. */
export interface DemoTaps {
  /** At the monitor's interface, both directions. */
  readonly pod?: (frame: Uint8Array, timeNs: bigint) => void;
  /** At the server's, both directions. @param gateway name of the node whose address the frame bears */
  readonly server?: (frame: Uint8Array, timeNs: bigint, gateway: string) => void;
}

/**
 * Runs the demonstration in virtual time: a monitor sends, an engine plays the nodes, an echo server answers what comes out, and one gateway
 * fails. Every request and answer is a frame that goes through the engine. The same options give the same report and frames.
 * @throws {UsageError} where an option is out of range
 */
export async function simulateDemo(given: Partial<DemoOptions> = {}, taps: DemoTaps = {}): Promise<DemoReport> {
  const options = completeDemoOptions(given);
  const model = loadManifestTexts(new Map([["manifests.yaml", demoManifests()]]));
  const gateways = await startGateways(model, demoScenario(options), { seed: options.seed, startNs: START_NS });
  return new Simulation(options, gateways, taps).run();
}

class Simulation {
  readonly #options: DemoOptions;
  readonly #gateways: DemoGateways;
  readonly #taps: DemoTaps;
  readonly #monitor = new Monitor();
  readonly #schedule = new Schedule<() => void>();
  readonly #datagrams: DatagramBuilder;
  readonly #sending: Random;
  readonly #delays: Random;
  #nowNs = 0;
  #lostAnswers = 0;

  constructor(options: DemoOptions, gateways: DemoGateways, taps: DemoTaps) {
    this.#options = options;
    this.#gateways = gateways;
    this.#taps = taps;
    const stream = (constant: number) => new Random((options.seed ^ constant) >>> 0);
    this.#sending = stream(STREAMS.sending);
    this.#delays = stream(STREAMS.delays);
    this.#datagrams = new DatagramBuilder(stream(STREAMS.payload));
  }

  run(): DemoReport {
    this.#schedule.add(0, () => this.#send());
    for (;;) {
      const { nextTime } = this.#schedule;
      const act = this.#schedule.take();
      if (!act) break;
      this.#nowNs = nextTime;
      this.#gateways.advance(nextTime);
      act();
    }
    this.#gateways.advance(this.#options.durationMs * 1e6);
    return demoReport(this.#options, {
      requests: this.#monitor.requests,
      lostAnswers: this.#lostAnswers,
      events: this.#gateways.events,
      egressLists: this.#gateways.egressLists,
    });
  }

  /** The monitor sends a request; the engine plays its node and, where one is picked, the gateway. */
  #send(): void {
    const request = this.#monitor.send(this.#nowNs);
    const delays = drawDelays(this.#delays);
    const frame = this.#datagrams.request(request.port, requestText(request));
    this.#taps.pod?.(frame, this.#clock());
    const passed = this.#gateways.fromEndpoint(frame, this.#nowNs);
    if (passed) {
      request.gateway = passed.node;
      const { zone } = gatewayOf(passed.node);
      this.#after(wayNs(zone) * delays.there, () => this.#serve(passed.frame, passed.node, delays));
    }
    const meanNs = 1e9 / this.#options.requestsPerSecond;
    const nextNs = Math.round(this.#nowNs + meanNs * (STEADY + this.#sending.unit() * 2 * (1 - STEADY)));
    if (nextNs < this.#options.durationMs * 1e6) this.#schedule.add(nextNs, () => this.#send());
  }

  /** The server answers what it got, to the address that it got it from. */
  #serve(frame: Uint8Array, gateway: string, delays: Delays): void {
    this.#taps.server?.(frame, this.#clock(), gateway);
    const request = readDatagram(frame);
    if (request?.destination !== SERVER_IP || request.destinationPort !== SERVER_PORT) return;
    const owner = GATEWAYS.find(({ egressIP }) => egressIP === request.source);
    if (!owner) return;
    this.#after(SERVER_US * 1000, () => {
      const answer = this.#datagrams.answer(request, answerText(request));
      this.#taps.server?.(answer, this.#clock(), owner.node);
      this.#after(wayNs(owner.zone) * delays.back, () => this.#deliver(answer, owner.node));
    });
  }

  /** The answer comes back by the gateway that owns its address. */
  #deliver(answer: Uint8Array, gateway: string): void {
    const frame = this.#gateways.fromNetwork(answer, gateway, this.#nowNs);
    if (!frame) {
      this.#lostAnswers++;
      return;
    }
    this.#taps.pod?.(frame, this.#clock());
    const datagram = readDatagram(frame);
    if (datagram) this.#monitor.receive(datagram, this.#nowNs);
  }

  #after(ns: number, act: () => void): void {
    this.#schedule.add(this.#nowNs + Math.round(ns), act);
  }

  #clock(): bigint {
    return START_NS + BigInt(this.#nowNs);
  }
}

function gatewayOf(node: string): DemoGateway {
  return GATEWAYS.find((gateway) => gateway.node === node)!;
}
