//! Bit counting, rotation and shifts on 32 and 64 bits, all in registers.

/// Mixes a 64-bit and a 32-bit state for `n` steps.
pub fn run(n: i32) -> i64 {
    let mut wide = 0x9e37_79b9_7f4a_7c15_u64;
    let mut narrow = 0x8543_21fe_u32;
    let mut counted = 0_u64;
    for step in 0..n as u32 {
        wide = wide.rotate_left(narrow & 63) ^ (wide >> 7) ^ u64::from(step);
        narrow = narrow.rotate_right(step) ^ (narrow << 3) ^ (wide as u32);
        counted += u64::from(wide.count_ones() + narrow.leading_zeros());
        counted += u64::from((wide | 1 << 40).trailing_zeros() + (narrow | 1).count_ones());
        wide |= u64::from(narrow.reverse_bits() & 0x11);
    }
    (wide ^ u64::from(narrow) ^ counted) as i64
}
