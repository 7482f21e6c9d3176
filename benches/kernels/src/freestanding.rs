//! What a module without an operating system needs: an allocator and a panic handler.
//!
//! The allocator only moves forward through memory it grows; freeing does nothing. Each call of a kernel
//! starts over with [`free_everything`], so repeated calls run in the same memory and do the same work.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32::{memory_grow, memory_size},
    panic::PanicInfo,
    ptr::null_mut,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

const PAGE_SIZE: usize = 65536;

unsafe extern "C" {
    /// Placed by the linker after the last static.
    static __heap_base: u8;
}

/// The first free byte, or 0 before the first allocation.
static NEXT: AtomicUsize = AtomicUsize::new(0);

struct Bump;

#[global_allocator]
static ALLOCATOR: Bump = Bump;

// SAFETY: the blocks handed out between two calls of `free_everything` do not overlap, because `NEXT` only
// grows, and lie inside linear memory, because it is grown before `NEXT` moves.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = match NEXT.load(Relaxed) {
            0 => &raw const __heap_base as usize,
            next => next,
        };
        let start = base.next_multiple_of(layout.align());
        let end = start + layout.size();
        let size = memory_size::<0>() * PAGE_SIZE;
        if end > size && memory_grow::<0>((end - size).div_ceil(PAGE_SIZE)) == usize::MAX {
            return null_mut();
        }
        NEXT.store(end, Relaxed);
        start as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

/// Makes all memory free again. Nothing allocated before may be in use: the exports call this first, and
/// kernels keep nothing between calls.
pub(crate) fn free_everything() {
    NEXT.store(0, Relaxed);
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
