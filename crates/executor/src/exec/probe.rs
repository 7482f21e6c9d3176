//! Self-test of the tail dispatcher: do a thousand dispatches leave the native stack where it was?

use alloc::{vec, vec::Vec};
use rotifer_bytecode::{HandlerTable, Special, Word};

use super::{
    ctx::Ctx,
    regs::{Dispatcher, Handler, Regs, Tail},
};

fn stack_pointer() -> u64 {
    let value: u64;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: I-ASM: reads a register.
    unsafe {
        core::arch::asm!("mov {}, rsp", out(reg) value, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: I-ASM: reads a register.
    unsafe {
        core::arch::asm!("mov {}, sp", out(reg) value, options(nomem, nostack, preserves_flags));
    }
    value
}

/// Notes the stack pointer in slot 0.
struct Mark;
/// Leaves with 1 if the stack pointer is the one in slot 0, else 2.
struct Check;

impl Handler for Mark {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: the code below.
        unsafe {
            *r.sp = stack_pointer();
            r.pc = r.pc.add(1);
            D::next(r)
        }
    }
}

impl Handler for Check {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: the code below; I-CTX.
        unsafe {
            let same = *r.sp == stack_pointer();
            D::exit(r, if same { 1 } else { 2 })
        }
    }
}

pub(super) fn tail_calls_are_jumps(handlers: &'static HandlerTable) -> bool {
    let mut code: Vec<Word> = vec![Word { handler: Tail::addr::<Mark>() }];
    for i in 0..1_000u32 {
        let op = if i % 2 == 0 { Special::Copy } else { Special::Const32 };
        code.push(Word { handler: handlers[op.code().0 as usize] });
        code.push(Word::operands(1, 2, 1));
    }
    code.push(Word { handler: Tail::addr::<Check>() });
    let mut slots = [0u64; 4];
    let mut ctx = Ctx::new();
    let mut regs = Regs {
        pc: code.as_ptr(),
        sp: slots.as_mut_ptr(),
        mem: core::ptr::null_mut(),
        acc: 0,
        l0: 0,
        fuel: 0,
        ctx: &raw mut ctx,
        lp: core::ptr::null(),
        facc: 0,
        fl0: 0,
        fl1: 0,
    };
    // SAFETY: I-CELL: the code above, whose ops touch the slots 0 to 2 only, read no memory and no instance.
    unsafe { Tail::next(&mut regs) == 1 }
}
