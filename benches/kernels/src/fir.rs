//! Single-precision signal processing: a 16-tap filter followed by a recursive one.

use alloc::vec::Vec;

const LEN: usize = 2048;
const TAPS: [f32; 16] = [
    -0.0008, -0.0023, 0.0031, 0.0127, -0.0094, -0.0412, 0.0198, 0.1931, 0.3102, 0.1931, 0.0198, -0.0412,
    -0.0094, 0.0127, 0.0031, -0.0023,
];

/// Filters a block of 2048 samples `n` times, feeding each result back in.
pub fn run(n: i32) -> i64 {
    let mut input: Vec<f32> = (0..LEN).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let mut output = alloc::vec![0.0_f32; LEN];
    for round in 0..n {
        input[round as usize % LEN] += 0.75;
        for (i, sample) in output.iter_mut().enumerate().skip(TAPS.len()) {
            let window = &input[i - TAPS.len()..i];
            *sample = TAPS.iter().zip(window).map(|(tap, value)| tap * value).sum();
        }
        let (mut previous, mut before) = (0.0_f32, 0.0_f32);
        for (sample, filtered) in input.iter_mut().zip(&output) {
            let value = 0.9 * filtered + 0.31 * previous - 0.12 * before;
            before = previous;
            previous = value;
            *sample = if value.abs() < 1e-6 { 0.5 } else { value };
        }
    }
    input.iter().fold(0_u64, |sum, sample| sum.rotate_left(5) ^ u64::from(sample.to_bits())) as i64
}
