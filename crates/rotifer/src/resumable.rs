//! [`ResumableCall`]: calls that stop and go on.

use alloc::{string::ToString, vec::Vec};
use core::{fmt, marker::PhantomData, ops::Deref};
use rotifer_core::{FuncType, TrapCode, ValType};
use rotifer_executor::{self as executor, Outcome, Pause, Suspended};
use smallvec::SmallVec;

use crate::{
    AsContext, AsContextMut, Error, Func, Val, WasmBacktrace, WasmResults,
    func::{check_count, check_types, from_slots, to_slots},
    profile::SuspendedProbes,
    store::{Started, StoreInner},
};

/// What became of a call made with [`Func::call_resumable`].
#[derive(Debug)]
pub enum ResumableCall {
    /// The function has returned; its results are in the slice that was given.
    Finished,
    /// The call has stopped and can go on.
    Suspended(SuspendedCall),
}

/// What became of a call made with [`TypedFunc::call_resumable`](crate::TypedFunc::call_resumable).
#[derive(Debug)]
pub enum TypedResumableCall<Results> {
    /// The function has returned.
    Finished(Results),
    /// The call has stopped and can go on.
    Suspended(TypedSuspendedCall<Results>),
}

/// Why a call is suspended.
#[derive(Debug)]
#[non_exhaustive]
pub enum SuspendReason<'a> {
    /// The next step needs so much fuel, more than the store has.
    OutOfFuel {
        /// How much the store must have for the call to go on.
        required: u64,
    },
    /// A host function asked to suspend, with [`Error::suspend`] or because it is a
    /// [suspending function](crate::Linker::func_suspend). The call goes on when its results are given.
    HostRequest,
    /// A host function failed with this error. The call goes on if results are given in its place.
    HostError(&'a Error),
    /// An [`InterruptHandle`](crate::InterruptHandle) stopped the call.
    Interrupted,
    /// The store's deadline has passed.
    DeadlineExceeded,
}

/// A call that has stopped and can go on: a stack of WebAssembly frames, any number deep, that is the embedder's.
///
/// Meanwhile everything in the store can be looked at, written, grown and called. The call goes on with
/// [`resume`](Self::resume) or, if it waits for a host function's results, [`resume_with`](Self::resume_with), where
/// and when the embedder likes, also inside of a host function; dropping it ends it. Each suspended call has a value
/// stack of its own, of up to [`Config::max_stack_size`](crate::Config::max_stack_size) bytes.
pub struct SuspendedCall {
    pub(crate) call: Suspended,
    pub(crate) pause: Pause<Error>,
    /// The engine's number of the type of the function that was called, or of another one with the same results.
    pub(crate) type_id: u32,
    /// What the store's profiler keeps of it.
    pub(crate) probes: Option<SuspendedProbes>,
}

impl fmt::Debug for SuspendedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SuspendedCall").field("reason", &self.reason()).finish_non_exhaustive()
    }
}

