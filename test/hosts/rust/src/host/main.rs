//! Runs engine.wasm over captures and conformance vectors.

mod capture;
mod replay;
mod vectors;

use sluicegate::{Error, Result, fail};
use std::process::ExitCode;

const USAGE: &str = "usage: sluicegate-host vectors [--engine engine.wasm] DIR_OR_FILE…
       sluicegate-host replay [--engine engine.wasm] --policy policy.bin --about policy.json [--rounds N] CAPTURE OUT";
const MAX_ROUNDS: u32 = 1000;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<bool> {
    let usage = || Error(USAGE.into());
    let command = args.next().filter(|command| command == "vectors" || command == "replay").ok_or_else(usage)?;
    let is_replay = command == "replay";
    let (mut engine, mut policy, mut about, mut rounds) = ("engine.wasm".into(), None, None, "1".into());
    let mut operands = Vec::new();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--engine" => engine = args.next().ok_or_else(usage)?,
            "--policy" if is_replay => policy = Some(args.next().ok_or_else(usage)?),
            "--about" if is_replay => about = Some(args.next().ok_or_else(usage)?),
            "--rounds" if is_replay => rounds = args.next().ok_or_else(usage)?,
            option if option.starts_with("--") => return Err(usage()),
            _ => operands.push(arg),
        }
    }
    if !is_replay {
        return if operands.is_empty() { Err(usage()) } else { vectors::run(&engine, &operands) };
    }
    let (Some(policy), Some(about), Ok([capture, out])) = (policy, about, <[String; 2]>::try_from(operands)) else {
        return Err(usage());
    };
    match rounds.parse() {
        Ok(number) if (1..=MAX_ROUNDS).contains(&number) => {
            replay::replay(&replay::Options { engine, policy, about, capture, out, rounds: number })?;
            Ok(true)
        }
        _ => fail!("--rounds is {rounds}, expected 1 to {MAX_ROUNDS}"),
    }
}
