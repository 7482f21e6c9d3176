//! [`InstancePool`]: instances that are used one after the other, and [`PoolCache`]: pools by the code they run.
//!
//! An instance is handed out with its store. When it comes back it is reset, so that its next user finds it as the first
//! one did. One that cannot be reset, or whose store has got something that nobody would take out of it again, is dropped.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    fmt,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{Error, Instance, InstancePre, Snapshot, SnapshotError, Store, sync::Mutex};

/// What an [`InstancePool`] keeps.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PoolOptions {
    /// How many instances at most are kept for the next user. As many as wish can be in use. Default: 8.
    pub max_idle: usize,
    /// How many bytes of each memory stay with an instance that nobody uses. If users wrote to more, all of it goes back
    /// to the system, and the next ones pay for getting it anew, where memories come from the system (see
    /// [`Config::warm_memory`](crate::Config::warm_memory)). Default: 32 MiB.
    pub keep_resident: usize,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { max_idle: 8, keep_resident: 32 << 20 }
    }
}

/// What an [`InstancePool`] has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PoolUsage {
    /// How many instances wait for a user.
    pub idle: usize,
    /// How many instances were made.
    pub made: usize,
    /// How often one was used again.
    pub reused: usize,
    /// How many instances were dropped because they could not be reset, because there was something new in their stores,
    /// or because enough were waiting.
    pub dropped: usize,
}

type Make<T> = Box<dyn Fn() -> Result<(Store<T>, Instance), Error> + Send + Sync>;
type Renew<T> = Box<dyn Fn(&mut Store<T>) + Send + Sync>;

/// Instances of a module, each in a store of its own, that are used one after the other. Cheap to clone; can be shared by
/// threads.
///
/// ```
/// # use rotifer::{Config, Engine, InstancePool, Linker, Module, PoolOptions};
/// # fn main() -> Result<(), rotifer::Error> {
/// # let wasm = b"\0asm\x01\0\0\0";
/// let engine = Engine::new(Config::new().track_writes(true));
/// let module = Module::new(&engine, wasm)?;
/// let pre = Linker::<u32>::new(&engine).instantiate_pre(&module)?;
/// let pool = InstancePool::new(&pre, PoolOptions::default())?;
/// for request in 0..3 {
///     let mut pooled = pool.get()?;
///     *pooled.data_mut() = request;
///     let exports = pooled.instance().exports(&*pooled).count();
///     # assert_eq!(exports, 0);
///     // Dropping it gives it back.
/// }
/// assert_eq!(pool.usage().made, 1);
/// # Ok(())
/// # }
/// ```
pub struct InstancePool<T>(Arc<Shared<T>>);

struct Shared<T> {
    make: Make<T>,
    renew: Renew<T>,
    options: PoolOptions,
    /// The one that came back last is used first: most of it is in caches.
    idle: Mutex<Vec<Slot<T>>>,
    made: AtomicUsize,
    reused: AtomicUsize,
    dropped: AtomicUsize,
}

/// An instance with its store, and how much was in the store when it was new.
struct Slot<T> {
    store: Store<T>,
    instance: Instance,
    count: usize,
}

impl<T> Clone for InstancePool<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for InstancePool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePool")
            .field("options", &self.0.options)
            .field("usage", &self.usage())
            .finish()
    }
}

