//! A module in wasmtime, whose authors are not those of rotifer.

use wasmtime::{
    AsContext, AsContextMut, Caller, Collector, Config, Engine, Error, Extern, ExternRef, ExternType, Func,
    FuncType, Global, Instance, Memory, Module, OptLevel, OwnedRooted, Ref, Store, StoreContextMut, Table,
    Trap, Val, ValType,
};

use super::{Backend, Backtrace, Export, HostFailure, import_random};
use crate::{
    random::Random,
    value::{EXTERN_OBJECTS, HostAction, HostCall, HostLog, Outcome, Stop, Type, Value},
};

/// The fuel of a call, in about as many instructions. What needs more is not compared.
const FUEL: u64 = 200_000;

/// An engine for everything that rotifer implements.
pub fn engine(canonical_nans: bool) -> Engine {
    let mut config = Config::new();
    config
        .collector(Collector::Null)
        .consume_fuel(true)
        .cranelift_nan_canonicalization(canonical_nans)
        .cranelift_opt_level(OptLevel::None)
        .generate_address_map(false)
        .memory_init_cow(false)
        .wasm_backtrace_max_frames(None)
        .wasm_bulk_memory(true)
        .wasm_custom_page_sizes(true)
        .wasm_extended_const(true)
        .wasm_memory64(true)
        .wasm_multi_memory(true)
        .wasm_multi_value(true)
        .wasm_reference_types(true)
        .wasm_tail_call(true)
        .wasm_wide_arithmetic(true);
    Engine::new(&config).expect("these settings go together")
}

/// The embedder's data.
struct Data {
    log: HostLog,
    objects: Vec<OwnedRooted<ExternRef>>,
    some_func: Option<Func>,
    functions: Vec<Func>,
    memory: Option<Memory>,
}

/// An instance.
pub struct Runner {
    store: Store<Data>,
    start: Result<(), Stop>,
    exports: Vec<Export>,
    functions: Vec<Func>,
    globals: Vec<(String, Global)>,
    memories: Vec<Memory>,
    tables: Vec<Table>,
}

fn type_of(ty: &ValType) -> Type {
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ValType::Ref(ty) if ty.heap_type().is_extern() => Type::Extern,
        ValType::Ref(_) => Type::Func,
        ty => panic!("unexpected type {ty:?}"),
    }
}

fn value(val: &Val, ctx: impl AsContext<Data = Data>) -> Value {
    match val {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::FuncRef(func) => Value::Func(func.is_some()),
        Val::ExternRef(object) => Value::Extern(object.map(|object| {
            let data = object.data(ctx.as_context()).expect("it is rooted").expect("an object of ours");
            *data.downcast_ref::<u32>().expect("a number")
        })),
        val => panic!("unexpected value {val:?}"),
    }
}

fn val(value: Value, ctx: &mut impl AsContextMut<Data = Data>) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::Func(some) => Val::FuncRef(ctx.as_context().data().some_func.filter(|_| some)),
        Value::Extern(None) => Val::ExternRef(None),
        Value::Extern(Some(number)) => {
            let object = ctx.as_context().data().objects[number as usize].clone();
            Val::ExternRef(Some(object.to_rooted(ctx)))
        }
    }
}

/// What a host function does.
fn host(
    import: u32,
    ty: &FuncType,
    caller: &mut StoreContextMut<'_, Data>,
    params: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    let params: Vec<Value> = params.iter().map(|param| value(param, &*caller)).collect();
    let (action, mut random) = caller.data_mut().log.enter(import, params);
    match action {
        HostAction::Nothing => {}
        HostAction::Fail => return Err(HostFailure.into()),
        HostAction::Call(number) => {
            let functions = &caller.data().functions;
            if !functions.is_empty() {
                let func = functions[number as usize % functions.len()];
                caller.data_mut().log.depth += 1;
                let result = call(caller, func, |ty| Value::random(ty, &mut random));
                caller.data_mut().log.depth -= 1;
                let _ = result?;
            }
        }
        HostAction::Grow => {
            if let Some(memory) = caller.data().memory {
                let _ = memory.grow(&mut *caller, 1);
            }
        }
        HostAction::Write(at, byte) => {
            if let Some(memory) = caller.data().memory {
                let _ = memory.write(&mut *caller, at as usize, &[byte]);
            }
        }
    }
    for (result, ty) in results.iter_mut().zip(ty.results()) {
        *result = val(Value::random(type_of(&ty), &mut random), caller);
    }
    Ok(())
}

fn call(
    ctx: &mut StoreContextMut<'_, Data>,
    func: Func,
    mut param: impl FnMut(Type) -> Value,
) -> Result<Vec<Value>, Error> {
    let ty = func.ty(&*ctx);
    let params: Vec<Val> = ty.params().map(|ty| val(param(type_of(&ty)), ctx)).collect();
    let mut results = vec![Val::I32(0); ty.results().len()];
    func.call(&mut *ctx, &params, &mut results)?;
    Ok(results.iter().map(|result| value(result, &*ctx)).collect())
}

fn stop(error: Error) -> Stop {
    if error.downcast_ref::<HostFailure>().is_some() {
        return Stop::Host;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => Stop::Unreachable,
        Some(Trap::MemoryOutOfBounds) => Stop::Memory,
        Some(Trap::TableOutOfBounds) => Stop::Table,
        Some(Trap::IndirectCallToNull) => Stop::IndirectCallToNull,
        Some(Trap::BadSignature) => Stop::BadSignature,
        Some(Trap::IntegerDivisionByZero) => Stop::DivisionByZero,
        Some(Trap::IntegerOverflow) => Stop::IntegerOverflow,
        Some(Trap::BadConversionToInteger) => Stop::BadConversion,
        Some(Trap::StackOverflow) => Stop::StackOverflow,
        Some(Trap::OutOfFuel) => Stop::OutOfFuel,
        _ => Stop::Other(error.to_string()),
    }
}

