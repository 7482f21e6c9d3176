//! Silverfir-nano 0.6 (crate sf-nano-core), its interpreter alone. It has one mode: validate and predecode
//! everything before the instance exists.

use crate::{
    engine::{Crossing, Crossings, Engine, Export, Instance, Loaded, Loader, Value},
    module::{FuncType, ImportKind, Module, NumType, Stub},
};
use anyhow::{Context, Result, anyhow, bail};
use sf_nano_core::{Config, FunctionType, Import, Tier, value_type::ValueType};

/// Silverfir-nano's interpreter.
pub struct Silverfir;

impl Engine for Silverfir {
    fn name(&self) -> &str {
        "silverfir"
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        let engine =
            sf_nano_core::Engine::new(Config::new().tier(Tier::Interp)).map_err(|e| anyhow!("{e:?}"))?;
        Ok(Box::new(SilverfirLoader { engine }))
    }

    fn crossings(&self, module: &Module) -> Result<Box<dyn Crossings>> {
        let engine =
            sf_nano_core::Engine::new(Config::new().tier(Tier::Interp)).map_err(|e| anyhow!("{e:?}"))?;
        let host = |name: &str, params: usize, next: fn(&[sf_nano_core::Value]) -> Option<i32>| {
            let types = vec![ValueType::I32; params];
            let answer = move |_: &mut sf_nano_core::Caller<'_>,
                               args: &[sf_nano_core::Value],
                               results: &mut [sf_nano_core::Value]| {
                if let (Some(slot), Some(value)) = (results.first_mut(), next(args)) {
                    *slot = sf_nano_core::Value::I32(value);
                }
                Ok(())
            };
            let ty = FunctionType::new(types.clone().into(), types.into());
            Import::func_typed("host", name, answer, ty)
        };
        let next = |args: &[sf_nano_core::Value]| match args {
            [sf_nano_core::Value::I32(i)] => Some(i.wrapping_add(1)),
            _ => None,
        };
        let mut imports = vec![host("nothing", 0, |_| None)];
        imports.extend(["next", "fuel", "error", "suspend"].map(|name| host(name, 1, next)));
        let instance = sf_nano_core::Instance::new(&engine, &module.bytes, &imports).map_err(error)?;
        Ok(Box::new(Crosser { instance }))
    }
}

/// The set `calls`.
struct Crosser {
    instance: sf_nano_core::Instance,
}

impl Crosser {
    fn call(&mut self, func: &sf_nano_core::Func, i: i32) -> Result<i32> {
        let mut result = [sf_nano_core::Value::Unknown];
        self.instance.call(func, &[sf_nano_core::Value::I32(i)], &mut result).map_err(error)?;
        let [sf_nano_core::Value::I32(result)] = result else { bail!("no i32: {result:?}") };
        Ok(result)
    }
}

impl Crossings for Crosser {
    fn cross(&mut self, crossing: Crossing, times: i32) -> Result<i32> {
        let name = match crossing {
            Crossing::Loop => "loop",
            Crossing::HostNothing => "host_nothing",
            Crossing::HostNext => "host_next",
            Crossing::Untyped => "next",
            Crossing::Typed => bail!("silverfir calls functions only with values typed at run time"),
            Crossing::HostFuel => bail!("silverfir counts no fuel"),
            Crossing::HostError | Crossing::HostSuspend | Crossing::Resumable => {
                bail!("silverfir cannot resume a call")
            }
        };
        let func = self.instance.get_func(name).with_context(|| format!("no function {name}"))?;
        if crossing != Crossing::Untyped {
            return self.call(&func, times);
        }
        let mut count = 0;
        for _ in 0..times {
            count = self.call(&func, count)?;
        }
        Ok(count)
    }
}

#[derive(Clone)]
struct SilverfirLoader {
    engine: sf_nano_core::Engine,
}

impl Loader for SilverfirLoader {
    fn load<'a>(&self, module: &'a Module) -> Result<Box<dyn Loaded + 'a>> {
        Ok(Box::new(SilverfirLoaded { loader: self.clone(), module }))
    }
}

