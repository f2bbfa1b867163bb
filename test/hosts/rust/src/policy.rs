use crate::abi::{self, get32};
use crate::{Result, fail, read_bytes, read_json};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::net::Ipv6Addr;

const SCHEMA: &str = "sluicegate.io/compiled-policy/v1";

/// An address as the engine has it: IPv4 as `::ffff:a.b.c.d`.
pub type Address = Ipv6Addr;

/// What `sluicegate compile` wrote: policy.bin and policy.json.
pub struct Policy {
    pub file: String,
    pub blob: Vec<u8>,
    /// `CONFIG_SIZE` bytes.
    pub record: Vec<u8>,
    /// All of policy.json.
    pub about: Value,
}

impl Policy {
    /// Sees that both files are of one run, and of the versions that this crate was built for.
    pub fn read(blob_file: &str, about_file: &str) -> Result<Self> {
        let about = read_json(about_file)?;
        if about["schema"] != SCHEMA {
            return fail!("{about_file}: schema is {}, expected {SCHEMA:?}", about["schema"]);
        }
        if about["abiVersion"] != abi::ABI_VERSION {
            return fail!("{about_file}: abiVersion is {}, expected {}", about["abiVersion"], abi::ABI_VERSION);
        }
        if about["blobVersion"] != abi::BLOB_VERSION {
            return fail!("{about_file}: blobVersion is {}, expected {}", about["blobVersion"], abi::BLOB_VERSION);
        }
        let record = unhex(about["configuration"]["record"].as_str().unwrap_or("")).unwrap_or_default();
        if record.len() != abi::CONFIG_SIZE {
            let has = record.len();
            return fail!("{about_file}: configuration.record has {has} bytes, expected {}", abi::CONFIG_SIZE);
        }
        let blob = read_bytes(blob_file)?;
        if about["blob"]["bytes"] != blob.len() {
            return fail!("{blob_file}: has {} bytes, expected {}", blob.len(), about["blob"]["bytes"]);
        }
        let (sum, expected) = (hex(&Sha256::digest(&blob)), about["blob"]["sha256"].as_str().unwrap_or("nothing"));
        if sum != expected {
            return fail!("{blob_file}: SHA-256 is {sum}, expected {expected}");
        }
        Ok(Self { file: blob_file.into(), blob, record, about })
    }

    /// Addresses of all endpoints, of a blob that an engine took.
    pub fn endpoints(&self) -> HashSet<Address> {
        self.addresses(abi::SECTION_ENDPOINTS, abi::ENDPOINT_SIZE, &[abi::ENDPOINT_ADDRESS_AT])
    }

    /// All egress IPs, likewise.
    pub fn egress_ips(&self) -> HashSet<Address> {
        self.addresses(abi::SECTION_EGRESSES, abi::EGRESS_SIZE, &[abi::EGRESS_IPV4_AT, abi::EGRESS_IPV6_AT])
    }

    fn addresses(&self, section: u32, size: usize, places: &[usize]) -> HashSet<Address> {
        let head = abi::BLOB_SECTIONS_AT + section as usize * 8;
        let (rows, start) = (get32(&self.blob, head) as usize, get32(&self.blob, head + 4) as usize);
        let section = &self.blob[start..start + rows * size];
        let each = section.chunks_exact(size).flat_map(|row| {
            places.iter().map(|&at| Address::from(<[u8; 16]>::try_from(&row[at..at + 16]).unwrap()))
        });
        each.filter(|address| !address.is_unspecified()).collect()
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
