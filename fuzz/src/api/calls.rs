//! Calls: typed and not, in one go and in steps, with arguments that mostly fit.

use rotifer::{
    AsContextMut, ExternRef, F64, Func, Nullable, ResumableCall, StoreContextMut, SuspendReason,
    SuspendedCall, TypedResumableCall, Val, ValType, WasmParams, WasmResults,
};

use super::{
    look,
    pool::{Data, Dice},
    values,
};

type Ctx<'a, 'b> = &'a mut StoreContextMut<'b, Data>;

/// A function, arguments and room for its results; now and then too much or too little, or for another function.
fn prepare(ctx: Ctx<'_, '_>) -> Option<(Func, Vec<Val>, Vec<Val>)> {
    let dice = ctx.data().dice.clone();
    // The type can only be asked for in the function's store.
    let strict = !dice.one_in(12);
    let func = values::func(ctx, strict)?;
    let ty = if strict { func.ty(&*ctx) } else { values::func_type(&dice) };
    let params = values::of_types(ctx, ty.params());
    let mut results = vec![Val::I32(0); ty.results().len()];
    if dice.one_in(40) {
        results.push(Val::I64(0));
    }
    Some((func, params, results))
}

fn returned(ctx: Ctx<'_, '_>, results: &[Val]) {
    ctx.data().shared.with(|pool| pool.returns += 1);
    values::look(results, ctx);
}

/// A call in one go.
pub(super) fn call(ctx: Ctx<'_, '_>) {
    if ctx.data().dice.one_in(4) {
        return typed(ctx);
    }
    let Some((func, params, mut results)) = prepare(ctx) else { return };
    if look::result(func.call(&mut *ctx, &params, &mut results)).is_some() {
        returned(ctx, &results);
    }
}

/// A call that can be suspended.
pub(super) fn start(ctx: Ctx<'_, '_>) {
    let Some((func, params, mut results)) = prepare(ctx) else { return };
    let call = func.call_resumable(&mut *ctx, &params, &mut results);
    came(ctx, call, &results);
}

/// What became of a call.
fn came(ctx: Ctx<'_, '_>, call: Result<ResumableCall, rotifer::Error>, results: &[Val]) {
    match look::result(call) {
        Some(ResumableCall::Finished) => returned(ctx, results),
        Some(ResumableCall::Suspended(call)) => {
            look_at(ctx, &call);
            keep(ctx, call);
        }
        None => {}
    }
}

fn keep(ctx: Ctx<'_, '_>, call: SuspendedCall) {
    let (number, dice) = (ctx.data().number, ctx.data().dice.clone());
    let dropped = ctx.data().shared.with(|pool| {
        pool.suspensions += 1;
        if pool.calls.len() < 20 {
            pool.calls.push((number, call));
            return None;
        }
        let at = dice.below(20) as usize;
        Some(std::mem::replace(&mut pool.calls[at], (number, call)))
    });
    drop(dropped);
}

/// Asks a suspended call of this store everything.
fn look_at(ctx: Ctx<'_, '_>, call: &SuspendedCall) {
    let _ = format!("{call:?}");
    let waits = matches!(call.reason(), SuspendReason::HostRequest | SuspendReason::HostError(_));
    assert_eq!(call.host_func().is_some(), waits);
    assert_eq!(call.required_fuel().is_some(), matches!(call.reason(), SuspendReason::OutOfFuel { .. }));
    assert_eq!(call.host_error().is_some(), matches!(call.reason(), SuspendReason::HostError(_)));
    look::frames(&call.backtrace(&*ctx));
    let tag = call.tag(&*ctx);
    assert!(tag.is_none() || waits);
    let args: Vec<Val> = call.host_args(&*ctx).collect();
    assert_eq!(call.host_arg(&*ctx, 0).is_some(), !args.is_empty());
    assert!(call.host_arg(&*ctx, usize::MAX).is_none());
    values::look(&args, ctx);
    if let Some(func) = call.host_func() {
        assert_eq!(func.ty(&*ctx).params().len(), args.len());
    }
}

