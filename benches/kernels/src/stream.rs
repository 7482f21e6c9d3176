//! Memory bandwidth: long arrays copied, scaled, added and reversed, element by element.

use alloc::vec::Vec;

const LEN: usize = 16_384;

/// Passes `n` times over arrays of 16 Ki doubles and 32-bit words.
pub fn run(n: i32) -> i64 {
    let source: Vec<f64> = (0..LEN).map(|i| i as f64 * 0.5).collect();
    let mut target = alloc::vec![1.0_f64; LEN];
    let mut words: Vec<u32> = (0..LEN as u32).collect();
    for round in 0..n as u32 {
        let scale = f64::from(round & 3) + 0.5;
        for (to, from) in target.iter_mut().zip(&source) {
            *to = *from + scale * *to * 0.25;
        }
        for i in 0..LEN / 2 {
            words.swap(i, LEN - 1 - i);
        }
        for word in &mut words {
            *word = word.wrapping_add(round);
        }
    }
    let floats = target.iter().fold(0_u64, |sum, value| sum.rotate_left(3) ^ value.to_bits());
    let integers = words.iter().fold(0_u64, |sum, word| sum.wrapping_mul(31).wrapping_add(u64::from(*word)));
    (floats ^ integers) as i64
}
