import type { ReplayReport } from "../replay/report-types.js";
import type { DemoReport } from "./report-types.js";

/** What the demonstration and a replay of its capture have to agree in. */
interface Compared {
  readonly what: string;
  readonly demo: number;
  readonly replay: number;
}

/**
 * Compares a demonstration with the replay of its own capture, manifests and scenario under the same seed.
 * @returns one sentence per difference; none = they agree
 */
export function disagreements(demo: DemoReport, replay: ReplayReport): string[] {
  const faults = [...gatewayCounts(demo, replay), lossCount(demo, replay)]
    .filter(({ demo: a, replay: b }) => a !== b)
    .map(({ what, demo: a, replay: b }) => `${what}: ${a} in the demonstration, ${b} in the replay of its capture`);
  const { verification } = replay;
  return verification.ok ? faults : [...faults, `verification: ${verification.mismatchCount} mismatches in the replay`];
}

function gatewayCounts(demo: DemoReport, replay: ReplayReport): Compared[] {
  return demo.gateways.flatMap(({ node, egressIP, requests, answered }) => {
    const row = replay.gateways.find((gateway) => gateway.node === node && gateway.egressIP === egressIP);
    return [
      { what: `${node}: requests`, demo: requests, replay: row?.frames ?? 0 },
      { what: `${node}: answers`, demo: answered, replay: row?.replies ?? 0 },
    ];
  });
}

/** An answer that is lost on its way is in no capture of the monitor's: a replay cannot miss it. */
function lossCount({ outage }: DemoReport, { frames }: ReplayReport): Compared {
  return { what: "lost frames", demo: outage.lostRequests - outage.lostAnswers, replay: frames.lost };
}
