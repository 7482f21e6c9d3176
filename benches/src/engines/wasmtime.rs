//! wasmtime 48.0.8: Pulley, its interpreter of code that Cranelift optimised, and Cranelift's machine code, the far
//! limit of what an interpreter can be compared with. Either compiles everything at load.

use crate::{
    engine::{Crossing, Crossings, Engine, Export, Instance, Loaded, Loader, PAGE_BYTES, Touch, Value},
    module::{ImportKind, Module, NumType, Stub},
};
use anyhow::{Context, Result, anyhow, bail};
use wasmtime::{
    Config, Enabled, Extern, Func, FuncType, Global, GlobalType, Linker, Memory, MemoryType, Mutability,
    PoolingAllocationConfig, Ref, RefType, Store, Table, TableType, TypedFunc, Val, ValType,
};

/// wasmtime with one compiler and one way to allocate instances.
pub struct Wasmtime {
    name: &'static str,
    /// Cranelift's target, the machine's own if there is none.
    target: Option<&'static str>,
    allocation: Allocation,
}

/// Where instances get their memories from. Images of what a memory begins with are mapped copy on write in all.
#[derive(Clone, Copy)]
enum Allocation {
    /// Mapped for each instance.
    OnDemand,
    /// Kept in slots, which go back to the image by `madvise`.
    Pool,
    /// The same, but the first mebibyte is copied.
    PoolKeep,
    /// The same, but whatever the kernel says was written is copied, up to any size.
    PoolPagemap,
}

impl Wasmtime {
    /// Pulley, interpreted.
    pub fn pulley(name: &'static str) -> Self {
        Self { name, target: Some("pulley64"), allocation: Allocation::OnDemand }
    }

    /// Machine code.
    pub fn cranelift(name: &'static str) -> Self {
        Self { name, target: None, allocation: Allocation::OnDemand }
    }

    /// Every way to allocate instances.
    pub fn all_allocations() -> [Self; 5] {
        let cranelift = |name, allocation| Self { allocation, ..Self::cranelift(name) };
        [
            Self { allocation: Allocation::Pool, ..Self::pulley("pulley.pool") },
            Self::cranelift("cranelift.on-demand"),
            cranelift("cranelift.pool", Allocation::Pool),
            cranelift("cranelift.pool-keep", Allocation::PoolKeep),
            cranelift("cranelift.pool-pagemap", Allocation::PoolPagemap),
        ]
    }

    fn engine(&self) -> Result<wasmtime::Engine> {
        let mut config = Config::new();
        config.wasm_custom_page_sizes(true).wasm_wide_arithmetic(true);
        if let Some(target) = self.target {
            config.target(target).map_err(error)?;
        }
        if let Some(pool) = self.allocation.pool() {
            config.allocation_strategy(pool);
        }
        wasmtime::Engine::new(&config).map_err(error)
    }
}

impl Allocation {
    /// A pool for the few instances of a benchmark.
    fn pool(self) -> Option<PoolingAllocationConfig> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_core_instances(8).total_memories(8).total_tables(8);
        match self {
            Self::OnDemand => return None,
            Self::Pool => {}
            Self::PoolKeep => {
                pool.linear_memory_keep_resident(1 << 20);
            }
            Self::PoolPagemap => {
                pool.linear_memory_keep_resident(1 << 30).pagemap_scan(Enabled::Yes);
            }
        }
        Some(pool)
    }
}

fn error(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}

impl Engine for Wasmtime {
    fn name(&self) -> &str {
        self.name
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(WasmtimeLoader { engine: self.engine()? }))
    }

    fn crossings(&self, module: &Module) -> Result<Box<dyn Crossings>> {
        let engine = self.engine()?;
        let module = wasmtime::Module::new(&engine, &module.bytes).map_err(error)?;
        let mut store = Store::new(&engine, ());
        let linker = crossing_linker(&engine).map_err(error)?;
        let instance = linker.instantiate(&mut store, &module).map_err(error)?;
        Ok(Box::new(Crosser { store, instance }))
    }
}

/// The host functions of the set `calls`.
fn crossing_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "nothing", || {})?;
    for name in ["next", "fuel", "error", "suspend"] {
        linker.func_wrap("host", name, |i: i32| i.wrapping_add(1))?;
    }
    Ok(linker)
}

/// The set `calls` in one store.
struct Crosser {
    store: Store<()>,
    instance: wasmtime::Instance,
}

impl Crosser {
    fn typed(&mut self, func: &TypedFunc<i32, i32>, times: i32) -> wasmtime::Result<i32> {
        let mut count = 0;
        for _ in 0..times {
            count = func.call(&mut self.store, count)?;
        }
        Ok(count)
    }

    fn untyped(&mut self, func: &Func, times: i32) -> wasmtime::Result<i32> {
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
            Crossing::HostFuel => bail!("the case is not written for wasmtime"),
            Crossing::HostError | Crossing::HostSuspend | Crossing::Resumable => {
                bail!("wasmtime suspends calls only with stacks of its own (its feature async)")
            }
        };
        let func = self.instance.get_typed_func::<i32, i32>(&mut self.store, name).map_err(error)?;
        let count = match crossing {
            Crossing::Typed => self.typed(&func, times),
            Crossing::Untyped => self.untyped(func.func(), times),
            _ => func.call(&mut self.store, times),
        };
        count.map_err(error)
    }
}

#[derive(Clone)]
struct WasmtimeLoader {
    engine: wasmtime::Engine,
}

impl Loader for WasmtimeLoader {
    fn load<'a>(&self, module: &'a Module) -> Result<Box<dyn Loaded + 'a>> {
        let compiled = wasmtime::Module::new(&self.engine, &module.bytes).map_err(error)?;
        Ok(Box::new(WasmtimeLoaded { loader: self.clone(), module, compiled }))
    }
}

