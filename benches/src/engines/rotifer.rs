//! Rotifer, in each of its load modes.

use crate::{
    engine::{
        Crossing, Crossings, Engine, Export, Instance, Loaded, Loader, PAGE_BYTES, Touch, Validate, Value,
    },
    module::{ImportKind, Module, NumType, Stub},
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use rotifer::{
    Caller, Config, Extern, F32, F64, Func, FuncType, Global, InstancePre, Linker, LoadMode, Memory,
    MemoryType, Mutability, Ref, RefType, Store, Table, TableType, TypedFunc, TypedResumableCall, Val,
    ValType,
};
use std::thread;

/// Bytes of bodies of a module on which validation by several threads is measured.
const WORTH_THREADS: u64 = 500_000;

/// Rotifer in one load mode.
pub struct Rotifer {
    name: &'static str,
    /// Unchecked if there is none.
    mode: Option<LoadMode>,
    /// Whether the module's bytes are shared instead of copied.
    shared: bool,
    threads: usize,
    stop: Stop,
    /// Whether stores note what they write to.
    tracked: bool,
    /// Whether instances are kept for other stores.
    warm: bool,
    /// Whether an instance is reset instead of making another one.
    reset: bool,
}

/// How execution can be made to stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Never,
    OutOfFuel,
    Interrupted,
}

impl Rotifer {
    /// The default mode: what the execution set measures. Code is the same in all modes.
    pub fn checked(name: &'static str) -> Self {
        Self {
            name,
            mode: Some(LoadMode::Checked),
            shared: false,
            threads: 1,
            stop: Stop::Never,
            tracked: false,
            warm: true,
            reset: false,
        }
    }

    /// The default mode, consuming fuel.
    pub fn fuel(name: &'static str) -> Self {
        Self { stop: Stop::OutOfFuel, ..Self::checked(name) }
    }

    /// The default mode, with an interrupt handle that nobody uses.
    pub fn interruptible(name: &'static str) -> Self {
        Self { stop: Stop::Interrupted, ..Self::checked(name) }
    }

    /// The default mode, with stores that note what they write to.
    pub fn tracked(name: &'static str) -> Self {
        Self { tracked: true, ..Self::checked(name) }
    }

    /// The default mode, with one instance that is reset, and stores that note what they write to.
    pub fn reset(name: &'static str) -> Self {
        Self { reset: true, ..Self::tracked(name) }
    }

    /// The same with two threads, each of which does half of the rounds with an instance of its own.
    pub fn reset_two_threads(name: &'static str) -> Self {
        Self { threads: 2, ..Self::reset(name) }
    }

    /// The default mode, each instance made anew.
    pub fn cold(name: &'static str) -> Self {
        Self { warm: false, ..Self::checked(name) }
    }

    /// The default mode, with two threads where a module is large enough.
    pub fn two_threads(name: &'static str) -> Self {
        Self { threads: 2, ..Self::checked(name) }
    }

    /// Every mode, for the start-up set.
    pub fn all_modes() -> [Self; 10] {
        let shared = |name| Self { shared: true, ..Self::checked(name) };
        [
            Self { mode: Some(LoadMode::Eager), ..Self::checked("rotifer.eager") },
            Self::checked("rotifer.checked"),
            Self { mode: Some(LoadMode::Partial), ..Self::checked("rotifer.partial") },
            Self { mode: None, ..Self::checked("rotifer.unchecked") },
            Self { mode: Some(LoadMode::Eager), ..shared("rotifer.eager-shared") },
            shared("rotifer.checked-shared"),
            Self { mode: Some(LoadMode::Partial), ..shared("rotifer.partial-shared") },
            Self { mode: None, ..shared("rotifer.unchecked-shared") },
            Self { mode: Some(LoadMode::Eager), ..Self::two_threads("rotifer.eager-2-threads") },
            Self::two_threads("rotifer.checked-2-threads"),
        ]
    }
}

impl Engine for Rotifer {
    fn name(&self) -> &str {
        self.name
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        let engine = rotifer::Engine::new(&self.config());
        let Self { mode, shared, stop, threads, reset, .. } = *self;
        Ok(Box::new(RotiferLoader { engine, mode, shared, stop, threads, reset }))
    }

    fn cores(&self) -> usize {
        self.threads
    }

