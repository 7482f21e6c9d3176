//! [`HostFunc`]: a function of the host, before it belongs to a store, and the closures that make one.

use alloc::{string::ToString, sync::Arc, vec::Vec};
use core::{
    fmt,
    mem::{forget, needs_drop},
    ptr::NonNull,
};
use hashbrown::HashMap;
use rotifer_core::{FuncType, ValType};
use rotifer_executor::{self as executor, Handle, HostFrame};
use smallvec::SmallVec;

use crate::{
    Caller, Engine, Error, Val,
    store::StoreInner,
    typed::{WasmRet, WasmTy, WasmTyList},
};

/// Reads its arguments from the frame in the store's value stack and writes its results there.
type Closure<T> = dyn Fn(Caller<'_, T>, HostFrame) -> Result<(), Error> + Send + Sync;

/// The same without captured values.
type Plain<T> = fn(Caller<'_, T>, HostFrame) -> Result<(), Error>;

/// A function of the host, before it belongs to a store. Cheap to clone.
pub struct HostFunc<T> {
    code: Code<T>,
    ty: HostType,
    /// Of a function that suspends: its number.
    tag: Option<u64>,
}

/// The code of a host function. Most closures capture nothing: they need no memory, and a linker with dozens of
/// them is made and linked without touching any.
enum Code<T> {
    Plain(Plain<T>),
    Shared(Arc<Closure<T>>),
}

impl<T> Code<T> {
    fn new<C>(closure: C) -> Self
    where
        C: Fn(Caller<'_, T>, HostFrame) -> Result<(), Error> + Send + Sync + 'static,
    {
        if size_of::<C>() > 0 || needs_drop::<C>() {
            return Self::Shared(Arc::new(closure));
        }
        forget(closure);
        Self::Plain(|caller, frame| {
            // SAFETY: the closure has no size, so that any aligned address is its place; one existed and was
            // forgotten, so that it exists forever; and it may be shared by threads.
            let closure = unsafe { NonNull::<C>::dangling().as_ref() };
            closure(caller, frame)
        })
    }

    /// What tells this code from all other code of functions of the same type that exists at the same time.
    fn address(&self) -> usize {
        match self {
            Self::Plain(code) => (*code as *const ()).addr(),
            Self::Shared(code) => Arc::as_ptr(code).addr(),
        }
    }
}

#[derive(Clone)]
enum HostType {
    /// Of a closure with Rust types.
    Static(&'static [ValType], &'static [ValType]),
    /// Of a closure with [`Val`]s.
    Dynamic(FuncType),
}

impl<T> Clone for HostFunc<T> {
    fn clone(&self) -> Self {
        let code = match &self.code {
            Code::Plain(code) => Code::Plain(*code),
            Code::Shared(code) => Code::Shared(code.clone()),
        };
        Self { code, ty: self.ty.clone(), tag: self.tag }
    }
}

impl<T> fmt::Debug for HostFunc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunc({})", self.ty())
    }
}

/// Host functions that stores share, each once.
pub(crate) struct HostFuncs<T> {
    list: Vec<HostFunc<T>>,
    /// The numbers of their types.
    type_ids: Vec<u32>,
    /// By address and type.
    positions: HashMap<(usize, u32), u32>,
}

impl<T> HostFuncs<T> {
    pub(crate) fn new() -> Self {
        Self { list: Vec::new(), type_ids: Vec::new(), positions: HashMap::new() }
    }

    /// Adds a function, of a type with this number, if it is not there yet. Returns its position.
    pub(crate) fn add(&mut self, func: &HostFunc<T>, type_id: u32) -> u32 {
        let Self { list, type_ids, positions } = self;
        *positions.entry((func.address(), type_id)).or_insert_with(|| {
            list.push(func.clone());
            type_ids.push(type_id);
            list.len() as u32 - 1
        })
    }

    pub(crate) fn list(&self) -> &[HostFunc<T>] {
        &self.list
    }

    pub(crate) fn type_ids(&self) -> &[u32] {
        &self.type_ids
    }

    /// Where the function of an address and a type is.
    pub(crate) fn position(&self, key: (usize, u32)) -> Option<u32> {
        self.positions.get(&key).copied()
    }
}

impl<T> HostFunc<T> {
    /// A function of a type that is known at run time only.
    pub(crate) fn new(
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        for ty in ty.params().iter().chain(ty.results()) {
            assert_ne!(*ty, ValType::V128, "values of type v128 are not supported yet");
        }
        let inner = ty.clone();
        let code = move |mut caller: Caller<'_, T>, frame: HostFrame| {
            let ty = &inner;
            let id = caller.store().id();
            let stack = &caller.store().executor().stack;
            let params: SmallVec<[Val; 8]> = (frame.base..)
                .zip(ty.params())
                // SAFETY: I-REF: a call leaves the arguments in the first slots of the callee's frame.
                .map(|(slot, &ty)| unsafe { Val::from_slot(ty, stack.get(slot), id) })
                .collect();
            let mut results: SmallVec<[Val; 4]> =
                ty.results().iter().map(|&ty| Val::default_for_ty(ty)).collect();
            func(caller.reborrow(), &params, &mut results)?;
            for ((slot, result), &ty) in (frame.base..).zip(&results).zip(ty.results()) {
                if result.ty() != ty {
                    return Err(Error::signature(
                        ["a host function returned ", &result.ty().to_string(), ", not ", &ty.to_string()]
                            .concat(),
                    ));
                }
                let result = result.to_slot(id)?;
                // SAFETY: I-REF: the result has the declared type, as was just checked.
                unsafe { caller.store_mut().executor_mut().stack.set(slot, result) };
            }
            Ok(())
        };
        Self { code: Code::new(code), ty: HostType::Dynamic(ty), tag: None }
    }

    /// A function that does nothing but ask to suspend.
    pub(crate) fn suspending(ty: FuncType, tag: u64) -> Self {
        for ty in ty.params().iter().chain(ty.results()) {
            assert_ne!(*ty, ValType::V128, "values of type v128 are not supported yet");
        }
        // The closure holds the number so that its address is its own: functions are told apart by it.
        let code = move |_: Caller<'_, T>, _: HostFrame| {
            core::hint::black_box(tag);
            Err(Error::suspend())
        };
        Self { code: Code::new(code), ty: HostType::Dynamic(ty), tag: Some(tag) }
    }

    /// The number of a function that suspends.
    pub(crate) fn tag(&self) -> Option<u64> {
        self.tag
    }

    /// A function of a closure with Rust types.
    pub(crate) fn wrap<Params, Results>(func: impl IntoFunc<T, Params, Results>) -> Self {
        func.into_host_func()
    }

    /// Calls the host function with this number of a store. The store keeps it.
    #[inline]
    pub(crate) fn call(
        store: &mut StoreInner<T>,
        func: u32,
        caller: Option<Handle<executor::Instance>>,
        frame: HostFrame,
    ) -> Result<(), Error> {
        match &store.host_func(func).code {
            Code::Plain(code) => code(Caller::new(store, caller), frame),
            Code::Shared(code) => {
                let code = Arc::as_ptr(code);
                // SAFETY: the closure lies behind a shared pointer, not in the store, and the store does not give
                // up its share while it exists, which the exclusive borrow of it outlasts.
                let code = unsafe { &*code };
                code(Caller::new(store, caller), frame)
            }
        }
    }

    /// What tells this function from all others of the same type that exist at the same time.
    pub(crate) fn address(&self) -> usize {
        self.code.address()
    }

    fn types(&self) -> (&[ValType], &[ValType]) {
        match &self.ty {
            HostType::Static(params, results) => (params, results),
            HostType::Dynamic(ty) => (ty.params(), ty.results()),
        }
    }

    /// Whether the function has this type.
    pub(crate) fn has_type(&self, ty: &FuncType) -> bool {
        self.types() == (ty.params(), ty.results())
    }

    /// The engine's number of the function's type.
    pub(crate) fn type_id(&self, engine: &Engine) -> u32 {
        let (params, results) = self.types();
        engine.type_id(params, results)
    }

    /// The slots of a frame in which the arguments or the results have room.
    pub(crate) fn slots(&self) -> u32 {
        let (params, results) = self.types();
        let slots = |types: &[ValType]| types.iter().map(|ty| ty.slots()).sum::<u32>();
        slots(params).max(slots(results))
    }

    /// The function's type.
    pub(crate) fn ty(&self) -> FuncType {
        match &self.ty {
            HostType::Static(params, results) => {
                FuncType::new(params.iter().copied(), results.iter().copied())
            }
            HostType::Dynamic(ty) => ty.clone(),
        }
    }
}

