//! Numbers in the exchange buffer of an engine that runs inside another: a byte for the type, eight for the bits.

use crate::engine::Value;
use anyhow::{Context, Result, bail};

/// The bytes of one number.
pub const VALUE_LEN: usize = 9;

/// Numbers as bytes.
pub fn write(values: &[Value]) -> Vec<u8> {
    let encode = |value: &Value| {
        let (ty, bits) = match *value {
            Value::I32(value) => (0, u64::from(value as u32)),
            Value::I64(value) => (1, value as u64),
            Value::F32(bits) => (2, u64::from(bits)),
            Value::F64(bits) => (3, bits),
        };
        let mut bytes = [ty; VALUE_LEN];
        bytes[1..].copy_from_slice(&bits.to_le_bytes());
        bytes
    };
    values.iter().flat_map(encode).collect()
}

/// The first `count` numbers in `bytes`.
pub fn read(bytes: &[u8], count: usize) -> Result<Vec<Value>> {
    let decode = |bytes: &[u8; VALUE_LEN]| {
        let [ty, bits @ ..] = *bytes;
        let bits = u64::from_le_bytes(bits);
        Ok(match ty {
            0 => Value::I32(bits as i32),
            1 => Value::I64(bits as i64),
            2 => Value::F32(bits as u32),
            3 => Value::F64(bits),
            ty => bail!("no number has type {ty}"),
        })
    };
    let (values, _) = bytes.as_chunks();
    values.get(..count).context("numbers are missing")?.iter().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive() {
        let values = [Value::I32(-1), Value::I64(i64::MIN), Value::F32(0x7fc0_0001), Value::F64(1 << 63)];
        assert_eq!(read(&write(&values), 4).unwrap(), values);
        assert!(read(&write(&values), 5).is_err());
        assert!(read(&[9; VALUE_LEN], 1).is_err());
    }
}
