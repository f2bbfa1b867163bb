//! The numbers of the ABI. build.rs makes them of abi.json.

/// Where a field of a record lies.
pub struct Field {
    pub name: &'static str,
    pub offset: usize,
    pub kind: Kind,
    pub count: usize,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    U8,
    U16,
    U32,
    U64,
}

include!(concat!(env!("OUT_DIR"), "/abi.rs"));

pub fn fields_of(record: &str) -> &'static [Field] {
    RECORDS.iter().find(|(name, _)| *name == record).map_or(&[], |(_, fields)| fields)
}

/// Printable name of an `ACTION_*`.
pub fn action_name(action: u32) -> Option<&'static str> {
    ACTION_NAMES.iter().find(|(value, _)| *value == action).map(|(_, name)| *name)
}

/// Printable name of a `REASON_*`; `none` for `REASON_NONE`.
pub fn reason_name(reason: u32) -> Option<&'static str> {
    if reason == REASON_NONE {
        return Some("none");
    }
    REASON_NAMES.iter().find(|(value, _)| *value == reason).map(|(_, name)| *name)
}

/// A return value as people read it: `-10 (ERROR_POLICY_VERSION)`.
pub fn code_text(code: i32) -> String {
    match ERROR_NAMES.iter().find(|(value, _)| *value == code) {
        Some((_, name)) => format!("{code} ({name})"),
        None => code.to_string(),
    }
}

pub fn get32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

pub fn put64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}
