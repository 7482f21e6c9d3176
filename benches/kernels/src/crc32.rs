//! Table look-ups driven by bytes: CRC-32 (the reflected polynomial of IEEE 802.3).

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

static TABLE: [u32; 256] = table();

fn update(crc: u32, byte: u8) -> u32 {
    TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8
}

/// Runs `n` times over a buffer of 4096 bytes that changes a little each time.
pub fn run(n: i32) -> i64 {
    let mut buffer = [0; 4096];
    for (i, byte) in buffer.iter_mut().enumerate() {
        *byte = (i * 7 + (i >> 5)) as u8;
    }
    let mut crc = !0_u32;
    for round in 0..n as usize {
        buffer[round % 4096] ^= crc as u8;
        for &byte in &buffer {
            crc = update(crc, byte);
        }
    }
    i64::from(!crc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value() {
        let crc = b"123456789".iter().fold(!0, |crc, &byte| update(crc, byte));
        assert_eq!(!crc, 0xcbf4_3926);
    }
}
