//! Memories: access, growth, and the split from the data of the store.

use rotifer::{Caller, Engine, ErrorKind, Extern, Instance, Linker, Memory, MemoryType, Store, TrapCode};

use super::{engines, instantiate, load};

#[test]
fn memories_are_read_written_and_grown() {
    let mut store = Store::<()>::default();
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(3))).unwrap();
    assert_eq!(memory.size(&store), 1);
    assert_eq!(memory.data_size(&store), 0x1_0000);
    memory.write(&mut store, 0xFFFE, &[1, 2]).unwrap();
    assert!(memory.write(&mut store, 0xFFFF, &[1, 2]).is_err());
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
    assert_eq!(memory.grow(&mut store, 0).unwrap(), 2);
    let error = memory.grow(&mut store, 2).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Access(_)), "{error}");
    assert!(memory.grow(&mut store, u64::MAX).is_err());
    assert_eq!(memory.ty(&store), MemoryType::new(2, Some(3)));
    let mut bytes = [0xFF; 4];
    memory.read(&store, 0xFFFD, &mut bytes).unwrap();
    assert_eq!(bytes, [0, 1, 2, 0]);
    assert!(memory.read(&store, usize::MAX, &mut bytes).is_err());
    memory.data_mut(&mut store)[5] = 9;
    assert_eq!(memory.data(&store)[5], 9);
    assert_eq!(memory.data(&store).len(), 0x2_0000);
}

#[test]
fn memory_and_data_are_borrowed_side_by_side() {
    let engine = Engine::default();
    let mut linker = Linker::<Vec<u8>>::new(&engine);
    linker
        .func_wrap("host", "log", |mut caller: Caller<'_, Vec<u8>>, at: u32, len: u32| {
            let memory = caller.get_export("memory").and_then(Extern::into_memory).unwrap();
            let (bytes, log) = memory.data_and_store_mut(&mut caller);
            let range = at as usize..(at + len) as usize;
            log.extend_from_slice(&bytes[range.clone()]);
            bytes[range].fill(b'.');
        })
        .unwrap();
    let module = load(
        &engine,
        r#"(module
            (import "host" "log" (func $log (param i32 i32)))
            (memory (export "memory") 1)
            (data (i32.const 10) "split borrow")
            (func (export "run") (call $log (i32.const 10) (i32.const 5))))"#,
    );
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    instance.get_func(&store, "run").unwrap().call(&mut store, &[], &mut []).unwrap();
    assert_eq!(store.data(), b"split");
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(&memory.data(&store)[10..22], b"..... borrow");
    assert_eq!(store.into_data(), b"split");
}

/// A memory that somebody else grows must be seen at its new place, in every form of call.
#[test]
fn memory_that_a_callee_grows_is_seen_by_the_caller() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let grower = load(
            &engine,
            r#"(module
                (memory (export "memory") 1)
                (func (export "grow") (param i32) (drop (memory.grow (local.get 0)))))"#,
        );
        let grower = linker.instantiate(&mut store, &grower).unwrap();
        linker.instance(&store, "g", grower).unwrap();
        linker
            .func_wrap("g", "host", |mut caller: Caller<'_, ()>, pages: u32| {
                let memory = caller.get_export("memory").and_then(Extern::into_memory).unwrap();
                memory.grow(&mut caller, pages.into()).map(drop)
            })
            .unwrap();
        let module = load(
            &engine,
            r#"(module
                (type $grow (func (param i32)))
                (import "g" "memory" (memory $m 1))
                (import "g" "grow" (func $wasm (param i32)))
                (import "g" "host" (func $host (param i32)))
                (export "memory" (memory $m))
                (table funcref (elem $wasm $host $own))
                (func $own (param i32) (drop (memory.grow (local.get 0))))
                (func $tail (param i32) (return_call $wasm (local.get 0)))
                (func $tail_host (param i32) (return_call $host (local.get 0)))
                (func $tail_indirect (param i32)
                    (return_call_indirect (type $grow) (local.get 0) (i32.const 0)))
                (func $last (result i32) (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 4)))
                (func $mark (i32.store (call $last) (memory.size)))
                (func $check
                    (if (i32.ne (i32.load (call $last)) (i32.const 0)) (then unreachable))
                    (call $mark)
                    (if (i32.ne (i32.load (call $last)) (memory.size)) (then unreachable)))
                (func (export "run") (result i32)
                    (i32.store (i32.const 0) (i32.const 77))
                    (call $wasm (i32.const 1)) (call $check)
                    (call $host (i32.const 1)) (call $check)
                    (call $own (i32.const 1)) (call $check)
                    (call $tail (i32.const 30)) (call $check)
                    (call $tail_host (i32.const 1)) (call $check)
                    (call $tail_indirect (i32.const 1)) (call $check)
                    (call_indirect (type $grow) (i32.const 1) (i32.const 0)) (call $check)
                    (call_indirect (type $grow) (i32.const 100) (i32.const 1)) (call $check)
                    (call_indirect (type $grow) (i32.const 1) (i32.const 2)) (call $check)
                    (i32.load (i32.const 0))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<(), i32>(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, ()).unwrap(), 77);
        let memory = instance.get_memory(&store, "memory").unwrap();
        assert_eq!(memory.size(&store), 138);
        for pages in [2u32, 3, 4, 34, 35, 36, 37, 137, 138] {
            let last = pages as usize * 0x1_0000 - 4;
            assert_eq!(memory.data(&store)[last..last + 4], pages.to_le_bytes());
        }
    }
}

