//! A hash table with open addressing: dependent loads at unpredictable addresses.

use crate::random::Random;
use alloc::vec::Vec;

/// A table of 64-bit keys and values with linear probing. Key 0 marks a free place.
struct Table {
    slots: Vec<(u64, u64)>,
    len: usize,
}

impl Table {
    fn new() -> Self {
        Self { slots: alloc::vec![(0, 0); 16], len: 0 }
    }

    /// The place of `key`, or the free one where it belongs.
    fn place(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & mask;
        while self.slots[place].0 != 0 && self.slots[place].0 != key {
            place = (place + 1) & mask;
        }
        place
    }

    fn entry(&mut self, key: u64) -> &mut u64 {
        if self.len * 4 >= self.slots.len() * 3 {
            let larger = alloc::vec![(0, 0); self.slots.len() * 2];
            for (key, value) in core::mem::replace(&mut self.slots, larger) {
                if key != 0 {
                    let place = self.place(key);
                    self.slots[place] = (key, value);
                }
            }
        }
        let place = self.place(key);
        let slot = &mut self.slots[place];
        if slot.0 == 0 {
            slot.0 = key;
            self.len += 1;
        }
        &mut slot.1
    }

    fn get(&self, key: u64) -> Option<u64> {
        let (found, value) = self.slots[self.place(key)];
        (found != 0).then_some(value)
    }
}

/// Counts `n` random keys and looks up as many others.
pub fn run(n: i32) -> i64 {
    let mut table = Table::new();
    let mut random = Random::new(5);
    let mut sum = 0_u64;
    for step in 0..n as u64 {
        *table.entry(u64::from(random.below(20_000)) + 1) += step;
        let probe = u64::from(random.below(40_000)) + 1;
        sum = sum.wrapping_mul(7).wrapping_add(table.get(probe).unwrap_or(probe));
    }
    (sum ^ table.len as u64) as i64
}
