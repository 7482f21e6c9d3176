//! wasm3 0.9 (crate wasm3x): the field's classic, in C, compiled by the C compiler of the machine.
//!
//! A module is its bytes; each instance is parsed from them again, and functions are compiled when they are first
//! called or, in the eager mode, all when it is instantiated.

use crate::{
    engine::{Crossing, Crossings, Engine, Export, Instance, Loaded, Loader, PAGE_BYTES, Touch, Value},
    module::{Module, NumType, Stub},
};
use anyhow::{Context, Result, bail, ensure};
use wasm3x::{CompilationMode, Config, Func, FuncType, Linker, Store, TypedFunc, Val, ValType};

/// wasm3 in one mode.
pub struct Wasm3 {
    name: &'static str,
    mode: CompilationMode,
}

impl Wasm3 {
    /// Compiles functions when they are first called, as wasm3 does by itself.
    pub fn lazy(name: &'static str) -> Self {
        Self { name, mode: CompilationMode::Lazy }
    }

    /// Compiles everything when a module is instantiated.
    pub fn eager(name: &'static str) -> Self {
        Self { name, mode: CompilationMode::Eager }
    }

    fn engine(&self) -> wasm3x::Engine {
        wasm3x::Engine::new(Config::new().compilation_mode(self.mode))
    }
}

impl Engine for Wasm3 {
    fn name(&self) -> &str {
        self.name
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(Wasm3Loader { engine: self.engine() }))
    }

    fn crossings(&self, module: &Module) -> Result<Box<dyn Crossings>> {
        let engine = self.engine();
        let module = wasm3x::Module::new(&engine, &module.bytes)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "nothing", || {})?;
        for name in ["next", "fuel", "error", "suspend"] {
            linker.func_wrap("host", name, |i: i32| i.wrapping_add(1))?;
        }
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate_and_start(&mut store, &module)?;
        Ok(Box::new(Crosser { store, instance }))
    }
}

/// The set `calls` in one store.
struct Crosser {
    store: Store<()>,
    instance: wasm3x::Instance,
}

impl Crosser {
    fn typed(&mut self, func: TypedFunc<i32, i32>, times: i32) -> Result<i32> {
        let mut count = 0;
        for _ in 0..times {
            count = func.call(&mut self.store, count)?;
        }
        Ok(count)
    }

    fn untyped(&mut self, func: &Func, times: i32) -> Result<i32> {
        let mut count = [Val::I32(0)];
        for _ in 0..times {
            let before = count;
            func.call(&mut self.store, &before, &mut count)?;
        }
        Ok(count[0].i32().unwrap_or(-1))
    }
}

impl Crossings for Crosser {
    fn cross(&mut self, crossing: Crossing, times: i32) -> Result<i32> {
        let name = match crossing {
            Crossing::Loop => "loop",
            Crossing::HostNothing => "host_nothing",
            Crossing::HostNext => "host_next",
            Crossing::Typed | Crossing::Untyped => "next",
            Crossing::HostFuel => bail!("wasm3 counts no fuel"),
            Crossing::HostError | Crossing::HostSuspend | Crossing::Resumable => {
                bail!("wasm3 cannot resume a call")
            }
        };
        let func = self.instance.get_typed_func::<i32, i32>(&self.store, name)?;
        match crossing {
            Crossing::Typed => self.typed(func, times),
            Crossing::Untyped => self.untyped(func.func(), times),
            _ => Ok(func.call(&mut self.store, times)?),
        }
    }
}

#[derive(Clone)]
struct Wasm3Loader {
    engine: wasm3x::Engine,
}

impl Loader for Wasm3Loader {
    fn load<'a>(&self, module: &'a Module) -> Result<Box<dyn Loaded + 'a>> {
        ensure!(module.imports_only_functions(), "wasm3 can import nothing but functions");
        let parsed = wasm3x::Module::new(&self.engine, &module.bytes)?;
        Ok(Box::new(Wasm3Loaded { loader: self.clone(), module, parsed }))
    }
}

struct Wasm3Loaded<'a> {
    loader: Wasm3Loader,
    module: &'a Module,
    parsed: wasm3x::Module,
}

impl Wasm3Loaded<'_> {
    fn linker(&self) -> Result<Linker<()>> {
        let mut linker = Linker::new(&self.loader.engine);
        for (import, ty) in self.module.imported_functions() {
            let stub = Stub::new(import, ty);
            let ty = FuncType::new(ty.params.iter().map(val_type), ty.results.iter().map(val_type));
            linker.func_new(&import.module, &import.name, ty, move |_, _, results| {
                for (slot, value) in results.iter_mut().zip(stub.answer()) {
                    *slot = to_wasm3(value);
                }
                Ok(())
            })?;
        }
        Ok(linker)
    }
}

impl Loaded for Wasm3Loaded<'_> {
    fn instantiate(&self) -> Result<Box<dyn Instance>> {
        let mut store = Store::new(&self.loader.engine, ());
        let instance = self.linker()?.instantiate_and_start(&mut store, &self.parsed)?;
        Ok(Box::new(Running { store, instance, exports: Vec::new() }))
    }

    fn renew(&self, touch: Touch, times: u32) -> Result<i64> {
        let linker = self.linker()?;
        let mut sum = 0i64;
        for _ in 0..times {
            let mut store = Store::new(&self.loader.engine, ());
            let instance = linker.instantiate_and_start(&mut store, &self.parsed)?;
            match touch {
                Touch::Nothing => {}
                Touch::Call(pages) => {
                    let func = instance.get_typed_func::<i32, i64>(&store, "touch")?;
                    sum = sum.wrapping_add(func.call(&mut store, pages)?);
                }
                Touch::Host(pages) => {
                    let memory = instance.get_memory(&store).context("no memory")?;
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

fn val_type(ty: &NumType) -> ValType {
    match ty {
        NumType::I32 => ValType::I32,
        NumType::I64 => ValType::I64,
        NumType::F32 => ValType::F32,
        NumType::F64 => ValType::F64,
    }
}

fn to_wasm3(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(f32::from_bits(bits)),
        Value::F64(bits) => Val::F64(f64::from_bits(bits)),
    }
}

fn from_wasm3(value: Val) -> Result<Value> {
    Ok(match value {
        Val::I32(value) => Value::I32(value),
        Val::I64(value) => Value::I64(value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        other => bail!("not a number: {other:?}"),
    })
}

struct Running {
    store: Store<()>,
    instance: wasm3x::Instance,
    exports: Vec<(Func, Option<Val>)>,
}

impl Instance for Running {
    fn export(&mut self, name: &str) -> Result<Export> {
        let func =
            self.instance.get_func(&self.store, name).with_context(|| format!("no function {name}"))?;
        let result = func.ty(&self.store)?.results().first().and_then(|&ty| Val::default_for_ty(ty));
        self.exports.push((func, result));
        Ok(Export(self.exports.len() - 1))
    }

    fn call(&mut self, export: Export, args: &[Value]) -> Result<Option<Value>> {
        let (func, result) = &mut self.exports[export.0];
        let args: Vec<Val> = args.iter().copied().map(to_wasm3).collect();
        func.call(&mut self.store, &args, result.as_mut_slice())?;
        result.map(from_wasm3).transpose()
    }

    fn with_memory(&mut self, visit: &mut dyn FnMut(&mut [u8])) -> Result<()> {
        let memory = self.instance.get_memory(&self.store).context("no memory")?;
        visit(memory.data_mut(&mut self.store));
        Ok(())
    }
}
