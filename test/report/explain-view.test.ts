import { expect, test } from "vitest";
import { explainFrame } from "../../src/replay/explain.js";
import { explainText, walkSteps } from "../../src/report/explain-view.js";
import { clusterModel } from "../replay/cluster.js";
import { captureOf, ENDPOINT, outbound, REMOTE } from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";
import { ethernet, ipv4, ipv4FragmentsOf, patterned, udp } from "../support/frames.js";

test("the walk of a held fragment ends with what became of it", async () => {
  const model = await clusterModel({ pods: [ENDPOINT], worker: "worker", gateways: { "gw-a": "203.0.113.10" } });
  const segment = udp({ srcPort: 40_000, dstPort: 53, payload: patterned(2000) });
  const pieces = (id: number) => ipv4FragmentsOf(ipv4({ src: ENDPOINT, dst: REMOTE, id }, segment), [1200]);
  const [[first, later], [, late], [, last]] = [pieces(1), pieces(2), pieces(3)];
  const frames = [later!, first!, late!].map((packet, i) => ({ us: i * 1000, frame: ethernet(packet) }));
  frames.push({ us: 32_000_000, frame: outbound("SYN") }, { us: 32_000_001, frame: ethernet(last!) });
  await withFile(captureOf(frames), async (path) => {
    const walk = (frame: number) => explainFrame({ captures: [path], model, natProfile: "rfc" }, frame);
    const steps = async (frame: number) =>
      Object.fromEntries(walkSteps(await walk(frame)).map(([name, ...lines]) => [name, lines]));
    expect(await steps(1)).toMatchObject({
      verdict: ["hold: a fragment that waits for its first one"],
      released: [
        "by its first fragment, frame 2 at 2026-09-21T14:13:20.001000000Z",
        "snat",
        "mapping 203.0.113.10:40000 on gw-a (its datagram's)",
        "TTL 64 becomes 63",
      ],
    });
    const dropped = "drop, fragment-without-first: a fragment whose first part was not seen";
    expect((await steps(3)).released).toEqual([
      "without its first fragment: its time was over, or its room was needed",
      dropped,
    ]);
    expect((await steps(5)).released).toEqual(["never: the captures end before its first fragment", dropped]);
    expect((await steps(2)).released).toBeUndefined();
    expect(explainText(await walk(1), { colour: false, verbose: false })).toContain("+ ");
  });
});