/// Goes on with some call, mostly one of this store, or drops it.
pub(super) fn resume(ctx: Ctx<'_, '_>) {
    let (number, dice) = (ctx.data().number, ctx.data().dice.clone());
    let call = ctx.data().shared.with(|pool| {
        let of_this = pool.calls.iter().position(|(of, _)| *of == number);
        let any = (!pool.calls.is_empty()).then(|| dice.below(pool.calls.len() as u64) as usize);
        let at = if dice.one_in(8) { any } else { of_this };
        at.map(|at| pool.calls.swap_remove(at))
    });
    let Some((of, call)) = call else { return };
    if of != number {
        let error = call.resume(&mut *ctx, &mut []).expect_err("the call belongs to another store");
        assert!(matches!(error.kind(), rotifer::ErrorKind::WrongStore), "{error:?}");
        return;
    }
    look_at(ctx, &call);
    if dice.one_in(12) {
        return look::error(call.into_error());
    }
    let mut host_results = vec![];
    if let Some(func) = call.host_func() {
        let ty = func.ty(&*ctx);
        host_results = values::of_types(ctx, ty.results());
    }
    let mut results = vec![Val::I32(0); results_of(&dice)];
    let resumed = if dice.one_in(6) {
        call.resume(&mut *ctx, &mut results)
    } else {
        call.resume_with(&mut *ctx, &host_results, &mut results)
    };
    came(ctx, resumed, &results);
}

/// How many results a call gives is not known from outside: mostly one.
fn results_of(dice: &Dice) -> usize {
    dice.pick(&[1, 1, 1, 1, 0, 2, 4])
}

fn typed(ctx: Ctx<'_, '_>) {
    let dice = ctx.data().dice.clone();
    let object = match values::of_type(ctx, ValType::EXTERNREF) {
        Val::ExternRef(object) => object,
        _ => Nullable::Null,
    };
    let number = dice.below(40) as i32 - 5;
    match dice.below(9) {
        0 | 1 => typed_as::<i32, i32>(ctx, number),
        2 => typed_as::<(), ()>(ctx, ()),
        3 => typed_as::<(i64, f32), (f64, i64)>(ctx, (number.into(), 0.5)),
        4 => {
            let func = values::func(ctx, false).map_or(Nullable::Null, Nullable::Val);
            typed_as::<(Nullable<Func>, Nullable<ExternRef>), (Nullable<ExternRef>, Nullable<Func>)>(
                ctx,
                (func, object),
            );
        }
        5 => typed_as::<(u32, u32), u32>(ctx, (number as u32, 3)),
        6 => typed_as::<(i32, i32, i32), ()>(ctx, (number, 1, 70_000)),
        7 => typed_as::<F64, i32>(ctx, F64::from_float(3e9)),
        _ => typed_as::<(), Nullable<Func>>(ctx, ()),
    }
}

/// Calls a function of these types, if one is found soon, in one go or in steps.
fn typed_as<P: WasmParams, R: WasmResults>(ctx: Ctx<'_, '_>, params: P) {
    let dice = ctx.data().dice.clone();
    for _ in 0..8 {
        let Some(func) = values::func(ctx, false) else { return };
        let Some(typed) = look::result(func.typed::<P, R>(&*ctx)) else { continue };
        let _ = format!("{typed:?} {:?}", typed.func());
        if dice.one_in(2) {
            if look::result(typed.call(&mut *ctx, params)).is_some() {
                returned(ctx, &[]);
            }
            return;
        }
        let mut call = look::result(typed.call_resumable(&mut *ctx, params));
        // Resumed at once a few times, or kept.
        for _ in 0..3 {
            let Some(TypedResumableCall::Suspended(suspended)) = call else { break };
            look_at(ctx, &suspended);
            let _ = format!("{suspended:?}");
            match dice.below(4) {
                0 => return keep(ctx, suspended.into_untyped()),
                1 => return look::error(suspended.into_error()),
                2 => call = look::result(suspended.resume(&mut *ctx)),
                _ => {
                    let types = suspended.host_func().map(|func| func.ty(&*ctx));
                    let results = types.map(|ty| values::of_types(ctx, ty.results())).unwrap_or_default();
                    call = look::result(suspended.resume_with(ctx.as_context_mut(), &results));
                }
            }
        }
        return;
    }
}
