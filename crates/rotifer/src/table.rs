//! [`Table`]: a table of a store.

use rotifer_core::TableType;
use rotifer_executor::{self as executor, Handle, Host};

use crate::{
    AsContext, AsContextMut, Error, InstantiationError, Ref,
    store::{StoreInner, host_size},
};

/// A table of a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Table(Handle<executor::Table>);

const OUT_OF_BOUNDS: &str = "out of bounds table access";

impl Table {
    pub(crate) const fn from_handle(handle: Handle<executor::Table>) -> Self {
        Self(handle)
    }

    pub(crate) const fn handle(self) -> Handle<executor::Table> {
        self.0
    }

    /// A new table, filled with `init`.
    ///
    /// # Errors
    /// The minimum of the type exceeds its maximum, the resource limiter refuses, the host has not enough memory, or
    /// `init` has another type or belongs to another store.
    pub fn new(mut ctx: impl AsContextMut, ty: TableType, init: Ref) -> Result<Self, Error> {
        if ty.maximum.is_some_and(|maximum| maximum < ty.minimum) {
            return Err(Error::access("size minimum must not be greater than maximum"));
        }
        let store = ctx.as_context_mut().inner;
        let init = element(store, &ty, init)?;
        store.allow_tables(&[ty])?;
        // SAFETY: I-REF: `element` has compared type and store.
        Ok(Self(unsafe { store.executor_mut().new_table(ty, init) }?))
    }

    fn entity<'a, T>(&self, store: &'a StoreInner<T>) -> &'a executor::Table {
        store.executor().entity(self.0).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The type. Its minimum is the table's current size.
    ///
    /// # Panics
    /// The table belongs to another store.
    pub fn ty(&self, ctx: impl AsContext) -> TableType {
        self.entity(ctx.as_context().inner).current_type()
    }

    /// The size in elements.
    ///
    /// # Panics
    /// The table belongs to another store.
    pub fn size(&self, ctx: impl AsContext) -> u64 {
        self.entity(ctx.as_context().inner).size()
    }

    /// Grows the table by a number of elements that are `init`, and gives the number that it had before.
    ///
    /// # Errors
    /// The table's maximum, the resource limiter or the host does not allow it, or `init` has another type or
    /// belongs to another store.
    pub fn grow(&self, mut ctx: impl AsContextMut, delta: u64, init: Ref) -> Result<u64, Error> {
        let store = ctx.as_context_mut().inner;
        let table = store.executor().entity(self.0)?;
        let (ty, size) = (table.ty, table.size());
        let init = element(store, &ty, init)?;
        let refused = || Error::access("the table cannot grow by so many elements");
        let desired = size.checked_add(delta).ok_or_else(refused)?;
        if ty.maximum.is_some_and(|maximum| desired > maximum) {
            return Err(refused());
        }
        if !Host::table_growing(store, size, desired, ty.maximum)? {
            return Err(Error::access("the resource limiter does not let the table grow"));
        }
        // SAFETY: I-REF: `element` has compared type and store.
        unsafe { store.executor_mut().table_mut(self.0) }?.grow(delta, init).ok_or_else(refused)
    }

    /// The element at an index, or nothing beyond the table's end.
    ///
    /// # Panics
    /// The table belongs to another store.
    pub fn get(&self, ctx: impl AsContext, index: u64) -> Option<Ref> {
        let store = ctx.as_context().inner;
        let table = self.entity(store);
        let slot = table.get(index)?;
        // SAFETY: I-REF: a table holds references of its element type that belong to its store.
        Some(unsafe { Ref::from_slot(table.ty.element, slot, store.id()) })
    }

    /// Replaces the element at an index.
    ///
    /// # Errors
    /// The index is beyond the table's end, `value` has another type, or something belongs to another store.
    pub fn set(&self, mut ctx: impl AsContextMut, index: u64, value: Ref) -> Result<(), Error> {
        let store = ctx.as_context_mut().inner;
        let value = element(store, &store.executor().entity(self.0)?.ty, value)?;
        // SAFETY: I-REF: `element` has compared type and store.
        let table = unsafe { store.executor_mut().table_mut(self.0) }?;
        table.set(index, value).map_err(|_| Error::access(OUT_OF_BOUNDS))
    }

    /// Fills a range with a value.
    ///
    /// # Errors
    /// The range reaches beyond the table's end, `value` has another type, or something belongs to another
    /// store. Nothing is written then.
    pub fn fill(&self, mut ctx: impl AsContextMut, dst: u64, value: Ref, len: u64) -> Result<(), Error> {
        let store = ctx.as_context_mut().inner;
        let value = element(store, &store.executor().entity(self.0)?.ty, value)?;
        // SAFETY: I-REF: `element` has compared type and store.
        let table = unsafe { store.executor_mut().table_mut(self.0) }?;
        table.fill(dst, value, len).map_err(|_| Error::access(OUT_OF_BOUNDS))
    }

    /// Copies a range from one table to another or within one table. The ranges may overlap.
    ///
    /// # Errors
    /// A range reaches beyond its table's end, the tables' elements have different types, or a table belongs to
    /// another store. Nothing is written then.
    pub fn copy(
        mut ctx: impl AsContextMut,
        dst_table: &Self,
        dst_index: u64,
        src_table: &Self,
        src_index: u64,
        len: u64,
    ) -> Result<(), Error> {
        let store = ctx.as_context_mut().inner.executor_mut();
        if store.entity(dst_table.0)?.ty.element != store.entity(src_table.0)?.ty.element {
            return Err(Error::access("the elements of the tables have different types"));
        }
        // SAFETY: I-REF: the types were just compared.
        let copied = unsafe { store.copy_table(dst_table.0, dst_index, src_table.0, src_index, len) }?;
        copied.map_err(|_| Error::access(OUT_OF_BOUNDS))
    }
}

/// The content of a table for a reference.
fn element<T>(store: &StoreInner<T>, ty: &TableType, value: Ref) -> Result<u64, Error> {
    if value.ty() != ty.element {
        return Err(Error::access("the reference has not the type of the table's elements"));
    }
    value.to_slot(store.id())
}

impl<T> StoreInner<T> {
    /// Asks the resource limiter for new tables.
    pub(crate) fn allow_tables(&mut self, types: &[TableType]) -> Result<(), Error> {
        let existing = self.executor().table_count();
        let allowed = self.limit(|limiter| {
            if types.len() > limiter.tables().saturating_sub(existing) {
                return Err(InstantiationError::TooManyTables.into());
            }
            for ty in types {
                if !limiter.table_growing(0, host_size(ty.minimum), ty.maximum.map(host_size))? {
                    return Err(InstantiationError::TableRefused.into());
                }
            }
            Ok(())
        });
        allowed.unwrap_or(Ok(()))
    }
}
