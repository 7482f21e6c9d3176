//! What a light client does first with a chain: it loads the chain's runtime and asks for its version.
//!
//!     cargo run --release --example light_client -- RUNTIME.wasm...
//!
//! Runtimes have megabytes of code, and one call runs little of it. In partial mode nothing of it is validated or
//! translated before it runs. The host functions are those of the
//! [Polkadot Host](https://spec.polkadot.network/chap-host-api) that a call of `Core_version` can need; every
//! other one fails by name.

use blake2::{Blake2b128, Blake2b256};
use rotifer::{
    Caller, Config, Engine, Error, Extern, ExternType, Linker, LoadMode, Memory, Module, Store, Val,
};
use sha3::{Digest, Keccak256, Keccak512};
use std::{
    collections::HashMap,
    env, fs,
    process::ExitCode,
    time::{Duration, Instant},
};
use twox_hash::XxHash64;

fn main() -> ExitCode {
    let paths: Vec<String> = env::args().skip(1).collect();
    if paths.is_empty() {
        eprintln!("usage: light_client RUNTIME.wasm...");
        return ExitCode::from(2);
    }
    let mut exit = ExitCode::SUCCESS;
    for path in &paths {
        match core_version(path) {
            Ok(report) => println!("{path}\n{report}"),
            Err(error) => {
                eprintln!("{path}: {error}");
                exit = ExitCode::FAILURE;
            }
        }
    }
    exit
}

/// Loads a runtime, calls `Core_version` and describes the answer.
fn core_version(path: &str) -> Result<String, Box<dyn std::error::Error>> {
    let wasm = fs::read(path)?;
    let mut config = Config::default();
    config.load_mode(LoadMode::Partial);
    let engine = Engine::new(&config);

    let start = Instant::now();
    let module = Module::new(&engine, &wasm)?;
    let load = start.elapsed();

    let start = Instant::now();
    let mut store = Store::new(&engine, Host::default());
    let mut linker = Linker::new(&engine);
    define_host(&mut linker, &mut store, &module)?;
    let instance = linker.instantiate(&mut store, &module)?;
    // The memory is imported by most runtimes and exported by the oldest.
    if let Some(memory) = instance.get_memory(&store, "memory") {
        store.data_mut().memory = Some(memory);
    }
    let heap_base =
        instance.get_global(&store, "__heap_base").ok_or("the runtime exports no `__heap_base`")?;
    let Val::I32(heap_base) = heap_base.get(&store) else { return Err("`__heap_base` is no i32".into()) };
    store.data_mut().allocator.end = heap_base as u32;
    let instantiate = start.elapsed();

    let start = Instant::now();
    let func = instance.get_typed_func::<(i32, i32), i64>(&store, "Core_version")?;
    // The input is empty. The output is a pointer in the lower and a length in the upper half.
    let output = func.call(&mut store, (0, 0))?;
    let call = start.elapsed();
    let memory = store.data().memory.ok_or("the runtime has no memory")?;
    let version = Version::decode(slice(memory.data(&store), output)?)?;
    Ok(version.report(load, instantiate, call, module.code_size()))
}

/// Defines everything that a runtime imports.
fn define_host(linker: &mut Linker<Host>, store: &mut Store<Host>, module: &Module) -> Result<(), Error> {
    define_known(linker)?;
    for import in module.imports() {
        let (from, name) = (import.module(), import.name());
        match import.ty() {
            ExternType::Memory(ty) => {
                let memory = Memory::new(&mut *store, *ty)?;
                linker.define(from, name, memory)?;
                store.data_mut().memory = Some(memory);
            }
            ExternType::Func(ty) if linker.get(&mut *store, from, name).is_none() => {
                let full_name = format!("{from}.{name}");
                linker.func_new(from, name, ty.clone(), move |_, _, _| {
                    Err(Error::new(format!("this light client has no host function `{full_name}`")))
                })?;
            }
            // Instantiation says what is missing, or of another type.
            _ => {}
        }
    }
    Ok(())
}

/// The module of all host functions.
const ENV: &str = "env";

/// Defines the host functions that this example has.
fn define_known(linker: &mut Linker<Host>) -> Result<(), Error> {
    linker.func_wrap(ENV, "ext_allocator_malloc_version_1", |mut caller: Caller<'_, Host>, size: i32| {
        allocate(&mut caller, size as u32)
    })?;
    linker.func_wrap(ENV, "ext_allocator_free_version_1", |mut caller: Caller<'_, Host>, address: i32| {
        caller.data_mut().allocator.free(address as u32)
    })?;
    define_logging(linker)?;
    define_hashing(linker)?;
    define_storage(linker)
}