#[test]
fn data_segments_are_written_in_order_until_one_does_not_fit() {
    let mut store = Store::<()>::default();
    let engine = store.engine().clone();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let module = load(
        &engine,
        r#"(module
            (import "" "" (memory 1))
            (data (i32.const 0) "one")
            (data (i32.const 0xfffe) "two")
            (data (i32.const 8) "three"))"#,
    );
    let error = Instance::new(&mut store, &module, &[Extern::from(memory)]).unwrap_err();
    assert_eq!(error.as_trap_code(), Some(TrapCode::MemoryOutOfBounds));
    assert_eq!(error.to_string(), "out of bounds memory access");
    assert_eq!(&memory.data(&store)[..12], b"one\0\0\0\0\0\0\0\0\0");
    assert_eq!(memory.data(&store)[0xFFFE], 0);
}

#[test]
fn offsets_of_segments_are_unsigned() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = load(&engine, r#"(module (memory 1) (data (i32.const -1) ""))"#);
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(error.as_trap_code(), Some(TrapCode::MemoryOutOfBounds));
    let module = load(
        &engine,
        r#"(module
            (memory (export "memory") i64 1)
            (data (i64.add (i64.const 0x10005) (i64.const -0x10000)) "x"))"#,
    );
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(memory.data(&store)[5], b'x');
    assert!(memory.ty(&store).is_64());
}

#[test]
fn impossible_memories_are_errors() {
    let mut store = Store::<()>::default();
    let error = Memory::new(&mut store, MemoryType::new64(1 << 40, None)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::OutOfMemory), "{error}");
    let engine = store.engine().clone();
    let module = load(&engine, "(module (memory i64 0x1000000000000))");
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::OutOfMemory), "{error}");
}

#[test]
fn types_that_no_memory_has_are_errors() {
    let mut store = Store::<()>::default();
    let good = MemoryType::new(1, Some(2));
    for bad in [
        MemoryType { page_size_log2: 255, ..good },
        MemoryType { page_size_log2: 64, minimum: u64::MAX, ..good },
        MemoryType { page_size_log2: 12, ..good },
        MemoryType { minimum: 3, ..good },
        MemoryType { maximum: Some(0x1_0001), ..good },
        MemoryType { minimum: u64::MAX, maximum: None, memory64: true, ..good },
    ] {
        let error = Memory::new(&mut store, bad).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Access(_)), "{bad}: {error}");
        assert!(bad.check().is_err());
    }
    assert!(Memory::new(&mut store, good).is_ok());
}

#[test]
fn a_module_without_memory_has_no_memory() {
    let (store, instance) = instantiate("(module (func (export \"f\")))");
    assert!(instance.get_memory(&store, "memory").is_none());
}

#[test]
fn a_memory_is_borrowed_with_the_data_of_the_store() {
    for engine in engines() {
        let mut store = Store::new(&engine, String::from("data"));
        let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
        let (mut guest, data) = memory.split(&mut store);
        guest.write(0xFFFC, data.as_bytes()).unwrap();
        data.push('!');
        let end = guest.size();
        assert_eq!(end, 0x10000);
        assert_eq!(&guest.data()[0xFFFB..], b"\0data");
        guest.slice_mut(0xFFFE..end).unwrap().copy_from_slice(b"rk");
        assert!(guest.slice_mut(end..end).unwrap().is_empty());
        let mut word = [0; 4];
        guest.read(0xFFFC, &mut word).unwrap();
        assert_eq!(&word, b"dark");
        let refused = [
            guest.write(0xFFFD, b"data").unwrap_err(),
            guest.read(usize::MAX, &mut word).unwrap_err(),
            guest.slice_mut(0..end + 1).unwrap_err(),
            guest.slice_mut(usize::MAX..usize::MAX).unwrap_err(),
            #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
            guest.slice_mut(2..1).unwrap_err(),
        ];
        assert!(refused.iter().all(|error| error.to_string() == "out of bounds memory access"));
        assert_eq!((&word, &memory.data(&store)[0xFFFC..]), (b"dark", &b"dark"[..]));
        assert_eq!(store.data(), "data!");
    }
}
