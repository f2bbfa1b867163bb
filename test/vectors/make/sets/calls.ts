import * as abi from "../../../../assembly/abi.js";
import type { EngineConfig } from "../../../../src/engine/engine-config.js";
import { ethernet, ipv4, ipv4FragmentsOf, patterned } from "../../../support/frames.js";
import { Book } from "../book.js";
import { BROKEN } from "../broken.js";
import { answer, query, reply, segment } from "../builders.js";
import { drop, type Given, hold } from "../say.js";
import { at, EXT, FAR, INSIDE, near, REMOTE } from "../scenes.js";
import type { CallName, Script } from "../script.js";
import { type Configuration, configuration, RFC, type Setting } from "../settings.js";

const E = abi;
const CALLS: readonly (readonly [CallName, readonly number[]])[] = [
  ["loadPolicy", [0, 1000]],
  ["setGateway", [0, 0]],
  ["setReachable", [0, 0]],
  ["nodeLost", [0]],
  ["setActive", [0, 0, 0, 0]],
  ["process", [0]],
  ["locate", [0]],
  ["feedback", [0, 1]],
  ["advance", [0, 0]],
  ["passTime", [0, 0]],
  ["restore", []],
];

export async function calls(): Promise<Book> {
  const book = new Book(
    "calls",
    "Calls that are refused, with their codes, and what they leave as it was; saved states.",
  );
  await starting(book);
  await blobs(book);
  await records(book);
  await gatewaysCalled(book);
  await states(book);
  return book;
}

async function starting(book: Book): Promise<void> {
  const rules = ["docs/abi.md, Error codes", "docs/abi.md, Rules"];
  await book.add(
    {
      name: "before-configure",
      why: "Before configure has succeeded every other call says so, and regions are nowhere; abiVersion answers all the same.",
      rules,
    },
    (s) => {
      s.call("abiVersion", [], { returns: abi.ABI_VERSION });
      for (const [name, args] of [...CALLS, ["setOwnNode", [0]] as const])
        s.call(name, args, { returns: E.ERROR_NOT_CONFIGURED });
      s.call("regionAt", [abi.REGION_ARENA], { returns: 0 });
      s.call("regionSize", [abi.REGION_ARENA], { returns: 0 });
    },
  );
  await book.add(
    {
      name: "before-load-policy",
      why: "Before a policy is loaded no frame is processed and no gateway known; a node can be chosen.",
      rules,
    },
    (s) => {
      s.configure(RFC);
      for (const [name, args] of CALLS.slice(1)) s.call(name, args, { returns: E.ERROR_NO_POLICY_LOADED });
      s.call("setOwnNode", [0]);
    },
  );
  await book.add(
    { name: "configure-twice", why: "An engine is configured once: its memory is laid out for good.", rules },
    (s) => {
      s.configure(RFC);
      s.configure(RFC, E.ERROR_ALREADY_CONFIGURED);
    },
  );
  const ranges: [string, Partial<EngineConfig>][] = [
    ["no-batch", { maxBatch: 0 }],
    ["batch-of-65537", { maxBatch: 65_537 }],
    ["connections-15", { connections: 15, connections6: 0 }],
    ["more-ipv6-than-all", { connections: 16, connections6: 17 }],
    ["port-65536", { tunnelPort: 65_536 }],
    ["zones-4097", { zones: 4097 }],
    ["egresses-65536", { egresses: 65_536 }],
    ["bitmaps-65537", { bitmaps: 65_537 }],
  ];
  for (const [name, fields] of ranges)
    await book.add(
      {
        name: `config-range-${name}`,
        why: "A value of the configuration is out of its range: refused, and another record may be tried.",
        rules: ["docs/abi.md, Configuration record", ...rules],
      },
      (s) => {
        s.configure(configuration(`out-of-range-${name}`, "a value out of range", fields), E.ERROR_CONFIG_RANGE);
        s.configure(RFC);
      },
    );
  await book.add(
    {
      name: "config-memory",
      why: "Tables that do not fit into 4 GiB are refused before any memory is taken, and another record may be tried.",
      rules,
    },
    (s) => {
      const huge: Configuration = configuration("too-large", "8 Mi connections and an arena of 3 GiB", {
        connections: 8 << 20,
        arenaSize: 3 * 2 ** 30,
      });
      s.configure(huge, E.ERROR_MEMORY);
      s.configure(RFC);
    },
  );
  await book.add(
    {
      name: "regions",
      why: "A region that does not exist has no place and no bytes.",
      rules: ["docs/abi.md, Regions"],
      setting: near,
    },
    (s) => {
      s.call("regionAt", [abi.REGION_COUNT], { returns: 0 });
      s.call("regionSize", [abi.REGION_COUNT], { returns: 0 });
      s.call("regionSize", [abi.REGION_HOST], { returns: 0 });
      s.call("regionSize", [abi.REGION_GENERATED], { returns: 0, note: "no CONFIG_FLAG_ICMP_ERRORS" });
    },
  );
}

