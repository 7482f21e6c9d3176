//! The engine as a subject: one way to load a module, and one dispatcher.

use rotifer::{
    BacktraceFrame, Caller, Config, Dispatch, Engine, Error, Extern, ExternRef, ExternType, F32, F64,
    FuelCosts, Func, FuncType, Global, HostError, Instance, InterruptHandle, LoadMode, Memory, Module,
    Nullable, Ref, ResumableCall, Store, StoreLimits, StoreLimitsBuilder, SuspendReason, SuspendedCall,
    Table, TrapCode, Val, ValType, WasmBacktrace,
};
use rotifer_oracle::{Event, Machine, Options, Place, Refuel, Run, State, Subject, Value, ValueType};

/// How a module is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    Eager,
    Checked,
    Partial,
    Unchecked,
}

const LOADS: [Load; 4] = [Load::Eager, Load::Checked, Load::Partial, Load::Unchecked];

/// How the engine runs a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Way {
    pub(crate) load: Load,
    pub(crate) dispatch: Dispatch,
}

/// Every way there is.
pub(crate) fn ways() -> Vec<Way> {
    // Sanitizers leave one dispatcher (`cargo xtask sanitize`).
    let both = cfg!(target_arch = "x86_64") && option_env!("ROTIFER_NO_TAIL_CALLS").is_none();
    assert!(Dispatch::available().len() > 1 || !both, "tests run with both dispatchers");
    let of = |&dispatch| LOADS.map(|load| Way { load, dispatch });
    Dispatch::available().iter().flat_map(of).collect()
}

/// What an engine counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meter {
    Fuel,
    Interrupts,
    Nothing,
}

/// An engine that counts fuel and behaves as the options say.
pub(crate) fn engine(way: Way, options: &Options) -> Engine {
    engine_with(Meter::Fuel, way, options)
}

pub(crate) fn engine_with(meter: Meter, way: Way, options: &Options) -> Engine {
    let mut config = Config::new();
    config
        .dispatch(way.dispatch)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .max_call_depth(options.max_call_depth)
        .max_stack_size(64 << 20)
        .canonical_nans(options.canonical_nans)
        // Which of the two makes no difference that can be seen: engines of both kinds take part.
        .track_writes(options.canonical_nans || meter == Meter::Interrupts)
        .cpu_features(!options.canonical_nans)
        .consume_fuel(meter == Meter::Fuel)
        .interruptible(meter == Meter::Interrupts)
        .fuel_costs(options.costs.clone());
    Engine::new(&config)
}

/// Loads a module, which is valid.
pub(crate) fn load(engine: &Engine, load: Load, wasm: &[u8]) -> Result<Module, Error> {
    match load {
        Load::Eager => Module::new_with_mode(engine, wasm, LoadMode::Eager),
        Load::Checked => Module::new_with_mode(engine, wasm, LoadMode::Checked),
        Load::Partial => Module::new_with_mode(engine, wasm, LoadMode::Partial),
        // SAFETY: the oracle has validated the module.
        Load::Unchecked => unsafe { Module::new_unchecked(engine, wasm) },
    }
}

/// What happens around a run that must not change it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// Nothing.
    Plain,
    /// Some host functions interrupt the call they are in, which is resumed. If the module imports from
    /// `twin`, there are two instances that share all state, and calls through the table go to one or the
    /// other.
    Disturbed,
}

/// The embedder's data.
struct Data {
    /// Interrupts every third call of a host function.
    handle: Option<InterruptHandle>,
    host_calls: u64,
    /// Whether the function `suspend` suspends the call.
    can_suspend: bool,
    events: Vec<Event>,
    limits: StoreLimits,
    objects: Vec<ExternRef>,
}

#[derive(Debug)]
struct Failure;

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the host function fails")
    }
}

impl HostError for Failure {}

/// A module in the engine.
pub(crate) struct Runner<'m> {
    module: Module,
    read: &'m rotifer_oracle::Module<'m>,
    costs: FuelCosts,
    limits: StoreLimits,
    store: Store<Data>,
    instance: Option<Instance>,
    manner: Manner,
    /// What the module imports from `library`. Where something happens is known by function only, then.
    library: Option<Module>,
    /// Imports that were made, so that instances can share them.
    shared: Vec<(String, String, Extern)>,
}

impl<'m> Runner<'m> {
    pub(crate) fn new(
        module: &Module,
        read: &'m rotifer_oracle::Module<'m>,
        options: &Options,
        manner: Manner,
    ) -> Self {
        let limits = StoreLimitsBuilder::new()
            .memory_size(options.max_memory_bytes as usize)
            .table_elements(options.max_table_elements as usize)
            .trap_on_grow_failure(options.refused_growth_traps)
            .build();
        let store = new_store(module, &limits);
        let costs = options.costs.clone();
        let (module, shared) = (module.clone(), vec![]);
        Self { module, read, costs, limits, store, instance: None, manner, library: None, shared }
    }

