//! Execution: [`invoke`] drives the handlers until the called function has returned or trapped.
//!
//! Handlers leave the dispatcher for everything that is rare, may allocate or belongs to the host; the driver
//! here does it and goes back. The native stack therefore never grows with the depth of guest calls, no handler
//! unwinds, and a panic of a host function is an ordinary panic of the driver.

mod control;
mod count;
mod cpu;
mod ctx;
mod form;
mod frames;
mod fuel;
mod fused;
mod memory;
mod meter;
mod numeric;
mod opaque;
mod regs;
mod slow;
mod stream;
mod suspend;
mod table;
mod trace;

pub use self::count::Triple as OpTriple;
pub use self::frames::{Frame, NewCall, NewCallError, NewFrame, NotPortable, bits_of, operand_value};
pub(crate) use self::suspend::State as SuspendedState;
pub use self::suspend::{Outcome, Pause, Suspended, resume, start};

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::ptr::NonNull;
use rotifer_bytecode::{HandlerTable, Word};
use rotifer_core::{FuncIdx, TrapCode, WasmOffset};

use self::{
    ctx::{
        CrossFrame, Ctx,
        linkage::{self, Distance},
    },
    regs::{Dispatcher, Exit},
    trace::Frames,
};
use crate::{
    code::{FuncEntry, Metering, ModuleCode, header},
    entity::{Func, Instance},
    store::Store,
    sync::OnceLock,
};

/// How handlers follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dispatch {
    /// Each handler jumps to the next. The fastest; needs an optimised build and a target that passes all
    /// registers in machine registers.
    Tail,
    /// A loop calls one handler after the other. Works everywhere.
    Loop,
}

impl Dispatch {
    /// The dispatchers in this build, the default one first.
    pub const fn available() -> &'static [Self] {
        if cfg!(all(rotifer_tail, feature = "both-dispatchers")) {
            &[Self::Tail, Self::Loop]
        } else if cfg!(rotifer_tail) {
            &[Self::Tail]
        } else {
            &[Self::Loop]
        }
    }

    /// The name, as command lines spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tail => "tail",
            Self::Loop => "loop",
        }
    }

    /// How often each op was executed by this dispatcher since the process began, by op number. None in builds
    /// without the feature `count-ops`, which slows execution down; it is for those who work on the interpreter.
    pub fn op_counts(self) -> Option<Vec<u64>> {
        count::counts(self as usize)
    }

    /// How often each three ops were executed one after the other by the loop dispatcher since the process began.
    /// None in builds without the feature `count-ops`.
    pub fn op_triples() -> Option<Vec<OpTriple>> {
        count::triples()
    }

    /// The handlers of this dispatcher, those for what this CPU has among them.
    ///
    /// # Errors
    /// The dispatcher is not in this build, or the compiler did not turn its calls into jumps.
    pub fn handlers(self) -> Result<&'static HandlerTable, DispatchError> {
        self.table(cpu::is_better())
    }

    /// The handlers of this dispatcher that use nothing but what the program was compiled for.
    ///
    /// # Errors
    /// As for [`handlers`](Self::handlers).
    pub fn portable_handlers(self) -> Result<&'static HandlerTable, DispatchError> {
        self.table(false)
    }

    /// The one or the other. A table that nobody asks for takes no memory.
    fn table(self, by_cpu: bool) -> Result<&'static HandlerTable, DispatchError> {
        if !Self::available().contains(&self) {
            return Err(DispatchError::NotBuilt(self));
        }
        match self {
            #[cfg(rotifer_tail)]
            Self::Tail => {
                static TABLES: [OnceLock<Box<HandlerTable>>; 2] = [OnceLock::new(), OnceLock::new()];
                let table = &TABLES[usize::from(by_cpu)];
                let handlers = table.get_or_init(|| table::build::<regs::Tail>(by_cpu));
                if !tail_calls_are_jumps(handlers) {
                    return Err(DispatchError::LostTailCall);
                }
                Ok(handlers)
            }
            #[cfg(any(not(rotifer_tail), feature = "both-dispatchers"))]
            Self::Loop => {
                static TABLES: [OnceLock<Box<HandlerTable>>; 2] = [OnceLock::new(), OnceLock::new()];
                Ok(TABLES[usize::from(by_cpu)].get_or_init(|| table::build::<regs::Loop>(by_cpu)))
            }
            #[allow(unreachable_patterns, reason = "which arms exist depends on the build")]
            _ => Err(DispatchError::NotBuilt(self)),
        }
    }
}

