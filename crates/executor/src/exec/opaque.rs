//! What keeps the optimiser from doing what would cost more than it saves.
//!
//! Inline assembly without any instruction gives back a value of which the optimiser then knows nothing. Stable
//! Rust has no assembly for WebAssembly, and other machines of 32 bits have no register for a `u64`: there, a
//! volatile read stands in, or nothing where only speed is lost.

use rotifer_bytecode::{Word, semantics::Value};
#[cfg(all(not(miri), target_arch = "x86_64"))]
use rotifer_core::ValType;

/// The value in a register, where inline assembly knows the machine's.
macro_rules! with_assembly {
    ($value:ident, $otherwise:expr) => {{
        #[cfg(all(not(miri), any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            let mut value = $value;
            // SAFETY: I-ASM: no instruction at all.
            unsafe {
                core::arch::asm!("/* {0} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags));
            }
            value
        }
        #[cfg(not(all(not(miri), any(target_arch = "x86_64", target_arch = "aarch64"))))]
        $otherwise
    }};
}

/// The same number, computed here and not later.
#[inline(always)]
pub(crate) fn number(number: u64) -> u64 {
    with_assembly!(number, number)
}

/// The same slot, not known to be the one behind the last: a loop that goes from slot to slot is not unrolled, for
/// which the handler would have to save registers.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written through it")]
pub(crate) fn slot(slot: *mut u64) -> *mut u64 {
    with_assembly!(slot, slot)
}

/// The same data of a memory, whose length is read again: kept, it would take a register that the handler has to save.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written through it")]
pub(crate) fn data(data: *mut u8) -> *mut u8 {
    with_assembly!(data, data)
}

/// The target of a branch that is taken. It must differ from the way on in more than a number, or the optimiser
/// selects the next cell by conditional move, and it would depend on what was compared instead of being predicted
/// (executor.md 4.2: 1.25 against 3.75 ns).
///
/// # Safety
/// I-CELL: `cell` is the branch, whose first word can be read.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written through it")]
pub(crate) unsafe fn taken(target: *const Word, cell: *const Word) -> *const Word {
    let _ = cell;
    with_assembly!(target, {
        // SAFETY: promised by the caller. The value does not matter: a volatile read happens in this arm only.
        let _ = unsafe { cell.cast::<u32>().read_volatile() };
        target
    })
}

/// Defines functions that give back a cell, of which the optimiser then believes that it depends on a number in a
/// register of this class.
macro_rules! behind {
    ($( $(#[$doc:meta])* $name:ident $ty:ty, $x86_64:ident, $aarch64:ident $text:literal; )*) => {$(
        $(#[$doc])*
        #[inline(always)]
        #[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written through it")]
        pub(crate) fn $name(cell: *const Word, number: $ty) -> *const Word {
            #[cfg(all(not(miri), any(target_arch = "x86_64", target_arch = "aarch64")))]
            {
                let mut cell = cell;
                #[cfg(target_arch = "x86_64")]
                // SAFETY: I-ASM: no instruction at all.
                unsafe {
                    core::arch::asm!("/* {0} {1} */", inout(reg) cell, in($x86_64) number,
                        options(pure, nomem, nostack, preserves_flags));
                }
                #[cfg(target_arch = "aarch64")]
                // SAFETY: I-ASM: no instruction at all.
                unsafe {
                    core::arch::asm!($text, inout(reg) cell, in($aarch64) number,
                        options(pure, nomem, nostack, preserves_flags));
                }
                cell
            }
            #[cfg(not(all(not(miri), any(target_arch = "x86_64", target_arch = "aarch64"))))]
            {
                let _ = number;
                cell
            }
        }
    )*};
}

behind! {
    /// The same cell, whose further words are read after the number was computed: were they read before, the handler
    /// would have to save registers for them.
    behind u64, reg, reg "/* {0} {1} */";
    /// The same for a number in a vector register.
    behind_f32 f32, xmm_reg, vreg "/* {0} {1:v} */";
    /// The same for a number in a vector register.
    behind_f64 f64, xmm_reg, vreg "/* {0} {1:v} */";
}

/// What a number is in a slot. An f32 stays in a vector register, from where it goes to another and to memory: the way
/// through a register of integers, which is how the compiler extends it, takes as long as two additions.
#[inline(always)]
pub(crate) fn slot_bits<T: Value>(value: T) -> u64 {
    #[cfg(all(not(miri), target_arch = "x86_64"))]
    if const { matches!(T::TYPE, ValType::F32) } {
        use core::arch::x86_64::{_mm_castps_pd, _mm_cvtsd_f64, _mm_set_ss};
        let value = f32::from_bits(value.to_slot() as u32);
        // SAFETY: I-ASM: every machine of this architecture has SSE2.
        return unsafe { _mm_cvtsd_f64(_mm_castps_pd(_mm_set_ss(value))) }.to_bits();
    }
    value.to_slot()
}

/// Has the function that this is inlined into begin with a cache line, where functions have sections of their own.
///
/// The front end of the processor takes a cycle for each line of code that it goes to: a handler of 40 bytes that
/// lies across the end of a line takes three where it could take two. Stable Rust cannot align functions, but the
/// assembler aligns a section to whatever is aligned in it; a pad of at most a byte, which is none at the function's
/// start, keeps instructions out of it.
#[cfg(rotifer_tail)]
#[inline(always)]
pub(crate) fn align_handler() {
    #[cfg(all(not(miri), target_arch = "x86_64"))]
    // SAFETY: I-ASM: no instruction, or one that does nothing.
    unsafe {
        core::arch::asm!(".p2align 6, , 1", options(nomem, nostack, preserves_flags));
    }
}
