//! States of instances: taken, put back, recorded, written and read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotifer_fuzz::generate;

fuzz_target!(|data: &[u8]| {
    let Some((seed, input)) = data.split_first_chunk::<8>() else { return };
    let Ok(generated) = generate::module(u64::from_le_bytes(*seed), input) else { return };
    if let Err(finding) = generated.states() {
        panic!("{}: {}", finding.oracle, finding.text);
    }
});
