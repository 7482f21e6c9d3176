//! What guests do wrong, the earlier draft of the interface, and small whole programs.

mod harness;

use harness::{DATA, FUNCTIONS, Guest, PATH, RESULT, write};
use rotifer::{Engine, Error, Linker, Module, Store};
use rotifer_wasi::{
    DirAccess, Errno, GuestFault, OutputPipe, PREVIEW1, UNSTABLE, WasiCtx, WasiCtxBuilder, add_to_linker,
};

/// The size of the harness's memory.
const END: i64 = 65536;

fn fault(result: Result<Result<(), Errno>, Error>) -> GuestFault {
    match result {
        Ok(result) => panic!("no fault but {result:?}"),
        Err(error) => *error.downcast_ref::<GuestFault>().unwrap_or_else(|| panic!("{error}")),
    }
}

/// A function, valid arguments, and which of them are pointers, with the alignment that they need.
type Call = (&'static str, &'static [i64], &'static [(usize, u32)]);

/// Every pointer of every function, first beyond the memory and then misaligned.
#[test]
fn bad_pointers_end_the_run() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "a", "some text");
    std::fs::create_dir(dir.path().join("d")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("a", dir.path().join("l")).unwrap();
    let calls: &[Call] = &[
        ("args_get", &[512, DATA], &[(0, 4), (1, 1)]),
        ("args_sizes_get", &[512, 516], &[(0, 4), (1, 4)]),
        ("environ_get", &[512, DATA], &[(0, 4), (1, 1)]),
        ("environ_sizes_get", &[512, 516], &[(0, 4), (1, 4)]),
        ("clock_res_get", &[0, RESULT], &[(1, 8)]),
        ("clock_time_get", &[0, 0, RESULT], &[(2, 8)]),
        ("fd_fdstat_get", &[3, RESULT], &[(1, 8)]),
        ("fd_filestat_get", &[4, RESULT], &[(1, 8)]),
        ("fd_pread", &[4, 1024, 1, 0, RESULT], &[(1, 4), (4, 4)]),
        ("fd_prestat_get", &[3, RESULT], &[(1, 4)]),
        ("fd_prestat_dir_name", &[3, DATA, 4], &[(1, 1)]),
        ("fd_pwrite", &[4, 1024, 1, 0, RESULT], &[(1, 4), (4, 4)]),
        ("fd_read", &[4, 1024, 1, RESULT], &[(1, 4), (3, 4)]),
        ("fd_readdir", &[3, DATA, 100, 0, RESULT], &[(1, 1), (4, 4)]),
        ("fd_seek", &[4, 0, 0, RESULT], &[(3, 8)]),
        ("fd_tell", &[4, RESULT], &[(1, 8)]),
        ("fd_write", &[4, 1024, 1, RESULT], &[(1, 4), (3, 4)]),
        ("path_create_directory", &[3, PATH, 1], &[(1, 1)]),
        ("path_filestat_get", &[3, 0, PATH, 1, RESULT], &[(2, 1), (4, 8)]),
        ("path_filestat_set_times", &[3, 0, PATH, 1, 0, 0, 0], &[(2, 1)]),
        ("path_link", &[3, 0, PATH, 1, 3, PATH, 1], &[(2, 1), (5, 1)]),
        ("path_open", &[3, 0, PATH, 1, 0, 2, 0, 0, RESULT], &[(2, 1), (8, 4)]),
        ("path_readlink", &[3, PATH + 1, 1, DATA, 4, RESULT], &[(1, 1), (3, 1), (5, 4)]),
        ("path_remove_directory", &[3, PATH, 1], &[(1, 1)]),
        ("path_rename", &[3, PATH, 1, 3, PATH, 1], &[(1, 1), (4, 1)]),
        ("path_symlink", &[PATH, 1, 3, PATH, 1], &[(0, 1), (3, 1)]),
        ("path_unlink_file", &[3, PATH, 1], &[(1, 1)]),
        ("poll_oneoff", &[32768, 40960, 1, RESULT], &[(0, 8), (1, 8), (3, 4)]),
        ("random_get", &[DATA, 9], &[(0, 1)]),
    ];
    for (name, args, pointers) in calls {
        for &(position, align) in *pointers {
            let mut guest = in_world(&dir);
            let mut args = args.to_vec();
            for pointer in [END, i64::from(u32::MAX) & !7] {
                args[position] = pointer;
                let found = fault(guest.try_call(name, &args));
                assert!(matches!(found, GuestFault::OutOfBounds { .. }), "{name} {args:?}: {found}");
            }
            if align > 1 {
                args[position] = 2049;
                let expected = GuestFault::Misaligned { pointer: 2049, align };
                assert_eq!(fault(guest.try_call(name, &args)), expected, "{name} {args:?}");
            }
        }
    }
}

