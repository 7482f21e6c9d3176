//! What a module may ask for. All limits are stated in WebAssembly terms and checked by validation, so that a
//! body that validated never fails to translate for its size.

/// Upper bounds on everything that a module can ask for.
///
/// [`Limits::default`] follows the implementation limits of the
/// [JavaScript API](https://webassembly.github.io/spec/js-api/index.html#limits), which all engines on the web
/// share; [`Limits::strict`] is for modules of unknown origin, such as contracts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a whole module.
    pub module_bytes: u32,
    /// Types of a module.
    pub types: u32,
    /// Functions of a module, imports included.
    pub functions: u32,
    /// Imports of a module.
    pub imports: u32,
    /// Exports of a module.
    pub exports: u32,
    /// Globals of a module, imports included.
    pub globals: u32,
    /// Tables of a module, imports included.
    pub tables: u32,
    /// Memories of a module, imports included.
    pub memories: u32,
    /// Data segments of a module.
    pub data_segments: u32,
    /// Element segments of a module.
    pub element_segments: u32,
    /// Elements of one element segment.
    pub segment_elements: u32,
    /// Parameters of a function type.
    pub params: u32,
    /// Results of a function type.
    pub results: u32,
    /// Locals of a function, parameters included.
    pub locals: u32,
    /// Bytes of one function body.
    pub body_bytes: u32,
    /// Nesting of blocks in one function body.
    pub nesting: u32,
    /// Locals and operands of one function that can be alive at once, in slots of 64 bits, plus
    /// [`Limits::LINKAGE_SLOTS`]. At most [`Limits::MAX_FRAME_SLOTS`]; a larger value counts as that.
    pub frame_slots: u32,
    /// Labels of one `br_table`, its default included.
    pub br_table_labels: u32,
    /// Minimum size of a table that a module may define, in elements.
    pub table_elements: u64,
    /// Minimum size of a memory that a module may define, in bytes.
    pub memory_bytes: u64,
    /// Bytes of an import's, an export's or a custom section's name.
    pub name_bytes: u32,
}

impl Limits {
    /// Slots of a frame that hold the return address and the distance to the caller's frame.
    pub const LINKAGE_SLOTS: u32 = 2;
    /// The largest frame that the bytecode can address: slots are 16-bit numbers.
    pub const MAX_FRAME_SLOTS: u32 = 65_000;

    /// The slot of a local in its frame: parameters come first, and between them, `params` slots, and the other locals
    /// lies the linkage. No local takes more than a slot: there are no vectors yet.
    #[inline(always)]
    pub const fn local_slot(local: u32, params: u32) -> u32 {
        if local < params { local } else { local + Self::LINKAGE_SLOTS }
    }

    /// The local in a slot, which is one of those that [`local_slot`](Self::local_slot) gives.
    pub const fn local_in_slot(slot: u32, params: u32) -> u32 {
        if slot < params { slot } else { slot.saturating_sub(Self::LINKAGE_SLOTS) }
    }

    /// Tight limits for modules of unknown origin that are expected to be small.
    pub const fn strict() -> Self {
        Self {
            module_bytes: 4 << 20,
            types: 1_000,
            functions: 10_000,
            imports: 1_000,
            exports: 1_000,
            globals: 1_000,
            tables: 100,
            memories: 1,
            data_segments: 1_000,
            element_segments: 1_000,
            segment_elements: 10_000,
            params: 32,
            results: 32,
            locals: 4_096,
            body_bytes: 512 << 10,
            nesting: 256,
            frame_slots: 8_192,
            br_table_labels: 4_096,
            table_elements: 10_000,
            memory_bytes: 128 << 20,
            name_bytes: 1_024,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            module_bytes: 1 << 30,
            types: 1_000_000,
            functions: 1_000_000,
            imports: 1_000_000,
            exports: 1_000_000,
            globals: 1_000_000,
            tables: 100,
            memories: 100,
            data_segments: 100_000,
            element_segments: 100_000,
            segment_elements: 10_000_000,
            params: 1_000,
            results: 1_000,
            locals: 50_000,
            body_bytes: 7_654_321,
            nesting: 50_000,
            frame_slots: Self::MAX_FRAME_SLOTS,
            br_table_labels: 65_520,
            table_elements: u64::MAX,
            memory_bytes: u64::MAX,
            name_bytes: 100_000,
        }
    }
}
