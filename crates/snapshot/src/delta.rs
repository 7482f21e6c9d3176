//! [`Delta`]: what contents of a memory were, said by what differs from those that came next.
//!
//! Of each page that differs, the words that do are kept, XORed with what they became. Where writes are sparse that
//! is some tens of bytes a page instead of 4 KiB.
//!
//! A page is written as words of 64 bits: its number; a bit for each of its 64 lines of 64 bytes that differs; a byte
//! for each of those lines, with a bit for each word that differs, eight to a word; and those words, XORed.

use crate::{
    Pages,
    page::{PAGE_SIZE, ZEROS},
};
use alloc::{boxed::Box, vec::Vec};

/// Words in a line.
const WORDS: usize = 8;

/// Bytes in a line.
const LINE: usize = WORDS * size_of::<u64>();

/// Lines in a page: as many as a word has bits.
const LINES: usize = PAGE_SIZE / LINE;

const _: () = assert!(LINES == u64::BITS as usize);

/// What contents were before they became others.
#[derive(Debug)]
pub(crate) struct Delta {
    /// How many bytes there were.
    len: usize,
    words: Box<[u64]>,
}

impl Delta {
    /// What `old` was, if it is known what it became.
    pub(crate) fn new(old: &Pages, new: &Pages) -> Self {
        // What was behind the old end is no business of the old contents.
        let new = new.resized(old.len());
        let mut words = Vec::new();
        for number in old.unshared(&new) {
            let [old, new] = [old, &new].map(|pages| pages.page(number).unwrap_or(&ZEROS));
            write(number, old, new, &mut words);
        }
        Self { len: old.len(), words: words.into() }
    }

    /// What the contents were that became `new`.
    pub(crate) fn apply(&self, new: Pages) -> Pages {
        let mut pages = if new.len() == self.len { new } else { new.resized(self.len) };
        let mut words = self.words.iter().copied();
        while let Some(number) = words.next() {
            pages.modify(number as usize, |page| read(page, &mut words));
        }
        pages
    }

    /// How much is allocated for it, besides itself.
    pub(crate) fn held(&self) -> usize {
        size_of_val(&*self.words)
    }
}

/// Writes what differs between two versions of a page, if anything does.
fn write(number: usize, old: &[u8; PAGE_SIZE], new: &[u8; PAGE_SIZE], words: &mut Vec<u64>) {
    let (mut lines, mut masks, mut line_count) = (0u64, [0; LINES], 0);
    let (mut differing, mut count) = ([0; LINES * WORDS], 0);
    let pairs = old.as_chunks::<LINE>().0.iter().zip(new.as_chunks::<LINE>().0);
    for (index, (old, new)) in pairs.enumerate() {
        let xored = xor(old, new);
        // One branch a line: most lines do not differ.
        if xored.iter().fold(0, |any, word| any | word) == 0 {
            continue;
        }
        let mut mask = 0;
        for (place, word) in xored.into_iter().enumerate() {
            let differs = word != 0;
            // Without a branch: what does not differ is overwritten by the next word that does.
            differing[count] = word;
            count += usize::from(differs);
            mask |= u8::from(differs) << place;
        }
        lines |= 1 << index;
        masks[line_count] = mask;
        line_count += 1;
    }
    if line_count > 0 {
        words.extend([number as u64, lines]);
        words.extend(masks[..line_count].chunks(WORDS).map(|masks| {
            let mut bytes = [0; WORDS];
            bytes[..masks.len()].copy_from_slice(masks);
            u64::from_le_bytes(bytes)
        }));
        words.extend_from_slice(&differing[..count]);
    }
}

/// Takes from `words` what follows a page's number, and makes the new version of the page the old one.
fn read(page: &mut [u8; PAGE_SIZE], words: &mut impl Iterator<Item = u64>) {
    let lines = words.next().unwrap_or(0);
    let line_count = lines.count_ones() as usize;
    let mut masks = [0; LINES];
    for (masks, word) in masks.chunks_mut(WORDS).zip(words.take(line_count.div_ceil(WORDS))) {
        masks.copy_from_slice(&word.to_le_bytes());
    }
    let differing = page.as_chunks_mut::<LINE>().0.iter_mut().enumerate();
    let differing = differing.filter(|(index, _)| lines >> index & 1 != 0);
    for ((_, line), mask) in differing.zip(masks) {
        for (place, bytes) in line.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            if mask >> place & 1 != 0 {
                let xored = words.next().unwrap_or(0);
                *bytes = (u64::from_ne_bytes(*bytes) ^ xored).to_ne_bytes();
            }
        }
    }
}

fn xor(old: &[u8; LINE], new: &[u8; LINE]) -> [u64; WORDS] {
    let [old, new] = [old, new].map(|line| line.as_chunks::<8>().0);
    core::array::from_fn(|place| u64::from_ne_bytes(old[place]) ^ u64::from_ne_bytes(new[place]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use core::iter;

    fn check(old: &[u8], new: &[u8], expected_words: usize) {
        let (old, new) = (Pages::new(old), Pages::new(new));
        let delta = Delta::new(&old, &new);
        assert_eq!(delta.words.len(), expected_words);
        assert_eq!(delta.held(), 8 * expected_words);
        assert_eq!(delta.apply(new), old);
    }

    #[test]
    fn deltas_take_as_much_as_differs() {
        let zeros = vec![0; 3 * PAGE_SIZE];
        check(&zeros, &zeros, 0);
        let mut sparse = zeros.clone();
        sparse[PAGE_SIZE + 17] = 1;
        check(&zeros, &sparse, 4);
        check(&sparse, &zeros, 4);
        sparse[PAGE_SIZE + 16] = 1;
        sparse[PAGE_SIZE + 63] = 1;
        sparse[2 * PAGE_SIZE - 1] = 1;
        check(&zeros, &sparse, 6);
        // Every word of every line.
        check(&zeros, &[0xFF; 3 * PAGE_SIZE], 3 * (2 + 8 + 512));
    }

    #[test]
    fn deltas_know_lengths() {
        let bytes = [0xFF; 3 * PAGE_SIZE];
        // What is only in the new contents takes nothing, what is only in the old ones everything.
        check(&bytes[..PAGE_SIZE + 8], &bytes, 0);
        check(&bytes, &bytes[..2 * PAGE_SIZE], 522);
        check(&[], &bytes, 0);
        check(&bytes[..1], &[], 4);
        let pages = Pages::new(&bytes);
        let shared = pages.update(&bytes, iter::once(0..bytes.len()));
        assert_eq!(Delta::new(&pages, &shared).held(), 0);
    }
}
