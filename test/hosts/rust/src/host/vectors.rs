//! The command `vectors`: the conformance vectors of test/vectors, run as docs/vectors.md says.

use serde_json::{Value, json};
use sluicegate::abi::{self, Field, Kind, get32, put32, put64};
use sluicegate::{Engine, Error, Module, Result, fail, hex, read_json, unhex};
use std::collections::HashMap;
use std::path::Path;

const SCHEMA: &str = "sluicegate.io/vectors/v1";

#[derive(Default)]
struct Tally {
    vectors: usize,
    steps: usize,
    differ: usize,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} vectors, {} steps: ", self.vectors, self.steps)?;
        if self.differ == 0 { f.write_str("as expected") } else { write!(f, "{} vectors differ", self.differ) }
    }
}

/// Tells whether all came out as expected.
pub fn run(engine: &str, paths: &[String]) -> Result<bool> {
    let module = Module::read(engine)?;
    let mut total = Tally::default();
    for path in paths {
        for file in files_of(path)? {
            let sum = run_file(&file, &module)?;
            println!("{}: {sum}", Path::new(&file).file_name().unwrap_or_default().to_string_lossy());
            total.vectors += sum.vectors;
            total.steps += sum.steps;
            total.differ += sum.differ;
        }
    }
    println!("{total}");
    Ok(total.differ == 0)
}

fn files_of(path: &str) -> Result<Vec<String>> {
    if !Path::new(path).is_dir() {
        return Ok(vec![path.into()]);
    }
    let entries = std::fs::read_dir(path).or_else(|error| fail!("{path}: cannot be read ({error})"))?;
    let mut files: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.path().to_str().map(String::from))
        .filter(|name| name.ends_with(".json"))
        .collect();
    files.sort();
    Ok(files)
}

fn run_file(path: &str, module: &Module) -> Result<Tally> {
    let file = read_json(path)?;
    if file["schema"] != SCHEMA {
        return fail!("{path}: schema is {}, expected {SCHEMA:?}", file["schema"]);
    }
    if file["abiVersion"] != abi::ABI_VERSION {
        return fail!("{path}: abiVersion is {}, expected {}", file["abiVersion"], abi::ABI_VERSION);
    }
    let mut sum = Tally::default();
    for vector in rows(&file["vectors"]) {
        let name = text(&vector["name"]);
        let mut run = Run::start(&file, module)?;
        sum.vectors += 1;
        for (number, step) in rows(&vector["steps"]).iter().enumerate() {
            sum.steps += 1;
            run.differences.clear();
            run.step(step).map_err(|Error(why)| Error(format!("{path}: {name}, step {number}: {why}")))?;
            for difference in &run.differences {
                println!("{name}, step {number}, {difference}");
            }
            if !run.differences.is_empty() {
                sum.differ += 1;
                break;
            }
        }
    }
    Ok(sum)
}

/// One vector: the instance that it is at, and what its steps have said so far.
struct Run<'a> {
    file: &'a Value,
    module: &'a Module,
    engine: Engine,
    is_configured: bool,
    stated: HashMap<String, Value>,
    saved: HashMap<String, Vec<u8>>,
    differences: Vec<String>,
}

impl<'a> Run<'a> {
    fn start(file: &'a Value, module: &'a Module) -> Result<Self> {
        let engine = module.start()?;
        let (stated, saved) = (HashMap::new(), HashMap::new());
        Ok(Self { file, module, engine, is_configured: false, stated, saved, differences: Vec::new() })
    }

    fn compare(&mut self, field: &str, expected: &Value, got: Value) {
        if *expected != got {
            self.differences.push(format!("{field}: expected {expected}, got {got}"));
        }
    }

    fn step(&mut self, step: &Value) -> Result<()> {
        match text(&step["do"]) {
            "start" => {
                self.engine = self.module.start()?;
                self.is_configured = false;
                self.stated.clear();
                return Ok(());
            }
            "save" => {
                let state = self.engine.region(abi::REGION_STATE).to_vec();
                self.saved.insert(text(&step["as"]).into(), state);
                return Ok(());
            }
            _ => {}
        }
        let offsets = self.describe(rows(&step["frames"]))?;
        let code = self.call(step)?;
        self.compare("returns", &step["returns"], code.into());
        for (i, row) in rows(&step["verdicts"]).iter().enumerate() {
            self.compare_verdict(i, row);
            self.compare_bytes(i, row, &step["frames"][i]["bytes"], offsets[i])?;
        }
        if step["generated"].is_array() {
            let got = self.generated();
            self.compare("generated", &step["generated"], got);
        }
        if !self.is_configured {
            return Ok(());
        }
        let expected = if step["released"].is_array() { step["released"].clone() } else { json!([]) };
        let got = self.engine.released();
        self.compare("released", &expected, got.into());
        self.compare_counters(&flat(&step["counters"]));
        for (i, row) in rows(&step["egressStats"]).iter().enumerate() {
            self.compare_stats(i, row);
        }
        Ok(())
    }

