//! The virtual registers and the two ways to go from cell to cell.
//!
//! A handler is written once, against [`Regs`] and a [`Dispatcher`]. The tail dispatcher keeps the registers in
//! machine registers, as arguments of the handlers, and ends each handler by a call of the next one that LLVM
//! turns into a jump. The loop dispatcher keeps them in the activation and returns to a loop after each handler.
//!
//! Rules for handlers, on which the jump depends: no local whose address escapes, nothing with a destructor, no
//! panic, no call that is not inlined on the hot path.

use rotifer_bytecode::{HandlerAddr, Word};
use rotifer_core::TrapCode;

use super::{Dispatch, count, ctx::Ctx};

/// The registers.
pub(crate) struct Regs {
    /// The cell being executed.
    pub(crate) pc: *const Word,
    /// The frame: slot 0 of the function.
    pub(crate) sp: *mut u64,
    /// The data of memory 0; its length lies 8 bytes before.
    pub(crate) mem: *mut u8,
    /// The accumulator of integers and references.
    pub(crate) acc: u64,
    /// The pinned local of the innermost loop, if it has one: the loop's header says in which slot it is, too.
    pub(crate) l0: u64,
    /// What metered handlers pay with, a `u32`. Others may use it as they like (it is reserved for a second pinned
    /// local of innermost loops).
    pub(crate) fuel: u64,
    /// The activation.
    pub(crate) ctx: *mut Ctx,
    /// The loop register: the header of the innermost loop.
    pub(crate) lp: *const Word,
    /// The accumulator of floats, as bits.
    pub(crate) facc: u64,
    /// The sum of the innermost loop, if it has one, as bits: the loop's header says in which slot it is, too.
    pub(crate) fl0: u64,
    /// A second pinned float (reserved).
    #[cfg(rotifer_tail)]
    pub(crate) fl1: u64,
}

/// Why a handler left the dispatcher. The numbers below [`Exit::HOST_EXIT`] are those of trap codes.
pub(crate) struct Exit;

impl Exit {
    /// The outermost frame has returned.
    pub(crate) const HOST_EXIT: usize = 0x100;
    /// A [`rotifer_bytecode::SlowOp`] is next.
    pub(crate) const SLOW: usize = 0x102;
    /// The same, of memory 0: the cell names none.
    pub(crate) const SLOW_FIRST: usize = 0x10C;
    /// The stack or the depth does not suffice for the call at `ctx.pc` of the function with the entry
    /// `ctx.entry`, or that function is not translated yet: its stub asks for more stack than there can be.
    pub(crate) const STACK: usize = 0x101;
    /// The same at a tail call.
    pub(crate) const STACK_TAIL: usize = 0x103;
    /// `ctx.callee`, a host function or one of another instance, is called with frame `ctx.frame`; `ctx.pc` is where
    /// the call returns to.
    pub(crate) const CALL_FUNC: usize = 0x104;
    /// The same as a tail call.
    pub(crate) const RETURN_CALL_FUNC: usize = 0x105;
    /// A call between instances returns.
    pub(crate) const RETURN_CROSS: usize = 0x106;
    /// The fuel does not pay for where a branch goes: `ctx.pc` is the word with its costs, the first of which is
    /// owed, and the word before is the target.
    pub(crate) const FUEL_CELL: usize = 0x107;
    /// The same, but the target is in the loop register.
    pub(crate) const FUEL_LOOP: usize = 0x108;
    /// The fuel does not pay for what is behind the word `ctx.pc`: the second cost is owed.
    pub(crate) const FUEL_BEHIND: usize = 0x109;
    /// The fuel does not pay for the function whose header is at `ctx.pc`: the first number is owed.
    pub(crate) const FUEL_ENTRY: usize = 0x10A;
    /// The function that the `ref.func` at `ctx.pc` names is not made yet (I-FUNC).
    pub(crate) const MAKE_FUNC: usize = 0x10B;
}

/// A way to go from cell to cell.
pub(crate) trait Dispatcher: Sized {
    /// What a handler returns.
    type Out;

    /// Goes on with the cell at `r.pc`.
    ///
    /// # Safety
    /// I-CELL: `r.pc` is the first word of a cell, and all registers are as its op expects them.
    unsafe fn next(r: &mut Regs) -> Self::Out;

