//! The oracle `validate`: the verdict on any bytes is that of wasmparser with the same features.

use rotifer::{Config, Engine, ErrorKind, Features, LoadMode, Module};
use wasmparser::{Parser, Payload, TypeRef, Validator, WasmFeatures};

use crate::{Finding, random::Random};

/// Random features.
pub fn features(random: &mut Random) -> Features {
    let mut features = crate::execute::all_features();
    // What most modules need, or any set with the same probability.
    let off = match random.below(8) {
        0 => return Features::default(),
        1 | 2 => return features,
        3 | 4 => 4,
        _ => 2,
    };
    let mut flip = |flag: &mut bool| *flag = !random.one_in(off);
    flip(&mut features.floats);
    flip(&mut features.mutable_global);
    flip(&mut features.sign_extension);
    flip(&mut features.saturating_float_to_int);
    flip(&mut features.multi_value);
    flip(&mut features.bulk_memory);
    flip(&mut features.reference_types);
    flip(&mut features.tail_call);
    flip(&mut features.extended_const);
    flip(&mut features.multi_memory);
    flip(&mut features.memory64);
    flip(&mut features.custom_page_sizes);
    flip(&mut features.wide_arithmetic);
    features
}

/// The same features for wasmparser, and nothing else.
fn oracle_features(features: &Features) -> WasmFeatures {
    // This flag belongs to no proposal: it allows `externref` where the proposal for it is on.
    let mut oracle = WasmFeatures::GC_TYPES;
    for (name, enabled) in features.iter() {
        let flag = match name {
            "floats" => WasmFeatures::FLOATS,
            "mutable_global" => WasmFeatures::MUTABLE_GLOBAL,
            "sign_extension" => WasmFeatures::SIGN_EXTENSION,
            "saturating_float_to_int" => WasmFeatures::SATURATING_FLOAT_TO_INT,
            "multi_value" => WasmFeatures::MULTI_VALUE,
            "bulk_memory" => WasmFeatures::BULK_MEMORY,
            "reference_types" => WasmFeatures::REFERENCE_TYPES,
            "tail_call" => WasmFeatures::TAIL_CALL,
            "extended_const" => WasmFeatures::EXTENDED_CONST,
            "multi_memory" => WasmFeatures::MULTI_MEMORY,
            "memory64" => WasmFeatures::MEMORY64,
            "custom_page_sizes" => WasmFeatures::CUSTOM_PAGE_SIZES,
            "wide_arithmetic" => WasmFeatures::WIDE_ARITHMETIC,
            _ => panic!("the oracle does not know the feature {name}"),
        };
        oracle.set(flag, enabled);
    }
    oracle
}

/// Why we may refuse what wasmparser accepts: we limit what it does not. The list is that of the validator's
/// tests.
fn is_known_limit(error: &rotifer::Error) -> bool {
    const REASONS: [&str; 5] = [
        "too many slots of a frame",
        "too many blocks in each other",
        "too many labels of a br_table",
        "too many tables",
        "too many bytes of a module",
    ];
    let ErrorKind::Limit(error) = error.kind() else { return false };
    REASONS.iter().any(|reason| error.message().starts_with(reason))
}

/// Why wasmparser may refuse what we accept: it adds up the sizes of the types of imports and exports.
fn is_known_oracle_limit(message: &str) -> bool {
    message.contains("effective type size exceeds the limit")
}

/// Where the body of a function lies, if there is a module up to there.
fn body_range(wasm: &[u8], func: u32) -> Option<std::ops::Range<usize>> {
    let mut next = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            Payload::ImportSection(imports) => {
                let is_func = |ty| matches!(ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                for import in imports.into_imports() {
                    next += u32::from(is_func(import.ok()?.ty));
                }
            }
            Payload::CodeSectionEntry(body) => {
                if next == func {
                    let range = body.range();
                    return Some(range.start as usize..range.end as usize);
                }
                next += 1;
            }
            _ => {}
        }
    }
    None
}

/// What an error says about where it is: in the module, and in the body that it names.
fn check_place(wasm: &[u8], error: &rotifer::Error) -> Result<(), Finding> {
    let Some(error) = error.as_module_error() else {
        return Err(Finding::new("message", format!("not an error of a module: {error}")));
    };
    let offset = error.offset().0 as usize;
    if offset > wasm.len() || error.message().is_empty() {
        return Err(Finding::new("message", format!("{error} in {} bytes", wasm.len())));
    }
    if let Some(range) = error.func().and_then(|func| body_range(wasm, func.0))
        && !(range.start..=range.end).contains(&offset)
    {
        return Err(Finding::new("message", format!("{error}, but the body is at {range:#x?}")));
    }
    Ok(())
}

