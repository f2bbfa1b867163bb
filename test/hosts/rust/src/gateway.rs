use crate::abi::{self, get32, put32, put64};
use crate::{Engine, Module, Policy, Result, fail};
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Frames of a `process` call: more gain nothing, and stay in no cache.
const BATCH: usize = 256;
const NANOSECONDS_PER_MS: u64 = 1_000_000;

/// A frame of Ethernet.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub bytes: &'a [u8],
    /// Bytes on the wire.
    pub wire: u32,
    /// `HOOK_*`
    pub hook: u32,
    /// Nanoseconds since 1970.
    pub time: u64,
}

/// What becomes of a frame. `bytes` and `error` lie in the engine's memory.
pub struct Verdict<'a> {
    pub frame: Frame<'a>,
    /// `ACTION_*`
    pub action: u32,
    /// `REASON_*`
    pub reason: u32,
    /// Row of `egresses` of policy.json, or `NO_INDEX`.
    pub egress: u32,
    /// The frame as it leaves.
    pub bytes: &'a [u8],
    /// An ICMP error for its sender, without a link header.
    pub error: Option<&'a [u8]>,
}

/// A frame on its way into the engine, with the number that it was held under.
#[derive(Clone, Copy)]
struct Item<'f> {
    frame: Frame<'f>,
    number: Option<u32>,
}

/// An engine under a policy: takes frames in any number, and keeps fragments that wait for their first one.
pub struct Gateway<'f> {
    engine: Engine,
    arena: Range<usize>,
    frames: Range<usize>,
    verdicts: Range<usize>,
    generated: Range<usize>,
    batch: usize,
    held: HashMap<u32, Frame<'f>>,
    queue: VecDeque<Item<'f>>,
    now: u64,
    /// Spent on copying frames in, writing their records, and in `process`.
    pub busy: Duration,
}

impl<'f> Gateway<'f> {
    pub fn start(module: &Module, policy: &Policy) -> Result<Self> {
        let mut engine = module.start()?;
        let file = &policy.file;
        let must = |what: &str, code: i32| match code {
            abi::OK => Ok(()),
            code => fail!("{file}: {what} gives {}, expected 0 (OK)", abi::code_text(code)),
        };
        must("configure()", engine.configure(&policy.record))?;
        must("loadPolicy()", engine.load_policy(&policy.blob))?;
        for call in policy.about["calls"].as_array().into_iter().flatten() {
            let args = call["arguments"].as_array().into_iter().flatten();
            let args: Vec<u32> = args.map(|one| one.as_u64().unwrap_or(0) as u32).collect();
            let name = call["function"].as_str().unwrap_or("");
            match engine.call(name, &args) {
                Some(code) => must(&format!("{name}()"), code)?,
                None => return fail!("{file}: the engine has no {name}() of {} arguments", args.len()),
            }
        }
        let frames = engine.place(abi::REGION_FRAMES);
        Ok(Self {
            arena: engine.place(abi::REGION_ARENA),
            batch: BATCH.min(frames.len() / abi::FRAME_SIZE),
            frames,
            verdicts: engine.place(abi::REGION_VERDICTS),
            generated: engine.place(abi::REGION_GENERATED),
            engine,
            held: HashMap::new(),
            queue: VecDeque::new(),
            now: 0,
            busy: Duration::ZERO,
        })
    }

    /// Takes frames through the engine in order. `take` is called for each once its fate is known, and for `ACTION_HOLD`.
    pub fn process(&mut self, frames: &[Frame<'f>], mut take: impl FnMut(Verdict) -> Result<()>) -> Result<()> {
        let mut upcoming = frames.iter();
        let mut batch = Vec::with_capacity(self.batch);
        loop {
            let waiting = self.queue.len().min(self.batch);
            batch.clear();
            batch.extend(self.queue.drain(..waiting));
            let room = self.batch - waiting;
            batch.extend(upcoming.by_ref().take(room).map(|&frame| Item { frame, number: None }));
            let Some(first) = batch.first() else { return Ok(()) };
            let started = Instant::now();
            let count = self.describe(&batch);
            let done = self.engine.process(count);
            self.busy += started.elapsed();
            if count == 0 {
                let (has, most) = (first.frame.bytes.len(), self.arena.len());
                return fail!("a frame has {has} bytes, expected at most {most}: the arena's");
            }
            if done < 1 {
                return fail!("process({count}) gives {}, expected 1 to {count}", abi::code_text(done));
            }
            let (taken, rest) = batch.split_at(done as usize);
            self.deliver(taken, &mut take)?;
            rest.iter().rev().for_each(|&item| self.queue.push_front(item));
            self.put_back();
        }
    }

    /// Ends the wait of all fragments that are still held.
    pub fn flush(&mut self, take: impl FnMut(Verdict) -> Result<()>) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.now += u64::from(abi::FRAGMENT_MS) * NANOSECONDS_PER_MS;
        self.engine.advance(self.now);
        self.put_back();
        self.process(&[], take)
    }