fn define_logging(linker: &mut Linker<Host>) -> Result<(), Error> {
    linker.func_wrap(ENV, "ext_logging_max_level_version_1", |_: Caller<'_, Host>| LOG_LEVEL)?;
    linker.func_wrap(
        ENV,
        "ext_logging_log_version_1",
        |caller: Caller<'_, Host>, level: i32, target: i64, message: i64| {
            if level <= LOG_LEVEL {
                eprintln!("[{}] {}", text(&caller, target)?, text(&caller, message)?);
            }
            Ok(())
        },
    )?;
    linker.func_wrap(ENV, "ext_misc_print_utf8_version_1", |caller: Caller<'_, Host>, data: i64| {
        eprintln!("{}", text(&caller, data)?);
        Ok(())
    })?;
    linker.func_wrap(ENV, "ext_misc_print_hex_version_1", |caller: Caller<'_, Host>, data: i64| {
        let hex: String = bytes(&caller, data)?.iter().map(|byte| format!("{byte:02x}")).collect();
        eprintln!("0x{hex}");
        Ok(())
    })?;
    linker.func_wrap(ENV, "ext_misc_print_num_version_1", |_: Caller<'_, Host>, number: i64| {
        eprintln!("{}", number as u64);
    })?;
    Ok(())
}

fn define_hashing(linker: &mut Linker<Host>) -> Result<(), Error> {
    type Hash = fn(&[u8]) -> Vec<u8>;
    let hashes: [(&str, Hash); 7] = [
        ("ext_hashing_blake2_128_version_1", |data| Blake2b128::digest(data).to_vec()),
        ("ext_hashing_blake2_256_version_1", |data| Blake2b256::digest(data).to_vec()),
        ("ext_hashing_keccak_256_version_1", |data| Keccak256::digest(data).to_vec()),
        ("ext_hashing_keccak_512_version_1", |data| Keccak512::digest(data).to_vec()),
        ("ext_hashing_twox_64_version_1", |data| twox(data, 1)),
        ("ext_hashing_twox_128_version_1", |data| twox(data, 2)),
        ("ext_hashing_twox_256_version_1", |data| twox(data, 4)),
    ];
    for (name, hash) in hashes {
        linker.func_wrap(ENV, name, move |mut caller: Caller<'_, Host>, data: i64| {
            let hash = hash(bytes(&caller, data)?);
            give(&mut caller, &hash)
        })?;
    }
    Ok(())
}

/// This light client has no storage yet: every key is absent.
fn define_storage(linker: &mut Linker<Host>) -> Result<(), Error> {
    let absent = |mut caller: Caller<'_, Host>, _key: i64| give_slice(&mut caller, SCALE_NONE);
    linker.func_wrap(ENV, "ext_storage_get_version_1", absent)?;
    linker.func_wrap(ENV, "ext_storage_next_key_version_1", absent)?;
    linker.func_wrap(
        ENV,
        "ext_storage_read_version_1",
        |mut caller: Caller<'_, Host>, _key: i64, _value: i64, _offset: i32| {
            give_slice(&mut caller, SCALE_NONE)
        },
    )?;
    linker.func_wrap(ENV, "ext_storage_exists_version_1", |_: Caller<'_, Host>, _key: i64| 0_i32)?;
    Ok(())
}

/// Warnings and errors: 0 is off, 1 errors, 5 everything.
const LOG_LEVEL: i32 = 2;

/// `None` of any type.
const SCALE_NONE: &[u8] = &[0];

/// What belongs to one instance of a runtime.
#[derive(Default)]
struct Host {
    memory: Option<Memory>,
    allocator: Allocator,
}

/// Hands out the guest's memory above its `__heap_base`: blocks of powers of two, freed ones first.
#[derive(Default)]
struct Allocator {
    /// Where what was never handed out begins.
    end: u32,
    /// The size of each block that is in use, by its address. Kept here, not in the guest's memory, so that the
    /// guest cannot break it.
    used: HashMap<u32, u32>,
    /// Free blocks by size.
    free: HashMap<u32, Vec<u32>>,
}

impl Allocator {
    /// The largest block, as in Substrate.
    const MAX_SIZE: u32 = 32 << 20;

    /// A block of at least `size` bytes, and where the memory must reach.
    fn allocate(&mut self, size: u32) -> Result<(u32, u32), Error> {
        if size > Self::MAX_SIZE {
            return Err(Error::new(format!("a block of {size} bytes is larger than the largest")));
        }
        let size = size.next_power_of_two().max(8);
        let address = match self.free.get_mut(&size).and_then(Vec::pop) {
            Some(address) => address,
            None => {
                let address = self.end.checked_next_multiple_of(8);
                let end = address.and_then(|address| address.checked_add(size));
                let (Some(address), Some(end)) = (address, end) else {
                    return Err(Error::new("the address space is used up"));
                };
                self.end = end;
                address
            }
        };
        self.used.insert(address, size);
        Ok((address, self.end))
    }

    fn free(&mut self, address: u32) -> Result<(), Error> {
        let size = self.used.remove(&address);
        let size = size.ok_or_else(|| Error::new(format!("{address:#x} is freed but was not allocated")))?;
        self.free.entry(size).or_default().push(address);
        Ok(())
    }
}

fn memory(caller: &Caller<'_, Host>) -> Result<Memory, Error> {
    let exported = || caller.get_export("memory").and_then(Extern::into_memory);
    caller.data().memory.or_else(exported).ok_or_else(|| Error::new("the runtime has no memory"))
}

