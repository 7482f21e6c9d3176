//! The driver's part in fuel: giving it to the dispatcher, and what happens when it does not suffice.
//!
//! While handlers run, some of the store's fuel is in the activation. Whenever anybody else can look, all of it is
//! in the store.

use rotifer_bytecode::Word;

use super::{Activation, Host, MeterKind, SLICE, Stop, regs::Exit};
use crate::code::header;

impl<H: Host> Activation<'_, H> {
    /// Takes fuel from the store at the start of a call. None if the host wants to be asked: the first region then
    /// cannot be paid, and it is asked.
    #[inline]
    pub(super) fn begin(&mut self) {
        if self.meter != MeterKind::Off && !self.host.store().interruptible {
            self.take_fuel();
        }
    }

    /// Takes fuel from the store for the dispatcher, after the host was asked whether to go on.
    #[inline]
    pub(super) fn take_fuel(&mut self) {
        self.take_up_to(SLICE);
    }

    /// Takes fuel from the store for the dispatcher: what is left until the host is asked, if it wants to be.
    #[inline]
    pub(super) fn take_up_to(&mut self, slice: u64) {
        match self.meter {
            MeterKind::Off => {}
            MeterKind::Interrupts => self.ctx.fuel = slice,
            MeterKind::Fuel => {
                let store = self.host.store();
                let most = if store.interruptible { slice } else { u64::from(u32::MAX) };
                let taken = store.fuel.min(most);
                store.fuel -= taken;
                self.ctx.fuel = taken;
            }
        }
    }

    /// Gives what is left back to the store.
    #[inline]
    pub(super) fn put_fuel(&mut self) {
        if self.meter == MeterKind::Fuel {
            self.host.store().fuel += self.ctx.fuel;
            self.ctx.fuel = 0;
        }
    }

    /// Asks the host something. It sees all fuel, and may panic.
    pub(super) fn asking<R>(&mut self, ask: impl FnOnce(&mut H) -> R) -> R {
        let slice = self.ctx.fuel;
        self.put_fuel();
        let answer = ask(self.host);
        self.take_up_to(slice);
        answer
    }

    /// Pays for the region at `ctx.pc`.
    #[inline]
    pub(super) fn pay(&mut self, cost: u32) -> Result<(), Stop<H::Error>> {
        if self.meter == MeterKind::Off {
            return Ok(());
        }
        match self.ctx.fuel.checked_sub(u64::from(cost)) {
            Some(left) => {
                self.ctx.fuel = left;
                Ok(())
            }
            None => {
                self.ctx.owed = cost;
                self.refuel()
            }
        }
    }

    /// Pays what is owed for the region at `ctx.pc` from the store, unless the host wants to stop.
    #[cold]
    pub(super) fn refuel(&mut self) -> Result<(), Stop<H::Error>> {
        self.put_fuel();
        if let Some(code) = self.host.poll() {
            return Err(Stop::Poll(code));
        }
        if self.meter == MeterKind::Fuel {
            let owed = u64::from(self.ctx.owed);
            let store = self.host.store();
            store.fuel = store.fuel.checked_sub(owed).ok_or(Stop::Fuel(owed))?;
        }
        self.ctx.owed = 0;
        self.take_fuel();
        Ok(())
    }

    /// Pays for what a bulk operator at `ctx.pc` is about to do. `cost` gives its cost from the table of costs.
    pub(super) fn charge(
        &mut self,
        cost: impl FnOnce(&rotifer_core::FuelCosts) -> u64,
    ) -> Result<(), Stop<H::Error>> {
        // SAFETY: I-ENTITY.
        let module = unsafe { &(*self.ctx.instance).module };
        let crate::code::Metering::Fuel(costs) = module.stubs().metering() else { return Ok(()) };
        let cost = cost(costs);
        let slice = self.ctx.fuel;
        self.put_fuel();
        let store = self.host.store();
        store.fuel = store.fuel.checked_sub(cost).ok_or(Stop::Fuel(cost))?;
        self.take_up_to(slice.saturating_sub(cost));
        Ok(())
    }

    /// The fuel of the dispatcher did not suffice for where a handler was about to go.
    ///
    /// # Safety
    /// I-CELL: the saved registers are as `reason` says.
    #[cold]
    pub(super) unsafe fn out_of_fuel(&mut self, reason: usize) -> Result<(), Stop<H::Error>> {
        let costs = self.ctx.pc;
        // SAFETY: promised by the caller.
        let (cost, target) = unsafe {
            match reason {
                Exit::FUEL_CELL => ((*costs).pair[0], (*costs.sub(1)).cell),
                Exit::FUEL_LOOP => ((*costs).pair[0], self.ctx.lp),
                Exit::FUEL_BEHIND => ((*costs).pair[1], costs.add(1)),
                _ => ((*costs).pair[0], costs.add(header::WORDS)),
            }
        };
        // The handler has gone below zero.
        self.ctx.fuel = u64::from((self.ctx.fuel as u32).wrapping_add(cost));
        self.ctx.pc = target;
        self.ctx.owed = cost;
        self.split(costs);
        self.refuel()
    }

    /// If the branch with the costs at `costs` does the work of two, and the fuel does not suffice for the first,
    /// execution is back where the first begins; else that is paid.
    fn split(&mut self, costs: *const Word) {
        if self.meter != MeterKind::Fuel {
            return;
        }
        // SAFETY: I-ENTITY.
        let module = unsafe { &(*self.ctx.instance).module };
        let Some((cost, start)) = module.split(costs) else { return };
        self.put_fuel();
        let store = self.host.store();
        match store.fuel.checked_sub(u64::from(cost)) {
            Some(left) => {
                store.fuel = left;
                self.ctx.owed -= cost;
            }
            None => {
                self.ctx.owed = cost;
                self.ctx.pc = start;
            }
        }
    }

    /// A trap at `ctx.pc`: gives back what has been paid for behind it.
    #[cold]
    pub(super) fn refund(&mut self) {
        if self.meter != MeterKind::Fuel {
            return;
        }
        // SAFETY: I-ENTITY.
        let module = unsafe { &(*self.ctx.instance).module };
        if let Some(point) = module.locate(self.ctx.pc, self.returning).and_then(|place| place.point) {
            self.ctx.fuel += u64::from(point.refund);
        }
        self.put_fuel();
    }
}
