//! Host functions, which fail, suspend, panic and make calls of the API.

use rotifer::{
    AsContextMut, Caller, Error, Func, FuncType, Nullable, StoreContextMut, TrapCode, Val, ValType,
};

use super::{
    HostPanic, items, look,
    pool::{Data, Dice},
    values,
};

/// How deeply host functions make calls.
const DEPTH: u32 = 3;

/// What a host function does before it returns.
fn act(caller: &mut Caller<'_, Data>) -> Result<(), Error> {
    let dice = caller.data().dice.clone();
    if caller.data().budget == 0 || !dice.one_in(3) {
        return Ok(());
    }
    caller.data_mut().budget -= 1;
    match dice.below(24) {
        0 => return Err(Error::host(look::Failure(dice.bits()))),
        1 => return Err(Error::new("a host function fails")),
        2 => return Err(Error::i32_exit(dice.bits() as i32)),
        3..=5 => return Err(Error::suspend()),
        6 => return Err(dice.pick(&[TrapCode::UnreachableCodeReached, TrapCode::OutOfFuel]).into()),
        7 => caller.consume_fuel(dice.below(100)).map(drop)?,
        8 => caller.check_interrupt()?,
        9 if dice.one_in(8) => std::panic::resume_unwind(Box::new(HostPanic)),
        10 => look(caller),
        _ if caller.data().depth < DEPTH => {
            caller.data_mut().depth += 1;
            items::step(&mut caller.as_context_mut());
            // A panic of a host function leaves it too large, until the embedder's next call.
            caller.data_mut().depth -= 1;
        }
        _ => {}
    }
    Ok(())
}

/// Looks at who calls.
fn look(caller: &mut Caller<'_, Data>) {
    let (number, metered) = (caller.data().number, caller.data().metered);
    assert_eq!(caller.data_mut().number, number);
    assert_eq!(caller.get_fuel().is_ok(), metered);
    let left = caller.get_fuel();
    if let Ok(left) = left {
        assert!(caller.set_fuel(left).is_ok(), "fuel is counted");
    }
    let _ = (caller.engine().dispatch(), format!("{caller:?}"));
    let export = caller.get_export("memory");
    assert!(export.is_none() || caller.instance().is_some());
    if let Some(instance) = caller.instance() {
        let same = instance.get_export(&*caller, "memory");
        assert_eq!(export.is_some(), same.is_some());
    }
}

/// Results of a function of any type: sometimes of wrong types.
fn dynamic(
    mut caller: Caller<'_, Data>,
    ty: &FuncType,
    params: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    assert!(params.iter().map(Val::ty).eq(ty.params().iter().copied()), "arguments have the types");
    values::look(params, &mut caller.as_context_mut());
    act(&mut caller)?;
    let wrong = caller.data().dice.one_in(50);
    for (result, ty) in results.iter_mut().zip(ty.results()) {
        let ty = if wrong { ValType::I64 } else { *ty };
        *result = values::of_type(&mut caller.as_context_mut(), ty);
    }
    Ok(())
}

fn unary(mut caller: Caller<'_, Data>, a: i32) -> Result<i32, Error> {
    act(&mut caller)?;
    Ok(a.wrapping_mul(3))
}

fn wide(mut caller: Caller<'_, Data>, a: i64, b: f32) -> Result<(f64, i64), Error> {
    act(&mut caller)?;
    Ok((f64::from(b), a))
}

type Refs = (Nullable<rotifer::ExternRef>, Nullable<Func>);

fn refs(
    mut caller: Caller<'_, Data>,
    func: Nullable<Func>,
    object: Nullable<rotifer::ExternRef>,
) -> Result<Refs, Error> {
    act(&mut caller)?;
    let func = match values::func(&caller.as_context_mut(), false) {
        Some(other) if caller.data().dice.one_in(2) => Nullable::Val(other),
        _ => func,
    };
    Ok((object, func))
}

fn none(mut caller: Caller<'_, Data>) -> Result<(), Error> {
    act(&mut caller)
}

/// A new host function of a type.
pub(super) fn func_of_type(ctx: &mut StoreContextMut<'_, Data>, dice: &Dice, ty: &FuncType) -> Func {
    if dice.one_in(2) {
        for func in [Func::wrap(&mut *ctx, unary), Func::wrap(&mut *ctx, wide), Func::wrap(&mut *ctx, none)] {
            if func.ty(&*ctx) == *ty {
                return func;
            }
        }
        let func = Func::wrap(&mut *ctx, refs);
        if func.ty(&*ctx) == *ty {
            return func;
        }
    }
    let inner = ty.clone();
    Func::new(ctx, ty.clone(), move |caller, params, results| dynamic(caller, &inner, params, results))
}

/// A new host function.
pub(super) fn func(ctx: &mut StoreContextMut<'_, Data>, dice: &Dice) -> Func {
    match dice.below(6) {
        0 => Func::wrap(ctx, unary),
        1 => Func::wrap(ctx, wide),
        2 => Func::wrap(ctx, refs),
        3 => Func::wrap(ctx, || ()),
        4 => Func::wrap(ctx, |a: u32, b: u64, c: rotifer::F32, d: rotifer::F64| (d, c, b, a)),
        _ => func_of_type(ctx, dice, &values::func_type(dice)),
    }
}

/// Defines host functions for the imports of the kit.
pub(super) fn define(linker: &mut rotifer::Linker<Data>, dice: &Dice) -> Result<(), Error> {
    let ty = values::func_type(dice);
    let inner = ty.clone();
    match dice.below(8) {
        0 => {
            let ty = FuncType::new([ValType::I32], [ValType::I32]);
            linker.func_suspend("host", "unary", ty, 7)?;
        }
        1 => {
            linker.func_new("host", "none", ty, move |caller, params, results| {
                dynamic(caller, &inner, params, results)
            })?;
        }
        2 => {
            linker.func_suspend("host", "wide", ty, dice.bits())?;
        }
        _ => {
            linker
                .func_wrap("host", "unary", unary)?
                .func_wrap("host", "wide", wide)?
                .func_wrap("host", "refs", refs)?
                .func_wrap("host", "none", none)?;
        }
    }
    Ok(())
}
