//! Numbers: each operator as a function of plain Rust numbers.

use rotifer_core::TrapCode;
use wasmparser::Operator::{self, *};

type Result<T> = std::result::Result<T, TrapCode>;

/// Executes an operator that takes numbers from the stack and leaves numbers there, if this is one.
pub(crate) fn execute(operator: &Operator<'_>, stack: &mut Vec<u64>, canonical_nans: bool) -> Result<bool> {
    if let Some(f) = unary(operator) {
        let a = pop(stack);
        let result = f(a)?;
        stack.push(canonical(operator, result, canonical_nans));
    } else if let Some(f) = binary(operator) {
        let b = pop(stack);
        let a = pop(stack);
        let result = f(a, b)?;
        stack.push(canonical(operator, result, canonical_nans));
    } else {
        return Ok(wide(operator, stack));
    }
    Ok(true)
}

fn pop(stack: &mut Vec<u64>) -> u64 {
    stack.pop().expect("validation counted the operands")
}

/// Functions of values as they are on the stack.
type Unary = fn(u64) -> Result<u64>;
type Binary = fn(u64, u64) -> Result<u64>;

fn unary(operator: &Operator<'_>) -> Option<Unary> {
    unary_integer(operator)
        .or_else(|| unary_float(operator))
        .or_else(|| to_integer(operator))
        .or_else(|| to_float(operator))
        .or_else(|| saturating(operator))
}

fn binary(operator: &Operator<'_>) -> Option<Binary> {
    binary_i32(operator)
        .or_else(|| compare_i32(operator))
        .or_else(|| binary_i64(operator))
        .or_else(|| compare_i64(operator))
        .or_else(|| binary_float(operator))
        .or_else(|| compare_float(operator))
}

fn f32_of(a: u64) -> f32 {
    f32::from_bits(a as u32)
}

fn f64_of(a: u64) -> f64 {
    f64::from_bits(a)
}

fn bits32(a: f32) -> Result<u64> {
    Ok(a.to_bits().into())
}

fn bits64(a: f64) -> Result<u64> {
    Ok(a.to_bits())
}

/// A signed number of 32 bits.
fn signed32(a: i32) -> Result<u64> {
    Ok(u64::from(a as u32))
}

fn signed64(a: i64) -> Result<u64> {
    Ok(a as u64)
}

fn truth(a: bool) -> Result<u64> {
    Ok(a.into())
}

fn unary_integer(operator: &Operator<'_>) -> Option<Unary> {
    Some(match operator {
        I32Eqz => |a| truth(a as u32 == 0),
        I64Eqz => |a| truth(a == 0),
        I32Clz => |a| Ok((a as u32).leading_zeros().into()),
        I32Ctz => |a| Ok((a as u32).trailing_zeros().into()),
        I32Popcnt => |a| Ok((a as u32).count_ones().into()),
        I64Clz => |a| Ok(a.leading_zeros().into()),
        I64Ctz => |a| Ok(a.trailing_zeros().into()),
        I64Popcnt => |a| Ok(a.count_ones().into()),
        I32Extend8S => |a| signed32((a as i8).into()),
        I32Extend16S => |a| signed32((a as i16).into()),
        I64Extend8S => |a| signed64((a as i8).into()),
        I64Extend16S => |a| signed64((a as i16).into()),
        I64Extend32S | I64ExtendI32S => |a| signed64((a as i32).into()),
        I64ExtendI32U | I32WrapI64 => |a| Ok(a & 0xFFFF_FFFF),
        I32ReinterpretF32 | F32ReinterpretI32 | I64ReinterpretF64 | F64ReinterpretI64 => Ok,
        _ => return None,
    })
}

