//! wasmi 2.0, in each of its compilation modes, with and without validation.

use crate::{
    engine::{Crossing, Crossings, Engine, Export, Instance, Loaded, Loader, PAGE_BYTES, Touch, Value},
    module::{ImportKind, Module, NumType, Stub},
};
use anyhow::{Context, Result, bail};
use std::fmt;
use wasmi::{
    Caller, CompilationMode, Config, Extern, F32, F64, Func, FuncType, Global, Linker, Memory, MemoryType,
    Mutability, Ref, RefType, Store, Table, TableType, TypedFunc, TypedResumableCall, Val, ValType,
};

/// wasmi in one mode.
pub struct Wasmi {
    name: &'static str,
    mode: CompilationMode,
    checked: bool,
    fuel: bool,
}

impl Wasmi {
    /// Translates everything at load: what the execution set measures.
    pub fn eager(name: &'static str) -> Self {
        Self { name, mode: CompilationMode::Eager, checked: true, fuel: false }
    }

    /// The same, consuming fuel.
    pub fn fuel(name: &'static str) -> Self {
        Self { fuel: true, ..Self::eager(name) }
    }

    /// Every mode, for the start-up set.
    pub fn all_modes() -> [Self; 4] {
        [
            Self::eager("wasmi.eager"),
            Self { mode: CompilationMode::LazyTranslation, ..Self::eager("wasmi.lazy-translation") },
            Self { mode: CompilationMode::Lazy, ..Self::eager("wasmi.lazy") },
            Self { mode: CompilationMode::Lazy, checked: false, ..Self::eager("wasmi.unchecked") },
        ]
    }
}

impl Engine for Wasmi {
    fn name(&self) -> &str {
        self.name
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(WasmiLoader { engine: self.engine(), checked: self.checked, fuel: self.fuel }))
    }

    fn crossings(&self, module: &Module) -> Result<Box<dyn Crossings>> {
        let engine = self.engine();
        let compiled = wasmi::Module::new(&engine, &module.bytes)?;
        let mut store = store(&engine, self.fuel)?;
        let instance = crossing_linker(&engine)?.instantiate_and_start(&mut store, &compiled)?;
        Ok(Box::new(Crosser { store, instance }))
    }
}

impl Wasmi {
    fn engine(&self) -> wasmi::Engine {
        let mut config = Config::default();
        config.compilation_mode(self.mode).consume_fuel(self.fuel);
        wasmi::Engine::new(&config)
    }
}

/// A store that never runs out of fuel.
fn store(engine: &wasmi::Engine, fuel: bool) -> Result<Store<()>> {
    let mut store = Store::new(engine, ());
    if fuel {
        store.set_fuel(u64::MAX)?;
    }
    Ok(store)
}

#[derive(Clone)]
struct WasmiLoader {
    engine: wasmi::Engine,
    checked: bool,
    fuel: bool,
}

impl Loader for WasmiLoader {
    fn load<'a>(&self, module: &'a Module) -> Result<Box<dyn Loaded + 'a>> {
        let compiled = if self.checked {
            wasmi::Module::new(&self.engine, &module.bytes)?
        } else {
            // SAFETY: the modules of a benchmark are known to be valid; the checked modes load them too.
            unsafe { wasmi::Module::new_unchecked(&self.engine, &module.bytes)? }
        };
        Ok(Box::new(WasmiLoaded { loader: self.clone(), module, compiled }))
    }
}

struct WasmiLoaded<'a> {
    loader: WasmiLoader,
    module: &'a Module,
    compiled: wasmi::Module,
}

impl Loaded for WasmiLoaded<'_> {
    fn instantiate(&self) -> Result<Box<dyn Instance>> {
        let mut store = store(&self.loader.engine, self.loader.fuel)?;
        let imports = imports(&mut store, self.module)?;
        let instance = wasmi::Instance::new(&mut store, &self.compiled, &imports)?;
        Ok(Box::new(Running { store, instance, exports: Vec::new() }))
    }

    /// wasmi 2.0 has no `InstancePre`: the linker is what instances share.
    fn renew(&self, touch: Touch, times: u32) -> Result<i64> {
        let linker = stub_linker(&self.loader.engine, self.module)?;
        let mut sum = 0i64;
        for _ in 0..times {
            let mut store = store(&self.loader.engine, self.loader.fuel)?;
            let instance = linker.instantiate_and_start(&mut store, &self.compiled)?;
            match touch {
                Touch::Nothing => {}
                Touch::Call(pages) => {
                    let func = instance.get_typed_func::<i32, i64>(&store, "touch")?;
                    sum = sum.wrapping_add(func.call(&mut store, pages)?);
                }
                Touch::Host(pages) => {
                    let memory = instance.get_memory(&store, "memory").context("no exported memory")?;
                    for page in 0..pages as usize {
                        let mut byte = [0];
                        memory.read(&store, page * PAGE_BYTES, &mut byte)?;
                        sum = sum.wrapping_add(byte[0].into());
                        memory.write(&mut store, page * PAGE_BYTES, &[1])?;
                    }
                }
            }
        }
        Ok(sum)
    }
}