    /// Goes on with a handler, which no cell names, out of line. A path that is seldom taken costs the others no
    /// registers then.
    ///
    /// # Safety
    /// All registers are as the handler expects them.
    unsafe fn divert<H: Handler>(r: &mut Regs) -> Self::Out;

    /// Leaves the dispatcher; the registers are saved in the activation.
    ///
    /// # Safety
    /// I-CTX: `r.ctx` is the activation's.
    unsafe fn exit(r: &mut Regs, reason: usize) -> Self::Out;

    /// The address of a handler for this dispatcher.
    fn addr<H: Handler>() -> HandlerAddr;

    /// The address of the same handler compiled for what a CPU has that [is better](super::cpu::is_better).
    fn addr_for_cpu<H: Handler>() -> HandlerAddr;

    /// Runs from the registers saved in an activation until a handler leaves.
    ///
    /// # Safety
    /// I-CTX, and I-CELL for the saved registers.
    unsafe fn run(ctx: *mut Ctx) -> usize;
}

/// What a handler does. Implemented by zero-sized types, never by values.
pub(crate) trait Handler {
    /// Executes the cell at `r.pc`.
    ///
    /// # Safety
    /// I-CELL: `r.pc` is a cell of this handler, in code whose slots, immediates and targets the translator
    /// wrote for this op; I-FRAME: `r.sp` has room for the function's frame.
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out;
}

/// Leaves the dispatcher for a reason.
pub(crate) struct Leave<const REASON: usize>;

impl<const REASON: usize> Handler for Leave<REASON> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: promised by the caller.
        unsafe { D::exit(r, REASON) }
    }
}

/// Leaves the dispatcher for a trap. Where the code is a constant, this is a jump.
///
/// # Safety
/// I-CTX.
#[inline(always)]
pub(crate) unsafe fn trap<D: Dispatcher>(r: &mut Regs, code: TrapCode) -> D::Out {
    macro_rules! leave {
        ($( $code:ident )*) => {
            match code {
                // SAFETY: promised by the caller.
                $( TrapCode::$code => unsafe { D::divert::<Leave<{ TrapCode::$code as usize }>>(r) }, )*
                // SAFETY: promised by the caller.
                _ => unsafe { D::exit(r, code as usize) },
            }
        };
    }
    leave! {
        MemoryOutOfBounds IntegerDivisionByZero IntegerOverflow BadConversionToInteger UndefinedElement
        IndirectCallToNull BadSignature UnreachableCodeReached
    }
}

#[inline(always)]
unsafe fn save(r: &Regs) {
    // SAFETY: I-CTX, promised by the caller; nothing else refers to the activation while handlers run.
    let ctx = unsafe { &mut *r.ctx };
    ctx.pc = r.pc;
    ctx.sp = r.sp;
    ctx.acc = r.acc;
    ctx.facc = r.facc;
    ctx.lp = r.lp;
    ctx.l0 = r.l0;
    ctx.fl0 = r.fl0;
    ctx.fuel = u64::from(r.fuel as u32);
}

#[cfg(any(not(rotifer_tail), feature = "both-dispatchers"))]
pub(crate) use looped::Loop;

#[cfg(any(not(rotifer_tail), feature = "both-dispatchers"))]
mod looped {
    use super::*;

    /// Registers in the activation, a loop around the handlers. Only the cell being executed goes from handler to
    /// handler in a machine register: it is what everything else waits for.
    pub(crate) struct Loop;

    /// Takes the cell to execute and returns the one that is next, or null if the dispatcher is left.
    type LoopFn = unsafe fn(&mut Ctx, *const Word) -> *const Word;

    /// A handler that works on copies of the registers. What it does not change is not written back, because the
    /// compiler knows that nothing else refers to the activation.
    #[inline(always)]
    unsafe fn run<H: Handler>(ctx: &mut Ctx, pc: *const Word) -> *const Word {
        let mut r = Regs {
            pc,
            sp: ctx.sp,
            mem: ctx.looped.mem,
            acc: ctx.acc,
            l0: ctx.l0,
            fuel: ctx.fuel,
            ctx,
            lp: ctx.lp,
            facc: ctx.facc,
            fl0: ctx.fl0,
            #[cfg(rotifer_tail)]
            fl1: 0,
        };
        // SAFETY: the caller's promise is the same.
        unsafe { H::run::<Loop>(&mut r) }
    }

