//! [`FuncBlock`]: the functions that an instance defines.
//!
//! A large module has thousands, of which few are ever referred to: calls within an instance do not need them. So
//! the block begins as zeroed memory, which costs nothing until it is touched, and a function is made when somebody
//! asks for it.
//!
//! I-FUNC: a function's address leaves the block only after the function was made. Whether it was says
//! [`Func::host`], which is written last (Release) and read first (Acquire); the making is done under a lock, because
//! those who share a store may ask at the same time.

use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::{ptr::NonNull, sync::atomic::Ordering};
use rotifer_core::FuncIdx;

use crate::{
    code::ModuleCode,
    entity::{Func, Instance},
    store::NewEntityError,
    sync::Mutex,
};

/// The functions that an instance defines.
#[derive(Debug)]
pub(crate) struct FuncBlock {
    first: NonNull<Func>,
    len: usize,
    instance: *const Instance,
    making: Mutex<()>,
}

impl FuncBlock {
    /// A block of `len` functions of the instance at an address, none of them made.
    pub(crate) fn new(len: usize, instance: *const Instance) -> Result<Self, NewEntityError> {
        let layout = Layout::array::<Func>(len).map_err(|_| NewEntityError::OutOfMemory)?;
        let first = if len == 0 {
            NonNull::dangling()
        } else {
            // SAFETY: I-FUNC: the layout is not empty.
            let block = unsafe { alloc_zeroed(layout) };
            NonNull::new(block.cast::<Func>()).ok_or(NewEntityError::OutOfMemory)?
        };
        Ok(Self { first, len, instance, making: Mutex::new(()) })
    }

    /// The first function, made or not.
    #[inline(always)]
    pub(crate) fn first(&self) -> NonNull<Func> {
        self.first
    }

    /// A function, which is made if need be. `code` is the module of the instance.
    #[inline]
    pub(crate) fn get(&self, code: &ModuleCode, defined: usize) -> Option<NonNull<Func>> {
        if defined >= self.len {
            return None;
        }
        // SAFETY: I-FUNC: the function lies within the block.
        let func = unsafe { self.first.add(defined) };
        // SAFETY: I-FUNC: as above; no reference to the other fields is made.
        if unsafe { is_made(func) } {
            return Some(func);
        }
        self.make(func, code, defined);
        Some(func)
    }

    #[cold]
    #[inline(never)]
    fn make(&self, func: NonNull<Func>, code: &ModuleCode, defined: usize) {
        let _making = self.making.lock();
        let index = code.module.imported_functions as usize + defined;
        // SAFETY: I-FUNC: the function lies within the block.
        if unsafe { is_made(func) } {
            return;
        }
        // SAFETY: I-FUNC: nobody has the function's address before it is made, and nobody else makes it now.
        unsafe {
            let func = func.as_ptr();
            (*func).type_id = code.type_ids[code.module.functions[index].index()];
            (*func).index = FuncIdx(index as u32);
            (*func).entry = &raw const code.entries()[defined];
            (*func).instance = self.instance;
            (*func).host.store(Func::WASM, Ordering::Release);
        }
    }
}

/// Whether a function of a block was made.
///
/// # Safety
/// I-FUNC: it lies within a block.
#[inline(always)]
pub(crate) unsafe fn is_made(func: NonNull<Func>) -> bool {
    // SAFETY: promised by the caller; the number of the host is all that is read.
    unsafe { (*func.as_ptr()).host.load(Ordering::Acquire) == Func::WASM }
}

impl Drop for FuncBlock {
    fn drop(&mut self) {
        if let Ok(layout) = Layout::array::<Func>(self.len)
            && self.len > 0
        {
            // SAFETY: I-FUNC: the block was allocated with this layout, and is freed once. Functions own nothing.
            unsafe { dealloc(self.first.as_ptr().cast(), layout) };
        }
    }
}
