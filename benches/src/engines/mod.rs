//! The engines: one file each, one cargo feature each.

use crate::{engine::Engine, module::Module};
use anyhow::{Context, Result};
use std::{env, fs, path::Path};

#[cfg(feature = "rotifer")]
mod history;
mod inside;
#[cfg(feature = "rotifer")]
mod rotifer;
#[cfg(feature = "silverfir")]
mod silverfir;
#[cfg(feature = "tinywasm")]
mod tinywasm;
#[cfg(feature = "wasm3")]
mod wasm3;
#[cfg(feature = "wasmi")]
mod wasmi;
mod wasmparser;
#[cfg(feature = "wasmtime")]
mod wasmtime;
mod wire;

/// The rivals whose features are off.
pub const LEFT_OUT: &[&str] = &[
    #[cfg(not(feature = "silverfir"))]
    "silverfir",
    #[cfg(not(feature = "tinywasm"))]
    "tinywasm",
    #[cfg(not(feature = "wasm3"))]
    "wasm3",
    #[cfg(not(feature = "wasmi"))]
    "wasmi",
    #[cfg(not(feature = "wasmtime"))]
    "wasmtime",
];

/// One configuration per engine: the one that runs code fastest.
pub fn for_execution() -> Vec<Box<dyn Engine>> {
    vec![
        #[cfg(feature = "wasmi")]
        Box::new(wasmi::Wasmi::eager("wasmi")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::checked("rotifer")),
        #[cfg(feature = "silverfir")]
        Box::new(silverfir::Silverfir),
        #[cfg(feature = "wasm3")]
        Box::new(wasm3::Wasm3::lazy("wasm3")),
        #[cfg(feature = "tinywasm")]
        Box::new(tinywasm::TinyWasm),
        #[cfg(feature = "wasmtime")]
        Box::new(wasmtime::Wasmtime::pulley("pulley")),
        #[cfg(feature = "wasmtime")]
        Box::new(wasmtime::Wasmtime::cranelift("cranelift")),
    ]
}

/// Every load mode of every engine.
pub fn for_startup() -> Vec<Box<dyn Engine>> {
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    #[cfg(feature = "wasmi")]
    engines.extend(wasmi::Wasmi::all_modes().map(|engine| Box::new(engine) as _));
    #[cfg(feature = "rotifer")]
    engines.extend(rotifer::Rotifer::all_modes().map(|engine| Box::new(engine) as _));
    #[cfg(feature = "silverfir")]
    engines.push(Box::new(silverfir::Silverfir));
    #[cfg(feature = "wasm3")]
    engines.push(Box::new(wasm3::Wasm3::eager("wasm3.eager")));
    #[cfg(feature = "wasm3")]
    engines.push(Box::new(wasm3::Wasm3::lazy("wasm3.lazy")));
    #[cfg(feature = "tinywasm")]
    engines.push(Box::new(tinywasm::TinyWasm));
    #[cfg(feature = "wasmtime")]
    engines.push(Box::new(wasmtime::Wasmtime::pulley("pulley")));
    #[cfg(feature = "wasmtime")]
    engines.push(Box::new(wasmtime::Wasmtime::cranelift("cranelift")));
    engines
}

/// The engines that can translate a function when it is first called, in the modes in which they do.
pub fn for_first_call() -> Vec<Box<dyn Engine>> {
    let mut engines = for_memory();
    let is_eager = |name: &str| name.contains("eager") || !name.contains('.');
    engines.retain(|engine| !is_eager(engine.name()));
    engines
}

/// Every load mode of every engine on one core: threads add nothing to what a module holds.
pub fn for_memory() -> Vec<Box<dyn Engine>> {
    let mut engines = for_startup();
    engines.retain(|engine| engine.cores() == 1);
    engines
}

/// Validators of whole modules.
pub fn for_validation() -> Vec<Box<dyn Engine>> {
    vec![
        Box::new(wasmparser::Wasmparser),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::checked("rotifer")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::two_threads("rotifer.2-threads")),
    ]
}

/// The engines that count fuel, with and without, and what can be interrupted.
pub fn for_fuel() -> Vec<Box<dyn Engine>> {
    vec![
        #[cfg(feature = "wasmi")]
        Box::new(wasmi::Wasmi::eager("wasmi")),
        #[cfg(feature = "wasmi")]
        Box::new(wasmi::Wasmi::fuel("wasmi.fuel")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::checked("rotifer")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::fuel("rotifer.fuel")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::interruptible("rotifer.interruptible")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::tracked("rotifer.tracked")),
    ]
}