    /// The module imports another one's functions; together they are the module that was read.
    pub(crate) fn with_library(mut self, library: &Module) -> Self {
        self.library = Some(library.clone());
        self
    }

    fn imports(&mut self, module: &Module, library: Option<Instance>) -> Vec<Extern> {
        let mut functions = 0;
        let mut externs = Vec::new();
        for import in module.imports() {
            let is_shared = |known: &&(String, String, Extern)| {
                self.library.is_some() && (&*known.0, &*known.1) == (import.module(), import.name())
            };
            let known = self.shared.iter().find(is_shared).map(|known| known.2);
            let made = library
                .filter(|_| import.module() == "library")
                .and_then(|library| library.get_export(&self.store, import.name()));
            let item = known.or(made).unwrap_or_else(|| self.import(&import, functions));
            functions += u32::from(matches!(item, Extern::Func(_)));
            self.shared.push((import.module().to_owned(), import.name().to_owned(), item));
            externs.push(item);
        }
        externs
    }

    fn import(&mut self, import: &rotifer::ImportType<'_>, index: u32) -> Extern {
        let store = &mut self.store;
        match import.ty() {
            ExternType::Func(ty) => {
                let name = import.name().to_owned();
                let func_type = ty.clone();
                let call = move |caller: Caller<'_, Data>, params: &[Val], results: &mut [Val]| {
                    call_host(index, &name, &func_type, caller, params, results)
                };
                Func::new(&mut *store, ty.clone(), call).into()
            }
            ExternType::Global(ty) => {
                let value_type = type_of(ty.content());
                let value = Value::new(value_type, Machine::imported_global(value_type));
                let value = val(value, store.data());
                Global::new(&mut *store, value, ty.mutability()).into()
            }
            ExternType::Memory(ty) => Memory::new(&mut *store, ty.to_owned()).unwrap().into(),
            ExternType::Table(ty) => {
                Table::new(&mut *store, ty.to_owned(), Ref::null(ty.element())).unwrap().into()
            }
        }
    }

    /// Makes the instances. The library may not be one whose start function fails.
    fn link(&mut self) -> Result<Instance, Error> {
        self.shared.clear();
        let library = self.library.clone().map(|library| {
            let imports = self.imports(&library, None);
            Instance::new(&mut self.store, &library, &imports).unwrap()
        });
        let module = self.module.clone();
        let imports = self.imports(&module, library);
        let instance = Instance::new(&mut self.store, &module, &imports)?;
        Ok(self.twin(&imports).unwrap_or(instance))
    }

    /// Where the active calls were: the innermost, and its callers.
    fn places(&self, backtrace: &WasmBacktrace) -> (Option<Place>, Vec<Place>) {
        let place = |frame: &BacktraceFrame| {
            let offset = frame.module_offset().expect("every frame has an offset");
            Place { func: frame.func_index(), offset: if self.library.is_some() { 0 } else { offset } }
        };
        let mut places = backtrace.frames().iter().map(place);
        (places.next(), places.collect())
    }

    fn out_of_fuel(&self, required: u64, backtrace: &WasmBacktrace) -> Event {
        let (place, callers) = self.places(backtrace);
        let mut place = place.expect("a function is running");
        if self.library.is_none() {
            place = self.read.first_that_costs(place, &self.costs);
        }
        Event::OutOfFuel { required, place, callers, fuel: self.fuel() }
    }

    fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.store.data_mut().events)
    }

    /// The fuel, or 0 if none is counted.
    fn fuel(&self) -> u64 {
        self.store.get_fuel().unwrap_or(0)
    }

    fn set_fuel(&mut self, fuel: u64) {
        let set = self.store.set_fuel(fuel);
        assert_eq!(set.is_ok(), self.store.get_fuel().is_ok(), "fuel is counted or not");
    }

    fn returned(&self, results: &[Val]) -> Event {
        let values = results.iter().map(|result| value(result, &self.store)).collect();
        Event::Return { values, fuel: self.fuel() }
    }

    fn failed(&self, error: &Error) -> Event {
        let fuel = self.fuel();
        if error.downcast_ref::<Failure>().is_some() {
            return Event::HostFailed { fuel };
        }
        match error.as_trap_code() {
            Some(TrapCode::OutOfFuel) => {
                let required = error.required_fuel().expect("the error says what is needed");
                self.out_of_fuel(required, error.backtrace())
            }
            Some(code) => {
                let (place, callers) = self.places(error.backtrace());
                Event::Trap { code, place, callers, fuel }
            }
            None => panic!("unexpected error: {error}"),
        }
    }

    /// Calls a function that can be resumed, and resumes it.
    fn run(&mut self, func: Func, args: &[Val], results: &mut [Val], run: &Run) {
        let mut call = func.call_resumable(&mut self.store, args, results);
        let mut refuels = run.refuels;
        loop {
            let suspended = match call {
                Err(error) => return self.push(self.failed(&error)),
                Ok(ResumableCall::Finished) => return self.push(self.returned(results)),
                Ok(ResumableCall::Suspended(suspended)) => suspended,
            };
            let fuel = self.fuel();
            let required = match suspended.reason() {
                SuspendReason::OutOfFuel { required } => required,
                SuspendReason::HostError(error) => return self.push(self.failed(error)),
                SuspendReason::HostRequest => {
                    let host_results = self.asked(&suspended);
                    call = suspended.resume_with(&mut self.store, &host_results, results);
                    continue;
                }
                SuspendReason::Interrupted if self.manner == Manner::Disturbed => {
                    call = suspended.resume(&mut self.store, results);
                    continue;
                }
                other => panic!("suspended for {other:?}"),
            };
            self.push(self.out_of_fuel(required, &suspended.backtrace(&self.store)));
            match run.refuel.apply(fuel, required) {
                Some(fuel) if refuels > 0 => self.set_fuel(fuel),
                _ => return,
            }
            refuels -= 1;
            call = suspended.resume(&mut self.store, results);
        }
    }

    /// The results of the host function that suspends.
    fn asked(&self, suspended: &SuspendedCall) -> Vec<Val> {
        let ty = suspended.host_func().unwrap().ty(&self.store);
        let args: Vec<Value> = suspended.host_args(&self.store).map(|arg| value(&arg, &self.store)).collect();
        match self.store.data().events.last() {
            Some(Event::Host { args: given, fuel, .. }) => {
                assert_eq!((given, *fuel), (&args, self.fuel()), "suspended as the host function was called");
            }
            other => panic!("suspended behind {other:?}"),
        }
        let types: Vec<ValueType> = ty.results().iter().map(|ty| type_of(*ty)).collect();
        let bits = rotifer_oracle::host_results("suspend", &args, &types, self.fuel()).unwrap();
        let values = types.into_iter().zip(bits).map(|(ty, bits)| Value::new(ty, bits));
        values.map(|value| val(value, self.store.data())).collect()
    }

    /// Makes another instance of the same module with the same imports, and has every other element of the
    /// table be the function of the first that it was.
    fn twin(&mut self, imports: &[Extern]) -> Option<Instance> {
        let is_twin = self.module.imports().any(|import| import.module() == "twin");
        let table = imports.iter().find_map(|import| match import {
            Extern::Table(table) => Some(*table),
            _ => None,
        });
        let table = table.filter(|_| is_twin && self.manner == Manner::Disturbed)?;
        let store = &mut self.store;
        let size = table.size(&*store);
        let elements: Vec<Ref> = (0..size).map(|index| table.get(&*store, index).unwrap()).collect();
        let twin = Instance::new(&mut *store, &self.module, imports).unwrap();
        for (index, element) in elements.into_iter().enumerate().step_by(2) {
            table.set(&mut *store, index as u64, element).unwrap();
        }
        Some(twin)
    }

    fn disturb(&mut self) {
        if self.manner == Manner::Disturbed {
            // An engine that counts nothing cannot be interrupted.
            let handle = self.store.interrupt_handle().ok();
            self.store.data_mut().handle = handle;
        }
    }

    fn push(&mut self, event: Event) {
        self.store.data_mut().events.push(event);
    }
}

