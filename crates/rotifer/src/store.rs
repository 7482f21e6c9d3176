//! [`Store`]: everything that instances consist of, and the embedder's data beside it.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{fmt, ptr::NonNull};
use hashbrown::HashMap;
use rotifer_core::{FuncIdx, TrapCode};
use rotifer_executor::{
    self as executor, Handle, Host, HostFrame, Outcome, StackLimits, StoreId, Suspended, Trap, TrapFrame,
};

use crate::{
    Caller, Engine, Error, InterruptHandle, ProfiledFunc, Profiler, ResourceLimiter, WasmBacktrace,
    func::Func,
    host_func::{HostFunc, HostFuncs},
    profile::{Probes, SuspendedProbes},
    snapshot::Recorded,
};

/// What became of a call that can be suspended, and what is kept of its profile if it is.
pub(crate) type Started = (Outcome<Error>, Option<SuspendedProbes>);

type Limiter<T> = Box<dyn (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync>;

/// A store: the functions, memories, tables, globals and instances that may refer to each other, and the
/// embedder's data of type `T`, which host functions reach through their [`Caller`].
///
/// All that is in a store lives until the store is dropped. Handles such as [`Func`] and
/// [`Memory`](crate::Memory) are small copies that name an item of one store. Using one with another store is
/// an error, or a panic where a method returns no `Result`.
pub struct Store<T> {
    pub(crate) inner: Box<StoreInner<T>>,
}

pub(crate) struct StoreInner<T> {
    engine: Engine,
    store: executor::Store,
    /// Those that came with the first instance, if they are an [`InstancePre`](crate::InstancePre)'s. They have the
    /// first numbers.
    shared_funcs: Option<SharedHostFuncs<T>>,
    /// The others by number; the functions of the executor's store refer to them. Nothing is ever removed.
    host_funcs: Vec<HostFunc<T>>,
    /// Which host functions of linkers this store has already, by address and type, apart from the shared ones.
    linked: HashMap<(usize, u32), Handle<executor::Func>>,
    limiter: Option<Limiter<T>>,
    /// How many more activations may nest.
    nesting_left: usize,
    interrupt: InterruptHandle,
    #[cfg(feature = "std")]
    deadline: Option<std::time::Instant>,
    probes: Option<Box<Probes>>,
    /// What was last recorded of memories and tables.
    recorded: Recorded,
    /// How many profilers there have been.
    profilers: u64,
    data: T,
}

/// Host functions that a store shares with others, and what they are in this one.
struct SharedHostFuncs<T> {
    funcs: Arc<HostFuncs<T>>,
    handles: Vec<Handle<executor::Func>>,
}

impl<T> Store<T> {
    /// A store with the embedder's data.
    pub fn new(engine: &Engine, data: T) -> Self {
        let config = engine.config();
        let limits = StackLimits { max_bytes: config.max_stack_size, max_depth: config.max_call_depth };
        Self {
            inner: Box::new(StoreInner {
                engine: engine.clone(),
                store: executor::Store::new(limits, engine.stubs().clone()),
                shared_funcs: None,
                host_funcs: Vec::new(),
                linked: HashMap::new(),
                limiter: None,
                nesting_left: config.max_host_nesting,
                interrupt: InterruptHandle::new(),
                #[cfg(feature = "std")]
                deadline: None,
                probes: None,
                recorded: Recorded::default(),
                profilers: 0,
                data,
            }),
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        &self.inner.data
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data
    }

    /// Drops the store but for the embedder's data.
    pub fn into_data(self) -> T {
        self.inner.data
    }

    /// Sets who decides how large memories and tables may become and how many there may be. The limiter is part
    /// of the embedder's data.
    pub fn limiter(
        &mut self,
        limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync + 'static,
    ) {
        self.inner.limiter = Some(Box::new(limiter));
    }

    /// What stops calls of this store from other threads.
    ///
    /// # Errors
    /// The engine's code cannot be interrupted: neither [`Config::interruptible`](crate::Config::interruptible) nor
    /// [`Config::consume_fuel`](crate::Config::consume_fuel) is on.
    pub fn interrupt_handle(&mut self) -> Result<InterruptHandle, Error> {
        self.inner.make_interruptible()?;
        Ok(self.inner.interrupt.clone())
    }

    /// Sets when calls of this store stop, with the trap
    /// [`TrapCode::DeadlineExceeded`] or suspended. It is looked at as often as
    /// [interrupts](InterruptHandle) are. `None` takes it away.
    ///
    /// # Errors
    /// As for [`interrupt_handle`](Self::interrupt_handle).
    #[cfg(feature = "std")]
    pub fn set_deadline(&mut self, deadline: Option<std::time::Instant>) -> Result<(), Error> {
        self.inner.make_interruptible()?;
        self.inner.deadline = deadline;
        Ok(())
    }

    /// Sets who is told when functions begin and end, or nobody. Returns who was told until now.
    ///
    /// # Errors
    /// The engine's code tells nobody: [`Config::profile`](crate::Config::profile) is off.
    pub fn set_profiler(
        &mut self,
        profiler: Option<Box<dyn Profiler + Send + Sync>>,
    ) -> Result<Option<Box<dyn Profiler + Send + Sync>>, Error> {
        let inner = &mut *self.inner;
        if !inner.engine.config().profile {
            return Err(Error::new("functions of this engine are not profiled: switch on Config::profile"));
        }
        inner.profilers += 1;
        let probes = profiler.map(|profiler| Box::new(Probes::new(profiler, inner.profilers)));
        let former = core::mem::replace(&mut inner.probes, probes);
        Ok(former.map(|probes| probes.into_profiler()))
    }
}

macro_rules! fuel {
    ($( $ty:ty, |$this:ident| $inner:expr, $inner_mut:expr; )*) => {$(
        impl<T> $ty {
            /// The fuel that is left. Exact, also in a host function (docs/FUEL.md).
            ///
            /// # Errors
            /// [`Config::consume_fuel`](crate::Config::consume_fuel) is off.
            pub fn get_fuel(&self) -> Result<u64, Error> {
                let $this = self;
                $inner.get_fuel()
            }

            /// Sets the fuel that is left. Takes effect at once, also in a host function.
            ///
            /// # Errors
            /// [`Config::consume_fuel`](crate::Config::consume_fuel) is off.
            pub fn set_fuel(&mut self, fuel: u64) -> Result<(), Error> {
                let $this = self;
                $inner_mut.set_fuel(fuel)
            }

            /// Takes so much fuel, for what a host function does. Returns what is left.
            ///
            /// # Errors
            /// There is less: nothing is taken, and the error is [`TrapCode::OutOfFuel`](crate::TrapCode::OutOfFuel)
            /// with the fuel as [`Error::required_fuel`]. Or
            /// [`Config::consume_fuel`](crate::Config::consume_fuel) is off.
            pub fn consume_fuel(&mut self, fuel: u64) -> Result<u64, Error> {
                let $this = self;
                $inner_mut.consume_fuel(fuel)
            }

            /// Looks whether the call shall stop: for host functions that take long. An interrupt that this reports
            /// has been taken note of and will not be reported again. In engines whose code cannot be interrupted
            /// there is never a reason to stop.
            ///
            /// # Errors
            /// [`TrapCode::Interrupted`](crate::TrapCode::Interrupted) or
            /// [`TrapCode::DeadlineExceeded`], for the host function to return.
            pub fn check_interrupt(&mut self) -> Result<(), Error> {
                let $this = self;
                $inner_mut.check_interrupt()
            }
        }
    )*};
}

fuel! {
    Store<T>, |this| this.inner, this.inner;
    StoreContextMut<'_, T>, |this| this.inner, this.inner;
    Caller<'_, T>, |this| this.store(), this.store_mut();
}

impl<T> StoreContext<'_, T> {
    /// The fuel that is left. Exact, also in a host function (docs/FUEL.md).
    ///
    /// # Errors
    /// [`Config::consume_fuel`](crate::Config::consume_fuel) is off.
    pub fn get_fuel(&self) -> Result<u64, Error> {
        self.inner.get_fuel()
    }
}

impl<T: Default> Default for Store<T> {
    fn default() -> Self {
        Self::new(&Engine::default(), T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("store", &self.inner.store).field("data", &self.inner.data).finish()
    }
}

impl<T> StoreInner<T> {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn id(&self) -> StoreId {
        self.store.id()
    }

    pub(crate) fn executor(&self) -> &executor::Store {
        &self.store
    }

    pub(crate) fn executor_mut(&mut self) -> &mut executor::Store {
        &mut self.store
    }

    /// The executor's store, and what was last recorded of its memories and tables.
    pub(crate) fn recorded(&mut self) -> (&mut executor::Store, &mut Recorded) {
        (&mut self.store, &mut self.recorded)
    }

    pub(crate) fn recorded_ref(&self) -> &Recorded {
        &self.recorded
    }

    pub(crate) fn data(&self) -> &T {
        &self.data
    }

    pub(crate) fn data_mut(&mut self) -> &mut T {
        &mut self.data
    }

    /// The executor's store and the embedder's data, which are disjoint.
    pub(crate) fn split(&mut self) -> (&mut executor::Store, &mut T) {
        (&mut self.store, &mut self.data)
    }

    /// Asks the resource limiter, if there is one.
    pub(crate) fn limit<R>(&mut self, ask: impl FnOnce(&mut dyn ResourceLimiter) -> R) -> Option<R> {
        let limiter = self.limiter.as_mut()?;
        Some(ask(limiter(&mut self.data)))
    }

    /// Adds a host function.
    pub(crate) fn add_host_func(&mut self, func: HostFunc<T>) -> Handle<executor::Func> {
        let type_id = func.type_id(&self.engine);
        self.add_host_func_of_type(func, type_id)
    }

    /// Adds a host function of a type that has this number.
    fn add_host_func_of_type(&mut self, func: HostFunc<T>, type_id: u32) -> Handle<executor::Func> {
        let handle = self.store.add_host_func(type_id, func.slots());
        self.host_funcs.push(func);
        handle
    }

    /// The host function with this number.
    #[inline]
    pub(crate) fn host_func(&self, number: u32) -> &HostFunc<T> {
        let number = number as usize;
        let Some(shared) = &self.shared_funcs else { return &self.host_funcs[number] };
        let shared = shared.funcs.list();
        match number.checked_sub(shared.len()) {
            None => &shared[number],
            Some(own) => &self.host_funcs[own],
        }
    }

    /// What host functions that an [`InstancePre`](crate::InstancePre) shares are in this store, which takes its share
    /// of them if it has no host functions yet. Nothing if it has others.
    pub(crate) fn share_host_funcs(
        &mut self,
        funcs: &Arc<HostFuncs<T>>,
    ) -> Option<&[Handle<executor::Func>]> {
        if self.shared_funcs.is_none() && self.host_funcs.is_empty() {
            self.store.reserve_host_funcs(funcs.list().len());
            let types = funcs.list().iter().zip(funcs.type_ids());
            let handles = types.map(|(func, &type_id)| self.store.add_host_func(type_id, func.slots()));
            let handles = handles.collect();
            self.shared_funcs = Some(SharedHostFuncs { funcs: funcs.clone(), handles });
        }
        let shared = self.shared_funcs.as_ref().filter(|shared| Arc::ptr_eq(&shared.funcs, funcs))?;
        Some(&shared.handles)
    }

    /// Prepares for linking so many host functions.
    pub(crate) fn reserve_host_funcs(&mut self, additional: usize) {
        self.store.reserve_host_funcs(additional);
        self.host_funcs.reserve(additional);
        self.linked.reserve(additional);
    }

    /// The function of this store for a host function that a linker holds. `type_id` is the number of its type,
    /// if that is known.
    pub(crate) fn link_host_func(
        &mut self,
        func: &HostFunc<T>,
        type_id: Option<u32>,
    ) -> Handle<executor::Func> {
        let type_id = type_id.unwrap_or_else(|| func.type_id(&self.engine));
        let key = (func.address(), type_id);
        if let Some(shared) = &self.shared_funcs
            && let Some(position) = shared.funcs.position(key)
        {
            return shared.handles[position as usize];
        }
        if let Some(&handle) = self.linked.get(&key) {
            return handle;
        }
        // The address stays taken as long as the store keeps its share of the function.
        let handle = self.add_host_func_of_type(func.clone(), type_id);
        self.linked.insert(key, handle);
        handle
    }

    /// Whether no WebAssembly of this store is running or suspended.
    pub(crate) fn is_quiescent(&self) -> bool {
        self.has_suspended_just(0)
    }

    /// Whether no WebAssembly of this store is running, and so many calls are suspended.
    pub(crate) fn has_suspended_just(&self, calls: usize) -> bool {
        self.nesting_left == self.engine.config().max_host_nesting && self.store.suspended_calls() == calls
    }

    /// Is as good as new for the embedder: with other data, and without what it has set.
    pub(crate) fn renew(&mut self, data: T) {
        self.data = data;
        self.limiter = None;
        self.interrupt = InterruptHandle::new();
        self.store.interruptible = false;
        self.probes = None;
        #[cfg(feature = "std")]
        {
            self.deadline = None;
        }
    }

    fn make_interruptible(&mut self) -> Result<(), Error> {
        let config = self.engine.config();
        if !config.interruptible && !config.consume_fuel {
            return Err(Error::new(
                "calls of this engine cannot be interrupted: switch on Config::interruptible or consume_fuel",
            ));
        }
        self.store.interruptible = true;
        Ok(())
    }

    fn check_fuel(&self) -> Result<(), Error> {
        if self.engine.config().consume_fuel {
            return Ok(());
        }
        Err(Error::new("fuel is not counted: switch on Config::consume_fuel"))
    }

    #[inline]
    fn get_fuel(&self) -> Result<u64, Error> {
        self.check_fuel()?;
        Ok(self.store.fuel)
    }

    fn consume_fuel(&mut self, fuel: u64) -> Result<u64, Error> {
        self.check_fuel()?;
        let left = self.store.fuel.checked_sub(fuel).ok_or_else(|| Error::out_of_fuel(fuel))?;
        self.store.fuel = left;
        Ok(left)
    }

    fn check_interrupt(&mut self) -> Result<(), Error> {
        self.poll().map_or(Ok(()), |code| Err(code.into()))
    }

    #[inline]
    fn set_fuel(&mut self, fuel: u64) -> Result<(), Error> {
        self.check_fuel()?;
        self.store.fuel = fuel;
        Ok(())
    }

    /// Calls a function with slots as arguments and results.
    ///
    /// The lengths must be those of the function's type and references must come from this store; callers in
    /// this crate check both.
    #[inline]
    pub(crate) fn invoke(&mut self, func: Func, params: &[u64], results: &mut [u64]) -> Result<(), Error> {
        let func = self.store.check(func.handle())?;
        let nested = Nested::new(self)?;
        // SAFETY: I-STORE: `func` was just found to belong to this store; the rest is the caller's duty.
        unsafe { executor::invoke(&mut *nested.0, func, params, results) }?;
        nested.finish();
        Ok(())
    }

    /// As [`invoke`](Self::invoke), for calls that can be suspended.
    pub(crate) fn start(
        &mut self,
        func: Func,
        params: &[u64],
        results: &mut [u64],
    ) -> Result<Started, Error> {
        let func = self.store.check(func.handle())?;
        let nested = Nested::new(self)?;
        // SAFETY: I-STORE: as for `invoke`.
        let outcome = unsafe { executor::start(&mut *nested.0, func, params, results) }?;
        Ok(nested.stop(outcome))
    }

    /// Goes on with a call.
    ///
    /// It must belong to this store; the lengths must be those of its function's type and of the host function that
    /// it waits for, and `host_results` have the types of that. Callers in this crate check all that.
    pub(crate) fn resume(
        &mut self,
        (call, probes): (Suspended, Option<SuspendedProbes>),
        host_results: &[u64],
        results: &mut [u64],
    ) -> Result<Started, Error> {
        let mut nested = Nested::new(self)?;
        nested.resume_probes(probes);
        // SAFETY: I-STORE: the caller's duty.
        let outcome = unsafe { executor::resume(&mut *nested.0, call, host_results, results) }?;
        Ok(nested.stop(outcome))
    }
}

/// An activation is counted, even if a host function in it panics.
struct Nested<'s, T>(&'s mut StoreInner<T>);

impl<'s, T> Nested<'s, T> {
    #[inline]
    fn new(store: &'s mut StoreInner<T>) -> Result<Self, Error> {
        let Some(nesting_left) = store.nesting_left.checked_sub(1) else {
            return Err(TrapCode::StackOverflow.into());
        };
        store.nesting_left = nesting_left;
        Ok(Self(store))
    }

    /// The activation has returned: all its functions have, too.
    #[inline]
    fn finish(self) {
        self.0.nesting_left += 1;
        core::mem::forget(self);
    }

    /// The activation has returned or is suspended.
    fn stop(self, outcome: Outcome<Error>) -> Started {
        let store = &mut *self.0;
        let probes = match (&outcome, &mut store.probes) {
            (Outcome::Suspended(..), Some(probes)) => probes.suspend(store.nesting_left),
            _ => None,
        };
        self.finish();
        (outcome, probes)
    }

    /// The activation goes on with functions that were suspended.
    fn resume_probes(&mut self, suspended: Option<SuspendedProbes>) {
        let store = &mut *self.0;
        if let (Some(suspended), Some(probes)) = (suspended, &mut store.probes) {
            probes.resume(store.nesting_left, suspended);
        }
    }
}

/// The activation has failed, or a host function in it panics.
impl<T> Drop for Nested<'_, T> {
    #[cold]
    fn drop(&mut self) {
        if let Some(probes) = &mut self.0.probes {
            probes.unwind(self.0.nesting_left);
        }
        self.0.nesting_left += 1;
    }
}

