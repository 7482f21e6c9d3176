//! The oracle: wasmparser with the same features, and what the tests of this crate share.

#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod recorder;

use self::recorder::Recorder;
use rotifer_core::{Features, FuncIdx, Limits};
use rotifer_validator::{Error, ErrorKind, Module, Scratch, Trust, WalkContext, WalkError, walk};
use wasmparser::{Validator, WasmFeatures};

/// Everything that is implemented.
pub(crate) fn all_features() -> Features {
    Features { custom_page_sizes: true, wide_arithmetic: true, ..Features::default() }
}

/// WebAssembly 1.0.
pub(crate) fn version_1() -> Features {
    Features { mutable_global: true, ..Features::MVP }
}

/// WebAssembly 2.0.
pub(crate) fn version_2() -> Features {
    Features {
        sign_extension: true,
        saturating_float_to_int: true,
        multi_value: true,
        bulk_memory: true,
        reference_types: true,
        ..version_1()
    }
}

/// Any features.
pub(crate) fn random_features(random: &mut Random) -> Features {
    let mut bits = random.next();
    let mut bit = || {
        bits >>= 1;
        bits & 1 != 0
    };
    Features {
        floats: bit(),
        mutable_global: bit(),
        sign_extension: bit(),
        saturating_float_to_int: bit(),
        multi_value: bit(),
        bulk_memory: bit(),
        reference_types: bit(),
        tail_call: bit(),
        extended_const: bit(),
        multi_memory: bit(),
        memory64: bit(),
        custom_page_sizes: bit(),
        wide_arithmetic: bit(),
    }
}

/// The same features for wasmparser, and nothing else.
pub(crate) fn oracle_features(features: &Features) -> WasmFeatures {
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

/// wasmparser's verdict.
pub(crate) fn oracle(bytes: &[u8], features: &Features) -> Result<(), String> {
    Validator::new_with_features(oracle_features(features))
        .validate_all(bytes)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Our verdict.
pub(crate) fn ours(bytes: &[u8], features: &Features) -> Result<Module, Error> {
    Module::read_validated(bytes, features, &Limits::default())
}

/// Why we may refuse what wasmparser accepts: we limit what it does not.
fn is_known_limit(error: &Error) -> bool {
    const REASONS: [&str; 5] = [
        // Frames are addressed with 16-bit slots.
        "too many slots of a frame",
        "too many blocks in each other",
        "too many labels of a br_table",
        // wasmparser allows 100,000.
        "too many tables",
        "too many bytes of a module",
    ];
    error.kind() == ErrorKind::Limit && REASONS.iter().any(|reason| error.message().starts_with(reason))
}

/// Why wasmparser may refuse what we accept.
fn is_known_oracle_limit(message: &str) -> bool {
    // It adds up the sizes of the types of imports and exports.
    message.contains("effective type size exceeds the limit")
}

/// Compares the verdicts. Returns ours.
pub(crate) fn compare(bytes: &[u8], features: &Features, what: &dyn Fn() -> String) -> Result<Module, Error> {
    let ours = ours(bytes, features);
    match (&ours, oracle(bytes, features)) {
        (Ok(_), Ok(())) | (Err(_), Err(_)) => {}
        (Ok(_), Err(theirs)) => {
            assert!(is_known_oracle_limit(&theirs), "{}: wasmparser says: {theirs}; we accept", what());
        }
        (Err(error), Ok(())) => {
            assert!(is_known_limit(error), "{}: wasmparser accepts; we say: {error:?}", what());
        }
    }
    ours
}

/// The binary of a module in the text format.
pub(crate) fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Pseudo-random numbers, the same in every run (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Walks over all bodies with a recorder, which checks the contract, and without checks, which must do the same.
pub(crate) fn check_contract(module: &Module, bytes: &[u8], features: &Features) {
    let limits = Limits::default();
    let cx = WalkContext { module, bytes, features, limits: &limits };
    let (mut checked, mut unchecked) = (Recorder::default(), Recorder::default());
    let (mut scratch, mut other) = (Scratch::default(), Scratch::default());
    for body in 0..module.bodies.len() as u32 {
        let func = FuncIdx(module.imported_functions + body);
        walk::<_, true>(&cx, func, &mut scratch, &mut checked).unwrap();
        walk::<_, false>(&cx, func, &mut other, &mut unchecked).unwrap();
        assert_eq!(checked.calls, unchecked.calls);
    }
}

/// A walk that only validates has a fast path. One that a client follows has not, and tells the same error.
pub(crate) fn check_followed_error(error: &Error, bytes: &[u8], features: &Features) {
    let limits = Limits::default();
    if let (Some(func), Ok(module)) = (error.func(), Module::read(bytes, features, &limits, Trust::Checked)) {
        let cx = WalkContext { module: &module, bytes, features, limits: &limits };
        let followed = walk::<_, true>(&cx, func, &mut Scratch::default(), &mut Recorder::default());
        assert_eq!(followed, Err(WalkError::Invalid(error.clone())));
    }
}

/// Walks over all bodies without checks. Whatever the bytes are, it must not panic.
pub(crate) fn walk_unchecked(module: &Module, bytes: &[u8], features: &Features) {
    let limits = Limits::default();
    let cx = WalkContext { module, bytes, features, limits: &limits };
    let mut scratch = Scratch::default();
    for body in 0..module.bodies.len() as u32 {
        let func = FuncIdx(module.imported_functions + body);
        let _ = walk::<(), false>(&cx, func, &mut scratch, &mut ());
    }
}

/// The same with a recorder, which checks that heights are right even where types are not.
pub(crate) fn walk_unchecked_recorded(module: &Module, bytes: &[u8], features: &Features) {
    let limits = Limits::default();
    let cx = WalkContext { module, bytes, features, limits: &limits };
    let (mut scratch, mut recorded) = (Scratch::default(), Scratch::default());
    for body in 0..module.bodies.len() as u32 {
        let func = FuncIdx(module.imported_functions + body);
        let alone = walk::<(), false>(&cx, func, &mut scratch, &mut ());
        let followed = walk::<_, false>(&cx, func, &mut recorded, &mut Recorder::default());
        assert_eq!(alone.map_err(|error| error.to_string()), followed.map_err(|error| error.to_string()));
    }
}
