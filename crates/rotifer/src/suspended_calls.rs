//! Suspended calls in snapshots: [`Instance::snapshot_with_calls`] and [`Instance::restore_calls`].
//!
//! A call becomes data in terms of WebAssembly ([`CallState`]). To make a call of that again, the bodies of its functions
//! are walked over, which says what there is at the operators that its frames stand at; everything is compared with
//! that, because the data may come from anywhere.

use alloc::{collections::BTreeMap, vec::Vec};
use rotifer_bytecode::{At, Point, PointKind, Points, Recipe, Wanted};
use rotifer_core::{FuncIdx, Limits, TrapCode, ValType};
use rotifer_executor::{self as executor, Handle, Metering, ModuleCode, NewCall, NewFrame, Pause};
use rotifer_snapshot::{CallCause, CallState, FrameState, MeteringFingerprint, Value};

use crate::{
    AsContextMut, CallError, Engine, Error, Instance, ItemKind, Snapshot, SnapshotError, SuspendedCall,
    snapshot::{check_origin, slots_of, take, value_of},
    store::StoreInner,
};

impl Instance {
    /// Takes a snapshot of the instance together with suspended calls of its functions: all that are suspended in the
    /// store. The calls stay what they are. [`restore_calls`](Self::restore_calls) makes calls of the snapshot again, in
    /// this instance or another one with the snapshot's state, also in another process, load mode and dispatcher.
    ///
    /// A call can be part of a snapshot if it is suspended for lack of fuel, by an interrupt or a deadline, or because a
    /// host function [asked for it](Error::suspend), and if all of its frames are the instance's.
    ///
    /// ```
    /// # use rotifer::{Config, Engine, Instance, Module, ResumableCall, Snapshot, Store, Val};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = Engine::new(Config::default().consume_fuel(true));
    /// let module = Module::new(&engine, &wat::parse_str(r#"(module
    ///     (func (export "sum") (param i32) (result i32) (local i32)
    ///         (loop $again
    ///             (local.set 1 (i32.add (local.get 1) (local.get 0)))
    ///             (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    ///         (local.get 1)))"#)?)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let sum = instance.get_func(&store, "sum").ok_or("it is exported")?;
    /// store.set_fuel(500)?;
    /// let mut results = [Val::I32(0)];
    /// let ResumableCall::Suspended(call) = sum.call_resumable(&mut store, &[Val::I32(100)], &mut results)? else {
    ///     return Err("it needs more fuel".into());
    /// };
    /// let bytes = instance.snapshot_with_calls(&mut store, &[&call])?.serialize();
    ///
    /// // Elsewhere:
    /// let snapshot = Snapshot::deserialize(&module, &bytes)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// instance.restore(&mut store, &snapshot)?;
    /// let call = instance.restore_calls(&mut store, &snapshot)?.remove(0);
    /// store.set_fuel(10_000)?;
    /// call.resume(&mut store, &mut results)?;
    /// assert_eq!(results[0].i32(), Some(5_050));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`snapshot`](Self::snapshot); other calls of the store are running or suspended
    /// ([`SnapshotError::NotQuiescent`]); a call cannot be part of a snapshot ([`SnapshotError::Call`] says why), or
    /// one of its values refers to something that is not part of the instance or its imports.
    pub fn snapshot_with_calls(
        &self,
        mut store: impl AsContextMut,
        calls: &[&SuspendedCall],
    ) -> Result<Snapshot, Error> {
        let store = store.as_context_mut().inner;
        let is_twice = |(place, call): (usize, &&SuspendedCall)| {
            calls[..place].iter().any(|other| core::ptr::eq(*other, *call))
        };
        if !store.has_suspended_just(calls.len()) || calls.iter().enumerate().any(is_twice) {
            return Err(SnapshotError::NotQuiescent.into());
        }
        let states = (0..).zip(calls).map(|(index, call)| take_call(store, self.handle(), (index, call)));
        let states = states.collect::<Result<_, Error>>()?;
        let mut state = take(store, self.handle())?;
        state.calls = states;
        Ok(state.into())
    }