// SAFETY: I-STORE: the store is a field; I-REF: host functions write their results through `WasmTy`, or after
// a check of the values' types.
unsafe impl<T> Host for StoreInner<T> {
    type Error = Error;

    #[inline]
    fn store(&mut self) -> &mut executor::Store {
        &mut self.store
    }

    #[inline]
    fn call_host(
        &mut self,
        func: u32,
        caller: Option<NonNull<executor::Instance>>,
        frame: HostFrame,
    ) -> Result<(), Error> {
        // SAFETY: I-ENTITY: the executor names an instance of this store.
        let caller = caller.map(|caller| unsafe { self.store.id().handle(caller) });
        HostFunc::call(self, func, caller, frame)
    }

    fn memory_growth_fuel(&mut self, current: u64, desired: u64) -> u64 {
        let fuel = self.limit(|limiter| limiter.memory_growth_fuel(host_size(current), host_size(desired)));
        fuel.unwrap_or(0)
    }

    fn table_growth_fuel(&mut self, current: u64, desired: u64) -> u64 {
        let fuel = self.limit(|limiter| limiter.table_growth_fuel(host_size(current), host_size(desired)));
        fuel.unwrap_or(0)
    }

    fn memory_growing(&mut self, current: u64, desired: u64, maximum: Option<u64>) -> Result<bool, Error> {
        let growing = self.limit(|limiter| {
            limiter.memory_growing(host_size(current), host_size(desired), maximum.map(host_size))
        });
        growing.unwrap_or(Ok(true))
    }

