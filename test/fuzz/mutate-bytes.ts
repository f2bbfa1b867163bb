import type { Dice } from "../scenario-fuzz/dice.js";

const WORDS = [
  0, 1, 2, 3, 7, 8, 16, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x0001_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];

export interface ByteLimits {
  readonly maxLength: number;
}

/** One to eight changes of bytes and 32-bit words, of the length, and of the order of pieces; `other` lends a piece of itself. */
export function mutateBytes(base: Uint8Array, other: Uint8Array, dice: Dice, limits: ByteLimits): Uint8Array {
  let bytes: Uint8Array = base.slice();
  for (let left = dice.chance(80) ? dice.int(1, 3) : dice.int(1, 8); left > 0; left--) bytes = once(bytes, other, dice);
  return bytes.slice(0, limits.maxLength);
}

function once(bytes: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
  if (bytes.length === 0) return other.slice();
  const at = dice.int(0, bytes.length - 1);
  const roll = dice.int(0, 99);
  if (roll < 25) bytes[at] ^= 1 << dice.int(0, 7);
  else if (roll < 40) bytes[at] = dice.int(0, 255);
  else if (roll < 70) putWord(bytes, at & ~(dice.chance(80) ? 3 : 1), dice);
  else if (roll < 76) return bytes.slice(0, at);
  else if (roll < 82)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + dice.int(1, 64)))]);
  else if (roll < 90) return Buffer.concat([bytes.subarray(0, at), piece(bytes, dice), bytes.subarray(at)]);
  else return Buffer.concat([bytes.subarray(0, at), piece(other, dice), bytes.subarray(at)]);
  return bytes;
}

/** A value that is odd in itself, or near to what was there, in either byte order. */
function putWord(bytes: Uint8Array, at: number, dice: Dice): void {
  if (at + 4 > bytes.length) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittle = dice.chance(70);
  const before = view.getUint32(at, isLittle);
  view.setUint32(at, (dice.chance(50) ? dice.pick(WORDS) : before + dice.pick([1, -1, 4, -4, 8, 256])) >>> 0, isLittle);
}

function piece(bytes: Uint8Array, dice: Dice): Uint8Array {
  const from = dice.int(0, Math.max(0, bytes.length - 1));
  return bytes.slice(from, from + dice.int(1, 128));
}

/** Inputs with pieces left out, largest pieces first. */
export function* smallerBytes(bytes: Uint8Array): Generator<Uint8Array> {
  for (let size = bytes.length >> 1; size >= 1; size >>= 1) {
    for (let from = 0; from < bytes.length; from += size)
      yield Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + size)]);
  }
}

const SCALARS = [
  "",
  "null",
  "~",
  "true",
  "0",
  "-1",
  "1e9",
  "0x10",
  "1.5",
  "99999999999999999999",
  '""',
  "[]",
  "{}",
  "- a",
  "*a",
  "&a a",
  "!!binary aGk=",
  "0.0.0.0/0",
  "10.0.0.0/8",
  "10.0.1.7/33",
  "::/0",
  "::1",
  "fe80::/10",
  "255.255.255.255",
  "300.1.1.1",
  "gw-a",
  "gw-b",
  "eth1",
  "web",
  "1ms",
  "0s",
  "-1s",
  "1h",
  "99999999h",
  "2026-01-01T00:00:00Z",
  "node-down",
  "node-up",
  "agent-down",
  "drain",
  "remove",
  "add",
  "localOnly",
  "localOnlyFirst",
  "disabled",
  "In",
  "NotIn",
  "Exists",
  "DoesNotExist",
  "Node",
  "Pod",
  "Namespace",
  "Service",
  "List",
  "CiliumEgressGatewayPolicy",
  "IsovalentEgressGatewayPolicy",
  "\u0000",
  "\ufeff",
  "ä".repeat(40),
  "x".repeat(300),
];

/** One to six changes of lines: left out, doubled, moved, indented otherwise, their key or value exchanged. */
export function mutateText(base: string, other: string, dice: Dice, maxLength: number): string {
  const lines = base.split("\n");
  const others = other.split("\n");
  for (let left = dice.int(1, dice.chance(75) ? 2 : 6); left > 0; left--) changeLine(lines, others, dice);
  return lines.join("\n").slice(0, maxLength);
}

function changeLine(lines: string[], others: readonly string[], dice: Dice): void {
  const at = dice.int(0, Math.max(0, lines.length - 1));
  const line = lines[at] ?? "";
  const roll = dice.int(0, 99);
  if (roll < 35) lines[at] = withValue(line, dice);
  else if (roll < 43) lines[at] = withKey(line, dice.pick(others));
  else if (roll < 53) lines.splice(at, dice.int(1, 4));
  else if (roll < 63) lines.splice(at, 0, ...lines.slice(at, at + dice.int(1, 6)));
  else if (roll < 73) lines.splice(at, 0, ...others.slice(dice.int(0, others.length - 1)).slice(0, dice.int(1, 12)));
  else if (roll < 81) lines[at] = dice.chance(50) ? ` ${line}` : line.replace(/^ /, "");
  else if (roll < 86) lines[at] = line.slice(0, dice.int(0, line.length));
  else if (roll < 92) lines[at] = line.replace(/\d/, String(dice.int(0, 9)));
  else if (roll < 96) lines.splice(dice.int(0, lines.length), 0, ...lines.splice(at, dice.int(1, 3)));
  else lines[at] = `${line.slice(0, dice.int(0, line.length))}${String.fromCharCode(dice.int(1, 0x2ff))}${line}`;
}

/** `key: value` or `- value` with another value, list markers and indentation kept. */
function withValue(line: string, dice: Dice): string {
  const head = /^(\s*(?:- )*(?:[\w./"'-]+:)?\s*)/.exec(line)?.[1] ?? "";
  return `${head.trimEnd() === "" ? head : `${head.trimEnd()} `}${dice.pick(SCALARS)}`;
}

function withKey(line: string, other: string): string {
  const key = /([\w./-]+):/.exec(other)?.[1];
  return key === undefined ? line : line.replace(/[\w./-]+:/, `${key}:`);
}

/** Texts with lines left out, largest pieces first. */
export function* smallerText(bytes: Uint8Array): Generator<Uint8Array> {
  const lines = Buffer.from(bytes).toString("utf8").split("\n");
  for (let size = lines.length >> 1; size >= 1; size >>= 1) {
    for (let from = 0; from < lines.length; from += size)
      yield Buffer.from([...lines.slice(0, from), ...lines.slice(from + size)].join("\n"));
  }
}

/** A message without what differs from input to input: what is left says which branch was taken. */
export function skeleton(message: string): string {
  return message
    .replace(/"(?:[^"\\]|\\.)*"|'[^']*'|`[^`]*`/g, "Q")
    .replace(/\S*\d\S*/g, "N")
    .replace(/\s+/g, " ")
    .slice(0, 160);
}