/// A linker with stubs for the functions that `module` imports.
fn stub_linker(engine: &wasmi::Engine, module: &Module) -> Result<Linker<()>> {
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

/// What a host function fails with to have its call resumed: the smallest error that there is room for.
#[derive(Debug)]
struct Asked;

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("asked")
    }
}

impl wasmi::errors::HostError for Asked {}

/// The host functions of the set `calls`.
fn crossing_linker(engine: &wasmi::Engine) -> Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "nothing", || {})?;
    linker.func_wrap("host", "next", |i: i32| i.wrapping_add(1))?;
    linker.func_wrap("host", "fuel", |mut caller: Caller<'_, ()>, i: i32| -> Result<i32, wasmi::Error> {
        let fuel = caller.get_fuel()?;
        caller.set_fuel(fuel - 1)?;
        Ok(i.wrapping_add(1))
    })?;
    for name in ["error", "suspend"] {
        linker.func_wrap("host", name, |_: i32| -> Result<i32, wasmi::Error> {
            Err(wasmi::Error::host(Asked))
        })?;
    }
    Ok(linker)
}

/// The set `calls` in one store.
struct Crosser {
    store: Store<()>,
    instance: wasmi::Instance,
}

impl Crosser {
    /// Calls a function that suspends in every round.
    fn resume(&mut self, func: TypedFunc<i32, i32>, times: i32) -> Result<i32> {
        let mut call = func.call_resumable(&mut self.store, times)?;
        let mut count = 0;
        loop {
            match call {
                TypedResumableCall::Finished(result) => return Ok(result),
                TypedResumableCall::HostTrap(suspended) => {
                    count += 1;
                    call = suspended.resume(&mut self.store, &[Val::I32(count)])?;
                }
                TypedResumableCall::OutOfFuel(_) => bail!("out of fuel"),
            }
        }
    }

    fn typed(&mut self, func: TypedFunc<i32, i32>, times: i32) -> Result<i32> {
        let mut count = 0;
        for _ in 0..times {
            count = func.call(&mut self.store, count)?;
        }
        Ok(count)
    }

    fn untyped(&mut self, func: Func, times: i32) -> Result<i32> {
        let mut count = [Val::I32(0)];
        for _ in 0..times {
            let before = count.clone();
            func.call(&mut self.store, &before, &mut count)?;
        }
        Ok(count[0].i32().unwrap_or(-1))
    }

    fn resumable(&mut self, func: TypedFunc<i32, i32>, times: i32) -> Result<i32> {
        let mut count = 0;
        for _ in 0..times {
            match func.call_resumable(&mut self.store, count)? {
                TypedResumableCall::Finished(next) => count = next,
                _ => bail!("the call was suspended"),
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
            Crossing::HostSuspend => bail!("wasmi has no functions that suspend"),
            Crossing::Typed | Crossing::Untyped | Crossing::Resumable => "next",
        };
        let func = self.instance.get_typed_func::<i32, i32>(&self.store, name)?;
        match crossing {
            Crossing::HostError | Crossing::HostSuspend => self.resume(func, times),
            Crossing::Typed => self.typed(func, times),
            Crossing::Untyped => self.untyped(*func.func(), times),
            Crossing::Resumable => self.resumable(func, times),
            _ => Ok(func.call(&mut self.store, times)?),
        }
    }
}

/// Creates what `module` imports. wasmi expects functions first, then tables, memories, globals, whatever
/// the module's own order.
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
                Memory::new(&mut *store, MemoryType::new(minimum, maximum))?.into()
            }
            &ImportKind::Table { minimum, maximum } => {
                let ty = TableType::new(RefType::Func, minimum, maximum);
                Table::new(&mut *store, ty, Ref::null(RefType::Func))?.into()
            }
            &ImportKind::Global { content, mutable } => {
                let mutability = if mutable { Mutability::Var } else { Mutability::Const };
                Global::new(&mut *store, to_wasmi(content.zero()), mutability).into()
            }
        })
    };
    let mut imports = module.imports.iter().map(create).collect::<Result<Vec<_>>>()?;
    imports.sort_by_key(|import| match import {
        Extern::Func(_) => 0,
        Extern::Table(_) => 1,
        Extern::Memory(_) => 2,
        Extern::Global(_) => 3,
    });
    Ok(imports)
}

fn func_type(ty: &crate::module::FuncType) -> FuncType {
    FuncType::new(ty.params.iter().map(val_type), ty.results.iter().map(val_type))
}

fn answer(stub: &Stub, results: &mut [Val]) {
    for (slot, value) in results.iter_mut().zip(stub.answer()) {
        *slot = to_wasmi(value);
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

fn to_wasmi(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
    }
}

fn from_wasmi(value: &Val) -> Result<Value> {
    Ok(match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        other => anyhow::bail!("not a number: {other:?}"),
    })
}

struct Running {
    store: Store<()>,
    instance: wasmi::Instance,
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
        let args: Vec<Val> = args.iter().copied().map(to_wasmi).collect();
        func.call(&mut self.store, &args, result.as_mut_slice())?;
        result.as_ref().map(from_wasmi).transpose()
    }

    fn with_memory(&mut self, visit: &mut dyn FnMut(&mut [u8])) -> Result<()> {
        let memory = self.instance.get_memory(&self.store, "memory").context("no exported memory")?;
        visit(memory.data_mut(&mut self.store));
        Ok(())
    }
}
