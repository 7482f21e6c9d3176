//! Random sequences of calls of the public API.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotifer_fuzz::api;

fuzz_target!(|data: &[u8]| {
    let Some((seed, input)) = data.split_first_chunk::<8>() else { return };
    if let Err(finding) = api::run(u64::from_le_bytes(*seed), input) {
        panic!("{}: {}", finding.oracle, finding.text);
    }
});
