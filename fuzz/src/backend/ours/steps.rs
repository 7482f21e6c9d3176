//! Calls that are made in steps: they run out of fuel, are interrupted and suspended by host functions, and go on.

use rotifer::{
    AsContextMut, Caller, Error, Func, FuncType, Instance, InterruptHandle, Module, ResumableCall, Store,
    StoreContextMut, SuspendReason, SuspendedCall, Val,
};

use super::{Data, host, travelling};
use crate::random::Random;

/// More than any module needs.
const PLENTY: u64 = 1 << 40;

/// After so many stops in a call its fuel suffices, so that no module takes too long.
const MOST_STOPS: u32 = 400;

/// How calls are made, and what is known of their fuel.
#[derive(Debug, Default)]
pub struct Extra {
    steps: Option<Steps>,
    /// All fuel that the store was given, less what was taken away.
    granted: u64,
    /// What had been spent at each call of a host function.
    spent_at_host: Vec<u64>,
}

#[derive(Debug)]
struct Steps {
    random: Random,
    /// Not before the instance is there: a start function cannot be suspended.
    active: bool,
    /// Not for all: a store with one asks the host more often.
    handle: Option<InterruptHandle>,
    /// The same module in other engines, and the instance.
    elsewhere: Option<(Vec<Module>, Instance)>,
    /// The imports: function, number, type.
    imports: Vec<(Func, u32, FuncType)>,
    /// A function of no effect that computes `n * (n + 1) / 2` by recursion.
    sum: Option<Func>,
    /// Suspended calls of it with these arguments.
    kept: Vec<(i32, SuspendedCall)>,
    suspensions: u64,
}

impl Extra {
    /// Calls in steps that follow from a seed. `sum` is a module with the function of that name.
    pub fn stepping(seed: u64) -> Self {
        let steps = Steps {
            random: Random::new(seed ^ 0x57e9_57e9),
            active: false,
            handle: None,
            elsewhere: None,
            imports: vec![],
            sum: None,
            kept: vec![],
            suspensions: 0,
        };
        Self { steps: Some(steps), ..Self::default() }
    }
}

const SUM: &str = r#"(module (func $sum (export "sum") (param i32) (result i32)
    (if (result i32) (local.get 0)
        (then (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1)))))
        (else (i32.const 0)))))"#;

/// Sets the fuel, if it is counted, and remembers how much came or went.
pub(super) fn grant(ctx: &mut StoreContextMut<'_, Data>, fuel: u64) {
    let Ok(left) = ctx.get_fuel() else { return };
    ctx.set_fuel(fuel).expect("fuel is counted");
    let extra = &mut ctx.data_mut().extra;
    extra.granted = extra.granted.wrapping_add(fuel).wrapping_sub(left);
}

/// Prepares a store for an instantiation or a call.
pub(super) fn set_fuel(store: &mut Store<Data>, fuel: u64) {
    grant(&mut store.as_context_mut(), fuel);
}

pub(super) fn spent(store: &Store<Data>) -> Option<(u64, &[u64])> {
    let left = store.get_fuel().ok()?;
    let extra = &store.data().extra;
    Some((extra.granted.wrapping_sub(left), &extra.spent_at_host))
}

pub(super) fn suspensions(store: &Store<Data>) -> u64 {
    store.data().extra.steps.as_ref().map_or(0, |steps| steps.suspensions)
}

/// Forgets what was spent since then.
pub(super) fn forget(store: &mut Store<Data>, spent: u64, host_calls: usize) {
    let Ok(left) = store.get_fuel() else { return };
    let extra = &mut store.data_mut().extra;
    extra.granted = spent.wrapping_add(left);
    extra.spent_at_host.truncate(host_calls);
}

/// Drops calls that are kept suspended.
pub(super) fn drop_suspended(store: &mut Store<Data>) {
    if let Some(steps) = &mut store.data_mut().extra.steps {
        steps.kept.clear();
    }
}

pub(super) fn note_host_call(ctx: &mut StoreContextMut<'_, Data>) {
    let Ok(left) = ctx.get_fuel() else { return };
    let extra = &mut ctx.data_mut().extra;
    extra.spent_at_host.push(extra.granted.wrapping_sub(left));
}