    fn validator<'a>(&self, module: &'a Module) -> Result<Validate<'a>> {
        ensure!(
            self.threads == 1 || module.code_bytes > WORTH_THREADS,
            "threads are measured on modules with more than {} KB of bodies",
            WORTH_THREADS / 1000
        );
        let engine = rotifer::Engine::new(&self.config());
        Ok(Box::new(move || rotifer::Module::validate(&engine, &module.bytes).map_err(error)))
    }

    fn crossings(&self, module: &Module) -> Result<Box<dyn Crossings>> {
        let engine = rotifer::Engine::new(&self.config());
        let loaded = rotifer::Module::new(&engine, &module.bytes).map_err(error)?;
        let mut store = self.stop.store(&engine)?;
        let instance = crossing_linker(&engine).and_then(|linker| linker.instantiate(&mut store, &loaded));
        Ok(Box::new(Crosser { instance: instance.map_err(error)?, store }))
    }
}

impl Rotifer {
    fn config(&self) -> Config {
        let mut config = Config::new();
        config.load_threads(self.threads);
        config.consume_fuel(self.stop == Stop::OutOfFuel).interruptible(self.stop == Stop::Interrupted);
        config.track_writes(self.tracked);
        if !self.warm {
            config.warm_instances(0);
        }
        config
    }
}

impl Stop {
    /// A store that stops only if it must.
    fn store(self, engine: &rotifer::Engine) -> Result<Store<()>> {
        let mut store = Store::new(engine, ());
        match self {
            Stop::Never => {}
            Stop::OutOfFuel => store.set_fuel(u64::MAX).map_err(error)?,
            Stop::Interrupted => drop(store.interrupt_handle().map_err(error)?),
        }
        Ok(store)
    }
}

#[derive(Clone)]
struct RotiferLoader {
    engine: rotifer::Engine,
    mode: Option<LoadMode>,
    shared: bool,
    stop: Stop,
    threads: usize,
    reset: bool,
}

impl Loader for RotiferLoader {
    fn load<'a>(&self, module: &'a Module) -> Result<Box<dyn Loaded + 'a>> {
        let (engine, bytes) = (&self.engine, &module.bytes);
        let compiled = match (self.mode, self.shared) {
            (Some(mode), false) => rotifer::Module::new_with_mode(engine, bytes, mode),
            (Some(mode), true) => rotifer::Module::from_shared_with_mode(engine, bytes.clone(), mode),
            // SAFETY: the modules of a benchmark are known to be valid; the checked modes load them too.
            (None, false) => unsafe { rotifer::Module::new_unchecked(engine, bytes) },
            // SAFETY: as when they are copied.
            (None, true) => unsafe { rotifer::Module::from_shared_unchecked(engine, bytes.clone()) },
        };
        Ok(Box::new(RotiferLoaded { loader: self.clone(), module, compiled: compiled.map_err(error)? }))
    }
}

struct RotiferLoaded<'a> {
    loader: RotiferLoader,
    module: &'a Module,
    compiled: rotifer::Module,
}

impl Loaded for RotiferLoaded<'_> {
    fn instantiate(&self) -> Result<Box<dyn Instance>> {
        let mut store = self.loader.stop.store(&self.loader.engine)?;
        let imports = imports(&mut store, self.module)?;
        let instance = rotifer::Instance::new(&mut store, &self.compiled, &imports).map_err(error)?;
        Ok(Box::new(Running { store, instance, exports: Vec::new() }))
    }

    fn renew(&self, touch: Touch, times: u32) -> Result<i64> {
        let linker = stub_linker(&self.loader.engine, self.module).map_err(error)?;
        let pre = linker.instantiate_pre(&self.compiled).map_err(error)?;
        let mut sum = 0i64;
        if self.loader.reset {
            let threads = self.loader.threads as u32;
            let share = |thread| times / threads + u32::from(thread < times % threads);
            return thread::scope(|scope| {
                let others = (1..threads).map(|thread| {
                    let pre = &pre;
                    scope.spawn(move || self.reset_rounds(pre, touch, share(thread)))
                });
                // All are started before any is waited for.
                let others: Vec<_> = others.collect();
                let mut sum = self.reset_rounds(&pre, touch, share(0))?;
                for other in others {
                    sum = sum.wrapping_add(other.join().expect("it does not panic")?);
                }
                Ok(sum)
            });
        }
        for _ in 0..times {
            let mut store = self.loader.stop.store(&self.loader.engine)?;
            let instance = pre.instantiate(&mut store).map_err(error)?;
            sum = sum.wrapping_add(touch_memory(&mut store, instance, touch)?);
        }
        Ok(sum)
    }
}

