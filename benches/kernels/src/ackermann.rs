//! Recursion without work between the calls: Ackermann's function, up to 510 frames deep.

fn ackermann(m: u32, n: u32) -> u32 {
    match (m, n) {
        (0, n) => n + 1,
        (m, 0) => ackermann(m - 1, 1),
        (m, n) => ackermann(m - 1, ackermann(m, n - 1)),
    }
}

/// Sums A(3, 3..=6) over `n` rounds.
pub fn run(n: i32) -> i64 {
    (0..n as u32).map(|round| i64::from(ackermann(3, 3 + round % 4)) ^ i64::from(round)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(ackermann(2, 3), 9);
        assert_eq!(ackermann(3, 6), 509);
    }
}