impl<T: Default + Send + Sync + 'static> InstancePool<T> {
    /// A pool of instances that begin with the start function of their module. When an instance comes back, the data of
    /// its store are made anew, and its limiter, deadline, profiler and interrupt handle are gone. Its fuel is what it was
    /// after the instantiation: where fuel is counted, and a start function needs some, use
    /// [`with`](Self::with).
    ///
    /// # Errors
    /// The engine is not [`resettable`](crate::Config::resettable).
    pub fn new(pre: &InstancePre<T>, options: PoolOptions) -> Result<Self, Error> {
        Self::beginning(pre, None, options)
    }

    /// The same with instances that begin in the state of a snapshot.
    ///
    /// # Errors
    /// The engine is not [`resettable`](crate::Config::resettable).
    pub fn from_snapshot(
        pre: &InstancePre<T>,
        snapshot: &Snapshot,
        options: PoolOptions,
    ) -> Result<Self, Error> {
        Self::beginning(pre, Some(snapshot.clone()), options)
    }

    fn beginning(
        pre: &InstancePre<T>,
        snapshot: Option<Snapshot>,
        options: PoolOptions,
    ) -> Result<Self, Error> {
        if !pre.module().engine().config().get_resettable() {
            return Err(SnapshotError::NotResettable.into());
        }
        let pre = pre.clone();
        let make = move || {
            let mut store = Store::new(pre.module().engine(), T::default());
            let instance = match &snapshot {
                Some(snapshot) => snapshot.instantiate(&pre, &mut store)?,
                None => pre.instantiate(&mut store)?,
            };
            Ok((store, instance))
        };
        Ok(Self::with(options, make, |store| store.inner.renew(T::default())))
    }
}

impl<T> InstancePool<T> {
    /// A pool of instances that `make` makes, each in a store of its own in which it may set fuel and a limiter and have
    /// items to import. When an instance comes back it is reset, its store has the fuel again that it had after the
    /// instantiation, and `renew` has to take care of the data and of everything else that users have set.
    pub fn with(
        options: PoolOptions,
        make: impl Fn() -> Result<(Store<T>, Instance), Error> + Send + Sync + 'static,
        renew: impl Fn(&mut Store<T>) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            make: Box::new(make),
            renew: Box::new(renew),
            options,
            idle: Mutex::new(Vec::new()),
            made: AtomicUsize::new(0),
            reused: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
        }))
    }

    /// An instance: one that nobody uses, or else a new one.
    ///
    /// # Errors
    /// A new one cannot be made.
    pub fn get(&self) -> Result<Pooled<T>, Error> {
        // Not under the lock.
        let idle = self.0.idle.lock().pop();
        let slot = match idle {
            Some(slot) => {
                self.0.reused.fetch_add(1, Ordering::Relaxed);
                slot
            }
            None => {
                let (store, instance) = (self.0.make)()?;
                self.0.made.fetch_add(1, Ordering::Relaxed);
                let count = store.inner.executor().count();
                Slot { store, instance, count }
            }
        };
        Ok(Pooled { slot: Some(slot), pool: self.clone() })
    }

    /// What the pool has done.
    pub fn usage(&self) -> PoolUsage {
        PoolUsage {
            idle: self.0.idle.lock().len(),
            made: self.0.made.load(Ordering::Relaxed),
            reused: self.0.reused.load(Ordering::Relaxed),
            dropped: self.0.dropped.load(Ordering::Relaxed),
        }
    }

    /// Gives back the memory of instances that nobody uses: all but `idle` of them are dropped, and the memories of those
    /// give back what they got from the system.
    pub fn trim(&self, idle: usize) {
        let mut slots = core::mem::take(&mut *self.0.idle.lock());
        let dropped = slots.split_off(slots.len().min(idle));
        self.0.dropped.fetch_add(dropped.len(), Ordering::Relaxed);
        drop(dropped);
        for mut slot in slots {
            // Meanwhile others use other instances.
            if slot.trim(0).is_ok() {
                self.keep(slot);
            }
        }
    }

    fn keep(&self, slot: Slot<T>) {
        let mut idle = self.0.idle.lock();
        if idle.len() < self.0.options.max_idle {
            idle.push(slot);
        } else {
            drop(idle);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn give_back(&self, mut slot: Slot<T>) {
        if slot.reset(self.0.options.keep_resident).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        (self.0.renew)(&mut slot.store);
        self.keep(slot);
    }
}

impl<T> Slot<T> {
    fn reset(&mut self, keep: usize) -> Result<(), Error> {
        if self.store.inner.executor().count() != self.count {
            return Err(Error::new("there is something new in the store"));
        }
        self.instance.reset_with_fuel(&mut self.store)?;
        self.store.forget_snapshots();
        self.trim(keep)
    }

    fn trim(&mut self, keep: usize) -> Result<(), Error> {
        Ok(self.store.inner.executor_mut().trim(self.instance.handle(), keep)?)
    }
}

/// An instance of a pool and its store, which go back to the pool when this is dropped.
///
/// What is in the store belongs to whoever has it now: handles of items are those that they were for the users before. An
/// instance in whose store something was made (functions, memories, tables, globals, instances, objects) does not come
/// back but is dropped, because nothing is ever taken out of a store.
pub struct Pooled<T> {
    /// Always there, until it goes back.
    slot: Option<Slot<T>>,
    pool: InstancePool<T>,
}

impl<T> Pooled<T> {
    fn slot(&self) -> &Slot<T> {
        self.slot.as_ref().expect("it has not gone back")
    }

    /// The instance.
    pub fn instance(&self) -> Instance {
        self.slot().instance
    }

    /// Takes the instance and its store out of the pool for good.
    pub fn into_inner(mut self) -> (Store<T>, Instance) {
        let slot = self.slot.take().expect("it has not gone back");
        (slot.store, slot.instance)
    }
}

impl<T> Deref for Pooled<T> {
    type Target = Store<T>;

    fn deref(&self) -> &Store<T> {
        &self.slot().store
    }
}

impl<T> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut Store<T> {
        &mut self.slot.as_mut().expect("it has not gone back").store
    }
}

