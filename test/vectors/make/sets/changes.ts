import { icmpEcho, otherProtocol, patterned, text } from "../../../support/frames.js";
import { sctpPacket } from "../../../support/sctp.js";
import type { Book } from "../book.js";
import { answer, query, reply, segment } from "../builders.js";
import { drop, pass } from "../say.js";
import { near, at as nearAt } from "../scenes.js";
import { CILIUM, configuration, type Setting } from "../settings.js";
import { at, behind, FOUR, four, NOBODY, ONE, OWNERS, one, placed, two, WAITING, WITHOUT_B } from "../worlds.js";

/** Changes of policy and owner, and the switches of the configuration. */
export async function changes(book: Book): Promise<void> {
  const rules = ["docs/abi.md, loadPolicy", "docs/conformance.md, Cilium 4.2"];
  await book.add(
    {
      name: "reload-keeps",
      why: "A connection whose gateway and egress IP are still permitted goes on with its port.",
      rules,
      setting: four,
    },
    (s) => {
      const gateway = behind(placed(40_000, 443, 6, [0, 1, 2, 3]));
      s.process([gateway.out(segment("SYN"), 40_000, 40_000, {}, "created")]);
      s.load(FOUR);
      s.process([gateway.out(segment("ACK"), 40_000), gateway.back(answer("ACK"), 40_000)]);
    },
  );
  await book.add(
    {
      name: "reload-unselects",
      why: "A connection that no policy selects any more loses its mapping and passes; late replies to the mapping are dropped.",
      rules,
      setting: one,
    },
    (s) => {
      s.process([at.out(segment("SYN"), 40_000, 40_000, {}, "created")]);
      s.load(NOBODY);
      s.one(at.send(segment("ACK")(40_000)), pass("no-policy", "created"), { counters: { removed: 1 } });
      s.one(at.answer(answer("SYN ACK")(40_000)), drop("no-reverse-mapping"));
    },
  );
  await book.add(
    {
      name: "reload-selects",
      why: "A connection that a policy selects in mid-stream is translated from then on, and broken, because of the policy. It counts as opened twice, so that opened = live + closed + expired + broken + rebound + removed.",
      rules,
      setting: { configuration: CILIUM, policy: NOBODY, verifier: {} },
    },
    (s) => {
      s.one(at.send(segment("SYN")(40_000)), pass("no-policy", "created"));
      s.load(ONE);
      s.process([at.out(segment("ACK"), 40_000, 40_000, {}, "created", "remapped", "policy-change", "breaks")], {
        counters: { opened: 1 },
      });
    },
  );
  await book.add(
    {
      name: "not-yet-programmed",
      why: "What a policy selects that is not programmed yet passes; once it is programmed the connection is translated, and broken.",
      rules: ["docs/high-availability.md (programming delay)", "docs/abi.md, PREFIX_NOT_YET"],
      setting: { configuration: CILIUM, policy: WAITING, verifier: undefined },
    },
    (s) => {
      s.one(at.send(segment("SYN")(40_000)), pass("not-yet-programmed", "created"));
      s.load(ONE);
      s.process([at.out(segment("ACK"), 40_000, 40_000, {}, "created", "remapped", "policy-change", "breaks")], {
        counters: { opened: 1 },
      });
    },
  );
  const moved = Array.from({ length: 40 }, (_, i) => 40_000 + i).find((one) => placed(one, 443, 6, [0, 1]) === 1)!;
  await book.add(
    {
      name: "reload-takes-gateway-away",
      why: "A policy that no longer uses the gateway of a connection moves it to one that it uses: TCP breaks, because of the policy.",
      rules,
      setting: two,
      proof: ["hashes"],
    },
    (s) => {
      s.process([behind(1).out(segment("SYN"), moved, moved, {}, "created")]);
      s.load(WITHOUT_B);
      s.process([at.out(segment("ACK"), moved, moved, {}, "created", "remapped", "policy-change", "breaks")]);
      s.one(behind(1).answer(answer("ACK")(moved)), drop("no-reverse-mapping"));
    },
  );
  await book.add(
    {
      name: "reload-forgets-gateway",
      why: "Where the blob has no row for the gateway's address any more, the connection moves, too, because its gateway is gone; UDP rebinds.",
      rules: ["docs/abi.md, VERDICT_FLAG_POLICY_CHANGE"],
      setting: { ...two, verifier: undefined },
      proof: ["hashes"],
    },
    (s) => {
      const port = Array.from({ length: 40 }, (_, i) => 40_000 + i).find((one) => placed(one, 53, 17, [0, 1]) === 1)!;
      s.process([behind(1).out(query(), port, port, {}, "created")]);
      s.load(ONE);
      s.process([at.out(query(), port, port, {}, "created", "remapped")]);
      s.one(behind(1).answer(reply()(port)), pass("endpoint-unknown"));
    },
  );
  await book.add(
    {
      name: "owner-changes",
      why: "From the very nanosecond at which an address changes its owner its frames are decided by the new owner's policy.",
      rules: ["docs/abi.md, Endpoints", "docs/conformance.md, Cilium 2.4.6"],
      setting: { configuration: CILIUM, policy: OWNERS, verifier: {} },
    },
    (s) => {
      const pod = at.with({ inside: "10.1.0.50" });
      s.process([
        pod.out(segment("SYN"), 40_000, 40_000, {}, "created"),
        pod.out(segment("ACK"), 40_000, 40_000, { atMs: 1000.4 }),
      ]);
      s.one(pod.send(segment("ACK")(40_000), { atMs: 1000.5 }), pass("no-policy", "created"), {
        counters: { removed: 1 },
      });
    },
  );
}

