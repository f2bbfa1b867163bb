//! The command `replay`: a capture through one engine, and what leaves as another capture.

use crate::capture::{CaptureWriter, read_capture};
use serde_json::{Map, Value, json};
use sluicegate::{Address, Frame, Gateway, Module, Policy, Result, Verdict, abi, fail, read_bytes};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const TYPE_AT: usize = 12;
const TAG_SIZE: usize = 4;
const VLAN_TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

pub struct Options {
    pub engine: String,
    pub policy: String,
    pub about: String,
    pub capture: String,
    pub out: String,
    pub rounds: u32,
}

#[derive(Default)]
struct Tally {
    actions: BTreeMap<u32, u64>,
    reasons: BTreeMap<u32, u64>,
    errors: u64,
    written: u64,
}

pub fn replay(options: &Options) -> Result<()> {
    let policy = Policy::read(&options.policy, &options.about)?;
    let data = read_bytes(&options.capture)?;
    let captured = read_capture(&options.capture, &data)?;
    let module = Module::read(&options.engine)?;
    // The engine judges the blob before this host reads addresses from it.
    Gateway::start(&module, &policy)?;
    let frames = given(&captured, &policy);
    let mut first: Option<(Tally, String)> = None;
    let mut rates = Vec::new();
    for round in 1..=options.rounds {
        let mut gateway = Gateway::start(&module, &policy)?;
        let out = first.is_none().then_some(options.out.as_str());
        let (tally, sum) = run(&mut gateway, &frames, CaptureWriter::create(out)?)?;
        match &first {
            Some((_, expected)) if *expected != sum => {
                return fail!("round {round}: SHA-256 is {sum}, expected {expected} as in the first");
            }
            Some(_) => {}
            None => first = Some((tally, sum)),
        }
        let seconds = gateway.busy.as_secs_f64();
        rates.push(if seconds > 0.0 { frames.len() as f64 / seconds } else { 0.0 });
    }
    let Some((tally, sum)) = first else { return Ok(()) };
    println!("{}", report(&captured, &frames, &tally, &sum, rates));
    Ok(())
}

fn report(captured: &[Frame], frames: &[Frame], tally: &Tally, sum: &str, rates: Vec<f64>) -> Value {
    let named = |counts: &BTreeMap<u32, u64>, name: fn(u32) -> Option<&'static str>| -> Map<String, Value> {
        counts.iter().map(|(&code, &count)| (name(code).map_or(code.to_string(), Into::into), count.into())).collect()
    };
    let mut actions = json!({"pass": 0, "snat": 0, "reverse": 0, "drop": 0, "hold": 0});
    actions.as_object_mut().unwrap().extend(named(&tally.actions, abi::action_name));
    json!({
        "host": "rust",
        "runtime": env!("RUNTIME"),
        "frames": captured.len(),
        "given": frames.len(),
        "skipped": captured.len() - frames.len(),
        "actions": actions,
        "reasons": named(&tally.reasons, abi::reason_name),
        "errors": tally.errors,
        "written": tally.written,
        "sha256": sum,
        "rounds": rates.len(),
        "framesPerSecond": median(rates).round() as u64,
    })
}

/// The frames that the engine is asked about, with the hook that each enters at; all others are left out.
fn given<'a>(captured: &[Frame<'a>], policy: &Policy) -> Vec<Frame<'a>> {
    let (endpoints, egress_ips) = (policy.endpoints(), policy.egress_ips());
    let hook_of = |frame: &Frame| {
        let (source, destination) = addresses_of(frame.bytes)?;
        if endpoints.contains(&source) {
            return Some(abi::HOOK_FROM_ENDPOINT);
        }
        let is_inside = egress_ips.contains(&destination) || endpoints.contains(&destination);
        is_inside.then_some(abi::HOOK_FROM_NETWORK)
    };
    captured.iter().filter_map(|frame| hook_of(frame).map(|hook| Frame { hook, ..*frame })).collect()
}

/// EtherType of a frame behind its VLAN tags, and where its packet begins.
fn packet_of(frame: &[u8]) -> Option<(u16, usize)> {
    let mut at = TYPE_AT;
    loop {
        let ether_type = u16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?);
        if !VLAN_TAGS.contains(&ether_type) {
            return Some((ether_type, at + 2));
        }
        at += TAG_SIZE;
    }
}

fn addresses_of(frame: &[u8]) -> Option<(Address, Address)> {
    let (ether_type, start) = packet_of(frame)?;
    let packet = &frame[start..];
    let ipv4 = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap()).to_ipv6_mapped();
    let ipv6 = |at: usize| Address::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap());
    match ether_type {
        IPV4 if packet.len() >= 20 => Some((ipv4(12), ipv4(16))),
        IPV6 if packet.len() >= 40 => Some((ipv6(8), ipv6(24))),
        _ => None,
    }
}

fn run<'a>(gateway: &mut Gateway<'a>, frames: &[Frame<'a>], mut writer: CaptureWriter) -> Result<(Tally, String)> {
    let mut tally = Tally::default();
    let mut take = |verdict: Verdict| {
        *tally.actions.entry(verdict.action).or_default() += 1;
        if verdict.action == abi::ACTION_HOLD {
            return Ok(());
        }
        if verdict.reason != abi::REASON_NONE {
            *tally.reasons.entry(verdict.reason).or_default() += 1;
        }
        let frame = verdict.frame;
        if verdict.action != abi::ACTION_DROP {
            tally.written += 1;
            writer.write(verdict.bytes, frame.wire, frame.time)?;
        }
        if let Some(error) = verdict.error {
            tally.errors += 1;
            tally.written += 1;
            let answer = answer_frame(frame.bytes, error);
            writer.write(&answer, answer.len() as u32, frame.time)?;
        }
        Ok(())
    };
    gateway.process(frames, &mut take)?;
    gateway.flush(&mut take)?;
    Ok((tally, writer.close()?))
}

/// An ICMP error as the sender of the frame gets it: behind a copy of its link header with the addresses changed round.
fn answer_frame(frame: &[u8], error: &[u8]) -> Vec<u8> {
    let start = packet_of(frame).map_or(frame.len(), |(_, start)| start);
    [&frame[6..12], &frame[..6], &frame[12..start], error].concat()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
