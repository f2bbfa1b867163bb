import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AddressBytes,
  familyOf,
  formatAddress,
  hostPrefix,
  parseAddress,
  parsePrefix,
  prefixContains,
} from "../../src/net/address.js";

const bytesOf = (text: string): AddressBytes => {
  const bytes = parseAddress(text);
  if (!bytes) throw new Error(`${text} is no address`);
  return bytes;
};

describe("parseAddress", () => {
  test("holds IPv4 as ::ffff:a.b.c.d in network order", () => {
    expect([...bytesOf("203.0.113.10")]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 10]);
    expect(bytesOf("::ffff:203.0.113.10")).toEqual(bytesOf("203.0.113.10"));
  });

  test("holds IPv6 as it is, with a dotted tail as its last four bytes", () => {
    expect([...bytesOf("2001:db8::1")]).toEqual([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect([...bytesOf("64:ff9b::192.0.2.33")].slice(12)).toEqual([192, 0, 2, 33]);
    expect([...bytesOf("::1.2.3.4")]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
  });

  test.each([
    ["", "nothing"],
    ["10.1", "the short form of inet_aton"],
    ["010.0.0.1", "a leading zero, octal to some"],
    ["1.2.3.04", "a leading zero at the end"],
    ["0x1.2.3.4", "hexadecimal"],
    ["16909060", "one number"],
    ["1.2.3.256", "a byte too large"],
    ["1.2.3.4.5", "five parts"],
    [" 1.2.3.4", "a space before"],
    ["1.2.3.4\n", "a line feed behind"],
    ["٣.1.1.1", "digits of another script"],
    ["1::2::3", "two gaps"],
    ["1:2:3:4:5:6:7:8:9", "nine groups"],
    ["::12345", "five digits in a group"],
    ["fe80::1%eth0", "a zone"],
    ["[::1]", "brackets"],
    ["::ffff:1.2.3", "a short dotted tail"],
    ["1.2.3.4::", "a dotted head"],
    ["::1/64", "a length"],
  ])("refuses %j: %s", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  test("agrees with Node's own parser on what is an address", () => {
    const almostAddress = fc.stringMatching(/^[0-9a-f:.]{1,20}$/);
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), almostAddress), (text) => {
        expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text));
      }),
    );
  });
});

describe("formatAddress", () => {
  test.each([
    ["0.0.0.0", "0.0.0.0"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["0:0:1:0:0:0:1:0", "0:0:1::1:0"],
    ["::", "::"],
  ])("writes %s as %s", (text, canonical) => {
    expect(formatAddress(bytesOf(text))).toBe(canonical);
  });

  test("gives a text that parses to the same bytes, for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(parseAddress(formatAddress(bytes))).toEqual(bytes);
      }),
    );
  });
});

describe("familyOf", () => {
  test("tells mapped IPv4 from IPv6", () => {
    expect(familyOf(bytesOf("0.0.0.0"))).toBe(4);
    expect(familyOf(bytesOf("::1.2.3.4"))).toBe(6);
    expect(familyOf(bytesOf("::fffe:1.2.3.4"))).toBe(6);
  });
});

describe("parsePrefix", () => {
  test("clears host bits and counts IPv4 lengths from the 96th bit", () => {
    expect(parsePrefix("10.1.2.3/8")).toMatchObject({ text: "10.0.0.0/8", length: 104, family: 4 });
    expect(parsePrefix("0.0.0.0/0")).toMatchObject({ text: "0.0.0.0/0", length: 96, family: 4 });
    expect(parsePrefix("2001:db8:ffff::/33")).toMatchObject({ text: "2001:db8:8000::/33", length: 33, family: 6 });
    expect(parsePrefix("::/0")).toMatchObject({ text: "::/0", length: 0, family: 6 });
  });

  test.each([
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "fe80::/129",
    "/8",
    "10.0/8",
    "::ffff:10.0.0.0/104",
  ])("refuses %s", (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  test("contains exactly the addresses that share its leading bits", () => {
    const address = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(address, address, fc.integer({ min: 0, max: 32 }), (a, b, bits) => {
        const prefix = parsePrefix(`${a.join(".")}/${bits}`)!;
        const number = (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);
        const share = 2 ** (32 - bits);
        const expected = Math.floor(number(a) / share) === Math.floor(number(b) / share);
        expect(prefixContains(prefix, bytesOf(b.join(".")))).toBe(expected);
      }),
    );
  });
});

describe("hostPrefix", () => {
  test("holds its address and no other", () => {
    const prefix = hostPrefix(bytesOf("10.0.0.1"));
    expect(prefix).toMatchObject({ text: "10.0.0.1/32", length: 128, family: 4 });
    expect(prefixContains(prefix, bytesOf("10.0.0.1"))).toBe(true);
    expect(prefixContains(prefix, bytesOf("10.0.0.0"))).toBe(false);
    expect(hostPrefix(bytesOf("2001:db8::1")).text).toBe("2001:db8::1/128");
  });
});
