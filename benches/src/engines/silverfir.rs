//! Silverfir-nano 0.6 (crate sf-nano-core), its interpreter alone. It has one mode: validate and predecode
//! everything before the instance exists.

use crate::{
    engine::{Engine, Export, Instance, Value},
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

    fn instantiate(&self, module: &Module) -> Result<Box<dyn Instance>> {
        let engine =
            sf_nano_core::Engine::new(Config::new().tier(Tier::Interp)).map_err(|e| anyhow!("{e:?}"))?;
        let imports: Vec<Import> = module.imports.iter().map(import).collect();
        let instance = sf_nano_core::Instance::new(&engine, &module.bytes, &imports).map_err(error)?;
        Ok(Box::new(Running { instance, exports: Vec::new() }))
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
