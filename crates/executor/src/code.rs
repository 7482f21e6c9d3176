//! Translated code: entries, blocks of code and what a module keeps of both.
//!
//! Each function of a module has a [`FuncEntry`], whose one field points to the function's first cell. Before
//! the function is translated it points to a stub that asks for more stack than there can be, so that the check
//! of the stack, which every call makes anyhow, sends the call to the driver. That has the function translated
//! and the call executed again. A caller therefore never tests a state: it loads the pointer (Acquire), finds
//! everything else about the callee in the header before that cell, and goes there. Publishing code is one
//! Release store; shared code is never patched.
//!
//! Code can be evicted, if its engine allows that: entries are set back to the stub, and the blocks are freed once
//! nobody can be running them any more ([`pin`](crate::pin)). Until then they can still be found by address.
//!
//! I-CODE: a block of code is immutable once published. It lives as long as its module or, if it is evicted, until
//! each pin that was raised then has been lowered (I-PIN).

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::{fmt, ptr::NonNull};
use rotifer_bytecode::{
    CodeBuffer, Points, RegionStart, Safepoint, Safepoints, Special, Split, Wanted, Word,
};
use rotifer_core::{FuelCosts, FuncIdx, WasmOffset};
use rotifer_validator::{Error, ExportItem, Module, Names};

use crate::{
    exec::{Dispatch, DispatchError},
    exports::ExportIndex,
    memory::MemoryImage,
    pin::{OwnPin, Pins, RaisedPin},
    sync::{AtomicPtr, Mutex, OnceLock, Ordering},
    usage::{Held, Usage},
    warm::{Common, WarmInstances},
};

/// Where the code of a function is. Its address is stable: call cells hold it.
#[derive(Debug)]
#[repr(transparent)]
pub struct FuncEntry {
    /// The first cell of the code, or of the stub. A header precedes it (see [`header`]).
    code: AtomicPtr<Word>,
}

impl FuncEntry {
    /// The function's first cell.
    #[inline(always)]
    pub(crate) fn code(&self) -> *const Word {
        self.code.load(Ordering::Acquire)
    }
}

/// The words before a function's first cell.
pub(crate) mod header {
    use rotifer_bytecode::Word;

    /// How many.
    pub(crate) const WORDS: usize = 2;

    /// What the region at the function's entry costs: the first of a pair of numbers.
    #[inline(always)]
    pub(crate) fn cost(code: *const Word) -> *const Word {
        code.wrapping_sub(2)
    }

    /// The size of the function's frame in bytes.
    #[inline(always)]
    pub(crate) fn frame_bytes(code: *const Word) -> *const u64 {
        code.wrapping_sub(1).cast()
    }
}

/// Gives the code of a function.
///
/// Implemented where validator and translator meet; the executor does not know either.
///
/// # Safety
/// I-CELL, I-SLOT, I-FRAME: the code is that of a translator that was given the handlers of the module's
/// dispatcher, the module's entries and the engine's numbers of its types.
pub unsafe trait Translate: Send + Sync {
    /// Translates a defined function. The entries passed are those of all defined functions.
    fn translate(&self, module: &ModuleCode, func: FuncIdx) -> Result<CodeBuffer, Error>;

    /// Takes back a buffer that [`translate`](Self::translate) gave and that is not needed any more.
    fn recycle(&self, _buffer: CodeBuffer) {}

    /// Where the regions of a function begin that has been translated, in the order of its body.
    fn regions(&self, module: &ModuleCode, func: FuncIdx) -> Vec<RegionStart>;

    /// The points of a function that are wanted and there. Their positions are those in the code that
    /// [`translate`](Self::translate) gives.
    ///
    /// # Errors
    /// The function's body is invalid.
    fn points(&self, module: &ModuleCode, func: FuncIdx, wanted: &[Wanted]) -> Result<Points, Error>;
}

/// Which regions are paid for, and with what (docs/FUEL.md).
#[derive(Clone, Debug, Default)]
pub enum Metering {
    /// None.
    #[default]
    Off,
    /// Calls and branches back pay for at least what is executed until the next one, so that execution is
    /// interrupted within a bounded number of operators. There is always more.
    Interrupts,
    /// All, with the store's fuel.
    Fuel(FuelCosts),
}

