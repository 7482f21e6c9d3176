//! Work on all bodies of a module, done by several threads together.
//!
//! Bodies are independent, so any thread may do any of them. They are dealt out in portions of about equally many bytes,
//! in order: whoever is done with one takes the next, and a thread that starts late or runs on a busy core simply takes
//! fewer. When a portion has an error, all portions in front of it have been dealt out already and are finished, and
//! nothing behind it is begun any more. The error of the first portion that has one is therefore the error with the
//! lowest offset, whoever finishes first.

use alloc::string::String;
use core::{
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
};
use rotifer_validator::{Error, Span};
use std::{
    sync::{Mutex, OnceLock, PoisonError},
    thread,
};

/// Bytes of bodies that are dealt out at a time: at some hundred MB a second a tenth of a millisecond, which is also how
/// long it takes until a thread sees that it is no longer wanted.
const PORTION_BYTES: u32 = 32 << 10;

/// Bytes of bodies that are worth a thread: to start one and to wait for it takes as long as validating some ten thousand
/// bytes.
const BYTES_PER_THREAD: u32 = 128 << 10;

/// How far the work is.
pub(crate) struct Portions {
    /// Where the first body begins.
    start: u32,
    count: u32,
    /// The portion that is dealt out next.
    next: AtomicU32,
    /// How many are finished.
    finished: AtomicU32,
    /// No portion from here on matters: there is none, or an error is in front of it, or nobody wants to know.
    end: AtomicU32,
    /// The first portion that is known to have an error.
    error: Mutex<Option<(u32, Error)>>,
}

impl Portions {
    pub(crate) fn new(bodies: &[Span]) -> Self {
        let start = bodies.first().map_or(0, |body| body.start);
        let count = bodies.last().map_or(0, |body| (body.start - start) / PORTION_BYTES + 1);
        let (next, finished) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { start, count, next, finished, end: AtomicU32::new(count), error: Mutex::new(None) }
    }

    /// Does portions of the work until there are none left to do. Numbers of bodies count from the first one.
    pub(crate) fn work(&self, bodies: &[Span], mut work: impl FnMut(Range<u32>) -> Result<(), Error>) {
        loop {
            // The results that matter are handed over by the lock and by whoever waits for this thread.
            let portion = self.next.fetch_add(1, Ordering::Relaxed);
            if portion >= self.end.load(Ordering::Relaxed) {
                return;
            }
            match work(self.first_body(bodies, portion)..self.first_body(bodies, portion + 1)) {
                Ok(()) => {}
                Err(error) => self.fail(portion, error),
            }
            self.finished.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The first body that begins in this portion or behind it.
    fn first_body(&self, bodies: &[Span], portion: u32) -> u32 {
        let offset = u64::from(self.start) + u64::from(portion) * u64::from(PORTION_BYTES);
        bodies.partition_point(|body| u64::from(body.start) < offset) as u32
    }

    fn fail(&self, portion: u32, error: Error) {
        self.end.fetch_min(portion, Ordering::Relaxed);
        let mut found = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if found.as_ref().is_none_or(|(other, _)| portion < *other) {
            *found = Some((portion, error));
        }
    }

    /// Has threads stop at the end of their portions.
    pub(crate) fn cancel(&self) {
        self.end.store(0, Ordering::Relaxed);
    }

    /// The first error, once all threads have returned from [`work`](Self::work).
    ///
    /// # Panics
    /// A thread that panicked has left its portion undone.
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        if let Some((_, error)) = &*self.error.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(error.clone());
        }
        assert_eq!(self.finished.load(Ordering::Relaxed), self.count, "a thread that validated has panicked");
        Ok(())
    }
}

/// Does work on all bodies, with up to so many threads, this one included. The error is that of the first range in which
/// there is one, if `work` gives the first error of a range.
pub(crate) fn for_all(
    bodies: &[Span],
    threads: usize,
    work: impl Fn(Range<u32>) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let others = other_threads(bodies, threads);
    if others == 0 {
        return work(0..bodies.len() as u32);
    }
    let portions = Portions::new(bodies);
    thread::scope(|scope| {
        for _ in 0..others {
            let thread = builder().spawn_scoped(scope, || portions.work(bodies, &work));
            // What it would have done is done here.
            if thread.is_err() {
                break;
            }
        }
        portions.work(bodies, &work);
    });
    portions.verdict()
}

