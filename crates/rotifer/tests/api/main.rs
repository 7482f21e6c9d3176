//! The public API: what it does, what it refuses, and what it says then.

mod backtraces;
mod bytes;
mod config;
mod eviction;
mod fuel;
mod globals;
mod histories;
mod host;
mod hostile;
mod instances;
mod interrupt;
mod limiter;
mod linking;
mod loading;
mod memories;
mod modes;
mod modules;
mod polling;
mod pool;
mod profile;
mod reset;
mod snapshots;
mod stack;
mod stores;
mod suspend;
mod suspended_calls;
mod tables;
mod threads;
mod values;
mod warm;

use rotifer::{Config, Dispatch, Engine, Error, Instance, Linker, LoadMode, Module, Store};

/// The binary form of a module in the text format.
fn wasm(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"))
}

/// An engine for each dispatcher of this build.
fn engines() -> Vec<Engine> {
    engines_with(|_| {})
}

fn engines_with(change: impl Fn(&mut Config)) -> Vec<Engine> {
    let engine = |&dispatch: &Dispatch| {
        let mut config = Config::new();
        config.dispatch(dispatch);
        change(&mut config);
        Engine::new(&config)
    };
    assert_eq!(Dispatch::available(), DISPATCHERS, "tests run optimised and with both dispatchers");
    Dispatch::available().iter().map(engine).collect()
}

/// An engine that loads with so many threads, in this mode.
fn with_threads(threads: usize, mode: LoadMode) -> Engine {
    let mut config = Config::new();
    config.load_threads(threads).load_mode(mode);
    Engine::new(&config)
}

/// The dispatchers that a build for tests must have. Memory checkers that instrument code leave one.
const DISPATCHERS: &[Dispatch] = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64"))
    && cfg!(not(miri))
    && option_env!("ROTIFER_NO_TAIL_CALLS").is_none()
{
    &[Dispatch::Tail, Dispatch::Loop]
} else {
    &[Dispatch::Loop]
};

const MODES: [LoadMode; 3] = [LoadMode::Eager, LoadMode::Checked, LoadMode::Partial];

fn load(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, wasm(wat)).unwrap_or_else(|error| panic!("{error}"))
}

/// A store with an instance of a module without imports.
fn instantiate(wat: &str) -> (Store<()>, Instance) {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &load(&engine, wat), &[]).unwrap();
    (store, instance)
}

/// The error of instantiating a module with a linker.
fn link_error(linker: &Linker<()>, store: &mut Store<()>, wat: &str) -> Error {
    let module = load(linker.engine(), wat);
    linker.instantiate(store, &module).expect_err("it does not link")
}
