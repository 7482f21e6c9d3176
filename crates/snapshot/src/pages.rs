//! [`Pages`]: the contents of a memory, as a table of shared pages.
//!
//! The table has two levels: groups of eight pages and a list of groups. Both are shared as pages are, so
//! that the contents of a memory at two times have in common what did not change between them, and the later ones are
//! made from the earlier ones by replacing what did. Comparing two tables skips what they share.
//!
//! Invariant: a table has one form for each contents. Pages of zeros are absent, so are groups of absent pages, and
//! bytes behind the end are zero.

use crate::{
    cached_hash::{CachedHash, Hash},
    footprint::{ARC_COUNTS, Footprint, slice_held},
    page::{PAGE_SIZE, Page, ZEROS, is_zero},
};
use alloc::{sync::Arc, vec::Vec};
use core::{fmt, iter, ops::Range};

/// Pages in a group. Replacing a page copies its group, replacing any copies the list of groups. With 200 pages all over
/// 16 MiB, recording a tick with groups of 8 took 0.9 of the time with groups of 16, and as long as with groups of 4
/// (Intel Xeon, November 2026). The state hash is defined with groups of this size.
const GROUP: usize = 8;

/// Bytes in a group.
const GROUP_SIZE: usize = GROUP * PAGE_SIZE;

/// Begins what a group's hash is computed from; changes whenever its definition in docs/SNAPSHOT.md does.
const GROUP_TAG: &[u8] = b"rotifer group 1\n";

/// The contents of a memory. Cheap to clone.
#[derive(Clone)]
pub struct Pages {
    len: usize,
    /// As many as the length asks for.
    groups: Arc<[Option<Arc<Group>>]>,
}

#[derive(Clone, Default)]
struct Group {
    pages: [Option<Page>; GROUP],
    hash: CachedHash,
}

impl Group {
    const EMPTY: [Option<Page>; GROUP] = [const { None }; GROUP];

    /// The hash of the pages that are not zero and of their places.
    fn hash(&self) -> Hash {
        self.hash.get_or(|| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(GROUP_TAG);
            for (place, page) in self.pages.iter().enumerate() {
                if let Some(page) = page {
                    hasher.update(&[place as u8]).update(&page.hash());
                }
            }
            *hasher.finalize().as_bytes()
        })
    }
}

