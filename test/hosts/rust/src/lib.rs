//! engine.wasm in a Rust program, with wasmtime. docs/abi.md says what each call of the engine means.

pub mod abi;
mod engine;
mod gateway;
mod policy;

use std::fmt;

pub use engine::{Engine, Module};
pub use gateway::{Frame, Gateway, Verdict};
pub use policy::{Address, Policy, hex, unhex};

/// Something that was given is not as it has to be. The text says where, what it is, and what it should be.
#[derive(Debug)]
pub struct Error(pub String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

/// `Err(Error(format!(…)))`.
#[macro_export]
macro_rules! fail {
    ($($text:tt)*) => { Err($crate::Error(format!($($text)*))) };
}

/// The bytes of a file.
pub fn read_bytes(file: &str) -> Result<Vec<u8>> {
    std::fs::read(file).or_else(|error| fail!("{file}: cannot be read ({error})"))
}

/// The value in a file of JSON.
pub fn read_json(file: &str) -> Result<serde_json::Value> {
    serde_json::from_slice(&read_bytes(file)?).or_else(|error| fail!("{file}: is no JSON ({error})"))
}
