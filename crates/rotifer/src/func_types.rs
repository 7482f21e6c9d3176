//! [`FuncTypes`]: the numbers of an engine's function types.

use alloc::{boxed::Box, vec::Vec};
use core::hash::BuildHasher;
use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};
use rotifer_core::{FuncType, ValType};

use crate::sync::{OnceLock, RwLock};

/// Types in the first chunk, as a power of two.
const FIRST: u32 = 4;

/// Every number has a place in one of so many chunks.
const CHUNKS: usize = (u32::BITS - FIRST + 1) as usize;

/// Gives equal function types equal numbers. Types stay: their number is bounded by what all modules of an engine
/// have declared. From number to type there is no lock and no count of references: each call of a function by its
/// values looks its type up, and threads that share an engine would wait for each other's cache lines.
#[derive(Default)]
pub(crate) struct FuncTypes {
    by_number: Chunks,
    by_type: RwLock<ByType>,
}

#[derive(Default)]
struct ByType {
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

type Key<'a> = (&'a [ValType], &'a [ValType]);

impl FuncTypes {
    /// The number of a function type.
    pub(crate) fn number(&self, params: &[ValType], results: &[ValType]) -> u32 {
        let key = (params, results);
        let known = self.by_type.read().find(key, &self.by_number);
        let make = || FuncType::new(params.iter().copied(), results.iter().copied());
        known.unwrap_or_else(|| self.by_type.write().find_or_add(key, &self.by_number, make))
    }

    /// The numbers of function types.
    pub(crate) fn numbers(&self, types: &[FuncType]) -> Vec<u32> {
        if types.is_empty() {
            return Vec::new();
        }
        let mut by_type = self.by_type.write();
        let number = |ty: &FuncType| by_type.find_or_add(key(ty), &self.by_number, || ty.clone());
        types.iter().map(number).collect()
    }

    /// The function type with this number, which was given by `self`.
    pub(crate) fn get(&self, number: u32) -> &FuncType {
        self.by_number.get(number)
    }
}

fn key(ty: &FuncType) -> Key<'_> {
    (ty.params(), ty.results())
}

impl ByType {
    fn find(&self, wanted: Key<'_>, types: &Chunks) -> Option<u32> {
        let hash = self.hasher.hash_one(wanted);
        self.numbers.find(hash, |&number| key(types.get(number)) == wanted).copied()
    }

    fn find_or_add(&mut self, wanted: Key<'_>, types: &Chunks, make: impl FnOnce() -> FuncType) -> u32 {
        let Self { numbers, hasher } = self;
        let number = numbers.len() as u32;
        let is_same = |&number: &u32| key(types.get(number)) == wanted;
        match numbers
            .entry(hasher.hash_one(wanted), is_same, |&number| hasher.hash_one(key(types.get(number))))
        {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                types.set(number, make());
                place.insert(number);
                number
            }
        }
    }
}

/// Types in chunks of doubling size, which never move: they are read while others are added.
#[derive(Default)]
struct Chunks([OnceLock<Chunk>; CHUNKS]);

type Chunk = Box<[OnceLock<FuncType>]>;

impl Chunks {
    /// Chunk of a number, and place in it.
    const fn place(number: u32) -> (usize, usize) {
        let from_start = number as u64 + (1 << FIRST);
        let chunk = from_start.ilog2();
        ((chunk - FIRST) as usize, (from_start - (1 << chunk)) as usize)
    }

    fn get(&self, number: u32) -> &FuncType {
        let (chunk, place) = Self::place(number);
        let ty = self.0[chunk].get().and_then(|chunk| chunk[place].get());
        ty.expect("numbers are given with their types")
    }

    fn set(&self, number: u32, ty: FuncType) {
        let (chunk, place) = Self::place(number);
        let empty = || (0..1usize << (FIRST as usize + chunk)).map(|_| OnceLock::new()).collect();
        self.0[chunk].get_or_init(empty)[place].get_or_init(|| ty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_follow_each_other() {
        assert_eq!(Chunks::place(0), (0, 0));
        assert_eq!(Chunks::place(15), (0, 15));
        assert_eq!(Chunks::place(16), (1, 0));
        assert_eq!(Chunks::place(47), (1, 31));
        assert_eq!(Chunks::place(48), (2, 0));
        let (chunk, place) = Chunks::place(u32::MAX);
        assert!(chunk < CHUNKS && place < 1 << (FIRST as usize + chunk));
    }

    #[test]
    fn equal_types_have_equal_numbers() {
        let types = FuncTypes::default();
        let of = |count: usize| FuncType::new(core::iter::repeat_n(ValType::I32, count), [ValType::I64]);
        let all: Vec<_> = (0..100).map(of).collect();
        let numbers = types.numbers(&all);
        assert_eq!(numbers, (0..100).collect::<Vec<u32>>());
        assert_eq!(types.numbers(&all[40..60]), numbers[40..60]);
        for (ty, &number) in all.iter().zip(&numbers) {
            assert_eq!(types.get(number), ty);
            assert_eq!(types.number(ty.params(), ty.results()), number);
        }
        assert_eq!(types.number(&[], &[]), 100);
    }

    #[test]
    #[cfg(feature = "std")]
    fn threads_agree() {
        let types = FuncTypes::default();
        let of = |count: usize| FuncType::new(core::iter::repeat_n(ValType::F32, count), []);
        std::thread::scope(|scope| {
            for start in 0..4 {
                let types = &types;
                scope.spawn(move || {
                    for i in 0..200 {
                        let ty = of((start * 50 + i) % 200);
                        assert_eq!(types.get(types.number(ty.params(), ty.results())), &ty);
                    }
                });
            }
        });
        assert_eq!(types.number(of(200).params(), &[]), 200);
    }
}