impl Default for Dispatch {
    fn default() -> Self {
        Self::available()[0]
    }
}

/// Why a dispatcher cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DispatchError {
    /// It is not in this build.
    NotBuilt(Dispatch),
    /// The compiler did not turn the handlers' calls into jumps: every op would take native stack.
    LostTailCall,
}

impl core::fmt::Display for DispatchError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotBuilt(dispatch) => write!(
                f,
                "the {} dispatcher is not in this build: the tail dispatcher needs opt-level 2 or more on x86-64 \
                 or aarch64, the loop dispatcher beside it the feature `both-dispatchers`",
                dispatch.name()
            ),
            Self::LostTailCall => f.write_str(
                "this build lost the tail calls of the interpreter's handlers; rebuild with the environment \
                 variable ROTIFER_NO_TAIL_CALLS=1 to use the loop dispatcher, and please report the compiler",
            ),
        }
    }
}

impl core::error::Error for DispatchError {}

/// Runs a thousand cells and compares the stack pointer at both ends, once for each process.
#[cfg(rotifer_tail)]
fn tail_calls_are_jumps(handlers: &'static HandlerTable) -> bool {
    static VERDICT: OnceLock<bool> = OnceLock::new();
    *VERDICT.get_or_init(|| probe::tail_calls_are_jumps(handlers))
}

#[cfg(rotifer_tail)]
mod probe;

/// Where the arguments of a host call are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostFrame {
    /// The number of the slot of the first argument, and of the first result, in the value stack.
    pub base: usize,
}

/// A trap and the calls that led to it.
#[derive(Clone, Debug)]
pub struct Trap {
    /// Why execution stopped.
    pub code: TrapCode,
    /// The WebAssembly frames of the activation, innermost first.
    pub frames: Vec<TrapFrame>,
    /// At [`TrapCode::OutOfFuel`]: how much fuel the next step needs.
    pub required_fuel: u64,
}

/// A frame in a backtrace.
#[derive(Clone, Debug)]
pub struct TrapFrame {
    /// The module.
    pub module: Arc<ModuleCode>,
    /// The function's index in it.
    pub func: FuncIdx,
    /// The operator that trapped or called, or that is next.
    pub(crate) offset: Option<WasmOffset>,
    /// If the frame is where a region begins: the position of the cell in the function's code, and what the region
    /// costs.
    pub(crate) region: Option<(u32, u32)>,
}

impl TrapFrame {
    /// The byte offset of the operator that trapped or called, or that is next.
    ///
    /// Of the first operator of a region nothing is kept: the function's body is walked over again, which is why
    /// this is done when somebody asks and not when a program runs out of fuel.
    pub fn offset(&self) -> Option<WasmOffset> {
        let region = self.region.and_then(|(cell, cost)| self.module.region_offset(self.func, cell, cost));
        region.or(self.offset)
    }
}

/// At most so many frames go into a backtrace: the innermost ones.
pub(crate) const MAX_TRAP_FRAMES: usize = 64;

/// What execution asks of its embedder.
///
/// # Safety
/// I-STORE: `store` gives the same store each time. I-REF: `call_host` writes results of the types of the
/// function with that number, into the slots of its results and no others.
pub unsafe trait Host {
    /// Why execution stopped.
    type Error;

