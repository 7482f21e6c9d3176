//! Executing all exports of a module, whatever it is, with everything that it may take bounded.

use rotifer::{
    Engine, Extern, ExternType, Func, Global, Instance, Memory, Module, Mutability, Ref, Store, StoreLimits,
    StoreLimitsBuilder, Table, Val, ValType,
};

/// What each call has, and instantiation.
const FUEL: u64 = 20_000;

/// A store in which nothing can become large.
pub(crate) fn small_store(engine: &Engine) -> Store<StoreLimits> {
    let limits = StoreLimitsBuilder::new().memory_size(4 << 20).table_elements(10_000).build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store.set_fuel(FUEL).expect("these engines count fuel");
    store
}

/// Something of each type that a module imports: functions that give zeros, memories and tables of zeros.
fn imports(store: &mut Store<StoreLimits>, module: &Module) -> Result<Vec<Extern>, rotifer::Error> {
    let import = |store: &mut Store<StoreLimits>, ty: &ExternType| {
        Ok(match ty {
            ExternType::Func(ty) => Extern::Func(Func::new(store, ty.clone(), |_, _, _| Ok(()))),
            ExternType::Memory(ty) => Extern::Memory(Memory::new(store, *ty)?),
            ExternType::Table(ty) => Extern::Table(Table::new(store, *ty, Ref::null(ty.element()))?),
            ExternType::Global(ty) => {
                let mutability = if ty.is_mutable() { Mutability::Var } else { Mutability::Const };
                Extern::Global(Global::new(store, Val::default_for_ty(ty.content()), mutability))
            }
        })
    };
    module.imports().map(|item| import(store, item.ty())).collect()
}

/// Instantiates a module with imports that do nothing.
pub(crate) fn instantiate(
    store: &mut Store<StoreLimits>,
    module: &Module,
) -> Result<Instance, rotifer::Error> {
    let imports = imports(store, module)?;
    Instance::new(store, module, &imports)
}

/// What has happened, in words.
#[derive(PartialEq, Debug)]
pub(crate) struct Outcome {
    /// The results or the error, and what is left of fuel.
    pub(crate) text: String,
    /// Where.
    pub(crate) backtrace: String,
}

/// Instantiates a module and calls each exported function twice: with zeros, and with other numbers.
pub(crate) fn outcome(engine: &Engine, module: &Module) -> Vec<Outcome> {
    let mut store = small_store(engine);
    let instance = match instantiate(&mut store, module) {
        Ok(instance) => instance,
        Err(error) => {
            return vec![Outcome {
                text: error.kind().to_string(),
                backtrace: error.backtrace().to_string(),
            }];
        }
    };
    let names: Vec<&str> = module.exports().map(|export| export.name()).collect();
    let mut outcomes = Vec::new();
    for name in names {
        let Some(func) = instance.get_func(&store, name) else { continue };
        let ty = func.ty(&store);
        for number in [0, 77] {
            let argument = |ty: &ValType| match ty {
                ValType::I32 => Val::I32(number),
                ValType::I64 => Val::I64(number.into()),
                other => Val::default_for_ty(*other),
            };
            let params: Vec<Val> = ty.params().iter().map(argument).collect();
            let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
            store.set_fuel(FUEL).expect("these engines count fuel");
            let called = func.call(&mut store, &params, &mut results);
            let fuel = store.get_fuel().expect("these engines count fuel");
            // References have no name that two stores share.
            results.retain(|result| !result.ty().is_ref());
            let backtrace = called.as_ref().err().map(|error| error.backtrace().to_string());
            let text = match called {
                Ok(()) => format!("{name}: Ok({results:?}), fuel {fuel}"),
                Err(error) => format!("{name}: {:?}, fuel {fuel}", error.kind()),
            };
            outcomes.push(Outcome { text, backtrace: backtrace.unwrap_or_default() });
        }
    }
    outcomes
}
