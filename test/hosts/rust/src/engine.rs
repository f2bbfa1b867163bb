use crate::abi::{self, get32, put32};
use crate::{Result, fail, read_bytes};
use std::ops::Range;
use wasmtime::{Instance, Memory, Store, TypedFunc, Val};

/// A compiled engine; it serves any number of instances.
pub struct Module {
    file: String,
    compiled: wasmtime::Module,
}

impl Module {
    pub fn read(file: &str) -> Result<Self> {
        let wasm = read_bytes(file)?;
        match wasmtime::Module::from_binary(&wasmtime::Engine::default(), &wasm) {
            Ok(compiled) => Ok(Self { file: file.into(), compiled }),
            Err(error) => fail!("{file}: is no WebAssembly module ({error})"),
        }
    }

    pub fn start(&self) -> Result<Engine> {
        let file = &self.file;
        let mut store = Store::new(self.compiled.engine(), ());
        let instance = Instance::new(&mut store, &self.compiled, &[])
            .or_else(|error| fail!("{file}: cannot be instantiated ({error})"))?;
        let version = match instance.get_typed_func::<(), u32>(&mut store, "abiVersion") {
            Ok(function) => function.call(&mut store, ()).expect("no call into the engine traps"),
            Err(_) => return fail!("{file}: abiVersion() gives nothing, expected {}", abi::ABI_VERSION),
        };
        if version != abi::ABI_VERSION {
            return fail!("{file}: abiVersion() gives {version}, expected {}", abi::ABI_VERSION);
        }
        let memory = instance.get_memory(&mut store, "memory");
        let process = instance.get_typed_func(&mut store, "process");
        match (memory, process) {
            (Some(memory), Ok(process)) => Ok(Engine { store, instance, memory, process }),
            _ => fail!("{file}: exports no memory or no process()"),
        }
    }
}

/// One instance, of one thread at a time. A trap is a bug of the engine, whatever it was given, so calls panic then.
pub struct Engine {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    process: TypedFunc<u32, i32>,
}

impl Engine {
    /// Calls an exported function. `None`: there is none of that name and number of arguments.
    pub fn call(&mut self, name: &str, args: &[u32]) -> Option<i32> {
        let function = self.instance.get_func(&mut self.store, name)?;
        if function.ty(&self.store).params().len() != args.len() {
            return None;
        }
        let args: Vec<Val> = args.iter().map(|&arg| Val::I32(arg as i32)).collect();
        let mut results = [Val::I32(0)];
        function.call(&mut self.store, &args, &mut results).expect("no call into the engine traps");
        results[0].i32()
    }

    /// One of the functions that every engine of this ABI has.
    fn known(&mut self, name: &str, args: &[u32]) -> i32 {
        self.call(name, args).unwrap_or_else(|| panic!("the engine has no {name}()"))
    }

    pub fn process(&mut self, count: usize) -> i32 {
        self.process.call(&mut self.store, count as u32).expect("no call into the engine traps")
    }

    pub fn memory(&self) -> &[u8] {
        self.memory.data(&self.store)
    }

    pub fn memory_mut(&mut self) -> &mut [u8] {
        self.memory.data_mut(&mut self.store)
    }

    /// Where a region lies, `REGION_*`: the same for the life of the instance, once it is configured.
    pub fn place(&mut self, region: u32) -> Range<usize> {
        let at = self.known("regionAt", &[region]) as u32 as usize;
        at..at + self.known("regionSize", &[region]) as u32 as usize
    }

    pub fn region(&mut self, region: u32) -> &mut [u8] {
        let place = self.place(region);
        &mut self.memory_mut()[place]
    }

    /// `OK` or an `ERROR_*`. The record has `CONFIG_SIZE` bytes.
    pub fn configure(&mut self, record: &[u8]) -> i32 {
        let at = self.known("configAt", &[]) as u32 as usize;
        self.memory_mut()[at..at + record.len()].copy_from_slice(record);
        self.known("configure", &[])
    }

    /// `OK` or an `ERROR_*`.
    pub fn load_policy(&mut self, blob: &[u8]) -> i32 {
        match self.region(abi::REGION_ARENA).get_mut(..blob.len()) {
            Some(place) => place.copy_from_slice(blob),
            None => return abi::ERROR_FRAME_OUTSIDE_ARENA,
        }
        self.known("loadPolicy", &[0, blob.len() as u32])
    }

    pub fn advance(&mut self, time: u64) -> i32 {
        self.known("advance", &[time as u32, (time >> 32) as u32])
    }

    /// The numbers of held frames that are to be given again now, in order; the list is empty afterwards.
    pub fn released(&mut self) -> Vec<u32> {
        let region = self.region(abi::REGION_RELEASED);
        let count = region.get(..4).map_or(0, |head| get32(head, 0)) as usize;
        let numbers = (1..=count).map(|i| get32(region, i * 4)).collect();
        if count > 0 {
            put32(region, 0, 0);
        }
        numbers
    }
}