impl<T> Drop for Pooled<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.pool.give_back(slot);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Pooled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled").field("store", &**self).field("instance", &self.instance()).finish()
    }
}

/// Pools by the code they run, of which those that were used last are kept: what a node of a chain has for the runtimes of
/// recent blocks.
pub struct PoolCache<T> {
    /// The one that was used last comes last.
    pools: Mutex<Vec<([u8; 32], InstancePool<T>)>>,
    capacity: usize,
}

impl<T> fmt::Debug for PoolCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolCache").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<T> PoolCache<T> {
    /// A cache of so many pools.
    pub fn new(capacity: usize) -> Self {
        Self { pools: Mutex::new(Vec::new()), capacity }
    }

    /// The pool for some code, which the embedder tells from other code by a hash, such as
    /// [`Module::hash`](crate::Module::hash) or the one that its chain has. If there is none, `make` makes one. If there
    /// are too many then, the one that was not used for longest is forgotten; it lives as long as somebody has it.
    ///
    /// Who comes while another thread makes the same pool makes one, too; all get the one that was finished first.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get_or_make<E>(
        &self,
        code_hash: [u8; 32],
        make: impl FnOnce() -> Result<InstancePool<T>, E>,
    ) -> Result<InstancePool<T>, E> {
        if let Some(pool) = self.get(code_hash) {
            return Ok(pool);
        }
        // Not under the lock.
        let made = make()?;
        let mut pools = self.pools.lock();
        if let Some((_, pool)) = pools.iter().find(|(hash, _)| *hash == code_hash) {
            return Ok(pool.clone());
        }
        pools.push((code_hash, made.clone()));
        let too_many = pools.len().saturating_sub(self.capacity);
        let forgotten: Vec<_> = pools.drain(..too_many).collect();
        drop(pools);
        drop(forgotten);
        Ok(made)
    }

    /// The pool for some code, if there is one. It has been used last then.
    pub fn get(&self, code_hash: [u8; 32]) -> Option<InstancePool<T>> {
        let mut pools = self.pools.lock();
        let place = pools.iter().position(|(hash, _)| *hash == code_hash)?;
        let entry = pools.remove(place);
        let pool = entry.1.clone();
        pools.push(entry);
        Some(pool)
    }

    /// How many pools there are.
    pub fn len(&self) -> usize {
        self.pools.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives back the memory of instances that nobody uses, in all pools: see [`InstancePool::trim`].
    pub fn trim(&self, idle: usize) {
        let pools: Vec<_> = self.pools.lock().iter().map(|(_, pool)| pool.clone()).collect();
        pools.iter().for_each(|pool| pool.trim(idle));
    }
}
