//! Functions on paths and directories, and the walls around directories.

mod harness;

use harness::{CREATE, DATA, DIRECTORY, Guest, PATH, PATH2, READ, RESULT, TRUNCATE, WRITE, contents, write};
use rotifer_wasi::{DirAccess, Errno, WasiCtxBuilder};
use std::fs;

#[test]
fn make_rename_remove() {
    let (mut guest, dir) = Guest::with_directory();
    assert_eq!(guest.on_path("path_create_directory", "d"), Ok(()));
    assert_eq!(guest.on_path("path_create_directory", "d"), Err(Errno::Exist));
    assert_eq!(guest.on_path("path_create_directory", "x/y"), Err(Errno::Noent));
    write(&dir, "d/a", "text");
    assert_eq!(guest.on_paths("path_rename", "d/a", "b"), Ok(()));
    assert_eq!(contents(&dir, "b"), "text");
    assert_eq!(guest.on_paths("path_rename", "d/a", "b"), Err(Errno::Noent));
    assert_eq!(guest.on_paths("path_link", "b", "d/c"), Ok(()));
    assert_eq!(guest.on_paths("path_link", "b", "d/c"), Err(Errno::Exist));
    assert_eq!(guest.call("path_link", &[3, 1, PATH, 1, 3, PATH2, 1]), Err(Errno::Inval));
    assert_eq!(guest.on_path("path_unlink_file", "b"), Ok(()));
    assert_eq!(guest.on_path("path_unlink_file", "b"), Err(Errno::Noent));
    assert_eq!(contents(&dir, "d/c"), "text");
    assert_eq!(guest.on_path("path_remove_directory", "d"), Err(Errno::Notempty));
    assert_eq!(guest.on_path("path_remove_directory", "d/c"), Err(Errno::Notdir));
    assert!(matches!(guest.on_path("path_unlink_file", "d"), Err(Errno::Isdir | Errno::Perm)));
    assert_eq!(guest.on_path("path_unlink_file", "d/c"), Ok(()));
    assert_eq!(guest.on_path("path_remove_directory", "d/"), Ok(()));
    assert!(!dir.path().join("d").exists());
    assert_eq!(guest.call("path_create_directory", &[1, PATH, 1]), Err(Errno::Badf));
    assert_eq!(guest.call("path_unlink_file", &[77, PATH, 1]), Err(Errno::Badf));
}

#[test]
fn slashes_at_the_end() {
    let (mut guest, dir) = Guest::with_directory();
    write(&dir, "a", "text");
    assert_eq!(guest.on_path("path_create_directory", "d/"), Ok(()));
    assert_eq!(guest.on_paths("path_rename", "d/", "e/"), Ok(()));
    assert!(guest.open("e/", DIRECTORY, READ).is_ok());
    assert_eq!(guest.on_path("path_remove_directory", "a/"), Err(Errno::Notdir));
    assert_eq!(guest.on_path("path_remove_directory", "e//"), Ok(()));
    assert_eq!(guest.on_path("path_unlink_file", "a/"), Err(Errno::Notdir));
    assert_eq!(guest.open("a/", 0, READ), Err(Errno::Notdir));
    assert_eq!(guest.size("a/"), Err(Errno::Notdir));
    assert_eq!(guest.on_path("path_remove_directory", "/"), Err(Errno::Perm));
    assert_eq!(guest.on_path("path_remove_directory", ""), Err(Errno::Noent));
}

#[test]
fn paths_are_relative_to_the_directory_that_is_given() {
    let (mut guest, dir) = Guest::with_directory();
    fs::create_dir_all(dir.path().join("d/e")).unwrap();
    write(&dir, "d/e/a", "text");
    let d = guest.open("d", DIRECTORY, READ).unwrap();
    let a = guest.open_with(d, "e/../e/./a", 0, READ, 0).unwrap();
    assert_eq!(guest.read(a, 9), Ok(b"text".to_vec()));
    assert_eq!(guest.open_with(d, "../d/e/a", 0, READ, 0), Err(Errno::Perm), "a subdirectory is a wall too");
    let (from, to) = (guest.path("e/a"), guest.path2("moved"));
    assert_eq!(guest.call("path_rename", &[d, PATH, from, 3, PATH2, to]), Ok(()));
    assert_eq!(contents(&dir, "moved"), "text");
}

