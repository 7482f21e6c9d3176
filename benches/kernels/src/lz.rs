//! Compression: a small LZ77 coder with a hash table of three-byte strings, and its decoder.
//!
//! The format: a byte below 0x80 announces that many literals plus one; any other byte is a match of
//! `(byte & 0x7f) + 3` bytes, followed by a distance of two bytes.

use crate::random::Random;
use alloc::vec::Vec;

const MIN_MATCH: usize = 3;
const MAX_MATCH: usize = MIN_MATCH + 0x7f;
const MAX_DISTANCE: usize = 0xffff;

fn hash(text: &[u8], at: usize) -> usize {
    let key = u32::from(text[at]) | u32::from(text[at + 1]) << 8 | u32::from(text[at + 2]) << 16;
    (key.wrapping_mul(2_654_435_761) >> 20) as usize
}

fn flush_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for chunk in literals.chunks(128) {
        out.push(chunk.len() as u8 - 1);
        out.extend_from_slice(chunk);
    }
}

fn compress(text: &[u8], out: &mut Vec<u8>) {
    let mut last_seen = [u32::MAX; 4096];
    let mut at = 0;
    let mut literal_start = 0;
    while at + MIN_MATCH <= text.len() {
        let slot = &mut last_seen[hash(text, at) & 4095];
        let candidate = *slot as usize;
        *slot = at as u32;
        let mut len = 0;
        if candidate < at && at - candidate <= MAX_DISTANCE {
            let limit = MAX_MATCH.min(text.len() - at);
            while len < limit && text[candidate + len] == text[at + len] {
                len += 1;
            }
        }
        if len < MIN_MATCH {
            at += 1;
            continue;
        }
        flush_literals(out, &text[literal_start..at]);
        let distance = at - candidate;
        out.extend_from_slice(&[0x80 | (len - MIN_MATCH) as u8, distance as u8, (distance >> 8) as u8]);
        at += len;
        literal_start = at;
    }
    flush_literals(out, &text[literal_start..]);
}

fn decompress(packed: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < packed.len() {
        let token = packed[at];
        at += 1;
        if token < 0x80 {
            let len = usize::from(token) + 1;
            out.extend_from_slice(&packed[at..at + len]);
            at += len;
        } else {
            let len = usize::from(token & 0x7f) + MIN_MATCH;
            let distance = usize::from(packed[at]) | usize::from(packed[at + 1]) << 8;
            at += 2;
            for _ in 0..len {
                out.push(out[out.len() - distance]);
            }
        }
    }
}

/// Packs and unpacks 32 KB of repetitive text `n` times, changing it between rounds.
pub fn run(n: i32) -> i64 {
    const WORDS: [&[u8]; 8] =
        [b"module ", b"function ", b"memory ", b"table ", b"global ", b"local ", b"instance ", b"store "];
    let mut random = Random::new(3);
    let mut text: Vec<u8> = Vec::with_capacity(33_000);
    while text.len() < 32_768 {
        match random.below(12) {
            word @ 0..8 => text.extend_from_slice(WORDS[word as usize]),
            _ => text.push(b'a' + random.below(26) as u8),
        }
    }
    let mut packed = Vec::with_capacity(40_000);
    let mut unpacked = Vec::with_capacity(40_000);
    let mut sum = 0_i64;
    for round in 0..n as usize {
        let index = round * 97 % text.len();
        text[index] ^= 1;
        packed.clear();
        unpacked.clear();
        compress(&text, &mut packed);
        decompress(&packed, &mut unpacked);
        let same = i64::from(unpacked == text);
        sum = sum.wrapping_mul(31).wrapping_add(packed.len() as i64 * 2 + same);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacking_restores_and_packing_shrinks() {
        let text = b"to be or not to be, that is the question; to be or not to be.".repeat(9);
        let (mut packed, mut unpacked) = (Vec::new(), Vec::new());
        compress(&text, &mut packed);
        decompress(&packed, &mut unpacked);
        assert_eq!(unpacked, text);
        assert!(packed.len() * 3 < text.len());
    }
}
