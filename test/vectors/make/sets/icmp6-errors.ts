import { ethernet, icmpEcho, icmpMessage, ipv6, type Layer4, tcp, text } from "../../../support/frames.js";
import type { Book } from "../book.js";
import { ping, query, reply } from "../builders.js";
import { natPort, RFC_PORTS } from "../choice.js";
import { drop, type Given } from "../say.js";
import { at6, EXT6, INSIDE6, near, REMOTE6 } from "../scenes.js";
import type { Script } from "../script.js";

const ROUTER6 = "2001:db8:7::1";
const OWN = 700;
const SYN = (port: number) => tcp({ srcPort: port, dstPort: 443, flags: "SYN", payload: text("first words") });
const PORT6 = natPort({ src: INSIDE6, dst: REMOTE6, srcPort: OWN, dstPort: 443, protocol: 6 }, RFC_PORTS);

interface About {
  readonly src?: string;
  readonly dst?: string;
  readonly type?: number;
  readonly code?: number;
  readonly word?: number;
  readonly ttl?: number;
}

function error6(
  inner: Uint8Array,
  { src = ROUTER6, dst = EXT6, type = 2, code = 0, word = 1280 }: About = {},
): Uint8Array {
  return ethernet(ipv6({ src, dst }, icmpMessage({ type, code, word, inner })));
}

const fromNetwork = (bytes: Uint8Array): Given => ({ hook: "from-network", bytes });
const fromEndpoint = (bytes: Uint8Array): Given => ({ hook: "from-endpoint", bytes });

/** ICMPv6 errors about translated packets. */
export async function six(book: Book): Promise<void> {
  const seen6 = (l4: Layer4 = SYN(PORT6)) => ipv6({ src: EXT6, dst: REMOTE6 }, l4);
  const sent6 = (l4: Layer4 = SYN(OWN)) => ipv6({ src: INSIDE6, dst: REMOTE6 }, l4);
  const open6 = (s: Script) => s.process([at6.out(SYN, OWN, PORT6, {}, "created")]);
  for (const [type, code, what] of [
    [1, 0, "no route to destination"],
    [1, 4, "port unreachable"],
    [2, 0, "packet too big"],
    [3, 0, "hop limit exceeded"],
    [4, 1, "unrecognised next header"],
    [100, 9, "an error that nobody has defined, which its receiver gets all the same"],
  ] as const)
    await book.add(
      {
        name: `v6-type-${type}-code-${code}`,
        why: `ICMPv6, ${what}: translated inside and outside; the outer checksum covers the new addresses and what is quoted.`,
        rules: ["RFC 4443 section 2.4", "RFC 4443 section 2.3"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        open6(s);
        s.one(
          fromNetwork(error6(seen6(), { type, code })),
          at6.translated("reverse", PORT6, error6(sent6(), { dst: INSIDE6, type, code })),
        );
      },
    );
  await book.add(
    {
      name: "v6-about-echo",
      why: "An ICMPv6 error about an echo request reaches the endpoint, with its identifier.",
      rules: ["RFC 4443 section 2.4"],
      setting: near,
    },
    (s) => {
      s.process([at6.out((id) => icmpEcho({ id }), 77, 77, {}, "created")]);
      s.one(
        fromNetwork(error6(seen6(ping(77)))),
        at6.translated("reverse", 77, error6(sent6(ping(77)), { dst: INSIDE6 })),
      );
    },
  );
  await book.add(
    {
      name: "v6-from-inside",
      why: "An endpoint's ICMPv6 error leaves from the egress IP and quotes what was sent there.",
      rules: ["RFC 5508 REQ-5, for IPv6"],
      setting: near,
    },
    (s) => {
      s.process([at6.out(query(), 4000, 4000, {}, "created"), at6.back(reply(), 4000)]);
      const quoted = (dst: string) => ipv6({ src: REMOTE6, dst }, reply()(4000));
      const fields = { dst: REMOTE6, type: 1, code: 4, word: 0 };
      s.one(
        fromEndpoint(error6(quoted(INSIDE6), { src: INSIDE6, ...fields })),
        at6.translated("snat", 4000, error6(quoted(EXT6), { src: EXT6, ...fields })),
      );
    },
  );
  await book.add(
    {
      name: "v6-unmatched",
      why: "An ICMPv6 error about no connection is dropped.",
      rules: ["RFC 5508 REQ-4, for IPv6"],
      setting: near,
    },
    (s) => {
      s.one(fromNetwork(error6(seen6(SYN(5000)))), drop("icmp-error-unmatched"));
    },
  );
  await book.add(
    {
      name: "v6-nested",
      why: "No ICMPv6 error is sent about another.",
      rules: ["RFC 4443 section 2.4(e)"],
      setting: near,
    },
    (s) => {
      open6(s);
      const nested = ipv6({ src: EXT6, dst: REMOTE6 }, icmpMessage({ type: 1, code: 4, inner: seen6() }));
      s.one(fromNetwork(error6(nested)), drop("icmp-error-nested"));
    },
  );
  await book.add(
    {
      name: "v6-misdirected",
      why: "An ICMPv6 error goes to the source of the packet that it quotes.",
      rules: ["RFC 4443 section 2.2"],
      setting: near,
    },
    (s) => {
      open6(s);
      s.one(fromNetwork(error6(seen6(), { dst: INSIDE6 })), drop("icmp-error-misdirected"));
    },
  );
}
