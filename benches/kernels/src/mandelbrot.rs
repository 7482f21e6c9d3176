//! Double-precision arithmetic in a short loop: iterations until points of the plane escape.

/// Counts the iterations (at most 200) over an `n` by `n` grid.
pub fn run(n: i32) -> i64 {
    let step = 3.0 / f64::from(n);
    let mut total = 0_i64;
    for row in 0..n {
        let ci = f64::from(row) * step - 1.5;
        for column in 0..n {
            let cr = f64::from(column) * step - 2.25;
            let (mut zr, mut zi) = (0.0, 0.0);
            let mut iterations = 0;
            while iterations < 200 {
                let (rr, ii) = (zr * zr, zi * zi);
                if rr + ii > 4.0 {
                    break;
                }
                zi = 2.0 * zr * zi + ci;
                zr = rr - ii + cr;
                iterations += 1;
            }
            total = total.wrapping_mul(3).wrapping_add(iterations);
        }
    }
    total
}
