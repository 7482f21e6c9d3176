//! Suspended calls.
//!
//! A call that can be suspended has a value stack of its own. When it stops, the stack and the registers become a
//! [`Suspended`], and nothing of the call is left in the store. Frames are linked by distances and code never
//! moves, so nothing must be changed when it goes on.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{fmt, ptr::NonNull};
use rotifer_bytecode::Word;
use rotifer_core::TrapCode;

use super::{
    Activation, Called, Host, HostCall, Stop, TrapFrame, call,
    ctx::{CrossFrame, Ctx},
    trace::Frames,
};
use crate::{
    entity::{Func, Instance},
    pin::OwnPin,
    stack::ValueStack,
    store::StoreId,
};

/// A call of a WebAssembly function that has stopped and can go on.
///
/// It owns its frames. It refers to instances and code of its store, which are looked at only together with the
/// store; dropping it touches neither.
///
/// It is a box because it is handed through several functions whenever a call stops or goes on; a store keeps those of
/// calls that have ended for others, so that it is seldom allocated.
pub struct Suspended(pub(super) Box<State>);

/// A suspended call; or one that runs, whose registers are elsewhere and whose stack is the store's, with the store's
/// own one here meanwhile.
pub(crate) struct State {
    store: StoreId,
    pub(crate) stack: ValueStack,
    pub(super) pc: *const Word,
    /// A slot, as a number.
    pub(super) sp: usize,
    pub(super) acc: u64,
    pub(super) facc: u64,
    pub(super) lp: *const Word,
    pub(super) l0: u64,
    pub(super) fl0: u64,
    pub(super) instance: NonNull<Instance>,
    pub(super) cross: Vec<CrossFrame>,
    pub(super) owed: u32,
    /// Whether `pc` is a bulk operator rather than where a region begins.
    pub(super) at_bulk: bool,
    pub(super) host_call: Option<HostCall>,
    /// A share of what the store counts such calls with.
    _counted: Arc<()>,
    /// Raised from when the call is made until it has ended: while it is suspended, too, and without a gap when it goes
    /// on, because its frames have the addresses of cells all the time.
    pub(crate) pin: OwnPin,
}

// SAFETY: I-SUSPEND, I-STORE: what the pointers lead to is reached with the store only, of which whoever does so has a borrow;
// the stack and the list are owned.
unsafe impl Send for State {}
// SAFETY: as for `Send`: a shared reference gives no access without the store.
unsafe impl Sync for State {}

impl State {
    /// One that nobody uses yet.
    pub(crate) fn new(store: StoreId, stack: ValueStack, counted: Arc<()>, pin: OwnPin) -> Self {
        Self {
            store,
            stack,
            pc: core::ptr::null(),
            sp: 0,
            acc: 0,
            facc: 0,
            lp: core::ptr::null(),
            l0: 0,
            fl0: 0,
            instance: NonNull::dangling(),
            cross: Vec::new(),
            owed: 0,
            at_bulk: false,
            host_call: None,
            _counted: counted,
            pin,
        }
    }
}

impl fmt::Debug for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspended").field("store", &self.0.store).finish_non_exhaustive()
    }
}

/// Why a call has stopped.
#[derive(Debug)]
pub enum Pause<E> {
    /// The next step needs so much fuel.
    Fuel(u64),
    /// The host wanted to stop.
    Poll(TrapCode),
    /// A host function returned this error. Its results are given to [`resume`].
    Host(E),
}

/// What became of a call that can be suspended.
#[derive(Debug)]
pub enum Outcome<E> {
    /// It has returned; its results are in the slice that was given.
    Finished,
    /// It has stopped and can go on.
    Suspended(Suspended, Pause<E>),
}

impl Suspended {
    /// The store that the call belongs to.
    pub fn store(&self) -> StoreId {
        self.0.store
    }

    /// The host function that failed, if that is why the call stopped.
    pub fn host_func(&self) -> Option<NonNull<Func>> {
        self.0.host_call.map(|call| call.func)
    }

