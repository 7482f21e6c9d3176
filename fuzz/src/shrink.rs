//! Minimises a module that shows a finding.

use wasm_shrink::WasmShrink;

/// A smaller module for which `shows` still holds. Modules that do not validate are cut bytewise.
pub fn shrink(wasm: Vec<u8>, shows: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let valid =
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(&wasm).is_ok();
    if !valid {
        return bytewise(wasm, shows);
    }
    let mut smallest = wasm.clone();
    let result = WasmShrink::default().attempts(500).allow_empty(true).run(wasm, |wasm| {
        let shows = shows(wasm);
        if shows && wasm.len() < smallest.len() {
            smallest = wasm.to_vec();
        }
        Ok(shows)
    });
    match result {
        Ok(output) if output.output.len() < smallest.len() => output.output,
        _ => smallest,
    }
}

/// Removes pieces of halving sizes, then zeroes bytes.
fn bytewise(mut wasm: Vec<u8>, shows: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut size = wasm.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at + size <= wasm.len() {
            let mut candidate = wasm.clone();
            candidate.drain(at..at + size);
            if shows(&candidate) { wasm = candidate } else { at += size }
        }
        size /= 2;
    }
    wasm
}
