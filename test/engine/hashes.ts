/** The hashes of docs/abi.md written from its text alone, in BigInt: what the engine and the document are both held to. */

const MASK = (1n << 64n) - 1n;
const M1 = 0x9e3779b97f4a7c15n;
const M2 = 0xbf58476d1ce4e5b9n;
const M3 = 0xff51afd7ed558ccdn;
const M4 = 0xc4ceb9fe1a85ec53n;
const STRIDES = [7919, 10007, 12289, 16411, 20011, 24989, 29989, 40009];

export interface Tuple {
  /** 16 bytes each. */
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly protocol: number;
}

function absorb(hash: bigint, word: bigint): bigint {
  const product = ((hash ^ word) * M1) & MASK;
  return product ^ (product >> 32n);
}

function half(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at);
}

export function tupleHash(seed: bigint, tuple: Tuple): bigint {
  let hash = seed;
  for (const bytes of [tuple.src, tuple.dst]) hash = absorb(absorb(hash, half(bytes, 0)), half(bytes, 8));
  hash = absorb(hash, (BigInt(tuple.srcPort) << 32n) | (BigInt(tuple.dstPort) << 16n) | BigInt(tuple.protocol));
  hash = ((hash ^ (hash >> 29n)) * M2) & MASK;
  return hash ^ (hash >> 32n);
}

export function placementScore(tuple: bigint, key: bigint): bigint {
  let hash = ((tuple ^ key) * M3) & MASK;
  hash ^= hash >> 33n;
  hash = (hash * M4) & MASK;
  return hash ^ (hash >> 33n);
}

/** The candidates after the endpoint's own port, in order. */
export function portCandidates(tuple: bigint, low: number, high: number): number[] {
  const ports = high - low + 1;
  const first = Number(((tuple >> 32n) * BigInt(ports)) >> 32n);
  const start = Number(tuple & 7n);
  const rotated = STRIDES.map((_, i) => STRIDES[(start + i) & 7]!);
  const stride = rotated.find((prime) => prime < ports && ports % prime !== 0) ?? 1;
  return Array.from({ length: Math.min(ports, 64) }, (_, i) => low + ((first + i * stride) % ports));
}