    /// The store.
    fn store(&mut self) -> &mut Store;

    /// Calls a host function. Its arguments are the slots of the value stack from `frame.base` on, its results
    /// replace them. Calls made meanwhile may move the stack, not renumber it.
    fn call_host(
        &mut self,
        func: u32,
        caller: Option<NonNull<Instance>>,
        frame: HostFrame,
    ) -> Result<(), Self::Error>;

    /// What the growth of a memory costs, in bytes, beyond what the table of costs says.
    fn memory_growth_fuel(&mut self, current: u64, desired: u64) -> u64;

    /// What the growth of a table costs, in elements, beyond what the table of costs says.
    fn table_growth_fuel(&mut self, current: u64, desired: u64) -> u64;

    /// Whether a memory may grow, in bytes; an error stops execution. Not asked what the memory's type forbids.
    fn memory_growing(
        &mut self,
        current: u64,
        desired: u64,
        maximum: Option<u64>,
    ) -> Result<bool, Self::Error>;

    /// Whether a table may grow; an error stops execution. Not asked what the table's type forbids.
    fn table_growing(
        &mut self,
        current: u64,
        desired: u64,
        maximum: Option<u64>,
    ) -> Result<bool, Self::Error>;

    /// The machine has not enough memory for growth that everybody allowed. WebAssembly gets -1, or execution stops
    /// with an error.
    fn growth_failed(&mut self) -> Result<(), Self::Error>;

    /// Whether to stop now, and why: because of an interrupt or a deadline. Asked where fuel is counted, often
    /// enough that a bounded number of operators is executed in between.
    fn poll(&mut self) -> Option<TrapCode>;

    /// A function of an instance begins (`enter`), or is about to return or to end with a tail call. Asked only by
    /// code that is profiled; a function that ends otherwise is not told of.
    fn probe(&mut self, instance: NonNull<Instance>, func: FuncIdx, enter: bool);

    /// Whether the error of a host function shall be given the calls that led to it, which take time to collect.
    fn wants_frames(&self, error: &Self::Error) -> bool;

    /// The error of a host function with the calls that led to it.
    fn with_frames(&self, error: Self::Error, frames: Vec<TrapFrame>) -> Self::Error;

    /// Makes an error of a trap, or of a stop where the call cannot be suspended.
    fn trap(&mut self, trap: Trap) -> Self::Error;

    /// Makes an error of the discovery that a function's body is invalid.
    fn invalid(&mut self, error: rotifer_validator::Error) -> Self::Error;
}

/// Calls a function with arguments and results as slots, one for each 64 bits.
///
/// # Errors
/// What the host makes of a trap, of an invalid body, of a stop, or what a host function returned.
///
/// # Safety
/// I-STORE: `func` belongs to `host.store()`. `params` and `results` have the lengths of its type, and the
/// parameters its types: references are null or come from the same store.
pub unsafe fn invoke<H: Host>(
    host: &mut H,
    func: NonNull<Func>,
    params: &[u64],
    results: &mut [u64],
) -> Result<(), H::Error> {
    let stack = &host.store().stack;
    let (base, depth) = (stack.top(), stack.depth());

    // Whatever happens, a panic of a host function included, the stack is as before in the end.
    struct Restore<'h, H: Host> {
        host: &'h mut H,
        top: usize,
        depth: u32,
    }
    impl<H: Host> Drop for Restore<'_, H> {
        fn drop(&mut self) {
            let store = self.host.store();
            store.stack.set_top(self.top);
            store.stack.set_depth(self.depth);
            store.pin.end();
        }
    }
    host.store().pin.begin();
    let guard = Restore { host, top: base, depth };
    let host = &mut *guard.host;
    // SAFETY: promised by the caller.
    match unsafe { call(host, func, params, results.len()) } {
        Called::Done => {}
        Called::Failed(error) => return Err(error),
        Called::Stopped(mut activation, stop) => return Err(activation.error(stop)),
    }
    let stack = &host.store().stack;
    for (i, result) in results.iter_mut().enumerate() {
        *result = stack.get(base + i);
    }
    Ok(())
}