async function blobs(book: Book): Promise<void> {
  const rules = ["docs/abi.md, Policy blob", "docs/abi.md, Rules (an error means nothing happened)"];
  for (const [policy, code, why] of BROKEN)
    await book.add(
      {
        name: policy.name,
        why: `${why}: the blob is refused as a whole, the policy before stays in force, and connections go on.`,
        rules,
        setting: near,
      },
      (s) => {
        s.process([at.out(query(), 4000, 4000, {}, "created")]);
        s.load(policy, { returns: code });
        s.process([at.back(reply(), 4000)]);
      },
    );
  await book.add(
    { name: "policy-too-large", why: "A blob with more nodes than were configured is refused.", rules },
    (s) => {
      s.configure(configuration("two-nodes", "room for two nodes", { natProfile: "rfc", nodes: 2 }));
      s.load(FAR, { returns: E.ERROR_POLICY_TOO_LARGE });
    },
  );
  await book.add(
    { name: "policy-outside-arena", why: "A blob that reaches past the arena is not read.", rules, setting: near },
    (s) => {
      const size = near.configuration.config.arenaSize;
      s.load(FAR, { returns: E.ERROR_FRAME_OUTSIDE_ARENA, arguments: [size - 8, FAR.blob.length] });
      s.load(FAR, { returns: E.ERROR_FRAME_OUTSIDE_ARENA, arguments: [0xffff_fff0, 64] });
    },
  );
}