    fn table_growing(&mut self, current: u64, desired: u64, maximum: Option<u64>) -> Result<bool, Error> {
        let growing = self.limit(|limiter| {
            limiter.table_growing(host_size(current), host_size(desired), maximum.map(host_size))
        });
        growing.unwrap_or(Ok(true))
    }

    fn growth_failed(&mut self) -> Result<(), Error> {
        // How much memory a machine has must not be seen by what runs on others, too.
        if self.engine.config().deterministic {
            return Err(Error::from_kind(crate::ErrorKind::OutOfMemory));
        }
        Ok(())
    }

    #[inline]
    fn poll(&mut self) -> Option<TrapCode> {
        if !self.store.interruptible {
            return None;
        }
        if self.interrupt.take() {
            return Some(TrapCode::Interrupted);
        }
        #[cfg(feature = "std")]
        if self.deadline.is_some_and(|deadline| std::time::Instant::now() >= deadline) {
            return Some(TrapCode::DeadlineExceeded);
        }
        None
    }

    fn probe(&mut self, instance: NonNull<executor::Instance>, func: FuncIdx, enter: bool) {
        let Some(probes) = &mut self.probes else { return };
        // SAFETY: I-ENTITY: the executor names an instance of this store.
        let func = ProfiledFunc::new(unsafe { &(*instance.as_ptr()).module }, func);
        if enter {
            probes.enter(self.nesting_left, func);
        } else {
            probes.leave(self.nesting_left, func);
        }
    }

