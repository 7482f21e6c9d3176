//! Resource limiters: what they are asked, and what their answers do.

use rotifer::{
    Engine, Error, ErrorKind, Instance, InstantiationError, Memory, MemoryType, Nullable, Ref, RefType,
    ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder, Table, TableType, TrapCode,
};

use super::{engines, load};

const GROWING: &str = r#"(module
    (memory (export "memory") 1 100)
    (table (export "table") 2 funcref)
    (func (export "memory_grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table_grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"#;

fn limited(engine: &Engine, limits: StoreLimits) -> Store<StoreLimits> {
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store
}

#[test]
fn growth_stops_at_limits() {
    for engine in engines() {
        let limits = StoreLimitsBuilder::new().memory_size(3 << 16).table_elements(5).build();
        let mut store = limited(&engine, limits);
        let instance = Instance::new(&mut store, &load(&engine, GROWING), &[]).unwrap();
        let memory_grow = instance.get_typed_func::<i32, i32>(&store, "memory_grow").unwrap();
        let table_grow = instance.get_typed_func::<i32, i32>(&store, "table_grow").unwrap();
        assert_eq!(memory_grow.call(&mut store, 2).unwrap(), 1);
        assert_eq!(memory_grow.call(&mut store, 1).unwrap(), -1);
        assert_eq!(memory_grow.call(&mut store, -1).unwrap(), -1);
        assert_eq!(table_grow.call(&mut store, 3).unwrap(), 2);
        assert_eq!(table_grow.call(&mut store, 1).unwrap(), -1);
        let memory = instance.get_memory(&store, "memory").unwrap();
        assert!(memory.grow(&mut store, 1).is_err());
        let table = instance.get_table(&store, "table").unwrap();
        assert!(table.grow(&mut store, 1, Ref::Func(Nullable::Null)).is_err());
        assert_eq!((memory.size(&store), table.size(&store)), (3, 5));
    }
}

#[test]
fn refused_growth_is_a_trap_if_asked_for() {
    for engine in engines() {
        let limits = StoreLimitsBuilder::new().memory_size(1 << 16).trap_on_grow_failure(true).build();
        let mut store = limited(&engine, limits);
        let instance = Instance::new(&mut store, &load(&engine, GROWING), &[]).unwrap();
        let grow = instance.get_typed_func::<i32, i32>(&store, "memory_grow").unwrap();
        let error = grow.call(&mut store, 1).unwrap_err();
        assert_eq!(error.as_trap_code(), Some(TrapCode::GrowthOperationLimited));
        assert_eq!(grow.call(&mut store, 0).unwrap(), 1);
    }
}

#[test]
fn limits_hold_at_creation() {
    let engine = Engine::default();
    let limits = StoreLimitsBuilder::new().memory_size(1 << 16).table_elements(2).memories(2).build();
    let mut store = limited(&engine, limits.clone());
    assert!(Memory::new(&mut store, MemoryType::new(2, None)).is_err());
    let null = Ref::Func(Nullable::Null);
    assert!(Table::new(&mut store, TableType::new(RefType::FUNCREF, 3, None), null).is_err());
    Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let module = load(&engine, "(module (memory 2))");
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Instantiation(InstantiationError::MemoryRefused)), "{error}");
    let module = load(&engine, "(module (memory 1) (memory 1))");
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Instantiation(InstantiationError::TooManyMemories)), "{error}");

    let mut store = limited(&engine, StoreLimitsBuilder::new().instances(1).tables(0).build());
    let module = load(&engine, "(module)");
    Instance::new(&mut store, &module, &[]).unwrap();
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Instantiation(InstantiationError::TooManyInstances)),
        "{error}"
    );
    assert!(Table::new(&mut store, TableType::new(RefType::FUNCREF, 0, None), null).is_err());
}

/// What a chain does: charge for growth, and stop when the account is empty.
struct Budget {
    left: usize,
    calls: Vec<(usize, usize, Option<usize>)>,
}

impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, Error> {
        self.calls.push((current, desired, maximum));
        self.left = self.left.checked_sub(desired - current).ok_or_else(|| Error::new("out of budget"))?;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool, Error> {
        Ok(false)
    }
}

#[test]
fn limiters_can_charge_and_fail() {
    for engine in engines() {
        let mut store = Store::new(&engine, (7, Budget { left: 4 << 16, calls: Vec::new() }));
        store.limiter(|(_, budget)| budget);
        let module = load(
            &engine,
            r#"(module (memory 1 50)
                (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#,
        );
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let grow = instance.get_typed_func::<i32, i32>(&store, "grow").unwrap();
        assert_eq!(grow.call(&mut store, 2).unwrap(), 1);
        let error = grow.call(&mut store, 2).unwrap_err();
        assert_eq!(error.to_string(), "out of budget");
        assert_eq!(grow.call(&mut store, 1).unwrap(), 3);
        let page = 1 << 16;
        let maximum = Some(50 * page);
        let calls = [
            (0, page, maximum),
            (page, 3 * page, maximum),
            (3 * page, 5 * page, maximum),
            (3 * page, 4 * page, maximum),
        ];
        assert_eq!(store.data().1.calls, calls);
    }
}

#[test]
fn limiters_are_not_asked_for_what_the_type_forbids() {
    for engine in engines() {
        let mut store = Store::new(&engine, Budget { left: usize::MAX, calls: Vec::new() });
        store.limiter(|budget| budget);
        let module = load(
            &engine,
            r#"(module (memory (export "memory") 1 2)
                (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#,
        );
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let grow = instance.get_typed_func::<i32, i32>(&store, "grow").unwrap();
        assert_eq!(grow.call(&mut store, 2).unwrap(), -1);
        assert!(instance.get_memory(&store, "memory").unwrap().grow(&mut store, 2).is_err());
        assert_eq!(store.data().calls.len(), 1);
    }
}
