//! Measures loading and validation against wasmparser: `cargo run --release --example throughput -- FILES`.
//!
//! All contestants run in turn, so that a ratio within one line means something on a noisy machine. Shown is the
//! best of all rounds, for the size of the whole file.

use rotifer_core::{Features, FuncIdx, Limits};
use rotifer_validator::{Module, Scratch, Trust, WalkContext, walk};
use std::{hint::black_box, time::Instant};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

const ROUNDS: usize = 15;

/// wasmparser with the features that are on by default here.
fn oracle_features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
}

fn oracle_sections(bytes: &[u8]) {
    let mut validator = Validator::new_with_features(oracle_features());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.unwrap();
        if let Payload::End(_) = payload {
            break;
        }
        black_box(validator.payload(&payload).unwrap());
    }
}

fn walk_unchecked(module: &Module, bytes: &[u8], features: &Features, limits: &Limits) {
    let cx = WalkContext { module, bytes, features, limits };
    let mut scratch = Scratch::default();
    for body in 0..module.bodies.len() as u32 {
        let func = FuncIdx(module.imported_functions + body);
        walk::<(), false>(&cx, func, &mut scratch, &mut ()).unwrap();
    }
}

fn main() {
    println!(
        "{:<26} {:>9} | MB/s: wasmparser, ours, unchecked walk | µs, sections: wasmparser, ours",
        "", "bytes"
    );
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let (features, limits) = (Features::default(), Limits::default());
        let module = Module::read_validated(&bytes, &features, &limits).unwrap();
        let mut best = [f64::MAX; 5];
        for _ in 0..ROUNDS {
            let mut contestant = 0;
            let mut time = |run: &dyn Fn()| {
                // Small modules are repeated, for the sake of the clock.
                let repeat = (200_000 / bytes.len()).max(1);
                let start = Instant::now();
                (0..repeat).for_each(|_| run());
                let seconds = start.elapsed().as_secs_f64() / repeat as f64;
                best[contestant] = best[contestant].min(seconds);
                contestant += 1;
            };
            time(&|| {
                black_box(Validator::new_with_features(oracle_features()).validate_all(&bytes).unwrap());
            });
            time(&|| {
                black_box(Module::read_validated(&bytes, &features, &limits).unwrap());
            });
            time(&|| walk_unchecked(&module, &bytes, &features, &limits));
            time(&|| oracle_sections(&bytes));
            time(&|| {
                black_box(Module::read(&bytes, &features, &limits, Trust::Checked).unwrap());
            });
        }
        let rate = |seconds: f64| bytes.len() as f64 / seconds / 1e6;
        println!(
            "{:<26} {:>9} | {:7.0} {:7.0} ({:.2}x) {:7.0} | {:8.1} {:8.1}",
            path.rsplit('/').next().unwrap_or(&path),
            bytes.len(),
            rate(best[0]),
            rate(best[1]),
            best[0] / best[1],
            rate(best[2]),
            best[3] * 1e6,
            best[4] * 1e6,
        );
    }
}
