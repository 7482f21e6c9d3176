//! Stores at growing strides: the sieve of Eratosthenes over bytes.

/// Counts the primes below `n` and mixes in the last ones.
pub fn run(n: i32) -> i64 {
    let limit = n as usize;
    let mut composite = alloc::vec![false; limit];
    let mut number = 2;
    while number * number < limit {
        if !composite[number] {
            let mut multiple = number * number;
            while multiple < limit {
                composite[multiple] = true;
                multiple += number;
            }
        }
        number += 1;
    }
    let mut count = 0;
    let mut digest = 0_i64;
    for (number, composite) in composite.iter().enumerate().skip(2) {
        if !composite {
            count += 1;
            digest = digest.rotate_left(3) ^ number as i64;
        }
    }
    digest ^ count << 32
}
