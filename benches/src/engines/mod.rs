//! The engines: one file each, one cargo feature each.

use crate::engine::Engine;

#[cfg(feature = "rotifer")]
mod rotifer;
#[cfg(feature = "silverfir")]
mod silverfir;
#[cfg(feature = "wasmi")]
mod wasmi;

/// One configuration per engine: the one that runs code fastest.
pub fn for_execution() -> Vec<Box<dyn Engine>> {
    vec![
        #[cfg(feature = "wasmi")]
        Box::new(wasmi::Wasmi::eager("wasmi")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::checked("rotifer")),
        #[cfg(feature = "silverfir")]
        Box::new(silverfir::Silverfir),
    ]
}

/// Every load mode of every engine.
pub fn for_startup() -> Vec<Box<dyn Engine>> {
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    #[cfg(feature = "wasmi")]
    engines.extend(wasmi::Wasmi::all_modes().map(|engine| Box::new(engine) as _));
    #[cfg(feature = "rotifer")]
    engines.extend(rotifer::Rotifer::all_modes().map(|engine| Box::new(engine) as _));
    #[cfg(feature = "silverfir")]
    engines.push(Box::new(silverfir::Silverfir));
    engines
}

/// The engines that count fuel, with and without, and what can be interrupted.
pub fn for_fuel() -> Vec<Box<dyn Engine>> {
    vec![
        #[cfg(feature = "wasmi")]
        Box::new(wasmi::Wasmi::eager("wasmi")),
        #[cfg(feature = "wasmi")]
        Box::new(wasmi::Wasmi::fuel("wasmi.fuel")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::checked("rotifer")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::fuel("rotifer.fuel")),
        #[cfg(feature = "rotifer")]
        Box::new(rotifer::Rotifer::interruptible("rotifer.interruptible")),
    ]
}

/// The engines that count fuel, with and without.
pub fn for_fuel_alone() -> Vec<Box<dyn Engine>> {
    let mut engines = for_fuel();
    engines.retain(|engine| !engine.name().ends_with(".interruptible"));
    engines
}