fn unary_float(operator: &Operator<'_>) -> Option<Unary> {
    Some(match operator {
        F32Abs => |a| Ok(a & 0x7FFF_FFFF),
        F32Neg => |a| Ok(a ^ 0x8000_0000),
        F32Ceil => |a| bits32(f32_of(a).ceil()),
        F32Floor => |a| bits32(f32_of(a).floor()),
        F32Trunc => |a| bits32(f32_of(a).trunc()),
        F32Nearest => |a| bits32(f32_of(a).round_ties_even()),
        F32Sqrt => |a| bits32(f32_of(a).sqrt()),
        F64Abs => |a| Ok(a & !(1 << 63)),
        F64Neg => |a| Ok(a ^ 1 << 63),
        F64Ceil => |a| bits64(f64_of(a).ceil()),
        F64Floor => |a| bits64(f64_of(a).floor()),
        F64Trunc => |a| bits64(f64_of(a).trunc()),
        F64Nearest => |a| bits64(f64_of(a).round_ties_even()),
        F64Sqrt => |a| bits64(f64_of(a).sqrt()),
        _ => return None,
    })
}

/// A float without its fraction, if it is above `below` and less than `above`.
fn whole(a: f64, below: f64, above: f64) -> Result<f64> {
    if a.is_nan() {
        return Err(TrapCode::BadConversionToInteger);
    }
    let a = a.trunc();
    if below < a && a < above { Ok(a) } else { Err(TrapCode::IntegerOverflow) }
}

/// The first number that is too large for a type of so many bits.
const fn beyond(bits: u32) -> f64 {
    (1u128 << bits) as f64
}

fn to_i32(a: f64) -> Result<u64> {
    signed32(whole(a, -beyond(31) - 1.0, beyond(31))? as i32)
}

fn to_u32(a: f64) -> Result<u64> {
    Ok((whole(a, -1.0, beyond(32))? as u32).into())
}

fn to_i64(a: f64) -> Result<u64> {
    // Doubles of this size are whole, and the next one below -2^63 is -2^63 - 2048.
    signed64(whole(a, -beyond(63) - 2048.0, beyond(63))? as i64)
}

fn to_u64(a: f64) -> Result<u64> {
    Ok(whole(a, -1.0, beyond(64))? as u64)
}

/// Conversions that trap. Each `f32` is an `f64`.
fn to_integer(operator: &Operator<'_>) -> Option<Unary> {
    Some(match operator {
        I32TruncF32S => |a| to_i32(f32_of(a).into()),
        I32TruncF32U => |a| to_u32(f32_of(a).into()),
        I32TruncF64S => |a| to_i32(f64_of(a)),
        I32TruncF64U => |a| to_u32(f64_of(a)),
        I64TruncF32S => |a| to_i64(f32_of(a).into()),
        I64TruncF32U => |a| to_u64(f32_of(a).into()),
        I64TruncF64S => |a| to_i64(f64_of(a)),
        I64TruncF64U => |a| to_u64(f64_of(a)),
        _ => return None,
    })
}

/// Conversions that do not trap: Rust's `as`.
fn saturating(operator: &Operator<'_>) -> Option<Unary> {
    Some(match operator {
        I32TruncSatF32S => |a| signed32(f32_of(a) as i32),
        I32TruncSatF32U => |a| Ok((f32_of(a) as u32).into()),
        I32TruncSatF64S => |a| signed32(f64_of(a) as i32),
        I32TruncSatF64U => |a| Ok((f64_of(a) as u32).into()),
        I64TruncSatF32S => |a| signed64(f32_of(a) as i64),
        I64TruncSatF32U => |a| Ok(f32_of(a) as u64),
        I64TruncSatF64S => |a| signed64(f64_of(a) as i64),
        I64TruncSatF64U => |a| Ok(f64_of(a) as u64),
        _ => return None,
    })
}

fn to_float(operator: &Operator<'_>) -> Option<Unary> {
    Some(match operator {
        F32ConvertI32S => |a| bits32(a as i32 as f32),
        F32ConvertI32U => |a| bits32(a as u32 as f32),
        F32ConvertI64S => |a| bits32(a as i64 as f32),
        F32ConvertI64U => |a| bits32(a as f32),
        F32DemoteF64 => |a| bits32(f64_of(a) as f32),
        F64ConvertI32S => |a| bits64((a as i32).into()),
        F64ConvertI32U => |a| bits64((a as u32).into()),
        F64ConvertI64S => |a| bits64(a as i64 as f64),
        F64ConvertI64U => |a| bits64(a as f64),
        F64PromoteF32 => |a| bits64(f32_of(a).into()),
        _ => return None,
    })
}

