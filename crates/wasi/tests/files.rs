//! Functions on open files.

mod harness;

use harness::{CREATE, DIRECTORY, EXCLUSIVE, Guest, PATH, READ, RESULT, TRUNCATE, WRITE, contents, write};
use rotifer_wasi::{DirAccess, Errno, WasiCtxBuilder};
use std::fs;

#[test]
fn read_write_seek_tell() {
    let (mut guest, dir) = Guest::with_directory();
    let fd = guest.open("a", CREATE, READ | WRITE).unwrap();
    assert_eq!(fd, 4);
    assert_eq!(guest.write(fd, b"hello world"), Ok(11));
    assert_eq!(contents(&dir, "a"), "hello world");
    assert_eq!(guest.tell(fd), Ok(11));
    assert_eq!(guest.seek(fd, 6, 0), Ok(6));
    assert_eq!(guest.read(fd, 3), Ok(b"wor".to_vec()));
    assert_eq!(guest.seek(fd, -1, 1), Ok(8));
    assert_eq!(guest.read(fd, 100), Ok(b"rld".to_vec()));
    assert_eq!(guest.read(fd, 100), Ok(vec![]));
    assert_eq!(guest.seek(fd, -2, 2), Ok(9));
    assert_eq!(guest.seek(fd, -1, 0), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, 0, 3), Err(Errno::Inval));
    assert_eq!(guest.pread(fd, 4, 2), Ok(b"llo ".to_vec()));
    assert_eq!(guest.pwrite(fd, b"WORLD!", 6), Ok(6));
    assert_eq!(guest.tell(fd), Ok(9), "the position stays");
    assert_eq!(contents(&dir, "a"), "hello WORLD!");
    assert_eq!(guest.pread(fd, 4, -1), Err(Errno::Inval));
    assert_eq!(guest.close(fd), Ok(()));
    assert_eq!(guest.read(fd, 1), Err(Errno::Badf));
    assert_eq!(guest.close(fd), Err(Errno::Badf));
}

#[test]
fn buffers_may_be_none_and_not_too_many() {
    let (mut guest, _dir) = Guest::with_directory();
    let fd = guest.open("a", CREATE, READ | WRITE).unwrap();
    for name in ["fd_read", "fd_write"] {
        assert_eq!(guest.call(name, &[fd, 0, 0, RESULT]), Ok(()));
        assert_eq!(guest.get_u32(RESULT), 0);
        assert_eq!(guest.call(name, &[fd, 1024, 1025, RESULT]), Err(Errno::Inval));
        assert_eq!(guest.call(name, &[99, 1024, 1, RESULT]), Err(Errno::Badf));
    }
}