/// Nothing yet: an instance uses its module up, so that each is made from the bytes.
struct SilverfirLoaded<'a> {
    loader: SilverfirLoader,
    module: &'a Module,
}

impl Loaded for SilverfirLoaded<'_> {
    fn instantiate(&self) -> Result<Box<dyn Instance>> {
        let imports: Vec<Import> = self.module.imports.iter().map(import).collect();
        let instance = sf_nano_core::Instance::new(&self.loader.engine, &self.module.bytes, &imports);
        Ok(Box::new(Running { instance: instance.map_err(error)?, exports: Vec::new() }))
    }
}

fn error(error: sf_nano_core::WasmError) -> anyhow::Error {
    anyhow!("{error}")
}

fn import(import: &crate::module::Import) -> Import {
    let (module, name) = (&import.module, &import.name);
    match &import.kind {
        ImportKind::Func(ty) => {
            let stub = Stub::new(import, ty);
            let answer = move |_: &mut sf_nano_core::Caller<'_>,
                               _: &[sf_nano_core::Value],
                               results: &mut [sf_nano_core::Value]| {
                for (slot, value) in results.iter_mut().zip(stub.answer()) {
                    *slot = to_silverfir(value);
                }
                Ok(())
            };
            Import::func_typed(module, name, answer, function_type(ty))
        }
        &ImportKind::Memory { minimum, maximum } => {
            Import::memory(module, name, minimum as usize, maximum.map(|pages| pages as usize))
        }
        &ImportKind::Table { minimum, maximum } => {
            Import::table(module, name, minimum as usize, maximum.map(|len| len as usize))
        }
        &ImportKind::Global { content, mutable } => {
            Import::global(module, name, to_silverfir(content.zero()), mutable)
        }
    }
}

fn function_type(ty: &FuncType) -> FunctionType {
    let types = |types: &[NumType]| types.iter().map(value_type).collect();
    FunctionType::new(types(&ty.params), types(&ty.results))
}

fn value_type(ty: &NumType) -> ValueType {
    match ty {
        NumType::I32 => ValueType::I32,
        NumType::I64 => ValueType::I64,
        NumType::F32 => ValueType::F32,
        NumType::F64 => ValueType::F64,
    }
}

fn to_silverfir(value: Value) -> sf_nano_core::Value {
    match value {
        Value::I32(value) => sf_nano_core::Value::I32(value),
        Value::I64(value) => sf_nano_core::Value::I64(value),
        Value::F32(bits) => sf_nano_core::Value::F32(f32::from_bits(bits)),
        Value::F64(bits) => sf_nano_core::Value::F64(f64::from_bits(bits)),
    }
}

fn from_silverfir(value: sf_nano_core::Value) -> Result<Value> {
    Ok(match value {
        sf_nano_core::Value::I32(value) => Value::I32(value),
        sf_nano_core::Value::I64(value) => Value::I64(value),
        sf_nano_core::Value::F32(value) => Value::F32(value.to_bits()),
        sf_nano_core::Value::F64(value) => Value::F64(value.to_bits()),
        other => bail!("not a number: {other:?}"),
    })
}

struct Running {
    instance: sf_nano_core::Instance,
    exports: Vec<sf_nano_core::Func>,
}

impl Instance for Running {
    fn export(&mut self, name: &str) -> Result<Export> {
        let func = self.instance.get_func(name).with_context(|| format!("no function {name}"))?;
        self.exports.push(func);
        Ok(Export(self.exports.len() - 1))
    }

    fn call(&mut self, export: Export, args: &[Value]) -> Result<Option<Value>> {
        let func = self.exports[export.0];
        let args: Vec<_> = args.iter().copied().map(to_silverfir).collect();
        let mut result = (func.arity().1 == 1).then_some(sf_nano_core::Value::Unknown);
        self.instance.call(&func, &args, result.as_mut_slice()).map_err(error)?;
        result.map(from_silverfir).transpose()
    }

    fn with_memory(&mut self, visit: &mut dyn FnMut(&mut [u8])) -> Result<()> {
        visit(&mut self.instance.memory_mut().map_err(error)?);
        Ok(())
    }
}