/// How long translated code is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CodeRetention {
    /// As long as its module.
    #[default]
    Forever,
    /// Until it is evicted: on request, and where the code of a module takes more bytes than this, that which was
    /// translated first.
    Evictable {
        /// Bytes of the code of a module and of its tables.
        budget: usize,
    },
}

/// What belongs to a place in the code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) func: FuncIdx,
    /// Of the cell, in the function's code.
    pub(crate) position: u32,
    pub(crate) point: Option<Safepoint>,
}

/// A block of code: header, then cells.
struct Code {
    words: NonNull<[Word]>,
    func: FuncIdx,
    safepoints: Safepoints,
    /// By position of the costs.
    splits: Box<[Split]>,
}

// SAFETY: I-CODE: the words are immutable, and a `Code` owns them.
unsafe impl Send for Code {}
// SAFETY: as for `Send`.
unsafe impl Sync for Code {}

impl Code {
    /// Moves code to its final place and turns the positions of branch targets into addresses.
    fn new(buffer: &CodeBuffer, func: FuncIdx) -> Self {
        let mut words = Vec::with_capacity(header::WORDS + buffer.words.len());
        words.push(Word::pair(buffer.entry_cost, 0));
        words.push(Word::bits(u64::from(buffer.frame_slots) * 8));
        words.extend_from_slice(&buffer.words);
        let words = Box::leak(words.into_boxed_slice());
        let words = NonNull::from(words);
        let first = words.cast::<Word>();
        for &position in &buffer.branches {
            // SAFETY: I-CODE: the translator lists positions of words that it wrote as bits: positions of cells, or
            // of the end of the code, of this same buffer. `first` may be written: nothing is shared yet.
            unsafe {
                let word = first.add(header::WORDS + position as usize);
                let target = (*word.as_ptr()).bits as usize;
                *word.as_ptr() = Word { cell: first.add(header::WORDS + target).as_ptr() };
            }
        }
        // Copies are as long as they need to be.
        Self { words, func, safepoints: buffer.safepoints.clone(), splits: (*buffer.splits).into() }
    }

    /// Bytes that its place among the blocks of a module takes: the nodes of a tree into which addresses are put in
    /// order, as an allocator gives them, stay about half full.
    const PLACE: usize = 2 * size_of::<(usize, Self)>();

    /// Bytes of header and cells.
    fn size(&self) -> usize {
        self.words.len() * size_of::<Word>()
    }

    /// Bytes of what is kept beside.
    fn tables(&self) -> usize {
        size_of_val(&*self.splits) + self.safepoints.size()
    }

    /// Bytes of both.
    fn held(&self) -> usize {
        self.size() + self.tables()
    }

    fn first_cell(&self) -> *mut Word {
        // SAFETY: I-CODE: every block has a header and a cell behind it.
        unsafe { self.words.cast::<Word>().add(header::WORDS).as_ptr() }
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: `words` came from `Box::leak` in `new` and is freed once. Nobody runs it: I-CODE.
        drop(unsafe { Box::from_raw(self.words.as_ptr()) });
    }
}

/// The cells that code outside of any function consists of, made once for each engine.
pub struct Stubs {
    words: Box<[Word]>,
    dispatch: Dispatch,
    metering: Metering,
    usage: Arc<Usage>,
    /// How many instances a module keeps whose stores were dropped.
    warm_instances: usize,
    /// How many bytes of each memory may stay with such an instance.
    warm_bytes: usize,
    /// Whether stores note what they write to.
    tracks_writes: bool,
    /// Whether instances keep what they need to be reset.
    keeps_bases: bool,
    /// Who may be running code, if that can be evicted.
    pins: Option<Pins>,
    /// How many bytes the code of a module may take.
    code_budget: usize,
}

impl fmt::Debug for Stubs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stubs")
    }
}

