//! [`Locals`]: the types of a function's locals.
//!
//! A body of a few bytes may declare ten thousands of locals, and a module may have a million such bodies. Time and
//! memory are in proportion to the bytes: only the first locals, which nearly all functions make do with, have a place
//! of their own in a list; what follows stays in the groups in which it was declared.

use crate::packed_type::PackedType;
use alloc::vec::Vec;
use rotifer_core::ValType;

/// How many locals are listed one by one. Parameters always are, however many there are.
const LISTED: usize = 512;

/// How many locals have an index of one byte.
pub(crate) const SHORT: usize = 128;

/// The types of locals, parameters first.
#[derive(Debug, Default)]
pub(crate) struct Locals {
    /// The first ones. Where there are fewer than [`SHORT`], [`PackedType::NO_LOCAL`] follows.
    listed: Vec<PackedType>,
    /// Of groups that go on behind the list: how many locals there are up to their end, and their type.
    groups: Vec<(u32, PackedType)>,
    len: u32,
}

impl Locals {
    /// Begins with the parameters of another function.
    pub(crate) fn reset(&mut self, params: &[ValType]) {
        self.listed.clear();
        self.listed.extend(params.iter().map(|&ty| PackedType::new(ty)));
        self.groups.clear();
        // Parameters are at most `Limits::params`, a 32-bit number.
        self.len = params.len() as u32;
    }

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.listed.capacity() * size_of::<PackedType>()
            + self.groups.capacity() * size_of::<(u32, PackedType)>()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Adds a group of locals of one type, up to a number of all locals that is not less than before.
    pub(crate) fn extend_to(&mut self, len: u32, ty: PackedType) {
        let listed = LISTED.min(len as usize);
        if listed > self.listed.len() {
            self.listed.resize(listed, ty);
        }
        if len as usize > self.listed.len() && len > self.len {
            self.groups.push((len, ty));
        }
        self.len = len;
    }

    /// There are no more.
    pub(crate) fn complete(&mut self) {
        if self.listed.len() < SHORT {
            self.listed.resize(SHORT, PackedType::NO_LOCAL);
        }
    }

    /// Those whose index has one byte, if the list is complete.
    #[inline(always)]
    pub(crate) fn short(&self) -> Option<&[PackedType; SHORT]> {
        self.listed.first_chunk()
    }

    /// The first ones, whose types are found sooner, and what follows if there are few.
    #[inline(always)]
    pub(crate) fn listed(&self) -> &[PackedType] {
        &self.listed
    }

    /// The type of a local.
    #[inline(always)]
    pub(crate) fn get(&self, local: u32) -> Option<PackedType> {
        match self.listed.get(local as usize) {
            Some(&ty) if ty != PackedType::NO_LOCAL => Some(ty),
            _ => self.find(local),
        }
    }

    #[inline(never)]
    fn find(&self, local: u32) -> Option<PackedType> {
        let group = self.groups.partition_point(|&(end, _)| end <= local);
        self.groups.get(group).map(|&(_, ty)| ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, each local on its own.
    fn check(params: &[ValType], groups: &[(u32, PackedType)]) -> Locals {
        let mut locals = Locals::default();
        // What was there before does not matter.
        locals.reset(&[ValType::F64; 3]);
        locals.extend_to(10_000, PackedType::F32);
        locals.reset(params);
        let mut expected: Vec<_> = params.iter().map(|&ty| PackedType::new(ty)).collect();
        for &(count, ty) in groups {
            locals.extend_to(locals.len() + count, ty);
            expected.resize(expected.len() + count as usize, ty);
        }
        locals.complete();
        assert_eq!(locals.len() as usize, expected.len());
        for (local, &ty) in expected.iter().enumerate() {
            assert_eq!(locals.get(local as u32), Some(ty), "{local}");
        }
        for local in [expected.len() as u32, u32::MAX] {
            assert_eq!(locals.get(local), None);
        }
        locals
    }

    #[test]
    fn types_are_found_in_lists_and_groups() {
        use PackedType as Ty;
        check(&[], &[]);
        check(&[ValType::I64], &[(3, Ty::I32), (0, Ty::F32), (2, Ty::F64)]);
        let last = LISTED as u32;
        for count in [last - 1, last, last + 1, 50_000] {
            check(&[], &[(count, Ty::I32), (1, Ty::F32), (0, Ty::I64), (700, Ty::F64), (1, Ty::FUNCREF)]);
            check(&[ValType::I64], &[(count, Ty::I32)]);
        }
        check(&[ValType::I64; 1_000], &[(1, Ty::I32), (2, Ty::F32)]);
        check(&[], &[(1, Ty::I32); 2_000]);
    }

    #[test]
    fn what_is_kept_does_not_depend_on_counts() {
        let locals = check(&[], &[(25_000, PackedType::I32), (25_000, PackedType::I64)]);
        assert_eq!((locals.listed.len(), locals.groups.len()), (LISTED, 2));
    }
}