    /// The suspended calls of a snapshot, as calls of this instance's functions, in the order in which they were given to
    /// [`snapshot_with_calls`](Self::snapshot_with_calls). They go on with [`SuspendedCall::resume`]; as often as this is
    /// called, there are new ones.
    ///
    /// The state of the instance is to be that of the snapshot: see [`restore`](Self::restore) and
    /// [`Snapshot::instantiate`], which leave calls out. In engines that count fuel the store needs as much as it had, or
    /// as the calls need.
    ///
    /// # Errors
    /// The snapshot is one of another module or of an engine with other features, or of one that counts something else
    /// ([`SnapshotError::ForeignMetering`]: fuel, its costs and interrupts must be configured the same; load mode,
    /// dispatcher, tracked writes and everything else need not). A call has a host function where the instance has none,
    /// or more frames than there is room for ([`SnapshotError::Call`]). The instance belongs to another store. Nothing
    /// has changed then.
    pub fn restore_calls(
        &self,
        mut store: impl AsContextMut,
        snapshot: &Snapshot,
    ) -> Result<Vec<SuspendedCall>, Error> {
        let store = store.as_context_mut().inner;
        check_origin(store, self.handle(), snapshot.state())?;
        let calls = (0..).zip(&*snapshot.state().calls);
        calls.map(|(index, call)| restore_call(store, self.handle(), (index, call))).collect()
    }
}

impl Snapshot {
    /// How many suspended calls are part of it.
    pub fn suspended_calls(&self) -> usize {
        self.state().calls.len()
    }
}

/// What suspended calls of an engine go on with.
pub(crate) fn metering_fingerprint(engine: &Engine) -> MeteringFingerprint {
    match engine.stubs().metering() {
        Metering::Off => MeteringFingerprint::off(),
        Metering::Interrupts => MeteringFingerprint::interrupts(),
        Metering::Fuel(costs) => MeteringFingerprint::fuel(costs),
    }
}

/// The state of a suspended call.
fn take_call<T>(
    store: &StoreInner<T>,
    instance: Handle<executor::Instance>,
    (index, call): (u32, &SuspendedCall),
) -> Result<CallState, Error> {
    if call.call.store() != store.id() {
        return Err(executor::WrongStore.into());
    }
    let refused = |error| Error::from(SnapshotError::Call { index, error });
    let executor = store.executor();
    let entity = executor.check(instance)?;
    // SAFETY: I-ENTITY, I-STORE: both were just found to belong to this store, which is borrowed.
    let frames = unsafe { call.call.frames(entity) };
    let (frames, depth) = frames.map_err(|error| refused(CallError::from(error)))?;
    let mut numbers = executor.func_numbers(instance)?;
    let mut values = |slots: &[(ValType, u64)]| {
        let place = (ItemKind::SuspendedCall, index);
        let value = |&(ty, slot): &(ValType, u64)| {
            // SAFETY: I-REF: a slot of a frame holds a value of its type.
            unsafe { value_of(&mut numbers, ty, [slot, 0], place) }
        };
        slots.iter().map(value).collect::<Result<_, SnapshotError>>()
    };
    let bulk = frames.first().is_some_and(|frame| frame.kind == PointKind::Bulk);
    let cause = match &call.pause {
        Pause::Fuel(required) if bulk => CallCause::BulkFuel(*required),
        Pause::Fuel(required) => CallCause::Fuel(*required),
        Pause::Poll(TrapCode::DeadlineExceeded) => CallCause::DeadlineExceeded,
        Pause::Poll(_) => CallCause::Interrupted,
        Pause::Host(error) if !error.is_suspend() => return Err(refused(CallError::HostError)),
        Pause::Host(_) => {
            let func = call.call.host_func().ok_or(refused(CallError::UnknownCode))?;
            // SAFETY: I-ENTITY: the function belongs to the store.
            let type_id = unsafe { func.as_ref() }.type_id;
            let params = store.engine().func_type(type_id).params();
            let arg = |(index, &ty): (usize, &ValType)| (ty, call.call.host_arg(index));
            let args: Vec<_> = params.iter().enumerate().map(arg).collect();
            let args = values(&args)?;
            // SAFETY: I-REF: it is the reference to a function of the store.
            let func = unsafe { executor.func_numbers(instance)?.index_of(func.as_ptr()) };
            let func = func.ok_or(refused(CallError::HostFuncNotImported))?;
            CallCause::Host { func, args }
        }
    };
    let states = frames.iter().map(|frame| {
        let (locals, operands) = (values(&frame.locals)?, values(&frame.operands)?);
        Ok(FrameState { func: frame.func, offset: frame.offset, locals, operands })
    });
    let frames = states.collect::<Result<_, SnapshotError>>()?;
    Ok(CallState { metering: metering_fingerprint(store.engine()), cause, depth, frames })
}

