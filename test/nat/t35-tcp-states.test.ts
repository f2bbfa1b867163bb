import { describe, expect, it } from "vitest";
import * as abi from "../../assembly/abi.js";
import type { GatewayRig, RigFrame } from "../assembly/path/gateway-rig.js";
import { ethernet, ipv4, tcp } from "../support/frames.js";
import {
  EXT,
  gateway,
  handshake,
  INSIDE_B,
  onlyLine,
  over6,
  play,
  REMOTE,
  RFC,
  receive,
  send,
  WEB,
} from "./lifetimes-rig.js";

const PORT = 40_000;
/** Seconds into a connection's life at which the segment of a cell is seen. */
const AT = 100;

// The machine of RFC 6146 section 3.5.2.2 under the names of nat-requirements section 6.4: "out" is the pod's direction.
type State = "CLOSED" | "INIT_IN" | "INIT_OUT" | "ESTABLISHED" | "FIN_IN" | "FIN_OUT" | "FIN_BOTH" | "TRANSITORY";
type Verdict = "snat" | "reverse" | "drop" | "pass";

const opened = handshake(PORT);
const finOut = send("FIN ACK", 0, PORT);
const finIn = receive("FIN ACK", 0, PORT);
/** How a connection gets into each state. */
const HISTORY: Record<State, RigFrame[]> = {
  CLOSED: [],
  INIT_IN: [...opened, finOut, finIn, receive("SYN", 0, PORT)],
  INIT_OUT: [send("SYN", 0, PORT)],
  ESTABLISHED: opened,
  FIN_IN: [...opened, finIn],
  FIN_OUT: [...opened, finOut],
  FIN_BOTH: [...opened, finOut, finIn],
  TRANSITORY: [...opened, receive("RST", 0, PORT)],
};

/** Seconds that each state lasts. */
const LASTS: Record<Exclude<State, "CLOSED">, number> = {
  INIT_IN: RFC.opening,
  INIT_OUT: RFC.opening,
  ESTABLISHED: RFC.established,
  FIN_IN: RFC.established,
  FIN_OUT: RFC.established,
  FIN_BOTH: RFC.closing,
  TRANSITORY: RFC.reset,
};

const FLAGS = { SYN: "SYN", "SYN-ACK": "SYN ACK", data: "PSH ACK", FIN: "FIN ACK", RST: "RST" } as const;
type Segment = keyof typeof FLAGS;

/** Next state and, where it is not "anew from this segment", what the timer does. */
type Cell = State | `${State} kept`;

const COLUMNS: readonly Segment[] = ["SYN", "SYN-ACK", "data", "FIN", "RST"];

/**
 * 8 states × 5 kinds of segment: what one from the pod makes of it | what one from the remote does. `kept` = the time of expiry stays as it
 * was. A SYN-ACK of a pod without state answers somebody outside: it passes as inbound. The rest is picked up in mid-stream.
 */
const TABLE: Record<State, readonly `${Cell} | ${Cell}`[]> = {
  CLOSED: ["INIT_OUT | CLOSED", "CLOSED | CLOSED", "INIT_OUT | CLOSED", "INIT_OUT | CLOSED", "TRANSITORY | CLOSED"],
  INIT_IN: [
    "ESTABLISHED | INIT_IN",
    "ESTABLISHED | INIT_IN",
    "ESTABLISHED | INIT_IN",
    "FIN_OUT | INIT_IN",
    "INIT_IN kept | TRANSITORY",
  ],
  INIT_OUT: [
    "INIT_OUT | ESTABLISHED",
    "INIT_OUT | ESTABLISHED",
    "INIT_OUT | INIT_OUT",
    "INIT_OUT | INIT_OUT",
    "INIT_OUT kept | TRANSITORY",
  ],
  ESTABLISHED: [
    "ESTABLISHED | ESTABLISHED",
    "ESTABLISHED | ESTABLISHED",
    "ESTABLISHED | ESTABLISHED",
    "FIN_OUT | FIN_IN",
    "TRANSITORY | TRANSITORY",
  ],
  FIN_IN: ["FIN_IN | FIN_IN", "FIN_IN | FIN_IN", "FIN_IN | FIN_IN", "FIN_BOTH | FIN_IN", "TRANSITORY | TRANSITORY"],
  FIN_OUT: [
    "FIN_OUT | FIN_OUT",
    "FIN_OUT | FIN_OUT",
    "FIN_OUT | FIN_OUT",
    "FIN_OUT | FIN_BOTH",
    "TRANSITORY | TRANSITORY",
  ],
  FIN_BOTH: [
    "INIT_OUT | INIT_IN",
    "FIN_BOTH | FIN_BOTH",
    "FIN_BOTH | FIN_BOTH",
    "FIN_BOTH | FIN_BOTH",
    "FIN_BOTH kept | FIN_BOTH kept",
  ],
  TRANSITORY: [
    "INIT_OUT | INIT_IN",
    "ESTABLISHED | ESTABLISHED",
    "ESTABLISHED | ESTABLISHED",
    "FIN_OUT | FIN_IN",
    "TRANSITORY kept | TRANSITORY kept",
  ],
};