impl SuspendedCall {
    /// Why the call is suspended.
    pub fn reason(&self) -> SuspendReason<'_> {
        match &self.pause {
            Pause::Fuel(required) => SuspendReason::OutOfFuel { required: *required },
            Pause::Poll(TrapCode::DeadlineExceeded) => SuspendReason::DeadlineExceeded,
            Pause::Poll(_) => SuspendReason::Interrupted,
            Pause::Host(error) if error.is_suspend() => SuspendReason::HostRequest,
            Pause::Host(error) => SuspendReason::HostError(error),
        }
    }

    /// How much fuel the store must have for the call to go on, if it is suspended for lack of fuel.
    pub fn required_fuel(&self) -> Option<u64> {
        match self.pause {
            Pause::Fuel(required) => Some(required),
            _ => None,
        }
    }

    /// The error of the host function that failed, if that is why the call is suspended.
    pub fn host_error(&self) -> Option<&Error> {
        match &self.pause {
            Pause::Host(error) if !error.is_suspend() => Some(error),
            _ => None,
        }
    }

    /// The reason as an error, as [`Func::call`] would have returned it but for its backtrace. The call has ended.
    pub fn into_error(self) -> Error {
        match self.pause {
            Pause::Fuel(required) => Error::out_of_fuel(required),
            Pause::Poll(code) => code.into(),
            Pause::Host(error) => error,
        }
    }

    /// The host function that asked to suspend or failed, if that is why the call is suspended.
    pub fn host_func(&self) -> Option<Func> {
        let func = self.call.host_func()?;
        // SAFETY: I-ENTITY: the function belongs to the store that the call belongs to.
        Some(Func::from_handle(unsafe { self.call.store().handle(func) }))
    }

    /// The number that a [suspending function](crate::Linker::func_suspend) was given, if the call is suspended in
    /// one.
    ///
    /// # Panics
    /// The call belongs to another store.
    pub fn tag<T>(&self, ctx: impl AsContext<Data = T>) -> Option<u64> {
        let ctx = ctx.as_context();
        let func = self.host_func()?;
        let entity = ctx.inner.executor().entity(func.handle()).unwrap_or_else(|error| panic!("{error}"));
        ctx.inner.host_func(entity.host()).tag()
    }

    /// An argument of the host function that asked to suspend or failed. `None` if there is none of this number.
    ///
    /// # Panics
    /// The call belongs to another store.
    pub fn host_arg(&self, ctx: impl AsContext, index: usize) -> Option<Val> {
        self.host_args(ctx).nth(index)
    }

    /// The arguments of the host function that asked to suspend or failed; else nothing.
    ///
    /// # Panics
    /// The call belongs to another store.
    pub fn host_args<C: AsContext>(&self, ctx: C) -> impl Iterator<Item = Val> + use<'_, C> {
        let ty = self.host_func().map(|func| func.ty(&ctx));
        let mut index = 0;
        core::iter::from_fn(move || {
            let &param = ty.as_ref()?.params().get(index)?;
            index += 1;
            // SAFETY: I-REF: the arguments lie where the call left them, and have the types of the function.
            Some(unsafe { Val::from_slot(param, self.call.host_arg(index - 1), self.call.store()) })
        })
    }

    /// The types of the results of the function that was called: as many values as [`resume`](Self::resume) takes.
    ///
    /// # Panics
    /// The call belongs to another store.
    pub fn result_types(&self, ctx: impl AsContext) -> Vec<ValType> {
        let store = ctx.as_context().inner;
        assert_eq!(store.id(), self.call.store(), "the call belongs to another store");
        store.engine().func_type(self.type_id).results().to_vec()
    }

    /// The WebAssembly calls that are suspended, innermost first. The offset of the innermost frame is that of the
    /// call of a host function, or of the next instruction.
    ///
    /// # Panics
    /// The call belongs to another store.
    pub fn backtrace(&self, ctx: impl AsContext) -> WasmBacktrace {
        assert_eq!(ctx.as_context().inner.id(), self.call.store(), "the call belongs to another store");
        // SAFETY: I-ENTITY: the store was just found to exist.
        WasmBacktrace::new(unsafe { self.call.backtrace() })
    }

    /// Goes on. Not for calls that wait for the results of a host function, unless that has none.
    ///
    /// # Errors
    /// As for [`Func::call`]. If the call waits for results, or belongs to another store, or `outputs` has another
    /// length than the function has results, it ends with the error.
    pub fn resume(self, ctx: impl AsContextMut, outputs: &mut [Val]) -> Result<ResumableCall, Error> {
        self.resume_with(ctx, &[], outputs)
    }

    /// Goes on, with these results of the host function that asked to suspend or failed.
    ///
    /// # Errors
    /// As for [`resume`](Self::resume), and if the results do not fit the type of the host function.
    pub fn resume_with(
        self,
        mut ctx: impl AsContextMut,
        host_results: &[Val],
        outputs: &mut [Val],
    ) -> Result<ResumableCall, Error> {
        let store = ctx.as_context_mut().inner;
        let ty = self.check(store)?;
        check_count("results", ty.results().len(), outputs.len())?;
        let host_results = self.host_results(store, host_results)?;
        let mut slots: SmallVec<[u64; 4]> = SmallVec::from_elem(0, outputs.len());
        let type_id = self.type_id;
        let outcome = store.resume((self.call, self.probes), &host_results, &mut slots)?;
        // SAFETY: I-REF: the results have the types of the function and belong to the store it ran in.
        Ok(unsafe { ResumableCall::new(outcome, type_id, (store, &slots), outputs) })
    }

    /// The call with Rust types for its results: what [`TypedFunc::call_resumable`](crate::TypedFunc::call_resumable)
    /// gives, for one that comes from a snapshot.
    ///
    /// # Errors
    /// The function has other results, or the call belongs to another store. The call ends then.
    pub fn typed<Results: WasmResults>(
        self,
        ctx: impl AsContext,
    ) -> Result<TypedSuspendedCall<Results>, Error> {
        let ty = self.check(ctx.as_context().inner)?;
        if ty.results() != Results::TYPES {
            let wanted = FuncType::new([], Results::TYPES.iter().copied());
            return Err(Error::signature(
                [
                    "the call is of a function of type ",
                    &ty.to_string(),
                    ", whose results are not those of ",
                    &wanted.to_string(),
                ]
                .concat(),
            ));
        }
        Ok(TypedSuspendedCall { call: self, results: PhantomData })
    }

    /// Compares stores; gives the type of the function that was called.
    fn check<'s, T>(&self, store: &'s StoreInner<T>) -> Result<&'s FuncType, Error> {
        if self.call.store() != store.id() {
            return Err(executor::WrongStore.into());
        }
        Ok(store.engine().func_type(self.type_id))
    }

    /// The results of the host function as slots.
    fn host_results<T>(&self, store: &StoreInner<T>, results: &[Val]) -> Result<SmallVec<[u64; 8]>, Error> {
        let Some(func) = self.host_func() else {
            check_count("host results", 0, results.len())?;
            return Ok(SmallVec::new());
        };
        let type_id = store.executor().entity(func.handle())?.type_id;
        check_types("results", store.engine().func_type(type_id).results(), results)?;
        to_slots(results, store.id())
    }
}

