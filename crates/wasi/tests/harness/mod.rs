//! A guest that does nothing of its own: it exports each function of WASI once more, so that a test can call them
//! one by one, through WebAssembly and with a memory.

#![allow(dead_code, reason = "each test file uses a part")]

use rotifer::{Engine, Error, Instance, Linker, Memory, Module, Store, Val};
use rotifer_wasi::{DirAccess, Errno, WasiCtx, WasiCtxBuilder, add_to_linker};
use std::{fmt::Write as _, fs, path::Path};
use tempfile::TempDir;

/// All functions with their types, as `wasi_snapshot_preview1.witx` has them: a parameter is `i` (i32) or `l`
/// (i64). All but the last give an `i32`.
pub(crate) const FUNCTIONS: [(&str, &str); 46] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "ili"),
    ("fd_advise", "illi"),
    ("fd_allocate", "ill"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "ill"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "il"),
    ("fd_filestat_set_times", "illi"),
    ("fd_pread", "iiili"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiili"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiili"),
    ("fd_renumber", "ii"),
    ("fd_seek", "ilii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiilli"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiillii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "ii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
    ("proc_exit", "i"),
];

/// The right to read, and that to write.
pub(crate) const READ: i64 = 1 << 1;
pub(crate) const WRITE: i64 = 1 << 6;

/// Flags of `path_open`.
pub(crate) const CREATE: i64 = 1;
pub(crate) const DIRECTORY: i64 = 2;
pub(crate) const EXCLUSIVE: i64 = 4;
pub(crate) const TRUNCATE: i64 = 8;

/// What a call gave.
pub(crate) type Outcome = Result<(), Errno>;

/// The guest. Results of calls are written to low addresses, paths and buffers lie higher.
pub(crate) struct Guest {
    pub(crate) store: Store<WasiCtx>,
    pub(crate) instance: Instance,
    memory: Memory,
}

/// Where the functions write results.
pub(crate) const RESULT: i64 = 64;
/// Where the harness puts buffers.
const BUFFERS: i64 = 256;
pub(crate) const PATH: i64 = 4096;
pub(crate) const PATH2: i64 = 8192;
pub(crate) const DATA: i64 = 16384;

/// The guest's text for a version of the interface.
fn text(module: &str, functions: &[(&str, &str)]) -> String {
    let (mut imports, mut exports) = (String::new(), String::new());
    for (name, params) in functions {
        let types: Vec<_> = params.chars().map(|param| if param == 'i' { "i32" } else { "i64" }).collect();
        let (types, result) = (types.join(" "), if *name == "proc_exit" { "" } else { "(result i32)" });
        writeln!(imports, "(import {module:?} {name:?} (func ${name} (param {types}) {result}))").unwrap();
        let arguments: String = (0..params.len()).map(|index| format!("(local.get {index})")).collect();
        let call = format!("(call ${name} {arguments})");
        writeln!(exports, "(func (export {name:?}) (param {types}) {result} {call})").unwrap();
    }
    format!("(module {imports} (memory (export \"memory\") 1) {exports})")
}

impl Guest {
    /// A guest in a world.
    pub(crate) fn new(wasi: WasiCtx) -> Self {
        Self::with_module(wasi, "wasi_snapshot_preview1", &FUNCTIONS)
    }

