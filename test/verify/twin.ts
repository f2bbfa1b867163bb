import { expect } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import type { FrameObservation, VerificationResult } from "../../src/verify/types.js";
import { Verifier, type VerifierOptions } from "../../src/verify/verifier.js";

/** A verifier beside which another one takes every frame through all rules: both have to come to the same. */
export class TwinVerifier extends Verifier {
  readonly #thorough: Verifier;

  constructor(model: PolicyModel, options: VerifierOptions) {
    super(model, options);
    this.#thorough = new Verifier(model, { ...options, thorough: true });
  }

  override observe(o: FrameObservation): void {
    super.observe(o);
    this.#thorough.observe(o);
  }

  override policiesChanged(model: PolicyModel, timeNs: bigint): void {
    super.policiesChanged(model, timeNs);
    this.#thorough.policiesChanged(model, timeNs);
  }

  override statusesChanged(statuses: FrameObservation["statuses"]): void {
    super.statusesChanged(statuses);
    this.#thorough.statusesChanged(statuses);
  }

  override nodeLost(node: string): void {
    super.nodeLost(node);
    this.#thorough.nodeLost(node);
  }

  override finish(): VerificationResult {
    const result = super.finish();
    expect(result).toEqual(this.#thorough.finish());
    return result;
  }
}
