//! Which proposals a module uses: those that it does not validate without.
//!
//! Nothing is guessed from the module's bytes. A proposal is used if the module is valid with all of them and
//! not with all but this one, by the same validation that loads modules. That is exact because no construct is
//! allowed by any of several proposals.

use crate::features::{self, Features};
use rotifer::{Config, Engine, Module};
use serde::Serialize;
use wasmparser::{Validator, WasmFeatures};

/// What a module uses.
#[derive(Serialize, PartialEq, Eq, Debug, Default)]
pub(crate) struct Proposals {
    /// Proposals that Rotifer implements, by their names in `--features`.
    pub(crate) used: Vec<&'static str>,
    /// Proposals that it does not implement.
    pub(crate) unsupported: Vec<&'static str>,
    /// Whether there are floating-point types or operators. They are in the first version of WebAssembly, and yet
    /// `--features` can switch them off.
    pub(crate) floats: bool,
}

const FLOATS: &str = "floats";

impl Proposals {
    /// Of a module that is valid with everything that there is; nothing is known of any other.
    pub(crate) fn of(wasm: &[u8]) -> Option<Self> {
        let everything = Features::all();
        if !is_valid(wasm, everything) {
            return Self::with_unsupported(wasm);
        }
        let mut proposals = Self::default();
        // Most modules need nothing, which takes two looks instead of one for each proposal.
        let mvp = is_valid(wasm, Features::MVP);
        for name in features::NAMES.iter().map(String::as_str).filter(|name| !mvp || *name == FLOATS) {
            if is_valid(wasm, features::without(everything, name)) {
                continue;
            }
            match name {
                FLOATS => proposals.floats = true,
                name => proposals.used.push(name),
            }
        }
        Some(proposals)
    }

