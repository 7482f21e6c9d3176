//! [`Reader`]: bytes with a position, and the numbers of the binary format.
//!
//! Positions count from the start of the module, so that every error knows its offset. A reader ends where its
//! slice ends: to read a section or a body is to read from a slice that ends with it.
//!
//! Nearly all LEB128 numbers have one byte: that case is inlined, the rest is one call away.

use crate::{Error, ErrorKind, Span, type_reader::check_limit};
use rotifer_core::WasmOffset;

/// What is said when bytes are missing. The specification's tests call it "unexpected end".
const UNEXPECTED_END: &str = "unexpected end of section or function";
/// What is said of a length that reaches beyond the section or the module.
const OUT_OF_BOUNDS: &str = "length out of bounds";
const TOO_LONG: &str = "integer representation too long";
const TOO_LARGE: &str = "integer too large";

/// Bytes from the start of a module to some end, and how far they were read.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, which begin with the module, from `position` on.
    pub(crate) fn new(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    /// How many bytes lie before the next one.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The offset of the next byte.
    #[inline]
    pub(crate) fn offset(&self) -> WasmOffset {
        // Modules are at most `Limits::module_bytes` long, a 32-bit number.
        WasmOffset(self.position as u32)
    }

    /// How many bytes are left.
    #[inline]
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// Whether all bytes were read.
    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.remaining() == 0
    }

    /// The error that bytes are missing at the end.
    #[cold]
    pub(crate) fn unexpected_end(&self) -> Error {
        Error::new(ErrorKind::Malformed, UNEXPECTED_END, WasmOffset(self.bytes.len() as u32))
    }

    /// The next byte, which stays unread.
    #[inline]
    pub(crate) fn peek(&self) -> Result<u8, Error> {
        match self.bytes.get(self.position) {
            Some(&byte) => Ok(byte),
            None => Err(self.unexpected_end()),
        }
    }

    /// Skips a byte if it is `expected`.
    #[inline]
    pub(crate) fn skip_byte(&mut self, expected: u8) -> bool {
        let found = self.bytes.get(self.position) == Some(&expected);
        self.position += usize::from(found);
        found
    }

    /// Reads a byte.
    #[inline(always)]
    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        match self.bytes.get(self.position) {
            Some(&byte) => {
                self.position += 1;
                Ok(byte)
            }
            None => Err(self.unexpected_end()),
        }
    }

    /// Reads `N` bytes.
    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        match rest.first_chunk::<N>() {
            Some(&bytes) => {
                self.position += N;
                Ok(bytes)
            }
            None => Err(self.unexpected_end()),
        }
    }

    /// Reads four bytes as a little-endian number: a version or the bits of an `f32`.
    #[inline]
    pub(crate) fn u32_bits(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Reads eight bytes as a little-endian number: the bits of an `f64`.
    #[inline]
    pub(crate) fn u64_bits(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Reads an unsigned LEB128 number of 32 bits.
    #[inline(always)]
    pub(crate) fn var_u32(&mut self) -> Result<u32, Error> {
        match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(u32::from(byte))
            }
            _ => self.var_u32_long(),
        }
    }

    /// Reads an unsigned LEB128 number of 32 bits where numbers of two and three bytes are as common as those of
    /// one: sizes of bodies, indices of functions.
    #[inline(always)]
    pub(crate) fn var_u32_of_any_length(&mut self) -> Result<u32, Error> {
        match short_u32(self.bytes, self.position) {
            Some((number, len)) => {
                self.position += len;
                Ok(number)
            }
            None => self.var_u32(),
        }
    }

    /// Reads sixteen numbers if each has one byte and is less than `bound`.
    #[inline]
    pub(crate) fn sixteen_below(&mut self, bound: usize) -> Option<[u8; 16]> {
        let numbers: &[u8; 16] = self.bytes.get(self.position..)?.first_chunk()?;
        let largest = numbers.iter().fold(0, |largest, &number| number.max(largest));
        if largest >= 0x80 || usize::from(largest) >= bound {
            return None;
        }
        self.position += numbers.len();
        Some(*numbers)
    }

    /// Reads the constant expression that offsets of segments nearly always are: `i32.const` of up to four bytes,
    /// and `end`. Anything else stays unread.
    #[inline]
    pub(crate) fn i32_const_expr(&mut self) -> Option<i32> {
        let bytes = self.bytes.get(self.position..)?.first_chunk()?;
        let (value, len) = i32_const_expr(u64::from_le_bytes(*bytes))?;
        self.position += len;
        Some(value)
    }

    /// Reads a data segment of the kind that nearly all are: active, for memory 0, at an offset that is an `i32.const` of
    /// up to four bytes. Anything else stays unread.
    #[inline]
    pub(crate) fn plain_data_segment(&mut self) -> Option<(i32, Span)> {
        let bits = u64::from_le_bytes(*self.bytes.get(self.position..)?.first_chunk()?);
        if bits as u8 != 0 {
            return None;
        }
        let (offset, expr) = i32_const_expr(bits >> 8)?;
        let position = self.position + 1 + expr;
        let (len, size) = short_u32(self.bytes, position)?;
        let start = position + size;
        if len as usize > self.bytes.len() - start {
            return None;
        }
        self.position = start + len as usize;
        Some((offset, Span { start: start as u32, end: self.position as u32 }))
    }

    /// Reads an unsigned LEB128 number of 64 bits.
    #[inline(always)]
    pub(crate) fn var_u64(&mut self) -> Result<u64, Error> {
        match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(u64::from(byte))
            }
            _ => self.unsigned_long::<64>(),
        }
    }

    /// Reads a signed LEB128 number of 32 bits.
    #[inline(always)]
    pub(crate) fn var_i32(&mut self) -> Result<i32, Error> {
        match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(i32::from((byte as i8) << 1 >> 1))
            }
            _ => self.signed_long::<32>().map(|value| value as i32),
        }
    }

    /// Reads a signed LEB128 number of 64 bits.
    #[inline(always)]
    pub(crate) fn var_i64(&mut self) -> Result<i64, Error> {
        match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(i64::from((byte as i8) << 1 >> 1))
            }
            _ => self.signed_long::<64>(),
        }
    }

    /// Reads a signed LEB128 number of 33 bits: a type index where negative numbers mean something else.
    pub(crate) fn var_s33(&mut self) -> Result<i64, Error> {
        self.signed_long::<33>()
    }

    #[inline(never)]
    fn var_u32_long(&mut self) -> Result<u32, Error> {
        self.unsigned_long::<32>().map(|value| value as u32)
    }

    /// Reads an unsigned LEB128 number of any length up to `BITS`.
    #[inline(never)]
    fn unsigned_long<const BITS: u32>(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        let mut shift = 0;
        loop {
            let offset = self.offset();
            let byte = self.u8()?;
            // In the last byte that may occur, the continuation bit and the bits above `BITS` must be clear.
            if shift + 7 >= BITS && byte >> (BITS - shift) != 0 {
                let message = if byte & 0x80 != 0 { TOO_LONG } else { TOO_LARGE };
                return Err(Error::new(ErrorKind::Malformed, message, offset));
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// Reads a signed LEB128 number of any length up to `BITS`.
    #[inline(never)]
    fn signed_long<const BITS: u32>(&mut self) -> Result<i64, Error> {
        let mut value = 0;
        let mut shift = 0;
        loop {
            let offset = self.offset();
            let byte = self.u8()?;
            if shift + 7 >= BITS {
                // In the last byte that may occur, the bits from the sign bit up must be equal.
                let sign_and_unused = (byte << 1) as i8 >> (BITS - shift);
                let continues = byte & 0x80 != 0;
                if continues || (sign_and_unused != 0 && sign_and_unused != -1) {
                    let message = if continues { TOO_LONG } else { TOO_LARGE };
                    return Err(Error::new(ErrorKind::Malformed, message, offset));
                }
            }
            value |= i64::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                let unused = 64_u32.saturating_sub(shift);
                return Ok(value << unused >> unused);
            }
        }
    }

    /// Reads `len` bytes as a span.
    pub(crate) fn span(&mut self, len: u32) -> Result<Span, Error> {
        self.span_or(len, UNEXPECTED_END)
    }

    /// Reads `len` bytes as a span. If they are not there, the error says `message`.
    fn span_or(&mut self, len: u32, message: &'static str) -> Result<Span, Error> {
        if len as usize > self.remaining() {
            return Err(Error::new(ErrorKind::Malformed, message, self.offset()));
        }
        let start = self.position as u32;
        self.position += len as usize;
        Ok(Span { start, end: start + len })
    }

    /// Reads the length of a name, at most `limit`, and skips the name.
    pub(crate) fn name(&mut self, limit: u32) -> Result<Span, Error> {
        let offset = self.offset();
        let len = self.var_u32()?;
        check_limit(len.into(), limit.into(), "bytes of a name", offset)?;
        self.span_or(len, OUT_OF_BOUNDS)
    }

    /// A reader of the same module that ends after `len` more bytes. This reader continues behind them.
    pub(crate) fn split(&mut self, len: u32) -> Result<Reader<'a>, Error> {
        let span = self.span_or(len, OUT_OF_BOUNDS)?;
        Ok(Reader { bytes: &self.bytes[..span.end as usize], position: span.start as usize })
    }

    /// All bytes of the module that this reader may read.
    #[inline]
    pub(crate) fn bytes_to_end(&self) -> &'a [u8] {
        self.bytes
    }

    /// Continues at another position.
    #[inline]
    pub(crate) fn seek(&mut self, position: usize) {
        self.position = position;
    }

    /// All bytes of a span of this module.
    pub(crate) fn bytes(&self, span: Span) -> &'a [u8] {
        span.of(self.bytes)
    }
}

