//! The history sets: what it takes to keep the states of an instance tick by tick, and to go back.
//!
//! A module with 16 MiB of memory, no byte of which is zero for long, writes to 200 pages of 4 KiB each tick: 150 that are
//! the same ones each time and 50 others. `sparse` writes 16 words of eight bytes to each at random, `whole` 128 all over
//! the page. The ticks themselves are not measured.
//!
//! * `record`: a tick is recorded;
//! * `rollback N`: after one more tick that was not recorded, the instance goes back by so many ticks.
//!
//! Against a history stand a copy of the memory for each tick, and a scan that hashes all pages (xxh3, 128 bits) and keeps
//! those that are new by their hash.

use super::{BoxedCase, Kind, Set};
use crate::{
    engine::{Engine, Keeper, TickWrites},
    engines,
    measure::{Case, Outcome, Prepared},
    report::Measured,
};
use anyhow::{Result, ensure};
use rotifer_results::Unit;
use std::time::{Duration, Instant};

/// The set of times.
pub const SET: Set = Set {
    name: "history",
    what: "a tick recorded, or gone back to; 16 MiB, 200 pages written each tick",
    unit: Unit::Ns,
    reference: "copies",
    pairs: &[
        ("rotifer", "copies"),
        ("rotifer", "scan"),
        ("rotifer.shared", "copies"),
        ("rotifer.hashed", "scan"),
        ("rotifer.untracked", "copies"),
    ],
    differences: &[],
    engines: || Ok(engines::for_history()),
    throughput: false,
    kind: Kind::Time { own, outside: |_| Ok(Vec::new()) },
};

/// The set of sizes.
pub const MEMORY: Set = Set {
    name: "history-memory",
    what: "bytes held for a tick that is old; 16 MiB, 200 pages written each tick",
    unit: Unit::Bytes,
    reference: "copies",
    pairs: &[("rotifer", "copies"), ("rotifer", "scan")],
    differences: &[],
    engines: || Ok(engines::for_history()),
    throughput: false,
    kind: Kind::Count { count },
};

const WRITES: [(&str, TickWrites); 2] = [("sparse", TickWrites::Sparse), ("whole", TickWrites::Whole)];

/// How far the rollbacks go: the window of rollback netcode, and the tick before.
const BACK: [u64; 2] = [1, 8];

/// Ticks before anything is measured: more than a history has by default, so that the oldest go as new ones come.
const WARM_UP: u64 = 130;

/// The module in text. Random numbers depend on the tick alone, so that a tick can be played again.
const GAME: &str = r#"(module
  (memory (export "memory") 256)
  (global $seed (mut i64) (i64.const 0))
  (func $random (result i64)
    (global.set $seed (i64.add
      (i64.mul (global.get $seed) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
    (i64.xor (global.get $seed) (i64.shr_u (global.get $seed) (i64.const 29))))
  (func (export "fill") (local $at i32)
    (loop $next
      (i64.store (local.get $at) (call $random))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 0x1000000)))))
  (func (export "tick") (param $tick i32) (param $sparse i32) (local $page i32) (local $at i32) (local $word i32)
    (global.set $seed (i64.add (i64.extend_i32_u (local.get $tick)) (i64.const 99)))
    (loop $pages
      (if (i32.lt_u (local.get $page) (i32.const 150))
        (then (local.set $at (i32.mul (local.get $page) (i32.const 1789))))
        (else (local.set $at (i32.wrap_i64 (i64.shr_u (call $random) (i64.const 40))))))
      (local.set $at (i32.shl (i32.and (local.get $at) (i32.const 0xFFF)) (i32.const 12)))
      (local.set $word (i32.const 0))
      (if (local.get $sparse)
        (then
          (loop $words
            (i64.store
              (i32.or (local.get $at)
                (i32.and (i32.wrap_i64 (i64.shr_u (call $random) (i64.const 30))) (i32.const 0xFF8)))
              (call $random))
            (br_if $words (i32.lt_u
              (local.tee $word (i32.add (local.get $word) (i32.const 1))) (i32.const 16)))))
        (else
          (loop $words
            (i64.store (i32.or (local.get $at) (local.get $word)) (call $random))
            (br_if $words (i32.lt_u
              (local.tee $word (i32.add (local.get $word) (i32.const 32))) (i32.const 4096))))))
      (br_if $pages (i32.lt_u
        (local.tee $page (i32.add (local.get $page) (i32.const 1))) (i32.const 200))))))"#;

