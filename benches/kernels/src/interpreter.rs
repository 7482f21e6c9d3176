//! An interpreter's loop inside the interpreter: a stack machine that counts primes by trial division.

use alloc::vec::Vec;

#[derive(Clone, Copy)]
enum Op {
    Push(i32),
    Load(u8),
    Store(u8),
    Add,
    Sub,
    Mul,
    Rem,
    Less,
    Equal,
    Jump(u16),
    JumpIfZero(u16),
    Print,
    Halt,
}

const LIMIT: u8 = 0;
const CANDIDATE: u8 = 1;
const DIVISOR: u8 = 2;
const FOUND: u8 = 3;

/// Prints every prime below local 0 and leaves their number in local 3.
const PROGRAM: &[Op] = &[
    Op::Push(2),
    Op::Store(CANDIDATE),
    // 2: while candidate < limit
    Op::Load(CANDIDATE),
    Op::Load(LIMIT),
    Op::Less,
    Op::JumpIfZero(36),
    Op::Push(2),
    Op::Store(DIVISOR),
    // 8: while divisor * divisor < candidate + 1
    Op::Load(DIVISOR),
    Op::Load(DIVISOR),
    Op::Mul,
    Op::Load(CANDIDATE),
    Op::Push(1),
    Op::Add,
    Op::Less,
    Op::JumpIfZero(26),
    Op::Load(CANDIDATE),
    Op::Load(DIVISOR),
    Op::Rem,
    Op::JumpIfZero(31),
    Op::Load(DIVISOR),
    Op::Push(1),
    Op::Add,
    Op::Store(DIVISOR),
    Op::Jump(8),
    Op::Halt,
    // 26: prime
    Op::Load(FOUND),
    Op::Push(-1),
    Op::Sub,
    Op::Store(FOUND),
    Op::Print,
    // 31: next candidate; the last prime's FOUND check keeps `Equal` in the mix
    Op::Load(CANDIDATE),
    Op::Push(1),
    Op::Add,
    Op::Store(CANDIDATE),
    Op::Jump(2),
    // 36: done
    Op::Load(FOUND),
    Op::Load(FOUND),
    Op::Equal,
    Op::Halt,
];

/// Executes `program` and returns the digest of what it printed.
fn execute(program: &[Op], locals: &mut [i32; 4]) -> i64 {
    let mut stack: Vec<i32> = Vec::with_capacity(16);
    let mut digest = 0_i64;
    let mut position = 0;
    macro_rules! binary {
        ($operation:expr) => {{
            let right = stack.pop().unwrap_or(0);
            let left = stack.pop().unwrap_or(0);
            stack.push($operation(left, right));
        }};
    }
    loop {
        let op = program[position];
        position += 1;
        match op {
            Op::Push(value) => stack.push(value),
            Op::Load(local) => stack.push(locals[usize::from(local & 3)]),
            Op::Store(local) => locals[usize::from(local & 3)] = stack.pop().unwrap_or(0),
            Op::Add => binary!(i32::wrapping_add),
            Op::Sub => binary!(i32::wrapping_sub),
            Op::Mul => binary!(i32::wrapping_mul),
            Op::Rem => binary!(|left: i32, right: i32| left.checked_rem(right).unwrap_or(0)),
            Op::Less => binary!(|left, right| i32::from(left < right)),
            Op::Equal => binary!(|left, right| i32::from(left == right)),
            Op::Jump(target) => position = usize::from(target),
            Op::JumpIfZero(target) => {
                if stack.pop() == Some(0) {
                    position = usize::from(target);
                }
            }
            Op::Print => digest = digest.wrapping_mul(131).wrapping_add(i64::from(locals[1])),
            Op::Halt => return digest ^ i64::from(stack.pop().unwrap_or(0)),
        }
    }
}

/// Finds the primes below `n`.
pub fn run(n: i32) -> i64 {
    let mut locals = [n, 0, 0, 0];
    let digest = execute(PROGRAM, &mut locals);
    digest ^ i64::from(locals[usize::from(FOUND)]) << 40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_counts_primes() {
        let mut locals = [100, 0, 0, 0];
        execute(PROGRAM, &mut locals);
        assert_eq!(locals[usize::from(FOUND)], 25);
    }
}
