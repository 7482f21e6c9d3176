//! Address space from the operating system: memories that are mapped, and images of their first contents.
//!
//! A mapped memory can have its contents taken away again at the cost of the pages that were touched, and begin with
//! the contents of an image of which it copies only the pages that it writes to. Where there is no such system
//! (everywhere but on 64-bit Linux with `std`), [`Mapping::new`] gives nothing, and memories come from the allocator.
//!
//! I-MAP: a mapping is a range of pages that nobody else has, readable and writable, from when it was made until it is
//! dropped. Pages over which no image lies are zero until they are written to.

#[cfg(all(feature = "std", target_os = "linux", target_pointer_width = "64", not(miri)))]
pub(crate) use self::linux::{Image, Mapping};
#[cfg(not(all(feature = "std", target_os = "linux", target_pointer_width = "64", not(miri))))]
pub(crate) use self::none::{Image, Mapping};

#[cfg(all(feature = "std", target_os = "linux", target_pointer_width = "64", not(miri)))]
mod pagemap;

#[cfg(all(feature = "std", target_os = "linux", target_pointer_width = "64", not(miri)))]
mod linux {
    use core::{ffi::c_void, ops::Range, ptr::NonNull};
    use rustix::{
        fd::OwnedFd,
        fs::{MemfdFlags, ftruncate, memfd_create},
        mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap},
        param::page_size,
    };

    use super::pagemap;
    use crate::sync::OnceLock;

    const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

    /// Whether [`Mapping::discard`] does what it should.
    static DISCARDS: OnceLock<bool> = OnceLock::new();

    /// A range of pages.
    #[derive(Debug)]
    pub(crate) struct Mapping {
        start: NonNull<u8>,
        len: usize,
    }

    impl Mapping {
        /// The size of a page.
        pub(crate) fn page() -> usize {
            page_size()
        }

        /// A mapping of `len` bytes, a multiple of the size of a page.
        pub(crate) fn new(len: usize) -> Option<Self> {
            if !*DISCARDS.get_or_init(|| Self::finds_out().unwrap_or(false)) {
                return None;
            }
            Self::map(len)
        }

        /// Whether contents that are taken away are gone. Emulators of the system have been known to do nothing.
        fn finds_out() -> Option<bool> {
            let page = Self::page();
            let image = Image::with(page, |bytes| bytes.fill(2))?;
            let pages = Self::map(2 * page)?;
            pages.map_image(page, &image).ok()?;
            let at = |offset: usize| pages.start.as_ptr().wrapping_add(offset);
            // SAFETY: I-MAP: the bytes lie in the mapping. Volatile, because the system changes them.
            unsafe {
                at(0).write_volatile(1);
                at(page).write_volatile(1);
            }
            pages.discard(0, 2 * page).ok()?;
            // SAFETY: I-MAP: as above.
            Some(unsafe { (at(0).read_volatile(), at(page).read_volatile()) } == (0, 2))
        }

        fn map(len: usize) -> Option<Self> {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
            // SAFETY: I-MAP: new pages at an address that the system chooses.
            let start = unsafe { mmap_anonymous(core::ptr::null_mut(), len, READ_WRITE, flags) }.ok()?;
            Some(Self { start: NonNull::new(start.cast())?, len })
        }

        /// The first byte.
        pub(crate) fn start(&self) -> NonNull<u8> {
            self.start
        }

        /// Lays an image over the pages from the byte `at` on.
        ///
        /// # Errors
        /// The system refuses. The pages may be gone: the mapping must not be used again.
        pub(crate) fn map_image(&self, at: usize, image: &Image) -> Result<(), ()> {
            let place = self.place(at, image.len).ok_or(())?;
            let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
            // SAFETY: I-MAP: the pages are this mapping's.
            let mapped = unsafe { mmap(place, image.len, READ_WRITE, flags, &image.file, 0) };
            mapped.map(drop).map_err(drop)
        }

        /// Where a range lies, if it is within the mapping.
        fn place(&self, at: usize, len: usize) -> Option<*mut c_void> {
            at.checked_add(len).filter(|&end| end <= self.len)?;
            // SAFETY: I-MAP: the range lies within the mapping.
            Some(unsafe { self.start.add(at) }.as_ptr().cast())
        }

        /// Takes the contents of pages away: they are those of the image that lies over them again, or zero.
        ///
        /// # Errors
        /// The system refuses.
        pub(crate) fn discard(&self, at: usize, len: usize) -> Result<(), ()> {
            let place = self.place(at, len).ok_or(())?;
            // SAFETY: I-MAP: the pages are this mapping's.
            unsafe { madvise(place, len, Advice::LinuxDontNeed) }.map_err(drop)
        }

        /// Finds the pages from `at` on that have contents of their own, neither zeros that nobody wrote nor those of an
        /// image, and hands their ranges to `found`, as offsets from `at`. There may be more than were written to.
        ///
        /// `None` if the system does not tell, or if there are more than `limit` bytes of them: then not all ranges
        /// were handed over.
        pub(crate) fn written(
            &self,
            at: usize,
            len: usize,
            limit: usize,
            mut found: impl FnMut(Range<usize>),
        ) -> Option<()> {
            let start = self.place(at, len)?.addr();
            pagemap::private(start..start + len, limit, |range| found(range.start - start..range.end - start))
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: I-MAP: the pages are this mapping's, and nobody uses it any more.
            let unmapped = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), self.len) };
            debug_assert!(unmapped.is_ok());
        }
    }

    /// Contents that mappings can begin with.
    #[derive(Debug)]
    pub(crate) struct Image {
        file: OwnedFd,
        /// The pages of the file, to read from.
        pages: Mapping,
        len: usize,
    }

    // SAFETY: I-MAP: nobody writes to the pages of an image once it is made.
    unsafe impl Send for Image {}
    // SAFETY: as for `Send`.
    unsafe impl Sync for Image {}

    impl Image {
        /// An image of `len` bytes, a multiple of the size of a page, which `fill` writes over zeros.
        pub(crate) fn new(len: usize, fill: impl FnOnce(&mut [u8])) -> Option<Self> {
            if DISCARDS.get() == Some(&false) {
                return None;
            }
            Self::with(len, fill)
        }

        fn with(len: usize, fill: impl FnOnce(&mut [u8])) -> Option<Self> {
            let file = memfd_create("rotifer-image", MemfdFlags::CLOEXEC).ok()?;
            ftruncate(&file, len as u64).ok()?;
            // SAFETY: I-MAP: new pages at an address that the system chooses.
            let start =
                unsafe { mmap(core::ptr::null_mut(), len, READ_WRITE, MapFlags::SHARED, &file, 0) }.ok()?;
            let pages = Mapping { start: NonNull::new(start.cast())?, len };
            // SAFETY: I-MAP: nobody else has the pages, nor the file.
            fill(unsafe { core::slice::from_raw_parts_mut(pages.start.as_ptr(), len) });
            Some(Self { file, pages, len })
        }

        /// The contents.
        pub(crate) fn bytes(&self) -> &[u8] {
            // SAFETY: I-MAP: nobody writes to the pages of an image once it is made.
            unsafe { core::slice::from_raw_parts(self.pages.start.as_ptr(), self.len) }
        }
    }
}

#[cfg(not(all(feature = "std", target_os = "linux", target_pointer_width = "64", not(miri))))]
mod none {
    use core::ptr::NonNull;

    /// There is none.
    #[derive(Debug)]
    pub(crate) enum Mapping {}

    impl Mapping {
        pub(crate) fn page() -> usize {
            1
        }

        pub(crate) fn new(_: usize) -> Option<Self> {
            None
        }

        pub(crate) fn start(&self) -> NonNull<u8> {
            match *self {}
        }

        pub(crate) fn map_image(&self, _: usize, _: &Image) -> Result<(), ()> {
            match *self {}
        }

        pub(crate) fn discard(&self, _: usize, _: usize) -> Result<(), ()> {
            match *self {}
        }

        pub(crate) fn written(
            &self,
            _: usize,
            _: usize,
            _: usize,
            _: impl FnMut(core::ops::Range<usize>),
        ) -> Option<()> {
            match *self {}
        }
    }

    /// There is none.
    #[derive(Debug)]
    pub(crate) enum Image {}

    impl Image {
        pub(crate) fn new(_: usize, _: impl FnOnce(&mut [u8])) -> Option<Self> {
            None
        }

        pub(crate) fn bytes(&self) -> &[u8] {
            match *self {}
        }
    }
}
