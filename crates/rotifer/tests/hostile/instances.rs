//! What instantiation is asked for: huge memories and tables, segments beyond their ends, many of everything.

use rotifer::{Engine, ErrorKind, InstantiationError, Module, Store, TrapCode};

use crate::{
    allocator::within,
    binary::{self, Section, leb},
    engines,
    outcome::{instantiate, small_store},
};

/// What instantiating a small module may hold at once: a store with its stack.
const LITTLE: usize = 1 << 20;

fn error(engine: &Engine, wasm: &[u8], bytes: usize) -> rotifer::Error {
    within(bytes, || {
        let module = Module::new(engine, wasm).unwrap();
        instantiate(&mut small_store(engine), &module).expect_err("it asks for too much")
    })
}

#[test]
fn huge_memories() {
    for engine in engines() {
        // 64 KiB pages: the largest of 32 and of 64 bits. Pages of one byte: as many as there are numbers.
        for limits in [
            [&[0][..], &leb(65_536)].concat(),
            [&[1][..], &leb(65_536), &leb(65_536)].concat(),
            [&[4][..], &leb(1 << 48)].concat(),
            [&[4][..], &leb(1 << 30)].concat(),
            [&[8][..], &leb(u32::MAX.into()), &[0]].concat(),
            [&[12][..], &leb(u64::MAX), &[0]].concat(),
        ] {
            let wasm = binary::module(&[Section::new(5, [vec![1], limits].concat())]);
            let error = error(&engine, &wasm, LITTLE);
            let refused = ErrorKind::Instantiation(InstantiationError::MemoryRefused);
            let is_typed = matches!(error.kind(), ErrorKind::OutOfMemory)
                || error.kind().to_string() == refused.to_string();
            assert!(is_typed, "{error:?}");
        }
        // Without a limiter, what no machine has is an error all the same.
        let wasm = binary::module(&[Section::new(5, [&[1, 4][..], &leb(1 << 48)].concat())]);
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let error = within(LITTLE, || rotifer::Instance::new(&mut store, &module, &[]).unwrap_err());
        assert!(matches!(error.kind(), ErrorKind::OutOfMemory), "{error:?}");
    }
}

#[test]
fn huge_tables() {
    for engine in engines() {
        for limits in [
            [&[0][..], &leb(u32::MAX.into())].concat(),
            [&[1][..], &leb(10_001), &leb(u32::MAX.into())].concat(),
            [&[4][..], &leb(u64::MAX)].concat(),
            [&[4][..], &leb(1 << 60)].concat(),
        ] {
            let wasm = binary::module(&[Section::new(4, [vec![1, 0x70], limits].concat())]);
            let error = error(&engine, &wasm, LITTLE);
            let refused = ErrorKind::Instantiation(InstantiationError::TableRefused);
            let is_typed = matches!(error.kind(), ErrorKind::OutOfMemory)
                || error.kind().to_string() == refused.to_string();
            assert!(is_typed, "{error:?}");
        }
        let wasm = binary::module(&[Section::new(4, [&[1, 0x70, 4][..], &leb(u64::MAX)].concat())]);
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let error = within(LITTLE, || rotifer::Instance::new(&mut store, &module, &[]).unwrap_err());
        assert!(matches!(error.kind(), ErrorKind::OutOfMemory), "{error:?}");
    }
}

/// As many memories and tables as the limits allow, each of a size that is allowed.
#[test]
fn many_memories_and_tables() {
    let engine = &engines()[0];
    let memories = [leb(100), [0, 64].repeat(100)].concat();
    let wasm = binary::module(&[Section::new(5, memories)]);
    let module = Module::new(engine, &wasm).unwrap();
    instantiate(&mut small_store(engine), &module).unwrap();
    let tables = [leb(100), [vec![0x70, 0], leb(10_000)].concat().repeat(100)].concat();
    let module = Module::new(engine, binary::module(&[Section::new(4, tables)])).unwrap();
    within(100 * 10_000 * 16 + LITTLE, || {
        instantiate(&mut small_store(engine), &module).unwrap();
    });
}