/// Makes a suspended call of a state.
fn restore_call<T>(
    store: &mut StoreInner<T>,
    instance: Handle<executor::Instance>,
    (index, call): (u32, &CallState),
) -> Result<SuspendedCall, Error> {
    let refused = |error| Error::from(SnapshotError::Call { index, error });
    let executor = store.executor();
    let code = executor.entity(instance)?.module.clone();
    let plan = Plan::new(&code, store.engine(), call).map_err(|unfit| match unfit {
        Unfit::Metering => SnapshotError::ForeignMetering.into(),
        Unfit::Call(reason) => refused(CallError::DoesNotFit(reason)),
    })?;
    let numbers = executor.func_numbers(instance)?;
    let slots = |values: &[Value]| {
        let slot = |&value: &Value| slots_of(value, &numbers).map(|[slot, _]| slot);
        values.iter().map(slot).collect::<Option<Vec<u64>>>()
    };
    let unknown =
        || refused(CallError::DoesNotFit("a reference to a function that the module does not have"));
    let host = match &call.cause {
        CallCause::Host { func, args } => {
            let entity = executor.imported_func(instance, *func)?.filter(|&func| {
                // Of another module it would be a frame.
                executor.entity(func).is_ok_and(|func| func.host() != executor::Func::WASM)
            });
            let func = entity.ok_or(refused(CallError::HostFuncNotImported))?;
            Some((func, slots(args).ok_or_else(unknown)?))
        }
        _ => None,
    };
    let values = call.frames.iter().map(|frame| Some((slots(&frame.locals)?, slots(&frame.operands)?)));
    let values = values.collect::<Option<Vec<_>>>().ok_or_else(unknown)?;
    let frames = (0..).zip(call.frames.iter().zip(&values)).map(|(place, (frame, (locals, operands)))| {
        let (slots, point) = plan.find(call, place, frame)?;
        Some(NewFrame { func: frame.func, point, slots, locals, operands })
    });
    let frames = frames.collect::<Option<Vec<_>>>().ok_or_else(unknown)?;
    let type_id = match (call.frames.last(), &host) {
        (Some(frame), _) => code.type_ids[code.module.functions[frame.func.index()].index()],
        (None, Some((func, _))) => executor.entity(*func)?.type_id,
        (None, None) => return Err(unknown()),
    };
    let host = host.as_ref().map(|(func, args)| (*func, &args[..]));
    let new = NewCall { frames, depth: call.depth, host };
    // SAFETY: I-REF, I-FRAME: the plan has compared everything with the functions' points, and host functions were just
    // found to be such ones.
    let made = unsafe { store.executor_mut().new_suspended(instance, &new) };
    let made = made.map_err(|error| match error {
        executor::NewCallError::WrongStore => executor::WrongStore.into(),
        executor::NewCallError::StackOverflow => refused(CallError::StackOverflow),
        executor::NewCallError::Invalid(error) => error.into(),
    })?;
    let pause = match call.cause {
        CallCause::Fuel(required) | CallCause::BulkFuel(required) => Pause::Fuel(required),
        CallCause::DeadlineExceeded => Pause::Poll(TrapCode::DeadlineExceeded),
        CallCause::Host { .. } => Pause::Host(Error::suspend()),
        _ => Pause::Poll(TrapCode::Interrupted),
    };
    Ok(SuspendedCall { call: made, pause, type_id, probes: None })
}

/// Why a state cannot be that of a call.
pub(crate) enum Unfit {
    /// The engine counts something else.
    Metering,
    /// What is wrong with it.
    Call(&'static str),
}

impl From<&'static str> for Unfit {
    fn from(reason: &'static str) -> Self {
        Self::Call(reason)
    }
}

fn check(is_right: bool, otherwise: &'static str) -> Result<(), Unfit> {
    if is_right { Ok(()) } else { Err(Unfit::Call(otherwise)) }
}

/// What a frame does.
fn kind(call: &CallState, place: usize) -> PointKind {
    match call.cause {
        CallCause::Host { .. } => PointKind::Call,
        _ if place > 0 => PointKind::Call,
        CallCause::BulkFuel(_) => PointKind::Bulk,
        _ => PointKind::Next,
    }
}

/// Where the frames of a call stand in the code of their functions.
pub(crate) struct Plan(BTreeMap<FuncIdx, Points>);

