//! States: sets of segments, fingerprints, and how much memory states hold.

use rotifer_core::{Features, FuncIdx, GlobalIdx, MemIdx, RefType, TableIdx, ValType};
use rotifer_snapshot::{
    FeatureFingerprint, Footprint, GlobalState, MemoryState, PAGE_SIZE, Pages, SegmentSet, State, TableState,
    Value,
};
use std::iter;

fn state() -> State {
    State {
        module: [7; 32],
        features: FeatureFingerprint::new(&Features::default()),
        memories: [MemoryState { index: MemIdx(0), page_size_log2: 16, contents: Pages::zeroed(1 << 20) }]
            .into(),
        globals: [GlobalState { index: GlobalIdx(3), value: Value::I32(5) }].into(),
        tables: [TableState {
            index: TableIdx(0),
            ty: RefType::FUNCREF,
            elements: [None, Some(FuncIdx(4))].into(),
        }]
        .into(),
        dropped_data: [true, false, true].into_iter().collect(),
        dropped_elements: SegmentSet::from_iter([]),
        fuel: None,
        calls: [].into(),
    }
}

#[test]
fn sets_of_segments_hold_what_they_were_given() {
    for len in [0, 1, 63, 64, 65, 1000] {
        let bits = |segment: u32| segment.is_multiple_of(3);
        let set: SegmentSet = (0..len).map(bits).collect();
        assert_eq!(set.len(), len);
        assert_eq!(set.is_empty(), len == 0);
        assert!(set.iter().eq((0..len).map(bits)));
        assert!(!set.contains(len) && !set.contains(u32::MAX));
    }
    assert_eq!(format!("{:?}", state().dropped_data), "{0, 2}");
}

#[test]
fn fingerprints_tell_features_apart() {
    let default = FeatureFingerprint::new(&Features::default());
    assert_eq!(default, FeatureFingerprint::new(&Features::default()));
    assert_ne!(default, FeatureFingerprint::new(&Features::MVP));
}

#[test]
fn values_have_types() {
    let values = [Value::I32(1), Value::I64(1), Value::F32(1), Value::F64(1), Value::V128(1)];
    let types = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];
    assert_eq!(values.map(Value::ty), types);
    assert_eq!([Value::Func(None), Value::NullExtern].map(Value::ty), [ValType::FUNCREF, ValType::EXTERNREF]);
}

#[test]
fn what_states_share_is_counted_once() {
    let first = state();
    let mut data = vec![0; 1 << 20];
    let with_contents = |contents: Pages| State {
        memories: [MemoryState { index: MemIdx(0), page_size_log2: 16, contents }].into(),
        ..first.clone()
    };
    data[..10 * PAGE_SIZE].fill(1);
    let second = with_contents(first.memories[0].contents.update(&data, iter::once(0..10 * PAGE_SIZE)));
    assert!(second.bytes() > first.bytes() + 10 * PAGE_SIZE);
    assert!(second.bytes() < first.bytes() + 11 * PAGE_SIZE);
    data[0] = 2;
    let third = with_contents(second.memories[0].contents.update(&data, iter::once(0..1)));
    let mut footprint = Footprint::default();
    footprint.add_state(&second);
    footprint.add_state(&second.clone());
    assert_eq!(footprint.bytes(), second.bytes());
    footprint.add_state(&third);
    let own = footprint.bytes() - second.bytes();
    assert!(own > PAGE_SIZE && own < PAGE_SIZE + 1000, "{own}");
}

#[test]
fn states_go_to_other_threads() {
    fn check<T: Send + Sync + Clone>() {}
    check::<State>();
    check::<Pages>();
}
