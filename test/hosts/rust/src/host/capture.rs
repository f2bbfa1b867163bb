//! Classic captures (draft-ietf-opsawg-pcap) of Ethernet frames: read with microseconds or nanoseconds in either byte order, written with
//! nanoseconds, little-endian.

use sha2::{Digest, Sha256};
use sluicegate::{Frame, Result, fail};
use std::fs::File;
use std::io::{BufWriter, Write};

const HEADER_SIZE: usize = 24;
const RECORD_SIZE: usize = 16;
const MICROSECOND_MAGIC: u32 = 0xa1b2_c3d4;
const NANOSECOND_MAGIC: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;
/// The upper six bits tell of a frame check sequence.
const LINK_TYPE_MASK: u32 = 0x03ff_ffff;
/// Largest frame that a capture may hold; libpcap's limit.
const MAX_CAPTURED: u32 = 262_144;
const SECOND: u64 = 1_000_000_000;

/// Byte order and nanoseconds per unit.
#[derive(Clone, Copy)]
struct Variant {
    is_little: bool,
    unit: u64,
}

impl Variant {
    fn of(data: &[u8]) -> Option<Self> {
        [true, false].into_iter().find_map(|is_little| {
            let variant = Self { is_little, unit: 1 };
            match variant.u32(data, 0) {
                MICROSECOND_MAGIC => Some(Self { unit: 1000, ..variant }),
                NANOSECOND_MAGIC => Some(variant),
                _ => None,
            }
        })
    }

    fn u32(self, data: &[u8], at: usize) -> u32 {
        let bytes = data[at..at + 4].try_into().unwrap();
        if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }

    fn u16(self, data: &[u8], at: usize) -> u16 {
        let bytes = data[at..at + 2].try_into().unwrap();
        if self.is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    }
}

/// All frames of a capture, without hooks. `file` is its name, `data` its bytes.
pub fn read_capture<'a>(file: &str, data: &'a [u8]) -> Result<Vec<Frame<'a>>> {
    if data.len() < HEADER_SIZE {
        return fail!("{file}: byte 0: {} bytes are left, expected the {HEADER_SIZE} of a pcap header", data.len());
    }
    let Some(variant) = Variant::of(data) else {
        let magic = u32::from_be_bytes(data[..4].try_into().unwrap());
        return fail!("{file}: byte 0: magic is {magic:08x}, expected d4c3b2a1, a1b2c3d4, 4d3cb2a1 or a1b23c4d: classic pcap");
    };
    let (major, minor) = (variant.u16(data, 4), variant.u16(data, 6));
    if (major, minor) != (2, 4) {
        return fail!("{file}: byte 4: version is {major}.{minor}, expected 2.4");
    }
    let link_type = variant.u32(data, 20) & LINK_TYPE_MASK;
    if link_type != ETHERNET {
        return fail!("{file}: byte 20: link type is {link_type}, expected {ETHERNET}: Ethernet");
    }
    let mut frames = Vec::new();
    let mut at = HEADER_SIZE;
    while at < data.len() {
        let number = frames.len() + 1;
        let left = data.len() - at;
        if left < RECORD_SIZE {
            return fail!("{file}: byte {at}: frame {number}: {left} bytes are left, expected the {RECORD_SIZE} of a record header");
        }
        let captured = variant.u32(data, at + 8);
        if captured > MAX_CAPTURED {
            let place = at + 8;
            return fail!("{file}: byte {place}: frame {number}: captured length is {captured}, expected at most {MAX_CAPTURED}");
        }
        let start = at + RECORD_SIZE;
        let left = data.len() - start;
        if captured as usize > left {
            return fail!("{file}: byte {start}: frame {number}: {left} bytes are left, expected the {captured} of the frame");
        }
        frames.push(Frame {
            bytes: &data[start..start + captured as usize],
            wire: variant.u32(data, at + 12).max(captured),
            hook: 0,
            time: u64::from(variant.u32(data, at)) * SECOND + u64::from(variant.u32(data, at + 4)) * variant.unit,
        });
        at = start + captured as usize;
    }
    Ok(frames)
}

/// Writes a capture, or, without a name, only its SHA-256.
pub struct CaptureWriter {
    name: String,
    file: Option<BufWriter<File>>,
    hash: Sha256,
}

impl CaptureWriter {
    pub fn create(name: Option<&str>) -> Result<Self> {
        let file = match name.map(|name| (name, File::create(name))) {
            None => None,
            Some((_, Ok(file))) => Some(BufWriter::with_capacity(1 << 20, file)),
            Some((name, Err(error))) => return fail!("{name}: cannot be written ({error})"),
        };
        let mut writer = Self { name: name.unwrap_or("").into(), file, hash: Sha256::new() };
        let mut header = [0; HEADER_SIZE];
        header[..4].copy_from_slice(&NANOSECOND_MAGIC.to_le_bytes());
        header[4] = 2;
        header[6] = 4;
        header[16..20].copy_from_slice(&MAX_CAPTURED.to_le_bytes());
        header[20..].copy_from_slice(&ETHERNET.to_le_bytes());
        writer.put(&header)?;
        Ok(writer)
    }

    pub fn write(&mut self, bytes: &[u8], wire: u32, time: u64) -> Result<()> {
        let mut record = [0; RECORD_SIZE];
        record[..4].copy_from_slice(&((time / SECOND) as u32).to_le_bytes());
        record[4..8].copy_from_slice(&((time % SECOND) as u32).to_le_bytes());
        record[8..12].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        record[12..].copy_from_slice(&wire.to_le_bytes());
        self.put(&record)?;
        self.put(bytes)
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn close(mut self) -> Result<String> {
        if let Some(file) = &mut self.file {
            file.flush().or_else(|error| fail!("{}: cannot be written ({error})", self.name))?;
        }
        Ok(sluicegate::hex(&self.hash.finalize()))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        match &mut self.file {
            Some(file) => file.write_all(bytes).or_else(|error| fail!("{}: cannot be written ({error})", self.name)),
            None => Ok(()),
        }
    }
}
