//! Modules with a byte changed, or with an end missing, get the verdict that wasmparser gives them; and whatever
//! the bytes of a body are, no walk panics.
//!
//! Set `ROTIFER_WASM_DIR` to a directory of modules to run the same over them. It takes a while.

mod common;

use common::{
    Random, all_features, check_contract, check_followed_error, compare, version_1, version_2,
    walk_unchecked, walk_unchecked_recorded, wasm,
};
use rotifer_core::{Features, Limits};
use rotifer_validator::{Module, Trust};
use std::path::Path;

const EVERYTHING: &str = include_str!("modules/everything.wat");
const FIRST_VERSION: &str = include_str!("modules/first_version.wat");

/// Another value for a byte: any, or a neighbour, which is more often almost right.
fn mutate(random: &mut Random, byte: u8) -> u8 {
    match random.below(4) {
        0 => byte.wrapping_add(1),
        1 => byte ^ 1 << random.below(8),
        _ => random.next() as u8,
    }
}

/// Changes one byte at a time, `count` times. Small modules are also watched by a recorder, which takes longer.
fn check_mutations(name: &str, bytes: &[u8], count: usize, features: &Features) {
    let original = compare(bytes, features, &|| name.to_owned()).expect("the original is valid");
    let code = original.bodies.first().map_or(0, |body| body.start) as usize;
    let code_end = original.bodies.last().map_or(0, |body| body.end) as usize;
    let mut random = Random(count as u64);
    let mut mutant = bytes.to_vec();
    for _ in 0..count {
        let at = random.below(bytes.len());
        mutant[at] = mutate(&mut random, bytes[at]);
        let what = || format!("{name} with byte {at:#x} {:#04x} for {:#04x}", mutant[at], bytes[at]);
        let verdict = compare(&mutant, features, &what);
        let is_small = bytes.len() < 10_000;
        match verdict {
            Ok(module) if is_small => check_contract(&module, &mutant, features),
            Err(error) if is_small => check_followed_error(&error, &mutant, features),
            _ => {}
        }
        let walk_unchecked = if is_small { walk_unchecked_recorded } else { walk_unchecked };
        if (code..code_end).contains(&at) {
            walk_unchecked(&original, &mutant, features);
        } else if let Ok(module) = Module::read(&mutant, features, &Limits::default(), Trust::Unchecked) {
            walk_unchecked(&module, &mutant, features);
        }
        mutant[at] = bytes[at];
    }
}

fn check_truncations(name: &str, bytes: &[u8], ends: impl Iterator<Item = usize>, features: &Features) {
    for end in ends {
        let verdict = compare(&bytes[..end], features, &|| format!("{name} up to {end:#x}"));
        if let Err(error) = verdict {
            assert!(error.offset().0 as usize <= end, "{error} up to {end:#x}");
        }
    }
}

#[test]
fn mutations_of_one_of_everything() {
    let bytes = wasm(EVERYTHING);
    check_mutations("everything", &bytes, 20_000, &all_features());
}

#[test]
fn mutations_of_the_first_version() {
    let bytes = wasm(FIRST_VERSION);
    for features in [Features::MVP, version_1(), version_2(), Features::default()] {
        check_mutations("first version", &bytes, 5_000, &features);
    }
}

/// A module whose sections are long enough for everything that reads several items at once, or the usual ones apart.
fn long_sections() -> Vec<u8> {
    let mut text =
        String::from("(module (type (func)) (type (func (param i32))) (memory 1) (table 400 funcref)\n");
    for n in 0..200 {
        let nops = if n % 40 == 7 { " nop".repeat(150) } else { String::new() };
        text += &format!("(func (type {}){nops})\n", n / 3 % 2);
    }
    let functions: String = (0..200).map(|n| format!(" {}", n * 7 % 200)).collect();
    text += &format!("(elem (i32.const 3) func{functions})\n");
    for n in 0..60 {
        let offset = (n * n * 37) << (n % 12) & 0xFFF0;
        text += &format!("(data (i32.const {offset}) \"{}\")\n", "d".repeat(n % 5 * 40));
    }
    text += "(data (i32.const -1) \"\") (data \"passive\") (data (memory 0) (i32.const 0x7fffffff) \"far\"))";
    wasm(&text)
}

#[test]
fn mutations_of_long_sections() {
    let bytes = long_sections();
    check_mutations("long sections", &bytes, 5_000, &all_features());
}

#[test]
fn truncations() {
    let bytes = long_sections();
    check_truncations("long sections", &bytes, (0..bytes.len()).step_by(3), &all_features());
    let bytes = wasm(EVERYTHING);
    check_truncations("everything", &bytes, 0..bytes.len(), &all_features());
    let bytes = wasm(FIRST_VERSION);
    check_truncations("first version", &bytes, 0..bytes.len(), &Features::MVP);
}

/// Two mutations at once, in bodies only, to get past the first error.
#[test]
fn bodies_of_noise() {
    let bytes = wasm(EVERYTHING);
    let features = all_features();
    let module = common::ours(&bytes, &features).unwrap();
    let mut random = Random(2);
    for _ in 0..2_000 {
        let mut mutant = bytes.clone();
        for body in &module.bodies {
            for _ in 0..1 + random.below(4) {
                let at = body.start as usize + random.below((body.end - body.start) as usize);
                mutant[at] = mutate(&mut random, mutant[at]);
            }
        }
        walk_unchecked_recorded(&module, &mutant, &features);
    }
}

