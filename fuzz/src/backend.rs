//! [`Backend`]: an instance of a module in some engine, driven and looked at from outside.
//!
//! wasmi's API and ours have the same shape, so that one macro makes both.

use crate::value::{Outcome, Stop, Type, Value};

/// An exported function.
#[derive(Clone, Debug)]
pub struct Export {
    pub name: String,
    pub params: Vec<Type>,
}

/// The calls at a trap, innermost first: function and offset.
pub type Backtrace = Vec<(u32, Option<usize>)>;

/// An instance.
pub trait Backend {
    /// What it is called in reports.
    fn name(&self) -> String;
    /// What instantiating, the start function included, gave.
    fn start(&self) -> Result<(), Stop>;
    /// The exported functions, by name.
    fn functions(&self) -> Vec<Export>;
    /// Calls an exported function.
    fn call(&mut self, function: usize, params: &[Value]) -> Outcome;
    /// Where the last call trapped.
    fn backtrace(&self) -> Backtrace;
    /// Sets an exported global of type `i32`.
    fn set_global(&mut self, name: &str, value: i32);
    /// The exported globals, by name.
    fn globals(&self) -> Vec<Value>;
    /// The exported memories, by name.
    fn memories(&self) -> Vec<&[u8]>;
    /// The exported tables, by name.
    fn tables(&self) -> Vec<Vec<Value>>;
    /// How many calls of host functions there were, and the last ones.
    fn host_calls(&self) -> &[crate::value::HostCall];
    /// The fuel that was consumed so far, and what had been at each call of a host function; if it is counted.
    fn spent(&self) -> Option<(u64, &[u64])>;
    /// How often calls were suspended and resumed.
    fn suspensions(&self) -> u64;
}

/// How much fuel the reference gets for a call, if it decides what terminates.
pub type Fuel = Option<u64>;