    /// Argument number `index` of the host function that failed, as a slot.
    pub fn host_arg(&self, index: usize) -> u64 {
        self.0.host_call.map_or(0, |call| self.0.stack.get(call.base + index))
    }

    /// The WebAssembly frames, innermost first.
    ///
    /// # Safety
    /// I-ENTITY: the store still exists.
    pub unsafe fn backtrace(&self) -> Vec<TrapFrame> {
        let call = &*self.0;
        let frames = Frames {
            pc: call.pc,
            sp: call.stack.base().wrapping_add(call.sp),
            instance: call.instance.as_ptr(),
            cross: &call.cross,
            at: call.at_bulk,
            returning: call.host_call.is_some(),
            owed: call.owed,
        };
        // SAFETY: promised by the caller; I-SUSPEND: the frames are as the activation left them.
        unsafe { frames.collect() }
    }
}

/// Gives a call a stack of its own, and the store its former one back, whatever happens.
struct OwnStack<'h, H: Host> {
    host: &'h mut H,
    /// Has the store's stack.
    state: Option<Box<State>>,
}

impl<'h, H: Host> OwnStack<'h, H> {
    fn new(host: &'h mut H, mut state: Box<State>) -> Self {
        core::mem::swap(&mut host.store().stack, &mut state.stack);
        Self { host, state: Some(state) }
    }

    /// Takes the call's stack away, and gives the store its own one back.
    fn take(&mut self) -> Option<Box<State>> {
        let mut state = self.state.take()?;
        core::mem::swap(&mut self.host.store().stack, &mut state.stack);
        Some(state)
    }
}

impl<H: Host> Drop for OwnStack<'_, H> {
    fn drop(&mut self) {
        if let Some(state) = self.take() {
            self.host.store().keep_spare_call(state);
        }
    }
}

/// As [`invoke`](super::invoke), but a call that runs out of fuel, that the host wants to stop or whose host
/// function fails is suspended.
///
/// # Errors
/// What the host makes of a trap or an invalid body. If `func` is a host function, its error.
///
/// # Safety
/// As for [`invoke`](super::invoke).
pub unsafe fn start<H: Host>(
    host: &mut H,
    func: NonNull<Func>,
    params: &[u64],
    results: &mut [u64],
) -> Result<Outcome<H::Error>, H::Error> {
    let state = host.store().spare_call();
    let own = OwnStack::new(host, state);
    // SAFETY: promised by the caller.
    match unsafe { call(&mut *own.host, func, params, results.len()) } {
        Called::Done => {
            read_results(&own.host.store().stack, results);
            Ok(Outcome::Finished)
        }
        Called::Failed(error) => Err(error),
        Called::Stopped(activation, stop) => {
            let stopped = stopped(activation, stop)?;
            Ok(stopped.suspend(own))
        }
    }
}

/// Goes on with a call. If it stopped because a host function failed, `host_results` are that function's results.
///
/// # Errors
/// As for [`start`].
///
/// # Safety
/// I-STORE: the call belongs to `host.store()`. `results` has the length of the called function's type,
/// `host_results` that of the host function's, and its types.
pub unsafe fn resume<H: Host>(
    host: &mut H,
    call: Suspended,
    host_results: &[u64],
    results: &mut [u64],
) -> Result<Outcome<H::Error>, H::Error> {
    let mut own = OwnStack::new(host, call.0);
    let Some(call) = &mut own.state else { unreachable!("it was just given") };
    let saved = Saved { host_call: call.host_call, sp: call.sp, owed: call.owed };
    // SAFETY: I-ENTITY.
    let stubs = unsafe { call.instance.as_ref() }.module.stubs();
    let stack = &mut own.host.store().stack;
    let frame = stack.base().wrapping_add(call.sp);
    let ctx = Ctx {
        stack_limit: stack.limit(),
        max_depth: u32::try_from(stack.limits().max_depth).unwrap_or(u32::MAX - 1),
        instance: call.instance.as_ptr(),
        pc: call.pc,
        sp: frame,
        acc: call.acc,
        facc: call.facc,
        lp: call.lp,
        l0: call.l0,
        fl0: call.fl0,
        frame,
        cross: core::mem::take(&mut call.cross),
        ..Ctx::new()
    };
    let mut activation = Activation {
        host: &mut *own.host,
        ctx,
        dispatch: stubs.dispatch(),
        meter: stubs.metering().into(),
        returning: false,
        host_call: None,
    };
    // SAFETY: I-SUSPEND: the activation stands where it stopped.
    match unsafe { activation.go_on(saved, host_results) } {
        Ok(()) => {
            read_results(&own.host.store().stack, results);
            Ok(Outcome::Finished)
        }
        Err(stop) => {
            let stopped = stopped(activation, stop)?;
            Ok(stopped.suspend(own))
        }
    }
}