/// The quotient or the remainder, for divisors other than 0.
fn by<T: PartialEq + Default>(divisor: T, result: Option<T>) -> Result<T> {
    if divisor == T::default() {
        return Err(TrapCode::IntegerDivisionByZero);
    }
    result.ok_or(TrapCode::IntegerOverflow)
}

fn binary_i32(operator: &Operator<'_>) -> Option<Binary> {
    Some(match operator {
        I32Add => |a, b| Ok((a as u32).wrapping_add(b as u32).into()),
        I32Sub => |a, b| Ok((a as u32).wrapping_sub(b as u32).into()),
        I32Mul => |a, b| Ok((a as u32).wrapping_mul(b as u32).into()),
        I32DivS => |a, b| signed32(by(b as i32, (a as i32).checked_div(b as i32))?),
        I32DivU => |a, b| Ok(by(b as u32, (a as u32).checked_div(b as u32))?.into()),
        // The remainder of MIN / -1 is 0, though the quotient overflows.
        I32RemS => |a, b| {
            signed32(by(b as i32, i64::from(a as i32).checked_rem((b as i32).into()).map(|r| r as i32))?)
        },
        I32RemU => |a, b| Ok(by(b as u32, (a as u32).checked_rem(b as u32))?.into()),
        I32And => |a, b| Ok(a & b),
        I32Or => |a, b| Ok(a | b),
        I32Xor => |a, b| Ok(a ^ b),
        I32Shl => |a, b| Ok(((a as u32) << (b % 32)).into()),
        I32ShrS => |a, b| signed32(a as i32 >> (b % 32)),
        I32ShrU => |a, b| Ok((a as u32 >> (b % 32)).into()),
        I32Rotl => |a, b| Ok((a as u32).rotate_left((b % 32) as u32).into()),
        I32Rotr => |a, b| Ok((a as u32).rotate_right((b % 32) as u32).into()),
        _ => return None,
    })
}

fn compare_i32(operator: &Operator<'_>) -> Option<Binary> {
    Some(match operator {
        I32Eq => |a, b| truth(a as u32 == b as u32),
        I32Ne => |a, b| truth(a as u32 != b as u32),
        I32LtS => |a, b| truth((a as i32) < b as i32),
        I32LtU => |a, b| truth((a as u32) < b as u32),
        I32GtS => |a, b| truth(a as i32 > b as i32),
        I32GtU => |a, b| truth(a as u32 > b as u32),
        I32LeS => |a, b| truth(a as i32 <= b as i32),
        I32LeU => |a, b| truth(a as u32 <= b as u32),
        I32GeS => |a, b| truth(a as i32 >= b as i32),
        I32GeU => |a, b| truth(a as u32 >= b as u32),
        _ => return None,
    })
}

fn binary_i64(operator: &Operator<'_>) -> Option<Binary> {
    Some(match operator {
        I64Add => |a, b| Ok(a.wrapping_add(b)),
        I64Sub => |a, b| Ok(a.wrapping_sub(b)),
        I64Mul => |a, b| Ok(a.wrapping_mul(b)),
        I64DivS => |a, b| signed64(by(b as i64, (a as i64).checked_div(b as i64))?),
        I64DivU => |a, b| by(b, a.checked_div(b)),
        I64RemS => |a, b| {
            signed64(by(b as i64, i128::from(a as i64).checked_rem((b as i64).into()).map(|r| r as i64))?)
        },
        I64RemU => |a, b| by(b, a.checked_rem(b)),
        I64And => |a, b| Ok(a & b),
        I64Or => |a, b| Ok(a | b),
        I64Xor => |a, b| Ok(a ^ b),
        I64Shl => |a, b| Ok(a << (b % 64)),
        I64ShrS => |a, b| signed64(a as i64 >> (b % 64)),
        I64ShrU => |a, b| Ok(a >> (b % 64)),
        I64Rotl => |a, b| Ok(a.rotate_left((b % 64) as u32)),
        I64Rotr => |a, b| Ok(a.rotate_right((b % 64) as u32)),
        _ => return None,
    })
}

