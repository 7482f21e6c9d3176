//! Where validator, translator and executor meet: how an untranslated function gets its code.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{convert::Infallible, fmt, mem};
use rotifer_bytecode::{CodeBuffer, HandlerTable, Points, RegionStart, Wanted};
use rotifer_core::{Features, FuncIdx, Limits, TypeIdx};
use rotifer_executor::{self as executor, ModuleCode, Stubs, Translate};
use rotifer_translator::{self as translator, Metering, Translator, TranslatorEnv};
use rotifer_validator::{Error, Scratch, WalkContext, WalkError, walk};

use crate::{Engine, sync::RwLock};

/// Memory that one translation leaves to the next, for each engine: one for each thread that translates, up to some.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "they are moved in and out for each function")]
pub(crate) struct TranslationMemory(RwLock<Vec<Box<Parts>>>);

#[derive(Default)]
struct Parts {
    scratch: Scratch<Translator<'static>>,
    translator: translator::Memory,
}

impl TranslationMemory {
    /// How many bytes of one are kept.
    const MOST: usize = 256 << 10;

    /// How many are kept.
    const THREADS: usize = 4;

    /// The memory that was put back last, if other threads have left any.
    fn take(&self) -> Box<Parts> {
        self.0.write().pop().unwrap_or_default()
    }

    fn put(&self, parts: Box<Parts>) {
        if parts.scratch.size() + parts.translator.size() <= Self::MOST {
            let mut kept = self.0.write();
            if kept.len() < Self::THREADS {
                kept.push(parts);
            }
        }
    }
}

impl fmt::Debug for TranslationMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TranslationMemory")
    }
}

/// Translates the functions of a module, in one walk over each body.
#[derive(Debug)]
pub(crate) struct Wiring {
    handlers: &'static HandlerTable,
    features: Features,
    limits: Limits,
    /// What the code is linked with.
    stubs: Arc<Stubs>,
    /// Whether every NaN is the canonical one.
    canonical_nans: bool,
    /// Functions tell when they begin and end.
    probes: bool,
    /// Bodies are known to be valid.
    trusted: bool,
    memory: Arc<TranslationMemory>,
}

/// A cell of bytecode, for people. See [`Module::bytecode`](crate::Module::bytecode).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BytecodeCell {
    /// The position of its first word in the function's code.
    pub position: u32,
    /// The byte offset in the module of the operator that it was written for.
    pub wasm_offset: u32,
    /// Its op and operands.
    pub text: String,
}

impl Wiring {
    pub(crate) fn new(engine: &Engine, trusted: bool) -> Self {
        let config = engine.config();
        Self {
            handlers: engine.handlers(),
            features: config.features,
            limits: config.limits,
            stubs: engine.stubs().clone(),
            canonical_nans: config.canonical_nans,
            probes: config.profile,
            trusted,
            memory: engine.translation_memory().clone(),
        }
    }

    fn walk(
        &self,
        code: &ModuleCode,
        func: FuncIdx,
        listing: bool,
        points: &[Wanted],
    ) -> Result<CodeBuffer, Error> {
        let imported = code.module.imported_functions;
        let env = TranslatorEnv {
            handlers: self.handlers,
            imported_functions: imported,
            entry: &|func: FuncIdx| (&raw const code.entries()[(func.0 - imported) as usize]).cast(),
            type_id: &|ty: TypeIdx| code.type_ids[ty.index()],
            metering: match self.stubs.metering() {
                executor::Metering::Off => Metering::Off,
                executor::Metering::Interrupts => Metering::Interrupts,
                executor::Metering::Fuel(costs) => Metering::Fuel(costs),
            },
            canonical_nans: self.canonical_nans,
            tracked_writes: self.stubs.tracks_writes(),
            probes: self.probes,
            listing,
            points,
        };
        let cx = WalkContext {
            module: &code.module,
            bytes: code.bytes(),
            features: &self.features,
            limits: &self.limits,
        };
        let mut parts = self.memory.take();
        let mut translator = Translator::with_memory(env, mem::take(&mut parts.translator));
        let mut scratch = mem::take(&mut parts.scratch).for_client();
        let walked: Result<(), WalkError<Infallible>> = if self.trusted {
            walk::<_, false>(&cx, func, &mut scratch, &mut translator)
        } else {
            walk::<_, true>(&cx, func, &mut scratch, &mut translator)
        };
        let (code, memory) = translator.into_parts();
        *parts = Parts { scratch: scratch.for_client(), translator: memory };
        self.memory.put(parts);
        match walked {
            Ok(()) => Ok(code.expect("a walk that succeeds finishes its client")),
            Err(WalkError::Invalid(error)) => Err(error),
        }
    }

    /// The code of a function as text.
    pub(crate) fn list(&self, code: &ModuleCode, func: FuncIdx) -> Result<Vec<BytecodeCell>, Error> {
        let buffer = self.walk(code, func, true, &[])?;
        let cell = |listed: &rotifer_bytecode::Listed| {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = rotifer_bytecode::print(&buffer, listed, &mut text);
            BytecodeCell { position: listed.position, wasm_offset: listed.offset.0, text }
        };
        Ok(buffer.listing.iter().map(cell).collect())
    }
}

// SAFETY: I-CELL, I-SLOT, I-FRAME: `walk` gives the translator this module's entries and its engine's handlers.
unsafe impl Translate for Wiring {
    fn translate(&self, module: &ModuleCode, func: FuncIdx) -> Result<CodeBuffer, Error> {
        self.walk(module, func, false, &[])
    }

    fn recycle(&self, buffer: CodeBuffer) {
        let mut parts = self.memory.take();
        parts.translator.recycle(buffer);
        self.memory.put(parts);
    }

    fn regions(&self, module: &ModuleCode, func: FuncIdx) -> Vec<RegionStart> {
        // It was translated before, and so it is again.
        self.walk(module, func, true, &[]).map_or_else(|_| Vec::new(), |buffer| buffer.regions)
    }

    fn points(&self, module: &ModuleCode, func: FuncIdx, wanted: &[Wanted]) -> Result<Points, Error> {
        Ok(self.walk(module, func, false, wanted)?.points)
    }
}