    /// Writes the batch into arena and frame records, one frame behind the other. Gives how many fit.
    fn describe(&mut self, batch: &[Item]) -> usize {
        let memory = self.engine.memory_mut();
        let mut offset = 0;
        for (i, item) in batch.iter().enumerate() {
            let (bytes, length) = (item.frame.bytes, item.frame.bytes.len());
            if length > self.arena.len() - offset {
                return i;
            }
            let at = self.arena.start + offset;
            memory[at..at + length].copy_from_slice(bytes);
            let at = self.frames.start + i * abi::FRAME_SIZE;
            let record = &mut memory[at..at + abi::FRAME_SIZE];
            put32(record, abi::FRAME_OFFSET_AT, offset as u32);
            put32(record, abi::FRAME_CAPTURED_AT, length as u32);
            put32(record, abi::FRAME_WIRE_AT, item.frame.wire);
            record[abi::FRAME_HOOK_AT] = item.frame.hook as u8;
            record[abi::FRAME_LINK_AT] = abi::LINK_ETHERNET as u8;
            let flags = if item.number.is_some() { abi::FRAME_FLAG_RELEASED as u16 } else { 0 };
            record[abi::FRAME_FLAGS_AT..abi::FRAME_FLAGS_AT + 2].copy_from_slice(&flags.to_le_bytes());
            put64(record, abi::FRAME_TIME_AT, if item.number.is_some() { self.now } else { item.frame.time });
            put64(record, abi::FRAME_TAG_AT, item.number.unwrap_or(0).into());
            offset += length;
        }
        batch.len()
    }

    fn deliver(&mut self, batch: &[Item<'f>], take: &mut impl FnMut(Verdict) -> Result<()>) -> Result<()> {
        let memory = self.engine.memory();
        let errors = errors(&memory[self.generated.clone()]);
        let mut offset = self.arena.start;
        for (i, item) in batch.iter().enumerate() {
            let at = self.verdicts.start + i * abi::VERDICT_SIZE;
            let row = &memory[at..at + abi::VERDICT_SIZE];
            let action = u32::from(row[abi::VERDICT_ACTION_AT]);
            if action == abi::ACTION_HOLD {
                self.held.insert(get32(row, abi::VERDICT_INNER_AT), item.frame);
            }
            if item.number.is_none() {
                self.now = self.now.max(item.frame.time);
            }
            take(Verdict {
                frame: item.frame,
                action,
                reason: row[abi::VERDICT_REASON_AT].into(),
                egress: get32(row, abi::VERDICT_EGRESS_AT),
                bytes: &memory[offset..offset + get32(row, abi::VERDICT_LENGTH_AT) as usize],
                error: errors.get(&i).copied(),
            })?;
            offset += item.frame.bytes.len();
        }
        Ok(())
    }

    /// Puts the held frames that the engine wants to see again now in front of the queue, in its order.
    fn put_back(&mut self) {
        for number in self.engine.released().into_iter().rev() {
            let frame = self.held.remove(&number).expect("what is released was held");
            self.queue.push_front(Item { frame, number: Some(number) });
        }
    }
}

/// ICMP errors of the engine's own, by the frame record that they are about.
fn errors(region: &[u8]) -> HashMap<usize, &[u8]> {
    if region.is_empty() {
        return HashMap::new();
    }
    let rows = region[abi::GENERATED_ROWS_AT..].chunks_exact(abi::GENERATED_SIZE);
    let rows = rows.take(get32(region, abi::GENERATED_COUNT_AT) as usize);
    rows.map(|row| {
        let length = get32(row, abi::GENERATED_LENGTH_AT) as usize;
        let packet = &row[abi::GENERATED_PACKET_AT..abi::GENERATED_PACKET_AT + length];
        (get32(row, abi::GENERATED_FRAME_AT) as usize, packet)
    })
    .collect()
}
