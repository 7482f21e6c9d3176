//! Conversions between integers and floats of both widths, saturating ones included, and reinterpretation.

/// Pushes a value through every kind of conversion for `n` steps.
pub fn run(n: i32) -> i64 {
    let mut sum = 0_u64;
    let mut float = 1.5_f64;
    for step in 0..n {
        let narrow = float as f32;
        let signed = (narrow * 1.25) as i32;
        let wide = (float * 4096.0) as i64;
        let unsigned = (f64::from(narrow) * 3.0) as u32;
        let bits = narrow.to_bits() ^ (float.to_bits() >> 21) as u32;
        sum = sum
            .wrapping_mul(31)
            .wrapping_add(signed as u64)
            .wrapping_add(wide as u64)
            .wrapping_add(u64::from(unsigned ^ bits));
        let next = f64::from(signed) * 0.5 + (wide as f64) / 8192.0 + f64::from(unsigned >> 4);
        float =
            if next > 1e9 { f64::from(step % 1000) - 499.5 } else { next + f64::from((sum & 0xff) as u8) };
    }
    (sum ^ float.to_bits()) as i64
}
