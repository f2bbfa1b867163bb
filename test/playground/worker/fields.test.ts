import { describe, expect, test } from "vitest";
import { explainFrame, loadManifests, replay } from "../../../src/index.js";
import { fieldsOf } from "../../../src/playground/worker/fields.js";
import { FrameList } from "../../../src/playground/worker/frame-list.js";

const model = loadManifests(["pcaps/manifests"]);

function explain(capture: string, frame: number) {
  return explainFrame({ captures: [capture], model, verify: false }, frame);
}

/** Names of the fields in which two versions of a frame differ. */
function changed(
  { bytes: { captured, result } }: Awaited<ReturnType<typeof explain>>,
  fields: ReturnType<typeof fieldsOf>,
) {
  const octets = (hex: string) => hex.match(/../g)!;
  const [was, is] = [octets(captured), octets(result)];
  const places = was.flatMap((octet, i) => (octet === is[i] ? [] : [i]));
  return new Set(places.map((i) => fields.find(({ from, to }) => i >= from && i < to)?.name));
}

describe("the fields of a frame", () => {
  test("of TCP over IPv4 lie where the RFCs put them", async () => {
    const fields = fieldsOf(await explain("pcaps/web/in.pcap", 3));
    const at = (name: string) => fields.filter((field) => field.name === name).map(({ from, to }) => [from, to]);
    expect(at("link header")).toEqual([[0, 14]]);
    expect(at("TTL")).toEqual([[22, 23]]);
    expect(at("IP header checksum")).toEqual([[24, 26]]);
    expect(at("source address")).toEqual([[26, 30]]);
    expect(at("destination address")).toEqual([[30, 34]]);
    expect(at("source port")).toEqual([[34, 36]]);
    expect(at("checksum")).toEqual([[50, 52]]);
  });

  test("name all that translation changes", async () => {
    const out = await explain("pcaps/web/in.pcap", 3);
    expect(out.action).toBe("snat");
    expect(changed(out, fieldsOf(out))).toEqual(new Set(["TTL", "IP header checksum", "source address", "checksum"]));
  });

  test("of an ICMP error name those of the packet that it quotes", async () => {
    const captures = ["pcaps/icmp/in.pcap"];
    const list = new FrameList();
    const { columns, rows } = list.grid(await replay({ captures, model, verify: false, observers: [list] }));
    const text = (key: string, row: number) => {
      const { texts, values } = columns.find((column) => column.key === key)!;
      return texts![values[row] as number];
    };
    const numbers = Array.from({ length: rows }, (_, row) => row);
    const row = numbers.find((one) => text("protocol", one) === "icmp error" && text("verdict", one) === "reverse");
    const names = fieldsOf(await explain("pcaps/icmp/in.pcap", row! + 1)).map(({ name }) => name);
    expect(names).toContain("quoted source address");
  });

  test("are none of a frame without a readable header", async () => {
    expect(fieldsOf(await explain("pcaps/web/in.pcap", 1))).toEqual([]);
  });
});
