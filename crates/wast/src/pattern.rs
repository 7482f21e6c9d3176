//! Values of scripts: arguments of calls and patterns of results.

use rotifer::{ExternRef, F32, F64, HeapType, Nullable, Ref, RefType, Store, Val};
use std::fmt::Write as _;
use wast::{
    core::{AbstractHeapType, HeapType as TextHeapType, NanPattern, WastArgCore, WastRetCore},
    token::{F32 as TextF32, F64 as TextF64},
};

/// What `ref.extern N` refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct HostObject(u32);

/// An argument as a value of the store.
pub(crate) fn argument(store: &mut Store<()>, arg: &WastArgCore<'_>) -> Result<Val, String> {
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(F32::from_bits(value.bits)),
        WastArgCore::F64(value) => Val::F64(F64::from_bits(value.bits)),
        WastArgCore::RefNull(ty) => match ref_type(ty) {
            Some(ty) => Ref::null(ty).into(),
            None => return Err(format!("a null reference of type {ty:?} is not supported yet")),
        },
        WastArgCore::RefExtern(number) => ExternRef::new(store, HostObject(*number)).into(),
        WastArgCore::V128(_) | WastArgCore::RefHost(_) => {
            return Err(format!("the argument {arg:?} is not supported yet"));
        }
    })
}

fn ref_type(ty: &TextHeapType<'_>) -> Option<RefType> {
    match ty {
        TextHeapType::Abstract { shared: false, ty: AbstractHeapType::Func } => Some(RefType::FUNCREF),
        TextHeapType::Abstract { shared: false, ty: AbstractHeapType::Extern } => Some(RefType::EXTERNREF),
        _ => None,
    }
}

/// Whether a result is the expected one.
pub(crate) fn matches(store: &Store<()>, expected: &WastRetCore<'_>, actual: &Val) -> bool {
    match (expected, actual) {
        (WastRetCore::I32(expected), Val::I32(actual)) => expected == actual,
        (WastRetCore::I64(expected), Val::I64(actual)) => expected == actual,
        (WastRetCore::F32(expected), Val::F32(actual)) => f32_matches(expected, actual.to_bits()),
        (WastRetCore::F64(expected), Val::F64(actual)) => f64_matches(expected, actual.to_bits()),
        (WastRetCore::RefNull(None), actual) => actual.as_ref().is_some_and(|actual| actual.is_null()),
        (WastRetCore::RefNull(Some(ty)), actual) => match actual.as_ref() {
            Some(actual) => actual.is_null() && ref_type(ty) == Some(actual.ty()),
            None => false,
        },
        (WastRetCore::RefExtern(number), Val::ExternRef(Nullable::Val(actual))) => {
            let object = actual.data(store).downcast_ref::<HostObject>();
            number.is_none() || number.map(HostObject).as_ref() == object
        }
        // The index that may follow is one of the script's module; no text of the suite says which.
        (WastRetCore::RefFunc(_), Val::FuncRef(actual)) => !actual.is_null(),
        (WastRetCore::Either(patterns), actual) => {
            patterns.iter().any(|expected| matches(store, expected, actual))
        }
        _ => false,
    }
}

/// A canonical NaN has the quiet bit and no other in its payload; an arithmetic one has the quiet bit
/// ([spec](https://webassembly.github.io/spec/core/syntax/values.html#floating-point)).
fn f32_matches(expected: &NanPattern<TextF32>, actual: u32) -> bool {
    const CANONICAL: u32 = 0x7fc0_0000;
    match expected {
        NanPattern::CanonicalNan => actual & 0x7fff_ffff == CANONICAL,
        NanPattern::ArithmeticNan => actual & CANONICAL == CANONICAL,
        NanPattern::Value(expected) => actual == expected.bits,
    }
}

/// See [`f32_matches`].
fn f64_matches(expected: &NanPattern<TextF64>, actual: u64) -> bool {
    const CANONICAL: u64 = 0x7ff8_0000_0000_0000;
    match expected {
        NanPattern::CanonicalNan => actual & 0x7fff_ffff_ffff_ffff == CANONICAL,
        NanPattern::ArithmeticNan => actual & CANONICAL == CANONICAL,
        NanPattern::Value(expected) => actual == expected.bits,
    }
}

/// The results as a failure shows them.
pub(crate) fn show_values(store: &Store<()>, values: &[Val]) -> String {
    list(values.iter().map(|value| show_value(store, value)))
}

/// The expected results as a failure shows them.
pub(crate) fn show_patterns(patterns: &[&WastRetCore<'_>]) -> String {
    list(patterns.iter().map(|pattern| show_pattern(pattern)))
}

fn list(mut shown: impl ExactSizeIterator<Item = String>) -> String {
    match shown.len() {
        0 => "nothing".to_owned(),
        1 => shown.next().unwrap_or_default(),
        _ => format!("({})", shown.collect::<Vec<_>>().join(" ")),
    }
}

fn show_value(store: &Store<()>, value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(value) => show_f32(value.to_bits()),
        Val::F64(value) => show_f64(value.to_bits()),
        Val::FuncRef(Nullable::Null) => "ref.null func".to_owned(),
        Val::FuncRef(Nullable::Val(_)) => "ref.func".to_owned(),
        Val::ExternRef(Nullable::Null) => "ref.null extern".to_owned(),
        Val::ExternRef(Nullable::Val(object)) => match object.data(store).downcast_ref() {
            Some(HostObject(number)) => format!("ref.extern {number}"),
            None => "ref.extern".to_owned(),
        },
        _ => format!("{value:?}"),
    }
}

fn show_pattern(pattern: &WastRetCore<'_>) -> String {
    match pattern {
        WastRetCore::I32(value) => value.to_string(),
        WastRetCore::I64(value) => value.to_string(),
        WastRetCore::F32(NanPattern::Value(value)) => show_f32(value.bits),
        WastRetCore::F64(NanPattern::Value(value)) => show_f64(value.bits),
        WastRetCore::F32(NanPattern::CanonicalNan) | WastRetCore::F64(NanPattern::CanonicalNan) => {
            "nan:canonical".to_owned()
        }
        WastRetCore::F32(NanPattern::ArithmeticNan) | WastRetCore::F64(NanPattern::ArithmeticNan) => {
            "nan:arithmetic".to_owned()
        }
        WastRetCore::RefNull(ty) => {
            let mut shown = "ref.null".to_owned();
            if let Some(ty) = ty.as_ref().and_then(ref_type) {
                shown.push_str(if ty.heap_type() == HeapType::Func { " func" } else { " extern" });
            }
            shown
        }
        WastRetCore::RefExtern(number) => {
            let mut shown = "ref.extern".to_owned();
            if let Some(number) = number {
                let _ = write!(shown, " {number}");
            }
            shown
        }
        WastRetCore::RefFunc(_) => "ref.func".to_owned(),
        WastRetCore::Either(patterns) => {
            format!("either {}", show_patterns(&patterns.iter().collect::<Vec<_>>()))
        }
        _ => format!("{pattern:?}"),
    }
}

/// The number, and its bits where the number does not tell: NaNs.
fn show_f32(bits: u32) -> String {
    let value = f32::from_bits(bits);
    if value.is_nan() { format!("nan with bits {bits:#010x}") } else { format!("{value:?}") }
}

/// See [`show_f32`].
fn show_f64(bits: u64) -> String {
    let value = f64::from_bits(bits);
    if value.is_nan() { format!("nan with bits {bits:#018x}") } else { format!("{value:?}") }
}
