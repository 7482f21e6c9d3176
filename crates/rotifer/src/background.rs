//! [`Background`]: bodies that are validated while the module is in use already.
//!
//! The threads have a name of their own for the module's code, and with it its bytes, but none for the [`Module`]: when
//! its last name is dropped, nobody can ask for the verdict any more, the threads are told to stop and waited for.
//! Instances, which keep the code and the bytes too, go on as in partial mode: what the threads find changes nothing for
//! calls.
//!
//! [`Module`]: crate::Module

use alloc::{sync::Arc, vec::Vec};
use core::{mem, ops::Range};
use rotifer_core::{Features, Limits};
use rotifer_executor::ModuleCode;
use rotifer_validator::{Error, WalkContext};
use std::{
    panic,
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
};

use crate::{
    Config,
    portions::{self, Portions},
};

/// The threads that validate the bodies of a module.
pub(crate) struct Background {
    portions: Arc<Portions>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    /// Starts as many threads as the configuration says and the module is worth; possibly none.
    pub(crate) fn start(code: &Arc<ModuleCode>, config: &Config) -> Self {
        let bodies = &code.module.bodies;
        let portions = Arc::new(Portions::new(bodies));
        let mut threads = Vec::new();
        for _ in 0..portions::other_threads(bodies, config.load_threads) {
            let (portions, code) = (portions.clone(), code.clone());
            let (features, limits) = (config.features, config.limits);
            let work = move || work(&portions, &code, &features, &limits);
            match portions::builder().spawn(work) {
                Ok(thread) => threads.push(thread),
                // The others do its share, and in the end whoever waits for the verdict.
                Err(_) => break,
            }
        }
        Self { portions, threads: Mutex::new(threads) }
    }

    /// Does what is not done yet together with the threads, and waits for them.
    pub(crate) fn verdict(&self, code: &ModuleCode, config: &Config) -> Result<(), Error> {
        work(&self.portions, code, &config.features, &config.limits);
        for thread in self.take_threads() {
            if let Err(panic) = thread.join() {
                panic::resume_unwind(panic);
            }
        }
        self.portions.verdict()
    }

    fn take_threads(&self) -> Vec<JoinHandle<()>> {
        mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.portions.cancel();
        for thread in self.take_threads() {
            // Nobody is left who would want to know what it found, or that it panicked.
            let _ = thread.join();
        }
    }
}

fn work(portions: &Portions, code: &ModuleCode, features: &Features, limits: &Limits) {
    let cx = WalkContext { module: &code.module, bytes: code.bytes(), features, limits };
    portions.work(&code.module.bodies, |bodies: Range<u32>| cx.validate(bodies));
}
