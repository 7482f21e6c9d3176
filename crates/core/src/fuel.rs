//! [`FuelCosts`]: what instructions cost. docs/FUEL.md defines fuel; this is its table.

use alloc::boxed::Box;
use core::{fmt, num::NonZeroU32};

/// The version of what docs/FUEL.md defines: programs consume the same fuel in all releases with the same number.
pub const FUEL_VERSION: u32 = 1;

/// Opcodes of one byte, then those behind the prefix 0xFC.
const ONE_BYTE: usize = 256;
const PREFIXED: usize = 32;

/// What instructions cost, in units of fuel.
///
/// The default is version [`FUEL_VERSION`] of the default costs in docs/FUEL.md: 1 for each instruction, and 1 for
/// each 64 bytes or 8 elements that one fills, copies, initialises or adds.
///
/// ```
/// # use rotifer_core::FuelCosts;
/// let costs = FuelCosts::default().all(1).entity(3).load(2).call(67);
/// assert_eq!(costs.cost(0x28), 2); // i32.load
/// assert_eq!(costs.cost(0x10), 67); // call
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct FuelCosts {
    costs: Box<[u8; ONE_BYTE + PREFIXED]>,
    bytes_per_fuel: NonZeroU32,
    elements_per_fuel: NonZeroU32,
}

/// A cost that cannot be set.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FuelCostError {
    /// No instruction has this name in the text format.
    UnknownInstruction(Box<str>),
    /// Branches and calls must not be free: a loop could run forever without consuming fuel.
    MustNotBeFree(Box<str>),
}

impl fmt::Display for FuelCostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownInstruction(name) => write!(f, "there is no instruction `{name}`"),
            Self::MustNotBeFree(name) => {
                write!(f, "`{name}` must cost at least 1, or some loop would cost nothing")
            }
        }
    }
}

impl core::error::Error for FuelCostError {}

/// `br`, `br_if`, `br_table` and the calls.
const NEVER_FREE: [u16; 7] = [0x0C, 0x0D, 0x0E, 0x10, 0x11, 0x12, 0x13];

/// Globals, tables and the sizes of memories.
const ENTITY: [u16; 17] = [
    0x23, 0x24, 0x25, 0x26, 0x3F, 0x40, 0xD2, 0xFC08, 0xFC09, 0xFC0A, 0xFC0B, 0xFC0C, 0xFC0D, 0xFC0E, 0xFC0F,
    0xFC10, 0xFC11,
];

const CALLS: [u16; 4] = [0x10, 0x11, 0x12, 0x13];

const fn index(opcode: u16) -> Option<usize> {
    match opcode {
        0..=0xFF => Some(opcode as usize),
        0xFC00..=0xFC1F => Some(ONE_BYTE + (opcode & 0x1F) as usize),
        _ => None,
    }
}

impl Default for FuelCosts {
    fn default() -> Self {
        let costs = Self {
            costs: Box::new([0; ONE_BYTE + PREFIXED]),
            bytes_per_fuel: const { NonZeroU32::new(64).unwrap() },
            elements_per_fuel: const { NonZeroU32::new(8).unwrap() },
        };
        costs.all(1)
    }
}

impl FuelCosts {
    /// The default costs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the cost of all instructions. Branches and calls cost at least 1.
    #[must_use]
    pub fn all(mut self, cost: u8) -> Self {
        self.costs.fill(cost);
        // `else` and `end` are no instructions.
        self.costs[0x05] = 0;
        self.costs[0x0B] = 0;
        self.keep_branches_dear();
        self
    }

    fn keep_branches_dear(&mut self) {
        for opcode in NEVER_FREE {
            let cost = &mut self.costs[opcode as usize];
            *cost = (*cost).max(1);
        }
    }

    fn set_all(mut self, opcodes: impl IntoIterator<Item = u16>, cost: u8) -> Self {
        for index in opcodes.into_iter().filter_map(index) {
            self.costs[index] = cost;
        }
        self.keep_branches_dear();
        self
    }

