import { type CaptureNotes, captureFrames } from "../../capture/frames.js";
import { nameOfInput } from "../../capture/input.js";
import type { PolicyModel } from "../../config/types.js";
import { UsageError } from "../../errors.js";
import { formatAddress } from "../../net/address.js";
import type { SeenMapping } from "../../pair/mapping.js";
import { verifyCapturePair } from "../../pair/verify-pair.js";
import { type Pin, readPins } from "../../records/pins.js";
import { Holders, type WhoQuery } from "../../records/who.js";
import { reportJson } from "../../report/json.js";
import { whoNone, whoReport, whoTable } from "../../report/who-view.js";
import { loadCluster } from "../cluster.js";
import { type CommandRun, EXIT_MISMATCH, EXIT_OK } from "../commands.js";
import type { Console } from "../console.js";
import type { FlagValues } from "../flags.js";
import { parseWho } from "../who-values.js";

const PROTOCOLS: Readonly<Record<number, string>> = { 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPV6", 132: "SCTP" };

/** `who EGRESS_IP:PORT@TIME`: which endpoint had that external address and port, by what real gateways did. */
export const run: CommandRun = async ([what = ""], flags, console) => {
  const query: WhoQuery = { ...parseWho(what), ...flags.remote };
  checkSources(flags);
  const model = flags.manifests ? loadCluster(flags) : undefined;
  const holders = new Holders(query);
  for (const { file, takenNs } of flags.pins ?? []) {
    for await (const pin of readPins(file, takenNs === undefined ? {} : { takenNs }))
      holders.addPin(pin, nameOfInput(file));
  }
  if (flags.uplink && flags.inside && model) await addPackets(holders, flags.inside, flags.uplink, model, console);
  const report = whoReport(holders.sorted(), query, model);
  for (const note of report.notes) console.err(`note: ${note}\n`);
  if (flags.json) console.out(reportJson(report));
  else if (report.answers.length > 0) console.out(whoTable(report));
  else console.err(whoNone(report));
  return report.answers.length > 0 ? EXIT_OK : EXIT_MISMATCH;
};

/** @throws {UsageError} where there is nothing that could answer, or only half of it */
function checkSources({ pins, uplink, inside, manifests }: FlagValues): void {
  if (!pins && !uplink) {
    throw new UsageError(
      "sluicegate who: has neither --pins nor --uplink, expected what real gateways did: ports of a replay are simulated and must not name a pod in an abuse report",
    );
  }
  if (Boolean(uplink) !== Boolean(inside))
    throw new UsageError("sluicegate who: --uplink and --inside go together, expected both captures or neither");
  if (uplink && !manifests)
    throw new UsageError("sluicegate who: --uplink has no manifests beside it, expected -m PATH to tell pods by");
}

/** Adds every packet of the tuple that is seen on both sides, by the clock of the uplink's capture. */
async function addPackets(
  holders: Holders,
  inside: string,
  uplink: string,
  model: PolicyModel,
  console: Console,
): Promise<void> {
  const notes: [CaptureNotes, CaptureNotes] = [{ truncated: false }, { truncated: false }];
  const { paired } = await verifyCapturePair(captureFrames(inside, notes[0]), captureFrames(uplink, notes[1]), model, {
    beforeName: inside,
    afterName: uplink,
    onMapping: (seen) => holders.addPacket(pinOf(seen), uplink, seen.timeNs),
  });
  for (const [i, name] of [inside, uplink].entries()) {
    if (notes[i]!.truncated) console.err(`warning: ${name}: the last record is cut off\n`);
  }
  if (paired === 0) console.err(`warning: no packet of ${inside} is in ${uplink}, too\n`);
}

function pinOf(seen: SeenMapping): Pin {
  return {
    protocol: PROTOCOLS[seen.protocol] ?? String(seen.protocol),
    endpoint: formatAddress(seen.endpoint),
    endpointPort: seen.endpointPort,
    remote: formatAddress(seen.remote),
    remotePort: seen.remotePort,
    egressIP: formatAddress(seen.egressIP),
    natPort: seen.natPort,
  };
}
