import { describe, expect, it } from "vitest";
import type { Protocol } from "../../../src/bench/frames.js";
import { ReferenceKernel } from "../../../src/bench/kernel.js";
import { Traffic } from "../../../src/bench/traffic.js";
import { javascriptContestant } from "./memory-peers.js";
import { PlainKernel } from "./plain-javascript.js";

const CONNECTIONS = 3000;
const TCP_ACK = 0x10;

describe.each<Protocol>(["tcp", "udp"])("the reference kernel's work in plain JavaScript, %s", (protocol) => {
  const forward = new Traffic(CONNECTIONS, protocol).forward(TCP_ACK);

  it("leaves every frame as the reference kernel leaves it, byte for byte, in every pass", async () => {
    const reference = await ReferenceKernel.create(forward, CONNECTIONS);
    const plain = new PlainKernel(forward, CONNECTIONS);
    for (let pass = 0; pass < 2; pass++) {
      reference.restore();
      plain.restore();
      expect(plain.pass()).toBe(reference.pass(256));
      expect(Buffer.compare(plain.frames, reference.frames)).toBe(0);
    }
  });

  it("is not measured where frames were not translated", () => {
    const contestant = javascriptContestant(new PlainKernel(forward, CONNECTIONS));
    expect(() => contestant.verify()).not.toThrow();
    const broken = forward.slice();
    broken[12] = 0x86; // no longer IPv4
    const wrong = javascriptContestant(new PlainKernel(broken, CONNECTIONS));
    expect(() => wrong.verify()).toThrow(/plain JavaScript: \d+ frames were translated, expected \d+/);
  });
});
