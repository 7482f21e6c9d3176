//! [`WasiCtx`]: the world of a guest, and [`WasiCtxBuilder`], which makes one.

use crate::{
    clock::Clocks,
    descriptor::{Descriptor, Descriptors, InputStream, OpenDirectory, OutputStream, Stream},
    pipe::HostStdout,
    random::Random,
};
use cap_std::{ambient_authority, fs::Dir};
use std::{
    env, fmt,
    io::{self, Cursor, IsTerminal, Read, Write},
    path::Path,
    time::{Duration, SystemTime},
};

/// What a guest may do in a directory that it is given, and in those below.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DirAccess {
    /// List, and open files for reading. Anything else gives the error [`Errno::Perm`](crate::Errno::Perm).
    ReadOnly,
    /// Everything.
    ReadWrite,
}

/// The world of a guest: arguments, environment, open files, clocks, random bytes.
///
/// It has what [`WasiCtxBuilder`] was told to put in, and nothing else of the host. Keep one in the data of each
/// store, and tell [`add_to_linker`](crate::add_to_linker) where.
pub struct WasiCtx {
    pub(crate) args: Vec<String>,
    /// As `NAME=value`.
    pub(crate) environ: Vec<String>,
    pub(crate) descriptors: Descriptors,
    pub(crate) clocks: Clocks,
    pub(crate) random: Random,
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { args, environ, descriptors: _, clocks, random } = self;
        f.debug_struct("WasiCtx")
            .field("args", args)
            .field("environ", environ)
            .field("clocks", clocks)
            .field("random", random)
            .finish_non_exhaustive()
    }
}

/// A directory that a guest has open from the start.
struct Preopen {
    dir: Dir,
    guest_path: String,
    access: DirAccess,
}

/// Makes a [`WasiCtx`].
///
/// Without further calls the guest has no arguments, no environment and no directories; its input is empty and
/// what it writes is lost. Clocks and random bytes are the system's.
///
/// ```
/// use rotifer_wasi::{DirAccess, OutputPipe, WasiCtxBuilder};
///
/// let stdout = OutputPipe::new();
/// let wasi = WasiCtxBuilder::new()
///     .args(["program", "--verbose"])
///     .env("LANG", "C.UTF-8")
///     .stdin_bytes("some input")
///     .stdout(stdout.clone())
///     .inherit_stderr()
///     .preopened_path(".", "/", DirAccess::ReadOnly)?
///     .build();
/// # drop(wasi);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub struct WasiCtxBuilder {
    args: Vec<String>,
    environ: Vec<String>,
    stdin: Stream<InputStream>,
    stdout: Stream<OutputStream>,
    stderr: Stream<OutputStream>,
    preopens: Vec<Preopen>,
    clocks: Option<Clocks>,
    random: Random,
    max_descriptors: usize,
}

impl Default for WasiCtxBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directories: Vec<_> = self.preopens.iter().map(|preopen| &preopen.guest_path).collect();
        f.debug_struct("WasiCtxBuilder")
            .field("args", &self.args)
            .field("environ", &self.environ)
            .field("directories", &directories)
            .finish_non_exhaustive()
    }
}

impl WasiCtxBuilder {
    /// The builder of an empty world.
    pub fn new() -> Self {
        Self {
            args: Vec::new(),
            environ: Vec::new(),
            stdin: Stream::new(Box::new(io::empty()), false),
            stdout: Stream::new(Box::new(io::sink()), false),
            stderr: Stream::new(Box::new(io::sink()), false),
            preopens: Vec::new(),
            clocks: None,
            random: Random::System,
            max_descriptors: usize::MAX,
        }
    }

