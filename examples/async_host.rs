//! Host functions that await: guests in `async` Rust, without any runtime in the library.
//!
//!     cargo run --release --example async_host
//!
//! A call that needs something that is not there yet is suspended: the host gets it back as a value, awaits what it
//! asked for, and goes on with it. The library knows nothing of futures, so any executor will do; here it is one of
//! fifty lines, for a single thread and timers only. Two guests in two stores run at once. Fuel is what makes it
//! fair: a guest that computes gives way after each slice.

use rotifer::{
    Config, Engine, FuncType, Linker, Module, Store, SuspendReason, TypedFunc, TypedResumableCall, Val,
    ValType,
};
use std::{
    cell::RefCell,
    error::Error,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

const GUEST: &str = r#"
    (module
      ;; Sleeps so many milliseconds and says how many it were.
      (import "host" "sleep" (func $sleep (param i64) (result i64)))

      ;; Computes and sleeps in turns. Returns how long it slept in all.
      (func (export "run") (param $rounds i32) (param $ms i64) (result i64)
        (local $work i32) (local $slept i64)
        (loop $round
          (local.set $work (i32.const 20000))
          (loop $compute
            (br_if $compute (local.tee $work (i32.sub (local.get $work) (i32.const 1)))))
          (local.set $slept (i64.add (local.get $slept) (call $sleep (local.get $ms))))
          (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
        (local.get $slept)))
"#;

/// What a guest may do before the others get their turn.
const SLICE: u64 = 10_000;

/// The number of the function `sleep` among those that suspend: a host with several tells them apart by it.
const SLEEP: u64 = 0;

/// What a guest did, beside its result.
#[derive(Debug, Default)]
struct Turns {
    slices: u32,
    sleeps: u32,
}

/// Runs a guest to its end, whatever it waits for.
async fn run(
    mut store: Store<Turns>,
    func: TypedFunc<(i32, i64), i64>,
    (rounds, ms): (i32, i64),
    timers: &Timers,
) -> Result<(i64, Turns), rotifer::Error> {
    store.set_fuel(SLICE)?;
    let mut state = func.call_resumable(&mut store, (rounds, ms))?;
    loop {
        let call = match state {
            TypedResumableCall::Finished(slept) => return Ok((slept, store.into_data())),
            TypedResumableCall::Suspended(call) => call,
        };
        state = match call.reason() {
            SuspendReason::OutOfFuel { required } => {
                store.data_mut().slices += 1;
                store.set_fuel(required.max(SLICE))?;
                give_way().await;
                call.resume(&mut store)?
            }
            SuspendReason::HostRequest if call.tag(&store) == Some(SLEEP) => {
                let ms = call.host_arg(&store, 0).and_then(|ms| ms.i64()).unwrap_or(0);
                store.data_mut().sleeps += 1;
                timers.sleep(Duration::from_millis(ms.clamp(0, 1_000) as u64)).await;
                call.resume_with(&mut store, &[Val::I64(ms)])?
            }
            _ => return Err(call.into_error()),
        };
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wat::parse_str(GUEST)?)?;
    let mut linker = Linker::new(&engine);
    linker.func_suspend("host", "sleep", FuncType::new([ValType::I64], [ValType::I64]), SLEEP)?;

    let timers = Timers::default();
    let mut guests = Vec::new();
    for (rounds, ms) in [(4, 50), (8, 25)] {
        let mut store = Store::new(&engine, Turns::default());
        let instance = linker.instantiate(&mut store, &module)?;
        let func = instance.get_typed_func(&store, "run")?;
        guests.push(run(store, func, (rounds, ms), &timers));
    }
    let start = Instant::now();
    let results = block_on(guests, &timers);
    let took = start.elapsed();

    let mut slept = 0;
    for result in results {
        let (ms, Turns { slices, sleeps }) = result?;
        println!("A guest slept {ms} ms in {sleeps} sleeps and gave way {slices} times.");
        assert!(slices > 0);
        slept += ms;
    }
    println!("Both took {took:.0?} together; one after the other they would have taken {slept} ms and more.");
    assert_eq!(slept, 400);
    assert!(took >= Duration::from_millis(200));
    Ok(())
}

/// Lets all others that are ready take their turn.
fn give_way() -> impl Future<Output = ()> {
    let mut has_given = false;
    std::future::poll_fn(move |context| {
        if has_given {
            return Poll::Ready(());
        }
        has_given = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Those who sleep, and until when.
#[derive(Default)]
struct Timers(Rc<RefCell<Vec<(Instant, Waker)>>>);

impl Timers {
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + use<> {
        let (end, sleepers) = (Instant::now() + time, self.0.clone());
        std::future::poll_fn(move |context| {
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            sleepers.borrow_mut().push((end, context.waker().clone()));
            Poll::Pending
        })
    }

    /// Sleeps until the first timer ends, and wakes all whose time has come.
    fn wait(&self) {
        let first = self.0.borrow().iter().map(|(end, _)| *end).min();
        if let Some(first) = first {
            thread::sleep(first.saturating_duration_since(Instant::now()));
        }
        let now = Instant::now();
        self.0.borrow_mut().retain(|(end, waker)| {
            let sleeps = *end > now;
            if !sleeps {
                waker.wake_by_ref();
            }
            sleeps
        });
    }
}

/// Whether a task wants to be polled.
struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A future, whether it is ready, and what came out.
struct Task<F: Future> {
    future: Pin<Box<F>>,
    ready: Arc<Ready>,
    output: Option<F::Output>,
}

/// Runs all futures on this thread until each is done.
fn block_on<F: Future>(futures: Vec<F>, timers: &Timers) -> Vec<F::Output> {
    let start = |future| Task {
        future: Box::pin(future),
        ready: Arc::new(Ready(AtomicBool::new(true))),
        output: None,
    };
    let mut tasks: Vec<Task<F>> = futures.into_iter().map(start).collect();
    while tasks.iter().any(|task| task.output.is_none()) {
        let mut is_idle = true;
        for task in &mut tasks {
            if task.output.is_none() && task.ready.0.swap(false, Ordering::Acquire) {
                is_idle = false;
                let waker = task.ready.clone().into();
                if let Poll::Ready(value) = task.future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    task.output = Some(value);
                }
            }
        }
        if is_idle {
            timers.wait();
        }
    }
    tasks.into_iter().filter_map(|task| task.output).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs() {
        super::main().unwrap();
    }
}