impl RotiferLoaded<'_> {
    /// Touches the memory of one instance and resets it, so many times.
    fn reset_rounds(&self, pre: &InstancePre<()>, touch: Touch, times: u32) -> Result<i64> {
        let mut store = self.loader.stop.store(&self.loader.engine)?;
        let instance = pre.instantiate(&mut store).map_err(error)?;
        let mut sum = 0i64;
        for _ in 0..times {
            sum = sum.wrapping_add(touch_memory(&mut store, instance, touch)?);
            instance.reset(&mut store).map_err(error)?;
        }
        Ok(sum)
    }
}

fn touch_memory(store: &mut Store<()>, instance: rotifer::Instance, touch: Touch) -> Result<i64> {
    match touch {
        Touch::Nothing => Ok(0),
        Touch::Call(pages) => {
            let func = instance.get_typed_func::<i32, i64>(&*store, "touch").map_err(error)?;
            func.call(store, pages).map_err(error)
        }
        Touch::Host(pages) => {
            let memory = instance.get_memory(&*store, "memory").context("no exported memory")?;
            let mut sum = 0;
            for page in 0..pages as usize {
                let mut byte = [0];
                memory.read(&*store, page * PAGE_BYTES, &mut byte).map_err(error)?;
                sum += i64::from(byte[0]);
                memory.write(&mut *store, page * PAGE_BYTES, &[1]).map_err(error)?;
            }
            Ok(sum)
        }
    }
}

/// A linker with stubs for the functions that `module` imports.
fn stub_linker(engine: &rotifer::Engine, module: &Module) -> Result<Linker<()>, rotifer::Error> {
    let mut linker = Linker::new(engine);
    for (import, ty) in module.imported_functions() {
        let stub = Stub::new(import, ty);
        linker.func_new(&import.module, &import.name, func_type(ty), move |_, _, results| {
            answer(&stub, results);
            Ok(())
        })?;
    }
    Ok(linker)
}

/// The host functions of the set `calls`.
fn crossing_linker(engine: &rotifer::Engine) -> Result<Linker<()>, rotifer::Error> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "nothing", || {})?;
    linker.func_wrap("host", "next", |i: i32| i.wrapping_add(1))?;
    linker.func_wrap("host", "fuel", |mut caller: Caller<'_, ()>, i: i32| {
        let fuel = caller.get_fuel()?;
        caller.set_fuel(fuel - 1)?;
        Ok(i.wrapping_add(1))
    })?;
    linker.func_wrap("host", "error", |_: i32| -> Result<i32, rotifer::Error> {
        Err(rotifer::Error::suspend())
    })?;
    linker.func_suspend("host", "suspend", FuncType::new([ValType::I32], [ValType::I32]), 0)?;
    Ok(linker)
}

/// The set `calls` in one store.
struct Crosser {
    store: Store<()>,
    instance: rotifer::Instance,
}

impl Crosser {
    /// Calls a function that suspends in every round.
    fn resume(&mut self, func: TypedFunc<i32, i32>, times: i32) -> Result<i32, rotifer::Error> {
        let mut call = func.call_resumable(&mut self.store, times)?;
        let mut count = 0;
        loop {
            match call {
                TypedResumableCall::Finished(result) => return Ok(result),
                TypedResumableCall::Suspended(suspended) => {
                    count += 1;
                    call = suspended.resume_with(&mut self.store, &[Val::I32(count)])?;
                }
            }
        }
    }

    fn typed(&mut self, func: TypedFunc<i32, i32>, times: i32) -> Result<i32, rotifer::Error> {
        let mut count = 0;
        for _ in 0..times {
            count = func.call(&mut self.store, count)?;
        }
        Ok(count)
    }

    fn untyped(&mut self, func: &Func, times: i32) -> Result<i32, rotifer::Error> {
        let mut count = [Val::I32(0)];
        for _ in 0..times {
            let before = count.clone();
            func.call(&mut self.store, &before, &mut count)?;
        }
        Ok(count[0].i32().unwrap_or(-1))
    }

    fn resumable(&mut self, func: TypedFunc<i32, i32>, times: i32) -> Result<i32, rotifer::Error> {
        let mut count = 0;
        for _ in 0..times {
            match func.call_resumable(&mut self.store, count)? {
                TypedResumableCall::Finished(next) => count = next,
                TypedResumableCall::Suspended(call) => return Err(call.into_error()),
            }
        }
        Ok(count)
    }
}