    fn wants_frames(&self, error: &Error) -> bool {
        self.engine.config().host_error_backtrace && error.wants_backtrace()
    }

    fn with_frames(&self, error: Error, frames: Vec<TrapFrame>) -> Error {
        error.with_backtrace(WasmBacktrace::new(frames))
    }

    fn trap(&mut self, trap: Trap) -> Error {
        Error::trap(trap.code, trap.required_fuel, WasmBacktrace::new(trap.frames))
    }

    fn invalid(&mut self, error: rotifer_validator::Error) -> Error {
        error.into()
    }
}

/// A size as a `usize`. What a host cannot address is the largest there is: no limiter grants it.
pub(crate) fn host_size(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// A shared borrow of a store.
pub struct StoreContext<'a, T> {
    pub(crate) inner: &'a StoreInner<T>,
}

impl<T> Clone for StoreContext<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StoreContext<'_, T> {}

impl<'a, T> StoreContext<'a, T> {
    /// The engine.
    pub fn engine(&self) -> &'a Engine {
        &self.inner.engine
    }

    /// The embedder's data.
    pub fn data(&self) -> &'a T {
        &self.inner.data
    }
}

/// An exclusive borrow of a store.
pub struct StoreContextMut<'a, T> {
    pub(crate) inner: &'a mut StoreInner<T>,
}

