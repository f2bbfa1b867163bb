import * as abi from "../../../../assembly/abi.js";
import type { EngineConfig } from "../../../../src/engine/engine-config.js";
import { Book } from "../book.js";
import { query, reply } from "../builders.js";
import { drop, type Given } from "../say.js";
import { at, FAR, near } from "../scenes.js";
import type { CallName, Script } from "../script.js";
import { configuration, RFC } from "../settings.js";

/** Beyond every table of these engines: where a number loses its upper bits or its sign, it would stand for something. */
const EXTREMES = [0x100, 0xffff, 0x1_0000, 0x100_0000, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff];
const ARENA = near.configuration.config.arenaSize;
const NODES = 3;

type Refused = readonly [name: CallName, args: readonly number[], returns: number];

export async function hostile(): Promise<Book> {
  const book = new Book(
    "hostile",
    "Every function with arguments and records that no sound host would give: refused or without effect, and the connection that was there before goes on.",
  );
  await refused(book);
  await records(book);
  await configurations(book);
  await times(book);
  return book;
}

async function refused(book: Book): Promise<void> {
  const bounds: readonly [name: string, why: string, calls: readonly Refused[]][] = [
    ["setGateway", "Nodes and states that do not exist", oneOfTwo("setGateway", NODES, 3)],
    [
      "setReachable",
      "Nodes that do not exist, and answers that are neither yes nor no",
      oneOfTwo("setReachable", NODES, 2),
    ],
    [
      "nodeLost",
      "Nodes that do not exist",
      [NODES, ...EXTREMES].map((node) => ["nodeLost", [node], abi.ERROR_NO_SUCH_GATEWAY]),
    ],
    [
      "setActive",
      "Policies and zones that do not exist, with any mask",
      [...EXTREMES].flatMap((number): Refused[] => [
        ["setActive", [number, 0, 0, 0], abi.ERROR_NO_SUCH_GATEWAY],
        ["setActive", [0, number, number, number], abi.ERROR_NO_SUCH_GATEWAY],
        ["setActive", [number, number, number, number], abi.ERROR_NO_SUCH_GATEWAY],
      ]),
    ],
    [
      "process",
      "More frames than were configured",
      [65, ...EXTREMES].map((count) => ["process", [count], abi.ERROR_BATCH_TOO_LARGE]),
    ],
    [
      "locate",
      "More frames than were configured",
      [65, ...EXTREMES].map((count) => ["locate", [count], abi.ERROR_BATCH_TOO_LARGE]),
    ],
    [
      "feedback",
      "Records beyond the batch; feedback and reasons that do not exist",
      [
        ...[64, ...EXTREMES].map((i): Refused => ["feedback", [i, abi.FEEDBACK_FORGET], abi.ERROR_BATCH_TOO_LARGE]),
        ...EXTREMES.map((what): Refused => ["feedback", [0, what], abi.ERROR_BAD_STATE]),
        ["feedback", [0, abi.FEEDBACK_REFUSED | (abi.REASON_COUNT << 8)], abi.ERROR_BAD_STATE],
        ["feedback", [0, (abi.FEEDBACK_REFUSED | (0xff_ffff << 8)) >>> 0], abi.ERROR_BAD_STATE],
      ],
    ],
    [
      "regionAt",
      "Regions that do not exist have no place and no bytes",
      [abi.REGION_COUNT, ...EXTREMES].flatMap((id): Refused[] => [
        ["regionAt", [id], 0],
        ["regionSize", [id], 0],
      ]),
    ],
    [
      "loadPolicy",
      "Blobs that reach past the arena, also by wrapping around 32 bits, and such as are too short to be one",
      [
        ...[ARENA + 1, ...EXTREMES.filter((value) => value > ARENA)].flatMap((value): Refused[] => [
          ["loadPolicy", [value, 0], abi.ERROR_FRAME_OUTSIDE_ARENA],
          ["loadPolicy", [0, value], abi.ERROR_FRAME_OUTSIDE_ARENA],
          ["loadPolicy", [value, value], abi.ERROR_FRAME_OUTSIDE_ARENA],
          ["loadPolicy", [value, (2 ** 32 - value) >>> 0], abi.ERROR_FRAME_OUTSIDE_ARENA],
        ]),
        ["loadPolicy", [ARENA, 0], abi.ERROR_POLICY_HEADER],
        ["loadPolicy", [ARENA - 1, 1], abi.ERROR_POLICY_HEADER],
        ["loadPolicy", [0, 0], abi.ERROR_POLICY_HEADER],
      ],
    ],
    ["configure", "A second layout of the memory", [["configure", [], abi.ERROR_ALREADY_CONFIGURED]]],
  ];
  for (const [name, why, calls] of bounds)
    await book.add(
      {
        name: `refused-${name}`,
        why: `${why}: an error or nothing, and what was there goes on.`,
        rules: [`docs/abi.md, ${name}`, "docs/abi.md, Rules (no trap for any input; an error means nothing happened)"],
        setting: near,
      },
      (s) =>
        goesOn(s, () => {
          for (const [call, args, returns] of calls) s.call(call, args, { returns });
        }),
    );
  await book.add(
    {
      name: "own-node-extremes",
      why: "setOwnNode refuses no number; told NO_INDEX at the end the engine plays every node again.",
      rules: ["docs/abi.md, setOwnNode"],
      setting: near,
    },
    (s) =>
      goesOn(s, () => {
        for (const node of [...EXTREMES, abi.NO_INDEX]) s.call("setOwnNode", [node]);
      }),
  );
}

