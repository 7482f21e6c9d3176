//! [`Calls`]: calls with the configuration's fuel and interrupts.

use crate::{Fuel, RunnerConfig};
use rotifer::{Error, Func, Instance, InterruptHandle, ResumableCall, Store, SuspendReason, Val};

/// More than any script needs.
const PLENTY: u64 = 1 << 62;

/// How often a call that has been suspended is interrupted again at once. Later interrupts get rarer and rarer.
const INTERRUPTS_AT_ONCE: u64 = 3;

/// No call of a script is suspended so often, unless it does not get anywhere.
const MOST_STOPS: u64 = 20_000_000;

/// How a script's calls are made.
pub(crate) struct Calls {
    fuel: Fuel,
    interrupt: Option<InterruptHandle>,
    suspensions: u64,
}

impl Calls {
    /// Prepares a store for such calls.
    pub(crate) fn new(store: &mut Store<()>, config: &RunnerConfig) -> Result<Self, Error> {
        let interrupt = config.interrupt.then(|| store.interrupt_handle()).transpose()?;
        if config.fuel == Fuel::Plenty {
            store.set_fuel(PLENTY)?;
        }
        Ok(Self { fuel: config.fuel, interrupt, suspensions: 0 })
    }

    /// How often calls were suspended so far.
    pub(crate) fn suspensions(&self) -> u64 {
        self.suspensions
    }

    /// Instantiates; a start function cannot be suspended, so there is fuel and no interrupt.
    pub(crate) fn instantiate(
        &self,
        store: &mut Store<()>,
        instantiate: impl FnOnce(&mut Store<()>) -> Result<Instance, Error>,
    ) -> Result<Instance, Error> {
        let fuel = match self.fuel {
            Fuel::Off | Fuel::Plenty => return instantiate(store),
            Fuel::Stepwise(_) => PLENTY,
            Fuel::Limited(fuel) => fuel,
        };
        store.set_fuel(fuel)?;
        let instance = instantiate(store);
        store.set_fuel(0)?;
        instance
    }

    /// Calls a function, as often suspended and resumed as the configuration says.
    pub(crate) fn call(
        &mut self,
        store: &mut Store<()>,
        func: Func,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), Error> {
        if let Fuel::Limited(fuel) = self.fuel {
            store.set_fuel(fuel)?;
        }
        if self.interrupt.is_none() && !matches!(self.fuel, Fuel::Stepwise(_)) {
            return func.call(store, args, results);
        }
        let ended = self.call_suspended(store, func, args, results);
        if let Some(interrupt) = &self.interrupt {
            interrupt.clear();
        }
        ended
    }

    fn call_suspended(
        &mut self,
        store: &mut Store<()>,
        func: Func,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), Error> {
        self.interrupt(0);
        if let Fuel::Stepwise(_) = self.fuel {
            store.set_fuel(0)?;
        }
        let mut call = func.call_resumable(&mut *store, args, results)?;
        let mut stops = 0;
        while let ResumableCall::Suspended(suspended) = call {
            match (suspended.reason(), self.fuel) {
                (SuspendReason::Interrupted, _) if self.interrupt.is_some() => {}
                (SuspendReason::OutOfFuel { required }, Fuel::Stepwise(extra)) => {
                    if store.get_fuel()? >= required {
                        return Err(Error::new(
                            "the call is out of fuel though it has as much as it requires",
                        ));
                    }
                    store.set_fuel(required + extra)?;
                }
                // An error that nobody expects, whatever it is.
                _ => return Err(suspended.into_error()),
            }
            stops += 1;
            if stops > MOST_STOPS {
                let frames = suspended.backtrace(&*store);
                return Err(Error::new(format!(
                    "the call does not get anywhere: {suspended:?} at\n{frames}"
                )));
            }
            self.suspensions += 1;
            self.interrupt(stops);
            call = suspended.resume(&mut *store, results)?;
        }
        Ok(())
    }

    /// Interrupts a call that was suspended so often.
    fn interrupt(&self, stops: u64) {
        if let Some(interrupt) = &self.interrupt
            && (stops < INTERRUPTS_AT_ONCE || stops.is_power_of_two())
        {
            interrupt.interrupt();
        }
    }
}