    fn call(&mut self, step: &Value) -> Result<i32> {
        let file = self.file;
        let (name, args) = match text(&step["do"]) {
            "configure" => {
                let record = bytes(&named(&file["configurations"], &step["configuration"])?["record"])?;
                let code = self.engine.configure(&record);
                self.is_configured |= code == abi::OK;
                return Ok(code);
            }
            "load" => {
                let blob = bytes(&named(&file["policies"], &step["policy"])?["blob"])?;
                if let Some(place) = self.engine.region(abi::REGION_ARENA).get_mut(..blob.len()) {
                    place.copy_from_slice(&blob);
                }
                let whole = vec![0, blob.len() as u32];
                ("loadPolicy", if step["arguments"].is_array() { numbers(&step["arguments"]) } else { whole })
            }
            "restore" => {
                let state = self.engine.region(abi::REGION_STATE);
                match self.saved.get(text(&step["from"])).filter(|saved| saved.len() == state.len()) {
                    Some(saved) => state.copy_from_slice(saved),
                    None => return fail!("no state of {} bytes is named {}", state.len(), step["from"]),
                }
                if let Some(fill) = step["fill"].as_u64() {
                    state.fill(fill as u8);
                }
                ("restore", Vec::new())
            }
            "call" => (text(&step["function"]), numbers(&step["arguments"])),
            what => {
                let count = step["count"].as_u64().unwrap_or(rows(&step["frames"]).len() as u64);
                (what, vec![count as u32])
            }
        };
        self.engine.call(name, &args).ok_or_else(|| Error(format!("the engine has no {name}() of {} arguments", args.len())))
    }

    /// Puts frames into the arena and their records into `REGION_FRAMES`, as far as there is room. Gives where each lies.
    fn describe(&mut self, frames: &[Value]) -> Result<Vec<usize>> {
        let (arena, records) = (self.engine.place(abi::REGION_ARENA), self.engine.place(abi::REGION_FRAMES));
        let memory = self.engine.memory_mut();
        let mut offsets = Vec::new();
        let mut next = 0;
        for (i, frame) in frames.iter().enumerate() {
            let data = bytes(&frame["bytes"])?;
            let number = |key: &str, otherwise: usize| frame[key].as_u64().map_or(otherwise, |value| value as usize);
            let offset = number("offset", next);
            next = offset + data.len();
            offsets.push(offset);
            if next <= arena.len() {
                memory[arena.start + offset..arena.start + next].copy_from_slice(&data);
            }
            let at = records.start + i * abi::FRAME_SIZE;
            if at + abi::FRAME_SIZE > records.end {
                continue;
            }
            let record = &mut memory[at..at + abi::FRAME_SIZE];
            put32(record, abi::FRAME_OFFSET_AT, offset as u32);
            put32(record, abi::FRAME_CAPTURED_AT, number("captured", data.len()) as u32);
            put32(record, abi::FRAME_WIRE_AT, number("wire", data.len()) as u32);
            record[abi::FRAME_HOOK_AT] = number("hook", 0) as u8;
            record[abi::FRAME_LINK_AT] = number("link", 0) as u8;
            let flags = number("flags", 0) as u16;
            record[abi::FRAME_FLAGS_AT..abi::FRAME_FLAGS_AT + 2].copy_from_slice(&flags.to_le_bytes());
            put64(record, abi::FRAME_TIME_AT, decimal(&frame["time"]));
            put64(record, abi::FRAME_TAG_AT, decimal(&frame["tag"]));
        }
        Ok(offsets)
    }

