//! tinywasm 0.10, an interpreter in safe Rust. It has one mode: validate and translate everything at load.

use crate::{
    engine::{Crossing, Crossings, Engine, Export, Instance, Loaded, Loader, PAGE_BYTES, Touch, Value},
    module::{ImportKind, Module, NumType, Stub},
};
use anyhow::{Result, anyhow, bail};
use tinywasm::{
    Extern, Function, Global, HostFunction, Imports, Memory, ModuleInstance, StackConfig, Store, Table,
    engine::Config,
    types::{FuncType, GlobalType, MemoryType, TableType, WasmType, WasmValue},
};

/// tinywasm.
pub struct TinyWasm;

/// Room for the recursion of the kernels: the default is 1024 calls.
const MAX_CALLS: usize = 1 << 16;
/// Slots of each kind for the same reason.
const MAX_SLOTS: usize = 1 << 20;

fn engine() -> tinywasm::Engine {
    let config = Config::new()
        .with_call_stack(StackConfig::dynamic(1024, MAX_CALLS))
        .with_value_stack_32(StackConfig::dynamic(1024, MAX_SLOTS))
        .with_value_stack_64(StackConfig::dynamic(1024, MAX_SLOTS));
    tinywasm::Engine::new(config)
}

fn error(error: tinywasm::Error) -> anyhow::Error {
    anyhow!("{error}")
}

impl Engine for TinyWasm {
    fn name(&self) -> &str {
        "tinywasm"
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(TinyWasmLoader { engine: engine() }))
    }

    fn crossings(&self, module: &Module) -> Result<Box<dyn Crossings>> {
        let module = tinywasm::parse_bytes(&module.bytes).map_err(|error| anyhow!("{error}"))?;
        let mut store = Store::new(engine());
        let mut imports = Imports::new();
        imports.define("host", "nothing", HostFunction::from(&mut store, |_, (): ()| Ok(())));
        for name in ["next", "fuel", "error", "suspend"] {
            imports.define("host", name, HostFunction::from(&mut store, |_, i: i32| Ok(i.wrapping_add(1))));
        }
        let instance = ModuleInstance::instantiate(&mut store, &module, Some(imports)).map_err(error)?;
        Ok(Box::new(Crosser { store, instance }))
    }
}

/// The set `calls` in one store.
struct Crosser {
    store: Store,
    instance: ModuleInstance,
}

impl Crosser {
    fn typed(&mut self, times: i32) -> Result<i32> {
        let func = self.instance.func::<i32, i32>(&self.store, "next").map_err(error)?;
        let mut count = 0;
        for _ in 0..times {
            count = func.call(&mut self.store, count).map_err(error)?;
        }
        Ok(count)
    }

    fn untyped(&mut self, times: i32) -> Result<i32> {
        let func = self.instance.func_untyped(&self.store, "next").map_err(error)?;
        let mut count = 0;
        for _ in 0..times {
            let results = func.call(&mut self.store, &[WasmValue::I32(count)]).map_err(error)?;
            let [WasmValue::I32(next)] = results[..] else { bail!("not one i32") };
            count = next;
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
            Crossing::Typed => return self.typed(times),
            Crossing::Untyped => return self.untyped(times),
            Crossing::HostFuel => bail!("tinywasm counts fuel only in calls of its own kind"),
            Crossing::HostError | Crossing::HostSuspend | Crossing::Resumable => {
                bail!("tinywasm resumes only what ran out of fuel or time")
            }
        };
        let func = self.instance.func::<i32, i32>(&self.store, name).map_err(error)?;
        func.call(&mut self.store, times).map_err(error)
    }
}

#[derive(Clone)]
struct TinyWasmLoader {
    engine: tinywasm::Engine,
}

impl Loader for TinyWasmLoader {
    fn load<'a>(&self, module: &'a Module) -> Result<Box<dyn Loaded + 'a>> {
        let parsed = tinywasm::parse_bytes(&module.bytes).map_err(|error| anyhow!("{error}"))?;
        Ok(Box::new(TinyWasmLoaded { loader: self.clone(), module, parsed }))
    }
}

struct TinyWasmLoaded<'a> {
    loader: TinyWasmLoader,
    module: &'a Module,
    parsed: tinywasm::Module,
}

impl TinyWasmLoaded<'_> {
    fn instance(&self) -> Result<(Store, ModuleInstance)> {
        let mut store = Store::new(self.loader.engine.clone());
        let imports = imports(&mut store, self.module)?;
        let instance = ModuleInstance::instantiate(&mut store, &self.parsed, Some(imports)).map_err(error)?;
        Ok((store, instance))
    }
}