/** A function of a node and a number below `states`: each wrong alone, and both. */
function oneOfTwo(name: CallName, nodes: number, states: number): Refused[] {
  return [
    ...[nodes, ...EXTREMES].map((node): Refused => [name, [node, 1], abi.ERROR_NO_SUCH_GATEWAY]),
    ...[states, ...EXTREMES].map((state): Refused => [name, [0, state], abi.ERROR_BAD_STATE]),
    ...EXTREMES.map((number): Refused => [name, [number, number], abi.ERROR_NO_SUCH_GATEWAY]),
  ];
}

/** A connection that stands before, and after: not one counter has moved in between. */
function goesOn(s: Script, between: () => void): void {
  s.process([at.out(query(), 4000, 4000, {}, "created"), at.back(reply(), 4000)]);
  between();
  s.process([at.out(query(), 4000), at.back(reply(), 4000)]);
}

async function records(book: Book): Promise<void> {
  const sound = at.send(query()(4000));
  const hooks = [0, 4, 5, 0x7f, 0x80, 0xff];
  const links = [0, abi.LINK_COUNT, 0x7f, 0x80, 0xff];
  const wrong: readonly [
    field: string,
    values: readonly number[],
    make: (value: number) => Partial<Given>,
    code: number,
  ][] = [
    ["offset", EXTREMES.filter((value) => value >= ARENA), (offset) => ({ offset }), abi.ERROR_FRAME_OUTSIDE_ARENA],
    [
      "captured",
      EXTREMES.filter((value) => value > ARENA),
      (captured) => ({ captured }),
      abi.ERROR_FRAME_OUTSIDE_ARENA,
    ],
    [
      "offset and captured together",
      EXTREMES.filter((value) => value >= ARENA),
      (offset) => ({ offset, captured: 2 ** 32 - offset }),
      abi.ERROR_FRAME_OUTSIDE_ARENA,
    ],
    ["hook", hooks, (hookCode) => ({ hookCode }), abi.ERROR_BAD_HOOK],
    ["link", links, (link) => ({ link }), abi.ERROR_BAD_LINK_TYPE],
  ];
  for (const [field, values, make, returns] of wrong)
    await book.add(
      {
        name: `record-${field.replaceAll(" ", "-")}`,
        why: `A record whose ${field} can not be: the batch is refused as a whole, wherever in it the record stands.`,
        rules: ["docs/abi.md, process", "docs/abi.md, Frame record"],
        setting: near,
      },
      (s) =>
        goesOn(s, () => {
          for (const value of values) {
            const bad = { ...sound, ...make(value) };
            s.process([[bad, drop("")]], { returns });
            s.process(
              [
                [sound, drop("")],
                [bad, drop("")],
              ],
              { returns },
            );
          }
        }),
    );
  await book.add(
    {
      name: "record-any-wire-and-tag",
      why: "How long a frame was on the wire and what its tag says bound nothing: any value is taken.",
      rules: ["docs/abi.md, Frame record"],
      setting: { ...near, verifier: undefined },
    },
    (s) => {
      s.process([at.out(query(), 4000, 4000, {}, "created")]);
      for (const value of EXTREMES) {
        s.process([at.out(query(), 4000, 4000, { wire: value })]);
        s.one({ ...sound, tag: value }, at.left(query()(4000), 4000));
      }
    },
  );
}