impl Stubs {
    /// The stubs for a dispatcher.
    ///
    /// # Errors
    /// The dispatcher cannot be used.
    pub fn new(dispatch: Dispatch, metering: Metering) -> Result<Self, DispatchError> {
        let handlers = dispatch.handlers()?;
        let cell = |op: Special| Word { handler: handlers[op.code().0 as usize] };
        // Returning to a stub costs nothing.
        let free = Word::pair(0, 0);
        Ok(Self {
            dispatch,
            metering,
            usage: Arc::default(),
            warm_instances: 0,
            warm_bytes: 0,
            tracks_writes: false,
            keeps_bases: false,
            pins: None,
            code_budget: usize::MAX,
            words: Box::new([
                // The header of the translate-me stub: a frame for which there is never room, so that every
                // call of it leaves the dispatcher before it happens. Its cell is never executed.
                free,
                Word::bits(1 << 62),
                cell(Special::Unreachable),
                free,
                cell(Special::HostExit),
                free,
                cell(Special::ReturnCross),
            ]),
        })
    }

    /// Sets how many instances a module keeps for other stores when theirs are dropped, and how many bytes of each
    /// memory of theirs stay with them.
    #[must_use]
    pub fn with_warm_instances(mut self, count: usize, bytes: usize) -> Self {
        (self.warm_instances, self.warm_bytes) = (count, bytes);
        self
    }

    /// Sets whether code that is linked with these stubs notes what it writes to. Memories are tracked then.
    #[must_use]
    pub fn with_tracked_writes(mut self, tracked: bool) -> Self {
        self.tracks_writes = tracked;
        self
    }

    /// Sets whether instances keep what they need to be reset.
    #[must_use]
    pub fn with_bases(mut self, keep: bool) -> Self {
        self.keeps_bases = keep;
        self
    }

    /// Whether instances keep what they need to be reset.
    pub(crate) fn keeps_bases(&self) -> bool {
        self.keeps_bases
    }

    /// Sets how long code is kept that is linked with these stubs.
    #[must_use]
    pub fn with_code_retention(mut self, retention: CodeRetention) -> Self {
        (self.pins, self.code_budget) = match retention {
            CodeRetention::Forever => (None, usize::MAX),
            CodeRetention::Evictable { budget } => (Some(Pins::default()), budget),
        };
        self
    }

    /// A pin for somebody who is going to run code that is linked with these stubs.
    pub(crate) fn pin(&self) -> OwnPin {
        OwnPin::new(self.pins.as_ref())
    }

    pub(crate) fn warm_instances(&self) -> usize {
        self.warm_instances
    }

    pub(crate) fn warm_bytes(&self) -> usize {
        self.warm_bytes
    }

    /// Whether code that is linked with these stubs notes what it writes to.
    pub fn tracks_writes(&self) -> bool {
        self.tracks_writes
    }

    /// The dispatcher that runs these stubs and all code that is linked with them.
    pub fn dispatch(&self) -> Dispatch {
        self.dispatch
    }

    /// What all code that is linked with these stubs pays for.
    pub fn metering(&self) -> &Metering {
        &self.metering
    }

    /// Where the memory of the engine is counted.
    pub fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    pub(crate) fn translate(&self) -> *const Word {
        &raw const self.words[2]
    }

    pub(crate) fn host_exit(&self) -> *const Word {
        &raw const self.words[4]
    }

    pub(crate) fn return_cross(&self) -> *const Word {
        &raw const self.words[6]
    }
}

/// What is known of the translation of a module's functions.
#[derive(Default)]
struct Translated {
    /// By the address of the first word. Those of evicted code that may still be running, too.
    blocks: BTreeMap<usize, Code>,
    /// Functions found to be invalid on their first call: the verdict is stable.
    invalid: BTreeMap<FuncIdx, Error>,
    /// Bytes of all blocks.
    code: usize,
    /// Bytes of what is kept beside all blocks.
    tables: usize,
    /// The functions that have code in the order in which they were translated, if it can be evicted.
    order: VecDeque<FuncIdx>,
    /// Evicted code that waits.
    evicted: Vec<Evicted>,
}

/// Code that was evicted while somebody may have been running it.
struct Evicted {
    /// The pins that were raised then, as far as they have not been lowered since.
    pins: Vec<RaisedPin>,
    /// The blocks, by the addresses of their first words.
    blocks: Vec<usize>,
    /// How many bytes they take, with their tables.
    size: usize,
}

impl Translated {
    /// Bytes of evicted code that waits.
    fn evicted_size(&self) -> usize {
        self.evicted.iter().map(|evicted| evicted.size).sum()
    }

