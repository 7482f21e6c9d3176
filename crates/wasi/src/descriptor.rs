//! [`Descriptor`]: what a guest's file descriptors stand for, and the table of them.

use crate::{
    DirAccess, Errno,
    failure::Outcome,
    flags::{FdFlags, FileType, Rights},
};
use cap_fs_ext::FileTypeExt;
use cap_std::fs::{Dir, File};
use std::io::{Read, Write};

/// A stream that a guest reads from.
pub(crate) type InputStream = Box<dyn Read + Send + Sync>;

/// A stream that a guest writes to.
pub(crate) type OutputStream = Box<dyn Write + Send + Sync>;

/// What a file descriptor stands for.
pub(crate) enum Descriptor {
    Input(Stream<InputStream>),
    Output(Stream<OutputStream>),
    File(OpenFile),
    Directory(OpenDirectory),
}

/// One of the standard streams.
pub(crate) struct Stream<S> {
    pub(crate) stream: S,
    pub(crate) is_terminal: bool,
    pub(crate) flags: FdFlags,
}

impl<S> Stream<S> {
    pub(crate) fn new(stream: S, is_terminal: bool) -> Self {
        Self { stream, is_terminal, flags: FdFlags::empty() }
    }

    /// Programs take a character device for a terminal. The type of everything else is not known.
    pub(crate) fn file_type(&self) -> FileType {
        if self.is_terminal { FileType::CharacterDevice } else { FileType::Unknown }
    }
}

/// A file, or whatever else is in a directory and none itself.
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) is_readable: bool,
    pub(crate) is_writable: bool,
    /// That of the directory in which it was opened.
    pub(crate) directory_access: DirAccess,
    /// What the guest asked for. The host's file has none of these flags: appending and synchronising are done
    /// here, in the same way on every host.
    pub(crate) flags: FdFlags,
}

impl OpenFile {
    pub(crate) fn rights(&self) -> Rights {
        let mut rights = Rights::FILE;
        rights.set(Rights::FD_READ, self.is_readable);
        rights.set(Rights::WRITABLE_FILE, self.is_writable);
        rights
    }

    /// The file, to read from it.
    pub(crate) fn readable(&self) -> Outcome<&File> {
        if self.is_readable { Ok(&self.file) } else { Err(Errno::Badf.into()) }
    }

    /// The file, to write to it.
    pub(crate) fn writable(&self) -> Outcome<&File> {
        if self.is_writable { Ok(&self.file) } else { Err(Errno::Badf.into()) }
    }
}

/// A directory.
pub(crate) struct OpenDirectory {
    pub(crate) dir: Dir,
    pub(crate) access: DirAccess,
    /// The name under which the guest finds the directory, if it was given one at the start.
    pub(crate) preopened_as: Option<String>,
    /// The entries as they were when the guest began to list them.
    pub(crate) listing: Option<Vec<DirectoryEntry>>,
}

impl OpenDirectory {
    pub(crate) fn new(dir: Dir, access: DirAccess) -> Self {
        Self { dir, access, preopened_as: None, listing: None }
    }

    /// The directory, to change something in it.
    pub(crate) fn writable(&self) -> Outcome<&Dir> {
        match self.access {
            DirAccess::ReadWrite => Ok(&self.dir),
            DirAccess::ReadOnly => Err(Errno::Perm.into()),
        }
    }
}

/// An entry of a directory.
#[derive(Debug)]
pub(crate) struct DirectoryEntry {
    pub(crate) name: String,
    pub(crate) inode: u64,
    pub(crate) file_type: FileType,
}

/// The type that the host gives.
pub(crate) fn file_type(host: cap_std::fs::FileType) -> FileType {
    if host.is_dir() {
        FileType::Directory
    } else if host.is_file() {
        FileType::RegularFile
    } else if host.is_symlink() {
        FileType::SymbolicLink
    } else if host.is_char_device() {
        FileType::CharacterDevice
    } else if host.is_block_device() {
        FileType::BlockDevice
    } else if host.is_socket() {
        FileType::SocketStream
    } else {
        FileType::Unknown
    }
}

/// The open file descriptors.
pub(crate) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    /// How many there may be.
    limit: usize,
}

impl Descriptors {
    pub(crate) fn new(limit: usize) -> Self {
        Self { slots: Vec::new(), limit }
    }

    /// Gives a descriptor the lowest free number after those of the standard streams.
    ///
    /// POSIX would give those again too, WASI need not: yosys closes its standard output by mistake, goes on
    /// printing, and would print into the file that it opens next.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Outcome<u32> {
        const STREAMS: usize = 3;
        let free = self.slots.iter().skip(STREAMS).position(Option::is_none);
        let place = free.map_or(self.slots.len(), |position| position + STREAMS);
        if place >= self.limit {
            return Err(Errno::Mfile.into());
        }
        let number = u32::try_from(place).map_err(|_| Errno::Mfile)?;
        match self.slots.get_mut(place) {
            Some(slot) => *slot = Some(descriptor),
            None => self.slots.push(Some(descriptor)),
        }
        Ok(number)
    }

    pub(crate) fn get(&self, number: u32) -> Outcome<&Descriptor> {
        let slot = usize::try_from(number).ok().and_then(|place| self.slots.get(place));
        Ok(slot.and_then(Option::as_ref).ok_or(Errno::Badf)?)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Outcome<&mut Descriptor> {
        let slot = usize::try_from(number).ok().and_then(|place| self.slots.get_mut(place));
        Ok(slot.and_then(Option::as_mut).ok_or(Errno::Badf)?)
    }

    pub(crate) fn remove(&mut self, number: u32) -> Outcome<Descriptor> {
        let slot = usize::try_from(number).ok().and_then(|place| self.slots.get_mut(place));
        Ok(slot.and_then(Option::take).ok_or(Errno::Badf)?)
    }

    /// Gives the descriptor `from` the number `to` and closes what had it.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Outcome {
        self.get(from)?;
        self.get(to)?;
        let descriptor = self.remove(from)?;
        self.slots[to as usize] = Some(descriptor);
        Ok(())
    }

    pub(crate) fn file(&self, number: u32) -> Outcome<&OpenFile> {
        match self.get(number)? {
            Descriptor::File(file) => Ok(file),
            _ => Err(Errno::Badf.into()),
        }
    }

    /// A file, to use its positions. Streams have none.
    pub(crate) fn seekable(&self, number: u32) -> Outcome<&OpenFile> {
        match self.get(number)? {
            Descriptor::Input(_) | Descriptor::Output(_) => Err(Errno::Spipe.into()),
            _ => self.file(number),
        }
    }

    pub(crate) fn directory(&self, number: u32) -> Outcome<&OpenDirectory> {
        match self.get(number)? {
            Descriptor::Directory(directory) => Ok(directory),
            Descriptor::File(_) => Err(Errno::Notdir.into()),
            Descriptor::Input(_) | Descriptor::Output(_) => Err(Errno::Badf.into()),
        }
    }

    pub(crate) fn directory_mut(&mut self, number: u32) -> Outcome<&mut OpenDirectory> {
        match self.get_mut(number)? {
            Descriptor::Directory(directory) => Ok(directory),
            Descriptor::File(_) => Err(Errno::Notdir.into()),
            Descriptor::Input(_) | Descriptor::Output(_) => Err(Errno::Badf.into()),
        }
    }
}
