// Frames through the packet path, as a gateway of your own would send them.   node stream-frames.mjs CAPTURE MANIFESTS
import { captureFrames, Engine, loadManifests } from "sluicegate";

const [capture, manifests] = process.argv.slice(2);
const engine = await Engine.create({ policy: loadManifests([manifests]) });

/** Any source of frames will do; here it is a capture that was taken at the pods. */
async function* frames() {
  for await (const { bytes, timeNs, linkType } of captureFrames(capture)) yield { bytes, timeNs, linkType };
}

// Ends by itself at the end of the source, and with an error if it takes longer than a minute.
let left = 0;
for await (const { action, egress, natPort, opened } of engine.stream(frames(), {
  signal: AbortSignal.timeout(60_000),
})) {
  if (action !== "snat") continue;
  left++;
  if (opened) console.log(`a connection leaves by ${egress?.node} as ${egress?.address}:${natPort ?? "-"}`);
}
console.log(`${left} frames left, ${engine.counters().opened} connections were opened`);
engine.dispose();
