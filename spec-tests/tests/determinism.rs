//! docs/DETERMINISM.md: generated modules do the same in every build, with every dispatcher and in every load mode.
//!
//! What they do becomes digests, which are compared with those in `determinism.txt`: whoever builds and runs this
//! test, on whatever machine, gets the same. `BLESS=1` rewrites the file.

use arbitrary::Unstructured;
use rotifer::{
    AsContext, Caller, Config, Dispatch, Engine, Error, Extern, ExternType, Func, FuncType, Instance, Linker,
    LoadMode, Module, Ref, Store, Val, ValType,
};
use std::{fmt::Write as _, fs, path::Path};
use wasm_smith::Config as SmithConfig;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

const GROUPS: u64 = 24;
const MODULES_PER_GROUP: u64 = 12;

/// The functions that modules may import.
const IMPORTS: &str = r#"(module
    (import "host" "i" (func (param i32) (result i32)))
    (import "host" "l" (func (param i64 i32) (result i64)))
    (import "host" "f" (func (param f32) (result f32)))
    (import "host" "d" (func (param f64 f64) (result f64)))
    (import "host" "none" (func)))"#;

/// Bytes that a number determines.
fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    (0..len.div_ceil(8) as u64)
        .flat_map(|i| xxh3_64_with_seed(&i.to_le_bytes(), seed).to_le_bytes())
        .collect()
}

/// The module with this number.
fn generate(seed: u64) -> Vec<u8> {
    let bytes = random_bytes(seed, 4_096);
    let config = SmithConfig {
        available_imports: Some(wat::parse_str(IMPORTS).expect("the imports are valid text")),
        min_funcs: 4,
        max_funcs: 12,
        max_instructions: 200,
        min_exports: 4,
        export_everything: true,
        max_memories: 2,
        max_memory32_bytes: 4 * 65_536,
        max_memory64_bytes: 4 * 65_536,
        max_tables: 2,
        max_table_elements: 100,
        allow_start_export: false,
        bulk_memory_enabled: true,
        reference_types_enabled: true,
        multi_value_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        tail_call_enabled: true,
        extended_const_enabled: true,
        memory64_enabled: true,
        canonicalize_nans: false,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        relaxed_simd_enabled: false,
        simd_enabled: false,
        shared_everything_threads_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..SmithConfig::default()
    };
    let module =
        wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).expect("there are bytes enough");
    module.to_bytes()
}

/// A value as bits.
fn bits(val: &Val) -> u64 {
    match val {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F32(value) => u64::from(value.to_bits()),
        Val::F64(value) => value.to_bits(),
        // Which function a reference leads to shows when it is called.
        Val::FuncRef(reference) => u64::from(!reference.is_null()),
        Val::ExternRef(reference) => u64::from(!reference.is_null()),
        _ => u64::MAX,
    }
}

/// A digest in the making, and what host functions need.
#[derive(Default)]
struct Digest(Xxh3);

impl Digest {
    fn add(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }
}

type Data = Digest;

