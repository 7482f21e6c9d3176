//! Typed indices. Each index space of a module has a type of its own, so that they cannot be mixed up.

macro_rules! index_types {
    ($( $(#[$doc:meta])* $name:ident ),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        #[repr(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a position in a slice.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl From<u32> for $name {
            #[inline]
            fn from(value: u32) -> Self {
                Self(value)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

index_types! {
    /// An index into the types of a module.
    TypeIdx,
    /// An index into the functions of a module, imports first.
    FuncIdx,
    /// An index into the tables of a module, imports first.
    TableIdx,
    /// An index into the memories of a module, imports first.
    MemIdx,
    /// An index into the globals of a module, imports first.
    GlobalIdx,
    /// An index into the element segments of a module.
    ElemIdx,
    /// An index into the data segments of a module.
    DataIdx,
    /// An index into the locals of a function, parameters first.
    LocalIdx,
    /// A byte offset from the start of a module's binary.
    WasmOffset,
}