    /// A guest in a world that imports these functions of this module.
    pub(crate) fn with_module(wasi: WasiCtx, module: &str, functions: &[(&str, &str)]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, wat::parse_str(text(module, functions)).unwrap()).unwrap();
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker, |wasi| wasi).unwrap();
        let mut store = Store::new(&engine, wasi);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        Self { store, instance, memory }
    }

    /// A guest whose descriptor 3 is a new directory.
    pub(crate) fn with_directory() -> (Self, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Self::in_directory(dir.path(), DirAccess::ReadWrite), dir)
    }

    pub(crate) fn in_directory(path: &Path, access: DirAccess) -> Self {
        Self::new(WasiCtxBuilder::new().preopened_path(path, "/dir", access).unwrap().build())
    }

    /// Calls a function; an error is one that ends the run.
    pub(crate) fn try_call(&mut self, name: &str, args: &[i64]) -> Result<Outcome, Error> {
        let (_, types) = FUNCTIONS.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(types.len(), args.len(), "{name}");
        let args: Vec<_> = types
            .chars()
            .zip(args)
            .map(|(ty, &arg)| if ty == 'i' { Val::I32(arg as i32) } else { Val::I64(arg) })
            .collect();
        let func = self.instance.get_func(&self.store, name).unwrap();
        let mut results = [Val::I32(0)];
        let results_len = usize::from(name != "proc_exit");
        func.call(&mut self.store, &args, &mut results[..results_len])?;
        let [Val::I32(number)] = results else { panic!("{results:?}") };
        Ok(match Errno::ALL[number as usize] {
            Errno::Success => Ok(()),
            errno => Err(errno),
        })
    }

    /// Calls a function that does not end the run.
    pub(crate) fn call(&mut self, name: &str, args: &[i64]) -> Outcome {
        self.try_call(name, args).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn put(&mut self, address: i64, bytes: &[u8]) {
        self.memory.write(&mut self.store, address as usize, bytes).unwrap();
    }

    pub(crate) fn get(&self, address: i64, len: usize) -> Vec<u8> {
        self.memory.data(&self.store)[address as usize..][..len].to_vec()
    }

    pub(crate) fn get_u8(&self, address: i64) -> u8 {
        self.get(address, 1)[0]
    }

    pub(crate) fn get_u16(&self, address: i64) -> u16 {
        u16::from_le_bytes(self.get(address, 2).try_into().unwrap())
    }

    pub(crate) fn get_u32(&self, address: i64) -> u32 {
        u32::from_le_bytes(self.get(address, 4).try_into().unwrap())
    }

    pub(crate) fn get_u64(&self, address: i64) -> u64 {
        u64::from_le_bytes(self.get(address, 8).try_into().unwrap())
    }

    pub(crate) fn put_u32s(&mut self, address: i64, values: &[i64]) {
        let bytes: Vec<_> = values.iter().flat_map(|&value| (value as u32).to_le_bytes()).collect();
        self.put(address, &bytes);
    }

    /// Puts a path into the memory and gives its length.
    pub(crate) fn path(&mut self, path: &str) -> i64 {
        self.put(PATH, path.as_bytes());
        path.len() as i64
    }

    pub(crate) fn path2(&mut self, path: &str) -> i64 {
        self.put(PATH2, path.as_bytes());
        path.len() as i64
    }

    /// Opens a path relative to a directory, following symbolic links, with flags of the descriptor.
    pub(crate) fn open_with(
        &mut self,
        fd: i64,
        path: &str,
        flags: i64,
        rights: i64,
        fd_flags: i64,
    ) -> Result<i64, Errno> {
        let len = self.path(path);
        self.call("path_open", &[fd, 1, PATH, len, flags, rights, rights, fd_flags, RESULT])?;
        Ok(self.get_u32(RESULT).into())
    }

    /// Opens a path relative to descriptor 3.
    pub(crate) fn open(&mut self, path: &str, flags: i64, rights: i64) -> Result<i64, Errno> {
        self.open_with(3, path, flags, rights, 0)
    }

    /// Calls a function on a path relative to descriptor 3.
    pub(crate) fn on_path(&mut self, name: &str, path: &str) -> Outcome {
        let len = self.path(path);
        self.call(name, &[3, PATH, len])
    }

    /// Calls a function on two paths relative to descriptor 3.
    pub(crate) fn on_paths(&mut self, name: &str, old: &str, new: &str) -> Outcome {
        let (old, new) = (self.path(old), self.path2(new));
        match name {
            "path_link" => self.call(name, &[3, 0, PATH, old, 3, PATH2, new]),
            "path_rename" => self.call(name, &[3, PATH, old, 3, PATH2, new]),
            "path_symlink" => self.call(name, &[PATH, old, 3, PATH2, new]),
            _ => panic!("{name}"),
        }
    }

    /// Writes in two pieces.
    pub(crate) fn write(&mut self, fd: i64, bytes: &[u8]) -> Result<u32, Errno> {
        self.buffers(bytes);
        self.call("fd_write", &[fd, BUFFERS, 3, RESULT])?;
        Ok(self.get_u32(RESULT))
    }

    pub(crate) fn pwrite(&mut self, fd: i64, bytes: &[u8], offset: i64) -> Result<u32, Errno> {
        self.buffers(bytes);
        self.call("fd_pwrite", &[fd, BUFFERS, 3, offset, RESULT])?;
        Ok(self.get_u32(RESULT))
    }

    /// Describes bytes by a buffer of two of them, an empty one, and one with the rest.
    fn buffers(&mut self, bytes: &[u8]) {
        self.put(DATA, bytes);
        let len = bytes.len() as i64;
        let first = len.min(2);
        self.put_u32s(BUFFERS, &[DATA, first, i64::from(u32::MAX), 0, DATA + first, len - first]);
    }

    /// Reads up to `len` bytes in two pieces.
    pub(crate) fn read(&mut self, fd: i64, len: usize) -> Result<Vec<u8>, Errno> {
        self.buffers(&vec![0; len]);
        self.call("fd_read", &[fd, BUFFERS, 3, RESULT])?;
        Ok(self.get(DATA, self.get_u32(RESULT) as usize))
    }

    pub(crate) fn pread(&mut self, fd: i64, len: usize, offset: i64) -> Result<Vec<u8>, Errno> {
        self.buffers(&vec![0; len]);
        self.call("fd_pread", &[fd, BUFFERS, 3, offset, RESULT])?;
        Ok(self.get(DATA, self.get_u32(RESULT) as usize))
    }

    pub(crate) fn seek(&mut self, fd: i64, offset: i64, whence: i64) -> Result<u64, Errno> {
        self.call("fd_seek", &[fd, offset, whence, RESULT])?;
        Ok(self.get_u64(RESULT))
    }

    pub(crate) fn tell(&mut self, fd: i64) -> Result<u64, Errno> {
        self.call("fd_tell", &[fd, RESULT])?;
        Ok(self.get_u64(RESULT))
    }

    pub(crate) fn close(&mut self, fd: i64) -> Outcome {
        self.call("fd_close", &[fd])
    }

    pub(crate) fn size(&mut self, path: &str) -> Result<u64, Errno> {
        let len = self.path(path);
        self.call("path_filestat_get", &[3, 1, PATH, len, RESULT])?;
        Ok(self.get_u64(RESULT + 32))
    }

    /// Lists a directory through a buffer of this size.
    pub(crate) fn list(&mut self, fd: i64, buffer: usize) -> Result<Vec<(String, u8)>, Errno> {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            self.call("fd_readdir", &[fd, DATA, buffer as i64, cookie, RESULT])?;
            let used = i64::from(self.get_u32(RESULT));
            let mut entry = DATA;
            while entry + 24 <= DATA + used {
                let len = i64::from(self.get_u32(entry + 16));
                if entry + 24 + len > DATA + used {
                    break;
                }
                let name = String::from_utf8(self.get(entry + 24, len as usize)).unwrap();
                names.push((name, self.get_u8(entry + 20)));
                cookie = self.get_u64(entry) as i64;
                entry += 24 + len;
            }
            if used < buffer as i64 {
                return Ok(names);
            }
        }
    }
}

/// Writes a file of the host.
pub(crate) fn write(dir: &TempDir, path: &str, contents: &str) {
    fs::write(dir.path().join(path), contents).unwrap();
}

/// Reads a file of the host.
pub(crate) fn contents(dir: &TempDir, path: &str) -> String {
    fs::read_to_string(dir.path().join(path)).unwrap()
}