/// What is needed to go on, beside the registers.
struct Saved {
    host_call: Option<HostCall>,
    sp: usize,
    owed: u32,
}

impl<H: Host> Activation<'_, H> {
    /// # Safety
    /// I-CELL, I-FRAME for the saved registers; `host_results` as for [`resume`].
    unsafe fn go_on(&mut self, saved: Saved, host_results: &[u64]) -> Result<(), Stop<H::Error>> {
        // SAFETY: promised by the caller; I-REF: the results have their types.
        unsafe {
            if let Some(call) = saved.host_call {
                let stack = &mut self.host.store().stack;
                for (i, &result) in host_results.iter().enumerate() {
                    stack.set(call.base + i, result);
                }
                self.host_returned(saved.sp, call.base)?;
            } else {
                self.begin();
                self.pay(saved.owed)?;
            }
            let ended = self.drive();
            self.put_fuel();
            ended
        }
    }
}

fn read_results(stack: &ValueStack, results: &mut [u64]) {
    for (i, result) in results.iter_mut().enumerate() {
        *result = stack.get(i);
    }
}

/// A call that is about to be suspended.
struct Stopped<E> {
    ctx: Ctx,
    sp: usize,
    at_bulk: bool,
    host_call: Option<HostCall>,
    pause: Pause<E>,
}

/// Sorts stops after which a call can go on from others.
fn stopped<H: Host>(
    mut activation: Activation<'_, H>,
    stop: Stop<H::Error>,
) -> Result<Stopped<H::Error>, H::Error> {
    let pause = match stop {
        Stop::Fuel(required) => Pause::Fuel(required),
        Stop::Poll(code) => Pause::Poll(code),
        Stop::Host(error) => Pause::Host(error),
        stop @ (Stop::Trap(_) | Stop::Error(_)) => return Err(activation.error(stop)),
    };
    // A bulk operator owes nothing for a region: its own cost is not that of one.
    let at_bulk = matches!(pause, Pause::Fuel(required) if required != u64::from(activation.ctx.owed));
    let sp = activation.slot_of(activation.ctx.sp);
    let Activation { ctx, host_call, .. } = activation;
    Ok(Stopped { ctx, sp, at_bulk, host_call, pause })
}

impl<E> Stopped<E> {
    fn suspend<H: Host<Error = E>>(self, mut own: OwnStack<'_, H>) -> Outcome<E> {
        let Some(instance) = NonNull::new(self.ctx.instance.cast_mut()) else {
            unreachable!("an activation has an instance")
        };
        let Some(mut call) = own.take() else { unreachable!("nobody else takes it") };
        call.pc = self.ctx.pc;
        call.sp = self.sp;
        call.acc = self.ctx.acc;
        call.facc = self.ctx.facc;
        call.lp = self.ctx.lp;
        call.l0 = self.ctx.l0;
        call.fl0 = self.ctx.fl0;
        call.instance = instance;
        call.cross = self.ctx.cross;
        call.owed = self.ctx.owed;
        call.at_bulk = self.at_bulk;
        call.host_call = self.host_call;
        Outcome::Suspended(Suspended(call), self.pause)
    }
}
