//! Which pages of a process have contents of their own: the `PAGEMAP_SCAN` request of Linux 6.7
//! ([documentation](https://docs.kernel.org/admin-guide/mm/pagemap.html)).
//!
//! The system does not say what was written since some time, but what was written ever: pages stay in the answer until
//! their contents are taken away.

use core::{ffi::c_void, mem::size_of, ops::Range};
use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags, open},
    io,
    ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode},
    process::{Pid, getpid},
};

use crate::sync::Mutex;

const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const PFNZERO: u64 = 1 << 5;

/// `struct pm_scan_arg`, on a machine whose addresses have 64 bits.
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: *mut Region,
    region_count: u64,
    max_pages: u64,
    inverted: u64,
    all_of: u64,
    any_of: u64,
    returned: u64,
}

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

struct Request<'a>(&'a mut Scan);

// SAFETY: I-MAP: the request reads and writes the structure that the pointer leads to, and writes to the regions it names.
unsafe impl Ioctl for Request<'_> {
    type Output = usize;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<Scan>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        core::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(found: IoctlOutput, _: *mut c_void) -> io::Result<usize> {
        Ok(found as usize)
    }
}

/// The open file, and whose pages it tells of: those of the process that opened it, also after a fork.
enum Source {
    Unknown,
    None,
    File(OwnedFd, Pid),
}

static SOURCE: std::sync::LazyLock<Mutex<Source>> = std::sync::LazyLock::new(|| Mutex::new(Source::Unknown));

/// Finds the pages in a range of addresses that have contents of their own. `None` if the system does not tell, or if
/// they are more than `limit` bytes.
pub(super) fn private(range: Range<usize>, limit: usize, found: impl FnMut(Range<usize>)) -> Option<()> {
    let mut source = SOURCE.lock();
    let process = getpid();
    if !matches!(&*source, Source::None) && !matches!(&*source, Source::File(_, owner) if *owner == process) {
        let file = open("/proc/self/pagemap", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        *source = file.map_or(Source::None, |file| Source::File(file, process));
    }
    let Source::File(file, _) = &*source else { return None };
    let scanned = scan(file, range, limit, found);
    if scanned == Err(io::Errno::NOTTY) {
        // An older system.
        *source = Source::None;
    }
    scanned.ok()?
}

fn scan(
    file: &OwnedFd,
    range: Range<usize>,
    limit: usize,
    mut found: impl FnMut(Range<usize>),
) -> io::Result<Option<()>> {
    let mut regions = [Region::default(); 64];
    let mut left = limit;
    let mut start = range.start as u64;
    // One request may end before the range does, with room for more regions or without.
    while start < range.end as u64 {
        let mut request = Scan {
            size: size_of::<Scan>() as u64,
            flags: 0,
            start,
            end: range.end as u64,
            walk_end: 0,
            regions: regions.as_mut_ptr(),
            region_count: regions.len() as u64,
            max_pages: 0,
            inverted: FILE | PFNZERO,
            all_of: FILE | PFNZERO,
            any_of: PRESENT | SWAPPED,
            returned: PRESENT,
        };
        // SAFETY: I-MAP: the regions are those of the array, which lives longer.
        let count = unsafe { ioctl(file, Request(&mut request)) }?;
        for region in regions.iter().take(count) {
            let range = region.start as usize..region.end as usize;
            let Some(rest) = left.checked_sub(range.len()) else { return Ok(None) };
            left = rest;
            found(range);
        }
        if request.walk_end <= start {
            return Ok(None);
        }
        start = request.walk_end;
    }
    Ok(Some(()))
}
