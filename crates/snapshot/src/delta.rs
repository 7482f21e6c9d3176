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
        let mut scratch = Scratch { masks: [0; LINES], words: [0; LINES * WORDS + 1] };
        for number in old.unshared(&new) {
            let [old, new] = [old, &new].map(|pages| pages.page(number).unwrap_or(&ZEROS));
            scratch.write(number, old, new, &mut words);
        }
        Self { len: old.len(), words: words.into() }
    }

    /// What `contents` were before several changes, of which the last one comes first.
    ///
    /// XORing can be done in any order. As long as the length does not change, all that was ever done to a page is undone
    /// before the next page is looked at.
    pub(crate) fn undo<'deltas>(deltas: impl Iterator<Item = &'deltas Self>, contents: Pages) -> Pages {
        let (mut pages, mut changes) = (contents, Vec::new());
        for delta in deltas {
            if delta.len != pages.len() {
                undo_changes(&mut pages, &mut changes);
                pages = pages.resized(delta.len);
            }
            changes.extend(delta.pages());
        }
        undo_changes(&mut pages, &mut changes);
        pages
    }

    /// The number of each page, and what follows it.
    fn pages(&self) -> impl Iterator<Item = Change<'_>> {
        let mut rest = &*self.words;
        core::iter::from_fn(move || {
            let (&number, behind) = rest.split_first()?;
            let masks = behind.first()?.count_ones().div_ceil(WORDS as u32) as usize;
            let differing: u32 = behind.get(1..=masks)?.iter().map(|masks| masks.count_ones()).sum();
            let (words, behind) = behind.split_at_checked(1 + masks + differing as usize)?;
            rest = behind;
            Some((number as usize, words))
        })
    }

    /// How much is allocated for it, besides itself.
    pub(crate) fn held(&self) -> usize {
        size_of_val(&*self.words)
    }
}

/// A page, and what is written of it.
type Change<'a> = (usize, &'a [u64]);

/// Undoes changes page by page, and forgets them.
fn undo_changes(pages: &mut Pages, changes: &mut Vec<Change<'_>>) {
    changes.sort_unstable_by_key(|&(number, _)| number);
    for changes in changes.chunk_by(|(number, _), (next, _)| number == next) {
        pages.modify(changes[0].0, |page| changes.iter().for_each(|(_, words)| undo_change(page, words)));
    }
    changes.clear();
}

/// What is written of a page, while it is looked at. Made once for many pages, so that it is cleared once.
struct Scratch {
    masks: [u8; LINES],
    /// Room for one more than there are, so that each word can be put down before it is known whether it differs.
    words: [u64; LINES * WORDS + 1],
}

impl Scratch {
    /// Writes what differs between two versions of a page, if anything does.
    fn write(&mut self, number: usize, old: &[u8; PAGE_SIZE], new: &[u8; PAGE_SIZE], words: &mut Vec<u64>) {
        let (old, new) = (old.as_chunks::<LINE>().0, new.as_chunks::<LINE>().0);
        let pairs = old.iter().zip(new).rev();
        // No branch: which lines differ is hard to foresee.
        let differing = pairs.fold(0, |lines, (old, new)| lines << 1 | u64::from(differ(old, new)));
        let (mut line_count, mut word_count) = (0, 0);
        for index in Bits(differing) {
            let mut mask = 0;
            for (place, word) in xor(&old[index], &new[index]).into_iter().enumerate() {
                let differs = word != 0;
                self.words[word_count] = word;
                word_count += usize::from(differs);
                mask |= u8::from(differs) << place;
            }
            self.masks[line_count] = mask;
            line_count += 1;
        }
        if line_count > 0 {
            self.masks[line_count..].iter_mut().take(WORDS).for_each(|unused| *unused = 0);
            words.extend([number as u64, differing]);
            let masks = self.masks.as_chunks().0.iter().take(line_count.div_ceil(WORDS));
            words.extend(masks.map(|masks| u64::from_le_bytes(*masks)));
            words.extend_from_slice(&self.words[..word_count]);
        }
    }
}

/// Makes the new version of a page the old one.
fn undo_change(page: &mut [u8; PAGE_SIZE], words: &[u64]) {
    let mut words = words.iter().copied();
    let lines = words.next().unwrap_or(0);
    let line_count = lines.count_ones() as usize;
    let mut masks = [0; LINES];
    for (masks, word) in
        masks.as_chunks_mut().0.iter_mut().zip(words.by_ref().take(line_count.div_ceil(WORDS)))
    {
        *masks = word.to_le_bytes();
    }
    let page = page.as_chunks_mut::<LINE>().0;
    for (line, mask) in Bits(lines).zip(masks) {
        let line = page[line].as_chunks_mut::<8>().0;
        for (place, xored) in Bits(mask.into()).zip(&mut words) {
            line[place] = (u64::from_ne_bytes(line[place]) ^ xored).to_ne_bytes();
        }
    }
}

/// The places of the bits that are 1, from the lowest.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = self.0.trailing_zeros();
        // The lowest bit that is 1 becomes 0.
        self.0 &= self.0.checked_sub(1)?;
        Some(place as usize)
    }
}

/// Whether two lines differ. Without a branch, for vector instructions: comparing arrays calls a function.
fn differ(old: &[u8; LINE], new: &[u8; LINE]) -> bool {
    xor(old, new).into_iter().fold(0, |any, word| any | word) != 0
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
        assert_eq!(Delta::undo(iter::once(&delta), new), old);
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
