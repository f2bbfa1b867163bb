import { describe, expect, test } from "vitest";
import { Redactor } from "../../src/report/redact.js";

const NAMES = { node: ["gw-a", "gw-b"], zone: ["eu-1a"], pod: ["web"], namespace: ["shop"] };

describe("a redactor", () => {
  test("gives the same thing the same pseudonym, different things different ones", () => {
    const redactor = new Redactor(NAMES);
    expect(redactor.text("gw-a 10.1.0.7:51514 > 203.0.113.9:443, then gw-b 10.1.0.7")).toBe(
      "NODE-1 240.0.0.1:51514 > 240.0.0.2:443, then NODE-2 240.0.0.1",
    );
    expect(redactor.text("203.0.113.9")).toBe("240.0.0.2");
  });

  test("is a pure function of what it was shown before", () => {
    const texts = ["10.0.0.2 gw-b", "10.0.0.1", "2001:db8::1"];
    const [a, b] = [new Redactor(NAMES), new Redactor(NAMES)];
    expect(texts.map((text) => a.text(text))).toEqual(texts.map((text) => b.text(text)));
  });

  test("knows an address in all its spellings, with a prefix length and in brackets", () => {
    const redactor = new Redactor({});
    expect(redactor.text("[2001:DB8::1]:443 2001:db8:0:0:0:0:0:1/128 fe80::1")).toBe("[100::1]:443 100::1/128 100::2");
    expect(redactor.text("2001:db8:1:2:3:4:5:6:443 ends at 1:2:3:4:5:6:7:8:51514")).toBe(
      "100::3:443 ends at 100::4:51514",
    );
    expect(redactor.text("10.0.0.0/8 and ::ffff:10.0.0.0")).toBe("240.0.0.1/8 and 240.0.0.1");
  });

  test("leaves alone what is no address: times, versions, the unspecified ones", () => {
    const text = "2026-11-23T07:59:01.123456789Z 12:34:56 v1.2.3 0.0.0.0/0 ::/0 300.1.1.1";
    expect(new Redactor({}).text(text)).toBe(text);
  });

  test("replaces hardware addresses", () => {
    expect(new Redactor({}).text("AA:bb:cc:dd:ee:ff and 02:42:ac:11:00:02 and aa:bb:cc:dd:ee:ff")).toBe(
      "02:00:00:00:00:01 and 02:00:00:00:00:02 and 02:00:00:00:00:01",
    );
  });

  test("replaces a name as a whole word only", () => {
    expect(new Redactor(NAMES).text("shop/web, webserver, gw-a.example, eu-1a")).toBe(
      "NAMESPACE-1/POD-1, webserver, NODE-1.example, ZONE-1",
    );
  });

  test("takes a name for a text, not for a pattern", () => {
    expect(new Redactor({ node: ["a.b", "(x"] }).text("a.b axb (x")).toBe("NODE-1 axb NODE-2");
  });

  test("keeps the program's own words in data, whatever nodes are called", () => {
    const redactor = new Redactor({ node: ["failover", "drop"] });
    const data = { reasons: { drop: 2 }, broken: [{ cause: "failover", from: { node: "failover" } }] };
    expect(redactor.data(data)).toEqual({
      reasons: { drop: 2 },
      broken: [{ cause: "failover", from: { node: "NODE-1" } }],
    });
  });

  test("leaves the original as it was", () => {
    const data = { gateways: [{ node: "gw-a", egressIP: "203.0.113.9" }] };
    new Redactor(NAMES).data(data);
    expect(data).toEqual({ gateways: [{ node: "gw-a", egressIP: "203.0.113.9" }] });
  });
});
