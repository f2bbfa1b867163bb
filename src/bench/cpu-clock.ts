/** Time that this process has used, microseconds. */
export interface Clock {
  readonly name: "cpu" | "wall";
  now(): number;
}

/** Steps of the CPU clock above this are too coarse for blocks of some tens of milliseconds. */
const COARSEST_US = 500;

/**
 * CPU time of the process, which other work on the machine lengthens less than wall time; wall time where the system counts CPU time in
 * ticks only (Windows: 15.6 ms). While blocks are measured nothing else runs in the process: the compiler threads have gone idle.
 */
export function measuringClock(): Clock {
  return smallestStep(cpuTime) <= COARSEST_US ? { name: "cpu", now: cpuTime } : { name: "wall", now: wallTime };
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function wallTime(): number {
  return performance.now() * 1000;
}

function smallestStep(clock: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const before = clock();
    let after = clock();
    while (after === before) after = clock();
    least = Math.min(least, after - before);
  }
  return least;
}
