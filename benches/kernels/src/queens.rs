//! Recursion with bit sets: the ways to place queens on a board without attack.

/// Places a queen in the next row; the sets hold the columns and diagonals under attack.
fn place(all: u32, columns: u32, left: u32, right: u32) -> i64 {
    if columns == all {
        return 1;
    }
    let mut free = all & !(columns | left | right);
    let mut solutions = 0;
    while free != 0 {
        let queen = free & free.wrapping_neg();
        free ^= queen;
        solutions += place(all, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    solutions
}

/// Counts the solutions of every board from 1 to `n` rows.
pub fn run(n: i32) -> i64 {
    (1..=n).fold(0, |sum, size| sum * 3 + place((1 << size) - 1, 0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_counts() {
        let counts = [1, 0, 0, 2, 10, 4, 40, 92];
        for (size, count) in (1..).zip(counts) {
            assert_eq!(place((1 << size) - 1, 0, 0, 0), count);
        }
    }
}