/// Modules of one body, before its code: from one that has nothing to one that has one of everything.
fn bare_modules() -> Vec<Vec<u8>> {
    let items = [
        "",
        "(memory 1)",
        "(memory i64 1)",
        "(memory 1) (memory i64 1)",
        "(table 1 externref) (elem externref)",
        r#"(table 1 funcref) (global (mut i32) (i32.const 0)) (memory 1) (data "")"#,
    ];
    let module = |items: &str| {
        // An operator that names a data segment brings in the section that counts them.
        let body = if items.contains("data") { "unreachable data.drop 0" } else { "unreachable" };
        wasm(&format!(
            r#"(module (type (func (param i32) (result i32))) {items}
                (func (export "f") (param i32) (result i32) (local i64 f32) {body}))"#
        ))
    };
    items.map(module).to_vec()
}

/// The same module with another body of its only function.
fn with_body(bytes: &[u8], module: &Module, code: &[u8]) -> Vec<u8> {
    let body = module.bodies[0];
    // The code section: id, size, count, size of the body.
    let start = body.start as usize - 4;
    let mut mutant = bytes[..start].to_vec();
    mutant.extend([10, code.len() as u8 + 2, 1, code.len() as u8]);
    mutant.extend(code);
    mutant.extend(&bytes[body.end as usize..]);
    mutant
}

/// Short bodies of random operators, half of them dead code, where the rules are subtle.
#[test]
fn random_bodies() {
    let modules = bare_modules();
    let features = all_features();
    let mut random = Random(5);
    let mut valid = 0;
    for round in 0..60_000 {
        let bytes = &modules[round % modules.len()];
        let module = common::ours(bytes, &features).unwrap();
        let mut code = vec![2, 1, 0x7E, 1, 0x7D];
        let mut open = 1;
        for _ in 0..1 + random.below(8) {
            if random.below(4) == 0 {
                code.push([0x00, 0x0F][random.below(2)]);
            }
            push_operator(&mut random, &mut code, &mut open);
        }
        for _ in 0..open {
            // With `unreachable` in front, most ends are valid.
            let end = [&[0x00, 0x0B][..], &[0x0B]][usize::from(random.below(8) == 0)];
            code.extend(end);
        }
        let mutant = with_body(bytes, &module, &code);
        let verdict =
            compare(&mutant, &features, &|| format!("{code:02x?} in module {}", round % modules.len()));
        match verdict {
            Ok(module) => {
                check_contract(&module, &mutant, &features);
                valid += 1;
            }
            Err(error) => check_followed_error(&error, &mutant, &features),
        }
        if let Ok(module) = Module::read(&mutant, &features, &Limits::default(), Trust::Unchecked) {
            walk_unchecked_recorded(&module, &mutant, &features);
        }
    }
    println!("{valid} are valid");
    assert!(valid > 2_500, "only {valid} are valid");
}

/// Appends an operator, well-formed most of the time.
fn push_operator(random: &mut Random, code: &mut Vec<u8>, open: &mut usize) {
    let index = |random: &mut Random| [0, 0, 0, 1, 2][random.below(5)];
    match random.below(16) {
        0 => code.extend([0x02 + random.below(3) as u8, [0x40, 0x7F, 0x7E, 0][random.below(4)]]),
        1 if *open > 1 => code.push([0x05, 0x0B][random.below(2)]),
        1 | 2 => code.extend([0x0C + random.below(2) as u8, index(random)]),
        3 => code.extend([0x0E, 1, index(random), index(random)]),
        4 | 5 => code.extend([0x20 + random.below(3) as u8, index(random)]),
        6 => code.extend([[0x23, 0x24, 0x25, 0x26, 0x10, 0x12, 0xD2][random.below(7)], index(random)]),
        7 => code.extend([[0x11, 0x13][random.below(2)], 0, index(random)]),
        8 => code.extend([0x28 + random.below(23) as u8, random.below(4) as u8, 0]),
        9 => code.extend([0x3F + random.below(2) as u8, index(random)]),
        10 => code.extend([0x41 + random.below(2) as u8, random.next() as u8 & 0x7F]),
        11 => code.extend([[0x1A, 0x1B, 0xD1][random.below(3)]]),
        12 => code.extend([0xFC, random.below(24) as u8, index(random), index(random)]),
        13 => code.extend([[0xD0, 0x70], [0xD0, 0x6F], [0x01, 0x01]][random.below(3)]),
        _ => code.push(0x45 + random.below(0x80) as u8),
    }
    match code[code.len() - 2..] {
        [0x02..=0x04, 0x40 | 0x7F | 0x7E | 0] => *open += 1,
        [_, 0x0B] if *open > 1 => *open -= 1,
        _ => {}
    }
}

#[test]
fn directory_of_modules() {
    let Ok(directory) = std::env::var("ROTIFER_WASM_DIR") else { return };
    let mut pending = vec![Path::new(&directory).to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let (name, features) = (path.display().to_string(), Features::default());
        let module = compare(&bytes, &features, &|| name.clone()).expect("a valid module");
        check_contract(&module, &bytes, &features);
        // The larger the module, the longer each verdict takes.
        let count = (1_000_000_000 / (bytes.len() + 10_000)).min(20_000);
        println!("{name}: {} bytes, {count} mutations", bytes.len());
        check_mutations(&name, &bytes, count, &features);
        let mut random = Random(3);
        let ends = (0..count / 10).map(|_| random.below(bytes.len()));
        check_truncations(&name, &bytes, ends.collect::<Vec<_>>().into_iter(), &features);
    }
}