impl Crossings for Crosser {
    fn cross(&mut self, crossing: Crossing, times: i32) -> Result<i32> {
        let name = match crossing {
            Crossing::Loop => "loop",
            Crossing::HostNothing => "host_nothing",
            Crossing::HostNext => "host_next",
            Crossing::HostFuel => "host_fuel",
            Crossing::HostError => "host_error",
            Crossing::HostSuspend => "host_suspend",
            Crossing::Typed | Crossing::Untyped | Crossing::Resumable => "next",
        };
        let func = self.instance.get_typed_func::<i32, i32>(&self.store, name).map_err(error)?;
        let count = match crossing {
            Crossing::Loop | Crossing::HostNothing | Crossing::HostNext | Crossing::HostFuel => {
                func.call(&mut self.store, times)
            }
            Crossing::HostError | Crossing::HostSuspend => self.resume(func, times),
            Crossing::Typed => self.typed(func, times),
            Crossing::Untyped => self.untyped(func.func(), times),
            Crossing::Resumable => self.resumable(func, times),
        };
        count.map_err(error)
    }
}

fn error(error: rotifer::Error) -> anyhow::Error {
    anyhow!("{error}")
}

/// Creates what `module` imports, in order.
fn imports(store: &mut Store<()>, module: &Module) -> Result<Vec<Extern>> {
    let create = |import: &crate::module::Import| -> Result<Extern> {
        Ok(match &import.kind {
            ImportKind::Func(ty) => {
                let stub = Stub::new(import, ty);
                let func = Func::new(&mut *store, func_type(ty), move |_, _, results| {
                    answer(&stub, results);
                    Ok(())
                });
                Extern::from(func)
            }
            &ImportKind::Memory { minimum, maximum } => {
                Memory::new(&mut *store, MemoryType::new(minimum, maximum)).map_err(error)?.into()
            }
            &ImportKind::Table { minimum, maximum } => {
                let ty = TableType::new(RefType::FUNCREF, minimum, maximum);
                Table::new(&mut *store, ty, Ref::null(RefType::FUNCREF)).map_err(error)?.into()
            }
            &ImportKind::Global { content, mutable } => {
                let mutability = if mutable { Mutability::Var } else { Mutability::Const };
                Global::new(&mut *store, to_rotifer(content.zero()), mutability).into()
            }
        })
    };
    module.imports.iter().map(create).collect()
}

fn func_type(ty: &crate::module::FuncType) -> FuncType {
    FuncType::new(ty.params.iter().map(val_type), ty.results.iter().map(val_type))
}

fn answer(stub: &Stub, results: &mut [Val]) {
    for (slot, value) in results.iter_mut().zip(stub.answer()) {
        *slot = to_rotifer(value);
    }
}

fn val_type(ty: &NumType) -> ValType {
    match ty {
        NumType::I32 => ValType::I32,
        NumType::I64 => ValType::I64,
        NumType::F32 => ValType::F32,
        NumType::F64 => ValType::F64,
    }
}

fn to_rotifer(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
    }
}

fn from_rotifer(value: &Val) -> Result<Value> {
    Ok(match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        other => bail!("not a number: {other:?}"),
    })
}

struct Running {
    store: Store<()>,
    instance: rotifer::Instance,
    exports: Vec<(Func, Option<Val>)>,
}

impl Instance for Running {
    fn export(&mut self, name: &str) -> Result<Export> {
        let func =
            self.instance.get_func(&self.store, name).with_context(|| format!("no function {name}"))?;
        let result = func.ty(&self.store).results().first().map(|&ty| Val::default_for_ty(ty));
        self.exports.push((func, result));
        Ok(Export(self.exports.len() - 1))
    }

    fn call(&mut self, export: Export, args: &[Value]) -> Result<Option<Value>> {
        let (func, result) = &mut self.exports[export.0];
        let args: Vec<Val> = args.iter().copied().map(to_rotifer).collect();
        func.call(&mut self.store, &args, result.as_mut_slice()).map_err(error)?;
        result.as_ref().map(from_rotifer).transpose()
    }

    fn with_memory(&mut self, visit: &mut dyn FnMut(&mut [u8])) -> Result<()> {
        let memory = self.instance.get_memory(&self.store, "memory").context("no exported memory")?;
        visit(memory.data_mut(&mut self.store));
        Ok(())
    }
}