    fn evicted_blocks(&self) -> usize {
        self.evicted.iter().map(|evicted| evicted.blocks.len()).sum()
    }

    /// Bytes of all blocks and what is kept beside them.
    fn size(&self) -> usize {
        self.code + self.tables
    }
}

/// How many bytes a module holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModuleUsage {
    /// How many functions are translated.
    pub functions: usize,
    /// Bytes of code that was evicted while somebody may have been running it, and that is not freed yet. Part of
    /// what follows.
    pub evicted: usize,
    /// Cells and headers.
    pub code: usize,
    /// What is kept beside: safepoints and splits.
    pub tables: usize,
    /// The decoded sections, and the places of the blocks of code.
    pub metadata: usize,
    /// The binary.
    pub bytes: usize,
}

/// A module with its code: what instances share.
pub struct ModuleCode {
    /// The sections.
    pub module: Module,
    /// The engine's numbers of the module's types.
    pub type_ids: Box<[u32]>,
    /// The module's bytes.
    pub bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    /// One for each defined function.
    entries: Box<[FuncEntry]>,
    translated: Mutex<Translated>,
    translator: Box<dyn Translate>,
    stubs: Arc<Stubs>,
    /// Bytes of the decoded sections.
    metadata: usize,
    /// Made on first use.
    exports: OnceLock<ExportIndex>,
    /// The hash of the bytes; computed when it is first asked for.
    hash: OnceLock<[u8; 32]>,
    /// What the name section says; read on first use.
    names: OnceLock<Names>,
    /// Instances that their stores have done with.
    warm: WarmInstances,
}

impl fmt::Debug for ModuleCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleCode").field("functions", &self.entries.len()).finish_non_exhaustive()
    }
}

impl ModuleCode {
    /// A module of which nothing is translated yet.
    pub fn new(
        module: Module,
        type_ids: Box<[u32]>,
        bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
        translator: Box<dyn Translate>,
        stubs: Arc<Stubs>,
    ) -> Self {
        let stub = stubs.translate().cast_mut();
        let entries: Box<[FuncEntry]> =
            module.bodies.iter().map(|_| FuncEntry { code: AtomicPtr::new(stub) }).collect();
        let metadata = metadata(&module) + size_of_val(&*entries) + size_of_val(&*type_ids);
        let warm = WarmInstances::new(stubs.warm_instances());
        let usage = stubs.usage();
        usage.add(Held::Modules, 1);
        usage.add(Held::Metadata, metadata);
        usage.add(Held::Binaries, (*bytes).as_ref().len());
        Self {
            module,
            type_ids,
            bytes,
            entries,
            translated: Mutex::new(Translated::default()),
            translator,
            stubs,
            metadata,
            exports: OnceLock::new(),
            names: OnceLock::new(),
            hash: OnceLock::new(),
            warm,
        }
    }

    /// Instances that their stores have done with.
    pub(crate) fn warm(&self) -> &WarmInstances {
        &self.warm
    }

    /// What all instances have in common once active segments are written.
    pub(crate) fn common(&self) -> Common {
        self.warm.common(&self.module, self.bytes())
    }

    /// What the memories of all instances begin with, for each that is defined, if that is more than zeros.
    pub(crate) fn images(&self) -> &[Option<MemoryImage>] {
        self.warm.images(&self.module, self.bytes())
    }

    /// Frees what is kept of instances whose stores were dropped.
    pub fn drop_warm_instances(&self) {
        self.warm.clear();
    }

    /// The export of this name.
    pub fn export(&self, name: &str) -> Option<ExportItem> {
        let index = self.exports.get_or_init(|| ExportIndex::new(&self.module, self.bytes()));
        index.find(&self.module, self.bytes(), name)
    }

    /// The module's name, if its name section has one.
    pub fn name(&self) -> Option<&str> {
        self.names().module(self.bytes())
    }

    /// The name of a function, if the name section has one.
    pub fn func_name(&self, func: FuncIdx) -> Option<&str> {
        self.names().function(func, self.bytes())
    }

    fn names(&self) -> &Names {
        self.names.get_or_init(|| Names::read(&self.module, self.bytes()))
    }