    /// Sets the cost of instructions on globals and tables, of the size and growth of memories, of the operators
    /// that fill, copy and initialise, and of `ref.func`.
    #[must_use]
    pub fn entity(self, cost: u8) -> Self {
        self.set_all(ENTITY, cost)
    }

    /// Sets the cost of loads.
    #[must_use]
    pub fn load(self, cost: u8) -> Self {
        self.set_all(0x28..=0x35, cost)
    }

    /// Sets the cost of stores.
    #[must_use]
    pub fn store(self, cost: u8) -> Self {
        self.set_all(0x36..=0x3E, cost)
    }

    /// Sets the cost of calls and tail calls, at least 1.
    #[must_use]
    pub fn call(self, cost: u8) -> Self {
        self.set_all(CALLS, cost)
    }

    /// Sets the cost of the instruction with this opcode, a prefix being the high byte. For names, see
    /// `rotifer::Config::fuel_cost`.
    ///
    /// # Errors
    /// There is no such instruction, or it must not be free.
    pub fn opcode(mut self, opcode: u16, cost: u8) -> Result<Self, FuelCostError> {
        let name = || alloc::format!("{opcode:#04x}").into_boxed_str();
        if cost == 0 && NEVER_FREE.contains(&opcode) {
            return Err(FuelCostError::MustNotBeFree(name()));
        }
        match index(opcode) {
            Some(index) if !matches!(opcode, 0x05 | 0x0B | 0xFC) => self.costs[index] = cost,
            _ => return Err(FuelCostError::UnknownInstruction(name())),
        }
        Ok(self)
    }

    /// Sets how many bytes can be filled, copied, initialised or added to a memory for one unit.
    #[must_use]
    pub fn bytes_per_fuel(mut self, bytes: NonZeroU32) -> Self {
        self.bytes_per_fuel = bytes;
        self
    }

    /// Sets how many elements can be filled, copied, initialised or added to a table for one unit.
    #[must_use]
    pub fn elements_per_fuel(mut self, elements: NonZeroU32) -> Self {
        self.elements_per_fuel = elements;
        self
    }

    /// The cost of the instruction with this opcode, a prefix being the high byte. 0 if there is none.
    #[inline]
    pub fn cost(&self, opcode: u16) -> u8 {
        index(opcode).map_or(0, |index| self.costs[index])
    }

    /// The costs of all instructions, by opcode; those behind the prefix 0xFC follow.
    pub fn table(&self) -> &[u8] {
        &*self.costs
    }

    /// How many bytes and how many elements one unit pays for.
    pub fn per_fuel(&self) -> (NonZeroU32, NonZeroU32) {
        (self.bytes_per_fuel, self.elements_per_fuel)
    }

    /// What so many bytes cost.
    pub fn of_bytes(&self, bytes: u64) -> u64 {
        bytes.div_ceil(u64::from(self.bytes_per_fuel.get()))
    }

    /// What so many elements cost.
    pub fn of_elements(&self, elements: u64) -> u64 {
        elements.div_ceil(u64::from(self.elements_per_fuel.get()))
    }
}

impl fmt::Debug for FuelCosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FuelCosts")
            .field("bytes_per_fuel", &self.bytes_per_fuel)
            .field("elements_per_fuel", &self.elements_per_fuel)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_and_calls_are_never_free() {
        let free = FuelCosts::default().all(0).call(0);
        assert_eq!((free.cost(0x6A), free.cost(0x0D), free.cost(0x10)), (0, 1, 1));
        assert!(matches!(FuelCosts::default().opcode(0x0C, 0), Err(FuelCostError::MustNotBeFree(_))));
        assert!(FuelCosts::default().opcode(0x0B, 1).is_err());
        assert_eq!(FuelCosts::default().opcode(0xFC0B, 9).unwrap().cost(0xFC0B), 9);
    }

    #[test]
    fn lengths_are_rounded_up() {
        let costs = FuelCosts::default();
        assert_eq!([0, 1, 64, 65].map(|bytes| costs.of_bytes(bytes)), [0, 1, 1, 2]);
        assert_eq!([0, 1, 8, 9].map(|elements| costs.of_elements(elements)), [0, 1, 1, 2]);
    }
}
