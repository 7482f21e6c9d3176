//! The types of WebAssembly ([spec](https://webassembly.github.io/spec/core/syntax/types.html)).

use alloc::sync::Arc;
use core::fmt;

/// What a reference may point to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum HeapType {
    /// Any function.
    Func,
    /// Any object of the host.
    Extern,
}

/// The type of a reference. Four bytes; typed function references and the collector's types will use the
/// remaining bits for a type index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RefType {
    nullable: bool,
    heap_type: HeapType,
}

impl RefType {
    /// A nullable reference to any function.
    pub const FUNCREF: Self = Self { nullable: true, heap_type: HeapType::Func };
    /// A nullable reference to any object of the host.
    pub const EXTERNREF: Self = Self { nullable: true, heap_type: HeapType::Extern };

    /// What a reference of this type may point to.
    pub const fn heap_type(self) -> HeapType {
        self.heap_type
    }

    /// Whether null is a value of this type.
    pub const fn is_nullable(self) -> bool {
        self.nullable
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.heap_type {
            HeapType::Func => "funcref",
            HeapType::Extern => "externref",
        })
    }
}

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A 128-bit vector. Takes two slots of a frame. No operator uses it yet.
    V128,
    /// A reference.
    Ref(RefType),
}

impl ValType {
    /// A nullable reference to any function.
    pub const FUNCREF: Self = Self::Ref(RefType::FUNCREF);
    /// A nullable reference to any object of the host.
    pub const EXTERNREF: Self = Self::Ref(RefType::EXTERNREF);

    /// Whether this is one of the four number types.
    pub const fn is_num(self) -> bool {
        matches!(self, Self::I32 | Self::I64 | Self::F32 | Self::F64)
    }

    /// Whether this is `f32` or `f64`.
    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Whether this is a reference type.
    #[inline]
    pub const fn is_ref(self) -> bool {
        matches!(self, Self::Ref(_))
    }

    /// How many 64-bit slots of a frame a value of this type takes.
    pub const fn slots(self) -> u32 {
        match self {
            Self::V128 => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32 => f.write_str("i32"),
            Self::I64 => f.write_str("i64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::V128 => f.write_str("v128"),
            Self::Ref(ty) => ty.fmt(f),
        }
    }
}

/// The type of a function: its parameters and its results. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncType {
    /// Parameters, then results.
    types: Arc<[ValType]>,
    params: u32,
}

impl FuncType {
    /// A function type.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Self {
        let mut types: alloc::vec::Vec<ValType> = params.into_iter().collect();
        let params = types.len();
        types.extend(results);
        Self::from_types(&types, params)
    }

    /// A function type: the first `params` of `types` are parameters, the others results.
    ///
    /// # Panics
    /// There are fewer types than `params`.
    pub fn from_types(types: &[ValType], params: usize) -> Self {
        assert!(params <= types.len(), "every parameter has a type");
        Self { types: types.into(), params: params as u32 }
    }

    /// The types of the parameters.
    #[inline]
    pub fn params(&self) -> &[ValType] {
        &self.types[..self.params as usize]
    }

    /// How many 64-bit slots of a frame the parameters take.
    pub fn param_slots(&self) -> u32 {
        self.params().iter().map(|ty| ty.slots()).sum()
    }

    /// The types of the results.
    #[inline]
    pub fn results(&self) -> &[ValType] {
        &self.types[self.params as usize..]
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As the specification writes it: `[i32 i64] -> [f32]`.
impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("[")?;
            for (i, ty) in types.iter().enumerate() {
                if i > 0 {
                    f.write_str(" ")?;
                }
                ty.fmt(f)?;
            }
            f.write_str("]")
        };
        list(f, self.params())?;
        f.write_str(" -> ")?;
        list(f, self.results())
    }
}

/// The type of a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    /// The type of the elements.
    pub element: RefType,
    /// The size at the start, in elements.
    pub minimum: u64,
    /// The largest size, in elements.
    pub maximum: Option<u64>,
    /// Whether indices are 64-bit numbers.
    pub table64: bool,
}

impl TableType {
    /// A table with 32-bit indices.
    ///
    /// # Panics
    /// `maximum` is less than `minimum`.
    pub fn new(element: RefType, minimum: u32, maximum: Option<u32>) -> Self {
        Self { table64: false, ..Self::new64(element, minimum.into(), maximum.map(u64::from)) }
    }

    /// A table with 64-bit indices.
    ///
    /// # Panics
    /// `maximum` is less than `minimum`.
    pub fn new64(element: RefType, minimum: u64, maximum: Option<u64>) -> Self {
        assert!(maximum.is_none_or(|maximum| minimum <= maximum), "minimum exceeds maximum");
        Self { element, minimum, maximum, table64: true }
    }

    /// The type of the elements.
    pub const fn element(&self) -> RefType {
        self.element
    }

