//! [`Func`]: a function of a store.

use alloc::string::ToString;
use rotifer_core::{FuncType, ValType};
use rotifer_executor::{self as executor, Handle, StoreId};
use smallvec::SmallVec;

use crate::{
    AsContext, AsContextMut, Caller, Error, IntoFunc, ResumableCall, TypedFunc, Val, WasmParams, WasmResults,
    host_func::HostFunc, store::StoreInner,
};

/// A function of a store: one of WebAssembly, or one of the host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Func(Handle<executor::Func>);

impl Func {
    pub(crate) const fn from_handle(handle: Handle<executor::Func>) -> Self {
        Self(handle)
    }

    pub(crate) const fn handle(self) -> Handle<executor::Func> {
        self.0
    }

    /// A host function of any type. [`Func::wrap`] makes faster ones.
    ///
    /// The closure gets the arguments and a slice of zeros and nulls, of the types of the results, in which it
    /// leaves the results.
    ///
    /// # Panics
    /// The type has a `v128`.
    pub fn new<T>(
        mut ctx: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        Self(ctx.as_context_mut().inner.add_host_func(HostFunc::new(ty, func)))
    }

    /// A host function of the type of a closure.
    pub fn wrap<T, Params, Results>(
        mut ctx: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Self {
        Self(ctx.as_context_mut().inner.add_host_func(HostFunc::wrap(func)))
    }

    /// The type.
    ///
    /// # Panics
    /// The function belongs to another store.
    pub fn ty(&self, ctx: impl AsContext) -> FuncType {
        self.ty_in(ctx.as_context().inner).unwrap_or_else(|error| panic!("{error}")).clone()
    }

    fn ty_in<'s, T>(&self, store: &'s StoreInner<T>) -> Result<&'s FuncType, Error> {
        Ok(store.engine().func_type(store.executor().entity(self.0)?.type_id))
    }

    /// Calls the function. `results` must have room for all results; what it holds before does not matter.
    ///
    /// # Errors
    /// WebAssembly trapped, ran out of fuel or was interrupted, a host function failed, a body is invalid (in
    /// partial mode), the arguments or the number of results do not fit the type, or the function or an argument
    /// belongs to another store.
    pub fn call(&self, mut ctx: impl AsContextMut, params: &[Val], results: &mut [Val]) -> Result<(), Error> {
        let store = ctx.as_context_mut().inner;
        let (params, mut slots) = self.prepare(store, params, results)?;
        store.invoke(*self, &params, &mut slots)?;
        // SAFETY: I-REF: the results have the types of the function and belong to the store it ran in.
        unsafe { from_slots(self.ty_in(store)?, &slots, store.id(), results) };
        Ok(())
    }

    /// Checks arguments and the number of results; gives the arguments as slots, and slots for the results.
    fn prepare<T>(&self, store: &StoreInner<T>, params: &[Val], results: &[Val]) -> Result<Prepared, Error> {
        let ty = self.ty_in(store)?;
        check_types("parameters", ty.params(), params)?;
        check_count("results", ty.results().len(), results.len())?;
        Ok((to_slots(params, store.id())?, SmallVec::from_elem(0, results.len())))
    }

    /// Calls the function so that it can stop and go on: when it runs out of fuel, is interrupted, or when a host
    /// function that it called asks for it or fails. See [`SuspendedCall`](crate::SuspendedCall).
    ///
    /// ```
    /// use rotifer::{Config, Engine, Func, ResumableCall, Store, Val};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// // A host function that leaves its work to whoever made the call.
    /// # let wasm = wat::parse_str(r#"(module (import "host" "ask" (func $ask (param i32) (result i32)))
    /// #     (func (export "run") (result i32) (i32.add (call $ask (i32.const 20)) (i32.const 1))))"#).unwrap();
    /// # let module = rotifer::Module::new(store.engine(), &wasm)?;
    /// let mut linker = rotifer::Linker::new(store.engine());
    /// linker.func_wrap("host", "ask", |_: i32| -> Result<i32, rotifer::Error> { Err(rotifer::Error::suspend()) })?;
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// let run = instance.get_func(&store, "run").unwrap();
    /// let mut results = [Val::I32(0)];
    /// let ResumableCall::Suspended(call) = run.call_resumable(&mut store, &[], &mut results)? else { panic!() };
    /// let asked = call.host_arg(&store, 0).and_then(|arg| arg.i32());
    /// assert_eq!(asked, Some(20));
    /// let done = call.resume_with(&mut store, &[Val::I32(41)], &mut results)?;
    /// assert!(matches!(done, ResumableCall::Finished));
    /// assert_eq!(results[0].i32(), Some(42));
    /// # Ok::<(), rotifer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`call`](Self::call), except for what suspends the call. If this is a host function, its errors.
    pub fn call_resumable(
        &self,
        mut ctx: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<ResumableCall, Error> {
        let store = ctx.as_context_mut().inner;
        let (params, mut slots) = self.prepare(store, params, results)?;
        let type_id = store.executor().entity(self.0)?.type_id;
        let outcome = store.start(*self, &params, &mut slots)?;
        // SAFETY: I-REF: the results have the types of the function and belong to the store it ran in.
        Ok(unsafe { ResumableCall::new(outcome, type_id, (store, &slots), results) })
    }

    /// The function with Rust types, for faster calls.
    ///
    /// # Errors
    /// The function has another type, or belongs to another store.
    pub fn typed<Params: WasmParams, Results: WasmResults>(
        &self,
        ctx: impl AsContext,
    ) -> Result<TypedFunc<Params, Results>, Error> {
        TypedFunc::new(*self, self.ty_in(ctx.as_context().inner)?)
    }
}

/// Checks how many values are given or how many there is room for.
pub(crate) fn check_count(what: &str, expected: usize, actual: usize) -> Result<(), Error> {
    if expected == actual {
        return Ok(());
    }
    let (expected, actual) = (expected.to_string(), actual.to_string());
    let message = ["the function has ", &expected, " ", what, ", but ", &actual, " were given"];
    Err(Error::signature(message.concat()))
}

/// Arguments as slots, slots for results.
type Prepared = (SmallVec<[u64; 8]>, SmallVec<[u64; 4]>);

/// Results from slots.
///
/// # Safety
/// I-REF: the slots hold results of this type that belong to the store.
pub(crate) unsafe fn from_slots(ty: &FuncType, slots: &[u64], store: StoreId, results: &mut [Val]) {
    for ((result, &slot), &ty) in results.iter_mut().zip(slots).zip(ty.results()) {
        // SAFETY: promised by the caller.
        *result = unsafe { Val::from_slot(ty, slot, store) };
    }
}

/// Values as slots.
pub(crate) fn to_slots(values: &[Val], store: StoreId) -> Result<SmallVec<[u64; 8]>, Error> {
    values.iter().map(|value| value.to_slot(store)).collect()
}

/// Checks the number and types of values.
pub(crate) fn check_types(what: &str, types: &[ValType], values: &[Val]) -> Result<(), Error> {
    check_count(what, types.len(), values.len())?;
    for (i, (ty, value)) in types.iter().zip(values).enumerate() {
        if value.ty() != *ty {
            return Err(Error::signature(
                [
                    what.trim_end_matches('s'),
                    " ",
                    &i.to_string(),
                    " has type ",
                    &ty.to_string(),
                    ", but the value given has type ",
                    &value.ty().to_string(),
                ]
                .concat(),
            ));
        }
    }
    Ok(())
}
