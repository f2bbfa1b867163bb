// Network byte order lives here and nowhere else: numbers go in and come out as host-order u32.

/** Byte by byte: WebAssembly cannot turn 16 bits, and this takes less. */
export function be16(at: usize): u32 {
  return ((<u32>load<u8>(at)) << 8) | load<u8>(at, 1);
}

export function be32(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}

export function putBe16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value));
}

export function putBe32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value));
}