/// How many threads besides this one are worth it.
pub(crate) fn other_threads(bodies: &[Span], threads: usize) -> usize {
    let bytes = match (bodies.first(), bodies.last()) {
        (Some(first), Some(last)) => last.end - first.start,
        _ => 0,
    };
    let worth = (bytes / BYTES_PER_THREAD) as usize;
    if worth < 2 || threads == 1 {
        return 0;
    }
    let threads = if threads == 0 { available() } else { threads };
    worth.min(threads) - 1
}

/// The threads that this process has processors for. Asked once, because the answer takes reading several files.
fn available() -> usize {
    static AVAILABLE: OnceLock<usize> = OnceLock::new();
    *AVAILABLE.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

/// A thread that is going to work on portions.
pub(crate) fn builder() -> thread::Builder {
    thread::Builder::new().name(String::from("rotifer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec::Vec};
    use core::sync::atomic::AtomicBool;
    use rotifer_core::WasmOffset;
    use rotifer_validator::ErrorKind;

    /// Bodies of these sizes, with sizes of a byte or so between them.
    fn bodies(sizes: impl IntoIterator<Item = u32>) -> Vec<Span> {
        let mut start = 1000;
        let body = |size| {
            let body = Span { start, end: start + size };
            start += size + 2;
            body
        };
        sizes.into_iter().map(body).collect()
    }

    fn error(body: u32) -> Error {
        Error::new(ErrorKind::Invalid, format!("{body}"), WasmOffset(body))
    }

    #[test]
    fn every_body_is_done_once() {
        let sizes = (0..5_000).map(|i| if i % 1_000 == 7 { 100_000 } else { 1 + i * 7 % 331 });
        for bodies in [bodies(sizes), bodies([3]), bodies([]), bodies([1 << 20, 0, 0, 1 << 20])] {
            for threads in [0, 1, 2, 8] {
                let done: Vec<AtomicBool> = bodies.iter().map(|_| AtomicBool::new(false)).collect();
                for_all(&bodies, threads, |range| {
                    for body in range {
                        assert!(!done[body as usize].swap(true, Ordering::Relaxed), "twice");
                    }
                    Ok(())
                })
                .unwrap();
                assert!(done.iter().all(|done| done.load(Ordering::Relaxed)));
            }
        }
    }

    #[test]
    fn the_first_error_is_found_whoever_finishes_first() {
        let bodies = bodies((0..4_000).map(|i| 200 + i % 5));
        for threads in [1, 2, 8] {
            for first in [0, 1, 170, 1_999, 3_000, 3_999] {
                // The first one takes longer than all that follow it.
                let verdict = for_all(&bodies, threads, |mut range| {
                    match range.find(|body| *body >= first && body % 3 == first % 3) {
                        Some(body) if body == first => {
                            thread::sleep(core::time::Duration::from_millis(5));
                            Err(error(body))
                        }
                        Some(body) => Err(error(body)),
                        None => Ok(()),
                    }
                });
                assert_eq!(verdict, Err(error(first)), "{threads} threads");
            }
        }
    }

    #[test]
    fn small_modules_stay_on_one_thread() {
        let threads = |sizes: &[u32], threads| other_threads(&bodies(sizes.iter().copied()), threads);
        assert_eq!(threads(&[], 8), 0);
        assert_eq!(threads(&[BYTES_PER_THREAD], 8), 0);
        assert_eq!(threads(&[BYTES_PER_THREAD; 2], 8), 1);
        assert_eq!(threads(&[BYTES_PER_THREAD; 100], 8), 7);
        assert_eq!(threads(&[BYTES_PER_THREAD; 100], 1), 0);
        assert_eq!(threads(&[BYTES_PER_THREAD; 100], 0), available().min(100) - 1);
    }

    #[test]
    fn work_that_was_cancelled_ends() {
        let bodies = bodies([PORTION_BYTES; 100]);
        let portions = Portions::new(&bodies);
        let mut done = 0;
        portions.work(&bodies, |_| {
            done += 1;
            if done == 3 {
                portions.cancel();
            }
            Ok(())
        });
        assert_eq!(done, 3);
    }
}
