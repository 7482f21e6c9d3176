//! Hashing of short keys: SipHash-2-4 over messages of 0 to 63 bytes.

struct State {
    v: [u64; 4],
}

impl State {
    fn round(&mut self) {
        let [mut v0, mut v1, mut v2, mut v3] = self.v;
        v0 = v0.wrapping_add(v1);
        v1 = v1.rotate_left(13) ^ v0;
        v0 = v0.rotate_left(32);
        v2 = v2.wrapping_add(v3);
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.wrapping_add(v3);
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.wrapping_add(v1);
        v1 = v1.rotate_left(17) ^ v2;
        v2 = v2.rotate_left(32);
        self.v = [v0, v1, v2, v3];
    }

    fn absorb(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.round();
        self.v[0] ^= word;
    }
}

fn siphash(key: [u64; 2], message: &[u8]) -> u64 {
    let mut state = State {
        v: [
            key[0] ^ 0x736f_6d65_7073_6575,
            key[1] ^ 0x646f_7261_6e64_6f6d,
            key[0] ^ 0x6c79_6765_6e65_7261,
            key[1] ^ 0x7465_6462_7974_6573,
        ],
    };
    let mut words = message.chunks_exact(8);
    for word in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        state.absorb(u64::from_le_bytes(bytes));
    }
    let tail = words.remainder().iter().rev().fold(0, |tail, &byte| tail << 8 | u64::from(byte));
    state.absorb((message.len() as u64) << 56 | tail);
    state.v[2] ^= 0xff;
    for _ in 0..4 {
        state.round();
    }
    state.v[0] ^ state.v[1] ^ state.v[2] ^ state.v[3]
}

/// Hashes `n` messages, each under the key the one before it gave.
pub fn run(n: i32) -> i64 {
    let mut buffer = [0; 64];
    for (i, byte) in buffer.iter_mut().enumerate() {
        *byte = (i * 11) as u8;
    }
    let mut key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
    for round in 0..n as usize {
        let hash = siphash(key, &buffer[..round % 64]);
        key[round % 2] ^= hash;
        buffer[round * 5 % 64] = hash as u8;
    }
    (key[0] ^ key[1]) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector() {
        let message: [u8; 15] = core::array::from_fn(|i| i as u8);
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(siphash(key, &message), 0xa129_ca61_49be_45e5);
    }
}