interface Case {
  readonly state: State;
  readonly segment: Segment;
  readonly direction: "out" | "in";
  readonly next: State;
  readonly isKept: boolean;
}

const CASES: Case[] = (Object.keys(TABLE) as State[]).flatMap((state) =>
  COLUMNS.flatMap((segment, i) =>
    (["out", "in"] as const).map((direction) => {
      const cell = TABLE[state][i]!.split(" | ")[direction === "out" ? 0 : 1] as Cell;
      return { state, segment, direction, next: cell.replace(" kept", "") as State, isKept: cell.endsWith("kept") };
    }),
  ),
);

function segmentOf(rig: GatewayRig, { segment, direction }: Case): RigFrame {
  return direction === "out"
    ? send(FLAGS[segment], AT, PORT)
    : receive(FLAGS[segment], AT, onlyLine(rig)?.port ?? PORT);
}

async function rigAfter(history: readonly RigFrame[]): Promise<GatewayRig> {
  const rig = await gateway({ connections6: 64 });
  play(rig, history);
  return rig;
}

/** A way to send the frames below: as they are, or over IPv6. */
type Family = (frame: RigFrame) => RigFrame;
const over4: Family = (frame) => frame;

function verdictOf({ state, segment, direction }: Case): { action: Verdict; reason: string } {
  if (state !== "CLOSED") return { action: direction === "out" ? "snat" : "reverse", reason: "" };
  if (direction === "in") return { action: "drop", reason: "no-reverse-mapping" };
  return segment === "SYN-ACK" ? { action: "pass", reason: "reply-of-inbound" } : { action: "snat", reason: "" };
}

/** The state by the connection's bits, of which the names above are readings. */
function stateOf(rig: GatewayRig): State {
  const line = onlyLine(rig);
  if (!line || !(line.flags & abi.LINE_FLAG_TRANSLATED)) return "CLOSED";
  const has = (bit: number) => (line.state & bit) !== 0;
  if (has(abi.STATE_RESET)) return "TRANSITORY";
  const [tx, rx] = [has(abi.STATE_TX_CLOSING), has(abi.STATE_RX_CLOSING)];
  if (tx && rx) return "FIN_BOTH";
  const isOpen =
    (has(abi.STATE_TX_SYN) && has(abi.STATE_RX_SYN)) || (has(abi.STATE_REPLIED) && has(abi.STATE_SEEN_NON_SYN));
  if (!isOpen) return has(abi.STATE_RX_SYN) ? "INIT_IN" : "INIT_OUT";
  if (tx) return "FIN_OUT";
  return rx ? "FIN_IN" : "ESTABLISHED";
}

describe("T35 TCP state table: 8 states x 5 kinds of segment x 2 directions (RFC 6146 section 3.5.2.2, RFC 7857 section 2)", () => {
  it("T35 the table has 80 cells, and every state is what its history makes", async () => {
    expect(CASES.length).toBe(80);
    for (const family of [over4, over6])
      for (const [state, history] of Object.entries(HISTORY))
        expect(stateOf(await rigAfter(history.map(family)))).toBe(state);
  });

  it.each(CASES)("T35 $state, $segment $direction: $next", (cell) => expectCell(cell, over4));

  it.each(CASES)("T35 over IPv6: $state, $segment $direction: $next", (cell) => expectCell(cell, over6));

  async function expectCell(cell: Case, family: Family): Promise<void> {
    const history = HISTORY[cell.state].map(family);
    const rig = await rigAfter(history);
    const port = onlyLine(rig)?.port ?? PORT;
    const segment = family(segmentOf(rig, cell));
    const outcome = rig.one(segment);
    expect(outcome).toMatchObject(verdictOf(cell));
    if (cell.direction === "out" && outcome.action === "snat") expect(outcome.natPort).toBe(port);
    expect(stateOf(rig)).toBe(cell.next);
    if (cell.next === "CLOSED") return expect(rig.one(family(receive("ACK", AT, PORT))).action).toBe("drop");
    const end = cell.isKept ? LASTS[cell.state as keyof typeof LASTS] : AT + LASTS[cell.next];
    for (const [seconds, action] of [
      [end - 1, "reverse"],
      [end + 1, "drop"],
    ] as const) {
      const probed = await rigAfter([...history, segment]);
      expect(probed.one(family(receive("ACK", seconds, port))).action).toBe(action);
    }
  }
});

