//! Programs that must not run forever: fuel, interrupts and deadlines.
//!
//!     cargo run --release --example fuel
//!
//! Fuel says how much a program has done, the same on every machine (docs/FUEL.md). Interrupts and deadlines say how
//! long it may take, which differs from run to run; both stop a call between two instructions, within some hundred
//! thousand of them.

use rotifer::{Config, Engine, Instance, Module, Store, SuspendReason, TrapCode, TypedResumableCall};
use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

const GUEST: &str = r#"
    (module
      (func $fib (export "fib") (param $n i32) (result i32)
        (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
          (then (local.get $n))
          (else (i32.add
            (call $fib (i32.sub (local.get $n) (i32.const 1)))
            (call $fib (i32.sub (local.get $n) (i32.const 2)))))))

      (func (export "forever")
        (loop $again (br $again))))
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wat::parse_str(GUEST)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;

    metering(&mut store, instance)?;
    refuelling(&mut store, instance)?;
    interrupt(&mut store, instance)?;
    deadline(&mut store, instance)
}

/// What a call costs; and what becomes of one that cannot pay.
fn metering(store: &mut Store<()>, instance: Instance) -> Result<(), Box<dyn Error>> {
    let fib = instance.get_typed_func::<i32, i32>(&*store, "fib")?;
    store.set_fuel(1_000_000)?;
    let result = fib.call(&mut *store, 20)?;
    let cost = 1_000_000 - store.get_fuel()?;
    println!("fib(20) is {result} and costs {cost}.");

    // One less does not suffice. The call ends: it was not made so that it can go on.
    store.set_fuel(cost - 1)?;
    let error = fib.call(&mut *store, 20).err().ok_or("it ran on without fuel")?;
    assert_eq!(error.as_trap_code(), Some(TrapCode::OutOfFuel));
    println!("With {} it ends early: {error}", cost - 1);

    store.set_fuel(cost)?;
    assert_eq!(fib.call(&mut *store, 20)?, result);
    assert_eq!(store.get_fuel()?, 0);
    Ok(())
}

/// A call that is given fuel in portions.
fn refuelling(store: &mut Store<()>, instance: Instance) -> Result<(), Box<dyn Error>> {
    const PORTION: u64 = 20_000;
    let fib = instance.get_typed_func::<i32, i32>(&*store, "fib")?;
    let mut portions = 1;
    store.set_fuel(PORTION)?;
    let mut call = fib.call_resumable(&mut *store, 20)?;
    let result = loop {
        call = match call {
            TypedResumableCall::Finished(result) => break result,
            TypedResumableCall::Suspended(call) => {
                // What is left did not suffice for the next step, but is not lost.
                let SuspendReason::OutOfFuel { required } = call.reason() else {
                    return Err(call.into_error().to_string().into());
                };
                let left = store.get_fuel()?;
                assert!(left < required && required < PORTION);
                store.set_fuel(left + PORTION)?;
                portions += 1;
                call.resume(&mut *store)?
            }
        }
    };
    println!("In portions of {PORTION}, fib(20) is {result} after {portions} portions.");
    assert!(portions > 1);
    Ok(())
}

/// Another thread stops a call.
fn interrupt(store: &mut Store<()>, instance: Instance) -> Result<(), Box<dyn Error>> {
    let forever = instance.get_typed_func::<(), ()>(&*store, "forever")?;
    store.set_fuel(u64::MAX)?;
    let handle = store.interrupt_handle()?;
    let watchdog = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        handle.interrupt();
    });
    let error = forever.call(&mut *store, ()).err().ok_or("forever has ended")?;
    watchdog.join().map_err(|_| "the watchdog failed")?;
    assert_eq!(error.as_trap_code(), Some(TrapCode::Interrupted));
    println!("The watchdog stopped the guest: {error}");
    Ok(())
}

/// A call stops by itself when its time is over.
fn deadline(store: &mut Store<()>, instance: Instance) -> Result<(), Box<dyn Error>> {
    let forever = instance.get_typed_func::<(), ()>(&*store, "forever")?;
    store.set_fuel(u64::MAX)?;
    let start = Instant::now();
    store.set_deadline(Some(start + Duration::from_millis(50)))?;
    let error = forever.call(&mut *store, ()).err().ok_or("forever has ended")?;
    assert_eq!(error.as_trap_code(), Some(TrapCode::DeadlineExceeded));
    println!("After {:.0?} its time was over: {error}", start.elapsed());
    store.set_deadline(None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs() {
        super::main().unwrap();
    }
}