fn compare_i64(operator: &Operator<'_>) -> Option<Binary> {
    Some(match operator {
        I64Eq => |a, b| truth(a == b),
        I64Ne => |a, b| truth(a != b),
        I64LtS => |a, b| truth((a as i64) < b as i64),
        I64LtU => |a, b| truth(a < b),
        I64GtS => |a, b| truth(a as i64 > b as i64),
        I64GtU => |a, b| truth(a > b),
        I64LeS => |a, b| truth(a as i64 <= b as i64),
        I64LeU => |a, b| truth(a <= b),
        I64GeS => |a, b| truth(a as i64 >= b as i64),
        I64GeU => |a, b| truth(a >= b),
        _ => return None,
    })
}

/// The smaller float: NaN if one is, and -0 below 0.
fn min(a: f64, b: f64) -> f64 {
    match a.partial_cmp(&b) {
        None => a + b,
        Some(std::cmp::Ordering::Less) => a,
        Some(std::cmp::Ordering::Greater) => b,
        Some(std::cmp::Ordering::Equal) => {
            if a.is_sign_negative() {
                a
            } else {
                b
            }
        }
    }
}

/// The larger float: NaN if one is, and 0 above -0.
fn max(a: f64, b: f64) -> f64 {
    -min(-a, -b)
}

fn binary_float(operator: &Operator<'_>) -> Option<Binary> {
    Some(match operator {
        F32Add => |a, b| bits32(f32_of(a) + f32_of(b)),
        F32Sub => |a, b| bits32(f32_of(a) - f32_of(b)),
        F32Mul => |a, b| bits32(f32_of(a) * f32_of(b)),
        F32Div => |a, b| bits32(f32_of(a) / f32_of(b)),
        F32Min => |a, b| bits32(min(f32_of(a).into(), f32_of(b).into()) as f32),
        F32Max => |a, b| bits32(max(f32_of(a).into(), f32_of(b).into()) as f32),
        F32Copysign => |a, b| Ok(a & 0x7FFF_FFFF | b & 0x8000_0000),
        F64Add => |a, b| bits64(f64_of(a) + f64_of(b)),
        F64Sub => |a, b| bits64(f64_of(a) - f64_of(b)),
        F64Mul => |a, b| bits64(f64_of(a) * f64_of(b)),
        F64Div => |a, b| bits64(f64_of(a) / f64_of(b)),
        F64Min => |a, b| bits64(min(f64_of(a), f64_of(b))),
        F64Max => |a, b| bits64(max(f64_of(a), f64_of(b))),
        F64Copysign => |a, b| Ok(a & !(1 << 63) | b & 1 << 63),
        _ => return None,
    })
}

fn compare_float(operator: &Operator<'_>) -> Option<Binary> {
    Some(match operator {
        F32Eq => |a, b| truth(f32_of(a) == f32_of(b)),
        F32Ne => |a, b| truth(f32_of(a) != f32_of(b)),
        F32Lt => |a, b| truth(f32_of(a) < f32_of(b)),
        F32Gt => |a, b| truth(f32_of(a) > f32_of(b)),
        F32Le => |a, b| truth(f32_of(a) <= f32_of(b)),
        F32Ge => |a, b| truth(f32_of(a) >= f32_of(b)),
        F64Eq => |a, b| truth(f64_of(a) == f64_of(b)),
        F64Ne => |a, b| truth(f64_of(a) != f64_of(b)),
        F64Lt => |a, b| truth(f64_of(a) < f64_of(b)),
        F64Gt => |a, b| truth(f64_of(a) > f64_of(b)),
        F64Le => |a, b| truth(f64_of(a) <= f64_of(b)),
        F64Ge => |a, b| truth(f64_of(a) >= f64_of(b)),
        _ => return None,
    })
}

