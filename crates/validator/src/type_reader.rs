//! Types in the binary format, which sections and bodies share
//! ([spec](https://webassembly.github.io/spec/core/binary/types.html)).
//!
//! These readers also check what a type says about itself: that its proposals are switched on and that limits
//! are in order. Encodings that belong to later proposals are told apart from plain garbage only by the kind of
//! the error.

use crate::{Error, ErrorKind, packed_type::PackedType, reader::Reader};
use rotifer_core::{
    Features, FuncType, GlobalType, Limits, MemoryType, Mutability, RefType, TableType, TypeIdx, ValType,
    WasmOffset,
};

/// The type of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BlockType {
    /// No parameters, no results.
    Empty,
    /// One result.
    Value(PackedType),
    /// Parameters and results of a function type.
    Func(TypeIdx),
}

/// The error that a proposal is switched off.
#[cold]
pub(crate) fn disabled(message: &'static str, offset: WasmOffset) -> Error {
    Error::new(ErrorKind::Unsupported, message, offset)
}

/// Checks that a proposal is switched on.
#[inline]
pub(crate) fn require(enabled: bool, message: &'static str, offset: WasmOffset) -> Result<(), Error> {
    if enabled { Ok(()) } else { Err(disabled(message, offset)) }
}

impl Reader<'_> {
    /// Reads the type of a value.
    pub(crate) fn val_type(&mut self, features: &Features) -> Result<ValType, Error> {
        let offset = self.offset();
        let number = match self.peek()? {
            0x7F => ValType::I32,
            0x7E => ValType::I64,
            0x7D => ValType::F32,
            0x7C => ValType::F64,
            0x7B => return Err(disabled("malformed value type: SIMD is not supported", offset)),
            _ => {
                let ty = self.ref_type_encoding("malformed value type")?;
                require(features.reference_types, "reference types are switched off", offset)?;
                return Ok(ValType::Ref(ty));
            }
        };
        self.u8()?;
        if number.is_float() {
            require(features.floats, "floating-point support is switched off", offset)?;
        }
        Ok(number)
    }

    /// Reads the type of a reference.
    pub(crate) fn ref_type(&mut self, features: &Features) -> Result<RefType, Error> {
        let offset = self.offset();
        let ty = self.ref_type_encoding("malformed reference type")?;
        require(features.reference_types, "reference types are switched off", offset)?;
        Ok(ty)
    }

    /// Reads the type of a table's elements. `funcref` is as old as tables.
    fn element_type(&mut self, features: &Features) -> Result<RefType, Error> {
        let offset = self.offset();
        let ty = self.ref_type_encoding("malformed reference type")?;
        if ty != RefType::FUNCREF {
            require(features.reference_types, "reference types are switched off", offset)?;
        }
        Ok(ty)
    }

    /// Reads the type of a reference in its short form, or in its long form as far as that means the same.
    fn ref_type_encoding(&mut self, malformed: &'static str) -> Result<RefType, Error> {
        let offset = self.offset();
        match self.u8()? {
            0x70 => Ok(RefType::FUNCREF),
            0x6F => Ok(RefType::EXTERNREF),
            // `ref null`, followed by a heap type.
            0x63 => self.heap_type(),
            0x64 => Err(disabled("typed function references are not supported", offset)),
            0x62 | 0x65 | 0x68..=0x6E | 0x71..=0x75 => {
                Err(disabled("the type of a later proposal is not supported", offset))
            }
            _ => Err(Error::new(ErrorKind::Malformed, malformed, offset)),
        }
    }

    /// Reads a heap type, as the type of nullable references to it.
    pub(crate) fn heap_type(&mut self) -> Result<RefType, Error> {
        let offset = self.offset();
        let first = self.peek()?;
        if self.var_s33()? >= 0 {
            return Err(disabled("typed function references are not supported", offset));
        }
        match first {
            0x70 => Ok(RefType::FUNCREF),
            0x6F => Ok(RefType::EXTERNREF),
            0x62 | 0x65 | 0x68..=0x6E | 0x71..=0x75 => {
                Err(disabled("the type of a later proposal is not supported", offset))
            }
            _ => Err(Error::new(ErrorKind::Malformed, "malformed heap type", offset)),
        }
    }

    /// Reads the type of a block. Whether a type index exists is for the caller to check.
    #[inline]
    pub(crate) fn block_type(&mut self, features: &Features) -> Result<BlockType, Error> {
        if self.skip_byte(0x40) {
            return Ok(BlockType::Empty);
        }
        self.block_type_that_is_not_empty(features)
    }

    fn block_type_that_is_not_empty(&mut self, features: &Features) -> Result<BlockType, Error> {
        let offset = self.offset();
        let first = self.peek()?;
        // One byte whose sign bit is set: a negative number, so no type index. Value types have no longer
        // encodings.
        if first & 0xC0 == 0x40 {
            return Ok(BlockType::Value(PackedType::new(self.val_type(features)?)));
        }
        let Ok(index) = u32::try_from(self.var_s33()?) else {
            return Err(Error::new(ErrorKind::Malformed, "malformed block type", offset));
        };
        require(features.multi_value, "blocks of several values need multi-value, which is off", offset)?;
        Ok(BlockType::Func(TypeIdx(index)))
    }

    /// Reads a function type, its leading byte included.
    pub(crate) fn func_type(&mut self, features: &Features, limits: &Limits) -> Result<FuncType, Error> {
        let start = self.offset();
        match self.u8()? {
            0x60 => {}
            0x4C..=0x50 | 0x5D..=0x5F | 0x65 => {
                return Err(disabled("types of the GC proposal and later ones are not supported", start));
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::Malformed,
                    "integer representation too long, malformed type form",
                    start,
                ));
            }
        }
        let mut types = smallvec::SmallVec::<[ValType; 16]>::new();
        let params = self.val_types(features, limits.params, "parameters of a function type", &mut types)?;
        let offset = self.offset();
        let results = self.val_types(features, limits.results, "results of a function type", &mut types)?;
        if results > 1 {
            require(features.multi_value, "invalid result arity: multi-value is switched off", offset)?;
        }
        Ok(FuncType::from_types(&types, params as usize))
    }

    fn val_types(
        &mut self,
        features: &Features,
        limit: u32,
        what: &'static str,
        types: &mut smallvec::SmallVec<[ValType; 16]>,
    ) -> Result<u32, Error> {
        let offset = self.offset();
        let count = self.var_u32()?;
        check_limit(count.into(), limit.into(), what, offset)?;
        for _ in 0..count {
            types.push(self.val_type(features)?);
        }
        Ok(count)
    }

    /// Reads the type of a table.
    pub(crate) fn table_type(&mut self, features: &Features) -> Result<TableType, Error> {
        let start = self.offset();
        let element = self.element_type(features)?;
        let offset = self.offset();
        let flags = self.u8()?;
        if flags & !0b111 != 0 {
            return Err(Error::new(ErrorKind::Malformed, "malformed limits flags", offset));
        }
        let (minimum, maximum) = self.size_limits(flags & 0b001 != 0, features)?;
        let table64 = flags & 0b100 != 0;
        check_size_limits(minimum, maximum, start)?;
        if table64 {
            require(features.memory64, "malformed limits flags: 64-bit tables are switched off", offset)?;
        }
        require(flags & 0b010 == 0, "malformed limits flags: shared tables are not supported", offset)?;
        let largest = if table64 { u64::MAX } else { u32::MAX.into() };
        if maximum.unwrap_or(minimum) > largest {
            return Err(Error::new(ErrorKind::Invalid, "table size must be at most 2^32-1", start));
        }
        Ok(TableType { element, minimum, maximum, table64 })
    }

    /// Reads the type of a memory.
    pub(crate) fn memory_type(&mut self, features: &Features) -> Result<MemoryType, Error> {
        let start = self.offset();
        let flags = self.u8()?;
        if flags & !0b1111 != 0 {
            return Err(Error::new(ErrorKind::Malformed, "malformed limits flags", start));
        }
        let (minimum, maximum) = self.size_limits(flags & 0b0001 != 0, features)?;
        let memory64 = flags & 0b0100 != 0;
        let mut page_size_log2 = 16;
        if flags & 0b1000 != 0 {
            page_size_log2 = self.var_u32()?;
            require(
                features.custom_page_sizes,
                "malformed limits flags: custom page sizes are switched off",
                start,
            )?;
            if page_size_log2 >= 64 {
                return Err(Error::new(ErrorKind::Malformed, "invalid custom page size", start));
            }
            if page_size_log2 != 0 && page_size_log2 != 16 {
                return Err(Error::new(ErrorKind::Invalid, "invalid custom page size", start));
            }
        }
        check_size_limits(minimum, maximum, start)?;
        if memory64 {
            require(features.memory64, "malformed limits flags: 64-bit memories are switched off", start)?;
        }
        require(flags & 0b0010 == 0, "malformed limits flags: shared memories are not supported", start)?;
        let (largest, message) = match (memory64, page_size_log2) {
            (false, 16) => (1 << 16, "memory size must be at most 65536 pages (4GiB)"),
            (false, _) => (u64::from(u32::MAX), "memory size must be at most 2^32-1 pages of one byte"),
            (true, 16) => (1 << 48, "memory size must be at most 2^48 pages"),
            (true, _) => (u64::MAX, "memory size must be at most 2^64-1 pages of one byte"),
        };
        if maximum.unwrap_or(minimum) > largest {
            return Err(Error::new(ErrorKind::Invalid, message, start));
        }
        let page_size_log2 = page_size_log2 as u8;
        Ok(MemoryType { minimum, maximum, memory64, shared: false, page_size_log2 })
    }

    /// Reads minimum and maximum. The proposal for 64-bit memories allows more bytes for 32-bit ones, too.
    fn size_limits(&mut self, has_maximum: bool, features: &Features) -> Result<(u64, Option<u64>), Error> {
        let mut size = || if features.memory64 { self.var_u64() } else { self.var_u32().map(u64::from) };
        let minimum = size()?;
        let maximum = if has_maximum { Some(size()?) } else { None };
        Ok((minimum, maximum))
    }

    /// Reads the type of a global.
    pub(crate) fn global_type(&mut self, features: &Features) -> Result<GlobalType, Error> {
        let content = self.val_type(features)?;
        let offset = self.offset();
        let mutability = match self.u8()? {
            0 => Mutability::Const,
            1 => Mutability::Var,
            2 | 3 => return Err(disabled("malformed mutability: shared globals are not supported", offset)),
            _ => return Err(Error::new(ErrorKind::Malformed, "malformed mutability", offset)),
        };
        Ok(GlobalType { content, mutability })
    }
}

fn check_size_limits(minimum: u64, maximum: Option<u64>, offset: WasmOffset) -> Result<(), Error> {
    if maximum.is_some_and(|maximum| minimum > maximum) {
        return Err(Error::new(ErrorKind::Invalid, "size minimum must not be greater than maximum", offset));
    }
    Ok(())
}

/// Checks a number against a limit of [`Limits`].
#[inline]
pub(crate) fn check_limit(value: u64, limit: u64, what: &str, offset: WasmOffset) -> Result<(), Error> {
    if value <= limit { Ok(()) } else { Err(limit_error(value, limit, what, offset)) }
}

/// The error that a limit is exceeded.
#[cold]
pub(crate) fn limit_error(value: u64, limit: u64, what: &str, offset: WasmOffset) -> Error {
    Error::new(ErrorKind::Limit, alloc::format!("too many {what}: {value}, at most {limit}"), offset)
}