macro_rules! backend {
    ($module:ident, $engine:ident, $funcref:expr, $externref:expr, { $($extra:item)* }) => {
        pub mod $module {
            use $engine::{
                AsContext, AsContextMut, Error, Extern, ExternRef, ExternType, F32, F64, Func, Global,
                Instance, Memory, Module, Store, StoreContextMut, Table, Val, ValType,
            };

            use super::{Backend, Backtrace, Export, Fuel};
            use crate::value::{
                EXTERN_OBJECTS, HostAction, HostCall, HostLog, Outcome, Stop, Type, Value,
            };

            #[derive(Debug)]
            struct HostFailure;
            impl std::fmt::Display for HostFailure {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("the host function fails")
                }
            }

            /// The embedder's data.
            pub struct Data {
                log: HostLog,
                objects: Vec<ExternRef>,
                some_func: Option<Func>,
                functions: Vec<Func>,
                memory: Option<Memory>,
                #[allow(dead_code, reason = "of no use for the references")]
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
                fuel: Fuel,
                backtrace: Backtrace,
            }

            fn type_of(ty: ValType) -> Type {
                match ty {
                    ValType::I32 => Type::I32,
                    ValType::I64 => Type::I64,
                    ValType::F32 => Type::F32,
                    ValType::F64 => Type::F64,
                    ty if ty == FUNCREF => Type::Func,
                    ty if ty == EXTERNREF => Type::Extern,
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
                        Nullable::Val(object) => Some(*object.data(ctx.as_context()).downcast_ref::<u32>().expect("a number")),
                    }),
                    #[allow(unreachable_patterns, reason = "wasmi has vectors")]
                    _ => panic!("unexpected value"),
                }
            }

            fn val(value: Value, data: &Data) -> Val {
                match value {
                    Value::I32(value) => Val::I32(value),
                    Value::I64(value) => Val::I64(value),
                    Value::F32(bits) => Val::F32(F32::from_bits(bits)),
                    Value::F64(bits) => Val::F64(F64::from_bits(bits)),
                    Value::Func(some) => Val::FuncRef(match data.some_func {
                        Some(func) if some => Nullable::Val(func),
                        _ => Nullable::Null,
                    }),
                    Value::Extern(None) => Val::ExternRef(Nullable::Null),
                    Value::Extern(Some(number)) => {
                        Val::ExternRef(Nullable::Val(data.objects[number as usize]))
                    }
                }
            }

            fn host(
                import: u32,
                ty: &$engine::FuncType,
                caller: &mut StoreContextMut<'_, Data>,
                params: &[Val],
                results: &mut [Val],
            ) -> Result<(), Error> {
                let params: Vec<Value> = params.iter().map(|param| value(param, &*caller)).collect();
                note_host_call(caller);
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
                let params: Vec<Val> =
                    ty.params().iter().map(|ty| val(param(type_of(*ty)), ctx.data())).collect();
                let mut results = vec![Val::I32(0); ty.results().len()];
                invoke(ctx, func, &params, &mut results)?;
                Ok(results.iter().map(|result| value(result, &*ctx)).collect())
            }

            impl Runner {
                /// Instantiates a module with imports that are the same for every engine.
                pub fn new(name: String, module: &Module, seed: u64, fuel: Fuel, extra: Extra) -> Self {
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
                    let imports: Vec<Extern> = module
                        .imports()
                        .map(|import| {
                            // wasmi's order is not that of the module.
                            let name = format!("{}\0{}", import.module(), import.name());
                            let mut random = crate::random::Random::named(seed ^ 0x1234_5678, &name);
                            match import.ty() {
                            ExternType::Func(ty) => {
                                let func_type = ty.clone();
                                let import = random.bits() as u32;
                                let func = Func::new(&mut store, ty.clone(), move |mut caller, params, results| {
                                    enter_host(&mut caller)?;
                                    host(import, &func_type, &mut caller.as_context_mut(), params, results)
                                });
                                remember_import(&mut store, func, import, ty);
                                func.into()
                            }
                            ExternType::Global(ty) => {
                                let value = Value::random(type_of(ty.content()), &mut random);
                                let value = val(value, store.data());
                                Global::new(&mut store, value, ty.mutability()).into()
                            }
                            ExternType::Memory(ty) => {
                                Memory::new(&mut store, ty.to_owned()).expect("a small memory").into()
                            }
                            ExternType::Table(ty) => {
                                Table::new(&mut store, ty.to_owned(), null_element(ty.element()))
                                    .expect("a small table")
                                    .into()
                            }
                            #[allow(unreachable_patterns, reason = "the enum may grow")]
                            _ => panic!("unexpected import"),
                        }})
                        .collect();
                    if let Some(fuel) = fuel {
                        set_fuel(&mut store, fuel);
                    }
                    let mut runner = Self {
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
                    };
                    match Instance::new(&mut runner.store, module, &imports) {
                        Ok(instance) => {
                            runner.look_at(instance);
                            instantiated(&mut runner.store);
                        }
                        Err(error) => runner.start = Err(runner.stop(error)),
                    }
                    runner
                }

                fn look_at(&mut self, instance: Instance) {
                    let mut exports: Vec<(String, Extern)> = instance
                        .exports(&self.store)
                        .map(|export| (export.name().to_string(), export.into_extern()))
                        .collect();
                    // wasmi sorts them in its way.
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
                            #[allow(unreachable_patterns, reason = "the enum may grow")]
                            _ => panic!("unexpected export"),
                        }
                    }
                    self.store.data_mut().functions = self.functions.clone();
                    self.store.data_mut().memory = self.memories.first().copied();
                }

                fn stop(&mut self, error: Error) -> Stop {
                    self.backtrace = backtrace(&error);
                    if error.downcast_ref::<HostFailure>().is_some() {
                        return Stop::Host;
                    }
                    match error.as_trap_code().and_then(trap) {
                        Some(stop) => stop,
                        // wasmi has a message for active segments.
                        None if error.to_string().starts_with("out of bounds table access") => Stop::Table,
                        None if error.to_string().starts_with("out of bounds memory access") => Stop::Memory,
                        None => Stop::Other(error.to_string()),
                    }
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
                    if let Some(fuel) = self.fuel {
                        set_fuel(&mut self.store, fuel);
                    }
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
                    let Some((_, global)) = self.globals.iter().find(|global| global.0 == name) else { return };
                    global.set(&mut self.store, Val::I32(value)).expect("a mutable global of type i32");
                }

                fn globals(&self) -> Vec<Value> {
                    self.globals.iter().map(|global| value(&global.1.get(&self.store), &self.store)).collect()
                }

                fn memories(&self) -> Vec<&[u8]> {
                    self.memories.iter().map(|memory| memory.data(&self.store)).collect()
                }

                fn tables(&self) -> Vec<Vec<Value>> {
                    let elements = |table: &Table| {
                        (0..table.size(&self.store))
                            .map(|i| value(&element(table.get(&self.store, i).expect("in bounds")), &self.store))
                            .collect()
                    };
                    self.tables.iter().map(elements).collect()
                }

                fn host_calls(&self) -> &[HostCall] {
                    &self.store.data().log.calls
                }

                fn spent(&self) -> Option<(u64, &[u64])> {
                    spent(&self.store)
                }

                fn suspensions(&self) -> u64 {
                    suspensions(&self.store)
                }
            }

            const FUNCREF: ValType = $funcref;
            const EXTERNREF: ValType = $externref;
            $($extra)*
        }
    };
}

