//! Bytes of unknown origin: whatever they are, loading and executing them ends in a typed error or in a result, in
//! every safe mode and with both dispatchers, with memory and time in proportion to the bytes.
//!
//! `ROTIFER_MODULES`, folders separated by colons, adds modules to the tests that are made by hand
//! (`cargo test -p rotifer --test hostile -- --ignored --nocapture`).

mod allocator;
mod binary;
mod bodies;
mod corpus;
mod counts;
mod instances;
mod mutations;
mod names;
mod outcome;
mod partial;
mod partial_reach;
mod sections;
mod translation;
mod traps;
mod truncations;

use rotifer::{Config, Dispatch, Engine, Features, LoadMode, Module};

/// The modes that promise safety, whatever the bytes.
const MODES: [LoadMode; 3] = [LoadMode::Eager, LoadMode::Checked, LoadMode::Partial];

/// An engine for each dispatcher, which counts fuel and has all proposals; stacks are small.
fn engines() -> Vec<Engine> {
    engines_with(|_| {})
}

fn engines_with(change: impl Fn(&mut Config)) -> Vec<Engine> {
    let engine = |&dispatch: &Dispatch| {
        let mut config = Config::new();
        let features = Features { custom_page_sizes: true, wide_arithmetic: true, ..Features::default() };
        config.dispatch(dispatch).consume_fuel(true).features(features);
        config.max_stack_size(128 << 10).max_call_depth(200);
        change(&mut config);
        Engine::new(&config)
    };
    Dispatch::available().iter().map(engine).collect()
}

/// Numbers that are the same on every machine (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Loads bytes that are not valid in every mode. Returns what is said, which is typed, and within the bytes.
///
/// Modes that look at bodies agree; partial mode may not have come to the error yet.
fn refusal(engine: &Engine, wasm: &[u8]) -> String {
    let messages = MODES.map(|mode| match Module::new_with_mode(engine, wasm, mode) {
        Ok(module) => {
            assert_eq!(mode, LoadMode::Partial, "{mode:?} accepts it");
            module.validate_all().expect_err("it is not valid").to_string()
        }
        Err(error) => {
            let module = error.as_module_error().unwrap_or_else(|| panic!("not a module's error: {error:?}"));
            assert!(module.offset().0 as usize <= wasm.len(), "{error}");
            error.to_string()
        }
    });
    assert_eq!(messages[0], messages[1]);
    messages[0].clone()
}
