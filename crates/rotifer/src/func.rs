//! [`Func`]: a function of a store.

use alloc::string::ToString;
use rotifer_core::{FuncType, ValType};
use rotifer_executor::{self as executor, Handle};
use smallvec::SmallVec;

use crate::{
    AsContext, AsContextMut, Caller, Error, IntoFunc, TypedFunc, Val, WasmParams, WasmResults,
    host_func::HostFunc,
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
        self.try_ty(ctx).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_ty(&self, ctx: impl AsContext) -> Result<FuncType, Error> {
        let store = ctx.as_context().inner;
        Ok(store.engine().func_type(store.executor().entity(self.0)?.type_id))
    }

    /// Calls the function. `results` must have room for all results; what it holds before does not matter.
    ///
    /// # Errors
    /// WebAssembly trapped, a host function failed, a body is invalid (in partial mode), the arguments or the
    /// number of results do not fit the type, or the function or an argument belongs to another store.
    pub fn call(&self, mut ctx: impl AsContextMut, params: &[Val], results: &mut [Val]) -> Result<(), Error> {
        let ty = self.try_ty(&ctx)?;
        let store = ctx.as_context_mut().inner;
        check_types("parameters", ty.params(), params)?;
        if ty.results().len() != results.len() {
            return Err(Error::signature(
                [
                    "the function has ",
                    &ty.results().len().to_string(),
                    " results, but room was given for ",
                    &results.len().to_string(),
                ]
                .concat(),
            ));
        }
        let id = store.id();
        let params =
            params.iter().map(|param| param.to_slot(id)).collect::<Result<SmallVec<[u64; 8]>, Error>>()?;
        let mut slots: SmallVec<[u64; 4]> = SmallVec::from_elem(0, results.len());
        store.invoke(*self, &params, &mut slots)?;
        for ((result, &slot), &ty) in results.iter_mut().zip(&slots).zip(ty.results()) {
            // SAFETY: I-REF: the results have the types of the function and belong to the store it ran in.
            *result = unsafe { Val::from_slot(ty, slot, id) };
        }
        Ok(())
    }

    /// The function with Rust types, for faster calls.
    ///
    /// # Errors
    /// The function has another type, or belongs to another store.
    pub fn typed<Params: WasmParams, Results: WasmResults>(
        &self,
        ctx: impl AsContext,
    ) -> Result<TypedFunc<Params, Results>, Error> {
        TypedFunc::new(*self, &self.try_ty(ctx)?)
    }
}

fn check_types(what: &str, types: &[ValType], values: &[Val]) -> Result<(), Error> {
    if types.len() != values.len() {
        return Err(Error::signature(
            [
                "the function has ",
                &types.len().to_string(),
                " ",
                what,
                ", but ",
                &values.len().to_string(),
                " values were given",
            ]
            .concat(),
        ));
    }
    for (i, (ty, value)) in types.iter().zip(values).enumerate() {
        if value.ty() != *ty {
            return Err(Error::signature(
                [
                    "parameter ",
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
