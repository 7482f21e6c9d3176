//! Backtraces.

use alloc::{sync::Arc, vec::Vec};
use rotifer_bytecode::Word;

use super::{
    MAX_TRAP_FRAMES, TrapFrame,
    ctx::{CrossFrame, linkage},
};
use crate::entity::Instance;

/// Where an activation stands.
pub(super) struct Frames<'a> {
    pub(super) pc: *const Word,
    pub(super) sp: *const u64,
    pub(super) instance: *const Instance,
    pub(super) cross: &'a [CrossFrame],
    /// Whether `pc` is a cell that has a safepoint; else it is where a region begins.
    pub(super) at: bool,
    /// Whether `pc` is where a call returns to that is still being made.
    pub(super) returning: bool,
    /// What the region at `pc` costs, if one begins there.
    pub(super) owed: u32,
}

impl Frames<'_> {
    /// The WebAssembly frames, innermost first, at most [`MAX_TRAP_FRAMES`].
    ///
    /// # Safety
    /// I-ENTITY for the instances; I-FRAME: the frames are linked as the calls left them.
    pub(super) unsafe fn collect(mut self) -> Vec<TrapFrame> {
        let mut frames = Vec::new();
        let mut returning = self.returning;
        let at_region = !self.at && !self.returning;
        while frames.len() < MAX_TRAP_FRAMES {
            // SAFETY: promised by the caller.
            unsafe {
                let module = &(*self.instance).module;
                if self.pc == module.stubs().return_cross() {
                    let Some((frame, rest)) = self.cross.split_last() else { break };
                    (self.pc, self.instance, self.cross) = (frame.return_pc, frame.instance, rest);
                    continue;
                }
                let Some(place) = module.locate(self.pc, returning) else { break };
                let offset = place.point.map(|point| point.offset);
                let region = (at_region && frames.is_empty()).then_some((place.position, self.owed));
                frames.push(TrapFrame { module: Arc::clone(module), func: place.func, offset, region });
                let slot = module.module.func_type(place.func).param_slots() as u16;
                self.pc = linkage::return_pc(self.sp, slot);
                self.sp = self.sp.byte_sub(linkage::bytes(self.sp, slot));
            }
            returning = true;
        }
        frames
    }
}