    /// The size at the start, in elements.
    pub const fn minimum(&self) -> u64 {
        self.minimum
    }

    /// The largest size, in elements.
    pub const fn maximum(&self) -> Option<u64> {
        self.maximum
    }

    /// Whether indices are 64-bit numbers.
    pub const fn is_64(&self) -> bool {
        self.table64
    }

    /// Whether a table of type `self` can be imported as one of type `expected`
    /// ([spec](https://webassembly.github.io/spec/core/valid/matching.html#tables)). `self.minimum` must be the
    /// table's current size.
    pub const fn matches(&self, expected: &Self) -> bool {
        self.table64 == expected.table64
            && self.element.nullable == expected.element.nullable
            && self.element.heap_type as u8 == expected.element.heap_type as u8
            && limits_match(self.minimum, self.maximum, expected.minimum, expected.maximum)
    }
}

const fn limits_match(min: u64, max: Option<u64>, expected_min: u64, expected_max: Option<u64>) -> bool {
    min >= expected_min
        && match (max, expected_max) {
            (_, None) => true,
            (Some(max), Some(expected)) => max <= expected,
            (None, Some(_)) => false,
        }
}

/// `10 20 funcref`, with `i64` in front if indices are 64-bit numbers.
impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        limits(f, self.table64, self.minimum, self.maximum)?;
        write!(f, " {}", self.element)
    }
}

fn limits(f: &mut fmt::Formatter<'_>, is_64: bool, minimum: u64, maximum: Option<u64>) -> fmt::Result {
    if is_64 {
        f.write_str("i64 ")?;
    }
    write!(f, "{minimum}")?;
    match maximum {
        Some(maximum) => write!(f, " {maximum}"),
        None => Ok(()),
    }
}

/// The type of a linear memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryType {
    /// The size at the start, in pages.
    pub minimum: u64,
    /// The largest size, in pages.
    pub maximum: Option<u64>,
    /// Whether addresses are 64-bit numbers.
    pub memory64: bool,
    /// Whether threads may share the memory. No module with a shared memory validates yet.
    pub shared: bool,
    /// The logarithm of the size of a page in bytes: 16, or 0 with custom page sizes.
    pub page_size_log2: u8,
}

impl MemoryType {
    /// A memory with 32-bit addresses and pages of 64 KiB.
    ///
    /// # Panics
    /// The limits are not those of a memory; [`MemoryType::builder`] returns an error instead.
    pub fn new(minimum: u32, maximum: Option<u32>) -> Self {
        let mut builder = Self::builder();
        builder.min(minimum.into()).max(maximum.map(u64::from));
        builder.build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// A memory with 64-bit addresses and pages of 64 KiB.
    ///
    /// # Panics
    /// The limits are not those of a memory; [`MemoryType::builder`] returns an error instead.
    pub fn new64(minimum: u64, maximum: Option<u64>) -> Self {
        let mut builder = Self::builder();
        builder.memory64(true).min(minimum).max(maximum);
        builder.build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Builds any memory type.
    pub fn builder() -> MemoryTypeBuilder {
        MemoryTypeBuilder::default()
    }

    /// The size of a page in bytes. 0 if no number of 64 bits can say it, which no memory has.
    pub const fn page_size(&self) -> u64 {
        match 1u64.checked_shl(self.page_size_log2 as u32) {
            Some(size) => size,
            None => 0,
        }
    }

    /// The size at the start, in pages.
    pub const fn minimum(&self) -> u64 {
        self.minimum
    }

    /// The largest size, in pages.
    pub const fn maximum(&self) -> Option<u64> {
        self.maximum
    }

    /// Whether addresses are 64-bit numbers.
    pub const fn is_64(&self) -> bool {
        self.memory64
    }

    /// The most pages that any memory with such pages and addresses can have.
    pub const fn page_limit(&self) -> u64 {
        let bits: u32 = if self.memory64 { 64 } else { 32 };
        match bits.saturating_sub(self.page_size_log2 as u32) {
            64.. => u64::MAX,
            bits => 1 << bits,
        }
    }

    /// Whether there can be a memory of this type. Those of modules that validate, and those that
    /// [`MemoryType::builder`] makes, are so; the fields can hold anything.
    ///
    /// # Errors
    /// No memory has this type.
    pub fn check(&self) -> Result<(), MemoryTypeError> {
        if !matches!(self.page_size_log2, 0 | 16) {
            return Err(MemoryTypeError::PageSize);
        }
        if self.minimum > self.page_limit() || self.maximum.is_some_and(|maximum| maximum > self.page_limit())
        {
            return Err(MemoryTypeError::TooLarge);
        }
        if self.maximum.is_some_and(|maximum| maximum < self.minimum) {
            return Err(MemoryTypeError::MinimumExceedsMaximum);
        }
        Ok(())
    }

    /// How many pages a memory of this type can have: its maximum, and no more than there are addresses.
    pub fn max_pages(&self) -> u64 {
        self.maximum.unwrap_or(u64::MAX).min(self.page_limit())
    }

    /// Whether a memory of type `self` can be imported as one of type `expected`
    /// ([spec](https://webassembly.github.io/spec/core/valid/matching.html#memories)). `self.minimum` must be
    /// the memory's current size.
    pub const fn matches(&self, expected: &Self) -> bool {
        self.memory64 == expected.memory64
            && self.shared == expected.shared
            && self.page_size_log2 == expected.page_size_log2
            && limits_match(self.minimum, self.maximum, expected.minimum, expected.maximum)
    }
}

/// `1 2`, with `i64` in front if addresses are 64-bit numbers, and the size of a page if it is not 64 KiB.
impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        limits(f, self.memory64, self.minimum, self.maximum)?;
        if self.shared {
            f.write_str(" shared")?;
        }
        if self.page_size_log2 != 16 {
            write!(f, " (pagesize {})", self.page_size())?;
        }
        Ok(())
    }
}

