/**
 * Reads 10 million connection records of each kind (or the number given) with a heap of 128 MB, and shows that memory stays below 256 MB.
 * Usage, after `npm run build`: node test/soak/large-records.mjs [RECORDS]
 * 2026-11-26, Node 20.20, 2 shared and busy cores: flows 210 MB and 432 s, table entries (30 million frames) 133 MB and 102 s.
 * Prints one line of JSON per kind; exits with 1 where a record is missing or memory grew above the limit.
 */
import { spawnSync } from "node:child_process";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { createFrameIndex } from "../../dist/src/capture/types.js";
import { openRecords } from "../../dist/src/records/open.js";

const HEAP_MB = 128;
const LIMIT_MB = 256;
const CHUNK_RECORDS = 1000;
const START_MS = Date.parse("2026-11-23T10:00:00Z");
const KINDS = { "hubble-flows": flowLine, "ct-list": ctLine };

const [, , argument = "10000000", kind] = process.argv;
const records = Number(argument);
if (kind) await measure(kind);
else for (const each of Object.keys(KINDS)) inProcessOfItsOwn(each);

function inProcessOfItsOwn(each) {
  const script = fileURLToPath(import.meta.url);
  const child = spawnSync(process.execPath, [`--max-old-space-size=${HEAP_MB}`, script, argument, each], {
    encoding: "utf8",
  });
  if (child.status !== 0) throw new Error(child.stderr);
  const result = JSON.parse(child.stdout);
  console.log(JSON.stringify(result));
  if (result.used !== records) throw new Error(`${result.used} records were used, expected ${records}`);
  if (result.maxRssMegabytes > LIMIT_MB)
    throw new Error(`memory grew to ${result.maxRssMegabytes} MB, expected ${LIMIT_MB}`);
}

async function measure(each) {
  const started = performance.now();
  const reader = await openRecords("-", { stdin: Readable.from(chunks(KINDS[each])) });
  const memory = new Uint8Array(1 << 20);
  const index = createFrameIndex(8192);
  let frames = 0;
  while (await reader.next(memory, index)) frames += index.count;
  const { used } = reader.records;
  const seconds = Math.round(performance.now() - started) / 1000;
  const maxRssMegabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ kind: each, used, frames, seconds, maxRssMegabytes }));
}

function* chunks(line) {
  for (let at = 0; at < records; at += CHUNK_RECORDS) {
    let text = "";
    for (let i = at; i < Math.min(records, at + CHUNK_RECORDS); i++) text += line(i);
    yield Buffer.from(text);
  }
}

function tupleOf(i) {
  return {
    pod: `10.1.${(i >> 20) & 255}.${i & 255}`,
    port: 1024 + (i % 60_000),
    remote: `198.51.${(i >> 16) & 255}.${(i >> 8) & 255}`,
  };
}

function flowLine(i) {
  const { pod, port, remote } = tupleOf(i);
  const time = new Date(START_MS + Math.floor(i / 10)).toISOString();
  const flow = {
    time,
    verdict: "FORWARDED",
    IP: { source: pod, destination: remote, ipVersion: "IPv4" },
    l4: { TCP: { source_port: port, destination_port: 443, flags: { SYN: true } } },
    source: { identity: 4101, namespace: "shop", labels: ["k8s:app=cart"], pod_name: `cart-${i % 1000}` },
    destination: { identity: 2, labels: ["reserved:world"] },
    Type: "L3_L4",
    node_name: "w1",
    traffic_direction: "EGRESS",
    trace_observation_point: "TO_OVERLAY",
    is_reply: false,
  };
  return `${JSON.stringify({ flow, node_name: "w1", time })}\n`;
}

function ctLine(i) {
  const { pod, port, remote } = tupleOf(i);
  return `TCP OUT ${pod}:${port} -> ${remote}:443 expires=86410 Packets=31 Bytes=16405 RxFlagsSeen=0x1b LastRxReport=86400 TxFlagsSeen=0x1b LastTxReport=86400 Flags=0x0010 [ SeenNonSyn ] RevNAT=0 SourceSecurityID=4101 BackendID=0\n`;
}
