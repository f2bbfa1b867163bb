// Does another gateway translate as the policies say?   node verify-gateway.mjs INSIDE UPLINK MANIFESTS
import { formatMismatch, loadManifests, verify } from "sluicegate";

const [before, after, manifests] = process.argv.slice(2);
const { frames, verification } = await verify({ before, after, model: loadManifests([manifests]) });

console.log(`${frames.paired} packets seen on both sides, ${verification.mismatchCount} mismatches`);
for (const mismatch of verification.mismatches) console.log(formatMismatch(mismatch));
process.exitCode = verification.ok ? 0 : 1;