impl Loaded for TinyWasmLoaded<'_> {
    fn instantiate(&self) -> Result<Box<dyn Instance>> {
        let (store, instance) = self.instance()?;
        Ok(Box::new(Running { store, instance, exports: Vec::new() }))
    }

    /// Its imports belong to a store, so that instances share nothing but the module.
    fn renew(&self, touch: Touch, times: u32) -> Result<i64> {
        let mut sum = 0i64;
        for _ in 0..times {
            let (mut store, instance) = self.instance()?;
            match touch {
                Touch::Nothing => {}
                Touch::Call(pages) => {
                    let func = instance.func::<i32, i64>(&store, "touch").map_err(error)?;
                    sum = sum.wrapping_add(func.call(&mut store, pages).map_err(error)?);
                }
                Touch::Host(pages) => {
                    let memory = instance.memory("memory").map_err(error)?;
                    for page in 0..pages as usize {
                        let mut byte = [0];
                        memory.read_exact(&store, page * PAGE_BYTES, &mut byte).map_err(error)?;
                        sum = sum.wrapping_add(byte[0].into());
                        memory.copy_from_slice(&mut store, page * PAGE_BYTES, &[1]).map_err(error)?;
                    }
                }
            }
        }
        Ok(sum)
    }
}

/// Creates what `module` imports.
fn imports(store: &mut Store, module: &Module) -> Result<Imports> {
    let mut imports = Imports::new();
    for import in &module.imports {
        let value: Extern = match &import.kind {
            ImportKind::Func(ty) => {
                let stub = Stub::new(import, ty);
                let types = |types: &[NumType]| types.iter().map(wasm_type).collect::<Vec<_>>();
                let ty = FuncType::new(&types(&ty.params), &types(&ty.results));
                let answer = move |_: tinywasm::FuncContext<'_>, _: &[WasmValue]| {
                    Ok(stub.answer().map(to_tinywasm).collect())
                };
                HostFunction::from_untyped(store, &ty, answer).into()
            }
            &ImportKind::Memory { minimum, maximum } => {
                let ty = MemoryType::default()
                    .with_page_count_initial(minimum.into())
                    .with_page_count_max(maximum.map(Into::into));
                Memory::new(store, ty).map_err(error)?.into()
            }
            &ImportKind::Table { minimum, maximum } => {
                let ty = TableType::new(WasmType::RefFunc, minimum.into(), maximum.map(Into::into));
                Table::new(store, ty, WasmValue::default_for(WasmType::RefFunc)).map_err(error)?.into()
            }
            &ImportKind::Global { content, mutable } => {
                let ty = GlobalType::new(wasm_type(&content), mutable);
                Global::new(store, ty, to_tinywasm(content.zero())).map_err(error)?.into()
            }
        };
        imports.define(&import.module, &import.name, value);
    }
    Ok(imports)
}

fn wasm_type(ty: &NumType) -> WasmType {
    match ty {
        NumType::I32 => WasmType::I32,
        NumType::I64 => WasmType::I64,
        NumType::F32 => WasmType::F32,
        NumType::F64 => WasmType::F64,
    }
}

fn to_tinywasm(value: Value) -> WasmValue {
    match value {
        Value::I32(value) => WasmValue::I32(value),
        Value::I64(value) => WasmValue::I64(value),
        Value::F32(bits) => WasmValue::F32(f32::from_bits(bits)),
        Value::F64(bits) => WasmValue::F64(f64::from_bits(bits)),
    }
}

fn from_tinywasm(value: &WasmValue) -> Result<Value> {
    Ok(match value {
        WasmValue::I32(value) => Value::I32(*value),
        WasmValue::I64(value) => Value::I64(*value),
        WasmValue::F32(value) => Value::F32(value.to_bits()),
        WasmValue::F64(value) => Value::F64(value.to_bits()),
        _ => bail!("not a number"),
    })
}

struct Running {
    store: Store,
    instance: ModuleInstance,
    exports: Vec<Function>,
}

impl Instance for Running {
    fn export(&mut self, name: &str) -> Result<Export> {
        self.exports.push(self.instance.func_untyped(&self.store, name).map_err(error)?);
        Ok(Export(self.exports.len() - 1))
    }

    fn call(&mut self, export: Export, args: &[Value]) -> Result<Option<Value>> {
        let args: Vec<_> = args.iter().copied().map(to_tinywasm).collect();
        let results = self.exports[export.0].call(&mut self.store, &args).map_err(error)?;
        results.first().map(from_tinywasm).transpose()
    }

    /// A copy goes out and comes back: memories are not lent. No set has this under its clock.
    fn with_memory(&mut self, visit: &mut dyn FnMut(&mut [u8])) -> Result<()> {
        let memory = self.instance.memory("memory").map_err(error)?;
        let len = memory.len(&self.store).map_err(error)?;
        let mut bytes = memory.read_vec(&self.store, 0, len).map_err(error)?;
        visit(&mut bytes);
        memory.copy_from_slice(&mut self.store, 0, &bytes).map_err(error)
    }
}
