//! Texts as scripts and as modules.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotifer_fuzz::wast_text;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(finding) = wast_text::run(data.len() as u64, text) {
        panic!("{}: {}", finding.oracle, finding.text);
    }
});
