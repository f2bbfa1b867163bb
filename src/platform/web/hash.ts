// FIPS 180-4. Web Crypto would do as well, but only by promises, and a policy is put in force in one call.

const BLOCK_SIZE = 64;
const LENGTH_SIZE = 8;
const ROUNDS = 64;

/** First 32 bits of the fractional parts of a root of the first primes. */
function roots(count: number, exponent: number): Uint32Array {
  const words: number[] = [];
  for (let candidate = 2; words.length < count; candidate++) {
    let isPrime = true;
    for (let factor = 2; factor * factor <= candidate; factor++) if (candidate % factor === 0) isPrime = false;
    const root = candidate ** exponent;
    if (isPrime) words.push((root - Math.floor(root)) * 2 ** 32);
  }
  return Uint32Array.from(words);
}

let tables: { readonly start: Uint32Array; readonly rounds: Uint32Array } | undefined;

/** SHA-256 of bytes, or of a text in UTF-8: 32 bytes. */
export function sha256(data: Uint8Array | string): Uint8Array {
  tables ??= { start: roots(8, 1 / 2), rounds: roots(ROUNDS, 1 / 3) };
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const state = tables.start.slice();
  const words = new Int32Array(ROUNDS);
  const whole = bytes.length - (bytes.length % BLOCK_SIZE);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < whole; at += BLOCK_SIZE) mix(state, words, view, at, tables.rounds);
  const tail = tailOf(bytes, whole);
  for (let at = 0; at < tail.byteLength; at += BLOCK_SIZE) mix(state, words, tail, at, tables.rounds);
  const sum = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => {
    sum.setUint32(i * 4, word);
  });
  return new Uint8Array(sum.buffer);
}

/** What lies behind the last whole block, a set bit, zeros, and the number of bits. */
function tailOf(bytes: Uint8Array, whole: number): DataView {
  const rest = bytes.length - whole;
  const size = Math.ceil((rest + 1 + LENGTH_SIZE) / BLOCK_SIZE) * BLOCK_SIZE;
  const tail = new Uint8Array(size);
  tail.set(bytes.subarray(whole));
  tail[rest] = 0x80;
  const view = new DataView(tail.buffer);
  view.setBigUint64(size - LENGTH_SIZE, BigInt(bytes.length) * 8n);
  return view;
}

function mix(state: Uint32Array, words: Int32Array, view: DataView, at: number, rounds: Uint32Array): void {
  for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + i * 4);
  for (let i = 16; i < ROUNDS; i++) {
    const [a, b] = [words[i - 15]!, words[i - 2]!];
    const low = turned(a, 7) ^ turned(a, 18) ^ (a >>> 3);
    const high = turned(b, 17) ^ turned(b, 19) ^ (b >>> 10);
    words[i] = words[i - 16]! + low + words[i - 7]! + high;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < ROUNDS; i++) {
    const choice = (e & f) ^ (~e & g);
    const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + rounds[i]! + words[i]!) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => {
    state[i] = state[i]! + word;
  });
}

function turned(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}
