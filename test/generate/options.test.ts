import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/errors.js";
import { completeOptions, GENERATE_DEFAULTS, type GenerateOptions } from "../../src/generate/options.js";

describe("options of generate", () => {
  test("nothing given means the defaults, with ten packets a flow", () => {
    expect(completeOptions({})).toEqual(GENERATE_DEFAULTS);
    expect(completeOptions({ packets: 5000 })).toMatchObject({ packets: 5000, flows: 500 });
    expect(completeOptions({ flows: 70 })).toMatchObject({ packets: 700, flows: 70 });
    expect(completeOptions({ packets: 3 })).toMatchObject({ flows: 1 });
  });

  const rows: [Partial<GenerateOptions>, string][] = [
    [{ seed: -1 }, "generate: seed is -1, expected a whole number from 0 to 4294967295"],
    [{ packets: 2.5 }, "generate: packets is 2.5, expected a whole number from 3 to 4294967295"],
    [{ endpoints: 0 }, "generate: endpoints is 0, expected a whole number from 1 to 819200"],
    [{ remotes: 131_073 }, "generate: remotes is 131073, expected a whole number from 1 to 131072"],
    [{ remotePort: 0 }, "generate: remotePort is 0, expected a whole number from 1 to 65535"],
    [{ ipv6Share: 1.01 }, "generate: ipv6Share is 1.01, expected a number from 0 to 1"],
    [{ udpShare: Number.NaN }, "generate: udpShare is NaN, expected a number from 0 to 1"],
    [{ udpShare: 0.75, icmpShare: 0.5 }, "generate: udpShare + icmpShare + sctpShare is 1.251, expected at most 1"],
    [{ finShare: 1, resetShare: 1 }, "generate: finShare + resetShare is 2, expected at most 1"],
  ];
  for (const [given, message] of rows) {
    test(`${JSON.stringify(given)} is refused`, () => {
      expect(() => completeOptions(given)).toThrow(UsageError);
      expect(() => completeOptions(given)).toThrow(message);
    });
  }
});
