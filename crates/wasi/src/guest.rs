//! [`Guest`]: the memory of the instance that called, every access checked.
//!
//! Nothing here allocates: what a guest names by pointer and length is a slice of its memory, so that no length
//! it invents can cost the host more than the guest has itself.

use crate::{
    Errno,
    failure::{GuestFault, Outcome},
};
use std::ops::Range;

/// How many buffers one call may read to or write from: what Linux allows, and what `wasi-libc` tells programs.
const MAX_BUFFERS: u32 = 1024;

/// The layouts that differ between the versions of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Snapshot {
    /// `wasi_unstable`.
    Unstable,
    /// `wasi_snapshot_preview1`.
    Preview1,
}

/// The memory of the instance that called.
pub(crate) struct Guest<'a> {
    bytes: &'a mut [u8],
    snapshot: Snapshot,
}

impl<'a> Guest<'a> {
    pub(crate) fn new(bytes: &'a mut [u8], snapshot: Snapshot) -> Self {
        Self { bytes, snapshot }
    }

    /// Which version of the interface was called.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot
    }

    fn range(&self, pointer: u32, len: u64) -> Result<Range<usize>, GuestFault> {
        let out_of_bounds = GuestFault::OutOfBounds { pointer, len, memory_size: self.bytes.len() };
        let start = usize::try_from(pointer).map_err(|_| out_of_bounds)?;
        let len = usize::try_from(len).map_err(|_| out_of_bounds)?;
        let end = start.checked_add(len).ok_or(out_of_bounds)?;
        if end > self.bytes.len() { Err(out_of_bounds) } else { Ok(start..end) }
    }

    /// Checks that an array lies in the memory.
    pub(crate) fn check_array(
        &self,
        pointer: u32,
        count: u32,
        size: u32,
        align: u32,
    ) -> Result<(), GuestFault> {
        check_align(pointer, align)?;
        self.range(pointer, u64::from(count) * u64::from(size))?;
        Ok(())
    }

    /// Bytes to read.
    pub(crate) fn bytes(&self, pointer: u32, len: u32) -> Result<&[u8], GuestFault> {
        let range = self.range(pointer, len.into())?;
        Ok(&self.bytes[range])
    }

    /// Bytes to write.
    pub(crate) fn bytes_mut(&mut self, pointer: u32, len: u32) -> Result<&mut [u8], GuestFault> {
        let range = self.range(pointer, len.into())?;
        Ok(&mut self.bytes[range])
    }

    /// A string. The interface has UTF-8 only.
    pub(crate) fn string(&self, pointer: u32, len: u32) -> Outcome<&str> {
        let bytes = self.bytes(pointer, len)?;
        Ok(str::from_utf8(bytes).map_err(|_| Errno::Ilseq)?)
    }

    /// `N` bytes at a multiple of `N`.
    fn word<const N: usize>(&self, pointer: u32) -> Result<[u8; N], GuestFault> {
        check_align(pointer, N as u32)?;
        let range = self.range(pointer, N as u64)?;
        let mut word = [0; N];
        word.copy_from_slice(&self.bytes[range]);
        Ok(word)
    }

    pub(crate) fn u8(&self, pointer: u32) -> Result<u8, GuestFault> {
        self.word(pointer).map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&self, pointer: u32) -> Result<u16, GuestFault> {
        self.word(pointer).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&self, pointer: u32) -> Result<u32, GuestFault> {
        self.word(pointer).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&self, pointer: u32) -> Result<u64, GuestFault> {
        self.word(pointer).map(u64::from_le_bytes)
    }

    fn set_word<const N: usize>(&mut self, pointer: u32, word: [u8; N]) -> Result<(), GuestFault> {
        check_align(pointer, N as u32)?;
        let range = self.range(pointer, N as u64)?;
        self.bytes[range].copy_from_slice(&word);
        Ok(())
    }

    pub(crate) fn set_u32(&mut self, pointer: u32, value: u32) -> Result<(), GuestFault> {
        self.set_word(pointer, value.to_le_bytes())
    }

    pub(crate) fn set_u64(&mut self, pointer: u32, value: u64) -> Result<(), GuestFault> {
        self.set_word(pointer, value.to_le_bytes())
    }

    /// Writes a structure whose largest field has 8 bytes.
    pub(crate) fn set_struct(&mut self, pointer: u32, bytes: &[u8]) -> Result<(), GuestFault> {
        check_align(pointer, 8)?;
        let range = self.range(pointer, bytes.len() as u64)?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Checks an array of buffers and gives it.
    pub(crate) fn buffers(&self, pointer: u32, count: u32) -> Outcome<Buffers> {
        if count > MAX_BUFFERS {
            return Err(Errno::Inval.into());
        }
        self.check_array(pointer, count, Buffers::SIZE, 4)?;
        Ok(Buffers { pointer, count, total: 0 })
    }
}

fn check_align(pointer: u32, align: u32) -> Result<(), GuestFault> {
    if pointer.is_multiple_of(align) { Ok(()) } else { Err(GuestFault::Misaligned { pointer, align }) }
}

/// An array of buffers (`iovec`s) that remain to be gone through.
pub(crate) struct Buffers {
    pointer: u32,
    count: u32,
    /// The lengths of the buffers that were given.
    total: u32,
}

impl Buffers {
    const SIZE: u32 = 8;

    /// The next buffer that is not empty, as pointer and length. Buffers may overlap and together be longer than
    /// a result can say: they end where the sum would overflow.
    pub(crate) fn next(&mut self, guest: &Guest<'_>) -> Result<Option<(u32, u32)>, GuestFault> {
        while self.count > 0 {
            let (pointer, len) = (guest.u32(self.pointer)?, guest.u32(self.pointer + 4)?);
            self.count -= 1;
            self.pointer = self.pointer.wrapping_add(Self::SIZE);
            let len = len.min(u32::MAX - self.total);
            if len > 0 {
                self.total += len;
                return Ok(Some((pointer, len)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_are_checked() {
        let mut bytes = [0; 16];
        let mut guest = Guest::new(&mut bytes, Snapshot::Preview1);
        guest.set_u64(8, 0x0102_0304_0506_0708).unwrap();
        assert_eq!(guest.u32(12), Ok(0x0102_0304));
        assert_eq!(guest.u16(8), Ok(0x0708));
        assert_eq!(guest.bytes(16, 0), Ok(&[][..]));
        let fault = GuestFault::OutOfBounds { pointer: 16, len: 1, memory_size: 16 };
        assert_eq!(guest.bytes(16, 1), Err(fault));
        assert!(guest.bytes(u32::MAX, u32::MAX).is_err());
        assert_eq!(guest.u64(4), Err(GuestFault::Misaligned { pointer: 4, align: 8 }));
        assert!(guest.check_array(0, u32::MAX, 48, 8).is_err());
    }

    #[test]
    fn lengths_of_buffers_do_not_overflow() {
        let mut bytes = [0xff; 24];
        let guest = Guest::new(&mut bytes, Snapshot::Preview1);
        let mut buffers = guest.buffers(0, 3).unwrap();
        assert_eq!(buffers.next(&guest), Ok(Some((u32::MAX, u32::MAX))));
        assert_eq!(buffers.next(&guest), Ok(None));
        assert!(guest.buffers(0, 4).is_err());
        assert!(guest.buffers(0, MAX_BUFFERS + 1).is_err());
    }
}
