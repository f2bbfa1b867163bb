// Who would be hit if a gateway failed?   node who-would-be-hit.mjs CAPTURE MANIFESTS NODE
import { EgressError, loadManifests, playFailures } from "sluicegate";

const [capture, manifests, kill] = process.argv.slice(2);

try {
  const model = loadManifests([manifests]);
  const { failures } = await playFailures({
    captures: [capture],
    model,
    kill, // or "each"
    at: { everyNs: 1_000_000_000n }, // once a second of the capture, each time as if nothing else had failed
    detectMs: [50], // milliseconds until it is noticed
    seeds: 1,
    workers: 0,
  });
  for (const { node, at, hit, broken, lostFrames, connections } of failures) {
    console.log(
      `${node} fails at ${at}: ${hit.median} connections lose ${lostFrames.median} frames, ${broken.median} break`,
    );
    for (const { fiveTuple, pod } of connections) console.log(`  ${pod}  ${fiveTuple}`);
  }
} catch (error) {
  if (!(error instanceof EgressError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 2;
}