/// A result, with the payload that a NaN should have: the specification leaves it open for arithmetic.
fn canonical(operator: &Operator<'_>, result: u64, canonical_nans: bool) -> u64 {
    let is_f32 = matches!(
        operator,
        F32Ceil
            | F32Floor
            | F32Trunc
            | F32Nearest
            | F32Sqrt
            | F32Add
            | F32Sub
            | F32Mul
            | F32Div
            | F32Min
            | F32Max
            | F32DemoteF64
    );
    let is_f64 = matches!(
        operator,
        F64Ceil
            | F64Floor
            | F64Trunc
            | F64Nearest
            | F64Sqrt
            | F64Add
            | F64Sub
            | F64Mul
            | F64Div
            | F64Min
            | F64Max
            | F64PromoteF32
    );
    if canonical_nans && is_f32 && f32_of(result).is_nan() {
        0x7FC0_0000
    } else if canonical_nans && is_f64 && f64_of(result).is_nan() {
        0x7FF8 << 48
    } else {
        result
    }
}

/// Arithmetic of 128 bits: numbers are two values, the low half first.
fn wide(operator: &Operator<'_>, stack: &mut Vec<u64>) -> bool {
    let result = match operator {
        I64Add128 => {
            let b = pop128(stack);
            pop128(stack).wrapping_add(b)
        }
        I64Sub128 => {
            let b = pop128(stack);
            pop128(stack).wrapping_sub(b)
        }
        I64MulWideS => {
            let b = pop(stack) as i64;
            (i128::from(pop(stack) as i64) * i128::from(b)) as u128
        }
        I64MulWideU => {
            let b = pop(stack);
            u128::from(pop(stack)) * u128::from(b)
        }
        _ => return false,
    };
    stack.push(result as u64);
    stack.push((result >> 64) as u64);
    true
}

fn pop128(stack: &mut Vec<u64>) -> u128 {
    let high = pop(stack);
    u128::from(high) << 64 | u128::from(pop(stack))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(operator: Operator<'_>, operands: &[u64]) -> Result<u64> {
        let mut stack = operands.to_vec();
        assert!(execute(&operator, &mut stack, true)?);
        Ok(stack.pop().unwrap())
    }

    #[test]
    fn integers_at_their_limits() {
        let min = 1 << 31;
        let minus_one = u32::MAX.into();
        assert_eq!(run(I32DivS, &[min, minus_one]), Err(TrapCode::IntegerOverflow));
        assert_eq!(run(I32RemS, &[min, minus_one]), Ok(0));
        assert_eq!(run(I32RemS, &[min, 0]), Err(TrapCode::IntegerDivisionByZero));
        assert_eq!(run(I64RemS, &[1 << 63, u64::MAX]), Ok(0));
        assert_eq!(run(I32ShrS, &[min, 63]), Ok(minus_one));
        assert_eq!(run(I64Extend8S, &[0x80]), Ok(-128i64 as u64));
    }

    #[test]
    fn floats_at_the_limits_of_integers() {
        let of = |a: f64| a.to_bits();
        assert_eq!(run(I32TruncF64S, &[of(-2_147_483_648.9)]), Ok(1 << 31));
        assert_eq!(run(I32TruncF64S, &[of(2_147_483_648.0)]), Err(TrapCode::IntegerOverflow));
        assert_eq!(run(I32TruncF64U, &[of(-0.9)]), Ok(0));
        assert_eq!(run(I64TruncF64S, &[of(-9_223_372_036_854_775_808.0)]), Ok(1 << 63));
        assert_eq!(run(I64TruncF64S, &[of(-9_223_372_036_854_777_856.0)]), Err(TrapCode::IntegerOverflow));
        assert_eq!(run(I64TruncF64U, &[of(f64::NAN)]), Err(TrapCode::BadConversionToInteger));
    }

    #[test]
    fn zeros_and_nans() {
        let (zero, minus) = (0f64.to_bits(), (-0f64).to_bits());
        assert_eq!(run(F64Min, &[zero, minus]), Ok(minus));
        assert_eq!(run(F64Max, &[minus, zero]), Ok(zero));
        assert_eq!(run(F64Max, &[zero, f64::NAN.to_bits() | 5]), Ok(0x7FF8 << 48));
        assert_eq!(run(F32Min, &[0x7FA0_0000, 0]), Ok(0x7FC0_0000));
        assert_eq!(run(F64Neg, &[0x7FF8 << 48]), Ok(0xFFF8 << 48));
    }
}