fn own() -> Result<Vec<BoxedCase>> {
    let wasm = wat::parse_str(GAME)?;
    let mut cases: Vec<BoxedCase> = Vec::new();
    for (name, writes) in WRITES {
        cases.push(Box::new(Ticks {
            name: format!("record {name}"),
            wasm: wasm.clone(),
            writes,
            back: None,
        }));
        for back in BACK {
            let name = format!("rollback {back} {name}");
            cases.push(Box::new(Ticks { name, wasm: wasm.clone(), writes, back: Some(back) }));
        }
    }
    Ok(cases)
}

/// Ticks that are recorded, or gone back to.
struct Ticks {
    name: String,
    wasm: Vec<u8>,
    writes: TickWrites,
    back: Option<u64>,
}

impl Case for Ticks {
    fn name(&self) -> &str {
        &self.name
    }

    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
        let mut keeper = warm(engine, &self.wasm, self.writes)?;
        let observed = keeper.digest();
        if let Some(back) = self.back {
            go_back(keeper.as_mut(), WARM_UP, back, self.writes)?;
            ensure!(keeper.digest() == observed, "WRONG: another memory after going back by {back} ticks");
        }
        let mut next = WARM_UP;
        let work = move |iterations| {
            let mut time = Duration::ZERO;
            for _ in 0..iterations {
                match self.back {
                    None => {
                        time += record(keeper.as_mut(), next, self.writes)?;
                        next += 1;
                    }
                    Some(back) => time += go_back(keeper.as_mut(), next, back, self.writes)?,
                }
            }
            Ok(time)
        };
        Ok(Prepared { observed, work: Box::new(work) })
    }
}

/// A keeper that has as many ticks as it will have.
fn warm(engine: &dyn Engine, wasm: &[u8], writes: TickWrites) -> Result<Box<dyn Keeper>> {
    let mut keeper = engine.keeper(wasm)?;
    for tick in 0..WARM_UP {
        record(keeper.as_mut(), tick, writes)?;
    }
    Ok(keeper)
}

/// Plays a tick and records what came of it, which is what counts.
fn record(keeper: &mut dyn Keeper, tick: u64, writes: TickWrites) -> Result<Duration> {
    keeper.play(tick, writes)?;
    let start = Instant::now();
    keeper.record(tick)?;
    Ok(start.elapsed())
}

/// Plays a tick and goes back by so many, which is what counts; then plays as far again.
fn go_back(keeper: &mut dyn Keeper, next: u64, back: u64, writes: TickWrites) -> Result<Duration> {
    keeper.play(next, writes)?;
    let to = next - 1 - back;
    let start = Instant::now();
    keeper.rollback(to)?;
    let time = start.elapsed();
    for tick in to + 1..next {
        record(keeper, tick, writes)?;
    }
    Ok(time)
}

/// Counts what an old tick takes.
fn count(engines: &[Box<dyn Engine>]) -> Result<Vec<Measured>> {
    let wasm = wat::parse_str(GAME)?;
    let measured = WRITES.map(|(name, writes)| {
        let bytes = |engine: &dyn Engine| warm(engine, &wasm, writes)?.old_tick_bytes();
        let outcomes = engines.iter().map(|engine| Outcome {
            engine: engine.name().to_owned(),
            samples: bytes(engine.as_ref()).map(|bytes| vec![bytes]).map_err(|error| format!("{error:#}")),
        });
        Measured { name: name.to_owned(), size: None, outcomes: outcomes.collect() }
    });
    Ok(measured.into())
}
