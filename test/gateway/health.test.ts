import { describe, expect, test } from "vitest";
import {
  answering,
  DOWN,
  deadlineNs,
  type Failback,
  type HealthState,
  type ProbeOutcome,
  release,
  step,
} from "../../src/gateway/health.js";
import { DEFAULTS, MS } from "./scenes.js";

const GOOD: ProbeOutcome = { node: true, agent: true };
const NO_AGENT: ProbeOutcome = { node: true, agent: false };
const MISSED: ProbeOutcome = { node: false, agent: false };
const IMMEDIATE: Failback = { kind: "immediate" };

/** `[1000, GOOD]` = a probe at 1000 ms; `[1500]` = only time has passed. */
type Step = readonly [ms: number, outcome?: ProbeOutcome];

function run(steps: readonly Step[], failback: Failback = IMMEDIATE, from = answering(0n)): HealthState {
  return steps.reduce((state, [ms, outcome]) => step(state, { ...DEFAULTS, failback }, BigInt(ms) * MS, outcome), from);
}

function health(steps: readonly Step[], failback: Failback = IMMEDIATE, from = answering(0n)): string {
  return run(steps, failback, from).health;
}

const deadlineMs = (state: HealthState, failback: Failback = IMMEDIATE) => {
  const deadline = deadlineNs(state, { ...DEFAULTS, failback });
  return deadline === undefined ? undefined : Number(deadline / MS);
};

describe("going down", () => {
  test("a node that misses a probe is suspect, and up again at the next good one", () => {
    expect(health([[1000, MISSED]])).toBe("suspect");
    expect(
      health([
        [1000, MISSED],
        [1900, GOOD],
      ]),
    ).toBe("up");
  });

  test("it is down when nothing good came for the timeout, not earlier", () => {
    expect(health([[1000, MISSED], [1999]])).toBe("suspect");
    expect(health([[1000, MISSED], [2000]])).toBe("down");
  });

  test("a good probe at the very end of the timeout is in time, a missed one is not", () => {
    expect(
      health([
        [1000, MISSED],
        [2000, GOOD],
      ]),
    ).toBe("up");
    expect(
      health([
        [1000, MISSED],
        [2000, MISSED],
      ]),
    ).toBe("down");
  });

  test("the deadline moves with every good probe", () => {
    expect(deadlineMs(answering(0n))).toBe(2000);
    expect(deadlineMs(run([[1000, GOOD]]))).toBe(3000);
    expect(deadlineMs(run([[1000, MISSED]]))).toBe(2000);
    expect(deadlineMs(run([[2000]]))).toBeUndefined();
  });
});

describe("failback", () => {
  const down = run([
    [1000, MISSED],
    [2000, MISSED],
  ]);

  test("immediate: up at the first good probe", () => {
    expect(health([[3000, MISSED]], IMMEDIATE, down)).toBe("down");
    expect(health([[3000, GOOD]], IMMEDIATE, down)).toBe("up");
  });

  test("hold-down: up once good probes lasted that long, to the nanosecond, without a probe of its own", () => {
    const hold: Failback = { kind: "hold-down", ms: 2500 };
    const held = run(
      [
        [3000, GOOD],
        [4000, GOOD],
        [5000, GOOD],
      ],
      hold,
      down,
    );
    expect([held.health, deadlineMs(held, hold)]).toEqual(["down", 5500]);
    expect(health([[5499]], hold, held)).toBe("down");
    expect(health([[5500]], hold, held)).toBe("up");
  });

  test("hold-down: a missed probe starts the count anew", () => {
    const hold: Failback = { kind: "hold-down", ms: 2500 };
    const again = run(
      [
        [3000, GOOD],
        [4000, MISSED],
        [5000, GOOD],
        [6000, GOOD],
        [7000, GOOD],
      ],
      hold,
      down,
    );
    expect([again.health, deadlineMs(again, hold)]).toEqual(["down", 7500]);
  });

  test("after-probes: up at the last of that many good probes in a row", () => {
    const three: Failback = { kind: "after-probes", count: 3 };
    expect(
      health(
        [
          [3000, GOOD],
          [4000, GOOD],
        ],
        three,
        down,
      ),
    ).toBe("down");
    expect(
      health(
        [
          [3000, GOOD],
          [4000, GOOD],
          [5000, GOOD],
        ],
        three,
        down,
      ),
    ).toBe("up");
    expect(
      health(
        [
          [3000, GOOD],
          [4000, GOOD],
          [5000, MISSED],
          [6000, GOOD],
          [7000, GOOD],
        ],
        three,
        down,
      ),
    ).toBe("down");
  });

  test("never: only after it was released, and then at a good probe", () => {
    const never: Failback = { kind: "never" };
    const answers = run(
      [
        [3000, GOOD],
        [4000, GOOD],
      ],
      never,
      down,
    );
    expect(answers.health).toBe("down");
    expect(release(answers).health).toBe("down");
    expect(
      health(
        [
          [5000, MISSED],
          [6000, GOOD],
        ],
        never,
        release(answers),
      ),
    ).toBe("up");
  });

  test("a release counts once, and not for a node that is not down", () => {
    const never: Failback = { kind: "never" };
    const back = run([[3000, GOOD]], never, release(down));
    expect(
      health(
        [
          [4000, MISSED],
          [5000, MISSED],
          [6000, GOOD],
        ],
        never,
        back,
      ),
    ).toBe("down");
    expect(release(back)).toBe(back);
  });
});

describe("the agent", () => {
  test("is down when no probe saw it for the timeout, while the node stays up", () => {
    expect(run([[1000, NO_AGENT], [1999]]).agent).toBe("up");
    const without = run([
      [1000, NO_AGENT],
      [2000, NO_AGENT],
    ]);
    expect([without.health, without.agent]).toEqual(["up", "down"]);
  });

  test("is back at the first probe that sees it, whatever the failback", () => {
    const never: Failback = { kind: "never" };
    expect(
      run(
        [
          [1000, NO_AGENT],
          [2000, NO_AGENT],
          [3000, GOOD],
        ],
        never,
      ).agent,
    ).toBe("up");
  });

  test("is not judged while its node is down, but at once when the node is back without it", () => {
    const down = run([
      [1000, MISSED],
      [2000, MISSED],
      [9000, MISSED],
    ]);
    expect(down.agent).toBe("up");
    const back = run([[10_000, NO_AGENT]], IMMEDIATE, down);
    expect([back.health, back.agent]).toEqual(["up", "down"]);
  });
});

test("a node of which nothing is known comes up at its first good probe", () => {
  expect(deadlineMs(DOWN)).toBeUndefined();
  expect(health([[1000, GOOD]], IMMEDIATE, DOWN)).toBe("up");
});
