//! [`PageStore`]: one page for each contents, shared by states that know nothing of each other.
//!
//! States of one instance share what did not change between them. A page store finds what states of different
//! instances have in common, or one instance at times that are far apart.
//!
//! Pages are found by a key that is quick to compute, and compared byte by byte: whoever makes contents with equal
//! keys gains nothing but pages that are not shared. The store does not keep pages alive. Whenever it adds one it looks
//! at two that it has, and forgets those that nobody else has any more: no more than about half are ever unused.

use crate::{
    State,
    page::{PAGE_SIZE, Page, WeakPage},
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

/// Finds equal pages of states, and makes them one.
#[derive(Debug, Default)]
pub struct PageStore {
    pages: BTreeMap<u64, WeakPage>,
    /// Where to look for unused pages next.
    hand: u64,
}

impl PageStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same state, with pages of the store wherever it has equal ones; the store gets to know the others.
    ///
    /// Pages that `known` has in the same places are left out. That is a state which went through this store, like
    /// the one before on the same instance; without it all pages are looked at.
    pub fn intern(&mut self, mut state: State, known: Option<&State>) -> State {
        let mut memories: Vec<_> = state.memories.iter().cloned().collect();
        // Pages are replaced in place where nobody else has their group.
        state.memories = Arc::default();
        for (place, memory) in memories.iter_mut().enumerate() {
            let known = known.and_then(|known| known.memories.get(place));
            memory.contents.replace_shared(known.map(|known| &known.contents), |page| self.find(page));
        }
        state.memories = memories.into();
        state
    }

    /// The page of the store that equals `page`, if it is another one; else the store gets to know `page`.
    fn find(&mut self, page: &Page) -> Option<Page> {
        let key = key(page.bytes());
        if let Some(found) = self.pages.get(&key).and_then(WeakPage::upgrade) {
            return (!found.is(page) && found == *page).then_some(found);
        }
        self.pages.insert(key, page.downgrade());
        self.sweep_some();
        None
    }

    /// Looks at two pages, and forgets them if they are unused.
    fn sweep_some(&mut self) {
        for _ in 0..2 {
            let next = self.pages.range(self.hand..).next();
            match next.map(|(&key, page)| (key, page.is_used())) {
                Some((key, is_used)) => {
                    self.hand = key.wrapping_add(1);
                    if !is_used {
                        self.pages.remove(&key);
                    }
                }
                None => self.hand = 0,
            }
        }
    }

    /// Forgets all unused pages, whose memory is then free.
    pub fn sweep(&mut self) {
        self.pages.retain(|_, page| page.is_used());
    }

    /// How many pages the store knows, unused ones included.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether the store knows no page.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

/// A number that different pages seldom share, unless somebody wants them to.
fn key(bytes: &[u8; PAGE_SIZE]) -> u64 {
    // Four sums, so that no multiplication has to wait for the one before. Odd factors, after Knuth: 2⁶⁴ divided by
    // the golden ratio and three more without structure.
    const FACTORS: [u64; 4] =
        [0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x27D4_EB2F_1656_67C5];
    let mut sums = FACTORS;
    for piece in bytes.as_chunks::<32>().0 {
        for ((sum, factor), word) in sums.iter_mut().zip(FACTORS).zip(piece.as_chunks::<8>().0) {
            *sum = (*sum ^ u64::from_ne_bytes(*word)).wrapping_mul(factor).rotate_left(29);
        }
    }
    sums.into_iter().fold(0, |key, sum| (key ^ sum ^ sum >> 32).wrapping_mul(FACTORS[0]).rotate_left(31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_wherever_a_byte_does() {
        let mut keys: Vec<u64> = (0..PAGE_SIZE)
            .map(|place| {
                let mut bytes = [0x55; PAGE_SIZE];
                bytes[place] = 0;
                key(&bytes)
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), PAGE_SIZE);
    }
}