/// What became of a call.
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made; a box would be an allocation a call"
)]
enum Called<'h, H: Host> {
    /// The results are where the parameters were.
    Done,
    /// It did not begin.
    Failed(H::Error),
    /// It ended early.
    Stopped(Activation<'h, H>, Stop<H::Error>),
}

/// Calls a function at the top of the stack.
///
/// # Safety
/// As for [`invoke`].
#[inline]
unsafe fn call<'h, H: Host>(
    host: &'h mut H,
    func: NonNull<Func>,
    params: &[u64],
    results: usize,
) -> Called<'h, H> {
    // SAFETY: I-ENTITY.
    let callee = unsafe { func.as_ref() };
    let stack = &mut host.store().stack;
    let base = stack.top();
    if let Err(code) = stack.reserve(base + params.len().max(results) + 2) {
        return Called::Failed(host.trap(Trap { code, frames: Vec::new(), required_fuel: 0 }));
    }
    for (i, &param) in params.iter().enumerate() {
        // SAFETY: I-REF: the slots above the top are nobody's; the caller promises the values' types.
        unsafe { stack.set(base + i, param) };
    }
    if callee.host() != Func::WASM {
        host.store().stack.set_top(base + params.len().max(results));
        return match host.call_host(callee.host(), None, HostFrame { base }) {
            Ok(()) => Called::Done,
            Err(error) => Called::Failed(error),
        };
    }
    // SAFETY: promised by the caller; the parameters are in place.
    let mut activation = unsafe { Activation::new(host, callee, base, params.len()) };
    // SAFETY: I-CTX: the activation was just made for this call.
    match unsafe { activation.run() } {
        Ok(()) => Called::Done,
        Err(stop) => Called::Stopped(activation, stop),
    }
}

/// The size of the frame of a function.
///
/// # Safety
/// I-CODE: `code` is a function's first cell.
unsafe fn frame_bytes(code: *const Word) -> usize {
    // SAFETY: promised by the caller: a header precedes the first cell.
    unsafe { *header::frame_bytes(code) as usize }
}

/// An activation with its host.
struct Activation<'h, H: Host> {
    host: &'h mut H,
    ctx: Ctx,
    dispatch: Dispatch,
    meter: MeterKind,
    /// Whether `ctx.pc` is where a call returns to that is still being made.
    returning: bool,
    /// The call of a host function that failed.
    host_call: Option<HostCall>,
}

/// A call of a host function by WebAssembly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostCall {
    pub(crate) func: NonNull<Func>,
    /// The slot of its first argument and result.
    pub(crate) base: usize,
}

/// [`Metering`] without its costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum MeterKind {
    Off,
    Interrupts,
    Fuel,
}

impl From<&Metering> for MeterKind {
    #[inline]
    fn from(metering: &Metering) -> Self {
        match metering {
            Metering::Off => Self::Off,
            Metering::Interrupts => Self::Interrupts,
            Metering::Fuel(_) => Self::Fuel,
        }
    }
}

/// How much is executed before the host is asked whether to go on, in units of fuel.
const SLICE: u64 = 1 << 17;

/// Why an activation ends early.
enum Stop<E> {
    /// A trap at the saved cell.
    Trap(TrapCode),
    /// The region at the saved cell, or a bulk operator there, needs so much fuel.
    Fuel(u64),
    /// The host wants to stop before the region at the saved cell.
    Poll(TrapCode),
    /// A host function failed; its call is in [`Activation::host_call`].
    Host(E),
    /// Anything else.
    Error(E),
}

impl<E> From<TrapCode> for Stop<E> {
    fn from(code: TrapCode) -> Self {
        Self::Trap(code)
    }
}

