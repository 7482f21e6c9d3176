//! What regions cost (docs/FUEL.md), and where the costs go.
//!
//! The meter sums up costs in the order of the body. A region begins at some sum and ends at the next one that
//! ends all regions, so its cost is the difference of two sums, known when it has ended. Words that hold costs are
//! noted meanwhile and written at the end of the function.

use alloc::{boxed::Box, vec::Vec};
use rotifer_bytecode::{CodeBuffer, RegionStart, Safepoint};
use rotifer_core::{FuelCosts, WasmOffset};

use crate::points::Recorder;

/// What code pays for.
#[derive(Clone, Copy, Debug, Default)]
pub enum Metering<'e> {
    /// Nothing.
    #[default]
    Off,
    /// Calls for their callee's body, and branches back for the loop's, one unit for each operator.
    Interrupts,
    /// Regions, at these costs.
    Fuel(&'e FuelCosts),
}

/// The most that a region costs. Two regions together fit the half of a word.
const MAX_COST: u64 = i32::MAX as u64;

/// A region, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RegionId(u32);

/// The end of a chain of costs that wait for a label.
pub(crate) const NO_COST: u32 = u32::MAX;

/// Where a branch may go, as to costs.
pub(crate) enum Edge<'a> {
    /// Where nothing begins, or who goes on from there pays.
    Free,
    /// To the region behind the cell.
    Next,
    /// To a label that is still to come: the chain of its costs.
    Label(&'a mut u32),
    /// To a region that has begun.
    Region(RegionId),
    /// Through one region to another.
    Both(RegionId, RegionId),
    /// Back to a loop, for interrupts: what its body costs.
    Back(u32),
}

/// A region.
struct Region {
    /// The sum before its first instruction.
    start: u64,
    cost: u32,
    position: u32,
    /// Where it is entered again, if it is a loop's.
    again: u32,
    offset: Option<WasmOffset>,
}

/// Half a word that gets the cost of one region or the sum of two.
struct CostSlot {
    word: u32,
    second: bool,
    region: RegionId,
    plus: Option<RegionId>,
    /// The next one that waits for the same label.
    next: u32,
}

/// Counts costs.
pub(crate) struct Meter<'e> {
    pub(crate) metering: Metering<'e>,
    sum: u64,
    regions: Vec<Region>,
    /// The first region that has not ended.
    open: usize,
    /// The first region whose first instruction is not known yet.
    undated: usize,
    slots: Vec<CostSlot>,
    /// Safepoints of the open regions, with the sums behind their operators.
    points: Vec<(Safepoint, u64)>,
    /// Who is told where regions begin, if anybody wants to know.
    pub(crate) recorder: Option<Box<Recorder>>,
}

/// Memory that one meter leaves to the next, all of it empty.
#[derive(Default)]
pub(crate) struct MeterMemory {
    regions: Vec<Region>,
    slots: Vec<CostSlot>,
    points: Vec<(Safepoint, u64)>,
}

impl MeterMemory {
    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.regions.capacity() * size_of::<Region>()
            + self.slots.capacity() * size_of::<CostSlot>()
            + self.points.capacity() * size_of::<(Safepoint, u64)>()
    }
}

impl<'e> Meter<'e> {
    pub(crate) fn new(metering: Metering<'e>, memory: MeterMemory) -> Self {
        let MeterMemory { regions, slots, points } = memory;
        Self { metering, sum: 0, regions, open: 0, undated: 0, slots, points, recorder: None }
    }

    /// The memory for another function.
    pub(crate) fn into_memory(self) -> MeterMemory {
        let Self { mut regions, mut slots, mut points, .. } = self;
        regions.clear();
        slots.clear();
        points.clear();
        MeterMemory { regions, slots, points }
    }

    /// Whether fuel is counted.
    #[inline]
    pub(crate) fn is_fuel(&self) -> bool {
        matches!(self.metering, Metering::Fuel(_))
    }