impl Subject for Runner<'_> {
    fn instantiate(&mut self, fuel: u64) -> Vec<Event> {
        self.store = new_store(&self.module, &self.limits);
        self.instance = None;
        self.set_fuel(fuel);
        let event = match self.link() {
            Ok(instance) => {
                self.instance = Some(instance);
                self.disturb();
                self.returned(&[])
            }
            Err(error) => self.failed(&error),
        };
        self.push(event);
        self.take_events()
    }

    fn invoke(&mut self, run: &Run) -> Vec<Event> {
        self.set_fuel(run.fuel);
        let func = self.instance.unwrap().get_func(&self.store, &run.name).unwrap();
        let args: Vec<Val> = run.args.iter().map(|arg| val(*arg, self.store.data())).collect();
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        self.store.data_mut().can_suspend = self.manner == Manner::Disturbed || run.refuel != Refuel::Never;
        if run.refuel == Refuel::Never && self.manner == Manner::Plain {
            let event = match func.call(&mut self.store, &args, &mut results) {
                Ok(()) => self.returned(&results),
                Err(error) => self.failed(&error),
            };
            self.push(event);
        } else {
            self.run(func, &args, &mut results, run);
        }
        self.take_events()
    }

    fn state(&mut self) -> State {
        let mut state = State::default();
        let Some(instance) = self.instance else { return state };
        state.fuel = self.fuel();
        let store = &self.store;
        for export in self.module.exports() {
            let name = export.name().to_owned();
            match instance.get_export(store, &name).unwrap() {
                Extern::Memory(memory) => {
                    let bytes = memory.data(store);
                    state.memories.push((name, bytes.len(), rotifer_oracle::hash(bytes)));
                }
                Extern::Global(global) => state.globals.push((name, value(&global.get(store), store))),
                Extern::Table(table) => state.tables.push((name, table.size(store) as usize)),
                _ => {}
            }
        }
        state
    }
}

