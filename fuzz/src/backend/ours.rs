//! A module in rotifer.

use rotifer::{
    AsContext, AsContextMut, Error, Extern, ExternRef, ExternType, Func, FuncType, Global, Instance, Memory,
    Module, Nullable, Ref, Store, StoreContextMut, Table, TrapCode, Val, ValType,
};

use super::{Backend, Backtrace, Export, HostFailure, import_random};
use crate::random::Random;
use crate::value::{EXTERN_OBJECTS, HostAction, HostCall, HostLog, Outcome, Stop, Type, Value};

mod rewinding;
mod steps;
mod travelling;

pub use self::{
    rewinding::{Point, Rewinding, Way},
    steps::Extra,
};

impl rotifer::HostError for HostFailure {}

/// The embedder's data.
pub struct Data {
    log: HostLog,
    objects: Vec<ExternRef>,
    some_func: Option<Func>,
    functions: Vec<Func>,
    memory: Option<Memory>,
    extra: Extra,
}

/// An instance.
pub struct Runner {
    name: String,
    store: Store<Data>,
    start: Result<(), Stop>,
    exports: Vec<Export>,
    functions: Vec<Func>,
    globals: Vec<(String, Global)>,
    memories: Vec<Memory>,
    tables: Vec<Table>,
    fuel: u64,
    backtrace: Backtrace,
    module: Module,
    imports: Vec<Extern>,
    /// If there is one.
    instance: Option<Instance>,
}

fn type_of(ty: ValType) -> Type {
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ty if ty == ValType::FUNCREF => Type::Func,
        ty if ty == ValType::EXTERNREF => Type::Extern,
        ty => panic!("unexpected type {ty:?}"),
    }
}

fn value(val: &Val, ctx: impl AsContext<Data = Data>) -> Value {
    match val {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::FuncRef(func) => Value::Func(!func.is_null()),
        Val::ExternRef(object) => Value::Extern(match object {
            Nullable::Null => None,
            Nullable::Val(object) => {
                Some(*object.data(ctx.as_context()).downcast_ref::<u32>().expect("a number"))
            }
        }),
        val => panic!("unexpected value {val:?}"),
    }
}

fn val(value: Value, data: &Data) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(rotifer::F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(rotifer::F64::from_bits(bits)),
        Value::Func(some) => Val::FuncRef(match data.some_func {
            Some(func) if some => Nullable::Val(func),
            _ => Nullable::Null,
        }),
        Value::Extern(None) => Val::ExternRef(Nullable::Null),
        Value::Extern(Some(number)) => Val::ExternRef(Nullable::Val(data.objects[number as usize])),
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
    steps::note_host_call(caller);
    let (action, mut random) = caller.data_mut().log.enter(import, params);
    match action {
        HostAction::Nothing => {}
        HostAction::Fail => return Err(Error::host(HostFailure)),
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
        *result = val(Value::random(type_of(*ty), &mut random), caller.data());
    }
    Ok(())
}

fn call(
    ctx: &mut StoreContextMut<'_, Data>,
    func: Func,
    mut param: impl FnMut(Type) -> Value,
) -> Result<Vec<Value>, Error> {
    let ty = func.ty(&*ctx);
    let params: Vec<Val> = ty.params().iter().map(|ty| val(param(type_of(*ty)), ctx.data())).collect();
    let mut results = vec![Val::I32(0); ty.results().len()];
    steps::invoke(ctx, func, &params, &mut results)?;
    Ok(results.iter().map(|result| value(result, &*ctx)).collect())
}

fn trap(code: TrapCode) -> Option<Stop> {
    Some(match code {
        TrapCode::UnreachableCodeReached => Stop::Unreachable,
        TrapCode::MemoryOutOfBounds => Stop::Memory,
        TrapCode::TableOutOfBounds | TrapCode::UndefinedElement => Stop::Table,
        TrapCode::IndirectCallToNull => Stop::IndirectCallToNull,
        TrapCode::BadSignature => Stop::BadSignature,
        TrapCode::IntegerDivisionByZero => Stop::DivisionByZero,
        TrapCode::IntegerOverflow => Stop::IntegerOverflow,
        TrapCode::BadConversionToInteger => Stop::BadConversion,
        TrapCode::StackOverflow => Stop::StackOverflow,
        TrapCode::OutOfFuel => Stop::OutOfFuel,
        _ => return None,
    })
}

