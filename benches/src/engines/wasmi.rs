//! wasmi 2.0, in each of its compilation modes, with and without validation.

use crate::{
    engine::{Engine, Export, Instance, Value},
    module::{ImportKind, Module, NumType, Stub},
};
use anyhow::{Context, Result};
use wasmi::{
    CompilationMode, Config, Extern, F32, F64, Func, FuncType, Global, Memory, MemoryType, Mutability, Ref,
    RefType, Store, Table, TableType, Val, ValType,
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

    fn instantiate(&self, module: &Module) -> Result<Box<dyn Instance>> {
        let mut config = Config::default();
        config.compilation_mode(self.mode).consume_fuel(self.fuel);
        let engine = wasmi::Engine::new(&config);
        let compiled = if self.checked {
            wasmi::Module::new(&engine, &module.bytes)?
        } else {
            // SAFETY: the modules of a benchmark are known to be valid; the checked modes load them too.
            unsafe { wasmi::Module::new_unchecked(&engine, &module.bytes)? }
        };
        let mut store = Store::new(&engine, ());
        if self.fuel {
            store.set_fuel(u64::MAX)?;
        }
        let imports = imports(&mut store, module)?;
        let instance = wasmi::Instance::new(&mut store, &compiled, &imports)?;
        Ok(Box::new(Running { store, instance, exports: Vec::new() }))
    }
}

/// Creates what `module` imports. wasmi expects functions first, then tables, memories, globals, whatever
/// the module's own order.
fn imports(store: &mut Store<()>, module: &Module) -> Result<Vec<Extern>> {
    let create = |import: &crate::module::Import| -> Result<Extern> {
        Ok(match &import.kind {
            ImportKind::Func(ty) => {
                let stub = Stub::new(import, ty);
                let ty = FuncType::new(ty.params.iter().map(val_type), ty.results.iter().map(val_type));
                let func = Func::new(&mut *store, ty, move |_, _, results| {
                    for (slot, value) in results.iter_mut().zip(stub.answer()) {
                        *slot = to_wasmi(value);
                    }
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
