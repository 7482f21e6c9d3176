//! Lazy translation under a model checker: every interleaving of a few threads, and every value that the memory
//! model lets a load see. I-CODE.
//!
//! Runs with `RUSTFLAGS="--cfg loom" cargo test -p rotifer-executor --release --test loom`.

#![cfg(loom)]

use std::sync::{
    Arc as StdArc,
    atomic::{AtomicUsize, Ordering},
};

use loom::{cell::UnsafeCell, sync::Arc, thread};
use rotifer_bytecode::{CodeBuffer, Points, RegionStart, Wanted};
use rotifer_core::{FuncIdx, FuncType, TypeIdx, WasmOffset};
use rotifer_executor::{CodeRetention, Dispatch, Metering, ModuleCode, PinnedForTest, Stubs, Translate};
use rotifer_validator::{Error, ErrorKind, Module, Span};

/// Translates even functions and refuses odd ones.
struct Translator {
    /// For each function how often it was translated or refused.
    runs: StdArc<[AtomicUsize; 2]>,
    /// Stands for the words of the code: whoever finds the function translated must see them written.
    words: Arc<[Shared; 2]>,
}

struct Shared(UnsafeCell<u32>);

// SAFETY: the checker finds out whether accesses are ordered; that is the test.
unsafe impl Send for Shared {}
// SAFETY: as for `Send`.
unsafe impl Sync for Shared {}

// SAFETY: I-CELL: nothing runs the code.
unsafe impl Translate for Translator {
    fn translate(&self, _: &ModuleCode, func: FuncIdx) -> Result<CodeBuffer, Error> {
        self.runs[func.index()].fetch_add(1, Ordering::SeqCst);
        // SAFETY: I-CODE is what is checked: the checker reports a write that is not ordered with other accesses.
        self.words[func.index()].0.with_mut(|words| unsafe { *words += 1 });
        if func.0 % 2 == 0 {
            Ok(CodeBuffer { frame_slots: 2, ..CodeBuffer::default() })
        } else {
            Err(Error::new(ErrorKind::Invalid, "odd", WasmOffset(func.0)))
        }
    }

    fn points(&self, _: &ModuleCode, _: FuncIdx, _: &[Wanted]) -> Result<Points, Error> {
        Ok(Points::default())
    }

    fn regions(&self, _: &ModuleCode, _: FuncIdx) -> Vec<RegionStart> {
        Vec::new()
    }
}

struct Setup {
    code: Arc<ModuleCode>,
    words: Arc<[Shared; 2]>,
    runs: StdArc<[AtomicUsize; 2]>,
}

fn setup(stubs: &StdArc<Stubs>) -> Setup {
    let mut module = Module::default();
    module.types.push(FuncType::new([], []));
    module.functions = vec![TypeIdx(0); 2];
    module.bodies = vec![Span::default(); 2];
    let words = Arc::new([Shared(UnsafeCell::new(0)), Shared(UnsafeCell::new(0))]);
    let runs = StdArc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let translator = Box::new(Translator { runs: runs.clone(), words: words.clone() });
    let bytes = StdArc::new(Vec::new());
    let code = ModuleCode::new(module, Box::new([0]), bytes, translator, stubs.clone());
    Setup { code: Arc::new(code), words, runs }
}

fn stubs() -> StdArc<Stubs> {
    StdArc::new(Stubs::new(Dispatch::default(), Metering::Off).unwrap())
}

fn read_words(words: &[Shared; 2], func: FuncIdx) {
    // SAFETY: I-CODE is what is checked: the checker reports a read that is not ordered with the write.
    let count = words[func.index()].0.with(|words| unsafe { *words });
    assert_eq!(count, 1, "translated exactly once");
}

/// Threads that call the same function see its code complete, and one of them has made it.
#[test]
fn a_function_is_translated_once_and_seen_complete() {
    let stubs = stubs();
    loom::model(move || {
        let Setup { code, words, runs } = setup(&stubs);
        let func = FuncIdx(0);
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let (code, words) = (code.clone(), words.clone());
                thread::spawn(move || {
                    code.ensure_translated(func).unwrap();
                    assert!(code.is_translated(func));
                    read_words(&words, func);
                })
            })
            .collect();
        // A third one does what a call does: it looks at the entry only.
        if code.is_translated(func) {
            read_words(&words, func);
        }
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(runs[0].load(Ordering::SeqCst), 1);
        assert!(!code.is_translated(FuncIdx(1)));
    });
}

/// An invalid body is looked at once; all threads get the same verdict; valid functions are not affected.
#[test]
fn a_verdict_is_stable() {
    let stubs = stubs();
    loom::model(move || {
        let Setup { code, words, runs } = setup(&stubs);
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let code = code.clone();
                thread::spawn(move || {
                    let error = code.ensure_translated(FuncIdx(1)).unwrap_err();
                    assert_eq!(error.offset(), WasmOffset(1));
                    assert!(!code.is_translated(FuncIdx(1)));
                })
            })
            .collect();
        code.ensure_translated(FuncIdx(0)).unwrap();
        read_words(&words, FuncIdx(0));
        for caller in callers {
            caller.join().unwrap();
        }
        assert!(code.ensure_translated(FuncIdx(1)).is_err());
        assert_eq!(runs[1].load(Ordering::SeqCst), 1);
    });
}

/// Who runs code while it is evicted is not robbed of it: either the caller finds the stub, or the code is kept until
/// the caller has done with it. Freed code is what has been written to by the evictor.
#[test]
fn evicted_code_waits_for_those_who_run_it() {
    loom::model(|| {
        let stubs = Stubs::new(Dispatch::default(), Metering::Off).unwrap();
        let stubs = StdArc::new(stubs.with_code_retention(CodeRetention::Evictable { budget: usize::MAX }));
        let Setup { code, words, .. } = setup(&stubs);
        let func = FuncIdx(0);
        code.ensure_translated(func).unwrap();
        let caller = {
            let (code, words, stubs) = (code.clone(), words.clone(), stubs.clone());
            thread::spawn(move || {
                let mut activation = PinnedForTest::new(&stubs);
                activation.begin();
                if code.is_translated(func) {
                    read_words(&words, func);
                }
                activation.end();
            })
        };
        let first = code.evict().unwrap();
        let freed = if first > 0 { first } else { code.evict().unwrap() };
        if freed > 0 {
            // SAFETY: I-PIN is what is checked: the checker reports a write that is not ordered with the caller's read.
            words[0].0.with_mut(|words| unsafe { *words = 0 });
        }
        caller.join().unwrap();
        if freed == 0 {
            assert!(code.evict().unwrap() > 0, "nobody runs it any more");
        }
        assert_eq!(code.code_size(), 0);
    });
}