impl<'h, H: Host> Activation<'h, H> {
    /// # Safety
    /// As for [`invoke`]; `callee` is a WebAssembly function and its arguments are in the slots from `base` on.
    #[inline]
    unsafe fn new(host: &'h mut H, callee: &Func, base: usize, params: usize) -> Self {
        // SAFETY: I-ENTITY.
        let module = unsafe { &(*callee.instance).module };
        let stubs = module.stubs();
        host.store().used = true;
        let stack = &host.store().stack;
        let frame = stack.base().wrapping_add(base);
        let ctx = Ctx {
            stack_limit: stack.limit(),
            max_depth: u32::try_from(stack.limits().max_depth).unwrap_or(u32::MAX - 1),
            instance: callee.instance,
            pc: stubs.host_exit(),
            sp: frame,
            lp: stubs.host_exit(),
            callee,
            entry: callee.entry,
            frame,
            depth: stack.depth() + 1,
            linkage: (0, params as u16),
            ..Ctx::new()
        };
        Self {
            host,
            ctx,
            dispatch: stubs.dispatch(),
            meter: stubs.metering().into(),
            returning: false,
            host_call: None,
        }
    }

    /// Enters the function and runs until it has returned.
    ///
    /// # Safety
    /// As for [`Activation::new`].
    #[inline]
    unsafe fn run(&mut self) -> Result<(), Stop<H::Error>> {
        // SAFETY: I-CTX: the activation is that of a function about to be entered at `ctx.frame`, returning to the
        // exit stub at the same frame.
        unsafe {
            let callee = &*self.ctx.callee;
            let return_pc = self.ctx.pc;
            self.begin();
            let entered = self.enter(callee.entry, return_pc, Distance { bytes: 0, depth: self.ctx.depth });
            let ended = entered.and_then(|()| self.drive());
            self.put_fuel();
            ended
        }
    }

    /// Makes an error of an early end.
    #[cold]
    fn error(&mut self, stop: Stop<H::Error>) -> H::Error {
        let (code, required_fuel) = match stop {
            Stop::Host(error) if self.host.wants_frames(&error) => {
                let frames = self.backtrace(false);
                return self.host.with_frames(error, frames);
            }
            Stop::Error(error) | Stop::Host(error) => return error,
            Stop::Trap(code) => {
                self.refund();
                (code, 0)
            }
            Stop::Poll(code) => (code, 0),
            Stop::Fuel(required) => (TrapCode::OutOfFuel, required),
        };
        let frames = self.backtrace(matches!(stop, Stop::Trap(_)));
        self.host.trap(Trap { code, frames, required_fuel })
    }

    fn slot_of(&mut self, address: *mut u64) -> usize {
        (address.addr() - self.host.store().stack.base().addr()) / 8
    }

    /// Enters a function's code at `ctx.frame`, whose arguments are in place and whose linkage goes to the slot
    /// `ctx.linkage.1`. Translates it first if need be.
    ///
    /// # Safety
    /// I-ENTITY for the entry, which belongs to `ctx.instance`.
    #[inline]
    unsafe fn enter(
        &mut self,
        entry: *const FuncEntry,
        return_pc: *const Word,
        distance: Distance,
    ) -> Result<(), Stop<H::Error>> {
        // SAFETY: promised by the caller; I-CODE: a header precedes the first cell.
        unsafe {
            let mut code = (*entry).code();
            if code == (*self.ctx.instance).module.stubs().translate() {
                code = self.translate(entry)?;
            }
            if distance.depth > self.ctx.max_depth {
                return Err(Stop::Trap(TrapCode::StackOverflow));
            }
            self.ensure_frame(frame_bytes(code))?;
            linkage::write(self.ctx.frame, self.ctx.linkage.1, return_pc, distance);
            self.ctx.sp = self.ctx.frame;
            self.ctx.pc = code;
            self.pay((*header::cost(code)).pair[0])
        }
    }