    /// The module's bytes.
    pub fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// The hash of the module's bytes, which `compute` computes if that was not done before.
    pub fn hash(&self, compute: impl FnOnce(&[u8]) -> [u8; 32]) -> [u8; 32] {
        *self.hash.get_or_init(|| compute(self.bytes()))
    }

    /// The entries of the defined functions.
    pub fn entries(&self) -> &[FuncEntry] {
        &self.entries
    }

    pub(crate) fn stubs(&self) -> &Stubs {
        &self.stubs
    }

    /// The index of the function with this entry.
    pub(crate) fn func_of_entry(&self, entry: *const FuncEntry) -> FuncIdx {
        let defined = (entry.addr() - self.entries.as_ptr().addr()) / size_of::<FuncEntry>();
        FuncIdx(self.module.imported_functions + defined as u32)
    }

    /// The entry of a defined function.
    fn entry(&self, func: FuncIdx) -> &FuncEntry {
        &self.entries[func.index() - self.module.imported_functions as usize]
    }

    /// The first cell of a function that has code.
    fn find_code(&self, func: FuncIdx) -> Option<*const Word> {
        let code = self.entry(func).code();
        (code != self.stubs.translate()).then_some(code)
    }

    /// Whether a function has been translated, and its code was not evicted.
    pub fn is_translated(&self, func: FuncIdx) -> bool {
        self.find_code(func).is_some()
    }

    /// Sees to it that a defined function is translated, by whatever thread.
    ///
    /// # Errors
    /// The function's body is invalid. Asking again gives the same error.
    pub fn ensure_translated(&self, func: FuncIdx) -> Result<(), Error> {
        self.translated(func).map(drop)
    }

    /// The first cell of a defined function, which is translated if need be. With code that can be evicted, the address
    /// is good while the pin of whoever asks is raised (I-PIN).
    pub(crate) fn translated(&self, func: FuncIdx) -> Result<*const Word, Error> {
        if let Some(code) = self.find_code(func) {
            return Ok(code);
        }
        // The lock is held during translation: a second thread that wants the same function waits for it
        // rather than translating it again.
        let mut translated = self.translated.lock();
        if let Some(code) = self.find_code(func) {
            return Ok(code);
        }
        if let Some(error) = translated.invalid.get(&func) {
            return Err(error.clone());
        }
        let buffer = match self.translator.translate(self, func) {
            Ok(buffer) => buffer,
            Err(error) => {
                translated.invalid.insert(func, error.clone());
                return Err(error);
            }
        };
        let code = Code::new(&buffer, func);
        self.translator.recycle(buffer);
        let first = self.publish(&mut translated, func, code);
        let freed = self.keep_to_budget(&mut translated);
        drop(translated);
        drop(freed);
        Ok(first)
    }

    /// [`ensure_translated`](Self::ensure_translated) for threads that divide a module's functions among themselves: they
    /// do not wait for each other. A function that somebody else translates meanwhile is translated twice, and the second
    /// code is dropped.
    ///
    /// # Errors
    /// The function's body is invalid. Asking again gives the same error.
    pub fn translate_apart(&self, func: FuncIdx) -> Result<(), Error> {
        if self.is_translated(func) {
            return Ok(());
        }
        let buffer = self.translator.translate(self, func)?;
        let code = Code::new(&buffer, func);
        self.translator.recycle(buffer);
        let mut translated = self.translated.lock();
        if !self.is_translated(func) {
            self.publish(&mut translated, func, code);
            let freed = self.keep_to_budget(&mut translated);
            drop(translated);
            drop(freed);
        }
        Ok(())
    }

    /// Makes the code of a function that has none known to everybody. Gives its first cell.
    fn publish(&self, translated: &mut Translated, func: FuncIdx, code: Code) -> *const Word {
        let first = code.first_cell();
        let (words, tables) = (code.size(), code.tables());
        translated.code += words;
        translated.tables += tables;
        let usage = self.stubs.usage();
        usage.add(Held::Functions, 1);
        usage.add(Held::Code, words);
        usage.add(Held::CodeTables, tables);
        usage.add(Held::Metadata, Code::PLACE);
        translated.blocks.insert(code.words.cast::<Word>().addr().get(), code);
        self.entry(func).code.store(first, Ordering::Release);
        if self.stubs.pins.is_some() {
            translated.order.push_back(func);
        }
        first
    }

