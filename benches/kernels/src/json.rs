//! Parsing: a JSON document of nested objects, arrays, numbers and strings, written and read back.

use crate::random::Random;
use alloc::vec::Vec;

/// Writes one random value of at most `depth` further levels.
fn write_value(out: &mut Vec<u8>, random: &mut Random, depth: u32) {
    match random.below(if depth == 0 { 4 } else { 8 }) {
        0 => write_number(out, random),
        1 => write_string(out, random),
        2 => out.extend_from_slice(b"true"),
        3 => out.extend_from_slice(b"null"),
        4 | 5 => {
            out.push(b'[');
            for i in 0..1 + random.below(6) {
                if i > 0 {
                    out.extend_from_slice(b", ");
                }
                write_value(out, random, depth - 1);
            }
            out.push(b']');
        }
        _ => {
            out.extend_from_slice(b"{\n");
            for i in 0..1 + random.below(5) {
                if i > 0 {
                    out.extend_from_slice(b",\n  ");
                }
                write_string(out, random);
                out.extend_from_slice(b": ");
                write_value(out, random, depth - 1);
            }
            out.push(b'}');
        }
    }
}

fn write_number(out: &mut Vec<u8>, random: &mut Random) {
    if random.below(3) == 0 {
        out.push(b'-');
    }
    let digits = 1 + random.below(7);
    for _ in 0..digits {
        out.push(b'1' + random.below(9) as u8);
    }
    if random.below(2) == 0 {
        out.push(b'.');
        for _ in 0..1 + random.below(4) {
            out.push(b'0' + random.below(10) as u8);
        }
    }
}

fn write_string(out: &mut Vec<u8>, random: &mut Random) {
    out.push(b'"');
    for _ in 0..random.below(24) {
        match random.below(40) {
            0 => out.extend_from_slice(b"\\n"),
            1 => out.extend_from_slice(b"\\u00e9"),
            letter => out.push(b' ' + 32 + letter as u8 % 26),
        }
    }
    out.push(b'"');
}

/// What the reader adds up.
#[derive(Default)]
struct Tally {
    objects: u64,
    arrays: u64,
    words: u64,
    number_sum: f64,
    string_hash: u64,
}

/// A recursive-descent reader over bytes.
struct Reader<'a> {
    text: &'a [u8],
    position: usize,
    tally: Tally,
}

/// The document ends early or holds a byte that does not belong there.
struct Malformed;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.position += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(Malformed);
        }
        self.position += 1;
        Ok(())
    }

    fn value(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        match self.peek().ok_or(Malformed)? {
            b'{' => {
                self.tally.objects += 1;
                self.list(b'}', |reader| {
                    reader.skip_space();
                    reader.string()?;
                    reader.skip_space();
                    reader.expect(b':')?;
                    reader.value()
                })
            }
            b'[' => {
                self.tally.arrays += 1;
                self.list(b']', Self::value)
            }
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    /// Reads elements separated by commas up to `close`; the opening byte is the current one.
    fn list(&mut self, close: u8, element: fn(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        self.position += 1;
        loop {
            element(self)?;
            self.skip_space();
            if self.peek() == Some(close) {
                self.position += 1;
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        for &byte in word {
            self.expect(byte)?;
        }
        self.tally.words += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), Malformed> {
        self.expect(b'"')?;
        loop {
            let byte = self.peek().ok_or(Malformed)?;
            self.position += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => {
                    let escape = self.peek().ok_or(Malformed)?;
                    self.position += if escape == b'u' { 5 } else { 1 };
                    self.tally.string_hash ^= u64::from(escape) << 32;
                }
                _ => {
                    self.tally.string_hash =
                        self.tally.string_hash.wrapping_mul(31).wrapping_add(u64::from(byte))
                }
            }
        }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        let negative = self.peek() == Some(b'-');
        if negative {
            self.position += 1;
        }
        let mut mantissa = 0_i64;
        let mut scale = 1.0;
        let mut after_point = false;
        let start = self.position;
        while let Some(byte @ (b'0'..=b'9' | b'.')) = self.peek() {
            self.position += 1;
            if byte == b'.' {
                after_point = true;
                continue;
            }
            mantissa = mantissa * 10 + i64::from(byte - b'0');
            if after_point {
                scale *= 10.0;
            }
        }
        if self.position == start {
            return Err(Malformed);
        }
        let value = mantissa as f64 / scale;
        self.tally.number_sum += if negative { -value } else { value };
        Ok(())
    }
}

/// An array of random values, about 40 KB.
fn document() -> Vec<u8> {
    let mut random = Random::new(77);
    let mut text = Vec::new();
    text.push(b'[');
    while text.len() < 40_000 {
        write_value(&mut text, &mut random, 5);
        text.push(b',');
    }
    text.extend_from_slice(b"null]");
    text
}

/// Writes a document and reads it `n` times.
pub fn run(n: i32) -> i64 {
    let text = document();
    let mut sum = 0_u64;
    for round in 0..n as u64 {
        let mut reader = Reader { text: &text, position: 0, tally: Tally::default() };
        let ok = reader.value().is_ok();
        let tally = reader.tally;
        sum = sum.wrapping_mul(31) ^ tally.number_sum.to_bits() ^ tally.string_hash ^ round;
        sum = sum.wrapping_add(tally.objects << 40 | tally.arrays << 20 | tally.words << 1 | u64::from(ok));
    }
    sum as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut text = Vec::new();
        write_value(&mut text, &mut Random::new(1), 6);
        let mut reader = Reader { text: &text, position: 0, tally: Tally::default() };
        assert!(reader.value().is_ok());
        assert_eq!(reader.position, text.len());
        let document = document();
        let mut reader = Reader { text: &document, position: 0, tally: Tally::default() };
        assert!(reader.value().is_ok());
        assert_eq!(reader.position, document.len());
        assert!(reader.tally.objects > 100 && reader.tally.arrays > 100);
    }

    #[test]
    fn numbers_have_values() {
        let mut reader = Reader { text: b"[12.5, -0.25]", position: 0, tally: Tally::default() };
        assert!(reader.value().is_ok());
        assert_eq!(reader.tally.number_sum, 12.25);
    }
}
