//! A state with something of everything.

use rotifer_core::{
    Features, FuelCosts, FuncIdx, GlobalIdx, MemIdx, MemoryType, RefType, TableIdx, TableType,
};
use rotifer_snapshot::{
    CallCause, CallState, FeatureFingerprint, FrameState, GlobalState, MemoryState, MeteringFingerprint,
    PAGE_SIZE, Pages, State, StateType, TableState, Value, WasmOffset,
};

/// Two memories, one of them with pages of one byte; a global of each type; a table.
pub(crate) fn state() -> State {
    let mut large = vec![0; 128 * 1024];
    large[..5].copy_from_slice(b"hello");
    large[3 * PAGE_SIZE - 1..5 * PAGE_SIZE].fill(0xAB);
    large[128 * 1024 - 1] = 1;
    let small: Vec<u8> = (0..=250).cycle().take(PAGE_SIZE + 1000).collect();
    let memory = |index, page_size_log2, bytes: &[u8]| MemoryState {
        index: MemIdx(index),
        page_size_log2,
        contents: Pages::new(bytes),
    };
    let values = [
        Value::I32(0x1234_5678),
        Value::I64(u64::MAX - 1),
        Value::F32(0x7FC0_0000),
        Value::F64(0x7FF8_0000_0000_0001),
        Value::Func(Some(FuncIdx(3))),
        Value::Func(None),
        Value::NullExtern,
    ];
    let globals =
        values.iter().zip(1..).map(|(&value, index)| GlobalState { index: GlobalIdx(index), value });
    State {
        module: [7; 32],
        features: FeatureFingerprint::new(&Features::default()),
        memories: [memory(0, 16, &large), memory(2, 0, &small)].into(),
        globals: globals.collect(),
        tables: [TableState {
            index: TableIdx(1),
            ty: RefType::FUNCREF,
            elements: [None, Some(FuncIdx(0)), Some(FuncIdx(4)), None].into(),
        }]
        .into(),
        dropped_data: (0..70).map(|segment| segment % 2 == 0).collect(),
        dropped_elements: [true, false].into_iter().collect(),
        fuel: Some(1000),
        calls: [].into(),
    }
}

/// The same with calls that are suspended for each reason there is.
#[allow(dead_code, reason = "tests of memory have no use for it")]
pub(crate) fn with_calls() -> State {
    let frame = |func, offset, locals: &[Value], operands: &[Value]| FrameState {
        func: FuncIdx(func),
        offset: WasmOffset(offset),
        locals: locals.into(),
        operands: operands.into(),
    };
    let values = [
        Value::I32(1),
        Value::I64(u64::MAX),
        Value::F32(0x7FC0_0000),
        Value::F64(0x7FF8_0000_0000_0001),
        Value::Func(Some(FuncIdx(2))),
        Value::Func(None),
        Value::NullExtern,
    ];
    let frames = [frame(3, 0x50, &[], &values), frame(4, 0x1234, &values[..3], &[])];
    let costs = FuelCosts::default();
    let call = |metering, cause, frames: &[FrameState]| CallState {
        metering,
        cause,
        depth: if frames.is_empty() { 0 } else { 3 },
        frames: frames.into(),
    };
    let host = CallCause::Host { func: FuncIdx(0), args: values[2..].into() };
    let fuel = MeteringFingerprint::fuel(&costs);
    let calls = [
        call(fuel, CallCause::Fuel(17), &frames),
        call(fuel, CallCause::BulkFuel(1 << 40), &frames[1..]),
        call(MeteringFingerprint::interrupts(), CallCause::Interrupted, &frames[..1]),
        call(MeteringFingerprint::interrupts(), CallCause::DeadlineExceeded, &frames[..1]),
        call(MeteringFingerprint::off(), host, &[]),
    ];
    State { calls: calls.into(), ..state() }
}

/// What [`state`] is a state of.
pub(crate) fn state_type() -> StateType {
    let state = state();
    let memory = |minimum, maximum, page_size_log2| MemoryType {
        minimum,
        maximum,
        memory64: false,
        shared: false,
        page_size_log2,
    };
    let table = TableType { element: RefType::FUNCREF, minimum: 2, maximum: Some(10), table64: false };
    StateType {
        module: state.module,
        features: state.features,
        functions: 5,
        memories: vec![(MemIdx(0), memory(1, Some(4), 16)), (MemIdx(2), memory(100, None, 0))],
        globals: state.globals.iter().map(|global| (global.index, global.value.ty())).collect(),
        tables: vec![(TableIdx(1), table)],
        data_segments: 70,
        element_segments: 2,
        max_memory_bytes: 1 << 20,
    }
}