fn new_store(module: &Module, limits: &StoreLimits) -> Store<Data> {
    let data = Data {
        handle: None,
        host_calls: 0,
        can_suspend: false,
        events: vec![],
        limits: limits.clone(),
        objects: vec![],
    };
    let mut store = Store::new(module.engine(), data);
    store.limiter(|data| &mut data.limits);
    for number in 0u64..4 {
        let object = ExternRef::new(&mut store, number);
        store.data_mut().objects.push(object);
    }
    store
}

fn call_host(
    import: u32,
    name: &str,
    ty: &FuncType,
    mut caller: Caller<'_, Data>,
    params: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    let fuel = caller.get_fuel().unwrap_or(0);
    let args: Vec<Value> = params.iter().map(|param| value(param, &caller)).collect();
    caller.data_mut().events.push(Event::Host { import, args: args.clone(), fuel });
    let types: Vec<ValueType> = ty.results().iter().map(|ty| type_of(*ty)).collect();
    let bits = rotifer_oracle::host_results(name, &args, &types, fuel);
    let after = rotifer_oracle::fuel_after(name, &args, fuel);
    if after != fuel && caller.get_fuel().is_ok() {
        caller.set_fuel(after)?;
        assert_eq!(caller.get_fuel()?, after);
    }
    let bits = bits.map_err(|_| Error::host(Failure))?;
    let data = caller.data_mut();
    if name == "suspend" && data.can_suspend {
        return Err(Error::suspend());
    }
    data.host_calls += 1;
    if data.host_calls.is_multiple_of(3)
        && let Some(handle) = &data.handle
    {
        handle.interrupt();
    }
    for ((result, ty), bits) in results.iter_mut().zip(types).zip(bits) {
        *result = val(Value::new(ty, bits), caller.data());
    }
    Ok(())
}

fn type_of(ty: ValType) -> ValueType {
    match ty {
        ValType::I32 => ValueType::I32,
        ValType::I64 => ValueType::I64,
        ValType::F32 => ValueType::F32,
        ValType::F64 => ValueType::F64,
        ty if ty == ValType::FUNCREF => ValueType::Func,
        ty if ty == ValType::EXTERNREF => ValueType::Extern,
        ty => panic!("a value of type {ty:?}"),
    }
}

fn value(val: &Val, ctx: impl rotifer::AsContext<Data = Data>) -> Value {
    match val {
        Val::I32(number) => Value::new(ValueType::I32, *number as u32 as u64),
        Val::I64(number) => Value::new(ValueType::I64, *number as u64),
        Val::F32(number) => Value::new(ValueType::F32, number.to_bits().into()),
        Val::F64(number) => Value::new(ValueType::F64, number.to_bits()),
        Val::FuncRef(func) => Value::new(ValueType::Func, (!func.is_null()).into()),
        Val::ExternRef(Nullable::Null) => Value::new(ValueType::Extern, 0),
        Val::ExternRef(Nullable::Val(object)) => {
            let number = object.data(ctx.as_context()).downcast_ref::<u64>().expect("a number");
            Value::new(ValueType::Extern, number + 1)
        }
        other => panic!("a value {other:?}"),
    }
}

/// Functions are null.
fn val(value: Value, data: &Data) -> Val {
    match value.ty {
        ValueType::I32 => Val::I32(value.bits as i32),
        ValueType::I64 => Val::I64(value.bits as i64),
        ValueType::F32 => Val::F32(F32::from_bits(value.bits as u32)),
        ValueType::F64 => Val::F64(F64::from_bits(value.bits)),
        ValueType::Func => Val::FuncRef(Nullable::Null),
        ValueType::Extern if value.bits == 0 => Val::ExternRef(Nullable::Null),
        ValueType::Extern => Val::ExternRef(Nullable::Val(data.objects[value.bits as usize - 1])),
    }
}