    /// Evicts all code: functions are translated again when they are called. What may be running, or belongs to a call
    /// that is suspended, is freed later: when code is translated or evicted, and nobody uses it any more.
    ///
    /// Gives how many bytes were freed; `None` if the code of this engine cannot be evicted.
    pub fn evict(&self) -> Option<usize> {
        let pins = self.stubs.pins.as_ref()?;
        let mut translated = self.translated.lock();
        let before = translated.size();
        let mut freed = self.free_evicted(&mut translated);
        let all = translated.order.len();
        freed.extend(self.evict_first(&mut translated, all, pins));
        let size = before - translated.size();
        drop(translated);
        drop(freed);
        Some(size)
    }

    /// Evicts the code that was translated first if there is more than the budget allows. Gives what is to be dropped
    /// when nothing is locked any more.
    ///
    /// While evicted code waits, no other is evicted: an activation that needs more code than the budget allows would
    /// have the same functions translated over and over, and none of it could be freed before it ends.
    fn keep_to_budget(&self, translated: &mut Translated) -> Vec<Code> {
        let Some(pins) = &self.stubs.pins else { return Vec::new() };
        let budget = self.stubs.code_budget;
        if translated.size() <= budget {
            return Vec::new();
        }
        let mut freed = self.free_evicted(translated);
        if translated.size() <= budget || !translated.evicted.is_empty() {
            return freed;
        }
        // A quarter of the budget is made free, so that not each translation evicts. What was translated last stays.
        let mut excess = translated.size() - (budget - budget / 4);
        let mut count = 0;
        for &func in translated.order.iter().take(translated.order.len() - 1) {
            let block = self.block(func);
            let size = translated.blocks.get(&block).map_or(0, Code::held);
            count += 1;
            excess = excess.saturating_sub(size);
            if excess == 0 {
                break;
            }
        }
        freed.extend(self.evict_first(translated, count, pins));
        freed
    }

    /// Evicts the code of so many functions, those that were translated first. Gives what can be dropped now.
    fn evict_first(&self, translated: &mut Translated, count: usize, pins: &Pins) -> Vec<Code> {
        let stub = self.stubs.translate().cast_mut();
        let mut blocks = Vec::with_capacity(count);
        for func in translated.order.drain(..count) {
            blocks.push(self.block(func));
            self.entry(func).code.store(stub, Ordering::Release);
        }
        self.stubs.usage().sub(Held::Functions, blocks.len());
        let size = blocks.iter().filter_map(|block| translated.blocks.get(block)).map(Code::held).sum();
        let evicted = Evicted { pins: pins.raised(), blocks, size };
        if evicted.pins.is_empty() {
            return self.remove(translated, &evicted.blocks);
        }
        translated.evicted.push(evicted);
        Vec::new()
    }

    /// The evicted code that nobody can be running any more.
    fn free_evicted(&self, translated: &mut Translated) -> Vec<Code> {
        let mut free = Vec::new();
        translated.evicted.retain_mut(|evicted| {
            evicted.pins.retain(RaisedPin::is_still_raised);
            if evicted.pins.is_empty() {
                free.append(&mut evicted.blocks);
            }
            !evicted.pins.is_empty()
        });
        self.remove(translated, &free)
    }

    /// Takes blocks out of those of the module.
    fn remove(&self, translated: &mut Translated, blocks: &[usize]) -> Vec<Code> {
        let removed: Vec<Code> = blocks.iter().filter_map(|block| translated.blocks.remove(block)).collect();
        let code = removed.iter().map(Code::size).sum();
        let tables = removed.iter().map(Code::tables).sum();
        translated.code -= code;
        translated.tables -= tables;
        let usage = self.stubs.usage();
        usage.sub(Held::Code, code);
        usage.sub(Held::CodeTables, tables);
        usage.sub(Held::Metadata, removed.len() * Code::PLACE);
        removed
    }

    /// The address of the first word of the block of a function that has code.
    fn block(&self, func: FuncIdx) -> usize {
        self.entry(func).code().addr() - header::WORDS * size_of::<Word>()
    }