async function records(book: Book): Promise<void> {
  const rules = ["docs/abi.md, process", "docs/abi.md, Rules (an error means nothing happened)"];
  const good = at.send(query()(4000));
  const bad: [string, Partial<Given> & { readonly count?: number }, number, string][] = [
    ["hook-0", { hookCode: 0 }, E.ERROR_BAD_HOOK, "There is no hook 0"],
    ["hook-4", { hookCode: 4 }, E.ERROR_BAD_HOOK, "There is no hook 4"],
    [
      "hook-overlay",
      { hookCode: abi.HOOK_FROM_OVERLAY },
      E.ERROR_BAD_HOOK,
      "Before setOwnNode no frame comes from the overlay",
    ],
    ["link-0", { link: 0 }, E.ERROR_BAD_LINK_TYPE, "There is no link type 0"],
    ["link-7", { link: abi.LINK_COUNT }, E.ERROR_BAD_LINK_TYPE, "There is no link type of that number"],
    ["outside-arena", { offset: 131_071 }, E.ERROR_FRAME_OUTSIDE_ARENA, "The frame reaches past the arena"],
    [
      "offset-wraps",
      { offset: 0xffff_fff0 },
      E.ERROR_FRAME_OUTSIDE_ARENA,
      "Offset and length together wrap around 32 bits",
    ],
    ["captured-too-long", { captured: 131_073 }, E.ERROR_FRAME_OUTSIDE_ARENA, "The frame is longer than the arena"],
  ];
  for (const [name, fields, code, why] of bad)
    await book.add(
      {
        name: `record-${name}`,
        why: `${why}: the batch is refused before its first frame is touched, although that one is sound; the same frame is taken afterwards.`,
        rules,
        setting: near,
      },
      (s) => {
        s.process(
          [
            [good, drop("")],
            [{ ...good, ...fields }, drop("")],
          ],
          { returns: code },
        );
        s.process([at.out(query(), 4000, 4000, {}, "created")]);
      },
    );
  await book.add(
    { name: "batch-too-large", why: "No more frames than were configured are taken at a time.", rules, setting: near },
    (s) => {
      s.process([], { count: 65, returns: E.ERROR_BATCH_TOO_LARGE });
      s.call("locate", [65], { returns: E.ERROR_BATCH_TOO_LARGE });
      s.call("feedback", [64, abi.FEEDBACK_FORGET], { returns: E.ERROR_BATCH_TOO_LARGE });
    },
  );
  await book.add(
    { name: "batch-of-none", why: "A batch without a frame is no error: nothing happens.", rules, setting: near },
    (s) => s.process([]),
  );
  await book.add(
    {
      name: "locate-refuses",
      why: "locate refuses what process refuses.",
      rules: ["docs/abi.md, locate"],
      setting: near,
    },
    (s) => {
      s.locate([[{ ...good, link: 0 }, {}]], { returns: E.ERROR_BAD_LINK_TYPE });
      s.locate([[{ ...good, hookCode: 9 }, {}]], { returns: E.ERROR_BAD_HOOK });
      s.locate([[{ ...good, offset: 131_071 }, {}]], { returns: E.ERROR_FRAME_OUTSIDE_ARENA });
    },
  );
}

async function gatewaysCalled(book: Book): Promise<void> {
  const rules = ["docs/abi.md, Functions", "docs/abi.md, Error codes"];
  const wrong: [CallName, readonly number[], number, string][] = [
    ["setGateway", [3, 0], E.ERROR_NO_SUCH_GATEWAY, "no such node"],
    ["setGateway", [0xffff_ffff, 0], E.ERROR_NO_SUCH_GATEWAY, "no such node"],
    ["setGateway", [0, 3], E.ERROR_BAD_STATE, "no such state"],
    ["setReachable", [3, 1], E.ERROR_NO_SUCH_GATEWAY, "no such node"],
    ["setReachable", [0, 2], E.ERROR_BAD_STATE, "no such state"],
    ["nodeLost", [3], E.ERROR_NO_SUCH_GATEWAY, "no such node"],
    ["setActive", [2, 0, 1, 0], E.ERROR_NO_SUCH_GATEWAY, "no such policy"],
    ["setActive", [0, 9, 1, 0], E.ERROR_NO_SUCH_GATEWAY, "no such zone"],
    ["feedback", [0, 0], E.ERROR_BAD_STATE, "no such feedback"],
    ["feedback", [0, 4], E.ERROR_BAD_STATE, "no such feedback"],
  ];
  await book.add(
    {
      name: "refused-arguments",
      why: "Numbers that stand for nothing in the policy in force are refused, and change nothing.",
      rules,
      setting: near,
    },
    (s) => {
      s.process([at.out(query(), 4000, 4000, {}, "created")]);
      for (const [name, args, returns, note] of wrong) s.call(name, args, { returns, note });
      s.process([at.out(query(), 4000), at.back(reply(), 4000)]);
    },
  );
  await book.add(
    {
      name: "own-node-refuses-none",
      why: "setOwnNode takes any number: one that is no node's stands for endpoints whose node is not known.",
      rules: ["docs/abi.md, setOwnNode"],
      setting: near,
    },
    (s) => {
      for (const node of [0, 99, 0xffff_fffe, abi.NO_INDEX]) s.call("setOwnNode", [node]);
      s.process([at.out(query(), 4000, 4000, {}, "created")]);
    },
  );
}

