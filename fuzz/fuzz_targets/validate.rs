//! Bytes, wasm-smith's modules and changed modules: the verdict is wasmparser's.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotifer_fuzz::{random::Random, validate};

fuzz_target!(|data: &[u8]| {
    let Some((seed, input)) = data.split_first_chunk::<8>() else { return };
    let mut random = Random::new(u64::from_le_bytes(*seed));
    let features = validate::features(&mut random);
    // A module as it is, or bytes to make one of.
    let wasm = if input.starts_with(b"\0asm") {
        let mut wasm = input.to_vec();
        if random.one_in(2) {
            validate::mutate(&mut wasm, &mut random);
        }
        wasm
    } else {
        validate::judged(&mut random, input)
    };
    if let Err(finding) = validate::validate(&wasm, &features) {
        panic!("{}: {}", finding.oracle, finding.text);
    }
});
