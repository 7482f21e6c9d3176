//! The instantiate set: a fresh instance of a module that is loaded, an optional touch of its memory, the drop of both
//! instance and store. It is what servers and chains do for every request.
//!
//! Our own cases have a memory of 1, 16 or 128 mebibytes whose first tenth is data, and a function that reads and
//! overwrites a word in each of so many 4-KiB pages, the same ones each time, spread over the whole memory. It returns
//! the sum of what it read, which tells whether the instance was fresh: every iteration is checked. The host touches the
//! first pages of `memory`, there and in outside modules that import nothing but functions.
//!
//! Rotifer takes part five times: as it is by default, with stores that note what they write to, with those and one
//! instance that is reset instead of making another one, the same in two threads, and without keeping instances for
//! other stores.

use super::{BoxedCase, Kind, Outside, Set};
use crate::{
    engine::{Engine, PAGE_BYTES, Touch},
    engines,
    measure::{Case, Prepared},
    module::Module,
};
use anyhow::{Result, ensure};
use rotifer_results::Unit;
use std::{fmt::Write, rc::Rc, time::Instant};

/// The set.
pub const SET: Set = Set {
    name: "instantiate",
    what: "a fresh instance of a loaded module, a touch, drop included",
    unit: Unit::Ns,
    reference: "wasmi",
    pairs: &[
        ("rotifer", "wasmi"),
        ("rotifer.tracked", "wasmi"),
        ("rotifer.reset", "wasmi"),
        ("rotifer.reset-2-threads", "rotifer.reset"),
        ("rotifer.cold", "wasmi"),
        ("rotifer", "tinywasm"),
        ("rotifer", "cranelift.on-demand"),
        ("rotifer", "cranelift.pool"),
        ("rotifer", "cranelift.pool-pagemap"),
        ("rotifer.tracked", "cranelift.pool-pagemap"),
        ("rotifer.reset", "cranelift.pool-pagemap"),
    ],
    differences: &[],
    engines: || Ok(engines::for_instantiate()),
    throughput: false,
    kind: Kind::Time { own, outside },
};

/// Our memories in mebibytes, with the numbers of pages touched in each.
const OWN: &[(usize, &[i32])] = &[(1, &[1, 8, 64]), (16, &[1, 8, 64, 512]), (128, &[1, 8, 64, 512])];

/// How many pages the host touches.
const HOST: [u32; 2] = [1, 32];

/// The page that is touched first, and the distance to each next one, which is odd so that it visits every page of a
/// memory whose number of pages is a power of two.
const FIRST_PAGE: usize = 3;
const PAGE_STEP: usize = 157;

fn own() -> Result<Vec<BoxedCase>> {
    let mut cases: Vec<BoxedCase> = Vec::new();
    for &(mebibytes, touches) in OWN {
        let image = image(mebibytes << 20);
        let name = format!("{mebibytes} MiB");
        let module = Rc::new(Module::parse(&name, wat::parse_str(text(mebibytes << 20, &image))?)?);
        let new = |name, touch, expected| {
            Box::new(Renewal { name, module: module.clone(), touch, expected }) as BoxedCase
        };
        cases.push(new(name.clone(), Touch::Nothing, Some(0)));
        for &pages in touches {
            let expected = sum(mebibytes << 20, &image, pages as usize);
            cases.push(new(format!("{name} touch {pages}"), Touch::Call(pages), Some(expected)));
        }
        for pages in HOST {
            cases.push(new(format!("{name} host {pages}"), Touch::Host(pages), None));
        }
    }
    Ok(cases)
}

/// Untouched, and touched by the host if there is an exported memory.
fn outside(outside: &Outside) -> Result<Vec<BoxedCase>> {
    let module = &outside.module;
    if !module.imports_only_functions() {
        return Ok(Vec::new());
    }
    let new = |name: String, touch, expected| {
        Box::new(Renewal { name, module: module.clone(), touch, expected }) as BoxedCase
    };
    let mut cases = vec![new(module.name.clone(), Touch::Nothing, Some(0))];
    if module.exports_memory {
        let case = |pages| new(format!("{} touch {pages}", module.name), Touch::Host(pages), None);
        cases.extend(HOST.map(case));
    }
    Ok(cases)
}

/// What a memory of `bytes` begins with: numbers without a pattern, in its first tenth.
fn image(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let words = bytes / 10 / 8;
    let mut image = Vec::with_capacity(words * 8);
    for _ in 0..words {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        image.extend(state.to_le_bytes());
    }
    image
}

/// The module in text.
fn text(bytes: usize, image: &[u8]) -> String {
    let mut data = String::with_capacity(image.len() * 3);
    for byte in image {
        let _ = write!(data, "\\{byte:02x}");
    }
    let (wasm_pages, mask) = (bytes >> 16, bytes - 1);
    let (first, step) = (FIRST_PAGE * PAGE_BYTES, PAGE_STEP * PAGE_BYTES);
    format!(
        r#"(module
  (memory (export "memory") {wasm_pages})
  (data (i32.const 0) "{data}")
  (func (export "touch") (param $pages i32) (result i64) (local $address i32) (local $sum i64)
    (local.set $address (i32.const {first}))
    (loop $again
      (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $address))))
      (i64.store (local.get $address) (i64.extend_i32_u (local.get $pages)))
      (local.set $address
        (i32.and (i32.add (local.get $address) (i32.const {step})) (i32.const {mask})))
      (br_if $again (local.tee $pages (i32.sub (local.get $pages) (i32.const 1)))))
    (local.get $sum)))"#
    )
}

/// What `touch` of so many pages returns in a fresh instance.
fn sum(bytes: usize, image: &[u8], pages: usize) -> i64 {
    let word = |i: usize| {
        let address = (FIRST_PAGE + i * PAGE_STEP) * PAGE_BYTES % bytes;
        let word = image.get(address..address + 8).and_then(|word| word.try_into().ok());
        word.map_or(0, i64::from_le_bytes)
    };
    (0..pages).map(word).fold(0, i64::wrapping_add)
}

/// Instances of one module.
struct Renewal {
    name: String,
    module: Rc<Module>,
    touch: Touch,
    /// The sum that is found in one instance; if it is not known, that of the first one.
    expected: Option<i64>,
}

impl Case for Renewal {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> Option<u64> {
        Some(self.module.bytes.len() as u64)
    }

    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
        let loaded = engine.loader()?.load(&self.module)?;
        let expected = match self.expected {
            Some(expected) => expected,
            None => loaded.renew(self.touch, 1)?,
        };
        let renew = move |times: u32| -> Result<()> {
            let (sum, expected) = (loaded.renew(self.touch, times)?, expected.wrapping_mul(times.into()));
            ensure!(sum == expected, "WRONG: found {sum} in {times} fresh instances, not {expected}");
            Ok(())
        };
        renew(2)?;
        let work = move |iterations| {
            let start = Instant::now();
            renew(iterations)?;
            Ok(start.elapsed())
        };
        Ok(Prepared { observed: expected as u64, work: Box::new(work) })
    }
}