/// Allocates guest memory, which grows if it must.
fn allocate(caller: &mut Caller<'_, Host>, size: u32) -> Result<i32, Error> {
    const PAGE: u64 = 1 << 16;
    let memory = memory(caller)?;
    let (address, end) = caller.data_mut().allocator.allocate(size)?;
    let missing = u64::from(end).div_ceil(PAGE).saturating_sub(memory.size(&*caller));
    if missing > 0 {
        memory.grow(&mut *caller, missing)?;
    }
    Ok(address as i32)
}

/// Copies data to newly allocated guest memory and returns its address.
fn give(caller: &mut Caller<'_, Host>, data: &[u8]) -> Result<i32, Error> {
    let address = allocate(caller, data.len() as u32)?;
    memory(caller)?.write(&mut *caller, address as u32 as usize, data)?;
    Ok(address)
}

/// As [`give`], but returns address and length.
fn give_slice(caller: &mut Caller<'_, Host>, data: &[u8]) -> Result<i64, Error> {
    let address = give(caller, data)?;
    Ok((data.len() as i64) << 32 | i64::from(address as u32))
}

/// The guest's bytes that a pointer in the lower and a length in the upper half describe.
fn bytes<'a>(caller: &'a Caller<'_, Host>, slice: i64) -> Result<&'a [u8], Error> {
    self::slice(memory(caller)?.data(caller), slice)
}

fn text(caller: &Caller<'_, Host>, slice: i64) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(bytes(caller, slice)?).into_owned())
}

fn slice(memory: &[u8], slice: i64) -> Result<&[u8], Error> {
    let (address, len) = (slice as u32 as usize, (slice >> 32) as u32 as usize);
    let found = memory.get(address..).and_then(|rest| rest.get(..len));
    found.ok_or_else(|| Error::new(format!("{len} bytes at {address:#x} are not in the guest's memory")))
}

/// XXH64 with the seeds from 0 on, one behind the other.
fn twox(data: &[u8], count: u64) -> Vec<u8> {
    (0..count).flat_map(|seed| XxHash64::oneshot(seed, data).to_le_bytes()).collect()
}

/// The beginning of a runtime's version.
struct Version {
    spec_name: String,
    impl_name: String,
    authoring_version: u32,
    spec_version: u32,
    impl_version: u32,
    /// How many runtime interfaces there are.
    apis: u32,
    /// Runtimes with version 3 or later of the interface `Core` have it.
    transaction_version: Option<u32>,
}

impl Version {
    /// Decodes SCALE.
    fn decode(mut data: &[u8]) -> Result<Self, Error> {
        let data = &mut data;
        let spec_name = take_string(data)?;
        let impl_name = take_string(data)?;
        let [authoring_version, spec_version, impl_version] =
            [take_u32(data)?, take_u32(data)?, take_u32(data)?];
        let apis = take_compact(data)?;
        for _ in 0..apis {
            const ID_LEN: usize = 8;
            take(data, ID_LEN)?;
            take_u32(data)?;
        }
        let transaction_version = take_u32(data).ok();
        Ok(Self {
            spec_name,
            impl_name,
            authoring_version,
            spec_version,
            impl_version,
            apis,
            transaction_version,
        })
    }

    fn report(&self, load: Duration, instantiate: Duration, call: Duration, code_size: usize) -> String {
        let Self { spec_name, impl_name, authoring_version, spec_version, impl_version, apis, .. } = self;
        let transaction_version =
            self.transaction_version.map_or_else(|| "none".to_owned(), |version| version.to_string());
        format!(
            "  spec name            {spec_name}
  implementation name  {impl_name}
  authoring version    {authoring_version}
  spec version         {spec_version}
  impl version         {impl_version}
  transaction version  {transaction_version}
  runtime interfaces   {apis}
  loaded in {load:.1?}, instantiated in {instantiate:.1?}, called in {call:.1?}; {code_size} bytes of code"
        )
    }
}

fn take<'a>(data: &mut &'a [u8], len: usize) -> Result<&'a [u8], Error> {
    let (taken, rest) = data.split_at_checked(len).ok_or_else(|| Error::new("the version ends too early"))?;
    *data = rest;
    Ok(taken)
}

fn take_u32(data: &mut &[u8]) -> Result<u32, Error> {
    Ok(take(data, 4)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// A compact number of 1, 2 or 4 bytes. The lowest two bits tell which.
fn take_compact(data: &mut &[u8]) -> Result<u32, Error> {
    let len = match data.first().map(|first| first & 0b11) {
        Some(0) => 1,
        Some(1) => 2,
        Some(2) => 4,
        _ => return Err(Error::new("the version contains no plausible length")),
    };
    let number = take(data, len)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
    Ok(number >> 2)
}

fn take_string(data: &mut &[u8]) -> Result<String, Error> {
    let len = take_compact(data)? as usize;
    String::from_utf8(take(data, len)?.to_vec()).map_err(|_| Error::new("a name in the version is not UTF-8"))
}