export async function switches(book: Book): Promise<void> {
  const PASSING: Setting = {
    configuration: configuration("unsupported-pass", "profile cilium, CONFIG_FLAG_UNSUPPORTED_PASS", {
      unsupported: "pass",
    }),
    policy: ONE,
    verifier: {},
  };
  await book.add(
    {
      name: "unsupported-passed",
      why: "With CONFIG_FLAG_UNSUPPORTED_PASS what cannot be translated leaves with the endpoint's address, as in the original.",
      rules: ["docs/abi.md, CONFIG_FLAG_UNSUPPORTED_PASS"],
      setting: PASSING,
    },
    (s) => {
      s.one(at.send(otherProtocol(51, patterned(24))), pass("unsupported-passed"));
      s.one(at.send(otherProtocol(2, patterned(8))), pass("unsupported-passed"));
    },
  );
  const STRICT: Setting = {
    configuration: configuration("bad-checksum-drop", "profile rfc, CONFIG_FLAG_BAD_CHECKSUM_DROP", {
      natProfile: "rfc",
      badChecksum: "drop",
    }),
    policy: near.policy,
    verifier: {},
  };
  for (const [name, l4, fields, reason] of [
    ["udp", query(text("x"), { wrongBy: 1 })(4000), {}, "bad-checksum"],
    ["tcp", segment("SYN", text("x"), { wrongBy: 1 })(4000), {}, "bad-checksum"],
    ["echo", icmpEcho({ id: 4000, checksum: { wrongBy: 1 } }), {}, "bad-checksum"],
    ["ip", query()(4000), { headerChecksum: { wrongBy: 1 } }, "bad-checksum"],
    ["sctp", sctpPacket(4000, 38_412, "INIT", { checksum: 0x1234_5678 }), {}, "sctp-bad"],
  ] as const)
    await book.add(
      {
        name: `bad-checksum-${name}`,
        why: "With CONFIG_FLAG_BAD_CHECKSUM_DROP a selected frame with a wrong checksum is dropped, and nothing is remembered.",
        rules: ["RFC 1812 section 5.2.2", "docs/abi.md, CONFIG_FLAG_BAD_CHECKSUM_DROP"],
        setting: STRICT,
      },
      (s) => {
        s.one(nearAt.send(l4, fields), drop(reason));
        s.advance(0, { entries: 0 });
      },
    );
  await book.add(
    {
      name: "bad-checksum-none",
      why: "With CONFIG_FLAG_BAD_CHECKSUM_DROP a UDP datagram that has no checksum has no wrong one.",
      rules: ["RFC 768"],
      setting: STRICT,
    },
    (s) => {
      s.process([nearAt.out(query(text("x"), 0), 4000, 4000, {}, "created")]);
    },
  );
  const NO_PICK_UP: Setting = {
    configuration: configuration("no-pick-up", "profile rfc, CONFIG_FLAG_NO_PICK_UP", {
      natProfile: "rfc",
      midStream: "drop",
    }),
    policy: near.policy,
    verifier: undefined,
  };
  await book.add(
    {
      name: "no-state-tcp",
      why: "With CONFIG_FLAG_NO_PICK_UP a selected TCP connection first seen in mid-stream is dropped, one that begins with a SYN translated.",
      rules: ["RFC 6146 section 3.5.2.2", "docs/abi.md, CONFIG_FLAG_NO_PICK_UP"],
      setting: NO_PICK_UP,
    },
    (s) => {
      s.one(nearAt.send(segment("ACK")(5000)), drop("no-state"));
      s.process([nearAt.out(segment("SYN"), 5000, 5000, {}, "created"), nearAt.out(segment("ACK"), 5000)]);
    },
  );
  await book.add(
    {
      name: "no-state-sctp",
      why: "With CONFIG_FLAG_NO_PICK_UP DATA of an association that is not known is dropped.",
      rules: ["RFC 9260 section 8.4", "docs/abi.md, CONFIG_FLAG_NO_PICK_UP"],
      setting: NO_PICK_UP,
    },
    (s) => {
      s.one(nearAt.send(sctpPacket(5000, 38_412, "DATA")), drop("no-state"));
    },
  );
  await book.add(
    {
      name: "udp-has-no-beginning",
      why: "CONFIG_FLAG_NO_PICK_UP does not concern UDP, which shows no beginning.",
      rules: ["docs/abi.md, CONFIG_FLAG_NO_PICK_UP"],
      setting: NO_PICK_UP,
    },
    (s) => {
      s.process([nearAt.out(query(), 4000, 4000, {}, "created")]);
    },
  );
}