    unsafe fn looped<H: Handler>(ctx: &mut Ctx, pc: *const Word) -> *const Word {
        // SAFETY: the caller's promise is the same.
        unsafe { run::<H>(ctx, pc) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "sse4.1,popcnt,bmi1")]
    unsafe fn for_cpu<H: Handler>(ctx: &mut Ctx, pc: *const Word) -> *const Word {
        // SAFETY: the caller's promise is the same.
        unsafe { run::<H>(ctx, pc) }
    }

    #[cold]
    #[inline(never)]
    unsafe fn diverted<H: Handler>(ctx: &mut Ctx, pc: *const Word) -> *const Word {
        // SAFETY: the caller's promise is the same.
        unsafe { run::<H>(ctx, pc) }
    }

    /// Ends the work on copies.
    #[inline(always)]
    unsafe fn write_back(r: &Regs) {
        // SAFETY: I-CTX, promised by the caller; nothing else refers to the activation while handlers run.
        let ctx = unsafe { &mut *r.ctx };
        ctx.sp = r.sp;
        ctx.acc = r.acc;
        ctx.l0 = r.l0;
        ctx.fuel = r.fuel;
        ctx.lp = r.lp;
        ctx.facc = r.facc;
        ctx.fl0 = r.fl0;
    }

    impl Dispatcher for Loop {
        type Out = *const Word;

        #[inline(always)]
        unsafe fn next(r: &mut Regs) -> *const Word {
            // SAFETY: promised by the caller.
            unsafe { write_back(r) };
            r.pc
        }

        #[inline(always)]
        unsafe fn divert<H: Handler>(r: &mut Regs) -> *const Word {
            // SAFETY: promised by the caller.
            unsafe {
                write_back(r);
                diverted::<H>(&mut *r.ctx, r.pc)
            }
        }

        #[inline(always)]
        unsafe fn exit(r: &mut Regs, reason: usize) -> *const Word {
            // SAFETY: promised by the caller.
            unsafe {
                save(r);
                (*r.ctx).looped.reason = reason;
            }
            core::ptr::null()
        }

        fn addr<H: Handler>() -> HandlerAddr {
            HandlerAddr(looped::<H> as LoopFn as *const ())
        }

        fn addr_for_cpu<H: Handler>() -> HandlerAddr {
            #[cfg(target_arch = "x86_64")]
            return HandlerAddr(for_cpu::<H> as LoopFn as *const ());
            #[cfg(not(target_arch = "x86_64"))]
            Self::addr::<H>()
        }

        unsafe fn run(ctx: *mut Ctx) -> usize {
            // SAFETY: I-CTX, promised by the caller.
            let ctx = unsafe { &mut *ctx };
            ctx.looped.mem = ctx.memory0();
            let mut pc = ctx.pc;
            loop {
                // SAFETY: I-CELL: the first word of a cell is a handler, and code for this dispatcher was made
                // with the table of this dispatcher.
                pc = unsafe {
                    let handler = count::handler::<{ Dispatch::Loop as usize }>((*pc).handler);
                    let handler = core::mem::transmute::<*const (), LoopFn>(handler);
                    handler(ctx, pc)
                };
                if pc.is_null() {
                    return ctx.looped.reason;
                }
            }
        }
    }
}

#[cfg(rotifer_tail)]
pub(crate) use tail::Tail;

#[cfg(rotifer_tail)]
mod tail {
    use super::*;
    use crate::address;

    /// Registers in machine registers, each handler jumps to the next.
    pub(crate) struct Tail;

    /// The registers saved in an activation.
    #[inline(always)]
    fn load(ctx: *mut Ctx) -> Regs {
        // SAFETY: I-CTX: callers pass the live activation that they own.
        let c = unsafe { &*ctx };
        Regs {
            pc: c.pc,
            sp: c.sp,
            mem: c.memory0(),
            acc: c.acc,
            l0: c.l0,
            fuel: c.fuel,
            ctx,
            lp: c.lp,
            facc: c.facc,
            fl0: c.fl0,
            fl1: 0,
        }
    }

    /// The pair of functions by which pointers travel in float registers (I-ADDRESS).
    #[inline(always)]
    fn to_float<T>(pointer: *const T) -> f64 {
        f64::from_bits(address::expose(pointer))
    }

    #[inline(always)]
    fn from_float<T>(bits: f64) -> *mut T {
        address::recover(bits.to_bits())
    }