#[test]
fn symbolic_links() {
    let (mut guest, dir) = Guest::with_directory();
    write(&dir, "a", "text");
    assert_eq!(guest.on_paths("path_symlink", "a", "link"), Ok(()));
    assert_eq!(guest.on_paths("path_symlink", "a", "link"), Err(Errno::Exist));
    let len = guest.path("link");
    assert_eq!(guest.call("path_readlink", &[3, PATH, len, DATA, 10, RESULT]), Ok(()));
    assert_eq!(guest.get(DATA, guest.get_u32(RESULT) as usize), b"a");
    assert_eq!(guest.call("path_readlink", &[3, PATH, len, DATA, 0, RESULT]), Ok(()));
    assert_eq!(guest.get_u32(RESULT), 0, "cut off");
    guest.call("path_filestat_get", &[3, 0, PATH, len, RESULT]).unwrap();
    assert_eq!(guest.get_u8(RESULT + 16), 7);
    guest.call("path_filestat_get", &[3, 1, PATH, len, RESULT]).unwrap();
    assert_eq!(guest.get_u8(RESULT + 16), 4);
    assert_eq!(guest.call("path_open", &[3, 0, PATH, len, 0, READ, 0, 0, RESULT]), Err(Errno::Loop));
    assert!(guest.open("link", 0, READ).is_ok());
    assert_eq!(guest.call("path_filestat_set_times", &[3, 0, PATH, len, 0, 9, 4]), Ok(()));
    guest.call("path_filestat_get", &[3, 0, PATH, len, RESULT]).unwrap();
    assert_eq!(guest.get_u64(RESULT + 48), 9, "the link's time");
    let len = guest.path("a");
    assert_eq!(guest.call("path_readlink", &[3, PATH, len, DATA, 10, RESULT]), Err(Errno::Inval));
    guest.call("path_filestat_get", &[3, 0, PATH, len, RESULT]).unwrap();
    assert_ne!(guest.get_u64(RESULT + 48), 9, "not the file's");
    assert_eq!(guest.on_path("path_unlink_file", "link"), Ok(()));
    assert_eq!(contents(&dir, "a"), "text");
    guest.on_paths("path_symlink", "loop", "loop").unwrap();
    assert_eq!(guest.open("loop", 0, READ), Err(Errno::Loop));
}