/// The value and the length of an `i32.const` of up to four bytes that an `end` follows, which make the low bytes of
/// `bits`.
#[inline(always)]
fn i32_const_expr(bits: u64) -> Option<(i32, usize)> {
    let number = bits >> 8;
    // The first byte without continuation bit is the last one.
    let len = (!number & 0x8080_8080).trailing_zeros() / 8 + 1;
    if bits as u8 != 0x41 || len > 4 || (number >> (8 * len)) as u8 != 0x0B {
        return None;
    }
    let groups = number & 0x7F | number >> 1 & 0x3F80 | number >> 2 & 0x1F_C000 | number >> 3 & 0xFE0_0000;
    // The shift to the left drops what is not of the number, the one to the right spreads its sign.
    let unused = 32 - 7 * len;
    Some(((groups as i32) << unused >> unused, len as usize + 2))
}

/// The number of one, two or three bytes at a position, and its length. None if it is longer, or too close to the end to
/// tell at once.
#[inline(always)]
pub(crate) fn short_u32(bytes: &[u8], position: usize) -> Option<(u32, usize)> {
    let bits = u32::from_le_bytes(*bytes.get(position..)?.first_chunk()?);
    if bits & 0x80 == 0 {
        return Some((bits & 0x7F, 1));
    }
    let two = bits & 0x7F | bits >> 1 & 0x3F80;
    if bits & 0x8000 == 0 {
        return Some((two, 2));
    }
    (bits & 0x80_0000 == 0).then_some((two | bits >> 2 & 0x1F_C000, 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec::Vec};

    fn message<T>(result: Result<T, Error>) -> alloc::string::String {
        result.map(drop).unwrap_err().message().to_string()
    }

    /// Bytes, and behind them a signed LEB128 number.
    fn signed(mut bytes: Vec<u8>, value: i64) -> Vec<u8> {
        let mut rest = value;
        loop {
            let byte = rest as u8 & 0x7F;
            rest >>= 7;
            let done = (rest == 0 && byte & 0x40 == 0) || (rest == -1 && byte & 0x40 != 0);
            bytes.push(byte | if done { 0 } else { 0x80 });
            if done {
                return bytes;
            }
        }
    }

    #[test]
    fn numbers_of_every_length() {
        for value in [0, 1, 63, 64, 127, 128, 300, 0x7FFF, 0xFFFF_FFFF_u64, 1 << 35, u64::MAX] {
            let mut bytes = Vec::new();
            let mut rest = value;
            loop {
                let more = rest > 0x7F;
                bytes.push(rest as u8 & 0x7F | if more { 0x80 } else { 0 });
                rest >>= 7;
                if !more {
                    break;
                }
            }
            assert_eq!(Reader::new(&bytes, 0).var_u64().unwrap(), value);
            if let Ok(value) = u32::try_from(value) {
                assert_eq!(Reader::new(&bytes, 0).var_u32().unwrap(), value);
            }
        }
        for value in [0, 1, -1, 63, 64, -64, -65, 8191, -8192, i32::MAX as i64, i32::MIN as i64, i64::MIN] {
            let bytes = signed(Vec::new(), value);
            assert_eq!(Reader::new(&bytes, 0).var_i64().unwrap(), value);
            if let Ok(value) = i32::try_from(value) {
                assert_eq!(Reader::new(&bytes, 0).var_i32().unwrap(), value);
                assert_eq!(Reader::new(&bytes, 0).var_s33().unwrap(), i64::from(value));
            }
        }
    }

    #[test]
    fn numbers_of_any_length_are_the_same_numbers() {
        for len in 1..=6_usize {
            for last in [0, 1, 0x0F, 0x10, 0x7F] {
                for following in 0..5 {
                    let mut bytes: Vec<u8> = (1..len).map(|byte| 0x80 | (37 * byte) as u8).collect();
                    bytes.push(last);
                    bytes.resize(len + following, 0xFF);
                    let (mut one, mut other) = (Reader::new(&bytes, 0), Reader::new(&bytes, 0));
                    let numbers = (one.var_u32(), other.var_u32_of_any_length());
                    assert_eq!(numbers.0, numbers.1, "{bytes:x?}");
                    assert_eq!(one.position(), other.position());
                }
            }
        }
    }

    #[test]
    fn constant_expressions_of_one_number() {
        for value in [0, 1, -1, 63, 64, -64, -65, 1 << 20, -(1 << 20), (1 << 27) - 1, -(1 << 27), 1 << 27] {
            let mut bytes = signed(alloc::vec![0x41], value.into());
            bytes.push(0x0B);
            let len = bytes.len();
            bytes.extend([0xFF; 7]);
            let mut reader = Reader::new(&bytes, 0);
            let short = value < 1 << 27;
            assert_eq!(reader.i32_const_expr(), short.then_some(value));
            assert_eq!(reader.position(), if short { len } else { 0 });
            // Another operator behind the number, and another number.
            bytes[len - 1] = 0x41;
            assert_eq!(Reader::new(&bytes, 0).i32_const_expr(), None);
            bytes[len - 1] = 0x0B;
            bytes[0] = 0x42;
            assert_eq!(Reader::new(&bytes, 0).i32_const_expr(), None);
            assert_eq!(Reader::new(&[0x41, 0, 0x0B], 0).i32_const_expr(), None);
        }
    }

    #[test]
    fn overlong_and_oversized_numbers_are_refused() {
        assert_eq!(message(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x10], 0).var_u32()), TOO_LARGE);
        assert_eq!(message(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0], 0).var_u32()), TOO_LONG);
        assert_eq!(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0], 0).var_u32().unwrap(), 0);
        assert_eq!(message(Reader::new(&[0xFF, 0xFF, 0xFF, 0xFF, 0x4F], 0).var_i32()), TOO_LARGE);
        assert_eq!(message(Reader::new(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], 0).var_i32()), TOO_LONG);
        assert_eq!(Reader::new(&[0xFF, 0xFF, 0xFF, 0xFF, 0x7F], 0).var_i32().unwrap(), -1);
        assert_eq!(message(Reader::new(&[0x80], 0).var_u32()), UNEXPECTED_END);
    }

    #[test]
    fn a_split_reader_ends_with_its_part() {
        let mut reader = Reader::new(&[1, 2, 3, 4], 1);
        let mut part = reader.split(2).unwrap();
        assert_eq!((part.u8().unwrap(), part.u8().unwrap(), part.is_at_end()), (2, 3, true));
        assert_eq!(message(part.u8()), UNEXPECTED_END);
        assert_eq!(reader.u8().unwrap(), 4);
        assert!(reader.split(1).is_err());
    }
}
