import { expect, test } from "vitest";
import { linkTypeName } from "../../src/capture/link-type.js";
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 } from "../../src/capture/types.js";

test("link types that are parsed have a name, all others their number", () => {
  expect([LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2].map(linkTypeName)).toEqual(["ethernet", "linux-sll2"]);
  expect(linkTypeName(9999)).toBe("link type 9999");
});