async function configurations(book: Book): Promise<void> {
  const most = 0xffff_ffff;
  const fields: readonly [field: keyof EngineConfig, code: number][] = [
    ["arenaSize", abi.ERROR_MEMORY],
    ["maxBatch", abi.ERROR_CONFIG_RANGE],
    ["connections", abi.ERROR_CONFIG_RANGE],
    ["connections6", abi.ERROR_CONFIG_RANGE],
    ["endpoints", abi.ERROR_CONFIG_RANGE],
    ["prefixes", abi.ERROR_CONFIG_RANGE],
    ["policies", abi.ERROR_CONFIG_RANGE],
    ["egresses", abi.ERROR_CONFIG_RANGE],
    ["nodes", abi.ERROR_CONFIG_RANGE],
    ["blobSize", abi.ERROR_CONFIG_RANGE],
    ["bitmaps", abi.ERROR_CONFIG_RANGE],
    ["hostSize", abi.ERROR_MEMORY],
    ["zones", abi.ERROR_CONFIG_RANGE],
    ["tunnelPort", abi.ERROR_CONFIG_RANGE],
    ["fragments", abi.ERROR_CONFIG_RANGE],
  ];
  await book.add(
    {
      name: "config-extremes",
      why: "Each number of the configuration at its largest: refused before any memory is taken, and a sound record is taken afterwards.",
      rules: ["docs/abi.md, Configuration record", "docs/abi.md, configure"],
    },
    (s) => {
      for (const [field, code] of fields)
        s.configure(configuration(`largest-${field}`, `${field} is 2^32 - 1`, { [field]: most }), code);
      s.configure(RFC);
      s.load(FAR);
    },
  );
}

async function times(book: Book): Promise<void> {
  const rules = ["docs/abi.md, Rules (time)", "docs/abi.md, advance"];
  await book.add(
    {
      name: "time-never-back",
      why: "Times before the one reached move nothing.",
      rules,
      setting: { ...near, verifier: undefined },
    },
    (s) =>
      goesOn(s, () => {
        for (const name of ["advance", "passTime"] as const)
          for (const time of [
            [0, 0],
            [0xffff_ffff, 0],
            [0, 1],
          ])
            s.call(name, time);
      }),
  );
  for (const name of ["advance", "passTime"] as const)
    await book.add(
      {
        name: `time-at-its-end-${name}`,
        why: "The last nanosecond of 64 bits: everything has expired by then, and time stands still from there on; connections still open and find their replies.",
        rules,
        setting: { ...near, verifier: undefined },
      },
      (s) => {
        s.process([at.out(query(), 4000, 4000, {}, "created")]);
        s.call(name, [0xffff_ffff, 0xffff_ffff]);
        s.one(at.answer(reply()(4000)), drop("no-reverse-mapping"));
        s.process([at.out(query(), 4001, 4001, {}, "created"), at.back(reply(), 4001)]);
        s.call(name, [0xffff_ffff, 0xffff_ffff]);
        s.process([at.out(query(), 4001), at.back(reply(), 4001)]);
      },
    );
}