    /// Whose code a cell belongs to, and what is known of it, if it is in this module.
    ///
    /// With `returning`, `cell` is where a call returns to, and what is known is of the call.
    pub(crate) fn locate(&self, cell: *const Word, returning: bool) -> Option<Place> {
        self.find(cell.addr(), |code, position| Place {
            func: code.func,
            position,
            point: code.safepoints.find(position - u32::from(returning)),
        })
    }

    /// Finds the code that the cell of an address belongs to, and its position there.
    fn find<R>(&self, cell: usize, found: impl FnOnce(&Code, u32) -> R) -> Option<R> {
        let translated = self.translated.lock();
        let (&start, code) = translated.blocks.range(..=cell).next_back()?;
        let position = (cell - start) / size_of::<Word>();
        // One behind the last cell is where a call returns to that does not return.
        if position > code.words.len() {
            return None;
        }
        Some(found(code, position.checked_sub(header::WORDS)? as u32))
    }

    /// How the costs of a branch, which are at `costs`, are split, if they are: those of the first region, and the
    /// cell it begins at.
    pub(crate) fn split(&self, costs: *const Word) -> Option<(u32, *const Word)> {
        self.find(costs.addr(), |code, position| {
            let index = code.splits.binary_search_by_key(&position, |split| split.costs).ok()?;
            let split = code.splits[index];
            Some((split.cost, code.first_cell().cast_const().wrapping_add(split.start as usize)))
        })?
    }

    /// The first instruction of the region that begins at a position of a function's code and costs so much. The code
    /// itself may have been evicted.
    pub(crate) fn region_offset(&self, func: FuncIdx, position: u32, cost: u32) -> Option<WasmOffset> {
        let regions = self.translator.regions(self, func);
        let here = |region: &&RegionStart| region.position == position || region.again == position;
        let exact = regions.iter().find(|region| region.position == position && region.cost == cost);
        let near = || regions.iter().filter(here).find(|region| region.cost == cost);
        let any = || regions.iter().find(here);
        Some(exact.or_else(near).or_else(any)?.offset)
    }

    /// The points of a defined function that are wanted and there.
    ///
    /// # Errors
    /// The function's body is invalid.
    pub fn points(&self, func: FuncIdx, wanted: &[Wanted]) -> Result<Points, Error> {
        self.ensure_translated(func)?;
        self.translator.points(self, func, wanted)
    }

    /// Bytes of translated code and of its tables.
    pub fn code_size(&self) -> usize {
        self.translated.lock().size()
    }

    /// How much memory the module holds.
    pub fn usage(&self) -> ModuleUsage {
        let translated = self.translated.lock();
        ModuleUsage {
            functions: translated.blocks.len() - translated.evicted_blocks(),
            evicted: translated.evicted_size(),
            code: translated.code,
            tables: translated.tables,
            metadata: self.metadata + translated.blocks.len() * Code::PLACE,
            bytes: self.bytes().len(),
        }
    }
}

impl Drop for ModuleCode {
    fn drop(&mut self) {
        let held = ModuleCode::usage(self);
        let usage = self.stubs.usage();
        usage.sub(Held::Modules, 1);
        usage.sub(Held::Functions, held.functions);
        usage.sub(Held::Code, held.code);
        usage.sub(Held::CodeTables, held.tables);
        usage.sub(Held::Metadata, held.metadata);
        usage.sub(Held::Binaries, held.bytes);
    }
}

/// Bytes of the decoded sections: their lists, and the types of functions behind them. A few bytes of constant
/// expressions are left out.
fn metadata(module: &Module) -> usize {
    let types = module.types.iter().map(|ty| size_of_val(ty.params()) + size_of_val(ty.results()));
    size_of::<ModuleCode>()
        + types.sum::<usize>()
        + held(&module.types)
        + held(&module.imports)
        + held(&module.functions)
        + held(&module.tables)
        + held(&module.table_inits)
        + held(&module.memories)
        + held(&module.globals)
        + held(&module.global_inits)
        + held(&module.exports)
        + held(&module.elements)
        + held(&module.data)
        + held(&module.bodies)
        + held(&module.declared_functions)
        + held(&module.custom_sections)
}

/// Bytes of a list's block.
fn held<E>(list: &Vec<E>) -> usize {
    list.capacity() * size_of::<E>()
}