#[test]
fn a_file_is_opened_for_what_its_rights_say() {
    let (mut guest, dir) = Guest::with_directory();
    write(&dir, "a", "text");
    let reader = guest.open("a", 0, READ).unwrap();
    assert_eq!(guest.read(reader, 4), Ok(b"text".to_vec()));
    assert_eq!(guest.write(reader, b"x"), Err(Errno::Badf));
    assert_eq!(guest.pwrite(reader, b"x", 0), Err(Errno::Badf));
    assert_eq!(guest.call("fd_filestat_set_size", &[reader, 1]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_allocate", &[reader, 0, 9]), Err(Errno::Badf));
    let writer = guest.open("a", 0, WRITE).unwrap();
    assert_eq!(guest.read(writer, 4), Err(Errno::Badf));
    assert_eq!(guest.pread(writer, 4, 0), Err(Errno::Badf));
    assert_eq!(guest.write(writer, b"TE"), Ok(2));
    let neither = guest.open("a", 0, 0).unwrap();
    assert_eq!(guest.read(neither, 4), Err(Errno::Badf));
    assert_eq!(guest.call("fd_filestat_get", &[neither, RESULT]), Ok(()));
    assert_eq!(contents(&dir, "a"), "TExt");
}

#[test]
fn open_flags() {
    let (mut guest, dir) = Guest::with_directory();
    assert_eq!(guest.open("a", 0, READ), Err(Errno::Noent));
    assert_eq!(guest.open("a", CREATE | EXCLUSIVE, WRITE), Ok(4));
    assert_eq!(guest.open("a", CREATE | EXCLUSIVE, WRITE), Err(Errno::Exist));
    assert_eq!(guest.write(4, b"text"), Ok(4));
    assert_eq!(guest.open("a", CREATE, READ), Ok(5));
    assert_eq!(contents(&dir, "a"), "text");
    assert_eq!(guest.open("a", TRUNCATE, READ), Ok(6));
    assert_eq!(contents(&dir, "a"), "");
    assert_eq!(guest.open("a", DIRECTORY, READ), Err(Errno::Notdir));
    assert_eq!(guest.open("a", DIRECTORY | CREATE, READ), Err(Errno::Inval));
    assert_eq!(guest.open("a", 16, READ), Err(Errno::Inval));
    assert_eq!(guest.open("a", 1 << 20, READ), Err(Errno::Inval));
    assert_eq!(guest.open("a/b", 0, READ), Err(Errno::Notdir));
    assert_eq!(guest.open("", 0, READ), Err(Errno::Noent));
    assert_eq!(guest.open("a\0b", 0, READ), Err(Errno::Inval));
    assert_eq!(guest.open_with(0, "a", 0, READ, 0), Err(Errno::Badf));
    assert_eq!(guest.open_with(4, "a", 0, READ, 0), Err(Errno::Notdir));
    assert_eq!(guest.open_with(77, "a", 0, READ, 0), Err(Errno::Badf));
    assert_eq!(guest.open_with(3, "a", 0, READ, 1 << 5), Err(Errno::Inval));
    assert_eq!(guest.open(".", 0, READ | WRITE), Err(Errno::Isdir));
    guest.put(PATH, b"\xff");
    assert_eq!(guest.call("path_open", &[3, 0, PATH, 1, 0, READ, 0, 0, RESULT]), Err(Errno::Ilseq));
    assert_eq!(guest.call("path_open", &[3, 2, PATH, 1, 0, READ, 0, 0, RESULT]), Err(Errno::Inval));
}

#[test]
fn appending_and_synchronising() {
    let (mut guest, dir) = Guest::with_directory();
    write(&dir, "a", "one");
    for fd_flags in [1, 1 | 2, 1 | 16] {
        let fd = guest.open_with(3, "a", 0, READ | WRITE, fd_flags).unwrap();
        assert_eq!(guest.read(fd, 1), Ok(b"o".to_vec()));
        assert_eq!(guest.write(fd, b"+"), Ok(1));
        assert_eq!(guest.tell(fd), guest.size("a"));
        assert_eq!(guest.pwrite(fd, b"O", 0), Ok(1), "the offset goes before the flag");
        assert_eq!(guest.pwrite(fd, b"o", 0), Ok(1));
    }
    assert_eq!(contents(&dir, "a"), "one+++");
    let fd = guest.open("a", 0, WRITE).unwrap();
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd, 1]), Ok(()));
    assert_eq!(guest.write(fd, b"two"), Ok(3));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd, 0]), Ok(()));
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert_eq!(guest.write(fd, b"ONE"), Ok(3));
    assert_eq!(contents(&dir, "a"), "ONE+++two");
    for name in ["fd_sync", "fd_datasync"] {
        for fd in [0, 1, 2, 3, fd] {
            assert_eq!(guest.call(name, &[fd]), Ok(()), "{name} {fd}");
        }
        assert_eq!(guest.call(name, &[99]), Err(Errno::Badf));
    }
}

