//! 64-bit mixing: the compression function of BLAKE2b (RFC 7693), twelve rounds of add, xor and rotate.

const IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

const SIGMA: [[u8; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// Positions in the working vector that each of a round's eight mixing steps takes: columns, then diagonals.
const STEPS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// Parameters of a digest of 64 bytes without a key.
const PARAMETERS: u64 = 0x0101_0040;

/// Takes in one block; `len` counts all bytes so far.
fn compress(state: &mut [u64; 8], message: &[u64; 16], len: u64, is_last: bool) {
    let mut v = [0; 16];
    v[..8].copy_from_slice(state);
    v[8..].copy_from_slice(&IV);
    v[12] ^= len;
    if is_last {
        v[14] = !v[14];
    }
    for round in 0..12 {
        let order = &SIGMA[round % 10];
        for (step, &[a, b, c, d]) in STEPS.iter().enumerate() {
            v[a] = v[a].wrapping_add(v[b]).wrapping_add(message[order[2 * step] as usize & 15]);
            v[d] = (v[d] ^ v[a]).rotate_right(32);
            v[c] = v[c].wrapping_add(v[d]);
            v[b] = (v[b] ^ v[c]).rotate_right(24);
            v[a] = v[a].wrapping_add(v[b]).wrapping_add(message[order[2 * step + 1] as usize & 15]);
            v[d] = (v[d] ^ v[a]).rotate_right(16);
            v[c] = v[c].wrapping_add(v[d]);
            v[b] = (v[b] ^ v[c]).rotate_right(63);
        }
    }
    for i in 0..8 {
        state[i] ^= v[i] ^ v[i + 8];
    }
}

/// Compresses `n` blocks, each made from the state before it.
pub fn run(n: i32) -> i64 {
    let mut state = IV;
    state[0] ^= PARAMETERS;
    let mut message = [0; 16];
    for block in 0..n as u64 {
        for (i, word) in message.iter_mut().enumerate() {
            *word = state[i % 8].wrapping_mul(0x100_0000_01b3).wrapping_add(block + i as u64);
        }
        compress(&mut state, &message, 128 * (block + 1), false);
    }
    state.iter().fold(0_u64, |sum, word| sum.rotate_left(9) ^ word) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_abc() {
        let mut state = IV;
        state[0] ^= PARAMETERS;
        let mut message = [0; 16];
        message[0] = u64::from_le_bytes(*b"abc\0\0\0\0\0");
        compress(&mut state, &message, 3, true);
        assert_eq!(state[0].to_be_bytes(), 0x0d4d_1c98_3fa5_80ba_u64.to_be_bytes());
    }
}
