//! A `br_table` per byte: a hand-made lexer as a machine of states, driven by pseudo-random source text.

use crate::random::Random;
use alloc::vec::Vec;

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Name,
    Number,
    Fraction,
    Text,
    Escape,
    Slash,
    Comment,
    Star,
}

/// Counts of what was seen.
#[derive(Default)]
struct Tokens {
    names: u64,
    numbers: u64,
    texts: u64,
    comments: u64,
    operators: u64,
    errors: u64,
}

impl Tokens {
    /// Starts a token with `byte`, or notes an operator.
    fn begin(&mut self, byte: u8) -> State {
        match byte {
            b'a'..=b'z' => State::Name,
            b'0'..=b'9' => State::Number,
            b'"' => State::Text,
            b'/' => State::Slash,
            b' ' | b'\n' => State::Start,
            b'+' | b'-' | b'*' | b'=' | b'(' | b')' => {
                self.operators += 1;
                State::Start
            }
            _ => {
                self.errors += 1;
                State::Start
            }
        }
    }

    fn step(&mut self, state: State, byte: u8) -> State {
        match state {
            State::Start => self.begin(byte),
            State::Name => match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'_' => State::Name,
                _ => {
                    self.names += 1;
                    self.begin(byte)
                }
            },
            State::Number => match byte {
                b'0'..=b'9' => State::Number,
                b'.' => State::Fraction,
                _ => {
                    self.numbers += 1;
                    self.begin(byte)
                }
            },
            State::Fraction => match byte {
                b'0'..=b'9' => State::Fraction,
                _ => {
                    self.numbers += 3;
                    self.begin(byte)
                }
            },
            State::Text => match byte {
                b'"' => {
                    self.texts += 1;
                    State::Start
                }
                b'\\' => State::Escape,
                b'\n' => {
                    self.errors += 1;
                    State::Start
                }
                _ => State::Text,
            },
            State::Escape => State::Text,
            State::Slash => match byte {
                b'*' => State::Comment,
                _ => {
                    self.operators += 2;
                    self.begin(byte)
                }
            },
            State::Comment => match byte {
                b'*' => State::Star,
                _ => State::Comment,
            },
            State::Star => match byte {
                b'/' => {
                    self.comments += 1;
                    State::Start
                }
                b'*' => State::Star,
                _ => State::Comment,
            },
        }
    }
}

/// Reads 16 KB of text `n` times; where one round ends decides how the next one starts.
pub fn run(n: i32) -> i64 {
    const PIECES: [&[u8]; 16] = [
        b"name",
        b"x1",
        b"12",
        b"3.5",
        b"\"te\\\"xt\"",
        b"/* note **/",
        b" + ",
        b" = ",
        b"(",
        b")",
        b"\n",
        b" ",
        b"-",
        b"\"open\n",
        b"/",
        b"_",
    ];
    let mut random = Random::new(41);
    let mut text: Vec<u8> = Vec::new();
    while text.len() < 16_384 {
        text.extend_from_slice(PIECES[random.below(16) as usize]);
    }
    let mut tokens = Tokens::default();
    let mut state = State::Start;
    for round in 0..n as usize {
        for &byte in &text[round % 64..] {
            state = tokens.step(state, byte);
        }
    }
    let counts = [
        tokens.names,
        tokens.numbers,
        tokens.texts,
        tokens.comments,
        tokens.operators,
        tokens.errors,
        state as u64,
    ];
    counts.iter().fold(0_u64, |sum, count| sum.wrapping_mul(1_000_003) ^ count) as i64
}