    /// The same with another validator, which knows proposals that Rotifer does not.
    fn with_unsupported(wasm: &[u8]) -> Option<Self> {
        let everything = WasmFeatures::all();
        let is_valid = |features| Validator::new_with_features(features).validate_all(wasm).is_ok();
        if !is_valid(everything) {
            return None;
        }
        let is_used = |bit: &WasmFeatures| !is_valid(everything.difference(*bit));
        let used = |rows: &[(&'static str, WasmFeatures)]| {
            rows.iter().filter(|(_, bit)| is_used(bit)).map(|(name, _)| *name).collect()
        };
        Some(Self {
            used: used(IMPLEMENTED),
            unsupported: used(UNIMPLEMENTED),
            floats: is_used(&WasmFeatures::FLOATS),
        })
    }
}

fn is_valid(wasm: &[u8], features: Features) -> bool {
    let mut config = Config::default();
    config.features(features);
    Engine::try_new(&config).is_ok_and(|engine| Module::validate(&engine, wasm).is_ok())
}

/// What `wasmparser` calls the proposals that Rotifer implements.
const IMPLEMENTED: &[(&str, WasmFeatures)] = &[
    ("mutable-global", WasmFeatures::MUTABLE_GLOBAL),
    ("sign-extension", WasmFeatures::SIGN_EXTENSION),
    ("saturating-float-to-int", WasmFeatures::SATURATING_FLOAT_TO_INT),
    ("multi-value", WasmFeatures::MULTI_VALUE),
    ("bulk-memory", WasmFeatures::BULK_MEMORY),
    ("reference-types", WasmFeatures::REFERENCE_TYPES),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("multi-memory", WasmFeatures::MULTI_MEMORY),
    ("memory64", WasmFeatures::MEMORY64),
    ("custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
    ("wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC),
];

/// The other proposals that change what modules are.
const UNIMPLEMENTED: &[(&str, WasmFeatures)] = &[
    ("simd", WasmFeatures::SIMD),
    ("relaxed-simd", WasmFeatures::RELAXED_SIMD),
    ("threads", WasmFeatures::THREADS),
    ("shared-everything-threads", WasmFeatures::SHARED_EVERYTHING_THREADS),
    ("exceptions", WasmFeatures::EXCEPTIONS),
    ("legacy-exceptions", WasmFeatures::LEGACY_EXCEPTIONS),
    ("function-references", WasmFeatures::FUNCTION_REFERENCES),
    ("gc", WasmFeatures::GC),
    ("custom-descriptors", WasmFeatures::CUSTOM_DESCRIPTORS),
    ("stack-switching", WasmFeatures::STACK_SWITCHING),
    ("memory-control", WasmFeatures::MEMORY_CONTROL),
    ("compact-imports", WasmFeatures::COMPACT_IMPORTS),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Proposals {
        Proposals::of(&wat::parse_str(text).unwrap()).unwrap()
    }

    /// A module for each proposal, with nothing else in it that is new.
    const SAMPLES: &[(&str, &str)] = &[
        ("mutable-global", "(module (global (export \"g\") (mut i32) (i32.const 0)))"),
        ("sign-extension", "(module (func (param i32) (drop (i32.extend8_s (local.get 0)))))"),
        ("saturating-float-to-int", "(module (func (drop (i32.trunc_sat_f32_s (f32.const 1)))))"),
        ("multi-value", "(module (func (result i32 i32) i32.const 1 i32.const 2))"),
        ("bulk-memory", "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))"),
        ("reference-types", "(module (func (param externref)))"),
        ("tail-call", "(module (func return_call 0))"),
        ("extended-const", "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))"),
        ("multi-memory", "(module (memory 1) (memory 1))"),
        ("memory64", "(module (memory i64 1))"),
        ("custom-page-sizes", "(module (memory 1 (pagesize 1)))"),
        (
            "wide-arithmetic",
            "(module (func (param i64 i64 i64 i64) local.get 0 local.get 1 local.get 2 local.get 3 \
             i64.add128 drop drop))",
        ),
    ];

    #[test]
    fn each_is_found_alone() {
        let names: Vec<_> = SAMPLES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, features::NAMES[1..], "a proposal without a sample");
        for (name, text) in SAMPLES {
            let floats = *name == "saturating-float-to-int";
            assert_eq!(of(text), Proposals { used: vec![name], unsupported: vec![], floats }, "{name}");
        }
    }

    #[test]
    fn the_other_validator_finds_the_same() {
        for (name, text) in SAMPLES {
            let found = Proposals::with_unsupported(&wat::parse_str(text).unwrap()).unwrap();
            assert_eq!(found.used, [*name]);
            assert_eq!(found.unsupported, Vec::<&str>::new(), "{name}");
        }
    }

    #[test]
    fn what_is_found_is_enough() {
        let wasm = wat::parse_str(
            "(module (memory 1) (memory i64 1)
               (global (export \"g\") (mut i32) (i32.add (i32.const 1) (i32.const 2)))
               (func $f (param externref) (result i64 i32)
                 (data.drop 0)
                 (i64.extend8_s (i64.load 1 (i64.const 0)))
                 (i32.trunc_sat_f64_s (f64.const 1))
                 (drop) (drop)
                 (return_call $f (local.get 0)))
               (data \"passive\"))",
        )
        .unwrap();
        let found = Proposals::of(&wasm).unwrap();
        assert_eq!(found.used, features::NAMES[1..11]);
        assert!(found.floats);
        let list = |names: &[&str]| features::parse(&format!("mvp,{}", names.join(","))).unwrap();
        assert!(is_valid(&wasm, list(&found.used)));
        for left_out in &found.used {
            let fewer: Vec<_> = found.used.iter().copied().filter(|name| name != left_out).collect();
            assert!(!is_valid(&wasm, list(&fewer)), "{left_out}");
        }
    }

    #[test]
    fn the_first_version_needs_none() {
        let text = "(module (memory 1) (func (param i32) (result i32) (i32.load (local.get 0))))";
        assert_eq!(of(text), Proposals::default());
        let floats = Proposals { floats: true, ..Proposals::default() };
        assert_eq!(of("(module (func (param f32)))"), floats);
    }

    #[test]
    fn the_unimplemented_are_named() {
        for (name, text) in [
            ("simd", "(module (func (param v128)))"),
            ("threads", "(module (memory 1 1 shared))"),
            ("exceptions", "(module (tag))"),
            ("gc", "(module (type (struct)))"),
        ] {
            let found = of(text);
            assert_eq!((found.unsupported, found.used), (vec![name], vec![]), "{name}");
        }
        assert_eq!(Proposals::of(b"\0asm\x01\0\0\0\x01"), None);
    }
}
