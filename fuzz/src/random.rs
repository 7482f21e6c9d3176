//! [`Random`]: a small generator of pseudo-random numbers (SplitMix64), so that a seed means the same case on
//! every machine and with every version of every dependency.

/// A generator.
#[derive(Clone, Debug)]
pub struct Random(u64, Vec<u8>);

impl Random {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed, vec![])
    }

    /// A generator whose first numbers follow from two bytes of an input each, so that a fuzzer that changes the
    /// input changes single decisions.
    pub fn with_input(seed: u64, input: &[u8]) -> Self {
        Self(seed, input.iter().rev().copied().collect())
    }

    /// The generator of a seed and a name.
    pub fn named(seed: u64, name: &str) -> Self {
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        Self(seed ^ name.bytes().fold(0xcbf2_9ce4_8422_2325, hash), vec![])
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = match (self.1.pop(), self.1.pop()) {
            (Some(low), Some(high)) => u64::from(u16::from_le_bytes([low, high])),
            _ => self.0,
        };
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// A number in a range, both ends included.
    pub fn range(&mut self, start: u64, end: u64) -> u64 {
        start + self.below(end - start + 1)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of some things.
    pub fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len() as u64) as usize]
    }

    /// Random bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| self.bits().to_le_bytes()).collect();
        bytes.truncate(len);
        bytes
    }
}