    /// Translates a function of the current instance, if need be. Gives its first cell, to which the entry need not
    /// lead any more when this is read again: other threads may evict code (I-PIN).
    ///
    /// # Safety
    /// I-ENTITY for the entry, which belongs to `ctx.instance`.
    #[cold]
    #[inline(never)]
    unsafe fn translate(&mut self, entry: *const FuncEntry) -> Result<*const Word, Stop<H::Error>> {
        // SAFETY: promised by the caller.
        let module = unsafe { &(*self.ctx.instance).module };
        let translated = module.translated(module.func_of_entry(entry));
        translated.map_err(|error| Stop::Error(self.host.invalid(error)))
    }

    /// Makes room for `bytes` bytes at `ctx.frame`; `ctx.sp` and `ctx.frame` move with the stack.
    #[inline]
    fn ensure_frame(&mut self, bytes: usize) -> Result<(), TrapCode> {
        let frame = self.slot_of(self.ctx.frame);
        let sp = self.slot_of(self.ctx.sp);
        let stack = &mut self.host.store().stack;
        stack.ensure(frame, bytes)?;
        self.rebase(sp, frame);
        Ok(())
    }

    /// Takes the stack's place from the store, with `sp` and `frame` as slot numbers.
    #[inline]
    fn rebase(&mut self, sp: usize, frame: usize) {
        let stack = &self.host.store().stack;
        let base = stack.base();
        self.ctx.stack_limit = stack.limit();
        self.ctx.sp = base.wrapping_add(sp);
        self.ctx.frame = base.wrapping_add(frame);
    }

    /// Runs until the outermost frame has returned.
    ///
    /// # Safety
    /// I-CELL for the saved registers.
    #[inline]
    unsafe fn drive(&mut self) -> Result<(), Stop<H::Error>> {
        loop {
            // SAFETY: I-CTX, I-CELL.
            let reason = unsafe {
                match self.dispatch {
                    #[cfg(rotifer_tail)]
                    Dispatch::Tail => regs::Tail::run(&raw mut self.ctx),
                    #[cfg(any(not(rotifer_tail), feature = "both-dispatchers"))]
                    Dispatch::Loop => regs::Loop::run(&raw mut self.ctx),
                    #[allow(unreachable_patterns, reason = "which arms exist depends on the build")]
                    _ => return Err(Stop::Trap(TrapCode::UnreachableCodeReached)),
                }
            };
            // SAFETY: I-CTX: each exit leaves in the activation what its continuation reads.
            unsafe {
                match reason {
                    Exit::HOST_EXIT => return Ok(()),
                    Exit::CALL_FUNC => self.call_func()?,
                    Exit::SLOW => {
                        let (x, y) = ((*self.ctx.pc.add(1)).operands.c, (*self.ctx.pc.add(2)).pair[0]);
                        self.slow(x as usize, y as usize)?;
                    }
                    Exit::SLOW_FIRST => self.slow(0, 0)?,
                    // The call is executed again once there is code and room.
                    Exit::STACK => {
                        if self.ctx.depth > self.ctx.max_depth {
                            return Err(Stop::Trap(TrapCode::StackOverflow));
                        }
                        self.prepare_callee()?;
                    }
                    Exit::STACK_TAIL => {
                        self.ctx.frame = self.ctx.sp;
                        self.prepare_callee()?;
                    }
                    Exit::RETURN_CALL_FUNC => self.return_call_func()?,
                    Exit::RETURN_CROSS => self.return_cross()?,
                    // The cell is executed again once there is a function.
                    Exit::MAKE_FUNC => {
                        let index = (*self.ctx.pc.add(1)).operands.c;
                        let _ = (*self.ctx.instance).func(FuncIdx(index));
                    }
                    Exit::FUEL_CELL | Exit::FUEL_LOOP | Exit::FUEL_BEHIND | Exit::FUEL_ENTRY => {
                        self.out_of_fuel(reason)?;
                    }
                    code => {
                        let code = TrapCode::from_number(code as u8);
                        return Err(Stop::Trap(code.unwrap_or(TrapCode::UnreachableCodeReached)));
                    }
                }
            }
        }
    }