/// Every way out that there is: nothing outside may be seen or touched.
#[test]
fn there_is_no_way_out() {
    let outside = tempfile::tempdir().unwrap();
    write(&outside, "secret", "secret");
    fs::create_dir_all(outside.path().join("inside/sub")).unwrap();
    fs::write(outside.path().join("inside/a"), "mine").unwrap();
    let inside = outside.path().join("inside");
    let secret = outside.path().join("secret");
    let absolute = secret.to_str().unwrap();
    #[cfg(unix)]
    {
        // Links that the host made: the guest finds them, and cannot use them.
        std::os::unix::fs::symlink("../secret", inside.join("relative")).unwrap();
        std::os::unix::fs::symlink(absolute, inside.join("absolute")).unwrap();
        std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
        std::os::unix::fs::symlink("../../secret", inside.join("sub/deep")).unwrap();
    }
    let mut guest = Guest::in_directory(&inside, DirAccess::ReadWrite);
    let mut paths = vec!["../secret", "sub/../../secret", "./../inside/../secret", absolute];
    if cfg!(unix) {
        paths.extend(["relative", "absolute", "up/secret", "sub/deep", "sub/../up/secret", "up/up/x"]);
    }
    for path in paths {
        for (flags, rights) in [(0, READ), (CREATE, WRITE), (TRUNCATE, WRITE), (CREATE, READ | WRITE)] {
            assert_eq!(guest.open(path, flags, rights), Err(Errno::Perm), "{path}");
        }
        assert_eq!(guest.size(path), Err(Errno::Perm), "{path}");
        let len = guest.path(path);
        let set_times = guest.call("path_filestat_set_times", &[3, 1, PATH, len, 0, 0, 4]);
        assert_eq!(set_times, Err(Errno::Perm), "{path}");
    }
    for path in ["../secret", absolute, "../new"] {
        assert_eq!(guest.on_path("path_unlink_file", path), Err(Errno::Perm), "{path}");
        assert_eq!(guest.on_path("path_create_directory", path), Err(Errno::Perm), "{path}");
        assert_eq!(guest.on_path("path_remove_directory", path), Err(Errno::Perm), "{path}");
        assert_eq!(guest.on_paths("path_rename", "a", path), Err(Errno::Perm), "{path}");
        assert_eq!(guest.on_paths("path_rename", path, "b"), Err(Errno::Perm), "{path}");
        assert_eq!(guest.on_paths("path_link", "a", path), Err(Errno::Perm), "{path}");
        assert_eq!(guest.on_paths("path_link", path, "b"), Err(Errno::Perm), "{path}");
        assert_eq!(guest.on_paths("path_symlink", "a", path), Err(Errno::Perm), "{path}");
    }
    assert_eq!(guest.on_paths("path_symlink", absolute, "b"), Err(Errno::Perm));
    // A link that leads out can be made where it leads nowhere yet, and still not be used.
    if guest.on_paths("path_symlink", "../secret", "b").is_ok() {
        assert_eq!(guest.open("b", 0, READ), Err(Errno::Perm));
    }
    assert_eq!(guest.open("..", DIRECTORY, READ), Err(Errno::Perm));
    assert_eq!(guest.open("/", DIRECTORY, READ), Err(Errno::Perm));
    assert_eq!(contents(&outside, "secret"), "secret");
    assert_eq!(contents(&outside, "inside/a"), "mine");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 2);
}

#[test]
fn a_read_only_directory_cannot_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    write(&dir, "a", "text");
    write(&dir, "sub/b", "text");
    let mut guest = Guest::in_directory(dir.path(), DirAccess::ReadOnly);
    for (flags, rights) in [(0, WRITE), (CREATE, READ), (TRUNCATE, READ), (0, READ | WRITE)] {
        assert_eq!(guest.open("a", flags, rights), Err(Errno::Perm));
    }
    let sub = guest.open("sub", DIRECTORY, READ).unwrap();
    assert_eq!(guest.open_with(sub, "b", 0, WRITE, 0), Err(Errno::Perm));
    for name in ["path_create_directory", "path_unlink_file", "path_remove_directory"] {
        assert_eq!(guest.on_path(name, "sub"), Err(Errno::Perm), "{name}");
    }
    for name in ["path_rename", "path_link", "path_symlink"] {
        assert_eq!(guest.on_paths(name, "a", "b"), Err(Errno::Perm), "{name}");
    }
    let len = guest.path("a");
    assert_eq!(guest.call("path_filestat_set_times", &[3, 1, PATH, len, 0, 0, 4]), Err(Errno::Perm));
    assert_eq!(guest.call("fd_filestat_set_times", &[3, 0, 0, 4]), Err(Errno::Perm));
    let a = guest.open("a", 0, READ).unwrap();
    assert_eq!(guest.call("fd_filestat_set_times", &[a, 0, 0, 4]), Err(Errno::Perm));
    assert_eq!(guest.read(a, 9), Ok(b"text".to_vec()));
    assert_eq!(guest.list(sub, 4096).unwrap().len(), 3);
}

#[test]
fn a_file_cannot_be_linked_out_of_a_read_only_directory() {
    let (read_only, writable) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&read_only, "a", "text");
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_path(read_only.path(), "/ro", DirAccess::ReadOnly).unwrap();
    builder.preopened_path(writable.path(), "/rw", DirAccess::ReadWrite).unwrap();
    let mut guest = Guest::new(builder.build());
    guest.path("a");
    guest.path2("b");
    assert_eq!(guest.call("path_link", &[3, 0, PATH, 1, 4, PATH2, 1]), Err(Errno::Perm));
    assert_eq!(guest.call("path_rename", &[3, PATH, 1, 4, PATH2, 1]), Err(Errno::Perm));
}

