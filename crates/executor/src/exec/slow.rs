//! Operators that run outside of the dispatcher.

use core::ptr::NonNull;
use rotifer_bytecode::SlowOp;
use rotifer_core::{FuncIdx, TrapCode};

use super::{Activation, Host, Stop};
use crate::{
    entity::{Instance, Segment, Table},
    instance::segment_elements,
    memory::Memory,
};

impl<H: Host> Activation<'_, H> {
    /// Executes the slow op at `ctx.pc`, whose immediates are `x` and `y`.
    ///
    /// # Safety
    /// I-CELL: the current cell is one; I-SLOT for its operands; I-ENTITY for its indices.
    pub(super) unsafe fn slow(&mut self, x: usize, y: usize) -> Result<(), Stop<H::Error>> {
        // SAFETY: promised by the caller. No reference into the instance lives across a call of the host.
        unsafe {
            let cell = self.ctx.pc;
            let o = (*cell.add(1)).operands;
            let [_, cost] = (*cell.add(2)).pair;
            let slots = self.ctx.sp.add(o.b as usize);
            let arg = |i: usize| *slots.add(i);
            let instance = self.ctx.instance.cast_mut();
            let memory = |i: usize| -> NonNull<Memory> { (&(*instance).memories)[i] };
            let table = |i: usize| -> NonNull<Table> { (&(*instance).tables)[i] };
            // Addresses and lengths of 32-bit memories and tables are i32: the high half of a slot is unspecified.
            let narrow = |is_64: bool, bits: u64| if is_64 { bits } else { u64::from(bits as u32) };
            let mem_arg = |m: NonNull<Memory>, i: usize| narrow(m.as_ref().is_64(), arg(i));
            let table_arg = |t: NonNull<Table>, i: usize| narrow(t.as_ref().ty.table64, arg(i));
            let Some(op) = SlowOp::from_number(o.a) else {
                return Err(Stop::Trap(TrapCode::UnreachableCodeReached));
            };
            match op {
                SlowOp::MemoryGrow => {
                    let memory = memory(x);
                    let delta = mem_arg(memory, 0);
                    let result = self.memory_grow(memory, delta)?;
                    *slots = result.map_or(narrow(memory.as_ref().is_64(), u64::MAX), |pages| pages);
                }
                SlowOp::MemoryFill => {
                    let memory = memory(x);
                    self.charge(|costs| costs.of_bytes(mem_arg(memory, 2)))?;
                    memory.as_ref().fill(mem_arg(memory, 0), arg(1) as u8, mem_arg(memory, 2))?;
                }
                SlowOp::MemoryCopy => {
                    let (to, from) = (memory(x), memory(y));
                    let both_64 = to.as_ref().is_64() && from.as_ref().is_64();
                    let len = narrow(both_64, arg(2));
                    self.charge(|costs| costs.of_bytes(len))?;
                    Memory::copy(to.as_ref(), mem_arg(to, 0), from.as_ref(), mem_arg(from, 1), len)?;
                }
                SlowOp::MemoryInit => {
                    let memory = memory(y);
                    self.charge(|costs| costs.of_bytes(u64::from(arg(2) as u32)))?;
                    let module = &(*instance).module;
                    let data = if (&(*instance).dropped_data)[x] {
                        &[][..]
                    } else {
                        module.module.data[x].span.of(module.bytes())
                    };
                    let from = u64::from(arg(1) as u32);
                    memory.as_ref().init(mem_arg(memory, 0), data, from, u64::from(arg(2) as u32))?;
                }
                SlowOp::DataDrop => {
                    (&mut (*instance).dropped_data)[x] = true;
                    (*instance).segments_used = true;
                }
                SlowOp::TableGet => {
                    let table = table(x);
                    let index = table_arg(table, 0);
                    *slots = table.as_ref().get(index).ok_or(TrapCode::TableOutOfBounds)?;
                }
                SlowOp::TableSet => {
                    let mut table = table(x);
                    let index = table_arg(table, 0);
                    table.as_mut().set(index, arg(1))?;
                }
                SlowOp::TableSize => *slots = table(x).as_ref().size(),
                SlowOp::TableGrow => {
                    let table = table(x);
                    let is_64 = table.as_ref().ty.table64;
                    let result = self.table_grow(table, arg(0), table_arg(table, 1))?;
                    *slots = result.map_or(narrow(is_64, u64::MAX), |size| size);
                }
                SlowOp::TableFill => {
                    let mut table = table(x);
                    let (index, len) = (table_arg(table, 0), table_arg(table, 2));
                    self.charge(|costs| costs.of_elements(len))?;
                    table.as_mut().fill(index, arg(1), len)?;
                }
                SlowOp::TableCopy => {
                    let (to, from) = (table(x), table(y));
                    let both_64 = to.as_ref().ty.table64 && from.as_ref().ty.table64;
                    let len = narrow(both_64, arg(2));
                    self.charge(|costs| costs.of_elements(len))?;
                    Table::copy(to, table_arg(to, 0), from, table_arg(from, 1), len)?;
                }
                SlowOp::TableInit => {
                    let mut table = table(y);
                    self.charge(|costs| costs.of_elements(u64::from(arg(2) as u32)))?;
                    let elements = segment_elements(&mut *instance, x);
                    let from = u64::from(arg(1) as u32);
                    table.as_mut().init(table_arg(table, 0), elements, from, u64::from(arg(2) as u32))?;
                }
                SlowOp::ElemDrop => {
                    (&mut (*instance).elements)[x] = Segment::Dropped;
                    (*instance).segments_used = true;
                }
                SlowOp::ProbeEnter => self.probe(instance, FuncIdx(o.c), true),
                SlowOp::ProbeLeave => self.probe(instance, FuncIdx(o.c), false),
            }
            self.ctx.pc = cell.add(3);
            self.pay(cost)
        }
    }

    /// Tells the host that a function begins or ends.
    fn probe(&mut self, instance: *mut Instance, func: FuncIdx, enter: bool) {
        let Some(instance) = NonNull::new(instance) else { return };
        self.asking(|host| host.probe(instance, func, enter));
    }

    /// # Safety
    /// I-ENTITY.
    unsafe fn memory_grow(
        &mut self,
        memory: NonNull<Memory>,
        delta: u64,
    ) -> Result<Option<u64>, Stop<H::Error>> {
        // SAFETY: promised by the caller.
        let (current, desired, maximum, limit) = unsafe {
            let ty = memory.as_ref().ty();
            let page = ty.page_size();
            let desired = u128::from(memory.as_ref().pages()) + u128::from(delta);
            let maximum = ty.maximum.map(|pages| pages.saturating_mul(page));
            let limit = ty.max_pages().saturating_mul(page);
            (memory.as_ref().len(), desired.saturating_mul(u128::from(page)), maximum, limit)
        };
        // What cannot happen costs nothing, and nobody is asked.
        let Some(desired) = u64::try_from(desired).ok().filter(|&desired| desired <= limit) else {
            return Ok(None);
        };
        let extra = self.asking(|host| host.memory_growth_fuel(current, desired));
        self.charge(|costs| costs.of_bytes(desired - current).saturating_add(extra))?;
        let allowed =
            self.asking(|host| host.memory_growing(current, desired, maximum)).map_err(Stop::Error)?;
        if !allowed {
            return Ok(None);
        }
        // SAFETY: promised by the caller.
        let grown = unsafe { memory.as_ref() }.grow(delta);
        if grown.is_none() {
            self.host.growth_failed().map_err(Stop::Error)?;
        }
        Ok(grown)
    }

    /// # Safety
    /// I-ENTITY.
    unsafe fn table_grow(
        &mut self,
        mut table: NonNull<Table>,
        value: u64,
        delta: u64,
    ) -> Result<Option<u64>, Stop<H::Error>> {
        // SAFETY: promised by the caller.
        let (current, ty) = unsafe { (table.as_ref().size(), table.as_ref().ty) };
        let maximum = ty.maximum;
        let limit = maximum.unwrap_or(if ty.table64 { u64::MAX } else { u32::MAX.into() });
        let Some(desired) = current.checked_add(delta).filter(|&desired| desired <= limit) else {
            return Ok(None);
        };
        let extra = self.asking(|host| host.table_growth_fuel(current, desired));
        self.charge(|costs| costs.of_elements(delta).saturating_add(extra))?;
        let allowed =
            self.asking(|host| host.table_growing(current, desired, maximum)).map_err(Stop::Error)?;
        if !allowed {
            return Ok(None);
        }
        // SAFETY: promised by the caller.
        let grown = unsafe { table.as_mut() }.grow(delta, value);
        if grown.is_none() {
            self.host.growth_failed().map_err(Stop::Error)?;
        }
        Ok(grown)
    }
}
