import { describe, expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import * as names from "../../src/engine/names.js";

/** Constants of abi.ts by what their name starts with; `_COUNT`, `_MASK` and `_AT` are no codes. */
function codes(start: string): [constant: string, code: number][] {
  return Object.entries(abi).filter(([name]) => name.startsWith(start) && !/_(COUNT|MASK|AT)$/.test(name));
}

function kebab(constant: string, start: string): string {
  return constant.slice(start.length).toLowerCase().replaceAll("_", "-");
}

describe("names of codes", () => {
  test.each([
    ["REASON_", names.REASON_NAMES],
    ["ACTION_", names.ACTION_NAMES],
    ["HOOK_", names.HOOK_NAMES],
    ["LINK_", names.LINK_NAMES],
    ["GATEWAY_", names.GATEWAY_STATE_NAMES],
  ] as const)("every %s constant has its kebab-case name and no name stands for nothing", (start, table) => {
    const expected: (string | undefined)[] = [];
    for (const [constant, code] of codes(start)) expected[code] = kebab(constant, start);
    if (start === "REASON_") expected[abi.REASON_NONE] = "";
    expect(expected.length).toBeGreaterThan(1);
    expect([...table]).toEqual(Array.from(expected));
  });

  test("reasons fill REASON_COUNT slots without a hole", () => {
    expect(names.REASON_NAMES.length).toBe(abi.REASON_COUNT);
    expect(names.REASON_NAMES).not.toContain(undefined);
    expect(new Set(names.REASON_NAMES).size).toBe(abi.REASON_COUNT);
  });

  test("the reasons that the design names exist under those names", () => {
    const named = `no-policy excluded cluster-internal reply-of-inbound no-egress-gateway no-egress-ip no-nat-mapping no-reverse-mapping
      reply-without-connection truncated bad-header ttl-exceeded unsupported-protocol table-full not-yet-programmed endpoint-unknown`;
    for (const name of named.split(/\s+/)) expect(names.REASON_NAMES).toContain(name);
  });

  test("every error code has its kebab-case name and a text", () => {
    const errors = codes("ERROR_");
    expect(errors.length).toBeGreaterThan(10);
    for (const [constant, code] of errors) {
      expect(names.errorName(code)).toBe(kebab(constant, "ERROR_"));
      expect(names.errorText(code)).not.toMatch(/does not know/);
    }
  });

  test("an unknown code is shown by its number", () => {
    expect(names.reasonName(200)).toBe("reason-200");
    expect(names.actionName(0)).toBe("action-0");
    expect(names.hookName(9)).toBe("hook-9");
    expect(names.errorName(-99)).toBe("error-99");
    expect(names.errorText(-99)).toContain("-99");
  });
});