    /// Translates the function with the entry `ctx.entry`, if need be, and makes room for its frame at
    /// `ctx.frame`.
    ///
    /// # Safety
    /// I-ENTITY: the entry belongs to the current instance: calls between instances go through `enter`.
    unsafe fn prepare_callee(&mut self) -> Result<(), Stop<H::Error>> {
        // SAFETY: promised by the caller; I-CODE for the entry's code.
        unsafe {
            let code = self.translate(self.ctx.entry)?;
            self.ensure_frame(frame_bytes(code))?;
        }
        Ok(())
    }

    /// A call of a host function or of a function of another instance. `ctx.pc` is where it returns to.
    ///
    /// # Safety
    /// I-ENTITY for `ctx.callee`.
    #[inline(always)]
    unsafe fn call_func(&mut self) -> Result<(), Stop<H::Error>> {
        // SAFETY: promised by the caller.
        unsafe {
            let callee = &*self.ctx.callee;
            if callee.host() == Func::WASM {
                return self.call_cross(callee);
            }
            let depth = linkage::depth(self.ctx.sp, self.ctx.linkage.0);
            self.call_host(callee, self.ctx.frame, depth)
        }
    }

    /// A call of a function of another instance, as for [`call_func`](Self::call_func).
    ///
    /// # Safety
    /// I-ENTITY for `callee`.
    #[inline(never)]
    unsafe fn call_cross(&mut self, callee: &Func) -> Result<(), Stop<H::Error>> {
        // SAFETY: promised by the caller.
        unsafe {
            let bytes = self.ctx.frame.addr() - self.ctx.sp.addr();
            let depth = linkage::depth(self.ctx.sp, self.ctx.linkage.0);
            let return_pc = self.ctx.pc;
            let distance = Distance { bytes: bytes as u32, depth: depth + 1 };
            let caller = self.ctx.instance;
            self.ctx.cross.push(CrossFrame { return_pc, instance: caller });
            self.ctx.instance = callee.instance;
            let stub = (*callee.instance).module.stubs().return_cross();
            let entered = self.enter(callee.entry, stub, distance);
            if let Err(Stop::Trap(_)) = entered {
                // The trap belongs to the call.
                self.ctx.cross.pop();
                self.ctx.instance = caller;
                self.returning = true;
            }
            entered
        }
    }

    /// Calls a host function with its frame at `frame`. The results' first slot goes to the accumulators, and
    /// execution goes on at `ctx.pc`.
    ///
    /// # Safety
    /// I-ENTITY; the arguments are in place; I-CELL for `ctx.pc`, with costs in the word before.
    #[inline(always)]
    unsafe fn call_host(&mut self, callee: &Func, frame: *mut u64, depth: u32) -> Result<(), Stop<H::Error>> {
        let base = self.slot_of(frame);
        let sp = self.slot_of(self.ctx.sp);
        let instance = NonNull::new(self.ctx.instance.cast_mut());
        self.returning = true;
        let store = self.host.store();
        let slots = store.host_slots(callee.host());
        store.stack.reserve(base + slots)?;
        store.stack.set_top(base + slots);
        store.stack.set_depth(depth);
        self.put_fuel();
        if let Err(error) = self.host.call_host(callee.host(), instance, HostFrame { base }) {
            self.rebase(sp, base);
            self.host_call = Some(HostCall { func: callee.into(), base });
            return Err(Stop::Host(error));
        }
        // SAFETY: promised by the caller.
        unsafe { self.host_returned(sp, base) }
    }

