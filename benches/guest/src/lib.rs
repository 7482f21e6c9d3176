//! An engine of the benchmark as a WebAssembly module: what light clients in browsers and chain runtimes do.
//!
//! `src/engines/inside.rs` of the benchmark is the other side. The engine's adapter is the very file that the
//! benchmark uses, so that both are asked for the same things. Everything goes through an exchange buffer in
//! this module's memory: bytes and names go in, numbers go in and out, texts of errors come out.
//!
//! Every export returns -1 if it fails; the text of the error is then in the buffer, its length in its first
//! four bytes.

#[path = "../../src/engine.rs"]
#[allow(dead_code, reason = "shared with the benchmark, which does more")]
mod engine;
#[path = "../../src/module.rs"]
#[allow(dead_code, reason = "shared with the benchmark, which does more")]
mod module;
#[cfg(feature = "rotifer")]
#[path = "../../src/engines/rotifer.rs"]
#[allow(dead_code, reason = "shared with the benchmark, which does more")]
mod rotifer;
#[cfg(feature = "wasmi")]
#[path = "../../src/engines/wasmi.rs"]
#[allow(dead_code, reason = "shared with the benchmark, which does more")]
mod wasmi;
#[path = "../../src/engines/wire.rs"]
mod wire;

use anyhow::{Context, Result};
use engine::{Engine, Export, Instance};
use std::cell::RefCell;

/// What there is one of, this being a module with one thread.
#[derive(Default)]
struct State {
    buffer: Vec<u8>,
    instance: Option<Box<dyn Instance>>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// The engine that this module contains, in the mode that runs code fastest.
fn engine() -> impl Engine {
    #[cfg(feature = "rotifer")]
    return rotifer::Rotifer::checked("rotifer");
    #[cfg(feature = "wasmi")]
    return wasmi::Wasmi::eager("wasmi");
}

/// Runs `work` and turns an error into a text in the buffer.
fn with_state(work: impl FnOnce(&mut State) -> Result<i32>) -> i32 {
    STATE.with_borrow_mut(|state| match work(state) {
        Ok(number) => number,
        Err(error) => {
            let text = format!("{error:#}");
            state.buffer = [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
            -1
        }
    })
}

impl State {
    fn instance(&mut self) -> Result<&mut dyn Instance> {
        Ok(self.instance.as_mut().context("no module is loaded")?.as_mut())
    }
}

/// Where the buffer is, after it was made at least `len` bytes long. Any other call may move it.
#[unsafe(no_mangle)]
extern "C" fn buffer(len: i32) -> i32 {
    with_state(|state| {
        let len = state.buffer.len().max(len as u32 as usize);
        state.buffer.resize(len, 0);
        Ok(state.buffer.as_ptr().addr() as i32)
    })
}

/// Loads the module that is the first `len` bytes of the buffer, and instantiates it.
#[unsafe(no_mangle)]
extern "C" fn load(len: i32) -> i32 {
    with_state(|state| {
        state.instance = None;
        let bytes = state.buffer.get(..len as u32 as usize).context("the buffer is shorter")?;
        let module = module::Module::parse("guest", bytes.to_vec())?;
        state.instance = Some(engine().instantiate(&module)?);
        Ok(0)
    })
}

/// The number of the exported function whose name is the first `len` bytes of the buffer.
#[unsafe(no_mangle)]
extern "C" fn export(len: i32) -> i32 {
    with_state(|state| {
        let name = state.buffer.get(..len as u32 as usize).context("the buffer is shorter")?;
        let name = String::from_utf8(name.to_vec())?;
        Ok(state.instance()?.export(&name)?.0 as i32)
    })
}

/// Calls an exported function by its number, with `count` arguments from the buffer; the result goes there.
/// Returns the number of results.
#[unsafe(no_mangle)]
extern "C" fn call(export: i32, count: i32) -> i32 {
    with_state(|state| {
        let args = wire::read(&state.buffer, count as u32 as usize)?;
        let result = state.instance()?.call(Export(export as u32 as usize), &args)?;
        state.buffer = wire::write(result.as_slice());
        Ok(result.is_some().into())
    })
}

/// Writes the address and the length of the instance's memory to the buffer, as two 32-bit numbers. It stays
/// there until something else is called.
#[unsafe(no_mangle)]
extern "C" fn lend() -> i32 {
    with_state(|state| {
        let mut place = (0, 0);
        state.instance()?.with_memory(&mut |memory| place = (memory.as_ptr().addr(), memory.len()))?;
        let (address, len) = place;
        state.buffer = [(address as u32).to_le_bytes(), (len as u32).to_le_bytes()].concat();
        Ok(0)
    })
}