async function states(book: Book): Promise<void> {
  const rules = ["docs/abi.md, restore", "docs/abi.md, Saved state file"];
  const restored = async (s: Script, setting: Setting) => {
    await s.again("a warm restart");
    s.configure(setting.configuration);
    s.load(setting.policy);
  };
  await book.add(
    {
      name: "state-restored",
      why: "A warm restart loses nothing: connections keep their ports, their age and their counters.",
      rules,
      setting: near,
    },
    async (s) => {
      s.process([
        at.out(segment("SYN"), 5000, 5000, {}, "created"),
        at.back(answer("SYN ACK"), 5000),
        at.out(query(), 4000, 4000, {}, "created"),
      ]);
      s.save("before");
      await restored(s, near);
      s.restore("before", { settled: { live: 2, entries: 2 } });
      s.process([at.out(segment("ACK"), 5000), at.back(answer("ACK"), 5000)]);
      s.process([at.back(reply(), 4000, 4000, { atMs: 299_999 })]);
      s.one(at.answer(reply()(4000), { atMs: 599_999 }), drop("no-reverse-mapping"));
    },
  );
  await book.add(
    {
      name: "state-holds-fragments",
      why: "Fragments that were held are part of the state: their first one releases them in the new instance, under the numbers that the host knows.",
      rules,
      setting: near,
    },
    async (s) => {
      const parts = (src: string) =>
        ipv4FragmentsOf(ipv4({ src, dst: REMOTE, id: 9 }, query(patterned(40))(4000)), [24]).map((packet) =>
          ethernet(packet),
        );
      const given = parts(INSIDE).map((bytes): Given => ({ hook: "from-endpoint", bytes }));
      const out = parts(EXT).map((bytes, i) =>
        i === 0 ? at.translated("snat", 4000, bytes, "created") : at.translated("snat", 4000, bytes),
      );
      s.one(given[1]!, hold(1));
      s.save("before");
      await restored(s, near);
      s.restore("before");
      s.one(given[0]!, out[0]!, { released: [1] });
      s.one({ ...given[1]!, flags: abi.FRAME_FLAG_RELEASED, tag: 1 }, out[1]!);
    },
  );
  await book.add(
    {
      name: "state-holds-gateways",
      why: "What gateways are is part of the state: one that was down is down in the new instance, too.",
      rules,
      setting: { ...near, verifier: undefined },
    },
    async (s) => {
      s.call("setGateway", [0, abi.GATEWAY_DOWN]);
      s.save("before");
      await restored(s, near);
      s.restore("before");
      s.one(at.send(query()(4000)), drop("no-egress-gateway"));
    },
  );
  await book.add(
    {
      name: "state-back-in-time",
      why: "A state restored into the engine that it was saved from takes it back to what it was then.",
      rules,
      setting: { ...near, verifier: undefined },
    },
    (s) => {
      s.process([at.out(query(), 4000, 4000, {}, "created")]);
      s.save("early");
      s.process([at.out(query(), 4001, 4001, {}, "created")]);
      s.restore("early", { settled: { live: 1, entries: 1 } });
      s.one(at.answer(reply()(4001)), drop("no-reverse-mapping"));
      s.process([at.back(reply(), 4000)]);
    },
  );
  for (const fill of [0xff, 0x55])
    await book.add(
      {
        name: `state-forged-${fill.toString(16)}`,
        why: "A state that is none is refused, and leaves tables empty and counters at zero: the one error after which something has changed. The engine works on.",
        rules,
        setting: { ...near, verifier: undefined },
      },
      (s) => {
        s.process([at.out(query(), 4000, 4000, {}, "created")]);
        s.save("before");
        s.restore("before", { fill, returns: E.ERROR_BAD_STATE, settled: { live: 0, entries: 0 } });
        s.one(at.answer(reply()(4000)), drop("no-reverse-mapping"));
        s.process([at.out(query(), 4000, 4000, {}, "created")]);
      },
    );
}
