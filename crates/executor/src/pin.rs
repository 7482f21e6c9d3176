//! Pins: when nobody can be running a block of code any more.
//!
//! Translated code can be dropped while other threads execute it. Whoever may hold the address of a cell has a
//! *pin*, which is raised meanwhile: a store while one of its activations exists, a call that can be suspended until it
//! has ended. Code is dropped in two steps. First the entry of its function is set back to the stub, after which no
//! activation that begins can find it; then it is freed when each pin that was raised at that time has been lowered
//! once. Pins are touched where activations begin and end, and nowhere in between.
//!
//! I-PIN: an address of a cell that was read from an entry is used only while the pin of the store or of the call that
//! holds it is raised, without having been lowered since. A pin is raised before entries are read, with a sequentially consistent
//! fence in between, and entries are set to the stub before pins are read, likewise: so either the activation finds
//! the stub, or its pin is found raised.

use alloc::{sync::Arc, vec::Vec};

use crate::sync::{AtomicUsize, Mutex, Ordering, fence};

/// Counts how often it was raised and lowered: odd while it is raised.
#[derive(Debug)]
struct Pin(AtomicUsize);

impl Pin {
    /// Raises or lowers it; only its owner does.
    fn turn(&self) {
        let count = self.0.load(Ordering::Relaxed);
        self.0.store(count.wrapping_add(1), Ordering::Release);
    }
}

/// The pins of an engine whose code can be evicted. They stay for a while after their owners are gone: somebody must
/// read the count that the owner left, or nothing says that what the owner did has happened.
#[derive(Default)]
pub(crate) struct Pins(Mutex<Vec<Arc<Pin>>>);

impl Pins {
    /// A new one, not raised.
    fn add(&self) -> Arc<Pin> {
        let pin = Arc::new(Pin(AtomicUsize::new(0)));
        let mut pins = self.0.lock();
        // Those whose owners are gone are looked for only when the list would grow, so that additions cost the same on
        // average. That nobody else has the pin is found out with Acquire.
        if pins.len() == pins.capacity() {
            pins.retain_mut(|pin| Arc::get_mut(pin).is_none());
            let len = pins.len();
            pins.reserve(len.max(4));
        }
        pins.push(pin.clone());
        pin
    }

    /// Those that are raised now. What was written before is seen by activations whose pins are not among them.
    pub(crate) fn raised(&self) -> Vec<RaisedPin> {
        fence(Ordering::SeqCst);
        let pins = self.0.lock();
        let raised = |pin: &Arc<Pin>| {
            let count = pin.0.load(Ordering::Acquire);
            (count % 2 == 1).then(|| RaisedPin { pin: pin.clone(), count })
        };
        pins.iter().filter_map(raised).collect()
    }
}

/// A pin that was found raised.
#[derive(Debug)]
pub(crate) struct RaisedPin {
    pin: Arc<Pin>,
    count: usize,
}

impl RaisedPin {
    /// Whether it has been raised all the time. If not, all that its owner did until it was lowered has happened.
    pub(crate) fn is_still_raised(&self) -> bool {
        self.pin.0.load(Ordering::Acquire) == self.count
    }
}

/// The pin of a store or of a call that can be suspended, if code can be evicted. Raised once, however often its owner begins
/// something.
#[derive(Debug, Default)]
pub(crate) struct OwnPin {
    pin: Option<Arc<Pin>>,
    depth: usize,
}

impl OwnPin {
    /// A pin among these, if there are any.
    pub(crate) fn new(pins: Option<&Pins>) -> Self {
        Self { pin: pins.map(Pins::add), depth: 0 }
    }

    /// From now on addresses of cells can be read from entries.
    #[inline]
    pub(crate) fn begin(&mut self) {
        if let Some(pin) = &self.pin {
            if self.depth == 0 {
                pin.turn();
                fence(Ordering::SeqCst);
            }
            self.depth += 1;
        }
    }

    /// The opposite of one [`begin`](Self::begin), if there was one.
    #[inline]
    pub(crate) fn end(&mut self) {
        if let Some(pin) = &self.pin
            && self.depth > 0
        {
            self.depth -= 1;
            if self.depth == 0 {
                pin.turn();
            }
        }
    }
}

impl Drop for OwnPin {
    fn drop(&mut self) {
        if let Some(pin) = &self.pin
            && self.depth > 0
        {
            pin.turn();
        }
    }
}

/// What a store does around an activation, for the model checker, which runs no handlers.
#[cfg(loom)]
#[derive(Debug)]
pub struct PinnedForTest(OwnPin);

#[cfg(loom)]
impl PinnedForTest {
    /// As for a new store.
    pub fn new(stubs: &crate::Stubs) -> Self {
        Self(stubs.pin())
    }

    /// An activation begins.
    pub fn begin(&mut self) {
        self.0.begin();
    }

    /// It ends.
    pub fn end(&mut self) {
        self.0.end();
    }
}