#[test]
fn preopened_directories_have_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = WasiCtxBuilder::new();
    let open = rotifer_wasi::cap_std::fs::Dir::open_ambient_dir(
        dir.path(),
        rotifer_wasi::cap_std::ambient_authority(),
    );
    builder.preopened_dir(open.unwrap(), "/first", DirAccess::ReadOnly);
    builder.preopened_path(dir.path(), ".", DirAccess::ReadWrite).unwrap();
    let mut guest = Guest::new(builder.build());
    for (fd, name) in [(3, "/first"), (4, ".")] {
        guest.call("fd_prestat_get", &[fd, RESULT]).unwrap();
        assert_eq!((guest.get_u8(RESULT), guest.get_u32(RESULT + 4)), (0, name.len() as u32));
        let len = name.len() as i64;
        assert_eq!(guest.call("fd_prestat_dir_name", &[fd, DATA, len]), Ok(()));
        assert_eq!(guest.get(DATA, name.len()), name.as_bytes());
        assert_eq!(guest.call("fd_prestat_dir_name", &[fd, DATA, len - 1]), Err(Errno::Nametoolong));
    }
    for fd in [0, 5] {
        assert_eq!(guest.call("fd_prestat_get", &[fd, RESULT]), Err(Errno::Badf));
        assert_eq!(guest.call("fd_prestat_dir_name", &[fd, DATA, 9]), Err(Errno::Badf));
    }
    guest.close(3).unwrap();
    assert_eq!(guest.call("fd_prestat_get", &[3, RESULT]), Err(Errno::Badf));
    let again = guest.open_with(4, ".", DIRECTORY, READ, 0).unwrap();
    assert_eq!(again, 3);
    assert_eq!(guest.call("fd_prestat_get", &[3, RESULT]), Err(Errno::Badf), "not preopened");
    assert!(WasiCtxBuilder::new().preopened_path("/no/such/dir", "/", DirAccess::ReadOnly).is_err());
}

#[test]
fn listing() {
    let (mut guest, dir) = Guest::with_directory();
    for number in 0..40 {
        write(&dir, &format!("file {number:02}"), "");
    }
    fs::create_dir(dir.path().join("a directory")).unwrap();
    let mut expected = vec![(".".to_owned(), 3), ("..".to_owned(), 3), ("a directory".to_owned(), 3)];
    expected.extend((0..40).map(|number| (format!("file {number:02}"), 4)));
    for buffer in [40, 64, 100, 300, 8192] {
        assert_eq!(guest.list(3, buffer).as_ref(), Ok(&expected), "a buffer of {buffer} bytes");
    }
    // Removing on the way makes no entry disappear.
    guest.call("fd_readdir", &[3, DATA, 200, 0, RESULT]).unwrap();
    assert_eq!(guest.get_u32(RESULT), 200);
    for number in 0..40 {
        guest.on_path("path_unlink_file", &format!("file {number:02}")).unwrap();
    }
    guest.call("fd_readdir", &[3, DATA, 8192, 42, RESULT]).unwrap();
    assert_eq!(guest.get(DATA + 24, 7), b"file 39");
    guest.call("fd_readdir", &[3, DATA, 8192, 43, RESULT]).unwrap();
    assert_eq!(guest.get_u32(RESULT), 0);
    guest.call("fd_readdir", &[3, DATA, 8192, -1, RESULT]).unwrap();
    assert_eq!(guest.get_u32(RESULT), 0);
    assert_eq!(guest.list(3, 8192).unwrap().len(), 3, "from the beginning it is the directory of now");
    let fd = guest.open("b", CREATE, READ).unwrap();
    assert_eq!(guest.list(fd, 100), Err(Errno::Notdir));
    assert_eq!(guest.list(1, 100), Err(Errno::Badf));
    guest.call("fd_readdir", &[3, DATA, 0, 0, RESULT]).unwrap();
    assert_eq!(guest.get_u32(RESULT), 0);
}