/// A guest with an argument, a variable and a file open as descriptor 4. The paths `a` and `l` lie in its memory,
/// and a buffer.
fn in_world(dir: &tempfile::TempDir) -> Guest {
    let mut builder = WasiCtxBuilder::new();
    builder.arg("program").env("A", "1");
    builder.preopened_path(dir.path(), "/dir", DirAccess::ReadWrite).unwrap();
    let mut guest = Guest::new(builder.build());
    assert_eq!(guest.open("a", 0, harness::READ | harness::WRITE), Ok(4));
    guest.put(PATH, b"al");
    guest.put_u32s(1024, &[DATA, 4]);
    guest
}

#[test]
fn lengths_beyond_the_memory_end_the_run() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "a", "some text");
    let mut guest = in_world(&dir);
    let most = i64::from(u32::MAX);
    assert!(guest.try_call("random_get", &[DATA, END]).is_err());
    assert!(guest.try_call("random_get", &[0, most]).is_err());
    assert!(guest.try_call("fd_readdir", &[3, DATA, most, 0, RESULT]).is_err());
    assert!(guest.try_call("fd_prestat_dir_name", &[3, DATA, most]).is_err());
    assert!(guest.try_call("poll_oneoff", &[0, 0, most, RESULT]).is_err());
    assert!(guest.try_call("path_open", &[3, 0, PATH, most, 0, 2, 0, 0, RESULT]).is_err());
    assert_eq!(guest.call("fd_read", &[4, 0, most, RESULT]), Err(Errno::Inval));
    assert!(guest.try_call("fd_read", &[4, END - 1024, 1024, RESULT]).is_err());
    guest.put_u32s(1024, &[DATA, END]);
    for name in ["fd_read", "fd_write"] {
        let expected =
            GuestFault::OutOfBounds { pointer: DATA as u32, len: END as u64, memory_size: END as usize };
        assert_eq!(fault(guest.try_call(name, &[4, 1024, 1, RESULT])), expected);
    }
    assert_eq!(guest.size("a"), Ok(9), "nothing was written");
    for (name, len) in [("fd_fdstat_get", 24), ("fd_filestat_get", 64)] {
        assert_eq!(guest.call(name, &[4, END - len]), Ok(()), "{name}: just room enough");
        assert!(guest.try_call(name, &[4, END - len + 8]).is_err(), "{name}");
    }
}

/// Runs the function `_start` of a module.
fn run(wasi: WasiCtx, wat: &str) -> Result<(), Error> {
    let engine = Engine::default();
    let module = Module::new(&engine, wat::parse_str(wat).unwrap())?;
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |wasi| wasi)?;
    let mut store = Store::new(&engine, wasi);
    let instance = linker.instantiate(&mut store, &module)?;
    instance.get_typed_func::<(), ()>(&store, "_start")?.call(&mut store, ())
}

#[test]
fn a_guest_without_memory() {
    for memory in ["", "(memory 1)", "(global (export \"memory\") i32 (i32.const 0))"] {
        let wat = format!(
            r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
                {memory} (func (export "_start") (drop (call $yield))))"#
        );
        let result = run(WasiCtxBuilder::new().build(), &wat);
        assert_eq!(result.unwrap_err().downcast_ref(), Some(&GuestFault::NoMemory));
    }
}

