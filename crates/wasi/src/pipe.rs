//! [`OutputPipe`]: what a guest wrote, for the host to read; and the streams of the host.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Keeps what a guest writes. Clones share the contents: give one to the guest and read from the other.
///
/// ```
/// use rotifer_wasi::{OutputPipe, WasiCtxBuilder};
///
/// let stdout = OutputPipe::new();
/// let wasi = WasiCtxBuilder::new().stdout(stdout.clone()).build();
/// // ... run a guest ...
/// assert_eq!(stdout.contents(), b"");
/// # drop(wasi);
/// ```
#[derive(Clone, Debug)]
pub struct OutputPipe {
    contents: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Default for OutputPipe {
    fn default() -> Self {
        Self::new()
    }
}

impl OutputPipe {
    /// An empty pipe that keeps everything. A guest can fill the host's memory through it: see
    /// [`with_limit`](Self::with_limit).
    pub fn new() -> Self {
        Self::with_limit(usize::MAX)
    }

    /// An empty pipe that keeps this many bytes at most. A guest that writes more gets the error that no space is
    /// left.
    pub fn with_limit(limit: usize) -> Self {
        Self { contents: Arc::default(), limit }
    }

    /// A writer that panicked has not broken the bytes.
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of what was written.
    pub fn contents(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// What was written since the beginning or the last call of this function.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }
}

impl Write for OutputPipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut contents = self.lock();
        let room = self.limit.saturating_sub(contents.len()).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        contents.extend_from_slice(&bytes[..room]);
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The host's standard output. The standard library keeps what follows the last line's end for later; here it
/// is written at once, so that outputs of guest and host, and of both streams, stay in order.
pub(crate) struct HostStdout;

impl Write for HostStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stdout = io::stdout().lock();
        let count = stdout.write(bytes)?;
        stdout.flush()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_contents() {
        let pipe = OutputPipe::new();
        pipe.clone().write_all(b"abc").unwrap();
        assert_eq!(pipe.contents(), b"abc");
        assert_eq!(pipe.take(), b"abc");
        assert_eq!(pipe.contents(), b"");
    }

    #[test]
    fn a_limit_holds() {
        let mut pipe = OutputPipe::with_limit(4);
        assert_eq!(pipe.write(b"abcdef").unwrap(), 4);
        assert_eq!(pipe.write(b"g").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(pipe.write(b"").unwrap(), 0);
        assert_eq!(pipe.contents(), b"abcd");
    }
}