impl Plan {
    /// Compares the state of a call with the module. It may come from anywhere: nothing of it is taken for granted.
    pub(crate) fn new(code: &ModuleCode, engine: &Engine, call: &CallState) -> Result<Self, Unfit> {
        if call.metering != metering_fingerprint(engine) {
            return Err(Unfit::Metering);
        }
        let counts = match call.cause {
            CallCause::Fuel(fuel) | CallCause::BulkFuel(fuel) => {
                fuel > 0 && matches!(engine.stubs().metering(), Metering::Fuel(_))
            }
            CallCause::Interrupted | CallCause::DeadlineExceeded => {
                !matches!(engine.stubs().metering(), Metering::Off)
            }
            _ => true,
        };
        check(counts, "a reason that calls of this engine are not suspended for")?;
        check(call.frames.is_empty() == (call.depth == 0), "a depth that no call has")?;
        let plan = Self::of_frames(code, call)?;
        let mut results = match &call.cause {
            CallCause::Host { func, args } => Some(check_host(code, *func, args)?),
            _ => {
                check(!call.frames.is_empty(), "no frames")?;
                None
            }
        };
        for (place, frame) in call.frames.iter().enumerate() {
            let points = plan.0.get(&frame.func).ok_or("a function that has no body")?;
            let (_, point) = plan.find(call, place, frame).ok_or("a frame where none can stand")?;
            check_values(code, points, point, frame)?;
            let is_called = results.is_none_or(|results: &[ValType]| results == &point.results[..]);
            check(is_called, "a call of a function of another type")?;
            results = Some(code.module.func_type(frame.func).results());
        }
        if let (CallCause::Fuel(fuel), Some(frame)) = (&call.cause, call.frames.first()) {
            let cost = plan.find(call, 0, frame).map(|(_, point)| u64::from(point.cost));
            check(cost == Some(*fuel), "an amount of fuel that the operators do not cost")?;
        }
        Ok(plan)
    }

    /// Finds the points of all frames, one walk for each function.
    fn of_frames(code: &ModuleCode, call: &CallState) -> Result<Self, Unfit> {
        let imported = code.module.imported_functions;
        let mut wanted: BTreeMap<FuncIdx, Vec<Wanted>> = BTreeMap::new();
        for (place, frame) in call.frames.iter().enumerate() {
            let is_defined = frame.func.0 >= imported && frame.func.index() < code.module.functions.len();
            check(is_defined, "a function that has no body")?;
            let at = At::Offset(frame.offset);
            let operands = Some(frame.operands.len() as u32);
            wanted.entry(frame.func).or_default().push(Wanted { kind: kind(call, place), at, operands });
        }
        let points = wanted.into_iter().map(|(func, wanted)| {
            let points = code.points(func, &wanted).map_err(|_| "a function whose body is invalid")?;
            Ok((func, points))
        });
        Ok(Self(points.collect::<Result<_, Unfit>>()?))
    }

    /// How many slots a frame has, and where it stands.
    fn find(&self, call: &CallState, place: usize, frame: &FrameState) -> Option<(u32, &Point)> {
        let points = self.0.get(&frame.func)?;
        let key = (kind(call, place), frame.offset);
        // They are in the order of the body, but a call is found later than what begins before it.
        let is_it = |point: &&Point| (point.kind, point.offset) == key;
        Some((points.frame_slots, points.points.iter().find(is_it)?))
    }
}

/// Compares a host function that was called with its arguments. Gives its results.
fn check_host<'c>(code: &'c ModuleCode, func: FuncIdx, args: &[Value]) -> Result<&'c [ValType], Unfit> {
    check(func.0 < code.module.imported_functions, "a host function that is not imported")?;
    let ty = code.module.func_type(func);
    check(are_of_types(args, ty.params().iter().copied()), "arguments of other types than the function's")?;
    Ok(ty.results())
}

fn are_of_types(values: &[Value], types: impl IntoIterator<Item = ValType>) -> bool {
    values.iter().map(|value| value.ty()).eq(types)
}

/// Compares the values of a frame with what can be there.
fn check_values(code: &ModuleCode, points: &Points, point: &Point, frame: &FrameState) -> Result<(), Unfit> {
    check(
        are_of_types(&frame.locals, points.locals.iter().copied()),
        "locals of other types than the function's",
    )?;
    let types = point.operands.iter().map(|&(ty, _)| ty);
    check(are_of_types(&frame.operands, types), "operands of other types")?;
    let params = code.module.func_type(frame.func).params();
    let local = |slot: u16| {
        let index = Limits::local_in_slot(slot.into(), params.len() as u32);
        frame.locals.get(index as usize).map_or(0, |&value| plain(value))
    };
    for (value, &(ty, recipe)) in frame.operands.iter().zip(&point.operands) {
        let is_free = matches!(recipe, Recipe::Own(_));
        let expected = || executor::operand_value((ty, recipe), local);
        check(is_free || plain(*value) == expected(), "an operand that the code does not compute")?;
    }
    let mut declared = frame.locals.iter().skip(params.len());
    let is_right = !point.is_entry || declared.all(|&value| plain(value) == 0);
    check(is_right, "locals that are not zero before the function has begun")
}

/// A number for a value, another one for each value of a type: the bits as a slot has them, but for functions.
fn plain(value: Value) -> u64 {
    match value {
        Value::I32(bits) | Value::F32(bits) => bits.into(),
        Value::I64(bits) | Value::F64(bits) => bits,
        Value::Func(Some(func)) => u64::from(func.0) + 1,
        // Frames hold no vectors yet: no function has locals or operands of that type.
        _ => 0,
    }
}
