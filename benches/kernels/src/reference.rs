//! What the hand-written kernels in `wat/` compute, in Rust and for the host only: the oracle of their
//! checksums. The shapes differ on purpose (loops for calls, slices for bulk memory), the results may not.

/// Name and function of every kernel written in text form.
pub const KERNELS: &[crate::Kernel] = &[
    ("bulk", bulk),
    ("collatz", collatz),
    ("counter", counter),
    ("fib", fib),
    ("globals", globals),
    ("indirect", indirect),
    ("tail", tail),
    ("tail-indirect", tail_indirect),
];

fn bulk(n: i32) -> i64 {
    const SEED: &[u8] = b"the quick brown fox jumps over the lazy dog, and the dog does not mind at all.";
    let mut memory = std::vec![0_u8; 131_072];
    let word = |memory: &[u8], at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&memory[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let mut sum = 0_u64;
    for round in 0..n as usize {
        let size = (1 << (round % 14)) + (round & 7);
        let init = round & 0x3ff;
        memory[init..init + 64].copy_from_slice(&SEED[3..67]);
        memory.copy_within(0..size, 32_768);
        memory.copy_within(32_768..32_768 + size, 32_771);
        memory.copy_within(65_539..65_539 + size, 65_536);
        memory.copy_within(32_768..32_768 + size, 65_600);
        memory[98_304..98_304 + size].fill(round as u8);
        memory.copy_within(98_304..98_304 + (size & 0x1f), 80);
        let mixed = word(&memory, 65_536 + (size & 0xff8)) ^ word(&memory, 98_300 + (round & 7));
        sum = sum.wrapping_mul(31).wrapping_add(mixed);
    }
    (0..131_072).step_by(1024).fold(sum, |sum, at| sum.rotate_left(5).wrapping_add(word(&memory, at))) as i64
}

fn collatz(n: i32) -> i64 {
    let (mut total, mut longest, mut at) = (0_i64, 0, 0);
    for start in 1..=i64::from(n) {
        let mut value = start;
        let mut steps = 0;
        while value != 1 {
            value = if value % 2 == 0 { value / 2 } else { 3 * value + 1 };
            steps += 1;
        }
        total += steps;
        if steps > longest {
            (longest, at) = (steps, start);
        }
    }
    total << 20 ^ at
}

fn counter(n: i32) -> i64 {
    (0..i64::from(n)).fold(0, |sum, i| sum.wrapping_mul(3).wrapping_add(i ^ 5))
}

fn fib(n: i32) -> i64 {
    (0..n).fold((0, 1), |(this, next), _| (next, this + next)).0
}

fn globals(n: i32) -> i64 {
    let (mut state, mut sum) = (1_u64, 0_u64);
    for count in 1..=n as u32 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sum = sum.wrapping_add(state >> (count & 31));
    }
    (sum ^ state) as i64
}

fn indirect(n: i32) -> i64 {
    let mut value = 1_u64;
    for left in (1..=n as u32).rev() {
        let picked = match value >> 7 & 3 {
            0 => value.wrapping_add(0x9e37_79b9),
            1 => (value << 1).wrapping_add(1),
            2 => value.rotate_left(32),
            _ => value ^ value >> 29,
        };
        value = match left % 2 {
            0 => picked.wrapping_mul(5).wrapping_add(u64::from(left)),
            _ => picked.wrapping_mul(7) ^ u64::from(left) << 40,
        };
    }
    value as i64
}

fn tail(n: i32) -> i64 {
    (1..=n as u32).rev().enumerate().fold(1_u64, |sum, (step, left)| match step % 3 {
        0 => sum.wrapping_add(u64::from(left)),
        1 => sum.wrapping_mul(31),
        _ => sum.rotate_left(7),
    }) as i64
}

fn tail_indirect(n: i32) -> i64 {
    (0..n as u32).rev().fold(1_u64, |sum, left| match sum >> 9 & 3 {
        0 => sum.wrapping_add(0x123_4567),
        1 => sum.wrapping_mul(31).wrapping_add(7),
        2 => sum.rotate_left(17),
        _ => sum ^ u64::from(left),
    }) as i64
}