fn constant(opcode: u8, number: i64) -> Vec<u8> {
    let mut bytes = vec![opcode];
    let mut rest = number;
    loop {
        let byte = rest as u8 & 0x7F;
        rest >>= 7;
        if (rest == 0 && byte & 0x40 == 0) || (rest == -1 && byte & 0x40 != 0) {
            bytes.extend([byte, 0x0B]);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

#[test]
fn active_segments_beyond_the_end() {
    for engine in engines() {
        for offset in [65_535, 65_536, i64::from(i32::MAX), i64::from(i32::MIN), -1] {
            let memory = Section::new(5, [1, 0, 1]);
            let data = [vec![1, 0], constant(0x41, offset), vec![2, 1, 1]].concat();
            let wasm = binary::module(&[memory, Section::new(11, data)]);
            assert_eq!(error(&engine, &wasm, LITTLE).as_trap_code(), Some(TrapCode::MemoryOutOfBounds));
        }
        for offset in [65_535, 1 << 32, i64::MAX, i64::MIN, -1] {
            let memory = Section::new(5, [1, 4, 1]);
            let data = [vec![1, 0], constant(0x42, offset), vec![2, 1, 1]].concat();
            let wasm = binary::module(&[memory, Section::new(11, data)]);
            assert_eq!(error(&engine, &wasm, LITTLE).as_trap_code(), Some(TrapCode::MemoryOutOfBounds));
        }
        for (flags, opcode, offset) in [(0, 0x41, 1), (0, 0x41, -1), (4, 0x42, 1), (4, 0x42, -1)] {
            let wasm = binary::module(&[
                Section::new(1, [1, 0x60, 0, 0]),
                Section::new(3, [1, 0]),
                Section::new(4, [1, 0x70, flags, 1]),
                Section::new(9, [vec![1, 0], constant(opcode, offset), vec![1, 0]].concat()),
                Section::new(10, [1, 2, 0, 0x0B]),
            ]);
            assert_eq!(error(&engine, &wasm, LITTLE).as_trap_code(), Some(TrapCode::TableOutOfBounds));
        }
        // An empty one may stand at the end, not behind it.
        for (offset, fits) in [(65_536, true), (65_537, false)] {
            let data = [vec![1, 0], constant(0x41, offset), vec![0]].concat();
            let wasm = binary::module(&[Section::new(5, [1, 0, 1]), Section::new(11, data)]);
            let module = Module::new(&engine, &wasm).unwrap();
            assert_eq!(instantiate(&mut small_store(&engine), &module).is_ok(), fits);
        }
    }
}

/// A hundred thousand active segments, the last of which does not fit: the others are written, as is specified.
#[test]
fn many_active_segments() {
    for engine in engines() {
        let count = 100_000;
        let good = [vec![0], constant(0x41, 7), vec![1, b'x']].concat();
        let bad = [vec![0], constant(0x41, 65_536), vec![1, b'y']].concat();
        let content = [leb(count), good.repeat(count as usize - 1), bad].concat();
        let wasm = binary::module(&[
            Section::new(2, [vec![1, 1, b'm', 1, b'm', 2, 0, 1]].concat()),
            Section::new(11, content),
        ]);
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = small_store(&engine);
        let memory = rotifer::Memory::new(&mut store, rotifer::MemoryType::new(1, None)).unwrap();
        let error = within(20 * wasm.len(), || {
            rotifer::Instance::new(&mut store, &module, &[memory.into()]).unwrap_err()
        });
        assert_eq!(error.as_trap_code(), Some(TrapCode::MemoryOutOfBounds));
        assert_eq!(&memory.data(&store)[..9], b"\0\0\0\0\0\0\0x\0");
    }
}

/// Start functions that never end, or never stop calling.
#[test]
fn start_functions() {
    for engine in engines() {
        for (code, expected) in [
            (&[0x03, 0x40, 0x0C, 0, 0x0B][..], TrapCode::OutOfFuel),
            (&[0x10, 0], TrapCode::StackOverflow),
            (&[0x12, 0], TrapCode::OutOfFuel),
            (&[0x00], TrapCode::UnreachableCodeReached),
        ] {
            let mut sections = binary::sections(&binary::functions(&[binary::body(code)]));
            let place = sections.iter().position(|section| section.id == 10).unwrap();
            sections.insert(place, Section::new(8, [0]));
            let error = error(&engine, &binary::module(&sections), LITTLE);
            assert_eq!(error.as_trap_code(), Some(expected));
        }
    }
}