impl Pages {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        Self { len, groups: iter::repeat_n(None, len.div_ceil(GROUP_SIZE)).collect() }
    }

    /// A copy of a memory's contents.
    pub fn new(data: &[u8]) -> Self {
        Self::zeroed(data.len()).update(data, iter::once(0..data.len()))
    }

    /// A copy of `data`, which is what these contents became. Of the two, only the ranges in `changed` may differ, and
    /// where `data` is longer, what is not zero there must lie in one of them, too. The ranges may come in any order and
    /// overlap.
    ///
    /// Takes time for what changed, and for the list of groups.
    pub fn update(&self, data: &[u8], changed: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut new = self.resized(data.len());
        let mut pages = Vec::new();
        for range in changed {
            let end = range.end.min(data.len());
            if range.start < end {
                pages.extend(range.start / PAGE_SIZE..end.div_ceil(PAGE_SIZE));
            }
        }
        pages.sort_unstable();
        pages.dedup();
        for page in pages {
            let start = page * PAGE_SIZE;
            let bytes = &data[start..data.len().min(start + PAGE_SIZE)];
            match bytes.try_into() {
                Ok(bytes) => new.replace(page, bytes),
                Err(_) => new.replace(page, &padded(bytes)),
            }
        }
        new
    }

    /// The same contents cut off, or continued with zeros.
    pub(crate) fn resized(&self, len: usize) -> Self {
        let mut new = self.clone();
        let count = len.div_ceil(GROUP_SIZE);
        if count != self.groups.len() {
            new.groups = self.groups.iter().cloned().chain(iter::repeat(None)).take(count).collect();
        }
        new.len = len;
        if len < self.len {
            new.cut_last_group();
        }
        new
    }

    /// Makes what lies in the last group behind the end zero.
    fn cut_last_group(&mut self) {
        let first_behind = self.len.div_ceil(PAGE_SIZE);
        for page in first_behind..self.groups.len() * GROUP {
            self.replace(page, &ZEROS);
        }
        let used = self.len % PAGE_SIZE;
        if let Some(page) = self.page(self.len / PAGE_SIZE).filter(|_| used != 0) {
            let cut = padded(&page[..used]);
            self.replace(self.len / PAGE_SIZE, &cut);
        }
    }

    /// Gives a page of the table other contents, if they differ.
    fn replace(&mut self, page: usize, bytes: &[u8; PAGE_SIZE]) {
        let (group, place) = (page / GROUP, page % GROUP);
        let old = self.groups[group].as_ref().and_then(|group| group.pages[place].as_ref());
        let new = match (old, is_zero(bytes)) {
            (None, true) => return,
            (Some(old), false) if old.bytes() == bytes => return,
            (_, true) => None,
            (_, false) => Some(Page::new(bytes)),
        };
        self.set(page, new);
    }

    /// Changes a page, if there is such a page.
    pub(crate) fn modify(&mut self, page: usize, change: impl FnOnce(&mut [u8; PAGE_SIZE])) {
        if page / GROUP >= self.groups.len() {
            return;
        }
        let slot = &mut Arc::make_mut(&mut self.groups)[page / GROUP];
        let group = Arc::make_mut(slot.get_or_insert_default());
        group.hash.clear();
        let contents = group.pages[page % GROUP].get_or_insert_with(|| Page::new(&ZEROS));
        change(contents.make_mut());
        if is_zero(contents.bytes()) {
            self.set(page, None);
        }
    }

    /// Has `find` look at each page that `known` does not share in the same place, and say what to take for it: one
    /// with the same contents.
    pub(crate) fn replace_shared(
        &mut self,
        known: Option<&Self>,
        mut find: impl FnMut(&Page) -> Option<Page>,
    ) {
        let nothing = Self::zeroed(0);
        let numbers: Vec<usize> = self.unshared(known.unwrap_or(&nothing)).collect();
        for number in numbers {
            if let Some(page) = self.shared(number).and_then(&mut find) {
                let group = &mut Arc::make_mut(&mut self.groups)[number / GROUP];
                // The contents stay the same, and so does the group's hash unless it has to be copied.
                Arc::make_mut(group.get_or_insert_default()).pages[number % GROUP] = Some(page);
            }
        }
    }

    /// Gives a page of zeros contents. Returns whether that was possible: they are not zeros, and nothing of them lies
    /// behind the end.
    pub(crate) fn insert(&mut self, page: usize, bytes: &[u8; PAGE_SIZE]) -> bool {
        let inside = self.len.saturating_sub(page.saturating_mul(PAGE_SIZE)).min(PAGE_SIZE);
        let is_possible = !is_zero(&bytes[..inside]) && is_zero(&bytes[inside..]);
        if is_possible {
            self.set(page, Some(Page::new(bytes)));
        }
        is_possible
    }

    fn set(&mut self, page: usize, contents: Option<Page>) {
        let slot = &mut Arc::make_mut(&mut self.groups)[page / GROUP];
        let is_removed = contents.is_none();
        let group = Arc::make_mut(slot.get_or_insert_default());
        group.hash.clear();
        group.pages[page % GROUP] = contents;
        if is_removed && group.pages.iter().all(Option::is_none) {
            *slot = None;
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes from `page * PAGE_SIZE` on, or none if they are zeros, as those behind the end are.
    pub fn page(&self, page: usize) -> Option<&[u8; PAGE_SIZE]> {
        self.shared(page).map(Page::bytes)
    }

    fn shared(&self, page: usize) -> Option<&Page> {
        self.groups.get(page / GROUP)?.as_ref()?.pages[page % GROUP].as_ref()
    }

    /// The pages that are not zero with their numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[u8; PAGE_SIZE])> {
        self.present().map(|(number, page)| (number, page.bytes()))
    }

    fn present(&self) -> impl Iterator<Item = (usize, &Page)> {
        let groups = self.groups.iter().enumerate();
        groups.filter_map(|(index, group)| Some((index, group.as_ref()?))).flat_map(|(index, group)| {
            let pages = group.pages.iter().enumerate();
            pages.filter_map(move |(place, page)| Some((index * GROUP + place, page.as_ref()?)))
        })
    }

    /// Copies what begins at `offset` to `bytes`. Behind the end there are zeros.
    pub fn read(&self, offset: usize, mut bytes: &mut [u8]) {
        let mut offset = offset;
        while !bytes.is_empty() {
            let start = offset % PAGE_SIZE;
            let (piece, rest) = bytes.split_at_mut(bytes.len().min(PAGE_SIZE - start));
            match self.page(offset / PAGE_SIZE) {
                Some(page) => piece.copy_from_slice(&page[start..start + piece.len()]),
                None => piece.fill(0),
            }
            // Nothing is behind the greatest number, so that it does not matter where the rest is taken from.
            offset = offset.saturating_add(piece.len());
            bytes = rest;
        }
    }

    /// The numbers of the pages that the two do not share, in order: a page whose number is missing is the same in
    /// both, one whose number is there may be.
    pub fn unshared<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let group = |pages: &'a Self, index: usize| pages.groups.get(index).and_then(Option::as_ref);
        let differing = (0..self.groups.len().max(other.groups.len())).filter_map(move |index| {
            match (group(self, index), group(other, index)) {
                (None, None) => None,
                (Some(ours), Some(theirs)) if Arc::ptr_eq(ours, theirs) => None,
                (ours, theirs) => Some((index, ours, theirs)),
            }
        });
        differing.flat_map(|(index, ours, theirs)| {
            let pages = |group: Option<&'a Arc<Group>>| group.map_or(&Group::EMPTY, |group| &group.pages);
            let pairs = pages(ours).iter().zip(pages(theirs)).enumerate();
            let is_shared = |pair: (&Option<Page>, &Option<Page>)| match pair {
                (None, None) => true,
                (Some(ours), Some(theirs)) => ours.is(theirs),
                _ => false,
            };
            pairs.filter(move |&(_, pair)| !is_shared(pair)).map(move |(place, _)| index * GROUP + place)
        })
    }

    /// Where the two differ: ranges of bytes in order, in words of eight. What only one of them has differs.
    pub fn diff(&self, other: &Self) -> Vec<Range<usize>> {
        const WORD: usize = 8;
        let (shorter, longer) = (self.len.min(other.len), self.len.max(other.len));
        let mut ranges = Ranges::default();
        for number in self.unshared(other) {
            let start = number * PAGE_SIZE;
            // What only one of them has is added in the end.
            let common = shorter.saturating_sub(start).min(PAGE_SIZE);
            let [ours, theirs] = [self, other].map(|pages| &pages.page(number).unwrap_or(&ZEROS)[..common]);
            let words = ours.chunks(WORD).zip(theirs.chunks(WORD)).enumerate();
            for (index, (word, _)) in words.filter(|(_, (ours, theirs))| ours != theirs) {
                let start = start + index * WORD;
                ranges.add(start..start + word.len());
            }
        }
        ranges.add(shorter..longer);
        ranges.0
    }

    /// The hashes of the groups that are not zero with their numbers, in order.
    pub(crate) fn group_hashes(&self) -> impl Iterator<Item = (usize, Hash)> {
        let groups = self.groups.iter().enumerate();
        groups.filter_map(|(index, group)| Some((index, group.as_ref()?.hash())))
    }

    /// How much is allocated for these contents that is not shared with `other` in the same places.
    pub(crate) fn bytes_beside(&self, other: Option<&Self>) -> usize {
        let other = other.map_or(&[][..], |other| &other.groups);
        if core::ptr::eq(&*self.groups, other) {
            return 0;
        }
        let mut bytes = slice_held(&self.groups);
        for (index, group) in self.groups.iter().enumerate() {
            let Some(group) = group else { continue };
            let beside = other.get(index).and_then(Option::as_ref);
            if beside.is_some_and(|beside| Arc::ptr_eq(group, beside)) {
                continue;
            }
            let beside = beside.map_or(&Group::EMPTY, |group| &group.pages);
            let is_own = |(page, beside): &(&Option<Page>, &Option<Page>)| match (page, beside) {
                (Some(page), Some(beside)) => !page.is(beside),
                (page, _) => page.is_some(),
            };
            let own = group.pages.iter().zip(beside).filter(is_own).count();
            bytes += ARC_COUNTS + size_of::<Group>() + own * Page::held();
        }
        bytes
    }

    /// Tells `footprint` of what is allocated.
    pub(crate) fn count(&self, footprint: &mut Footprint) {
        if !footprint.add_slice(&self.groups) {
            return;
        }
        for group in self.groups.iter().flatten() {
            if footprint.add(Arc::as_ptr(group).addr(), ARC_COUNTS + size_of::<Group>()) {
                for page in group.pages.iter().flatten() {
                    footprint.add(page.address(), Page::held());
                }
            }
        }
    }
}

/// Ranges that follow each other, those that touch joined.
#[derive(Default)]
struct Ranges(Vec<Range<usize>>);

impl Ranges {
    fn add(&mut self, range: Range<usize>) {
        match self.0.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.0.push(range),
        }
    }
}

/// A page that begins with `bytes`, zeros behind them.
fn padded(bytes: &[u8]) -> [u8; PAGE_SIZE] {
    let mut page = [0; PAGE_SIZE];
    page[..bytes.len()].copy_from_slice(bytes);
    page
}

impl PartialEq for Pages {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && self.unshared(other).all(|number| match (self.page(number), other.page(number)) {
                (Some(ours), Some(theirs)) => ours == theirs,
                // Pages of zeros are absent.
                _ => false,
            })
    }
}

impl Eq for Pages {}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.present().count();
        f.debug_struct("Pages").field("len", &self.len).field("present", &count).finish()
    }
}