/// The engines whose boundary is crossed: those that count fuel with and without, and the other rivals.
pub fn for_calls() -> Vec<Box<dyn Engine>> {
    let mut engines = for_fuel();
    engines.retain(|engine| ![".interruptible", ".tracked"].iter().any(|kind| engine.name().ends_with(kind)));
    engines.extend(for_execution().into_iter().filter(|rival| !["wasmi", "rotifer"].contains(&rival.name())));
    engines
}

/// Ways to keep the states of an instance.
pub fn for_history() -> Vec<Box<dyn Engine>> {
    vec![
        #[cfg(feature = "rotifer")]
        Box::new(history::Keeping::copies("copies")),
        #[cfg(feature = "rotifer")]
        Box::new(history::Keeping::scan("scan")),
        #[cfg(feature = "rotifer")]
        Box::new(history::Keeping::history("rotifer")),
        #[cfg(feature = "rotifer")]
        Box::new(history::Keeping::shared("rotifer.shared")),
        #[cfg(feature = "rotifer")]
        Box::new(history::Keeping::hashed("rotifer.hashed")),
        #[cfg(feature = "rotifer")]
        Box::new(history::Keeping::untracked("rotifer.untracked")),
    ]
}

/// The engines that make instances of a loaded module, in each way that they have to do so. An engine that brings an
/// instance back to its beginning instead of making a new one is one more of them, `rotifer.reset` say: `renew`
/// of [`crate::engine::Loaded`] then makes one instance before its loop and resets it at the end of each round.
pub fn for_instantiate() -> Vec<Box<dyn Engine>> {
    #[allow(unused_mut, reason = "wasmtime has several")]
    let mut engines: Vec<Box<dyn Engine>> = vec![
        #[cfg(feature = "wasmi")]
        Box::new(wasmi::Wasmi::eager("wasmi")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::checked("rotifer")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::tracked("rotifer.tracked")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::reset("rotifer.reset")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::reset_two_threads("rotifer.reset-2-threads")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::cold("rotifer.cold")),
        #[cfg(feature = "wasm3")]
        Box::new(wasm3::Wasm3::lazy("wasm3")),
        #[cfg(feature = "tinywasm")]
        Box::new(tinywasm::TinyWasm),
    ];
    #[cfg(feature = "wasmtime")]
    engines.extend(wasmtime::Wasmtime::all_allocations().map(|engine| Box::new(engine) as _));
    engines
}

/// The variable that names the folder with engines compiled to WebAssembly; `cargo xtask bench` sets it.
pub const GUESTS: &str = "ROTIFER_GUESTS";

/// The engines that were compiled to WebAssembly, inside another one; those that are in the folder of [`GUESTS`].
fn inside(outer: &str, engine: impl Fn() -> Box<dyn Engine>) -> Result<Vec<Box<dyn Engine>>> {
    let Some(folder) = env::var_os(GUESTS) else { return Ok(Vec::new()) };
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    for name in ["wasmi", "rotifer"] {
        let path = Path::new(&folder).join(name).with_extension("wasm");
        if !path.exists() {
            continue;
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // Loaded once and measured until the process ends.
        let guest = Box::leak(Box::new(Module::parse(name, bytes)?));
        engines.push(Box::new(inside::Inside::new(format!("{name}@{outer}"), guest, engine())));
    }
    Ok(engines)
}

/// Engines inside wasmtime, which compiles them.
pub fn inside_wasmtime() -> Result<Vec<Box<dyn Engine>>> {
    #[cfg(feature = "wasmtime")]
    return inside("wasmtime", || Box::new(wasmtime::Wasmtime::cranelift("cranelift")));
    #[cfg(not(feature = "wasmtime"))]
    Ok(Vec::new())
}

/// Engines inside Rotifer.
pub fn inside_rotifer() -> Result<Vec<Box<dyn Engine>>> {
    #[cfg(feature = "rotifer")]
    return inside("rotifer", || Box::new(rotifer::Rotifer::checked("rotifer")));
    #[cfg(not(feature = "rotifer"))]
    Ok(Vec::new())
}

/// Every engine in every mode, once.
pub fn all() -> Vec<Box<dyn Engine>> {
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    for engine in [for_startup(), for_fuel(), for_calls(), for_instantiate()].into_iter().flatten() {
        if engines.iter().all(|known| known.name() != engine.name()) {
            engines.push(engine);
        }
    }
    engines
}