pub(super) fn remember_import(store: &mut Store<Data>, func: Func, import: u32, ty: &FuncType) {
    if let Some(steps) = &mut store.data_mut().extra.steps {
        steps.imports.push((func, import, ty.clone()));
    }
}

/// From now on calls are made in steps.
pub(super) fn instantiated(store: &mut Store<Data>) {
    if store.data().extra.steps.is_none() {
        return;
    }
    // Where fuel is all that stops calls, less is asked.
    let without = store.get_fuel().is_ok()
        && store.data_mut().extra.steps.as_mut().is_some_and(|steps| steps.random.one_in(2));
    let handle = (!without).then(|| store.interrupt_handle().expect("the engine's code can be interrupted"));
    let wasm = wat::parse_str(SUM).expect("a module");
    let module = rotifer::Module::new(store.engine(), &wasm).expect("a module");
    let instance = rotifer::Instance::new(&mut *store, &module, &[]).expect("it has no imports");
    let sum = instance.get_func(&*store, "sum");
    if let Some(steps) = &mut store.data_mut().extra.steps {
        (steps.handle, steps.sum, steps.active) = (handle, sum, true);
    }
}

/// Suspended calls of this instance travel to these modules and back now and then.
pub(super) fn travels_to(store: &mut Store<Data>, modules: Vec<Module>, instance: Instance) {
    if let Some(steps) = &mut store.data_mut().extra.steps {
        steps.elsewhere = Some((modules, instance));
    }
}

/// Perhaps where a suspended call is to travel to, from which instance, and how much more fuel it has to go on there. No
/// other call is suspended then.
pub(super) fn travels(ctx: &mut StoreContextMut<'_, Data>) -> Option<(Module, Instance, Option<u64>)> {
    if ctx.data().log.depth > 0 {
        return None;
    }
    let steps = steps(ctx).filter(|steps| steps.kept.is_empty())?;
    if !steps.random.one_in(4) {
        return None;
    }
    let (modules, instance) = steps.elsewhere.clone()?;
    let more = steps.random.one_in(2).then(|| steps.random.below(300));
    Some((modules[steps.random.below(modules.len() as u64) as usize].clone(), instance, more))
}

fn steps<'a>(ctx: &'a mut StoreContextMut<'_, Data>) -> Option<&'a mut Steps> {
    ctx.data_mut().extra.steps.as_mut().filter(|steps| steps.active)
}

/// Perhaps suspends the call of a host function, and perhaps interrupts it.
pub(super) fn enter_host(caller: &mut Caller<'_, Data>) -> Result<(), Error> {
    // The embedder itself cannot be suspended.
    if caller.instance().is_none() {
        return Ok(());
    }
    let mut ctx = caller.as_context_mut();
    let Some(steps) = steps(&mut ctx) else { return Ok(()) };
    if steps.random.one_in(6)
        && let Some(handle) = &steps.handle
    {
        handle.interrupt();
    }
    if steps.random.one_in(3) { Err(Error::suspend()) } else { Ok(()) }
}