/// An item for an import.
fn import(store: &mut Store<Data>, module: &Module, import: &rotifer::ImportType<'_>, seed: u64) -> Extern {
    let mut random = import_random(seed, import.module(), import.name());
    match import.ty() {
        ExternType::Func(ty) => {
            let func_type = ty.clone();
            let import = random.bits() as u32;
            let module = module.clone();
            let func = Func::new(&mut *store, ty.clone(), move |mut caller, params, results| {
                steps::enter_host(&mut caller)?;
                if import.is_multiple_of(4) {
                    let _ = module.evict_code();
                }
                host(import, &func_type, &mut caller.as_context_mut(), params, results)
            });
            steps::remember_import(store, func, import, ty);
            func.into()
        }
        ExternType::Global(ty) => {
            let value = Value::random(type_of(ty.content()), &mut random);
            let value = val(value, store.data());
            Global::new(store, value, ty.mutability()).into()
        }
        ExternType::Memory(ty) => Memory::new(store, *ty).expect("a small memory").into(),
        ExternType::Table(ty) => {
            Table::new(store, *ty, Ref::null(ty.element())).expect("a small table").into()
        }
    }
}

impl Runner {
    /// Instantiates a module with imports that are the same for every engine. `fuel` is for each call, where fuel is
    /// counted.
    pub fn new(name: String, module: &Module, seed: u64, fuel: u64, extra: Extra) -> Self {
        let mut runner = Self::without_instance(name, module, seed, fuel, extra);
        match Instance::new(&mut runner.store, module, &runner.imports) {
            Ok(instance) => {
                runner.instance = Some(instance);
                runner.look_at(instance);
                steps::instantiated(&mut runner.store);
            }
            Err(error) => runner.start = Err(runner.stop(error)),
        }
        runner
    }

    /// What an instance needs.
    fn without_instance(name: String, module: &Module, seed: u64, fuel: u64, extra: Extra) -> Self {
        let data = Data {
            log: HostLog { seed, ..HostLog::default() },
            objects: vec![],
            some_func: None,
            functions: vec![],
            memory: None,
            extra,
        };
        let mut store = Store::new(module.engine(), data);
        for number in 0..EXTERN_OBJECTS {
            let object = ExternRef::new(&mut store, number);
            store.data_mut().objects.push(object);
        }
        let some_func = Func::wrap(&mut store, |a: i32| a ^ 0x55);
        store.data_mut().some_func = Some(some_func);
        let imports: Vec<Extern> =
            module.imports().map(|item| import(&mut store, module, &item, seed)).collect();
        steps::set_fuel(&mut store, fuel);
        Self {
            name,
            start: Ok(()),
            exports: vec![],
            functions: vec![],
            globals: vec![],
            memories: vec![],
            tables: vec![],
            fuel,
            backtrace: vec![],
            store,
            module: module.clone(),
            imports,
            instance: None,
        }
    }

    /// Uses the instance, perhaps another one with the same imports beside it, and goes back to what it was: nothing of
    /// this must show. `use_it` calls functions; `is_new` is whether nobody has used the instance yet.
    fn go_and_return(
        &mut self,
        random: &mut Random,
        is_new: bool,
        use_it: &mut dyn FnMut(&mut Self, &mut Random),
    ) {
        let Some(instance) = self.instance else { return };
        steps::drop_suspended(&mut self.store);
        let calls = self.store.data().log.calls.len();
        let spent = steps::spent(&self.store).map(|(spent, at_host)| (spent, at_host.len()));
        // Not possible with references to objects of the host, and to functions that nobody has imported.
        let before = instance.snapshot(&mut self.store).ok();
        let can_reset = is_new && self.store.engine().config().get_resettable();
        if before.is_none() && !can_reset {
            return;
        }
        let mut others = vec![];
        for _ in 0..random.below(4) {
            match random.below(7) {
                0 => {
                    let _ = Instance::new(&mut self.store, &self.module, &self.imports);
                }
                1 => drop(instance.reset(&mut self.store)),
                2 => others.extend(instance.snapshot(&mut self.store)),
                3 if !others.is_empty() => {
                    let other = &others[random.below(others.len() as u64) as usize];
                    instance.restore(&mut self.store, other).expect("it is the same instance");
                }
                _ => use_it(self, random),
            }
            steps::drop_suspended(&mut self.store);
        }
        match before {
            Some(before) if !can_reset || random.one_in(2) => {
                instance.restore(&mut self.store, &before).expect("it is the same instance");
            }
            _ => instance.reset(&mut self.store).expect("nothing runs"),
        }
        if let Some(before) = instance.snapshot(&mut self.store).ok().filter(|_| random.one_in(4)) {
            assert_eq!(instance.snapshot(&mut self.store).ok(), Some(before), "nothing has changed");
        }
        self.backtrace.clear();
        self.store.data_mut().log.calls.truncate(calls);
        self.store.data_mut().log.depth = 0;
        if let Some((spent, at_host)) = spent {
            steps::forget(&mut self.store, spent, at_host);
        }
    }