    fn compare_verdict(&mut self, i: usize, row: &Value) {
        let at = i * abi::VERDICT_SIZE;
        let record = self.engine.region(abi::REGION_VERDICTS)[at..at + abi::VERDICT_SIZE].to_vec();
        let label = |name: fn(u32) -> Option<&'static str>, value: &Value| {
            let code = value.as_u64().unwrap_or(0) as u32;
            Value::from(name(code).map_or(code.to_string(), Into::into))
        };
        for field in abi::fields_of("verdict") {
            if row[field.name].is_null() {
                continue;
            }
            let got = get(&record, field, 0);
            let got = match field.name {
                "action" => label(abi::action_name, &got),
                "reason" => label(abi::reason_name, &got),
                "flags" => (got.as_u64().unwrap_or(0) & self.file["verdictFlags"].as_u64().unwrap_or(0)).into(),
                _ => got,
            };
            self.compare(&format!("verdicts[{i}].{}", field.name), &row[field.name], got);
        }
    }

    fn compare_bytes(&mut self, i: usize, row: &Value, given: &Value, offset: usize) -> Result<()> {
        if row["outer"].is_string() {
            let at = i * abi::OUTER_SIZE as usize;
            let got = hex(&self.engine.region(abi::REGION_OUTER)[at..at + abi::OUTER_SIZE as usize]);
            self.compare(&format!("verdicts[{i}].outer"), &row["outer"], got.into());
        }
        let (name, expected) = if row["unchanged"] == true { ("unchanged", given) } else { ("out", &row["out"]) };
        if expected.is_null() {
            return Ok(());
        }
        let start = offset + row["skip"].as_u64().unwrap_or(0) as usize;
        match self.engine.region(abi::REGION_ARENA).get(start..start + text(expected).len() / 2) {
            Some(got) => {
                let got = hex(got);
                self.compare(&format!("verdicts[{i}].{name}"), expected, got.into());
                Ok(())
            }
            None => fail!("verdicts[{i}] expects bytes past the arena"),
        }
    }

    fn generated(&mut self) -> Value {
        let region = self.engine.region(abi::REGION_GENERATED);
        let rows = region[abi::GENERATED_ROWS_AT..].chunks_exact(abi::GENERATED_SIZE);
        let rows = rows.take(get32(region, abi::GENERATED_COUNT_AT) as usize).map(|row| {
            let length = get32(row, abi::GENERATED_LENGTH_AT) as usize;
            let packet = &row[abi::GENERATED_PACKET_AT..abi::GENERATED_PACKET_AT + length];
            let (frame, egress) = (get32(row, abi::GENERATED_FRAME_AT), get32(row, abi::GENERATED_EGRESS_AT));
            json!({"frame": frame, "egress": egress, "packet": hex(packet)})
        });
        rows.collect()
    }

    /// What a step states has changed to that; what it does not state is as it was, of the counters that are compared always.
    fn compare_counters(&mut self, stated: &HashMap<String, Value>) {
        self.stated.extend(stated.iter().map(|(name, value)| (name.clone(), value.clone())));
        for (family, name, got) in self.counters() {
            let is_steady = rows(&self.file["counters"]["steady"]).iter().any(|one| one == family);
            if is_steady || stated.contains_key(&name) {
                let expected = self.stated.get(&name).cloned().unwrap_or_else(|| "0".into());
                self.compare(&format!("counters.{name}"), &expected, got);
            }
        }
    }

    /// All of them, by `opened` or `reasons.no-policy`.
    fn counters(&mut self) -> Vec<(&'static str, String, Value)> {
        let region = self.engine.region(abi::REGION_COUNTERS);
        let mut all = Vec::new();
        for field in abi::fields_of("counters") {
            let names = match field.name {
                "reasons" => [&[(abi::REASON_NONE, "none")], abi::REASON_NAMES].concat(),
                "actions" => abi::ACTION_NAMES.to_vec(),
                _ => {
                    all.push((field.name, field.name.into(), get(region, field, 0)));
                    continue;
                }
            };
            for (value, label) in names {
                all.push((field.name, format!("{}.{label}", field.name), get(region, field, value as usize)));
            }
        }
        all
    }

    fn compare_stats(&mut self, i: usize, row: &Value) {
        let at = i * abi::EGRESS_STATS_SIZE;
        let record = self.engine.region(abi::REGION_EGRESS_STATS)[at..at + abi::EGRESS_STATS_SIZE].to_vec();
        for field in abi::fields_of("egress_stats") {
            if !row[field.name].is_null() {
                self.compare(&format!("egressStats[{i}].{}", field.name), &row[field.name], get(&record, field, 0));
            }
        }
    }
}

fn rows(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn bytes(value: &Value) -> Result<Vec<u8>> {
    unhex(text(value)).ok_or_else(|| Error("bytes that are no hexadecimal".into()))
}

fn decimal(value: &Value) -> u64 {
    text(value).parse().unwrap_or(0)
}

fn numbers(list: &Value) -> Vec<u32> {
    rows(list).iter().map(|value| value.as_u64().unwrap_or(0) as u32).collect()
}

fn named<'a>(entries: &'a Value, name: &Value) -> Result<&'a Value> {
    rows(entries).iter().find(|entry| entry["name"] == *name).ok_or_else(|| Error(format!("nothing is named {name}")))
}

/// Makes `reasons.no-policy` of a name in a name.
fn flat(counters: &Value) -> HashMap<String, Value> {
    let mut all = HashMap::new();
    for (name, value) in counters.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(parts) => all.extend(parts.iter().map(|(label, count)| (format!("{name}.{label}"), count.clone()))),
            None => _ = all.insert(name.clone(), value.clone()),
        }
    }
    all
}

/// A field of a record: a number, 64 bits as decimal text, bytes as hexadecimal.
fn get(record: &[u8], field: &Field, index: usize) -> Value {
    let at = &record[field.offset..];
    match field.kind {
        Kind::U8 if field.count > 1 => hex(&at[..field.count]).into(),
        Kind::U8 => at[index].into(),
        Kind::U16 => u16::from_le_bytes(at[index * 2..][..2].try_into().unwrap()).into(),
        Kind::U32 => get32(at, index * 4).into(),
        Kind::U64 => u64::from_le_bytes(at[index * 8..][..8].try_into().unwrap()).to_string().into(),
    }
}