impl<T> StoreContextMut<'_, T> {
    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        &self.inner.data
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data
    }
}

impl<T> fmt::Debug for StoreContext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreContext").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for StoreContextMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreContextMut").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

/// What gives shared access to a store: a [`Store`], a [`Caller`], a context, and references to them.
pub trait AsContext {
    /// The embedder's data.
    type Data;

    /// Borrows the store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// What gives exclusive access to a store.
pub trait AsContextMut: AsContext {
    /// Borrows the store.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        C::as_context_mut(self)
    }
}

impl<T> AsContext for StoreContext<'_, T> {
    type Data = T;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        *self
    }
}

macro_rules! contexts {
    ($( $ty:ty, |$this:ident| $shared:expr, $exclusive:expr; )*) => {$(
        impl<T> AsContext for $ty {
            type Data = T;

            #[inline]
            fn as_context(&self) -> StoreContext<'_, T> {
                let $this = self;
                StoreContext { inner: $shared }
            }
        }

        impl<T> AsContextMut for $ty {
            #[inline]
            fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
                let $this = self;
                StoreContextMut { inner: $exclusive }
            }
        }
    )*};
}

contexts! {
    Store<T>, |this| &this.inner, &mut this.inner;
    StoreContextMut<'_, T>, |this| this.inner, this.inner;
    Caller<'_, T>, |this| this.store(), this.store_mut();
}

impl<'a, C: AsContext> From<&'a C> for StoreContext<'a, C::Data> {
    #[inline]
    fn from(context: &'a C) -> Self {
        C::as_context(context)
    }
}

impl<'a, C: AsContext> From<&'a mut C> for StoreContext<'a, C::Data> {
    #[inline]
    fn from(context: &'a mut C) -> Self {
        C::as_context(context)
    }
}

impl<'a, C: AsContextMut> From<&'a mut C> for StoreContextMut<'a, C::Data> {
    #[inline]
    fn from(context: &'a mut C) -> Self {
        C::as_context_mut(context)
    }
}
