//! Where calls can be suspended: [`Recorder`] finds the points that are wanted while a body is walked over again.
//!
//! What begins at a point was noted when its cell was emitted: regions, bodies of loops, what is behind a call. How
//! WebAssembly is there is seen when the walk comes to the next operator, `else` and `end` included, before anything
//! is emitted for that.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use rotifer_bytecode::{At, Point, PointKind, Points, Wanted};
use rotifer_core::{ValType, WasmOffset};
use rotifer_validator::View;

use crate::{Operand, meter::RegionId};

/// Records points.
pub(crate) struct Recorder {
    /// How many operands each point must have.
    wanted: BTreeMap<(PointKind, At), Option<u32>>,
    found: Points,
    /// The regions of the points found, whose costs are known when they have ended.
    regions: Vec<Option<RegionId>>,
    /// What begins before the next operator.
    begun: Vec<(u32, Option<RegionId>)>,
    /// What begins before the current operator.
    here: Vec<(u32, Option<RegionId>)>,
    offset: WasmOffset,
    /// The types of the operands before the current operator, if that is itself a point.
    types: Vec<ValType>,
    is_first: bool,
}

/// What the emitter knows at a point.
pub(crate) struct Registers {
    pub(crate) acc: Option<u16>,
    pub(crate) facc: Option<u16>,
    pub(crate) loop_body: Option<u32>,
}

impl Recorder {
    /// None if nothing is wanted.
    pub(crate) fn new(wanted: &[Wanted]) -> Option<Box<Self>> {
        if wanted.is_empty() {
            return None;
        }
        Some(Box::new(Self {
            wanted: wanted.iter().map(|wanted| ((wanted.kind, wanted.at), wanted.operands)).collect(),
            found: Points::default(),
            regions: Vec::new(),
            begun: Vec::new(),
            here: Vec::new(),
            offset: WasmOffset(0),
            types: Vec::new(),
            is_first: true,
        }))
    }

    /// A region, or what else can be gone on with, begins at `position`.
    pub(crate) fn begin(&mut self, position: u32, region: Option<RegionId>) {
        self.begun.push((position, region));
    }

    /// The operator at `offset` is next.
    pub(crate) fn operator(&mut self, offset: WasmOffset) {
        self.offset = offset;
        self.types.clear();
        // Code that cannot be reached is not looked at.
        self.here.clear();
        core::mem::swap(&mut self.here, &mut self.begun);
    }

    /// The operands before the operator.
    pub(crate) fn look(&mut self, view: View<'_>, stack: &[Operand], registers: Registers) {
        if self.is_first {
            self.found.locals = view.locals().collect();
        }
        let here = core::mem::take(&mut self.here);
        for &(position, region) in &here {
            // By its position a point is found for its offset only.
            if self.wanted.contains_key(&(PointKind::Next, At::Cell(position))) {
                let point = self.point(PointKind::Next, position, &registers);
                self.add(point, region);
            }
            if self.take(PointKind::Next, stack.len() as u32) {
                let mut point = self.point(PointKind::Next, position, &registers);
                point.operands = list(view.operands(), stack);
                self.add(point, region);
            }
        }
        self.here = here;
        self.is_first = false;
        let at = At::Offset(self.offset);
        if [PointKind::Bulk, PointKind::Call].iter().any(|&kind| self.wanted.contains_key(&(kind, at))) {
            self.types.extend(view.operands());
        }
    }

    /// The current operator is a growth or bulk operator whose cell is at `position`.
    pub(crate) fn bulk(&mut self, position: u32, stack: &[Operand]) {
        self.operator_itself(PointKind::Bulk, position, stack, 0, &[]);
    }

    /// The current operator is a call, whose cell ends at `position`, and leaves these operands on the stack.
    pub(crate) fn call(&mut self, position: u32, stack: &[Operand], frame: u16, results: &[ValType]) {
        self.operator_itself(PointKind::Call, position, stack, frame, results);
        self.begin(position, None);
    }

    fn operator_itself(
        &mut self,
        kind: PointKind,
        position: u32,
        stack: &[Operand],
        frame: u16,
        results: &[ValType],
    ) {
        if !self.take(kind, stack.len() as u32) {
            return;
        }
        let registers = Registers { acc: None, facc: None, loop_body: None };
        let mut point = self.point(kind, position, &registers);
        point.operands = list(self.types.iter().copied(), stack);
        point.frame = frame;
        point.results = results.to_vec();
        self.add(point, None);
    }

    /// Whether the point at the current operator is wanted. Once: where several cells will do, the first is taken.
    fn take(&mut self, kind: PointKind, height: u32) -> bool {
        let key = (kind, At::Offset(self.offset));
        let is_wanted =
            self.wanted.get(&key).is_some_and(|operands| operands.is_none_or(|operands| operands == height));
        if is_wanted {
            self.wanted.remove(&key);
        }
        is_wanted
    }

    fn point(&self, kind: PointKind, position: u32, registers: &Registers) -> Point {
        let &Registers { acc, facc, loop_body } = registers;
        Point {
            kind,
            offset: self.offset,
            position,
            cost: 0,
            is_entry: self.is_first && kind == PointKind::Next,
            operands: Vec::new(),
            frame: 0,
            results: Vec::new(),
            acc,
            facc,
            loop_body,
        }
    }

    fn add(&mut self, point: Point, region: Option<RegionId>) {
        self.found.points.push(point);
        self.regions.push(region);
    }

    /// What was found, at the end of the function. `cost` gives the costs of regions.
    pub(crate) fn finish(mut self, frame_slots: u32, cost: impl Fn(RegionId) -> u32) -> Points {
        for (point, region) in self.found.points.iter_mut().zip(self.regions) {
            point.cost = region.map_or(0, &cost);
        }
        self.found.frame_slots = frame_slots;
        self.found
    }
}

/// Types and places of operands.
fn list(types: impl Iterator<Item = ValType>, stack: &[Operand]) -> Vec<(ValType, rotifer_bytecode::Recipe)> {
    types.zip(stack).map(|(ty, operand)| (ty, operand.recipe())).collect()
}