/// Compares the verdicts of all modes and wasmparser. Gives whether the module is valid.
pub fn validate(wasm: &[u8], features: &Features) -> Result<bool, Finding> {
    let mut config = Config::default();
    config.features(*features);
    let engine = Engine::new(&config);
    let ours = Module::validate(&engine, wasm);
    let oracle = Validator::new_with_features(oracle_features(features)).validate_all(wasm);
    match (&ours, &oracle) {
        (Ok(()), Err(theirs)) if !is_known_oracle_limit(theirs.message()) => {
            return Err(Finding::new(
                "accepts",
                format!("wasmparser says: {theirs}; we accept; {features:?}"),
            ));
        }
        (Err(error), Ok(_)) if !is_known_limit(error) => {
            return Err(Finding::new(
                "refuses",
                format!("wasmparser accepts; we say: {error}; {features:?}"),
            ));
        }
        _ => {}
    }
    if let Err(error) = &ours {
        check_place(wasm, error)?;
    }
    let text = |result: Result<(), rotifer::Error>| result.map_err(|error| error.to_string());
    let expected = text(ours);
    let differ = |what: &str, actual: &Result<(), String>| {
        Err(Finding::new("modes", format!("checked: {expected:?}; but {what}: {actual:?}; {features:?}")))
    };
    for mode in [LoadMode::Checked, LoadMode::Eager] {
        let actual = text(Module::new_with_mode(&engine, wasm, mode).map(drop));
        if actual != expected {
            return differ(&format!("{mode:?}"), &actual);
        }
    }
    match Module::new_with_mode(&engine, wasm, LoadMode::Partial) {
        Ok(module) => {
            let translated = text(module.translate_all());
            let actual = text(module.validate_all());
            if actual != expected {
                return differ("partial", &actual);
            }
            if translated != expected {
                return differ("partial, translated", &translated);
            }
        }
        Err(error) if expected.is_ok() => return differ("partial", &Err(error.to_string())),
        Err(_) => {}
    }
    Ok(expected.is_ok())
}

/// Changes a module in a few places.
pub fn mutate(wasm: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.range(1, 4) {
        if wasm.is_empty() {
            return;
        }
        // Mostly behind the header.
        let at =
            if wasm.len() > 9 && !random.one_in(50) { random.range(8, wasm.len() as u64 - 1) } else { 0 };
        let at = at as usize;
        match random.below(8) {
            0 => wasm[at] ^= 1 << random.below(8),
            1 | 2 => wasm[at] = random.bits() as u8,
            3 => {
                wasm[at] = random.pick(&[0, 1, 2, 0x7f, 0x80, 0xff, 0x40, 0x0b, 0x0c, 0x20, 0x6f, 0x70, 0xfc])
            }
            4 => wasm[at] = wasm[at].wrapping_add(random.pick(&[1, 255])),
            5 => wasm.insert(at, random.bits() as u8),
            6 => drop(wasm.remove(at)),
            _ if random.one_in(4) => wasm.truncate(at),
            _ => {
                let other = random.below(wasm.len() as u64) as usize;
                wasm.swap(at, other);
            }
        }
    }
}

/// Bytes to judge, from a seed: modules of wasm-smith with any features, most of them changed afterwards.
pub fn bytes_of_seed(seed: u64) -> (Vec<u8>, Features) {
    let mut random = Random::new(!seed);
    let features = features(&mut random);
    let len = random.pick(&[50, 200, 1_000, 4_000]);
    let input = random.bytes(len as usize);
    (judged(&mut random, &input), features)
}

/// Bytes to judge, from bytes.
pub fn judged(random: &mut Random, input: &[u8]) -> Vec<u8> {
    let mut u = arbitrary::Unstructured::new(input);
    let config = wasm_smith::Config {
        allow_floats: !random.one_in(4),
        allow_invalid_funcs: random.one_in(8),
        bulk_memory_enabled: !random.one_in(4),
        compact_imports_enabled: random.one_in(16),
        custom_page_sizes_enabled: random.one_in(3),
        exceptions_enabled: random.one_in(16),
        gc_enabled: random.one_in(16),
        generate_custom_sections: random.one_in(4),
        max_instructions: random.pick(&[10, 50, 200]),
        max_memories: random.pick(&[1, 4]),
        max_tables: random.pick(&[1, 4]),
        memory64_enabled: random.one_in(2),
        min_uleb_size: random.pick(&[1, 1, 1, 2, 5]),
        multi_value_enabled: !random.one_in(4),
        reference_types_enabled: !random.one_in(4),
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: !random.one_in(4),
        sign_extension_ops_enabled: !random.one_in(4),
        simd_enabled: random.one_in(16),
        tail_call_enabled: !random.one_in(4),
        threads_enabled: random.one_in(16),
        wide_arithmetic_enabled: random.one_in(2),
        ..wasm_smith::Config::default()
    };
    let Ok(module) = wasm_smith::Module::new(config, &mut u) else { return input.to_vec() };
    let mut wasm = module.to_bytes();
    if !random.one_in(4) {
        mutate(&mut wasm, random);
    }
    wasm
}
