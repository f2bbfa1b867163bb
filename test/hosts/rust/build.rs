//! Makes constants of abi.json: the one beside this file, else the repository's.

use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    let place = ["abi.json", "../../../abi/abi.json"].into_iter().find(|place| Path::new(place).is_file());
    let place = place.expect("abi.json has to lie beside build.rs");
    println!("cargo::rerun-if-changed={place}");
    println!("cargo::rustc-env=RUNTIME={}", runtime());
    let abi: Value = serde_json::from_str(&fs::read_to_string(place).unwrap()).unwrap();
    let mut out = String::new();
    for family in rows(&abi["codes"]) {
        let kind = if family["name"] == "error" { "i32" } else { "u32" };
        for code in rows(&family["codes"]) {
            constant(&mut out, &code["constant"], kind, &code["value"], &code["meaning"]);
        }
        labels(&mut out, family);
    }
    let mut fields = String::new();
    for record in rows(&abi["records"]) {
        write!(fields, "({}, &[", record["name"]).unwrap();
        for field in rows(&record["fields"]) {
            constant(&mut out, &field["constant"], "usize", &field["offset"], &field["meaning"]);
            let (name, offset, count) = (&field["name"], &field["offset"], &field["count"]);
            let kind = field["type"].as_str().unwrap().to_uppercase();
            let bytes = ["U8", "U16", "U32", "U64"].contains(&kind.as_str());
            if bytes {
                write!(fields, "Field {{ name: {name}, offset: {offset}, kind: Kind::{kind}, count: {count} }},").unwrap();
            }
        }
        writeln!(fields, "]),").unwrap();
        if record["sizeConstant"].is_string() {
            constant(&mut out, &record["sizeConstant"], "usize", &record["size"], &Value::Null);
        }
    }
    writeln!(out, "/// Fields of each record.\npub const RECORDS: &[(&str, &[Field])] = &[\n{fields}];").unwrap();
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("abi.rs"), out).unwrap();
}

fn rows(list: &Value) -> &Vec<Value> {
    list.as_array().unwrap()
}

fn constant(out: &mut String, name: &Value, kind: &str, value: &Value, meaning: &Value) {
    let name = name.as_str().unwrap();
    writeln!(out, "#[doc = {:?}]\npub const {name}: {kind} = {value};", meaning.as_str().unwrap_or("bytes")).unwrap();
}

/// Printable names of actions and reasons, and the constants of error codes.
fn labels(out: &mut String, family: &Value) {
    let key = if family["name"] == "error" { "constant" } else { "label" };
    let kind = if family["name"] == "error" { "i32" } else { "u32" };
    let named: Vec<_> = rows(&family["codes"]).iter().filter(|code| code[key].is_string()).collect();
    if !["error", "action", "reason"].contains(&family["name"].as_str().unwrap()) {
        return;
    }
    let list = family["name"].as_str().unwrap().to_uppercase();
    writeln!(out, "/// Printable names.\npub const {list}_NAMES: &[({kind}, &str)] = &[").unwrap();
    for code in named {
        writeln!(out, "({}, {}),", code["value"], code[key]).unwrap();
    }
    writeln!(out, "];").unwrap();
}

/// `wasmtime 48.0.8, rustc 1.95.0`, as Cargo.lock and the compiler have it.
fn runtime() -> String {
    let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
    let from = lock.split("name = \"wasmtime\"\nversion = \"").nth(1).unwrap_or("");
    let rustc = Command::new(env::var("RUSTC").unwrap()).arg("--version").output().unwrap();
    let rustc = String::from_utf8_lossy(&rustc.stdout).split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    format!("wasmtime {}, {rustc}", from.split('"').next().unwrap())
}
