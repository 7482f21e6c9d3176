//! Values and types for calls, mostly such that fit.

use rotifer::{
    AsContextMut, ExternRef, F32, F64, Func, FuncType, MemoryType, Nullable, Ref, RefType, StoreContextMut,
    TableType, Val, ValType,
};

use super::pool::{Data, Dice, Item};
use crate::value::{Type, Value};

pub(super) const TYPES: [ValType; 6] =
    [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::FUNCREF, ValType::EXTERNREF];

/// A function type, often one that modules import.
pub(super) fn func_type(dice: &Dice) -> FuncType {
    use ValType as V;
    match dice.below(7) {
        0 | 1 => FuncType::new([V::I32], [V::I32]),
        2 => FuncType::new([V::I64, V::F32], [V::F64, V::I64]),
        3 => FuncType::new([V::FUNCREF, V::EXTERNREF], [V::EXTERNREF, V::FUNCREF]),
        4 => FuncType::new([], []),
        _ => {
            let some = |most| (0..dice.below(most)).map(|_| dice.pick(&TYPES)).collect::<Vec<_>>();
            FuncType::new(some(6), some(4))
        }
    }
}

pub(super) fn func(ctx: &StoreContextMut<'_, Data>, strict: bool) -> Option<Func> {
    let Data { dice, shared, number, .. } = ctx.data();
    shared.find(dice, *number, strict, |item| if let Item::Func(func) = item { Some(func) } else { None })
}

fn object(ctx: &mut StoreContextMut<'_, Data>) -> ExternRef {
    let Data { dice, shared, number, .. } = ctx.data();
    let (dice, number) = (dice.clone(), *number);
    let kind = |item| if let Item::Object(object) = item { Some(object) } else { None };
    let found = shared.find(&dice, number, false, kind);
    match found {
        Some(object) if !dice.one_in(4) => object,
        _ => {
            let object = ExternRef::new(&mut *ctx, dice.bits());
            let shared = ctx.data().shared.clone();
            shared.add(&dice, number, Item::Object(object));
            object
        }
    }
}

/// A value of a type; references may belong to other stores.
pub(super) fn of_type(ctx: &mut StoreContextMut<'_, Data>, ty: ValType) -> Val {
    let dice = ctx.data().dice.clone();
    let mut random = dice.random();
    let mut number = |ty| Value::random(ty, &mut random);
    match ty {
        ty if ty == ValType::FUNCREF => match func(ctx, false) {
            Some(func) if !dice.one_in(3) => Val::from(Nullable::Val(func)),
            _ => Val::default_for_ty(ty),
        },
        ty if ty == ValType::EXTERNREF => {
            if dice.one_in(3) {
                Val::ExternRef(Nullable::Null)
            } else {
                Val::from(Nullable::Val(object(ctx)))
            }
        }
        ValType::I32 => match number(Type::I32) {
            Value::I32(value) => value.into(),
            _ => unreachable!("of the type that was asked for"),
        },
        ValType::I64 => match number(Type::I64) {
            Value::I64(value) => value.into(),
            _ => unreachable!("of the type that was asked for"),
        },
        ValType::F32 => Val::F32(F32::from_bits(dice.bits() as u32)),
        _ => Val::F64(F64::from_float(dice.below(1 << 40) as f64 / 3.0 - 100.0)),
    }
}

/// Values of types; now and then too many, too few or of other types.
pub(super) fn of_types(ctx: &mut StoreContextMut<'_, Data>, types: &[ValType]) -> Vec<Val> {
    let dice = ctx.data().dice.clone();
    let mut vals: Vec<Val> = types
        .iter()
        .map(|ty| {
            let ty = if dice.one_in(60) { dice.pick(&TYPES) } else { *ty };
            of_type(ctx, ty)
        })
        .collect();
    if dice.one_in(40) {
        vals.pop();
    } else if dice.one_in(40) {
        vals.push(Val::I32(1));
    }
    look(&vals, ctx);
    vals
}