/// Calls a function, in steps if that is asked for.
pub(super) fn invoke(
    ctx: &mut StoreContextMut<'_, Data>,
    func: Func,
    params: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    let Some(steps) = steps(ctx) else { return func.call(&mut *ctx, params, results) };
    let scale = steps.random.pick(&[0, 5, 50, 1_000, 20_000, PLENTY]);
    let (first, interrupt) = (steps.random.below(scale + 1), steps.random.one_in(4));
    interrupt_if(ctx, interrupt);
    // A nested call has what its caller left, or other fuel.
    grant(ctx, first);
    let mut call = func.call_resumable(&mut *ctx, params, results)?;
    let mut stops = 0;
    while let ResumableCall::Suspended(suspended) = call {
        stops += 1;
        let suspended = travelling::travel(ctx, suspended)?;
        let steps = steps_of(ctx);
        steps.suspensions += 1;
        let scale = if stops < MOST_STOPS { scale } else { PLENTY };
        let mut host_results = vec![];
        match suspended.reason() {
            SuspendReason::OutOfFuel { required } => {
                let extra = steps.random.below(scale + 1);
                let too_little = steps.random.one_in(8).then(|| steps.random.below(required));
                let left = ctx.get_fuel()?;
                if left >= required {
                    return Err(Error::new(format!("out of fuel though it has {left} and needs {required}")));
                }
                let fuel = too_little.unwrap_or_else(|| required.saturating_add(extra));
                grant(ctx, if stops < MOST_STOPS { fuel } else { required.saturating_add(PLENTY) });
            }
            SuspendReason::Interrupted => {}
            SuspendReason::HostRequest => {
                let func = suspended.host_func();
                let found = steps.imports.iter().find(|import| Some(import.0) == func).cloned();
                let Some((_, import, ty)) = found else {
                    return Err(Error::new("suspended by an unknown function"));
                };
                let args: Vec<Val> = suspended.host_args(&*ctx).collect();
                host_results = ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
                meanwhile(ctx)?;
                host(import, &ty, ctx, &args, &mut host_results)?;
            }
            SuspendReason::HostError(_) => return Err(suspended.into_error()),
            reason => return Err(Error::new(format!("suspended for {reason:?}"))),
        }
        meanwhile(ctx)?;
        let steps = steps_of(ctx);
        let (interrupt, elsewhere) = (steps.random.one_in(6), steps.random.one_in(60));
        interrupt_if(ctx, interrupt && stops < MOST_STOPS);
        call = if elsewhere {
            std::thread::scope(|scope| {
                let resume = || suspended.resume_with(&mut *ctx, &host_results, results);
                let thread = std::thread::Builder::new().stack_size(4 << 20).spawn_scoped(scope, resume);
                thread.expect("a thread").join().expect("no panic")
            })?
        } else {
            suspended.resume_with(&mut *ctx, &host_results, results)?
        };
    }
    Ok(())
}

fn steps_of<'a>(ctx: &'a mut StoreContextMut<'_, Data>) -> &'a mut Steps {
    steps(ctx).expect("calls are made in steps")
}

fn interrupt_if(ctx: &mut StoreContextMut<'_, Data>, interrupt: bool) {
    if let Some(handle) = &steps_of(ctx).handle {
        if interrupt { handle.interrupt() } else { handle.clear() }
    }
}

/// While a call is suspended, others are made, suspended and dropped. They change nothing that is compared.
fn meanwhile(ctx: &mut StoreContextMut<'_, Data>) -> Result<(), Error> {
    let steps = steps_of(ctx);
    let what = steps.random.below(24);
    let Some(sum) = steps.sum else { return Ok(()) };
    if what > 3 {
        return Ok(());
    }
    let n = steps.random.below(60) as i32;
    let keep = steps.kept.pop();
    interrupt_if(ctx, false);
    let fuel = ctx.get_fuel();
    let set = |ctx: &mut StoreContextMut<'_, Data>, fuel| {
        let _ = ctx.set_fuel(fuel);
    };
    let mut results = [Val::I32(0)];
    let check = |n: i32, results: &[Val; 1]| {
        if results[0].i32() == Some(n * (n + 1) / 2) {
            return Ok(());
        }
        Err(Error::new(format!("the sum to {n} is {results:?}")))
    };
    match what {
        0 => {
            set(ctx, PLENTY);
            sum.call(&mut *ctx, &[Val::I32(n)], &mut results)?;
            check(n, &results)?;
            steps_of(ctx).kept.extend(keep);
        }
        // The one that was taken is dropped; another is kept.
        1 | 2 => {
            set(ctx, n as u64 * 5);
            match sum.call_resumable(&mut *ctx, &[Val::I32(n)], &mut results)? {
                ResumableCall::Finished => check(n, &results)?,
                ResumableCall::Suspended(call) => {
                    let steps = steps_of(ctx);
                    if what == 1 {
                        steps.kept.extend(keep);
                    }
                    if steps.kept.len() < 5 {
                        steps.kept.push((n, call));
                    }
                }
            }
        }
        _ => {
            if let Some((n, call)) = keep {
                set(ctx, PLENTY);
                match call.resume(&mut *ctx, &mut results)? {
                    ResumableCall::Finished => check(n, &results)?,
                    ResumableCall::Suspended(call) => return Err(call.into_error()),
                }
            }
        }
    }
    if let Ok(fuel) = fuel {
        set(ctx, fuel);
    }
    Ok(())
}