    /// Suspended calls travel to the same module in other engines and back.
    pub fn travels_to(&mut self, modules: Vec<Module>) {
        if let Some(instance) = self.instance {
            steps::travels_to(&mut self.store, modules, instance);
        }
    }

    fn look_at(&mut self, instance: Instance) {
        let mut exports: Vec<(String, Extern)> = instance
            .exports(&self.store)
            .map(|export| (export.name().to_string(), export.into_extern()))
            .collect();
        // The order is that of every engine.
        exports.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, item) in exports {
            match item {
                Extern::Func(func) => {
                    let ty = func.ty(&self.store);
                    let params = ty.params().iter().map(|ty| type_of(*ty)).collect();
                    self.exports.push(Export { name, params });
                    self.functions.push(func);
                }
                Extern::Global(global) => self.globals.push((name, global)),
                Extern::Memory(memory) => self.memories.push(memory),
                Extern::Table(table) => self.tables.push(table),
            }
        }
        self.store.data_mut().functions = self.functions.clone();
        self.store.data_mut().memory = self.memories.first().copied();
    }

    fn stop(&mut self, error: Error) -> Stop {
        let frames = error.backtrace().frames();
        self.backtrace = frames.iter().map(|frame| (frame.func_index(), frame.module_offset())).collect();
        if error.downcast_ref::<HostFailure>().is_some() {
            return Stop::Host;
        }
        error.as_trap_code().and_then(trap).unwrap_or_else(|| Stop::Other(error.to_string()))
    }
}

impl Backend for Runner {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn start(&self) -> Result<(), Stop> {
        self.start.clone()
    }

    fn functions(&self) -> Vec<Export> {
        self.exports.clone()
    }

    fn call(&mut self, function: usize, params: &[Value]) -> Outcome {
        steps::set_fuel(&mut self.store, self.fuel);
        self.backtrace.clear();
        self.store.data_mut().log.depth = 0;
        let mut params = params.iter();
        call(&mut self.store.as_context_mut(), self.functions[function], |_| {
            *params.next().expect("as many as the type has")
        })
        .map_err(|error| self.stop(error))
    }

    fn backtrace(&self) -> Backtrace {
        self.backtrace.clone()
    }

    fn set_global(&mut self, name: &str, value: i32) {
        // Of both instances, if there are two.
        for (_, global) in self.globals.iter().filter(|global| global.0 == name) {
            global.set(&mut self.store, Val::I32(value)).expect("a mutable global of type i32");
        }
    }

    fn globals(&mut self) -> Vec<Value> {
        self.globals.iter().map(|global| value(&global.1.get(&self.store), &self.store)).collect()
    }

    fn memories(&self) -> Vec<&[u8]> {
        self.memories.iter().map(|memory| memory.data(&self.store)).collect()
    }

    fn tables(&mut self) -> Vec<Vec<Value>> {
        let element =
            |table: &Table, i| value(&table.get(&self.store, i).expect("in bounds").into(), &self.store);
        let elements = |table| (0..Table::size(table, &self.store)).map(|i| element(table, i)).collect();
        self.tables.iter().map(elements).collect()
    }

    fn host_calls(&self) -> &[HostCall] {
        &self.store.data().log.calls
    }

    fn spent(&self) -> Option<(u64, &[u64])> {
        steps::spent(&self.store)
    }

    fn suspensions(&self) -> u64 {
        steps::suspensions(&self.store)
    }

    fn excursion(
        &mut self,
        random: &mut Random,
        is_new: bool,
        use_it: &mut dyn FnMut(&mut dyn Backend, &mut Random),
    ) {
        self.go_and_return(random, is_new, &mut |runner, random| use_it(runner, random));
    }
}