/// Takes values for each of their kinds.
pub(super) fn look(vals: &[Val], ctx: &mut StoreContextMut<'_, Data>) {
    for val in vals {
        let kinds = [
            val.i32().is_some(),
            val.i64().is_some(),
            val.f32().is_some(),
            val.f64().is_some(),
            val.funcref().is_some(),
            val.externref().is_some(),
        ];
        assert_eq!(kinds.iter().filter(|kind| **kind).count(), 1, "{val:?} is of one kind");
        assert_eq!(val.as_ref().is_some(), kinds[4] || kinds[5]);
        let _ = (val.ty(), format!("{val:?}"), val.f32().map(F32::to_float), val.f64().map(F64::to_bits));
        if let Some(reference) = val.as_ref() {
            look_at_ref(reference);
        }
        if let Val::ExternRef(Nullable::Val(object)) = val {
            let (number, object) = (ctx.data().number, *object);
            let is_own = |(of, item): &(u64, Item)| {
                *of == number && matches!(item, Item::Object(known) if *known == object)
            };
            let own = ctx.data().shared.with(|pool| pool.items.iter().any(is_own));
            if own {
                assert!(object.data(&*ctx).is::<u64>(), "an object of the host is what it was");
            }
        }
    }
}

fn look_at_ref(reference: Ref) {
    assert_ne!(reference.is_null(), reference.is_non_null());
    assert_ne!(reference.is_func(), reference.is_extern());
    assert_eq!(reference.as_func().is_some(), reference.is_func());
    if let Some(object) = reference.as_extern() {
        assert_eq!(object.is_null(), object.into_option().is_none());
    }
    assert!(Ref::default_for_ty(reference.ty()).is_null());
}

/// A reference for a table with such elements.
pub(super) fn element(ctx: &mut StoreContextMut<'_, Data>, ty: RefType) -> Ref {
    let ty = if ctx.data().dice.one_in(20) { RefType::EXTERNREF } else { ty };
    let ty = if ty == RefType::EXTERNREF { ValType::EXTERNREF } else { ValType::FUNCREF };
    of_type(&mut ctx.as_context_mut(), ty).as_ref().expect("a reference")
}

/// A type of tables, of any size.
pub(super) fn table_type(dice: &Dice) -> TableType {
    let element = dice.pick(&[RefType::FUNCREF, RefType::EXTERNREF]);
    let (minimum, maximum) = (dice.size(), (!dice.one_in(3)).then(|| dice.size()));
    match dice.below(8) {
        0 => TableType::new64(element, minimum.min(maximum.unwrap_or(u64::MAX)), maximum),
        1 => TableType { element, minimum, maximum, table64: dice.one_in(2) },
        _ => {
            TableType::new(element, dice.below(20) as u32, dice.one_in(2).then(|| 20 + dice.below(50) as u32))
        }
    }
}

/// A type of memories, of any size.
pub(super) fn memory_type(dice: &Dice) -> MemoryType {
    let (minimum, maximum) = (dice.size(), (!dice.one_in(3)).then(|| dice.size()));
    let small = MemoryType::new(dice.below(3) as u32, dice.one_in(2).then_some(4));
    match dice.below(8) {
        0 => {
            let mut builder = MemoryType::builder();
            builder.memory64(dice.one_in(2)).min(minimum).max(maximum);
            if dice.one_in(2) {
                builder.page_size_log2(dice.pick(&[0, 1, 16, 17, 63, 64, 255]));
            }
            builder.build().unwrap_or(small)
        }
        1 => MemoryType::new64(dice.below(3), dice.one_in(2).then_some(5)),
        // The fields are public: nobody need ask the builder.
        2 if dice.one_in(2) => MemoryType {
            minimum,
            maximum,
            memory64: dice.one_in(2),
            shared: dice.one_in(4),
            page_size_log2: dice.pick(&[0, 1, 16, 17, 63, 64, 255]),
        },
        _ => small,
    }
}
