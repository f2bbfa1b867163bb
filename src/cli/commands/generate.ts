import { join } from "node:path";
import { LINKTYPE_ETHERNET } from "../../capture/types.js";
import { PcapWriter } from "../../capture/write.js";
import { generateCapture } from "../../generate/generate.js";
import { generateManifests } from "../../generate/manifests.js";
import { completeOptions, type GenerateOptions } from "../../generate/options.js";
import { bytes, counted } from "../../report/units.js";
import { type CommandRun, EXIT_OK } from "../commands.js";
import type { Share } from "../flag-values.js";
import type { FlagValues } from "../flags.js";
import { makeFolder, writeTextFile } from "../output-files.js";

const SHARE_OPTIONS: Readonly<Record<Share["kind"], keyof GenerateOptions>> = {
  ipv6: "ipv6Share",
  udp: "udpShare",
  icmp: "icmpShare",
  sctp: "sctpShare",
  error: "errorShare",
  fragment: "fragmentShare",
  malformed: "malformedShare",
  "zero-checksum": "zeroChecksumShare",
  reuse: "reuseShare",
  fin: "finShare",
  reset: "resetShare",
};

/** `generate -o DIR`: a synthetic capture and the manifests of its cluster. */
export const run: CommandRun = async (_args, flags, console) => {
  const folder = flags.output!;
  const options = completeOptions(generateOptions(flags));
  makeFolder(folder);
  const files = { capture: join(folder, "capture.pcap"), manifests: join(folder, "manifests.yaml") };
  writeTextFile(files.manifests, generateManifests(options));
  const writer = new PcapWriter(files.capture, LINKTYPE_ETHERNET);
  const made = finished(writer, () => generateCapture(options, writer));
  if (flags.json) console.out(`${JSON.stringify({ ...files, options, ...made }, undefined, 2)}\n`);
  else {
    const size = `${counted(made.frames, "frame")}, ${bytes(made.bytes)}, ${counted(made.flows, "flow")}, ${made.seconds.toFixed(1)} s`;
    console.out(`${files.capture}: ${size}\n${files.manifests}\n`);
  }
  return EXIT_OK;
};

function finished<T>(writer: PcapWriter, write: () => T): T {
  try {
    return write();
  } finally {
    writer.close();
  }
}

function generateOptions(flags: FlagValues): Partial<GenerateOptions> {
  const given = {
    seed: flags.seed,
    packets: flags.packets,
    flows: flags.flows,
    endpoints: flags.endpoints,
    remotes: flags.remotes,
    remotePort: flags.remotePort,
    sizes: flags.sizes,
    packetsPerSecond: flags.rate,
    replies: flags.noReplies ? false : undefined,
    ...Object.fromEntries((flags.share ?? []).map(({ kind, fraction }) => [SHARE_OPTIONS[kind], fraction])),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