/// A closure that can be a host function: it takes up to 16 values of [`WasmTy`], with or without a [`Caller`]
/// before them, and returns what [`WasmRet`] allows.
pub trait IntoFunc<T, Params, Results>: Send + Sync + 'static {
    /// The closure as a host function.
    #[doc(hidden)]
    fn into_host_func(self) -> HostFunc<T>;
}

/// Reads the arguments, calls, writes the results.
#[inline]
fn call<T, P: WasmTyList, R: WasmRet>(
    mut caller: Caller<'_, T>,
    frame: HostFrame,
    func: impl FnOnce(Caller<'_, T>, P) -> R,
) -> Result<(), Error> {
    let id = caller.store().id();
    let mut params = P::ZEROS;
    let stack = &caller.store().executor().stack;
    for (slot, param) in (frame.base..).zip(params.as_mut()) {
        *param = stack.get(slot);
    }
    // SAFETY: I-REF: a call leaves the arguments in the first slots of the callee's frame, and the type of
    // the function is that of `P`.
    let params = unsafe { P::from_slots(&params, id) };
    let results = func(caller.reborrow(), params).into_result()?.into_slots(id)?;
    let stack = &mut caller.store_mut().executor_mut().stack;
    for (slot, &result) in (frame.base..).zip(results.as_ref()) {
        // SAFETY: I-REF: the results' types are those of the function's type.
        unsafe { stack.set(slot, result) };
    }
    Ok(())
}

macro_rules! into_func {
    ($( ($($P:ident $p:ident),*) )*) => {$(
        impl<T, Func, $($P,)* R> IntoFunc<T, ($($P,)*), R> for Func
        where
            Func: Fn($($P),*) -> R + Send + Sync + 'static,
            $($P: WasmTy,)*
            R: WasmRet,
        {
            fn into_host_func(self) -> HostFunc<T> {
                let code = move |caller: Caller<'_, T>, frame: HostFrame| {
                    call(caller, frame, |_, ($($p,)*): ($($P,)*)| self($($p),*))
                };
                HostFunc {
                    code: Code::new(code),
                    ty: HostType::Static(<($($P,)*)>::TYPES, R::Values::TYPES),
                    tag: None,
                }
            }
        }

        impl<T, Func, $($P,)* R> IntoFunc<T, (Caller<'_, T>, $($P,)*), R> for Func
        where
            Func: Fn(Caller<'_, T>, $($P),*) -> R + Send + Sync + 'static,
            $($P: WasmTy,)*
            R: WasmRet,
        {
            fn into_host_func(self) -> HostFunc<T> {
                let code = move |caller: Caller<'_, T>, frame: HostFrame| {
                    call(caller, frame, |caller, ($($p,)*): ($($P,)*)| self(caller, $($p),*))
                };
                HostFunc {
                    code: Code::new(code),
                    ty: HostType::Static(<($($P,)*)>::TYPES, R::Values::TYPES),
                    tag: None,
                }
            }
        }
    )*};
}

into_func! {
    ()
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
    (A a, B b, C c, D d, E e)
    (A a, B b, C c, D d, E e, F f)
    (A a, B b, C c, D d, E e, F f, G g)
    (A a, B b, C c, D d, E e, F f, G g, H h)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l, M m)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l, M m, N n)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l, M m, N n, O o)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l, M m, N n, O o, P p)
}
