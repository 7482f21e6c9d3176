//! Values on the command line: arguments as the text format writes numbers, results one per line.

use rotifer::{F32, F64, HeapType, Nullable, Ref, Val, ValType};
use wast::{
    parser::{self, Parse, ParseBuffer},
    token,
};

/// An argument of type `ty`: a number in the text format's syntax (`-7`, `0xff`, `1e-3`, `inf`, `nan:0x200000`) or
/// `null`.
pub(crate) fn parse(text: &str, ty: ValType) -> Result<Val, String> {
    let val = match ty {
        ValType::I32 => token::<i32>(text).map(Val::I32),
        ValType::I64 => token::<i64>(text).map(Val::I64),
        ValType::F32 => token::<token::F32>(text).map(|float| Val::F32(F32::from_bits(float.bits))),
        ValType::F64 => token::<token::F64>(text).map(|float| Val::F64(F64::from_bits(float.bits))),
        ValType::Ref(ty) => match text {
            "null" => Some(Ref::null(ty).into()),
            _ => return Err(format!("`{text}` is no {ty}: only `null` can be given")),
        },
        _ => return Err(format!("values of type {ty} cannot be given on the command line")),
    };
    val.ok_or_else(|| format!("`{text}` is no {ty}, or none in its range"))
}

fn token<T: for<'text> Parse<'text>>(text: &str) -> Option<T> {
    let buffer = ParseBuffer::new(text).ok()?;
    parser::parse(&buffer).ok()
}

/// A result as one line. Floats are the shortest decimal numbers that mean the same; everything can be given back
/// as an argument, except references that are not null.
pub(crate) fn show(val: &Val) -> String {
    match val {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(value) => {
            let (bits, float) = (value.to_bits(), value.to_float());
            if float.is_nan() {
                nan(bits >> 31 != 0, u64::from(bits & 0x7f_ffff), 1 << 22)
            } else {
                float.to_string()
            }
        }
        Val::F64(value) => {
            let (bits, float) = (value.to_bits(), value.to_float());
            if float.is_nan() {
                nan(bits >> 63 != 0, bits & 0xf_ffff_ffff_ffff, 1 << 51)
            } else {
                float.to_string()
            }
        }
        Val::FuncRef(Nullable::Null) | Val::ExternRef(Nullable::Null) => "null".to_owned(),
        val => match val.as_ref().map(|reference| reference.ty().heap_type()) {
            Some(HeapType::Func) => "a function".to_owned(),
            Some(HeapType::Extern) => "an object of the host".to_owned(),
            _ => format!("{val:?}"),
        },
    }
}

/// The canonical NaN is just `nan`.
fn nan(is_negative: bool, payload: u64, canonical: u64) -> String {
    let sign = if is_negative { "-" } else { "" };
    if payload == canonical { format!("{sign}nan") } else { format!("{sign}nan:{payload:#x}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, ty: ValType, shown: &str) {
        assert_eq!(parse(text, ty).map(|val| show(&val)).as_deref(), Ok(shown));
    }

    #[test]
    fn integers_are_signed_or_unsigned_decimal_or_hexadecimal() {
        check("-7", ValType::I32, "-7");
        check("+7", ValType::I32, "7");
        check("0xff", ValType::I32, "255");
        check("4294967295", ValType::I32, "-1");
        check("-0x80000000", ValType::I32, "-2147483648");
        check("1_000_000_000_000", ValType::I64, "1000000000000");
        check("0xffffffffffffffff", ValType::I64, "-1");
    }

    #[test]
    fn floats_round_trip() {
        check("1.5", ValType::F32, "1.5");
        check("7", ValType::F64, "7");
        check("-0", ValType::F64, "-0");
        check("0x1p-3", ValType::F64, "0.125");
        check("-inf", ValType::F32, "-inf");
        check("nan", ValType::F32, "nan");
        check("-nan", ValType::F64, "-nan");
        check("nan:0x200001", ValType::F32, "nan:0x200001");
        check("nan:0x1", ValType::F64, "nan:0x1");
    }

    #[test]
    fn references_can_only_be_null() {
        check("null", ValType::EXTERNREF, "null");
        check("null", ValType::FUNCREF, "null");
        assert!(parse("1", ValType::EXTERNREF).is_err());
    }

    #[test]
    fn what_is_no_number_of_the_type_is_refused() {
        for (text, ty) in [
            ("", ValType::I32),
            ("4294967296", ValType::I32),
            ("1.5", ValType::I32),
            ("1 2", ValType::I32),
            ("$x", ValType::I64),
            ("(i32.const 1)", ValType::I32),
            ("\"1", ValType::F32),
            ("1e", ValType::F64),
        ] {
            let error = parse(text, ty).unwrap_err();
            assert!(error.contains(&ty.to_string()), "{error}");
        }
    }
}