    /// Whether calls and branches back pay for anything.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.metering, Metering::Off)
    }

    /// The operator with this opcode is next.
    #[inline]
    pub(crate) fn operator(&mut self, offset: WasmOffset, opcode: u8) {
        match self.metering {
            Metering::Off => {}
            Metering::Interrupts => self.sum += 1,
            // What is behind the prefix has a cost of its own.
            Metering::Fuel(costs) if opcode != 0xFC => self.sum += u64::from(costs.cost(opcode.into())),
            Metering::Fuel(_) => {}
        }
        // `else` and `end` are no instructions.
        if self.undated < self.regions.len() && !matches!(opcode, 0x05 | 0x0B) {
            self.date(offset);
        }
    }

    /// The operator that is next has a prefix, and this number behind it.
    pub(crate) fn prefixed(&mut self, number: u32) {
        if let (Metering::Fuel(costs), Ok(number)) = (self.metering, u16::try_from(number)) {
            self.sum += u64::from(costs.cost(0xFC00 | number));
        }
    }

    #[inline(never)]
    fn date(&mut self, offset: WasmOffset) {
        for region in &mut self.regions[self.undated..] {
            region.offset = Some(offset);
        }
        self.undated = self.regions.len();
    }

    /// What all operators so far cost.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// What a loop's body costs that began at a sum.
    pub(crate) fn since(&self, start: u64) -> u32 {
        (self.sum - start).min(MAX_COST) as u32
    }

    /// Begins a region whose first cell is at `position`.
    pub(crate) fn begin(&mut self, position: u32) -> RegionId {
        let last = self.regions.len().wrapping_sub(1);
        let is_same = |region: &Region| region.start == self.sum && region.position == position;
        if last >= self.open && self.regions.get(last).is_some_and(is_same) {
            return self.begun(last, position);
        }
        self.regions.push(Region { start: self.sum, cost: 0, position, again: position, offset: None });
        self.begun(self.regions.len() - 1, position)
    }

    /// A loop's region is entered again at this position.
    pub(crate) fn enter_again(&mut self, RegionId(region): RegionId, position: u32) {
        self.regions[region as usize].again = position;
    }

    fn begun(&mut self, region: usize, position: u32) -> RegionId {
        let region = RegionId(region as u32);
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(position, Some(region));
        }
        region
    }

    /// The operator that is next ends all regions. `safepoints` gets the safepoints in them.
    #[inline]
    pub(crate) fn end_regions(&mut self, buffer: &mut CodeBuffer) {
        if self.is_fuel() {
            self.end_all(buffer);
        }
    }

    fn end_all(&mut self, buffer: &mut CodeBuffer) {
        for region in &mut self.regions[self.open..] {
            region.cost = (self.sum - region.start).min(MAX_COST) as u32;
        }
        self.open = self.regions.len();
        for (point, sum) in self.points.drain(..) {
            let refund = (self.sum - sum).min(MAX_COST) as u32;
            buffer.safepoints.push(Safepoint { refund, ..point });
        }
    }

    /// Records a safepoint of the current operator.
    #[inline]
    pub(crate) fn safepoint(&mut self, position: u32, offset: WasmOffset, buffer: &mut CodeBuffer) {
        let point = Safepoint { position, offset, refund: 0 };
        if self.is_fuel() {
            self.points.push((point, self.sum));
        } else {
            buffer.safepoints.push(point);
        }
    }

    /// A word at `word` gets the cost of an edge in one of its halves. `behind` is the position of the next cell.
    pub(crate) fn cost(
        &mut self,
        word: u32,
        second: bool,
        edge: Edge<'_>,
        behind: u32,
        buffer: &mut CodeBuffer,
    ) {
        let slot = |region, plus| CostSlot { word, second, region, plus, next: NO_COST };
        let slot = match edge {
            Edge::Free => return,
            Edge::Back(cost) => {
                buffer.words[word as usize].set_half(second, cost);
                return;
            }
            Edge::Next => slot(self.begin(behind), None),
            Edge::Region(region) => slot(region, None),
            Edge::Both(region, plus) => slot(region, Some(plus)),
            Edge::Label(chain) => {
                let next = core::mem::replace(chain, self.slots.len() as u32);
                CostSlot { next, ..slot(RegionId(0), None) }
            }
        };
        if self.is_fuel() {
            self.slots.push(slot);
        }
    }

    /// Binds a chain to the region that begins at `position`.
    pub(crate) fn bind(&mut self, chain: &mut u32, position: u32) {
        let mut next = core::mem::replace(chain, NO_COST);
        if next == NO_COST {
            return;
        }
        let region = self.begin(position);
        while next != NO_COST {
            let slot = &mut self.slots[next as usize];
            slot.region = region;
            next = slot.next;
        }
    }

    /// What a region that has ended costs.
    pub(crate) fn cost_of(&self, region: RegionId) -> u32 {
        self.regions[region.0 as usize].cost
    }

    /// Writes all costs, at the end of a function.
    pub(crate) fn finish(&mut self, offset: WasmOffset, listing: bool, buffer: &mut CodeBuffer) {
        self.end_regions(buffer);
        for slot in &self.slots {
            let cost = self.cost_of(slot.region) + slot.plus.map_or(0, |plus| self.cost_of(plus));
            buffer.words[slot.word as usize].set_half(slot.second, cost);
            if listing {
                buffer.costs.entry(slot.word).or_default()[usize::from(slot.second)] = cost;
            }
        }
        match self.metering {
            Metering::Off => {}
            Metering::Interrupts => buffer.entry_cost = self.sum.min(MAX_COST) as u32,
            Metering::Fuel(_) => buffer.entry_cost = self.cost_of(RegionId(0)),
        }
        if listing {
            self.date(offset);
            let region = |region: &Region| RegionStart {
                position: region.position,
                again: region.again,
                offset: region.offset.unwrap_or(offset),
                cost: region.cost,
            };
            buffer.regions = self.regions.iter().map(region).collect();
        }
    }
}
