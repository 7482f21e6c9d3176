//! Multiplication of square matrices of doubles, row by column.

use alloc::vec::Vec;

/// Multiplies two `n` by `n` matrices.
pub fn run(n: i32) -> i64 {
    let size = n as usize;
    let fill = |scale: usize| -> Vec<f64> {
        (0..size * size).map(|i| ((i * scale + i / size) % 17) as f64 * 0.25 - 2.0).collect()
    };
    let (left, right) = (fill(5), fill(3));
    let mut product = alloc::vec![0.0; size * size];
    for row in 0..size {
        for column in 0..size {
            let mut sum = 0.0;
            for k in 0..size {
                sum += left[row * size + k] * right[k * size + column];
            }
            product[row * size + column] = sum;
        }
    }
    product.iter().fold(0_u64, |sum, value| sum.rotate_left(11) ^ value.to_bits()) as i64
}
