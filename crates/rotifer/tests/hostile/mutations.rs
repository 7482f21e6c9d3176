//! Modules with something changed: thousands, the same in every run. Whatever the outcome is, it is the same in
//! every mode and with both dispatchers.

use rotifer::{Engine, Error, LoadMode, Module};

use crate::{
    Random,
    binary::{self, Bytes, HEADER, Section, leb},
    corpus, engines,
    outcome::outcome,
};

/// Changes a module: a little, most of the time.
fn mutate(random: &mut Random, wasm: &[u8]) -> Vec<u8> {
    let mut bytes = wasm.to_vec();
    match random.below(10) {
        0..=3 => (0..1 + random.below(3)).for_each(|_| flip(random, &mut bytes)),
        4 => replace_number(random, &mut bytes),
        5 => insert_or_remove(random, &mut bytes),
        6 => resize_a_section(random, &mut bytes),
        7 => copy_within(random, &mut bytes),
        _ => return rearrange(random, wasm),
    }
    bytes
}

/// Another value for a byte: a neighbour, another bit, or any.
fn flip(random: &mut Random, bytes: &mut [u8]) {
    let at = random.below(bytes.len());
    bytes[at] = match random.below(4) {
        0 => bytes[at].wrapping_add(1),
        1 | 2 => bytes[at] ^ 1 << random.below(8),
        _ => random.next() as u8,
    };
}

/// Writes another number where one may be, in the same bytes or not.
fn replace_number(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = HEADER.len() + random.below(bytes.len() - HEADER.len());
    let len = bytes[at..].iter().take(10).position(|byte| *byte < 0x80).map_or(1, |end| end + 1);
    let number: u64 = [0, 1, 127, 128, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 32, u64::MAX][random.below(9)];
    let mut new = leb(number);
    if random.below(3) == 0 {
        // More bytes than it needs, perhaps too many.
        let end = new.len() - 1;
        new[end] |= 0x80;
        new.extend(std::iter::repeat_n(0x80, random.below(9)));
        new.push(0);
    }
    bytes.splice(at..at + len, new);
}

fn insert_or_remove(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len());
    if random.below(2) == 0 {
        bytes.insert(at, random.next() as u8);
    } else {
        let end = (at + 1 + random.below(4)).min(bytes.len());
        bytes.drain(at..end);
    }
}

/// Lets a section say that it is longer or shorter.
fn resize_a_section(random: &mut Random, bytes: &mut Vec<u8>) {
    let sections = binary::sections(bytes);
    let target = random.below(sections.len());
    let mut at = HEADER.len();
    for section in &sections[..target] {
        at += 1 + leb(section.content.len() as u64).len() + section.content.len();
    }
    let len = leb(sections[target].content.len() as u64).len();
    let real = sections[target].content.len() as u64;
    let lie = [0, real.wrapping_sub(1), real + 1, real * 2, u64::from(u32::MAX), random.next() >> 40];
    bytes.splice(at + 1..at + 1 + len, leb(lie[random.below(lie.len())]));
}

fn copy_within(random: &mut Random, bytes: &mut [u8]) {
    let len = 1 + random.below(8.min(bytes.len() - 1));
    let (from, to) = (random.below(bytes.len() - len), random.below(bytes.len() - len));
    bytes.copy_within(from..from + len, to);
}

/// Sections or bodies in another order, twice or not at all.
fn rearrange(random: &mut Random, wasm: &[u8]) -> Vec<u8> {
    let mut sections = binary::sections(wasm);
    let code = sections.iter().position(|section| section.id == 10);
    if let Some(code) = code
        && random.below(2) == 0
    {
        let mut bodies = binary::bodies(&sections[code].content);
        shuffle(random, &mut bodies);
        sections[code].content =
            binary::list(&bodies.iter().map(|body| binary::sized(body)).collect::<Vec<_>>());
    } else {
        shuffle(random, &mut sections);
    }
    binary::module(&sections)
}

fn shuffle<T: Clone>(random: &mut Random, items: &mut Vec<T>) {
    if items.is_empty() {
        return;
    }
    let (one, other) = (random.below(items.len()), random.below(items.len()));
    match random.below(3) {
        0 => items.swap(one, other),
        1 => items.insert(one, items[other].clone()),
        _ => drop(items.remove(one)),
    }
}

