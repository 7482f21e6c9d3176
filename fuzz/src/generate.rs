//! Modules from bytes or from a seed.

use arbitrary::Unstructured;
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices, Module};

use crate::{
    Finding,
    case::{Case, export_global},
    execute::{self, Done, Nan},
    random::Random,
};

/// The fuel that a module gets for a call, in entered functions and loop iterations.
pub const FUEL: u32 = 3_000;

/// A configuration for modules that rotifer accepts and that stay small.
fn config(random: &mut Random) -> Config {
    let pages = random.pick(&[1, 2, 4]);
    let mut kinds = vec![
        InstructionKind::Numeric,
        InstructionKind::Reference,
        InstructionKind::Parametric,
        InstructionKind::Variable,
        InstructionKind::Table,
        InstructionKind::Memory,
        InstructionKind::Control,
    ];
    if random.one_in(2) {
        kinds.retain(|_| !random.one_in(4));
    }
    Config {
        allowed_instructions: InstructionKinds::new(&kinds),
        allow_floats: !random.one_in(4),
        bulk_memory_enabled: true,
        canonicalize_nans: false,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: random.one_in(8),
        disallow_traps: random.one_in(8),
        exceptions_enabled: false,
        export_everything: true,
        gc_enabled: false,
        generate_custom_sections: false,
        max_data_segments: 4,
        max_element_segments: 4,
        max_elements: 10,
        max_exports: 20,
        max_funcs: random.pick(&[1, 3, 8, 20]),
        min_funcs: 1,
        max_globals: random.pick(&[0, 4, 10]),
        max_imports: random.pick(&[0, 0, 5, 10]),
        max_instructions: random.pick(&[10, 30, 100, 300]),
        max_memories: random.pick(&[1, 1, 3]),
        max_memory32_bytes: pages << 16,
        max_memory64_bytes: u128::from(pages) << 16,
        max_table_elements: 100,
        max_tables: 3,
        max_type_size: 100,
        max_types: random.pick(&[2, 10, 20]),
        memory64_enabled: random.one_in(3),
        memory_max_size_required: true,
        memory_offset_choices: MemoryOffsetChoices(75, 24, 1),
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: true,
        shared_everything_threads_enabled: false,
        sign_extension_ops_enabled: true,
        simd_enabled: false,
        table_max_size_required: true,
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: random.one_in(4),
        ..Config::default()
    }
}

/// A module to execute: the choices of the configuration follow from the seed, its content from the bytes, unless
/// the seed is one of a structured module.
///
/// Half of the modules count their own fuel. The others must only be run as far as a reference says that they
/// terminate.
pub fn module(seed: u64, bytes: &[u8]) -> arbitrary::Result<Generated> {
    // Half of the modules are like compiled code.
    if is_structured(seed) {
        let (case, counts_fuel) = crate::structured::module(seed, bytes);
        return Ok(Generated { case, counts_fuel });
    }
    let mut random = Random::new(seed);
    let mut config = config(&mut random);
    config.canonicalize_nans = nan_of_seed(seed) == Nan::Exact;
    let counts_fuel = random.one_in(2);
    let mut module = Module::new(config, &mut Unstructured::new(bytes))?;
    let mut wasm = None;
    if counts_fuel && let Ok(global) = module.ensure_termination(FUEL) {
        wasm = Some(export_global(&module.to_bytes(), global));
    }
    let case = Case { wasm: wasm.unwrap_or_else(|| module.to_bytes()), seed };
    Ok(Generated { case, counts_fuel })
}

fn is_structured(seed: u64) -> bool {
    seed & 1 << 40 != 0
}

/// How the NaNs of a module of this seed compare. Structured modules keep payloads out of integers and memories; of
/// those of wasm-smith some make NaNs canonical by code of their own.
pub fn nan_of_seed(seed: u64) -> Nan {
    match (is_structured(seed), seed >> 41 & 3) {
        (true, 0 | 1) => Nan::Any,
        (false, 0) => Nan::Exact,
        _ => Nan::Canonical,
    }
}

/// A generated module.
#[derive(Clone, Debug)]
pub struct Generated {
    pub case: Case,
    /// Whether every call terminates by itself.
    pub counts_fuel: bool,
}

/// A module to execute from a seed.
pub fn module_of_seed(seed: u64) -> arbitrary::Result<Generated> {
    let mut random = Random::new(!seed);
    let len = if is_structured(seed) { 0 } else { random.pick(&[100, 500, 2_000, 6_000]) };
    let bytes = random.bytes(len);
    module(seed, &bytes)
}

impl Generated {
    /// The oracle `execute`.
    #[cfg(feature = "reference")]
    pub fn execute(&self) -> Result<Done, Finding> {
        execute::execute(&self.case, nan_of_seed(self.case.seed))
    }

    /// The oracle `modes`, for modules that terminate.
    pub fn modes(&self) -> Result<Done, Finding> {
        if !self.counts_fuel {
            return Ok(Done::default());
        }
        execute::modes(&self.case, nan_of_seed(self.case.seed))
    }

    /// The oracle `suspend`, for modules that terminate.
    pub fn suspend(&self) -> Result<Done, Finding> {
        if !self.counts_fuel {
            return Ok(Done::default());
        }
        execute::suspend(&self.case, nan_of_seed(self.case.seed))
    }

    /// The oracle `states`, for modules that terminate.
    pub fn states(&self) -> Result<Done, Finding> {
        if !self.counts_fuel {
            return Ok(Done::default());
        }
        crate::states::states(&self.case, nan_of_seed(self.case.seed))
    }
}

/// Runs an input of a coverage-guided target: the bytes of a seed, and those that a module is made of.
///
/// # Panics
/// The oracle finds something.
pub fn run_input(data: &[u8], oracle: fn(&Generated) -> Result<Done, Finding>) {
    let Some((seed, input)) = data.split_first_chunk::<8>() else { return };
    let Ok(generated) = module(u64::from_le_bytes(*seed), input) else { return };
    if let Err(finding) = oracle(&generated) {
        panic!("{}: {}", finding.oracle, finding.text);
    }
}
