//! Division by a constant as a multiplication.
//!
//! The quotient is the upper half of a product with the scaled inverse of the divisor, as T. Granlund and P. L. Montgomery
//! describe it ("Division by Invariant Integers using Multiplication", PLDI 1994): figure 4.1 for unsigned numbers of 64
//! bits, 5.2 for signed ones. Numbers of 32 bits have room for an inverse of 64, which needs no shift (D. Lemire, O. Kaser
//! and N. Kurz, "Faster remainder by direct computation", 2019, lemma 1).

use crate::Operator;

/// The operators that have ops for constant divisors.
pub const DIVISIONS: [Operator; 8] = [
    Operator::I32DivS,
    Operator::I32DivU,
    Operator::I32RemS,
    Operator::I32RemU,
    Operator::I64DivS,
    Operator::I64DivU,
    Operator::I64RemS,
    Operator::I64RemU,
];

/// A constant divisor: what an op needs besides it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Divisor {
    /// The scaled inverse.
    pub inverse: u64,
    /// By how much the product's upper half is shifted to the right at last.
    pub shift: u32,
}

impl Divisor {
    /// The divisor of one of [`DIVISIONS`], from the operator's second operand. None for others, and for divisors below 3:
    /// 0, 1, 2, and the negative ones of signed division.
    pub fn new(operator: Operator, divisor: u64) -> Option<Self> {
        let (is_wide, is_signed) = match operator {
            Operator::I32DivS | Operator::I32RemS => (false, true),
            Operator::I32DivU | Operator::I32RemU => (false, false),
            Operator::I64DivS | Operator::I64RemS => (true, true),
            Operator::I64DivU | Operator::I64RemU => (true, false),
            _ => return None,
        };
        let divisor = if is_wide { divisor } else { u64::from(divisor as u32) };
        let largest = match (is_wide, is_signed) {
            (false, true) => i32::MAX as u64,
            (false, false) => u32::MAX.into(),
            (true, true) => i64::MAX as u64,
            (true, false) => u64::MAX,
        };
        if !(3..=largest).contains(&divisor) {
            return None;
        }
        if !is_wide {
            // More than the exact inverse: rounded up, but for signed numbers more even if it is exact.
            let scaled = if is_signed { 1 << 64 } else { u128::from(u64::MAX) };
            return Some(Self { inverse: (scaled / u128::from(divisor)) as u64 + 1, shift: 0 });
        }
        // The logarithm of the divisor, rounded up: 2 to 64.
        let log = (divisor - 1).ilog2() + 1;
        let shift = log - 1;
        let inverse = if is_signed {
            // It has 65 bits: the signed product leaves out the uppermost one, for which the dividend is added to it.
            (1_u128 << (63 + log)) / u128::from(divisor) + 1
        } else {
            let scaled = ((1_u128 << log) - u128::from(divisor)) << 64;
            scaled / u128::from(divisor) + 1
        };
        Some(Self { inverse: inverse as u64, shift })
    }
}

/// The quotient of two unsigned numbers of 32 bits.
#[inline(always)]
pub fn quotient_u32(dividend: u32, inverse: u64) -> u32 {
    ((u128::from(dividend) * u128::from(inverse)) >> 64) as u32
}

/// The quotient of a signed number of 32 bits by a positive one.
#[inline(always)]
pub fn quotient_s32(dividend: i32, inverse: u64) -> i32 {
    let product = (i128::from(dividend) * i128::from(inverse as i64)) >> 64;
    // Rounded down so far.
    (product as i32).wrapping_add((dividend < 0) as i32)
}

/// The quotient of two unsigned numbers of 64 bits.
#[inline(always)]
pub fn quotient_u64(dividend: u64, inverse: u64, shift: u32) -> u64 {
    let product = ((u128::from(dividend) * u128::from(inverse)) >> 64) as u64;
    // The inverse has 65 bits, the uppermost of which is this half of the difference.
    (product + ((dividend - product) >> 1)) >> (shift & 63)
}

/// The quotient of a signed number of 64 bits by a positive one.
#[inline(always)]
pub fn quotient_s64(dividend: i64, inverse: u64, shift: u32) -> i64 {
    let product = ((i128::from(dividend) * i128::from(inverse as i64)) >> 64) as i64;
    let rounded_down = dividend.wrapping_add(product) >> (shift & 63);
    rounded_down.wrapping_add((dividend < 0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Numbers around powers of two and of ten, and some others.
    fn numbers() -> Vec<u64> {
        let mut numbers = Vec::new();
        for power in (0..64).map(|log| 1_u64 << log).chain((0..20).map(|log| 10_u64.pow(log))) {
            for near in [0, 1, 2, 5] {
                numbers.extend([power.wrapping_sub(near), power.wrapping_add(near)]);
            }
        }
        let mut state = 1_u64;
        for _ in 0..300 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            numbers.extend([state, state >> (state % 60)]);
        }
        let negated: Vec<u64> = numbers.iter().map(|number: &u64| number.wrapping_neg()).collect();
        numbers.extend(negated);
        numbers
    }

    #[test]
    fn quotients_are_those_of_division() {
        let numbers = numbers();
        for &divisor in &numbers {
            for operator in DIVISIONS {
                let Some(Divisor { inverse, shift }) = Divisor::new(operator, divisor) else { continue };
                // Multiples of the divisor and what is beside them are where rounding shows.
                let multiples = numbers.iter().take(200).flat_map(|&factor| {
                    let multiple = divisor.wrapping_mul(factor);
                    [multiple.wrapping_sub(1), multiple, multiple.wrapping_add(1)]
                });
                for dividend in numbers.iter().copied().chain(multiples) {
                    let (got, want) = match operator {
                        Operator::I32DivU => (
                            u64::from(quotient_u32(dividend as u32, inverse)),
                            u64::from(dividend as u32 / divisor as u32),
                        ),
                        Operator::I32DivS => (
                            quotient_s32(dividend as i32, inverse) as u64,
                            (dividend as i32 / divisor as i32) as u64,
                        ),
                        Operator::I64DivU => (quotient_u64(dividend, inverse, shift), dividend / divisor),
                        Operator::I64DivS => (
                            quotient_s64(dividend as i64, inverse, shift) as u64,
                            (dividend as i64 / divisor as i64) as u64,
                        ),
                        _ => continue,
                    };
                    assert_eq!(got, want, "{operator:?} of {dividend} by {divisor}");
                }
            }
        }
    }

    #[test]
    fn small_and_negative_divisors_have_none() {
        for operator in DIVISIONS {
            for divisor in 0..3 {
                assert_eq!(Divisor::new(operator, divisor), None);
            }
        }
        assert_eq!(Divisor::new(Operator::I64RemS, u64::MAX), None);
        assert_eq!(Divisor::new(Operator::I32DivS, 0xFFFF_FFF6), None);
        assert_ne!(Divisor::new(Operator::I32RemU, 0xFFFF_FFF6), None);
        assert_eq!(Divisor::new(Operator::I32Mul, 10), None);
    }
}
