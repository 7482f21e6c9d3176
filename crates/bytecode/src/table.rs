//! THE TABLE: every WebAssembly operator of fixed type, once.
//!
//! A row gives the opcode (prefix in the high byte), the name in the text format, the Rust name, the signature
//! and the semantics. Everything else about these operators is derived from it: decoding and typing
//! ([`crate::Operator`]), constant folding and execution (the traits of [`crate::semantics`]), op numbers
//! ([`crate::OpCode`]), the printer and docs/OPERATORS.md. Rows come in sections by *kind*; all rows of a kind
//! share operand forms and one generic handler.
//!
//! The Rust types of a signature carry the signedness that the semantics need: `u32` and `i32` are both
//! WebAssembly's `i32`. Rows whose name ends in `_try` may trap.

/// Calls `$callback!` with all rows of the table.
#[macro_export]
macro_rules! for_each_operator {
    ($callback:ident) => { $callback! {
unary {
    /// 1 if the operand is zero, else 0.
    0x45 "i32.eqz" I32Eqz: (u32) -> u32 = |a| (a == 0) as u32;
    /// 1 if the operand is zero, else 0.
    0x50 "i64.eqz" I64Eqz: (u64) -> u32 = |a| (a == 0) as u32;
    /// The count of leading zero bits.
    0x67 "i32.clz" I32Clz: (u32) -> u32 = |a| a.leading_zeros();
    /// The count of trailing zero bits.
    0x68 "i32.ctz" I32Ctz: (u32) -> u32 = |a| a.trailing_zeros();
    /// The count of one bits.
    0x69 "i32.popcnt" I32Popcnt: (u32) -> u32 = |a| a.count_ones();
    /// The count of leading zero bits.
    0x79 "i64.clz" I64Clz: (u64) -> u64 = |a| a.leading_zeros() as u64;
    /// The count of trailing zero bits.
    0x7A "i64.ctz" I64Ctz: (u64) -> u64 = |a| a.trailing_zeros() as u64;
    /// The count of one bits.
    0x7B "i64.popcnt" I64Popcnt: (u64) -> u64 = |a| a.count_ones() as u64;
    /// The magnitude.
    0x8B "f32.abs" F32Abs: (f32) -> f32 = |a| f32::from_bits(a.to_bits() & 0x7FFF_FFFF);
    /// The sign inverted, of NaN too.
    0x8C "f32.neg" F32Neg: (f32) -> f32 = |a| f32::from_bits(a.to_bits() ^ 0x8000_0000);
    /// Rounded towards positive infinity.
    0x8D "f32.ceil" F32Ceil: (f32) -> f32 = float::ceil32;
    /// Rounded towards negative infinity.
    0x8E "f32.floor" F32Floor: (f32) -> f32 = float::floor32;
    /// Rounded towards zero.
    0x8F "f32.trunc" F32Trunc: (f32) -> f32 = float::trunc32;
    /// Rounded to the nearest integer, ties to even.
    0x90 "f32.nearest" F32Nearest: (f32) -> f32 = float::nearest32;
    /// The square root.
    0x91 "f32.sqrt" F32Sqrt: (f32) -> f32 = float::sqrt32;
    /// The magnitude.
    0x99 "f64.abs" F64Abs: (f64) -> f64 = |a| f64::from_bits(a.to_bits() & 0x7FFF_FFFF_FFFF_FFFF);
    /// The sign inverted, of NaN too.
    0x9A "f64.neg" F64Neg: (f64) -> f64 = |a| f64::from_bits(a.to_bits() ^ 0x8000_0000_0000_0000);
    /// Rounded towards positive infinity.
    0x9B "f64.ceil" F64Ceil: (f64) -> f64 = float::ceil64;
    /// Rounded towards negative infinity.
    0x9C "f64.floor" F64Floor: (f64) -> f64 = float::floor64;
    /// Rounded towards zero.
    0x9D "f64.trunc" F64Trunc: (f64) -> f64 = float::trunc64;
    /// Rounded to the nearest integer, ties to even.
    0x9E "f64.nearest" F64Nearest: (f64) -> f64 = float::nearest64;
    /// The square root.
    0x9F "f64.sqrt" F64Sqrt: (f64) -> f64 = float::sqrt64;
    /// The low 32 bits.
    0xA7 "i32.wrap_i64" I32WrapI64: (u64) -> u32 = |a| a as u32;
    /// Sign-extended from 32 bits.
    0xAC "i64.extend_i32_s" I64ExtendI32S: (i32) -> i64 = |a| a as i64;
    /// Zero-extended from 32 bits.
    0xAD "i64.extend_i32_u" I64ExtendI32U: (u32) -> u64 = |a| a as u64;
    /// Converted to the nearest float.
    0xB2 "f32.convert_i32_s" F32ConvertI32S: (i32) -> f32 = |a| a as f32;
    /// Converted to the nearest float.
    0xB3 "f32.convert_i32_u" F32ConvertI32U: (u32) -> f32 = |a| a as f32;
    /// Converted to the nearest float.
    0xB4 "f32.convert_i64_s" F32ConvertI64S: (i64) -> f32 = |a| a as f32;
    /// Converted to the nearest float.
    0xB5 "f32.convert_i64_u" F32ConvertI64U: (u64) -> f32 = |a| a as f32;
    /// Rounded to single precision.
    0xB6 "f32.demote_f64" F32DemoteF64: (f64) -> f32 = |a| a as f32;
    /// Converted exactly.
    0xB7 "f64.convert_i32_s" F64ConvertI32S: (i32) -> f64 = |a| a as f64;
    /// Converted exactly.
    0xB8 "f64.convert_i32_u" F64ConvertI32U: (u32) -> f64 = |a| a as f64;
    /// Converted to the nearest float.
    0xB9 "f64.convert_i64_s" F64ConvertI64S: (i64) -> f64 = |a| a as f64;
    /// Converted to the nearest float.
    0xBA "f64.convert_i64_u" F64ConvertI64U: (u64) -> f64 = |a| a as f64;
    /// Converted exactly.
    0xBB "f64.promote_f32" F64PromoteF32: (f32) -> f64 = |a| a as f64;
    /// The same bits as an integer.
    0xBC "i32.reinterpret_f32" I32ReinterpretF32: (f32) -> u32 = |a| a.to_bits();
    /// The same bits as an integer.
    0xBD "i64.reinterpret_f64" I64ReinterpretF64: (f64) -> u64 = |a| a.to_bits();
    /// The same bits as a float.
    0xBE "f32.reinterpret_i32" F32ReinterpretI32: (u32) -> f32 = |a| f32::from_bits(a);
    /// The same bits as a float.
    0xBF "f64.reinterpret_i64" F64ReinterpretI64: (u64) -> f64 = |a| f64::from_bits(a);
    /// The low 8 bits, sign-extended.
    0xC0 "i32.extend8_s" I32Extend8S: (u32) -> i32 = |a| a as i8 as i32;
    /// The low 16 bits, sign-extended.
    0xC1 "i32.extend16_s" I32Extend16S: (u32) -> i32 = |a| a as i16 as i32;
    /// The low 8 bits, sign-extended.
    0xC2 "i64.extend8_s" I64Extend8S: (u64) -> i64 = |a| a as i8 as i64;
    /// The low 16 bits, sign-extended.
    0xC3 "i64.extend16_s" I64Extend16S: (u64) -> i64 = |a| a as i16 as i64;
    /// The low 32 bits, sign-extended.
    0xC4 "i64.extend32_s" I64Extend32S: (u64) -> i64 = |a| a as i32 as i64;
    /// Truncated and clamped; NaN gives 0.
    0xFC00 "i32.trunc_sat_f32_s" I32TruncSatF32S: (f32) -> i32 = |a| a as i32;
    /// Truncated and clamped; NaN gives 0.
    0xFC01 "i32.trunc_sat_f32_u" I32TruncSatF32U: (f32) -> u32 = |a| a as u32;
    /// Truncated and clamped; NaN gives 0.
    0xFC02 "i32.trunc_sat_f64_s" I32TruncSatF64S: (f64) -> i32 = |a| a as i32;
    /// Truncated and clamped; NaN gives 0.
    0xFC03 "i32.trunc_sat_f64_u" I32TruncSatF64U: (f64) -> u32 = |a| a as u32;
    /// Truncated and clamped; NaN gives 0.
    0xFC04 "i64.trunc_sat_f32_s" I64TruncSatF32S: (f32) -> i64 = |a| a as i64;
    /// Truncated and clamped; NaN gives 0.
    0xFC05 "i64.trunc_sat_f32_u" I64TruncSatF32U: (f32) -> u64 = |a| a as u64;
    /// Truncated and clamped; NaN gives 0.
    0xFC06 "i64.trunc_sat_f64_s" I64TruncSatF64S: (f64) -> i64 = |a| a as i64;
    /// Truncated and clamped; NaN gives 0.
    0xFC07 "i64.trunc_sat_f64_u" I64TruncSatF64U: (f64) -> u64 = |a| a as u64;
}
unary_try {
    /// Truncated. Traps on NaN and if the result does not fit.
    0xA8 "i32.trunc_f32_s" I32TruncF32S: (f32) -> i32 = float::trunc_i32_f32;
    /// Truncated. Traps on NaN and if the result does not fit.
    0xA9 "i32.trunc_f32_u" I32TruncF32U: (f32) -> u32 = float::trunc_u32_f32;
    /// Truncated. Traps on NaN and if the result does not fit.
    0xAA "i32.trunc_f64_s" I32TruncF64S: (f64) -> i32 = float::trunc_i32_f64;
    /// Truncated. Traps on NaN and if the result does not fit.
    0xAB "i32.trunc_f64_u" I32TruncF64U: (f64) -> u32 = float::trunc_u32_f64;
    /// Truncated. Traps on NaN and if the result does not fit.
    0xAE "i64.trunc_f32_s" I64TruncF32S: (f32) -> i64 = float::trunc_i64_f32;
    /// Truncated. Traps on NaN and if the result does not fit.
    0xAF "i64.trunc_f32_u" I64TruncF32U: (f32) -> u64 = float::trunc_u64_f32;
    /// Truncated. Traps on NaN and if the result does not fit.
    0xB0 "i64.trunc_f64_s" I64TruncF64S: (f64) -> i64 = float::trunc_i64_f64;
    /// Truncated. Traps on NaN and if the result does not fit.
    0xB1 "i64.trunc_f64_u" I64TruncF64U: (f64) -> u64 = float::trunc_u64_f64;
}
binary {
    /// The sum modulo 2^32.
    0x6A "i32.add" I32Add: (u32, u32) -> u32 = |a, b| a.wrapping_add(b);
    /// The difference modulo 2^32.
    0x6B "i32.sub" I32Sub: (u32, u32) -> u32 = |a, b| a.wrapping_sub(b);
    /// The product modulo 2^32.
    0x6C "i32.mul" I32Mul: (u32, u32) -> u32 = |a, b| a.wrapping_mul(b);
    /// Bitwise and.
    0x71 "i32.and" I32And: (u32, u32) -> u32 = |a, b| a & b;
    /// Bitwise or.
    0x72 "i32.or" I32Or: (u32, u32) -> u32 = |a, b| a | b;
    /// Bitwise exclusive or.
    0x73 "i32.xor" I32Xor: (u32, u32) -> u32 = |a, b| a ^ b;
    /// Shifted left by the right operand modulo 32.
    0x74 "i32.shl" I32Shl: (u32, u32) -> u32 = |a, b| a.wrapping_shl(b);
    /// Shifted right by the right operand modulo 32, sign bits shifted in.
    0x75 "i32.shr_s" I32ShrS: (i32, u32) -> i32 = |a, b| a.wrapping_shr(b);
    /// Shifted right by the right operand modulo 32, zeros shifted in.
    0x76 "i32.shr_u" I32ShrU: (u32, u32) -> u32 = |a, b| a.wrapping_shr(b);
    /// Rotated left.
    0x77 "i32.rotl" I32Rotl: (u32, u32) -> u32 = |a, b| a.rotate_left(b & 31);
    /// Rotated right.
    0x78 "i32.rotr" I32Rotr: (u32, u32) -> u32 = |a, b| a.rotate_right(b & 31);
    /// The sum modulo 2^64.
    0x7C "i64.add" I64Add: (u64, u64) -> u64 = |a, b| a.wrapping_add(b);
    /// The difference modulo 2^64.
    0x7D "i64.sub" I64Sub: (u64, u64) -> u64 = |a, b| a.wrapping_sub(b);
    /// The product modulo 2^64.
    0x7E "i64.mul" I64Mul: (u64, u64) -> u64 = |a, b| a.wrapping_mul(b);
    /// Bitwise and.
    0x83 "i64.and" I64And: (u64, u64) -> u64 = |a, b| a & b;
    /// Bitwise or.
    0x84 "i64.or" I64Or: (u64, u64) -> u64 = |a, b| a | b;
    /// Bitwise exclusive or.
    0x85 "i64.xor" I64Xor: (u64, u64) -> u64 = |a, b| a ^ b;
    /// Shifted left by the right operand modulo 64.
    0x86 "i64.shl" I64Shl: (u64, u64) -> u64 = |a, b| a.wrapping_shl(b as u32);
    /// Shifted right by the right operand modulo 64, sign bits shifted in.
    0x87 "i64.shr_s" I64ShrS: (i64, u64) -> i64 = |a, b| a.wrapping_shr(b as u32);
    /// Shifted right by the right operand modulo 64, zeros shifted in.
    0x88 "i64.shr_u" I64ShrU: (u64, u64) -> u64 = |a, b| a.wrapping_shr(b as u32);
    /// Rotated left.
    0x89 "i64.rotl" I64Rotl: (u64, u64) -> u64 = |a, b| a.rotate_left((b & 63) as u32);
    /// Rotated right.
    0x8A "i64.rotr" I64Rotr: (u64, u64) -> u64 = |a, b| a.rotate_right((b & 63) as u32);
    /// The sum.
    0x92 "f32.add" F32Add: (f32, f32) -> f32 = |a, b| a + b;
    /// The difference.
    0x93 "f32.sub" F32Sub: (f32, f32) -> f32 = |a, b| a - b;
    /// The product.
    0x94 "f32.mul" F32Mul: (f32, f32) -> f32 = |a, b| a * b;
    /// The quotient.
    0x95 "f32.div" F32Div: (f32, f32) -> f32 = |a, b| a / b;
    /// The smaller operand; NaN if one is, and -0 below 0.
    0x96 "f32.min" F32Min: (f32, f32) -> f32 = float::min32;
    /// The larger operand; NaN if one is, and 0 above -0.
    0x97 "f32.max" F32Max: (f32, f32) -> f32 = float::max32;
    /// The left operand with the sign of the right one.
    0x98 "f32.copysign" F32Copysign: (f32, f32) -> f32 = float::copysign32;
    /// The sum.
    0xA0 "f64.add" F64Add: (f64, f64) -> f64 = |a, b| a + b;
    /// The difference.
    0xA1 "f64.sub" F64Sub: (f64, f64) -> f64 = |a, b| a - b;
    /// The product.
    0xA2 "f64.mul" F64Mul: (f64, f64) -> f64 = |a, b| a * b;
    /// The quotient.
    0xA3 "f64.div" F64Div: (f64, f64) -> f64 = |a, b| a / b;
    /// The smaller operand; NaN if one is, and -0 below 0.
    0xA4 "f64.min" F64Min: (f64, f64) -> f64 = float::min64;
    /// The larger operand; NaN if one is, and 0 above -0.
    0xA5 "f64.max" F64Max: (f64, f64) -> f64 = float::max64;
    /// The left operand with the sign of the right one.
    0xA6 "f64.copysign" F64Copysign: (f64, f64) -> f64 = float::copysign64;
}
binary_try {
    /// The quotient, signed. Traps if the divisor is zero or the quotient overflows.
    0x6D "i32.div_s" I32DivS: (i32, i32) -> i32 = integer::div_s32;
    /// The quotient. Traps if the divisor is zero.
    0x6E "i32.div_u" I32DivU: (u32, u32) -> u32 = |a, b| a.checked_div(b).ok_or(TrapCode::IntegerDivisionByZero);
    /// The remainder, with the sign of the dividend. Traps if the divisor is zero.
    0x6F "i32.rem_s" I32RemS: (i32, i32) -> i32 = integer::rem_s32;
    /// The remainder. Traps if the divisor is zero.
    0x70 "i32.rem_u" I32RemU: (u32, u32) -> u32 = |a, b| a.checked_rem(b).ok_or(TrapCode::IntegerDivisionByZero);
    /// The quotient, signed. Traps if the divisor is zero or the quotient overflows.
    0x7F "i64.div_s" I64DivS: (i64, i64) -> i64 = integer::div_s64;
    /// The quotient. Traps if the divisor is zero.
    0x80 "i64.div_u" I64DivU: (u64, u64) -> u64 = |a, b| a.checked_div(b).ok_or(TrapCode::IntegerDivisionByZero);
    /// The remainder, with the sign of the dividend. Traps if the divisor is zero.
    0x81 "i64.rem_s" I64RemS: (i64, i64) -> i64 = integer::rem_s64;
    /// The remainder. Traps if the divisor is zero.
    0x82 "i64.rem_u" I64RemU: (u64, u64) -> u64 = |a, b| a.checked_rem(b).ok_or(TrapCode::IntegerDivisionByZero);
}
compare {
    /// Equal.
    0x46 "i32.eq" I32Eq: (u32, u32) = |a, b| a == b;
    /// Not equal.
    0x47 "i32.ne" I32Ne: (u32, u32) = |a, b| a != b;
    /// Less, signed.
    0x48 "i32.lt_s" I32LtS: (i32, i32) = |a, b| a < b;
    /// Less, unsigned.
    0x49 "i32.lt_u" I32LtU: (u32, u32) = |a, b| a < b;
    /// Greater, signed.
    0x4A "i32.gt_s" I32GtS: (i32, i32) = |a, b| a > b;
    /// Greater, unsigned.
    0x4B "i32.gt_u" I32GtU: (u32, u32) = |a, b| a > b;
    /// Less or equal, signed.
    0x4C "i32.le_s" I32LeS: (i32, i32) = |a, b| a <= b;
    /// Less or equal, unsigned.
    0x4D "i32.le_u" I32LeU: (u32, u32) = |a, b| a <= b;
    /// Greater or equal, signed.
    0x4E "i32.ge_s" I32GeS: (i32, i32) = |a, b| a >= b;
    /// Greater or equal, unsigned.
    0x4F "i32.ge_u" I32GeU: (u32, u32) = |a, b| a >= b;
    /// Equal.
    0x51 "i64.eq" I64Eq: (u64, u64) = |a, b| a == b;
    /// Not equal.
    0x52 "i64.ne" I64Ne: (u64, u64) = |a, b| a != b;
    /// Less, signed.
    0x53 "i64.lt_s" I64LtS: (i64, i64) = |a, b| a < b;
    /// Less, unsigned.
    0x54 "i64.lt_u" I64LtU: (u64, u64) = |a, b| a < b;
    /// Greater, signed.
    0x55 "i64.gt_s" I64GtS: (i64, i64) = |a, b| a > b;
    /// Greater, unsigned.
    0x56 "i64.gt_u" I64GtU: (u64, u64) = |a, b| a > b;
    /// Less or equal, signed.
    0x57 "i64.le_s" I64LeS: (i64, i64) = |a, b| a <= b;
    /// Less or equal, unsigned.
    0x58 "i64.le_u" I64LeU: (u64, u64) = |a, b| a <= b;
    /// Greater or equal, signed.
    0x59 "i64.ge_s" I64GeS: (i64, i64) = |a, b| a >= b;
    /// Greater or equal, unsigned.
    0x5A "i64.ge_u" I64GeU: (u64, u64) = |a, b| a >= b;
    /// Equal.
    0x5B "f32.eq" F32Eq: (f32, f32) = |a, b| a == b;
    /// Not equal, or one is NaN.
    0x5C "f32.ne" F32Ne: (f32, f32) = |a, b| a != b;
    /// Less.
    0x5D "f32.lt" F32Lt: (f32, f32) = |a, b| a < b;
    /// Greater.
    0x5E "f32.gt" F32Gt: (f32, f32) = |a, b| a > b;
    /// Less or equal.
    0x5F "f32.le" F32Le: (f32, f32) = |a, b| a <= b;
    /// Greater or equal.
    0x60 "f32.ge" F32Ge: (f32, f32) = |a, b| a >= b;
    /// Equal.
    0x61 "f64.eq" F64Eq: (f64, f64) = |a, b| a == b;
    /// Not equal, or one is NaN.
    0x62 "f64.ne" F64Ne: (f64, f64) = |a, b| a != b;
    /// Less.
    0x63 "f64.lt" F64Lt: (f64, f64) = |a, b| a < b;
    /// Greater.
    0x64 "f64.gt" F64Gt: (f64, f64) = |a, b| a > b;
    /// Less or equal.
    0x65 "f64.le" F64Le: (f64, f64) = |a, b| a <= b;
    /// Greater or equal.
    0x66 "f64.ge" F64Ge: (f64, f64) = |a, b| a >= b;
}
load {
    /// Loads 4 bytes.
    0x28 "i32.load" I32Load: (u32) -> u32 = |x| x;
    /// Loads 8 bytes.
    0x29 "i64.load" I64Load: (u64) -> u64 = |x| x;
    /// Loads 4 bytes.
    0x2A "f32.load" F32Load: (u32) -> f32 = f32::from_bits;
    /// Loads 8 bytes.
    0x2B "f64.load" F64Load: (u64) -> f64 = f64::from_bits;
    /// Loads a byte, sign-extended.
    0x2C "i32.load8_s" I32Load8S: (u8) -> i32 = |x| x as i8 as i32;
    /// Loads a byte.
    0x2D "i32.load8_u" I32Load8U: (u8) -> u32 = |x| x as u32;
    /// Loads 2 bytes, sign-extended.
    0x2E "i32.load16_s" I32Load16S: (u16) -> i32 = |x| x as i16 as i32;
    /// Loads 2 bytes.
    0x2F "i32.load16_u" I32Load16U: (u16) -> u32 = |x| x as u32;
    /// Loads a byte, sign-extended.
    0x30 "i64.load8_s" I64Load8S: (u8) -> i64 = |x| x as i8 as i64;
    /// Loads a byte.
    0x31 "i64.load8_u" I64Load8U: (u8) -> u64 = |x| x as u64;
    /// Loads 2 bytes, sign-extended.
    0x32 "i64.load16_s" I64Load16S: (u16) -> i64 = |x| x as i16 as i64;
    /// Loads 2 bytes.
    0x33 "i64.load16_u" I64Load16U: (u16) -> u64 = |x| x as u64;
    /// Loads 4 bytes, sign-extended.
    0x34 "i64.load32_s" I64Load32S: (u32) -> i64 = |x| x as i32 as i64;
    /// Loads 4 bytes.
    0x35 "i64.load32_u" I64Load32U: (u32) -> u64 = |x| x as u64;
}
store {
    /// Stores 4 bytes.
    0x36 "i32.store" I32Store: (u32) -> u32 = |x| x;
    /// Stores 8 bytes.
    0x37 "i64.store" I64Store: (u64) -> u64 = |x| x;
    /// Stores 4 bytes.
    0x38 "f32.store" F32Store: (f32) -> u32 = f32::to_bits;
    /// Stores 8 bytes.
    0x39 "f64.store" F64Store: (f64) -> u64 = f64::to_bits;
    /// Stores the low byte.
    0x3A "i32.store8" I32Store8: (u32) -> u8 = |x| x as u8;
    /// Stores the low 2 bytes.
    0x3B "i32.store16" I32Store16: (u32) -> u16 = |x| x as u16;
    /// Stores the low byte.
    0x3C "i64.store8" I64Store8: (u64) -> u8 = |x| x as u8;
    /// Stores the low 2 bytes.
    0x3D "i64.store16" I64Store16: (u64) -> u16 = |x| x as u16;
    /// Stores the low 4 bytes.
    0x3E "i64.store32" I64Store32: (u64) -> u32 = |x| x as u32;
}
    } };
}