/// What was found in all mutants.
#[derive(Default, Debug)]
struct Tally {
    mutants: usize,
    valid: usize,
    /// Accepted by partial mode only.
    partial: usize,
    calls: usize,
}

/// Loads in every mode and executes.
fn check(engines: &[Engine], wasm: &[u8], tally: &mut Tally, what: &dyn Fn() -> String) {
    tally.mutants += 1;
    let verdict = Module::validate(&engines[0], wasm);
    if let Err(error) = &verdict {
        let error = error.as_module_error().unwrap_or_else(|| panic!("{}: {error:?}", what()));
        assert!(error.offset().0 as usize <= wasm.len(), "{}: {error}", what());
    }
    let mut outcomes = Vec::new();
    for engine in engines {
        for mode in [LoadMode::Eager, LoadMode::Checked] {
            let module = Module::new_with_mode(engine, wasm, mode);
            assert_eq!(text(&module), text(&verdict), "{} in {mode:?}", what());
            outcomes.extend(module.map(|module| outcome(engine, &module)));
        }
        match Module::new_with_mode(engine, wasm, LoadMode::Partial) {
            Ok(module) => {
                let executed = outcome(engine, &module);
                assert_eq!(text(&module.validate_all()), text(&verdict), "{}", what());
                if verdict.is_err() {
                    tally.partial += 1;
                    // Executed all the same; calls of invalid functions fail.
                    tally.calls += executed.len();
                } else {
                    outcomes.push(executed);
                }
            }
            Err(error) => {
                assert!(error.as_module_error().is_some(), "{}: {error:?}", what());
                assert!(verdict.is_err(), "{}: only partial mode refuses it: {error}", what());
            }
        }
    }
    tally.valid += usize::from(verdict.is_ok());
    if let Some((first, rest)) = outcomes.split_first() {
        tally.calls += outcomes.iter().map(Vec::len).sum::<usize>();
        assert!(rest.iter().all(|other| other == first), "{}: {outcomes:#?}", what());
    }
}

fn text<T>(result: &Result<T, Error>) -> Option<String> {
    result.as_ref().err().map(Error::to_string)
}

fn run(engines: &[Engine], name: &str, wasm: &[u8], count: usize, tally: &mut Tally) {
    let mut random = Random(wasm.len() as u64);
    for number in 0..count {
        let mutant = mutate(&mut random, wasm);
        check(engines, &mutant, tally, &|| format!("{name}, mutant {number}"));
    }
}

#[test]
fn mutants_have_one_outcome() {
    let engines = engines();
    let mut tally = Tally::default();
    for (name, wasm) in corpus::all() {
        run(&engines, &name, &wasm, 150, &mut tally);
    }
    println!("{tally:?}");
    assert!(tally.valid * 20 > tally.mutants && tally.partial > 500, "{tally:?}");
}

/// Noise behind a header, and noise in sections.
#[test]
fn noise() {
    let engines = engines();
    let mut tally = Tally::default();
    let mut random = Random(99);
    for round in 0..20_000 {
        let noise: Vec<u8> = (0..1 + random.below(30)).map(|_| (random.next() % 128) as u8).collect();
        let wasm = if round % 2 == 0 {
            [&HEADER, noise.as_slice()].concat()
        } else {
            binary::module(&[Section::new(random.below(14) as u8, noise)])
        };
        check(&engines[..1], &wasm, &mut tally, &|| format!("{wasm:02x?}"));
    }
    println!("{tally:?}");
}

#[test]
fn every_module_is_itself() {
    // The helpers that take modules apart put them together again.
    for (name, wasm) in corpus::all() {
        let sections = binary::sections(&wasm);
        let again = binary::module(&sections);
        assert_eq!(binary::sections(&again), sections, "{name}");
        assert!(Bytes(&wasm).take(8) == HEADER);
    }
}

#[test]
#[ignore = "needs modules"]
fn modules_from_elsewhere() {
    let engines = engines();
    let folders = std::env::var("ROTIFER_MODULES").expect("folders in ROTIFER_MODULES");
    for folder in folders.split(':') {
        for (name, wasm) in corpus::folder(folder.as_ref()) {
            let mut tally = Tally::default();
            run(&engines, &name, &wasm, (20_000_000 / wasm.len()).clamp(10, 2_000), &mut tally);
            println!("{name}: {} bytes, {tally:?}", wasm.len());
        }
    }
}