describe("T36 T37 TCP sequences", () => {
  it("T36 simultaneous open: 4 packets all translated, ends ESTABLISHED (RFC 5382 REQ-2)", async () => {
    const rig = await gateway();
    const outcomes = rig.send([
      send("SYN", 0, PORT),
      receive("SYN", 0.1, PORT),
      send("SYN ACK", 0.2, PORT),
      receive("SYN ACK", 0.3, PORT),
    ]);
    expect(outcomes.map(({ action }) => action)).toEqual(["snat", "reverse", "snat", "reverse"]);
    expect(stateOf(rig)).toBe("ESTABLISHED");
    expect(rig.one(receive("ACK", RFC.established, PORT)).action).toBe("reverse");
  });

  it("T37 five-tuple reuse after FIN/FIN: a SYN inside begins a new session on the same port; a challenge ACK passes", async () => {
    const rig = await rigAfter(HISTORY.FIN_BOTH);
    expect(rig.one(send("SYN", 10, PORT))).toMatchObject({ action: "snat", natPort: PORT });
    expect(stateOf(rig)).toBe("INIT_OUT");
    // RFC 5961 section 4: the peer, still in TIME-WAIT, answers with an ACK; the pod resets it and tries again.
    expect(rig.one(receive("ACK", 10.1, PORT))).toMatchObject({ action: "reverse" });
    expect(stateOf(rig)).toBe("INIT_OUT");
    expect(rig.one(send("RST", 10.2, PORT))).toMatchObject({ action: "snat", natPort: PORT });
    const second = rig.send([send("SYN", 11, PORT), receive("SYN ACK", 11.1, PORT), send("ACK", 11.2, PORT)]);
    expect(second.map(({ action }) => action)).toEqual(["snat", "reverse", "snat"]);
    expect(stateOf(rig)).toBe("ESTABLISHED");
    expect(rig.one(receive("ACK", 7000, PORT)).action).toBe("reverse");
  });

  it("T37 the same after an RST", async () => {
    const rig = await rigAfter(HISTORY.TRANSITORY);
    expect(rig.one(send("SYN", 10, PORT))).toMatchObject({ action: "snat", natPort: PORT });
    expect(stateOf(rig)).toBe("INIT_OUT");
    expect(rig.engine.counters()).toMatchObject({ live: 1, opened: 1 });
  });

  it("another host does not get the port of a connection that is closing", async () => {
    const rig = await rigAfter(HISTORY.FIN_BOTH);
    const other = rig.one(send("SYN", 10, PORT, INSIDE_B));
    expect(other.action).toBe("snat");
    expect(other.natPort).not.toBe(PORT);
  });
});

describe("T38 a segment in mid-stream without state", () => {
  const SEGMENTS = ["ACK", "PSH ACK", "FIN ACK", "RST", "RST ACK"];

  it.each(SEGMENTS)("T38 --mid-stream pick-up: '%s' is picked up, translated and counted", async (flags) => {
    const rig = await gateway();
    const outcome = rig.one(send(flags, 0, PORT));
    expect(outcome).toMatchObject({ action: "snat", natPort: PORT });
    expect(outcome.flags & abi.VERDICT_FLAG_GUESSED).not.toBe(0);
    const expected = ipv4({ src: EXT, dst: REMOTE }, tcp({ srcPort: PORT, dstPort: WEB, flags }));
    expect(outcome.frame).toEqual(ethernet(expected));
  });

  it.each(SEGMENTS)(
    "T38 --mid-stream drop: '%s' is dropped under no-state, never leaked, and leaves nothing",
    async (flags) => {
      const rig = await gateway({ midStream: "drop" });
      const frame = send(flags, 0, PORT);
      const outcome = rig.one(frame);
      expect(outcome).toMatchObject({ action: "drop", reason: "no-state" });
      expect(rig.engine.counters()).toMatchObject({ entries: 0, live: 0, opened: 0 });
      expect(rig.one(receive("ACK", 1, PORT)).action).toBe("drop");
    },
  );

  it("T38 --mid-stream drop: what begins with a SYN goes on as ever, until it has expired", async () => {
    const rig = await gateway({ midStream: "drop" });
    play(rig, [...HISTORY.ESTABLISHED, send("PSH ACK", 7000, PORT)]);
    expect(rig.one(send("ACK", 7000 + RFC.established + 1, PORT))).toMatchObject({
      action: "drop",
      reason: "no-state",
    });
    expect(rig.one(send("SYN", 20_000, PORT))).toMatchObject({ action: "snat", natPort: PORT });
  });

  it("a pod's first data after a picked-up answer makes it established", async () => {
    const rig = await rigAfter([send("ACK", 0, PORT), receive("ACK", 1, PORT)]);
    expect(stateOf(rig)).toBe("ESTABLISHED");
  });
});