/// What backends have in common that make calls in the plain way.
macro_rules! plain {
    () => {
        /// Nothing.
        pub type Extra = ();

        fn set_fuel(store: &mut Store<Data>, fuel: u64) {
            store.set_fuel(fuel).expect("the engine counts fuel");
        }

        fn spent(_: &Store<Data>) -> Option<(u64, &[u64])> {
            None
        }

        fn suspensions(_: &Store<Data>) -> u64 {
            0
        }

        fn note_host_call(_: &mut StoreContextMut<'_, Data>) {}

        fn remember_import(_: &mut Store<Data>, _: Func, _: u32, _: &FuncType) {}

        fn instantiated(_: &mut Store<Data>) {}

        fn enter_host(_: &mut Caller<'_, Data>) -> Result<(), Error> {
            Ok(())
        }

        fn invoke(
            ctx: &mut StoreContextMut<'_, Data>,
            func: Func,
            params: &[Val],
            results: &mut [Val],
        ) -> Result<(), Error> {
            func.call(ctx, params, results)
        }
    };
}

backend!(ours, rotifer, ValType::FUNCREF, ValType::EXTERNREF, {
    use rotifer::{Nullable, Ref, RefType};

    fn null_element(ty: RefType) -> Ref {
        Ref::null(ty)
    }

    fn element(element: Ref) -> Val {
        element.into()
    }

    impl rotifer::HostError for HostFailure {}

    mod steps;

    pub use steps::Extra;
    use steps::{
        enter_host, instantiated, invoke, note_host_call, remember_import, set_fuel, spent, suspensions,
    };

    fn backtrace(error: &Error) -> Backtrace {
        error.backtrace().frames().iter().map(|frame| (frame.func_index(), frame.module_offset())).collect()
    }

    fn trap(code: rotifer::TrapCode) -> Option<Stop> {
        use rotifer::TrapCode;
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
});

backend!(arbiter, wasmi, ValType::FuncRef, ValType::ExternRef, {
    use wasmi::{Caller, FuncType, Nullable, Ref, RefType};

    fn null_element(ty: RefType) -> Ref {
        Ref::null(ty)
    }

    fn element(element: Ref) -> Val {
        element.into()
    }

    plain! {}

    impl wasmi::errors::HostError for HostFailure {}

    fn backtrace(_: &Error) -> Backtrace {
        vec![]
    }

    fn trap(code: wasmi::TrapCode) -> Option<Stop> {
        use wasmi::TrapCode;
        Some(match code {
            TrapCode::UnreachableCodeReached => Stop::Unreachable,
            TrapCode::MemoryOutOfBounds => Stop::Memory,
            TrapCode::TableOutOfBounds => Stop::Table,
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
});

backend!(reference, wasmi_1, ValType::FuncRef, ValType::ExternRef, {
    use wasmi_1::{Caller, FuncType, Ref as Nullable};

    fn null_element(ty: ValType) -> Val {
        Val::default(ty)
    }

    fn element(element: Val) -> Val {
        element
    }

    plain! {}

    impl wasmi_1::errors::HostError for HostFailure {}

    fn backtrace(_: &Error) -> Backtrace {
        vec![]
    }

    fn trap(code: wasmi_1::TrapCode) -> Option<Stop> {
        use wasmi_1::TrapCode;
        Some(match code {
            TrapCode::UnreachableCodeReached => Stop::Unreachable,
            TrapCode::MemoryOutOfBounds => Stop::Memory,
            TrapCode::TableOutOfBounds => Stop::Table,
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
});
