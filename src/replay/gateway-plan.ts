import type { Egress, PolicyModel } from "../config/types.js";
import { GatewayControl, type GatewayPicture } from "../gateway/control.js";
import { type Change, ChangeQueue, type ChangeQueueOptions } from "./change-queue.js";

/** One change, and what is in force after it. */
export interface Step {
  readonly change: Change;
  readonly picture: GatewayPicture;
  /** The model changed: addresses moved, or other manifests are in force. */
  readonly isOtherModel: boolean;
}

/** Why an egress is none of the policy's any more. */
export type MoveCause = "egress-ip-moved" | "policy-change";

/** What the gateways of a replay are to be told, change by change; knows no engine. A pure function of its options and of the first frame's time. */
export class GatewayPlan {
  readonly queue: ChangeQueue;
  readonly #control: GatewayControl;
  readonly #left = new Map<number, MoveCause>();
  #startNs: bigint | undefined;

  constructor(options: ChangeQueueOptions) {
    this.queue = new ChangeQueue(options);
    this.#control = new GatewayControl(this.queue.phases.inForce);
  }

  /** In force now. */
  get picture(): GatewayPicture {
    return this.#control.picture;
  }

  /** Every egress that is or was in force; what is in it keeps its place. */
  get egresses(): readonly Egress[] {
    return this.#control.registry.egresses;
  }

  /** Virtual time of the first frame; undefined before `begin`. */
  get startNs(): bigint | undefined {
    return this.#startNs;
  }

  /** Virtual time of the next change; undefined = none ever, or `begin` was not called. */
  get nextNs(): bigint | undefined {
    return this.queue.nextNs;
  }

  /** The first frame of all captures has come. */
  begin(startNs: bigint): void {
    this.#startNs = startNs;
    this.queue.begin(startNs);
  }

  /** Takes what changes at `nextNs`. */
  take(): Step {
    const change = this.queue.next();
    const before = this.picture.model;
    const isOther = change.model !== undefined;
    if (change.model) this.#control.changeModel(change.model, change.statuses);
    const hasMoved = !isOther && this.#control.update(change.statuses);
    if (isOther || hasMoved) this.#noteLeft(before, this.picture.model, isOther ? "policy-change" : "egress-ip-moved");
    return { change, picture: this.picture, isOtherModel: isOther || hasMoved };
  }

  /** Takes everything up to and including `ns`: for a saved state, which holds already what came of it. @returns what was taken */
  skipTo(ns: bigint): Step[] {
    const steps: Step[] = [];
    while (this.nextNs !== undefined && this.nextNs <= ns) steps.push(this.take());
    return steps;
  }

  /** Why a connection could not stay on `egress` though its gateway is healthy; undefined where policies still have it. */
  causeOfMove(egress: number): MoveCause | undefined {
    return this.#left.get(egress);
  }

  /** Whether a node keeps its connections now. */
  isHealthy(node: string): boolean {
    return (this.picture.nodes.get(node) ?? "down") !== "down";
  }

  #noteLeft(before: PolicyModel, after: PolicyModel, cause: MoveCause): void {
    const kept = membersOf(after);
    for (const egress of membersOf(before)) if (!kept.has(egress)) this.#left.set(egress, cause);
    for (const egress of kept) this.#left.delete(egress);
  }
}

/** Egresses that any policy may use. */
export function membersOf({ policies }: PolicyModel): ReadonlySet<number> {
  return new Set(policies.flatMap(({ egresses }) => egresses));
}