impl ResumableCall {
    /// From the executor's outcome, with the results as slots and their store.
    ///
    /// # Safety
    /// I-REF: the slots hold results of the function type with this number, if the call has finished.
    pub(crate) unsafe fn new<T>(
        (outcome, probes): Started,
        type_id: u32,
        (store, slots): (&StoreInner<T>, &[u64]),
        outputs: &mut [Val],
    ) -> Self {
        match outcome {
            Outcome::Finished => {
                // SAFETY: promised by the caller.
                unsafe { from_slots(store.engine().func_type(type_id), slots, store.id(), outputs) };
                Self::Finished
            }
            Outcome::Suspended(call, pause) => {
                Self::Suspended(SuspendedCall { call, pause, type_id, probes })
            }
        }
    }
}

/// A [`SuspendedCall`] of a function whose results have these types.
pub struct TypedSuspendedCall<Results> {
    call: SuspendedCall,
    results: PhantomData<fn() -> Results>,
}

impl<Results> fmt::Debug for TypedSuspendedCall<Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

impl<Results> Deref for TypedSuspendedCall<Results> {
    type Target = SuspendedCall;

    fn deref(&self) -> &SuspendedCall {
        &self.call
    }
}

impl<Results> TypedSuspendedCall<Results> {
    /// The call without the types of its results.
    pub fn into_untyped(self) -> SuspendedCall {
        self.call
    }

    /// The reason as an error; see [`SuspendedCall::into_error`].
    pub fn into_error(self) -> Error {
        self.call.into_error()
    }
}

impl<Results: WasmResults> TypedSuspendedCall<Results> {
    /// Goes on; see [`SuspendedCall::resume`].
    ///
    /// # Errors
    /// As for [`SuspendedCall::resume`].
    pub fn resume(self, ctx: impl AsContextMut) -> Result<TypedResumableCall<Results>, Error> {
        self.resume_with(ctx, &[])
    }

    /// Goes on with the results of a host function; see [`SuspendedCall::resume_with`].
    ///
    /// # Errors
    /// As for [`SuspendedCall::resume_with`].
    pub fn resume_with(
        self,
        mut ctx: impl AsContextMut,
        host_results: &[Val],
    ) -> Result<TypedResumableCall<Results>, Error> {
        let store = ctx.as_context_mut().inner;
        if self.call.call.store() != store.id() {
            return Err(executor::WrongStore.into());
        }
        let host_results = self.call.host_results(store, host_results)?;
        let mut slots = Results::ZEROS;
        let type_id = self.call.type_id;
        let outcome = store.resume((self.call.call, self.call.probes), &host_results, slots.as_mut())?;
        // SAFETY: I-REF: the type was compared when the call was made.
        Ok(unsafe { TypedResumableCall::new(outcome, type_id, &slots, store.id()) })
    }
}

impl<Results: WasmResults> TypedResumableCall<Results> {
    /// From the executor's outcome.
    ///
    /// # Safety
    /// I-REF: the slots hold results of these types, if the call has finished.
    pub(crate) unsafe fn new(
        (outcome, probes): Started,
        type_id: u32,
        slots: &Results::Slots,
        store: executor::StoreId,
    ) -> Self {
        match outcome {
            // SAFETY: promised by the caller.
            Outcome::Finished => Self::Finished(unsafe { Results::from_slots(slots, store) }),
            Outcome::Suspended(call, pause) => Self::Suspended(TypedSuspendedCall {
                call: SuspendedCall { call, pause, type_id, probes },
                results: PhantomData,
            }),
        }
    }
}