    /// Adds an argument. The first is the name of the program. Programs see an argument up to a zero byte.
    pub fn arg(&mut self, arg: impl Into<String>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl Into<String>>) -> &mut Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment.
    pub fn env(&mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> &mut Self {
        self.environ.push(format!("{}={}", name.as_ref(), value.as_ref()));
        self
    }

    /// Adds variables to the environment.
    pub fn envs(
        &mut self,
        variables: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> &mut Self {
        for (name, value) in variables {
            self.env(name, value);
        }
        self
    }

    /// Adds the environment of this process, without variables that are not Unicode.
    pub fn inherit_env(&mut self) -> &mut Self {
        for (name, value) in env::vars_os() {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str()) {
                self.env(name, value);
            }
        }
        self
    }

    /// Gives the guest the three standard streams of this process.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// Gives the guest the standard input of this process.
    pub fn inherit_stdin(&mut self) -> &mut Self {
        self.stdin = Stream::new(Box::new(io::stdin()), io::stdin().is_terminal());
        self
    }

    /// Gives the guest the standard output of this process. What it writes is flushed at once.
    pub fn inherit_stdout(&mut self) -> &mut Self {
        self.stdout = Stream::new(Box::new(HostStdout), io::stdout().is_terminal());
        self
    }

    /// Gives the guest the standard error output of this process.
    pub fn inherit_stderr(&mut self) -> &mut Self {
        self.stderr = Stream::new(Box::new(io::stderr()), io::stderr().is_terminal());
        self
    }

    /// Gives the guest this as standard input. [`std::io::empty`] is one that ends at once.
    pub fn stdin(&mut self, stream: impl Read + Send + Sync + 'static) -> &mut Self {
        self.stdin = Stream::new(Box::new(stream), false);
        self
    }

    /// Gives the guest these bytes as standard input.
    pub fn stdin_bytes(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.stdin(Cursor::new(bytes.into()))
    }

    /// Gives the guest this as standard output. [`OutputPipe`](crate::OutputPipe) keeps what is written,
    /// [`std::io::sink`] forgets it.
    pub fn stdout(&mut self, stream: impl Write + Send + Sync + 'static) -> &mut Self {
        self.stdout = Stream::new(Box::new(stream), false);
        self
    }

    /// Gives the guest this as standard error output.
    pub fn stderr(&mut self, stream: impl Write + Send + Sync + 'static) -> &mut Self {
        self.stderr = Stream::new(Box::new(stream), false);
        self
    }

    /// Gives the guest an open directory under a path of its own, usually an absolute one such as `/`.
    ///
    /// The guest cannot leave it, whether by `..`, by absolute paths or by symbolic links.
    pub fn preopened_dir(&mut self, dir: Dir, guest_path: impl Into<String>, access: DirAccess) -> &mut Self {
        self.preopens.push(Preopen { dir, guest_path: guest_path.into(), access });
        self
    }

    /// The same for a directory that is opened here.
    ///
    /// # Errors
    /// There is no such directory, or it cannot be opened.
    pub fn preopened_path(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl Into<String>,
        access: DirAccess,
    ) -> io::Result<&mut Self> {
        let dir = Dir::open_ambient_dir(host_path, ambient_authority())?;
        Ok(self.preopened_dir(dir, guest_path, access))
    }

    /// Gives the guest the system's clocks. Its monotonic clock begins with [`build`](Self::build).
    pub fn system_clocks(&mut self) -> &mut Self {
        self.clocks = None;
        self
    }

    /// Gives the guest clocks that show the same in every run: the real time begins with `start`, the monotonic
    /// one with 0, each reading of either advances both by `step`, and a guest that waits finds the time passed
    /// at once. Times and inode numbers of files are the host's all the same.
    pub fn deterministic_clocks(&mut self, start: SystemTime, step: Duration) -> &mut Self {
        self.clocks = Some(Clocks::deterministic(start, step));
        self
    }

    /// Gives the guest random bytes of the system.
    pub fn system_random(&mut self) -> &mut Self {
        self.random = Random::System;
        self
    }

    /// Gives the guest random bytes that are the same in every run: those of ChaCha20. They are no secret.
    pub fn deterministic_random(&mut self, seed: u64) -> &mut Self {
        self.random = Random::seeded(seed);
        self
    }

    /// Sets how many descriptors the guest may have open, with those of the streams and directories that it is
    /// given. Opening more gives the error [`Errno::Mfile`](crate::Errno::Mfile). Default: as many as the host
    /// gives to this process, so that a guest that opens files without end leaves none to the embedder.
    pub fn max_descriptors(&mut self, count: usize) -> &mut Self {
        self.max_descriptors = count;
        self
    }

    /// The world. The builder is empty again afterwards.
    ///
    /// # Panics
    /// [`max_descriptors`](Self::max_descriptors) is smaller than the number of streams and directories.
    pub fn build(&mut self) -> WasiCtx {
        let Self { args, environ, stdin, stdout, stderr, preopens, clocks, random, max_descriptors } =
            std::mem::take(self);
        let mut descriptors = Descriptors::new(max_descriptors);
        // The order gives the streams the numbers 0, 1 and 2, and the directories those that follow, as
        // programs expect.
        let streams = [Descriptor::Input(stdin), Descriptor::Output(stdout), Descriptor::Output(stderr)];
        let directories = preopens.into_iter().map(|Preopen { dir, guest_path, access }| {
            let preopened_as = Some(guest_path);
            Descriptor::Directory(OpenDirectory { preopened_as, ..OpenDirectory::new(dir, access) })
        });
        for descriptor in streams.into_iter().chain(directories) {
            let inserted = descriptors.insert(descriptor);
            inserted.expect("the limit allows all streams and directories");
        }
        WasiCtx { args, environ, descriptors, clocks: clocks.unwrap_or_else(Clocks::system), random }
    }
}