/// A host function notes its arguments and the fuel, and returns what these determine.
fn host_call(mut caller: Caller<'_, Data>, params: &[Val], results: &mut [Val]) -> Result<(), Error> {
    let fuel = caller.get_fuel()?;
    let digest = caller.data_mut();
    digest.add(fuel);
    let mut mixed = fuel;
    for param in params {
        digest.add(bits(param));
        mixed = mixed.rotate_left(17) ^ bits(param).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    for result in results {
        *result = value(result.ty(), mixed);
    }
    Ok(())
}

/// A value of a type that a number determines. Some are NaNs with payloads.
fn value(ty: ValType, number: u64) -> Val {
    match ty {
        ValType::I32 => Val::I32(number as i32),
        ValType::I64 => Val::I64(number as i64),
        ValType::F32 if number.is_multiple_of(5) => {
            Val::F32(rotifer::F32::from_bits(0x7FA0_0000 | number as u32 & 0xFFFF))
        }
        ValType::F32 => Val::F32((number as i32 as f32 / 64.0).into()),
        ValType::F64 if number.is_multiple_of(5) => {
            Val::F64(rotifer::F64::from_bits(0xFFF4_0000_0000_0000 | number & 0xFFFF))
        }
        ValType::F64 => Val::F64((number as i64 as f64 / 64.0).into()),
        ty => Val::default_for_ty(ty),
    }
}

fn link(engine: &Engine) -> Linker<Data> {
    use ValType::{F32, F64, I32, I64};
    let mut linker = Linker::new(engine);
    let functions: [(&str, &[ValType], &[ValType]); 5] = [
        ("i", &[I32], &[I32]),
        ("l", &[I64, I32], &[I64]),
        ("f", &[F32], &[F32]),
        ("d", &[F64, F64], &[F64]),
        ("none", &[], &[]),
    ];
    for (name, params, results) in functions {
        let ty = FuncType::new(params.iter().copied(), results.iter().copied());
        linker.func_new("host", name, ty, host_call).expect("the names differ");
    }
    linker
}

/// Notes how a call ended.
fn note_end(store: &mut Store<Data>, ended: Result<&[Val], &Error>) {
    let mut numbers = vec![store.get_fuel().expect("fuel is counted")];
    match ended {
        Ok(results) => numbers.extend(results.iter().map(bits)),
        Err(error) => {
            let code = error.as_trap_code().unwrap_or_else(|| panic!("no trap: {error}"));
            numbers.extend([code as u64, error.required_fuel().unwrap_or(0)]);
            // Where the stack is exhausted is noted by the fuel; the innermost frames say where others happen.
            let frames = error.backtrace().frames().iter().take(4);
            numbers.extend(frames.flat_map(|frame| {
                [u64::from(frame.func_index()), frame.module_offset().map_or(0, |offset| offset as u64)]
            }));
        }
    }
    let digest = store.data_mut();
    numbers.into_iter().for_each(|number| digest.add(number));
}

/// Notes what an instance holds.
fn note_state(store: &mut Store<Data>, instance: Instance) {
    let exports: Vec<Extern> = instance.exports(&*store).map(|export| export.into_extern()).collect();
    for export in exports {
        match export {
            Extern::Memory(memory) => {
                let bytes = memory.data(&*store).to_vec();
                let digest = store.data_mut();
                digest.add(bytes.len() as u64);
                digest.0.update(&bytes);
            }
            Extern::Global(global) => {
                let number = bits(&global.get(&*store));
                store.data_mut().add(number);
            }
            Extern::Table(table) => {
                let size = table.size(&*store);
                let nulls = (0..size).filter(|&i| table.get(&*store, i).is_none_or(|r| is_null(&r))).count();
                let digest = store.data_mut();
                digest.add(size);
                digest.add(nulls as u64);
            }
            Extern::Func(_) => {}
        }
    }
}

fn is_null(reference: &Ref) -> bool {
    reference.is_null()
}

/// Everything that a module does, as a number.
fn run(engine: &Engine, wasm: &[u8], mode: LoadMode, seed: u64) -> u64 {
    let module = Module::new_with_mode(engine, wasm, mode).expect("generated modules are valid");
    let mut store = Store::new(engine, Digest::default());
    store.set_fuel(1_000).expect("fuel is counted");
    let instance = match link(engine).instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            note_end(&mut store, Err(&error));
            return store.data().0.digest();
        }
    };
    let functions: Vec<(Func, FuncType)> = module
        .exports()
        .filter_map(|export| match export.ty() {
            ExternType::Func(ty) => Some((instance.get_func(&store, export.name())?, ty.clone())),
            _ => None,
        })
        .collect();
    for (round, fuel) in [50, 1_000, 30_000].into_iter().enumerate() {
        for (i, (func, ty)) in functions.iter().enumerate() {
            let number = seed.wrapping_mul(31).wrapping_add((round * 100 + i) as u64);
            let params: Vec<Val> =
                (0..).zip(ty.params()).map(|(p, &ty)| value(ty, number.wrapping_mul(p + 3))).collect();
            let mut results: Vec<Val> = ty.results().iter().map(|&ty| Val::default_for_ty(ty)).collect();
            store.set_fuel(fuel).expect("fuel is counted");
            let ended = func.call(&mut store, &params, &mut results);
            note_end(&mut store, ended.as_ref().map(|()| &results[..]));
        }
    }
    note_state(&mut store, instance);
    let _ = store.as_context();
    store.data().0.digest()
}

#[test]
fn generated_modules_do_the_same_everywhere() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("determinism.txt");
    let engines: Vec<Engine> = Dispatch::available()
        .iter()
        .map(|&dispatch| Engine::new(Config::deterministic().dispatch(dispatch)))
        .collect();
    let modes = [LoadMode::Checked, LoadMode::Eager, LoadMode::Partial];
    let mut text = String::new();
    for group in 0..GROUPS {
        let mut digest = Digest::default();
        for seed in group * MODULES_PER_GROUP..(group + 1) * MODULES_PER_GROUP {
            let wasm = generate(seed);
            let expected = run(&engines[0], &wasm, modes[0], seed);
            for engine in &engines {
                for mode in modes {
                    let actual = run(engine, &wasm, mode, seed);
                    assert_eq!(actual, expected, "module {seed}, {:?}, {mode:?}", engine.dispatch());
                }
            }
            digest.add(expected);
        }
        writeln!(text, "{group} {:016x}", digest.0.digest()).expect("strings take all");
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &text).expect("the file can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "what generated modules do has changed: docs/DETERMINISM.md");
}

/// The corpus must contain what the digests are about.
#[test]
fn generated_modules_trap_and_run_out_of_fuel() {
    let engine = Engine::new(&Config::deterministic());
    let mut codes = std::collections::BTreeMap::<u8, u32>::new();
    let mut returned = 0;
    for seed in 0..100 {
        let module = Module::new(&engine, generate(seed)).expect("generated modules are valid");
        let mut store = Store::new(&engine, Digest::default());
        store.set_fuel(1_000).expect("fuel is counted");
        let Ok(instance) = link(&engine).instantiate(&mut store, &module) else { continue };
        for export in module.exports() {
            let Some(func) = instance.get_func(&store, export.name()) else { continue };
            let ty = func.ty(&store);
            let params: Vec<Val> = ty.params().iter().map(|&ty| value(ty, seed * 7)).collect();
            let mut results: Vec<Val> = ty.results().iter().map(|&ty| Val::default_for_ty(ty)).collect();
            store.set_fuel(30_000).expect("fuel is counted");
            match func.call(&mut store, &params, &mut results) {
                Ok(()) => returned += 1,
                Err(error) => {
                    let code = error.as_trap_code().unwrap_or_else(|| panic!("no trap: {error}"));
                    *codes.entry(code as u8).or_default() += 1;
                }
            }
        }
    }
    assert!(returned > 50, "{returned} calls returned");
    assert!(codes.len() >= 3, "{codes:?}");
}
