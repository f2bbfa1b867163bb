import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MANIFESTS, missing, output, PCAPS } from "./tools.js";
import { countFrames } from "./tshark.js";

const lacking = missing(["tshark", "capinfos"]);
const SIZE_LIMIT = 3_000_000;
const PRIVATE_ADDRESS = /\b10\.\d+\.\d+\.\d+\b/g;
/** Router of the node network, and each worker's own address on its pods' side: real stacks have them, manifests do not. */
const INFRASTRUCTURE = ["10.0.0.1", "10.1.1.1", "10.1.2.1", "10.1.3.1"];

/** `file`, what it is there for, a display filter for that, how many frames at least. */
const CONTENTS: readonly (readonly [string, string, string, number])[] = [
  ["web/in.pcap", "HTTP/1.1 requests", "http.request", 50],
  ["web/in.pcap", "TLS handshakes", "tls.handshake.type==1", 4],
  ["web/in.pcap", "DNS over UDP", "dns and udp.port==53", 16],
  ["web/in.pcap", "DNS over TCP", "dns and tcp.port==53", 8],
  ["web/in.pcap", "echo requests of pods", "icmp.type==8 and ip.src==10.1.0.0/16", 9],
  ["web/in.pcap", "echo requests to a pod", "icmp.type==8 and ip.dst==10.1.3.10", 2],
  [
    "web/in.pcap",
    "a connection from outside to a pod",
    "tcp.flags.syn==1 and tcp.flags.ack==0 and ip.dst==10.1.3.10",
    1,
  ],
  ["web/in.pcap", "path-MTU discovery", "icmp.type==3 and icmp.code==4", 2],
  ["web/in.pcap", "a refused connection", "tcp.flags.reset==1 and tcp.srcport==81", 1],
  ["web/in.pcap", "a connection that the server resets", "tcp.flags.reset==1 and tcp.srcport==7001", 1],
  ["web/in.pcap", "a connection that the pod resets", "tcp.flags.reset==1 and ip.src==10.1.1.11", 1],
  ["web/in.pcap", "data after the pod's FIN", "tcp.srcport==7002 and tcp.len>0", 4],
  ["web/in.pcap", "data after the server's FIN", "tcp.dstport==7003 and tcp.len>0", 4],
  ["web/in.pcap", "retransmissions", "tcp.port==8090 and tcp.analysis.retransmission", 2],
  ["web/in.pcap", "excluded traffic", "ip.dst==198.51.100.130", 5],
  ["web/in.pcap", "traffic inside the cluster", "ip.dst==10.96.0.10 or ip.dst==10.1.3.11 or ip.dst==10.0.0.22", 10],
  ["web/in.pcap", "a link-local destination", "ip.dst==169.254.169.254", 1],
  ["web/in.pcap", "a multicast destination", "ip.dst==224.0.0.251", 1],
  ["web/in.pcap", "TTL exceeded on the way", "icmp.type==11", 2],
  ["web/in.pcap", "an ICMP error of a pod", "icmp.type==3 and ip.src==10.1.2.10", 1],
  ["offload/in.pcapng", "partial TCP checksums", "tcp.checksum.status==0 and not icmp", 100],
  ["offload/in.pcapng", "partial UDP checksums", "udp.checksum.status==0 and not icmp", 10],
  ["offload/in.pcapng", "frames above the MTU", "frame.len>1514", 10],
  ["offload/in.pcapng", "frames of three interfaces", "frame.interface_id==2", 10],
  ["offload/in.pcapng", "iperf3 over UDP", "udp.port==5201", 10],
  ["any/in.pcap.gz", "frames of the node's network device", "sll.ifindex==2", 500],
  ["any/in.pcap.gz", "frames of the pods' devices", "sll.ifindex>2", 500],
  ["overlay/in.pcap", "requests under the pods' identity", "vxlan.vni==4101", 200],
  ["overlay/in.pcap", "replies under the world's identity", "vxlan.vni==2", 200],
  ["overlay/in.pcap", "frames to two gateways", "vxlan and ip.dst==10.0.0.23", 50],
  ["overlay/in.pcap", "traffic of pods on other nodes", "vxlan.vni==4501 or vxlan.vni==4103", 2],
  ["overlay/in.pcap", "excluded traffic beside the overlay", "not vxlan and ip.dst==198.51.100.130", 5],
  ["snat/inside.pcap", "traffic of pods", "ip.src==10.1.0.0/16", 300],
  ["snat/uplink.pcap", "the same under the egress IP", "ip.src==203.0.113.10", 300],
  ["icmp/in.pcap", "fragmented echo both ways", "ip.flags.mf==1", 8],
  ["icmp/in.pcap", "port unreachable from outside", "icmp.type==3 and icmp.code==3 and ip.dst==10.1.3.10", 1],
  ["icmp/in.pcap", "port unreachable from the pod", "icmp.type==3 and icmp.code==3 and ip.src==10.1.3.10", 2],
  ["icmp/in.pcap", "fragmentation needed", "icmp.type==3 and icmp.code==4", 2],
  ["icmp/in.pcap", "TTL exceeded at three places", "icmp.type==11", 3],
];

function captures(): string[] {
  const files = readdirSync(PCAPS, { recursive: true, encoding: "utf8" });
  return files.filter((file) => /\.pcap(ng)?(\.gz)?$/.test(file)).sort();
}

describe.skipIf(lacking !== "")("captures of our own", () => {
  test.each(CONTENTS)("%s holds %s", (file, _what, filter, atLeast) => {
    expect(countFrames(join(PCAPS, file), filter)).toBeGreaterThanOrEqual(atLeast);
  });

  test("no private source of the uplink capture was left untranslated", () => {
    expect(countFrames(join(PCAPS, "snat/uplink.pcap"), "ip.src==10.0.0.0/8 and not icmp")).toBe(0);
  });

  test("all files together stay under 3 MB", () => {
    const files = readdirSync(PCAPS, { recursive: true, encoding: "utf8" }).map((file) => statSync(join(PCAPS, file)));
    expect(files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)).toBeLessThan(SIZE_LIMIT);
  });

  test("the table in pcaps/README.md names every capture with its number of frames", () => {
    const rows = readFileSync(join(PCAPS, "README.md"), "utf8").matchAll(
      /^\| `([^`]+\.pcap(?:ng)?(?:\.gz)?)` \| (\d+) \|/gm,
    );
    const named = [...rows].map(([, file, frames]) => [file, Number(frames)]);
    const counted = captures().map((file) => [
      file,
      Number(output("capinfos", ["-T", "-r", "-c", join(PCAPS, file)]).split("\t")[1]),
    ]);
    expect(named.sort()).toEqual(counted);
  });

  test.each(captures())("every private address in %s is a pod, a node or a service of the manifests", (file) => {
    const manifests = readdirSync(MANIFESTS).map((name) => readFileSync(join(MANIFESTS, name), "utf8"));
    const known = new Set([...manifests.join("\n").matchAll(PRIVATE_ADDRESS)].map(([address]) => address));
    for (const address of INFRASTRUCTURE) known.add(address);
    const fields = output("tshark", ["-n", "-r", join(PCAPS, file), "-T", "fields", "-e", "ip.src", "-e", "ip.dst"]);
    const seen = new Set([...fields.matchAll(PRIVATE_ADDRESS)].map(([address]) => address));
    expect([...seen].filter((address) => !known.has(address))).toEqual([]);
  });
});