    /// Goes on behind a call of a host function whose results are in the slots from `base` on.
    ///
    /// # Safety
    /// As for [`call_host`](Self::call_host).
    #[inline(always)]
    unsafe fn host_returned(&mut self, sp: usize, base: usize) -> Result<(), Stop<H::Error>> {
        self.returning = false;
        // A stack that is where it was may have grown nevertheless. The limit is then lower than it could be, which the
        // next call that needs more finds out.
        if self.host.store().stack.base().wrapping_add(sp) != self.ctx.sp {
            self.rebase(sp, base);
        }
        let result = self.host.store().stack.get(base);
        self.ctx.acc = result;
        self.ctx.facc = result;
        if self.meter == MeterKind::Off {
            return Ok(());
        }
        self.take_fuel();
        // SAFETY: promised by the caller.
        let cost = unsafe { (*self.ctx.pc.sub(1)).pair[1] };
        if let Some(code) = self.host.poll() {
            self.ctx.owed = cost;
            self.put_fuel();
            return Err(Stop::Poll(code));
        }
        self.pay(cost)
    }

    /// A tail call of a host function or of a function of another instance.
    ///
    /// # Safety
    /// I-ENTITY for `ctx.callee`; `ctx.args` and `ctx.linkage` are those of the cell.
    #[inline(never)]
    unsafe fn return_call_func(&mut self) -> Result<(), Stop<H::Error>> {
        // SAFETY: promised by the caller; I-FRAME for the slots.
        unsafe {
            let callee = &*self.ctx.callee;
            let (first, count) = self.ctx.args;
            let (own, theirs) = self.ctx.linkage;
            let sp = self.ctx.sp;
            let return_pc = linkage::return_pc(sp, own);
            let distance = Distance { bytes: linkage::bytes(sp, own) as u32, depth: linkage::depth(sp, own) };
            if callee.host() != Func::WASM {
                core::ptr::copy(sp.add(first as usize), sp, count as usize);
                self.ctx.sp = sp.byte_sub(distance.bytes as usize);
                self.ctx.pc = return_pc;
                return self.call_host(callee, sp, distance.depth);
            }
            // The frame is replaced: the new one returns to where this one would have.
            let stubs = (*self.ctx.instance).module.stubs();
            if return_pc != stubs.return_cross() {
                self.ctx.cross.push(CrossFrame { return_pc, instance: self.ctx.instance });
            }
            core::ptr::copy(sp.add(first as usize), sp, count as usize);
            self.ctx.instance = callee.instance;
            self.ctx.frame = sp;
            self.ctx.linkage = (0, theirs);
            let stub = (*callee.instance).module.stubs().return_cross();
            self.enter(callee.entry, stub, distance)
        }
    }

    /// A call between instances has returned.
    ///
    /// # Safety
    /// I-ENTITY: the calls between instances are those of this activation.
    unsafe fn return_cross(&mut self) -> Result<(), Stop<H::Error>> {
        let Some(frame) = self.ctx.cross.pop() else { return Ok(()) };
        self.ctx.instance = frame.instance;
        self.ctx.pc = frame.return_pc;
        // SAFETY: I-CODE: the word before a place where a call returns to is the last of the call's cell.
        self.pay(unsafe { (*frame.return_pc.sub(1)).pair[1] })
    }

    /// The WebAssembly frames, innermost first. `at` says whether `ctx.pc` is the cell that trapped; else it is
    /// where execution goes on.
    fn backtrace(&mut self, at: bool) -> Vec<TrapFrame> {
        let frames = Frames {
            pc: self.ctx.pc,
            sp: self.ctx.sp,
            instance: self.ctx.instance,
            cross: &self.ctx.cross,
            at,
            returning: self.returning,
            owed: self.ctx.owed,
        };
        // SAFETY: I-FRAME: the frames are linked as the calls left them.
        unsafe { frames.collect() }
    }
}