/// Builds a [`MemoryType`].
#[derive(Clone, Copy, Debug)]
pub struct MemoryTypeBuilder(MemoryType);

impl Default for MemoryTypeBuilder {
    fn default() -> Self {
        Self(MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: 16 })
    }
}

impl MemoryTypeBuilder {
    /// Sets whether addresses are 64-bit numbers. Default: no.
    pub fn memory64(&mut self, memory64: bool) -> &mut Self {
        self.0.memory64 = memory64;
        self
    }

    /// Sets the size at the start, in pages. Default: 0.
    pub fn min(&mut self, minimum: u64) -> &mut Self {
        self.0.minimum = minimum;
        self
    }

    /// Sets the largest size, in pages. Default: none.
    pub fn max(&mut self, maximum: Option<u64>) -> &mut Self {
        self.0.maximum = maximum;
        self
    }

    /// Sets the logarithm of the size of a page in bytes: 16 or 0. Default: 16.
    pub fn page_size_log2(&mut self, page_size_log2: u8) -> &mut Self {
        self.0.page_size_log2 = page_size_log2;
        self
    }

    /// The type.
    ///
    /// # Errors
    /// No memory has this type.
    pub fn build(&self) -> Result<MemoryType, MemoryTypeError> {
        self.0.check()?;
        Ok(self.0)
    }
}

/// Why there is no such memory type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryTypeError {
    /// A page has 1 byte or 64 KiB.
    PageSize,
    /// The limits exceed what addresses can reach.
    TooLarge,
    /// The minimum is greater than the maximum.
    MinimumExceedsMaximum,
}

impl fmt::Display for MemoryTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PageSize => "invalid custom page size",
            Self::TooLarge => "memory size must be at most what its addresses can reach",
            Self::MinimumExceedsMaximum => "size minimum must not be greater than maximum",
        })
    }
}

impl core::error::Error for MemoryTypeError {}

/// Whether a global may change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mutability {
    /// It never changes.
    Const,
    /// It may change.
    Var,
}

/// The type of a global.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// Whether it may change.
    pub mutability: Mutability,
}

impl GlobalType {
    /// A global.
    pub const fn new(content: ValType, mutability: Mutability) -> Self {
        Self { content, mutability }
    }

    /// The type of its value.
    pub const fn content(&self) -> ValType {
        self.content
    }

    /// Whether it may change.
    pub const fn mutability(&self) -> Mutability {
        self.mutability
    }

    /// Whether it may change.
    pub const fn is_mutable(&self) -> bool {
        matches!(self.mutability, Mutability::Var)
    }
}

/// As the text format writes it: `i32`, `(mut i32)`.
impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mutability {
            Mutability::Const => self.content.fmt(f),
            Mutability::Var => write!(f, "(mut {})", self.content),
        }
    }
}

/// The type of an import or an export.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}

macro_rules! extern_types {
    ($( $variant:ident($ty:ident), $method:ident, $noun:literal; )*) => {
        impl ExternType {
            $(
                #[doc = concat!("The type of the ", $noun, ", if it is one.")]
                pub const fn $method(&self) -> Option<&$ty> {
                    match self {
                        Self::$variant(ty) => Some(ty),
                        _ => None,
                    }
                }
            )*
        }

        /// What it is, then its type.
        impl fmt::Display for ExternType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $( Self::$variant(ty) => write!(f, concat!($noun, " {}"), ty), )* }
            }
        }

        $(
            impl From<$ty> for ExternType {
                fn from(ty: $ty) -> Self {
                    Self::$variant(ty)
                }
            }
        )*
    };
}

extern_types! {
    Func(FuncType), func, "function";
    Table(TableType), table, "table";
    Memory(MemoryType), memory, "memory";
    Global(GlobalType), global, "global";
}