struct WasmtimeLoaded<'a> {
    loader: WasmtimeLoader,
    module: &'a Module,
    compiled: wasmtime::Module,
}

impl Loaded for WasmtimeLoaded<'_> {
    fn instantiate(&self) -> Result<Box<dyn Instance>> {
        let mut store = Store::new(&self.loader.engine, ());
        let imports = imports(&mut store, self.module).map_err(error)?;
        let instance = wasmtime::Instance::new(&mut store, &self.compiled, &imports).map_err(error)?;
        Ok(Box::new(Running { store, instance, exports: Vec::new() }))
    }

    fn renew(&self, touch: Touch, times: u32) -> Result<i64> {
        let linker = stub_linker(&self.loader.engine, self.module).map_err(error)?;
        let pre = linker.instantiate_pre(&self.compiled).map_err(error)?;
        let mut sum = 0i64;
        for _ in 0..times {
            let mut store = Store::new(&self.loader.engine, ());
            let instance = pre.instantiate(&mut store).map_err(error)?;
            sum = sum.wrapping_add(touch_memory(&mut store, instance, touch)?);
        }
        Ok(sum)
    }
}

fn touch_memory(store: &mut Store<()>, instance: wasmtime::Instance, touch: Touch) -> Result<i64> {
    match touch {
        Touch::Nothing => Ok(0),
        Touch::Call(pages) => {
            let func = instance.get_typed_func::<i32, i64>(&mut *store, "touch").map_err(error)?;
            func.call(store, pages).map_err(error)
        }
        Touch::Host(pages) => {
            let memory = instance.get_memory(&mut *store, "memory").context("no exported memory")?;
            let mut sum = 0;
            for page in 0..pages as usize {
                let mut byte = [0];
                memory.read(&*store, page * PAGE_BYTES, &mut byte)?;
                sum += i64::from(byte[0]);
                memory.write(&mut *store, page * PAGE_BYTES, &[1])?;
            }
            Ok(sum)
        }
    }
}

/// A linker with stubs for the functions that `module` imports.
fn stub_linker(engine: &wasmtime::Engine, module: &Module) -> wasmtime::Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    for (import, ty) in module.imported_functions() {
        let stub = Stub::new(import, ty);
        linker.func_new(&import.module, &import.name, func_type(engine, ty), move |_, _, results| {
            answer(&stub, results);
            Ok(())
        })?;
    }
    Ok(linker)
}

/// Creates what `module` imports, in order.
fn imports(store: &mut Store<()>, module: &Module) -> wasmtime::Result<Vec<Extern>> {
    let create = |import: &crate::module::Import| -> wasmtime::Result<Extern> {
        Ok(match &import.kind {
            ImportKind::Func(ty) => {
                let stub = Stub::new(import, ty);
                let ty = func_type(store.engine(), ty);
                let func = Func::new(&mut *store, ty, move |_, _, results| {
                    answer(&stub, results);
                    Ok(())
                });
                func.into()
            }
            &ImportKind::Memory { minimum, maximum } => {
                Memory::new(&mut *store, MemoryType::new(minimum, maximum))?.into()
            }
            &ImportKind::Table { minimum, maximum } => {
                let ty = TableType::new(RefType::FUNCREF, minimum, maximum);
                Table::new(&mut *store, ty, Ref::Func(None))?.into()
            }
            &ImportKind::Global { content, mutable } => {
                let mutability = if mutable { Mutability::Var } else { Mutability::Const };
                let ty = GlobalType::new(val_type(&content), mutability);
                Global::new(&mut *store, ty, to_wasmtime(content.zero()))?.into()
            }
        })
    };
    module.imports.iter().map(create).collect()
}

fn func_type(engine: &wasmtime::Engine, ty: &crate::module::FuncType) -> FuncType {
    FuncType::new(engine, ty.params.iter().map(val_type), ty.results.iter().map(val_type))
}

fn answer(stub: &Stub, results: &mut [Val]) {
    for (slot, value) in results.iter_mut().zip(stub.answer()) {
        *slot = to_wasmtime(value);
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

fn to_wasmtime(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
    }
}

fn from_wasmtime(value: Val) -> Result<Value> {
    Ok(match value {
        Val::I32(value) => Value::I32(value),
        Val::I64(value) => Value::I64(value),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        other => bail!("not a number: {other:?}"),
    })
}

struct Running {
    store: Store<()>,
    instance: wasmtime::Instance,
    exports: Vec<(Func, Option<Val>)>,
}

impl Instance for Running {
    fn export(&mut self, name: &str) -> Result<Export> {
        let func =
            self.instance.get_func(&mut self.store, name).with_context(|| format!("no function {name}"))?;
        let result = func.ty(&self.store).results().next().and_then(|ty| ty.default_value());
        self.exports.push((func, result));
        Ok(Export(self.exports.len() - 1))
    }

    fn call(&mut self, export: Export, args: &[Value]) -> Result<Option<Value>> {
        let (func, result) = &mut self.exports[export.0];
        let args: Vec<Val> = args.iter().copied().map(to_wasmtime).collect();
        func.call(&mut self.store, &args, result.as_mut_slice()).map_err(error)?;
        result.map(from_wasmtime).transpose()
    }

    fn with_memory(&mut self, visit: &mut dyn FnMut(&mut [u8])) -> Result<()> {
        let memory = self.instance.get_memory(&mut self.store, "memory").context("no exported memory")?;
        visit(memory.data_mut(&mut self.store));
        Ok(())
    }
}