/// Copies its input to its output and exits with the number of bytes.
const CAT: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\40\00\00\00\07\00\00\00\40\00\00\00")
    (global $total (mut i32) (i32.const 0))
    (func (export "_start")
        (loop $more
            (br_if 1 (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
            (i32.store (i32.const 12) (i32.load (i32.const 16)))
            (if (i32.eqz (i32.load (i32.const 16))) (then (call $exit (global.get $total))))
            (br_if 1 (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 20)))
            (global.set $total (i32.add (global.get $total) (i32.load (i32.const 20))))
            (br $more))))"#;

#[test]
fn a_whole_program() {
    let stdout = OutputPipe::new();
    let input = "The quick brown fox\n".repeat(5);
    let wasi = WasiCtxBuilder::new().stdin_bytes(input.clone()).stdout(stdout.clone()).build();
    let error = run(wasi, CAT).unwrap_err();
    assert_eq!(error.i32_exit_status(), Some(100));
    assert_eq!(stdout.contents(), input.as_bytes());
}

#[test]
fn the_draft_has_other_layouts() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "a", "some text");
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_path(dir.path(), "/dir", DirAccess::ReadWrite).unwrap();
    let functions: Vec<_> = FUNCTIONS.into_iter().filter(|(name, _)| *name != "sock_accept").collect();
    let mut guest = Guest::with_module(builder.build(), UNSTABLE, &functions);
    let fd = guest.open("a", 0, harness::READ).unwrap();
    // The numbers of seeking: 0 is the position, 1 the end, 2 the beginning.
    assert_eq!(guest.seek(fd, -4, 1), Ok(5));
    assert_eq!(guest.seek(fd, 1, 0), Ok(6));
    assert_eq!(guest.seek(fd, 2, 2), Ok(2));
    // The status of a file has 56 bytes.
    guest.put(RESULT, &[0xaa; 64]);
    guest.call("fd_filestat_get", &[fd, RESULT]).unwrap();
    assert_eq!(
        (guest.get_u8(RESULT + 16), guest.get_u32(RESULT + 20), guest.get_u64(RESULT + 24)),
        (4, 1, 9)
    );
    assert_eq!(guest.get(RESULT + 56, 8), [0xaa; 8]);
    // A subscription has 56 bytes, and one to a clock an identifier.
    guest.put_u32s(DATA, &[7, 0, 0, 0, 99, 99, 1, 0, 1_000_000, 0, 0, 0, 0, 0]);
    guest.put_u32s(DATA + 56, &[8, 0, 1, 0, 77]);
    guest.call("poll_oneoff", &[DATA, DATA + 4096, 1, RESULT]).unwrap();
    assert_eq!((guest.get_u32(RESULT), guest.get_u64(DATA + 4096)), (1, 7));
    guest.call("poll_oneoff", &[DATA, DATA + 4096, 2, RESULT]).unwrap();
    assert_eq!((guest.get_u32(RESULT), guest.get_u64(DATA + 4096)), (1, 8));
    assert_eq!(guest.get_u16(DATA + 4096 + 8), Errno::Badf as u16);
}

#[test]
fn functions_are_defined_once() {
    let mut linker = Linker::<WasiCtx>::new(&Engine::default());
    add_to_linker(&mut linker, |wasi| wasi).unwrap();
    assert!(add_to_linker(&mut linker, |wasi| wasi).is_err());
    let mut store = Store::new(linker.engine(), WasiCtxBuilder::new().build());
    for (name, _) in FUNCTIONS {
        assert!(linker.get(&mut store, PREVIEW1, name).is_some(), "{name}");
        assert_eq!(linker.get(&mut store, UNSTABLE, name).is_some(), name != "sock_accept", "{name}");
    }
}