    macro_rules! tail_abi {
        ($abi:literal) => {
            type TailFn = unsafe extern $abi fn(
                *const Word, *mut u64, *mut u8, u64, u64, u64, f64, f64, f64, f64, f64,
            ) -> usize;

            handler!($abi, tail);
            handler!($abi, diverted, #[cold] #[inline(never)]);
            #[cfg(target_arch = "x86_64")]
            handler!($abi, for_cpu, #[target_feature(enable = "sse4.1,popcnt,bmi1")]);
        };
    }

    macro_rules! handler {
        ($abi:literal, $name:ident $(, $(#[$attribute:meta])+)?) => {
            $($(#[$attribute])+)?
            #[allow(clippy::too_many_arguments, reason = "they are the registers")]
            unsafe extern $abi fn $name<H: Handler>(
                pc: *const Word,
                sp: *mut u64,
                mem: *mut u8,
                fuel: u64,
                acc: u64,
                l0: u64,
                ctx: f64,
                lp: f64,
                facc: f64,
                fl0: f64,
                fl1: f64,
            ) -> usize {
                crate::exec::opaque::align_handler();
                let mut r = Regs {
                    pc,
                    sp,
                    mem,
                    acc,
                    l0,
                    fuel,
                    ctx: from_float(ctx),
                    lp: from_float(lp),
                    facc: facc.to_bits(),
                    fl0: fl0.to_bits(),
                    fl1: fl1.to_bits(),
                };
                // SAFETY: the caller's promise is the same.
                unsafe { H::run::<Tail>(&mut r) }
            }
        };
    }

    // Six integer and eight float arguments in registers, on Windows too.
    #[cfg(target_arch = "x86_64")]
    tail_abi!("sysv64");
    #[cfg(not(target_arch = "x86_64"))]
    tail_abi!("C");

    /// Calls a handler, which the compiler makes a jump.
    ///
    /// # Safety
    /// As for the handler.
    #[inline(always)]
    unsafe fn go_to(r: &mut Regs, handler: TailFn) -> usize {
        // SAFETY: promised by the caller.
        unsafe {
            handler(
                r.pc,
                r.sp,
                r.mem,
                r.fuel,
                r.acc,
                r.l0,
                to_float(r.ctx),
                to_float(r.lp),
                f64::from_bits(r.facc),
                f64::from_bits(r.fl0),
                f64::from_bits(r.fl1),
            )
        }
    }

    impl Dispatcher for Tail {
        type Out = usize;

        #[inline(always)]
        unsafe fn next(r: &mut Regs) -> usize {
            // SAFETY: I-CELL: the first word of a cell is a handler, and code for this dispatcher was made
            // with the table of this dispatcher.
            unsafe {
                let handler = count::handler::<{ Dispatch::Tail as usize }>((*r.pc).handler);
                go_to(r, core::mem::transmute::<*const (), TailFn>(handler))
            }
        }

        #[inline(always)]
        #[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written through it")]
        unsafe fn divert<H: Handler>(r: &mut Regs) -> usize {
            let handler: TailFn = diverted::<H>;
            let mut handler = handler as *const ();
            // The optimiser must not know who is called: it would take arguments away that the callee does not read,
            // and the call would be no jump any more.
            // SAFETY: I-ASM: no instruction at all.
            unsafe {
                core::arch::asm!("/* {0} */", inout(reg) handler, options(nomem, nostack, preserves_flags));
            }
            // SAFETY: promised by the caller; the pointer is still the one to the handler.
            unsafe { go_to(r, core::mem::transmute::<*const (), TailFn>(handler)) }
        }

        #[inline(always)]
        unsafe fn exit(r: &mut Regs, reason: usize) -> usize {
            // SAFETY: promised by the caller.
            unsafe { save(r) };
            reason
        }

        fn addr<H: Handler>() -> HandlerAddr {
            HandlerAddr(tail::<H> as TailFn as *const ())
        }

        fn addr_for_cpu<H: Handler>() -> HandlerAddr {
            #[cfg(target_arch = "x86_64")]
            return HandlerAddr(for_cpu::<H> as TailFn as *const ());
            #[cfg(not(target_arch = "x86_64"))]
            Self::addr::<H>()
        }

        unsafe fn run(ctx: *mut Ctx) -> usize {
            let mut r = load(ctx);
            // SAFETY: the caller's promise is the same.
            unsafe { Self::next(&mut r) }
        }
    }
}
