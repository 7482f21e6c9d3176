//! [`Extern`]: what can be imported and exported.

use rotifer_core::ExternType;
use rotifer_executor::Item;

use crate::{AsContext, Func, Global, Memory, Table};

/// What can be imported and exported.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extern {
    /// A global.
    Global(Global),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A function.
    Func(Func),
}

impl Extern {
    pub(crate) fn into_item(self) -> Item {
        match self {
            Self::Global(global) => Item::Global(global.handle()),
            Self::Table(table) => Item::Table(table.handle()),
            Self::Memory(memory) => Item::Memory(memory.handle()),
            Self::Func(func) => Item::Func(func.handle()),
        }
    }

    /// The type. The minimum of a memory or a table is its current size.
    ///
    /// # Panics
    /// The item belongs to another store.
    pub fn ty(&self, ctx: impl AsContext) -> ExternType {
        match self {
            Self::Global(global) => global.ty(ctx).into(),
            Self::Table(table) => table.ty(ctx).into(),
            Self::Memory(memory) => memory.ty(ctx).into(),
            Self::Func(func) => func.ty(ctx).into(),
        }
    }
}

macro_rules! kinds {
    ($( $kind:ident, $into:ident, $noun:literal; )*) => {
        impl Extern {$(
            #[doc = concat!("The ", $noun, ", if it is one.")]
            pub fn $into(self) -> Option<$kind> {
                match self {
                    Self::$kind(item) => Some(item),
                    _ => None,
                }
            }
        )*}

        $(
            impl From<$kind> for Extern {
                fn from(item: $kind) -> Self {
                    Self::$kind(item)
                }
            }
        )*
    };
}

kinds! {
    Global, into_global, "global";
    Table, into_table, "table";
    Memory, into_memory, "memory";
    Func, into_func, "function";
}