#[test]
fn sizes() {
    let (mut guest, dir) = Guest::with_directory();
    let fd = guest.open("a", CREATE, READ | WRITE).unwrap();
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, 5]), Ok(()));
    assert_eq!(contents(&dir, "a"), "\0\0\0\0\0");
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, -1]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_filestat_set_size", &[1, 1]), Err(Errno::Badf));
    if cfg!(target_os = "linux") {
        assert_eq!(guest.call("fd_allocate", &[fd, 2, 2]), Ok(()));
        assert_eq!(guest.size("a"), Ok(5), "a file does not shrink");
        assert_eq!(guest.call("fd_allocate", &[fd, 5, 5]), Ok(()));
        assert_eq!(guest.size("a"), Ok(10));
        assert_eq!(guest.call("fd_allocate", &[fd, 0, 0]), Err(Errno::Inval));
    }
    for fd in [1, 3] {
        assert_eq!(guest.call("fd_allocate", &[fd, 0, 9]), Err(Errno::Badf));
    }
}

#[test]
fn advice_is_checked() {
    let (mut guest, _dir) = Guest::with_directory();
    let fd = guest.open("a", CREATE, READ | WRITE).unwrap();
    for advice in 0..6 {
        assert_eq!(guest.call("fd_advise", &[fd, 0, 10, advice]), Ok(()));
    }
    assert_eq!(guest.call("fd_advise", &[fd, 0, 10, 6]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_advise", &[3, 0, 10, 0]), Err(Errno::Badf));
}

#[test]
fn directories_are_no_files() {
    let (mut guest, _dir) = Guest::with_directory();
    assert_eq!(guest.read(3, 1), Err(Errno::Badf));
    assert_eq!(guest.write(3, b"x"), Err(Errno::Badf));
    assert_eq!(guest.pread(3, 1, 0), Err(Errno::Badf));
    assert_eq!(guest.pwrite(3, b"x", 0), Err(Errno::Badf));
    assert_eq!(guest.seek(3, 0, 0), Err(Errno::Badf));
    assert_eq!(guest.tell(3), Err(Errno::Badf));
    assert_eq!(guest.call("fd_filestat_set_size", &[3, 0]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[3, 0]), Err(Errno::Badf));
}

#[test]
fn numbers_of_descriptors() {
    let (mut guest, _dir) = Guest::with_directory();
    let [a, b, c] = ["a", "b", "c"].map(|path| guest.open(path, CREATE, WRITE).unwrap());
    assert_eq!([a, b, c], [4, 5, 6]);
    guest.close(a).unwrap();
    guest.close(1).unwrap();
    assert_eq!(guest.open("d", CREATE, WRITE), Ok(4), "the lowest, but none of the standard streams'");
    assert_eq!(guest.write(b, b"text"), Ok(4));
    assert_eq!(guest.call("fd_renumber", &[b, c]), Ok(()));
    assert_eq!(guest.write(b, b"text"), Err(Errno::Badf));
    assert_eq!(guest.tell(c), Ok(4), "the position moves along");
    assert_eq!(guest.call("fd_renumber", &[c, c]), Ok(()));
    assert_eq!(guest.call("fd_renumber", &[c, 99]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_renumber", &[99, c]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_renumber", &[c, 2]), Ok(()));
    assert_eq!(guest.write(2, b"more"), Ok(4));
    assert_eq!(guest.size("b"), Ok(8));
    assert_eq!(guest.call("fd_renumber", &[i64::from(u32::MAX), 2]), Err(Errno::Badf));
}

#[test]
fn descriptors_can_be_limited() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_path(dir.path(), "/", DirAccess::ReadWrite).unwrap().max_descriptors(6);
    let mut guest = Guest::new(builder.build());
    for fd in [4, 5] {
        assert_eq!(guest.open("a", CREATE, WRITE), Ok(fd));
    }
    assert_eq!(guest.open("a", CREATE, WRITE), Err(Errno::Mfile));
    guest.close(4).unwrap();
    assert_eq!(guest.open("a", CREATE, WRITE), Ok(4));
}

#[test]
fn status_of_descriptors() {
    let (mut guest, _dir) = Guest::with_directory();
    let fd = guest.open_with(3, "a", CREATE, READ, 1).unwrap();
    let mut status = |fd| {
        guest.call("fd_fdstat_get", &[fd, RESULT]).unwrap();
        let guest = &guest;
        (
            guest.get_u8(RESULT),
            guest.get_u16(RESULT + 2),
            guest.get_u64(RESULT + 8),
            guest.get_u64(RESULT + 16),
        )
    };
    let (file_type, flags, rights, _) = status(fd);
    assert_eq!((file_type, flags), (4, 1));
    assert_eq!((rights & READ as u64, rights & WRITE as u64), (READ as u64, 0));
    // What wasmtime reports, on which wasi-libc relies.
    assert_eq!(status(3), (3, 0, 0x07b7_fe00, 0x0ff7_ffff));
    let (file_type, _, rights, _) = status(0);
    assert_eq!((file_type, rights & READ as u64), (0, READ as u64));
    let (file_type, _, rights, _) = status(1);
    assert_eq!((file_type, rights & WRITE as u64), (0, WRITE as u64));
    assert_eq!(guest.call("fd_fdstat_get", &[99, RESULT]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_fdstat_set_rights", &[fd, 0, 0]), Err(Errno::Notsup));
    assert_eq!(guest.call("fd_fdstat_set_rights", &[99, 0, 0]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[1, 4]), Ok(()));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd, 1 << 5]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd, 1 << 16]), Err(Errno::Inval));
}

