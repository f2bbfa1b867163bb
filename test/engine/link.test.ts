import { expect, test } from "vitest";
import * as capture from "../../src/capture/types.js";
import { engineLink } from "../../src/engine/link.js";
import { LINK_NAMES } from "../../src/engine/names.js";

test("every link type that captures are read for has one in the engine, others none", () => {
  const linkTypes = Object.entries(capture).filter(([name]) => name.startsWith("LINKTYPE_")) as [string, number][];
  const named = Object.fromEntries(linkTypes.map(([name, linkType]) => [name, LINK_NAMES[engineLink(linkType)]]));
  expect(named).toEqual({
    LINKTYPE_NULL: "null",
    LINKTYPE_LOOP: "null",
    LINKTYPE_ETHERNET: "ethernet",
    LINKTYPE_PPP: "ppp",
    LINKTYPE_RAW: "raw",
    LINKTYPE_IPV4: "raw",
    LINKTYPE_IPV6: "raw",
    LINKTYPE_LINUX_SLL: "sll",
    LINKTYPE_LINUX_SLL2: "sll2",
  });
  expect(engineLink(147)).toBe(0);
});
