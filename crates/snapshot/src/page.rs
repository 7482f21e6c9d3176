//! [`Page`]: 4 KiB of a memory that any number of states share.
//!
//! A page never changes once somebody shares it. Pages that are zero from end to end are not kept at all; who has
//! none reads zeros.

use crate::{
    cached_hash::{CachedHash, Hash},
    footprint::ARC_COUNTS,
};
use alloc::sync::{Arc, Weak};
use core::fmt;

/// The size of a page. Not a page of WebAssembly, which has 64 KiB: sixteen of these.
pub const PAGE_SIZE: usize = 4096;

/// What a page that is not kept reads as.
pub(crate) static ZEROS: [u8; PAGE_SIZE] = [0; PAGE_SIZE];

/// 4 KiB of a memory, shared and unchanging.
#[derive(Clone)]
pub(crate) struct Page(Arc<Contents>);

#[derive(Clone)]
struct Contents {
    bytes: [u8; PAGE_SIZE],
    hash: CachedHash,
}

impl Page {
    pub(crate) fn new(bytes: &[u8; PAGE_SIZE]) -> Self {
        Self(Arc::new(Contents { bytes: *bytes, hash: CachedHash::default() }))
    }

    pub(crate) fn bytes(&self) -> &[u8; PAGE_SIZE] {
        &self.0.bytes
    }

    /// The bytes, to be changed: those of a copy, if somebody shares the page.
    pub(crate) fn make_mut(&mut self) -> &mut [u8; PAGE_SIZE] {
        let contents = Arc::make_mut(&mut self.0);
        contents.hash.clear();
        &mut contents.bytes
    }

    /// The hash of the bytes.
    pub(crate) fn hash(&self) -> Hash {
        self.0.hash.get_or(|| *blake3::hash(&self.0.bytes).as_bytes())
    }

    /// Whether the two are one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A name for the page that does not keep it.
    pub(crate) fn downgrade(&self) -> WeakPage {
        WeakPage(Arc::downgrade(&self.0))
    }

    /// The same for the same page, and no other page's as long as this one lives.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Bytes allocated.
    pub(crate) const fn held() -> usize {
        size_of::<Contents>() + ARC_COUNTS
    }
}

/// A name for a page that does not keep its contents, though it does keep the memory they took.
#[derive(Clone)]
pub(crate) struct WeakPage(Weak<Contents>);

impl WeakPage {
    pub(crate) fn upgrade(&self) -> Option<Page> {
        self.0.upgrade().map(Page)
    }

    /// Whether somebody has the page.
    pub(crate) fn is_used(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl fmt::Debug for WeakPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.upgrade().fmt(f)
    }
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.is(other) || self.bytes() == other.bytes()
    }
}

impl Eq for Page {}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.bytes().iter().filter(|&&byte| byte != 0).count();
        write!(f, "Page({used} bytes are not zero)")
    }
}

/// Whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // In pieces, each without a branch, so that they compile to vector instructions.
    let mut pieces = bytes.chunks_exact(128);
    let is_piece_zero = |piece: &[u8]| piece.iter().fold(0, |sum, byte| sum | byte) == 0;
    pieces.all(is_piece_zero) && is_piece_zero(pieces.remainder())
}