/// An item for an import.
fn import(store: &mut Store<Data>, import: &wasmtime::ImportType<'_>, seed: u64) -> Extern {
    let mut random = import_random(seed, import.module(), import.name());
    match import.ty() {
        ExternType::Func(ty) => {
            let func_type = ty.clone();
            let import = random.bits() as u32;
            Func::new(&mut *store, ty, move |mut caller: Caller<'_, Data>, params, results| {
                host(import, &func_type, &mut caller.as_context_mut(), params, results)
            })
            .into()
        }
        ExternType::Global(ty) => {
            let value = val(Value::random(type_of(ty.content()), &mut random), store);
            Global::new(store, ty, value).expect("a value of the type").into()
        }
        ExternType::Memory(ty) => Memory::new(store, ty).expect("a small memory").into(),
        ExternType::Table(ty) => {
            let null = Ref::null(ty.element().heap_type());
            Table::new(store, ty, null).expect("a small table").into()
        }
        ExternType::Tag(_) => panic!("unexpected import"),
    }
}

impl Runner {
    /// Instantiates a module with imports that are the same for every engine.
    pub fn new(module: &Module, seed: u64) -> Self {
        let data = Data {
            log: HostLog { seed, ..HostLog::default() },
            objects: vec![],
            some_func: None,
            functions: vec![],
            memory: None,
        };
        let mut store = Store::new(module.engine(), data);
        for number in 0..EXTERN_OBJECTS {
            let object = ExternRef::new(&mut store, number).expect("a small object");
            let object = object.to_owned_rooted(&mut store).expect("it is rooted");
            store.data_mut().objects.push(object);
        }
        let some_func = Func::wrap(&mut store, |a: i32| a ^ 0x55);
        store.data_mut().some_func = Some(some_func);
        let imports: Vec<Extern> = module.imports().map(|item| import(&mut store, &item, seed)).collect();
        store.set_fuel(FUEL).expect("the engine counts fuel");
        let (exports, functions, globals, memories, tables) = (vec![], vec![], vec![], vec![], vec![]);
        let mut runner = Self { start: Ok(()), exports, functions, globals, memories, tables, store };
        match Instance::new(&mut runner.store, module, &imports) {
            Ok(instance) => runner.look_at(instance),
            Err(error) => runner.start = Err(stop(error)),
        }
        runner
    }

    fn look_at(&mut self, instance: Instance) {
        let mut exports: Vec<(String, Extern)> = instance
            .exports(&mut self.store)
            .map(|export| (export.name().to_string(), export.into_extern()))
            .collect();
        // The order is that of every engine.
        exports.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, item) in exports {
            match item {
                Extern::Func(func) => {
                    let params = func.ty(&self.store).params().map(|ty| type_of(&ty)).collect();
                    self.exports.push(Export { name, params });
                    self.functions.push(func);
                }
                Extern::Global(global) => self.globals.push((name, global)),
                Extern::Memory(memory) => self.memories.push(memory),
                Extern::Table(table) => self.tables.push(table),
                _ => panic!("unexpected export"),
            }
        }
        self.store.data_mut().functions = self.functions.clone();
        self.store.data_mut().memory = self.memories.first().copied();
    }
}

impl Backend for Runner {
    fn name(&self) -> String {
        "wasmtime".into()
    }

    fn start(&self) -> Result<(), Stop> {
        self.start.clone()
    }

    fn functions(&self) -> Vec<Export> {
        self.exports.clone()
    }

    fn call(&mut self, function: usize, params: &[Value]) -> Outcome {
        self.store.set_fuel(FUEL).expect("the engine counts fuel");
        self.store.data_mut().log.depth = 0;
        let mut params = params.iter();
        call(&mut self.store.as_context_mut(), self.functions[function], |_| {
            *params.next().expect("as many as the type has")
        })
        .map_err(stop)
    }

    fn backtrace(&self) -> Backtrace {
        vec![]
    }

    fn set_global(&mut self, name: &str, value: i32) {
        let Some((_, global)) = self.globals.iter().find(|global| global.0 == name) else { return };
        global.set(&mut self.store, Val::I32(value)).expect("a mutable global of type i32");
    }

    fn globals(&mut self) -> Vec<Value> {
        let Self { globals, store, .. } = self;
        globals
            .iter()
            .map(|global| {
                let val = global.1.get(&mut *store);
                value(&val, &*store)
            })
            .collect()
    }

    fn memories(&self) -> Vec<&[u8]> {
        self.memories.iter().map(|memory| memory.data(&self.store)).collect()
    }

    fn tables(&mut self) -> Vec<Vec<Value>> {
        let Self { tables, store, .. } = self;
        let mut elements = |table: &Table| {
            (0..table.size(&*store))
                .map(|i| {
                    let val = table.get(&mut *store, i).expect("in bounds").into();
                    value(&val, &*store)
                })
                .collect()
        };
        tables.iter().map(&mut elements).collect()
    }

    fn host_calls(&self) -> &[HostCall] {
        &self.store.data().log.calls
    }

    fn spent(&self) -> Option<(u64, &[u64])> {
        None
    }

    fn excursion(&mut self, _: &mut Random, _: bool, _: &mut dyn FnMut(&mut dyn Backend, &mut Random)) {}

    fn suspensions(&self) -> u64 {
        0
    }
}
