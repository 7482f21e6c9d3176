//! [`FunctionProfile`]: how often functions are called, and how long they take.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{cmp::Reverse, fmt, time::Duration};
use hashbrown::HashMap;
use rotifer_core::FuncIdx;
use rotifer_executor::ModuleCode;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{
    module::func_name,
    profile::{ProfiledFunc, Profiler, SuspendedProfile},
};

/// How often functions are called, and how long they take.
///
/// A profile collects what [recorders](Self::recorder) tell it, each of which is the profiler of one store. It can be
/// looked at at any time; what is still being executed is not in it yet. Taking the time costs time: functions that
/// do little look slower than they are without.
///
/// ```
/// use rotifer::{Config, Engine, FunctionProfile, Instance, Module, Store};
///
/// let engine = Engine::new(Config::new().profile(true));
/// let mut store = Store::new(&engine, ());
/// let profile = FunctionProfile::new();
/// store.set_profiler(Some(profile.recorder()))?;
/// # let wasm = wat::parse_str("(module (func (export \"run\")))").unwrap();
/// let module = Module::new(&engine, wasm)?;
/// let instance = Instance::new(&mut store, &module, &[])?;
/// instance.get_typed_func::<(), ()>(&store, "run")?.call(&mut store, ())?;
/// let [run] = &profile.functions()[..] else { panic!() };
/// assert_eq!((run.name.as_deref(), run.calls), (Some("run"), 1));
/// assert!(run.own <= run.total);
/// # Ok::<(), rotifer::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct FunctionProfile(Arc<Mutex<Functions>>);

/// A function in a [`FunctionProfile`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FunctionTimes {
    /// The module's name, if its name section has one.
    pub module_name: Option<String>,
    /// The function's index in its module, imports counted.
    pub index: u32,
    /// The function's name in the module's name section, or else one under which it is exported.
    pub name: Option<String>,
    /// How often it was called.
    pub calls: u64,
    /// How long it took together with all that it called. Of recursive calls only the outermost counts.
    pub total: Duration,
    /// How long it took without the functions of WebAssembly that it called. Host functions that it called are part
    /// of it, but for the functions of WebAssembly that those called.
    pub own: Duration,
}

/// All functions, by number.
#[derive(Default)]
struct Functions {
    functions: Vec<Function>,
    /// By the address of the module, which the function keeps alive, and the index.
    numbers: HashMap<(usize, FuncIdx), usize>,
}

struct Function {
    module: Arc<ModuleCode>,
    func: FuncIdx,
    calls: u64,
    total: Duration,
    own: Duration,
}

impl Functions {
    fn number(&mut self, func: ProfiledFunc<'_>) -> usize {
        let Self { functions, numbers } = self;
        let index = FuncIdx(func.func_index());
        *numbers.entry((func.module_id(), index)).or_insert_with(|| {
            let (module, zero) = (func.module().clone(), Duration::ZERO);
            functions.push(Function { module, func: index, calls: 0, total: zero, own: zero });
            functions.len() - 1
        })
    }
}

impl FunctionProfile {
    /// An empty profile.
    pub fn new() -> Self {
        Self::default()
    }

    /// A profiler for one store that adds to this profile.
    pub fn recorder(&self) -> Box<dyn Profiler + Send + Sync> {
        Box::new(Recorder {
            profile: self.0.clone(),
            calls: Vec::new(),
            nesting: Vec::new(),
            since: Instant::now(),
        })
    }

    /// The functions that were called, in descending order of their own time.
    pub fn functions(&self) -> Vec<FunctionTimes> {
        let profile = lock(&self.0);
        let times = |function: &Function| FunctionTimes {
            module_name: function.module.name().map(String::from),
            index: function.func.0,
            name: func_name(&function.module, function.func).map(String::from),
            calls: function.calls,
            total: function.total,
            own: function.own,
        };
        let mut functions: Vec<FunctionTimes> = profile.functions.iter().map(times).collect();
        functions.sort_by_key(|function| Reverse(function.own));
        functions
    }
}

impl fmt::Debug for FunctionProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionProfile").field("functions", &self.functions()).finish()
    }
}

fn lock(profile: &Mutex<Functions>) -> MutexGuard<'_, Functions> {
    profile.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that has begun and not ended.
struct Call {
    /// The function's number in the profile.
    function: usize,
    began: Instant,
}

/// Follows the calls of one store.
struct Recorder {
    profile: Arc<Mutex<Functions>>,
    calls: Vec<Call>,
    /// How many of the calls are of each function.
    nesting: Vec<u32>,
    /// Since when the innermost call has been the innermost.
    since: Instant,
}

/// The innermost call has been so for some time.
fn spend(functions: &mut Functions, calls: &[Call], since: &mut Instant, now: Instant) {
    if let Some(innermost) = calls.last() {
        functions.functions[innermost.function].own += now.saturating_duration_since(*since);
    }
    *since = now;
}

impl Recorder {
    fn begin(&mut self, function: usize, began: Instant) {
        if self.nesting.len() <= function {
            self.nesting.resize(function + 1, 0);
        }
        self.nesting[function] += 1;
        self.calls.push(Call { function, began });
    }

    /// Ends the innermost `count` calls; gives their functions, innermost first.
    fn end(&mut self, count: usize, mut ended: impl FnMut(usize)) {
        let now = Instant::now();
        let mut profile = lock(&self.profile);
        spend(&mut profile, &self.calls, &mut self.since, now);
        for _ in 0..count {
            let Some(call) = self.calls.pop() else { break };
            self.nesting[call.function] -= 1;
            if self.nesting[call.function] == 0 {
                profile.functions[call.function].total += now.saturating_duration_since(call.began);
            }
            ended(call.function);
        }
    }
}

impl Profiler for Recorder {
    fn enter(&mut self, func: ProfiledFunc<'_>) {
        let now = Instant::now();
        let mut profile = lock(&self.profile);
        spend(&mut profile, &self.calls, &mut self.since, now);
        let function = profile.number(func);
        profile.functions[function].calls += 1;
        drop(profile);
        self.begin(function, now);
    }

    fn leave(&mut self, _: ProfiledFunc<'_>) {
        self.end(1, |_| {});
    }

    fn unwind(&mut self, count: usize) {
        self.end(count, |_| {});
    }

    fn suspend(&mut self, count: usize) -> Option<SuspendedProfile> {
        let mut functions: Vec<usize> = Vec::with_capacity(count);
        self.end(count, |function| functions.push(function));
        Some(Box::new(functions))
    }

    fn resume(&mut self, _: usize, state: Option<SuspendedProfile>) {
        let Some(functions) = state.and_then(|state| state.downcast::<Vec<usize>>().ok()) else { return };
        let now = Instant::now();
        spend(&mut lock(&self.profile), &self.calls, &mut self.since, now);
        for &function in functions.iter().rev() {
            self.begin(function, now);
        }
    }
}