#[test]
fn status_of_files_and_times() {
    let (mut guest, dir) = Guest::with_directory();
    write(&dir, "a", "text");
    fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
    let fd = guest.open("a", 0, READ).unwrap();
    let (accessed, modified) = (1_500_000_000_123_456_789, 1_600_000_000_987_654_321);
    assert_eq!(guest.call("fd_filestat_set_times", &[fd, accessed, modified, 1 | 4]), Ok(()));
    guest.call("fd_filestat_get", &[fd, RESULT]).unwrap();
    assert_eq!(
        (guest.get_u8(RESULT + 16), guest.get_u64(RESULT + 24), guest.get_u64(RESULT + 32)),
        (4, 2, 4)
    );
    assert_eq!(guest.get_u64(RESULT + 40), accessed as u64);
    assert_eq!(guest.get_u64(RESULT + 48), modified as u64);
    assert_ne!(guest.get_u64(RESULT + 56), 0);
    let inode = guest.get_u64(RESULT + 8);
    assert_ne!(inode, 0);

    let len = guest.path("b");
    guest.call("path_filestat_get", &[3, 1, PATH, len, RESULT]).unwrap();
    assert_eq!(guest.get_u64(RESULT + 8), inode, "the same file");
    assert_eq!(guest.call("path_filestat_set_times", &[3, 1, PATH, len, 5, 6, 4]), Ok(()));
    guest.call("path_filestat_get", &[3, 0, PATH, len, RESULT]).unwrap();
    assert_eq!(guest.get_u64(RESULT + 40), accessed as u64, "not asked for");
    assert_eq!(guest.get_u64(RESULT + 48), 6);
    assert_eq!(guest.call("path_filestat_set_times", &[3, 0, PATH, len, 0, 0, 8]), Ok(()));
    guest.call("fd_filestat_get", &[fd, RESULT]).unwrap();
    assert!(guest.get_u64(RESULT + 48) > modified as u64, "now");

    assert_eq!(guest.call("fd_filestat_set_times", &[3, 0, 7, 4]), Ok(()));
    guest.call("fd_filestat_get", &[3, RESULT]).unwrap();
    assert_eq!((guest.get_u8(RESULT + 16), guest.get_u64(RESULT + 48)), (3, 7));
    for flags in [1 | 2, 4 | 8, 16] {
        assert_eq!(guest.call("fd_filestat_set_times", &[fd, 0, 0, flags]), Err(Errno::Inval));
        assert_eq!(guest.call("path_filestat_set_times", &[3, 0, PATH, len, 0, 0, flags]), Err(Errno::Inval));
    }
    assert_eq!(guest.call("fd_filestat_set_times", &[1, 0, 0, 2]), Err(Errno::Badf));
    guest.call("fd_filestat_get", &[1, RESULT]).unwrap();
    assert_eq!(guest.get(RESULT, 64), [0; 64]);
    assert_eq!(guest.call("fd_filestat_get", &[99, RESULT]), Err(Errno::Badf));
}
