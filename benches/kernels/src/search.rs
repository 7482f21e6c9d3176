//! Finding words in a text: Horspool's skip table, and the plain search it must agree with.

use crate::random::Random;
use alloc::vec::Vec;

fn horspool(text: &[u8], needle: &[u8]) -> u32 {
    let last = needle.len() - 1;
    let mut skip = [needle.len() as u8; 256];
    for (i, &byte) in needle[..last].iter().enumerate() {
        skip[usize::from(byte)] = (last - i) as u8;
    }
    let mut found = 0;
    let mut end = last;
    while end < text.len() {
        let window = &text[end - last..=end];
        if window.iter().rev().eq(needle.iter().rev()) {
            found += 1;
        }
        end += usize::from(skip[usize::from(text[end])]);
    }
    found
}

fn plain(text: &[u8], needle: &[u8]) -> u32 {
    text.windows(needle.len()).filter(|window| window[0] == needle[0] && *window == needle).count() as u32
}

/// Counts occurrences of 8 needles in 16 KB of text, `n` times, with the text changing.
pub fn run(n: i32) -> i64 {
    let mut random = Random::new(19);
    let mut text: Vec<u8> = (0..16_384).map(|_| b'a' + random.below(4) as u8).collect();
    let needles: Vec<Vec<u8>> =
        (0..8).map(|i| (0..3 + i).map(|_| b'a' + random.below(4) as u8).collect()).collect();
    let mut sum = 0_i64;
    for round in 0..n as usize {
        let index = round * 131 % text.len();
        text[index] = b'a' + (round % 4) as u8;
        for (i, needle) in needles.iter().enumerate() {
            let found = if (round + i) % 4 == 0 { plain(&text, needle) } else { horspool(&text, needle) };
            sum = sum.wrapping_mul(5).wrapping_add(i64::from(found));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same() {
        let text = b"abcabcabcaabcabbabcabcacabcab";
        for needle in [&b"abc"[..], b"cab", b"abcab", b"bb", b"zz"] {
            assert_eq!(horspool(text, needle), plain(text, needle));
        }
        assert_eq!(plain(text, b"abcab"), 5);
    }
}
