//! [`Profiler`]: who is told when functions begin and end.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{any::Any, fmt};
use rotifer_core::FuncIdx;
use rotifer_executor::ModuleCode;

use crate::module::func_name;

/// Who is told when functions of WebAssembly begin and end. Set with
/// [`Store::set_profiler`](crate::Store::set_profiler), for engines with [`Config::profile`](crate::Config::profile).
///
/// Host functions are not told of: they are part of whoever called them. Calls are told of as they nest: each
/// [`leave`](Self::leave), [`unwind`](Self::unwind) and [`suspend`](Self::suspend) is of the innermost ones.
pub trait Profiler {
    /// A function begins.
    fn enter(&mut self, func: ProfiledFunc<'_>);

    /// The innermost function returns, or ends with a tail call; then the function that takes its place begins.
    fn leave(&mut self, func: ProfiledFunc<'_>);

    /// The innermost `count` functions have ended otherwise: by a trap, an error of a host function or a panic.
    fn unwind(&mut self, count: usize) {
        let _ = count;
    }

    /// The innermost `count` functions are suspended. What this returns is given to [`resume`](Self::resume) if they
    /// go on, and dropped if they do not. By default they are [unwound](Self::unwind).
    fn suspend(&mut self, count: usize) -> Option<SuspendedProfile> {
        self.unwind(count);
        None
    }

    /// So many functions that were suspended go on. This profiler has returned `state` then.
    fn resume(&mut self, count: usize, state: Option<SuspendedProfile>) {
        let _ = (count, state);
    }
}

/// What a [`Profiler`] keeps of functions that are suspended.
pub type SuspendedProfile = Box<dyn Any + Send + Sync>;

/// A function of WebAssembly that begins or ends.
#[derive(Clone, Copy)]
pub struct ProfiledFunc<'a> {
    module: &'a Arc<ModuleCode>,
    func: FuncIdx,
}

impl<'a> ProfiledFunc<'a> {
    pub(crate) fn new(module: &'a Arc<ModuleCode>, func: FuncIdx) -> Self {
        Self { module, func }
    }

    #[cfg(feature = "std")]
    pub(crate) fn module(&self) -> &'a Arc<ModuleCode> {
        self.module
    }

    /// The function's index in its module, imports counted.
    pub fn func_index(&self) -> u32 {
        self.func.0
    }

    /// The function's name in the module's name section, or else one under which it is exported.
    pub fn func_name(&self) -> Option<&'a str> {
        func_name(self.module, self.func)
    }

    /// The module's name, if its name section has one.
    pub fn module_name(&self) -> Option<&'a str> {
        self.module.name()
    }

    /// A number that no other module has while this one exists.
    pub fn module_id(&self) -> usize {
        Arc::as_ptr(self.module).addr()
    }
}

impl fmt::Debug for ProfiledFunc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfiledFunc")
            .field("module", &self.module_name())
            .field("index", &self.func.0)
            .field("name", &self.func_name())
            .finish()
    }
}

/// The profiler of a store, and what it has been told of.
pub(crate) struct Probes {
    profiler: Box<dyn Profiler + Send + Sync>,
    /// Tells apart the profilers that the store has had.
    number: u64,
    /// The functions that have begun and not ended, as the activations that they belong to: by how many more may
    /// nest.
    active: Vec<usize>,
}

/// What is kept of a suspended call.
pub(crate) struct SuspendedProbes {
    number: u64,
    count: usize,
    state: Option<SuspendedProfile>,
}

impl Probes {
    pub(crate) fn new(profiler: Box<dyn Profiler + Send + Sync>, number: u64) -> Self {
        Self { profiler, number, active: Vec::new() }
    }

    pub(crate) fn into_profiler(self) -> Box<dyn Profiler + Send + Sync> {
        self.profiler
    }

    pub(crate) fn enter(&mut self, activation: usize, func: ProfiledFunc<'_>) {
        self.active.push(activation);
        self.profiler.enter(func);
    }

    pub(crate) fn leave(&mut self, activation: usize, func: ProfiledFunc<'_>) {
        // A function of a suspended call may have begun before this profiler was there.
        if self.active.last() == Some(&activation) {
            self.active.pop();
            self.profiler.leave(func);
        }
    }

    /// Forgets the functions of the innermost activation; says how many there were.
    fn forget(&mut self, activation: usize) -> usize {
        let count = self.active.iter().rev().take_while(|&&its| its <= activation).count();
        self.active.truncate(self.active.len() - count);
        count
    }

    /// The innermost activation has failed.
    pub(crate) fn unwind(&mut self, activation: usize) {
        let count = self.forget(activation);
        if count > 0 {
            self.profiler.unwind(count);
        }
    }

    /// The innermost activation is suspended.
    pub(crate) fn suspend(&mut self, activation: usize) -> Option<SuspendedProbes> {
        let count = self.forget(activation);
        (count > 0).then(|| SuspendedProbes {
            number: self.number,
            count,
            state: self.profiler.suspend(count),
        })
    }

    /// The innermost activation goes on with what was suspended.
    pub(crate) fn resume(&mut self, activation: usize, suspended: SuspendedProbes) {
        if suspended.number == self.number {
            self.active.extend(core::iter::repeat_n(activation, suspended.count));
            self.profiler.resume(suspended.count, suspended.state);
        }
    }
}
