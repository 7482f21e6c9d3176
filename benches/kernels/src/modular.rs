//! Division: modular powers, greatest common divisors and decimal digits, on 64 and 32 bits.

fn power(mut base: u64, mut exponent: u32, modulus: u64) -> u64 {
    let mut result = 1;
    base %= modulus;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    result
}

fn gcd(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

fn digit_sum(mut value: i32) -> i32 {
    let mut sum = 0;
    while value != 0 {
        sum += value % 10;
        value /= 10;
    }
    sum
}

/// Runs `n` rounds, each with the last one's result in it.
pub fn run(n: i32) -> i64 {
    let mut state = 12_345_u64;
    for round in 0..n {
        let residue = power(state + 3, 65_537, 2_147_483_647);
        let divisor = gcd(residue * 30_030, (state << 7) + 15_015);
        let digits = digit_sum((residue as i32).wrapping_mul(round | 1));
        state = (residue ^ divisor).wrapping_add(digits as i64 as u64) & 0xffff_ffff;
    }
    state as i64
}
