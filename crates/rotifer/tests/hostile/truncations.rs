//! Modules that end too soon: the whole of them, a section, or a body.

use rotifer::{Engine, LoadMode, Module};

use crate::{
    MODES,
    binary::{self, Section},
    corpus, engines,
    outcome::outcome,
    refusal,
};

/// Checks every mode's answer to bytes that may or may not be valid, and executes what is accepted. Returns how
/// many modes accept.
fn check(engines: &[Engine], wasm: &[u8], what: &dyn Fn() -> String) -> usize {
    let engine = &engines[0];
    if Module::validate(engine, wasm).is_err() {
        refusal(engine, wasm);
    }
    let mut accepted = 0;
    for mode in MODES {
        if Module::new_with_mode(engine, wasm, mode).is_err() {
            continue;
        }
        accepted += 1;
        let outcomes: Vec<_> = engines
            .iter()
            .map(|engine| {
                let module = Module::new_with_mode(engine, wasm, mode).expect("it was accepted before");
                outcome(engine, &module)
            })
            .collect();
        let first = &outcomes[0];
        assert!(outcomes.iter().all(|other| other == first), "{} in {mode:?}: {outcomes:#?}", what());
    }
    accepted
}

/// At every `step`th byte.
fn truncate(engines: &[Engine], name: &str, wasm: &[u8], step: usize) -> (usize, usize) {
    let (mut cuts, mut accepted) = (0, 0);
    for end in (0..wasm.len()).step_by(step) {
        cuts += 1;
        accepted += check(engines, &wasm[..end], &|| format!("{name} up to {end}"));
    }
    (cuts, accepted)
}

#[test]
fn modules_cut_off_at_every_byte() {
    let engines = engines();
    let (mut cuts, mut accepted) = (0, 0);
    for (name, wasm) in corpus::all() {
        let (more, others) = truncate(&engines, &name, &wasm, 1);
        (cuts, accepted) = (cuts + more, accepted + others);
    }
    println!("{cuts} truncations, accepted in {accepted} modes");
    // Some end at the end of a section, and nothing that is missing is missed.
    assert!(cuts > 50_000 && accepted > 100, "{cuts} {accepted}");
}

/// A section that says how long it is, and is that long, but ends within something.
#[test]
fn sections_cut_off_at_every_byte() {
    let engines = engines();
    let mut cuts = 0;
    for (name, wasm) in corpus::all().into_iter().filter(|(_, wasm)| wasm.len() < 3_000) {
        let sections = binary::sections(&wasm);
        for (index, section) in sections.iter().enumerate() {
            // Each body on its own: below.
            let len = if section.id == 10 { section.content.len().min(50) } else { section.content.len() };
            for end in 0..len {
                let mut sections = sections.clone();
                sections[index].content.truncate(end);
                check(&engines, &binary::module(&sections), &|| {
                    format!("{name}: section {index} up to {end}")
                });
                cuts += 1;
            }
        }
    }
    println!("{cuts} truncations");
    assert!(cuts > 5_000, "{cuts}");
}

/// Bodies that end too soon, in modules that are otherwise whole: partial mode accepts them.
#[test]
fn bodies_cut_off_at_every_byte() {
    let engines = engines();
    let (mut cuts, mut by_partial) = (0, 0);
    for (name, wasm) in corpus::all().into_iter().filter(|(_, wasm)| wasm.len() < 3_000) {
        let sections = binary::sections(&wasm);
        let Some(code) = sections.iter().find(|section| section.id == 10) else { continue };
        let bodies = binary::bodies(&code.content);
        for (index, body) in bodies.iter().enumerate() {
            // The ends of long ones, where frames close.
            let ends =
                (0..body.len()).filter(|end| body.len() < 300 || body.len() - end < 20 || end % 7 == 0);
            for end in ends {
                let mut bodies = bodies.clone();
                bodies[index].truncate(end);
                let cut = binary::with_bodies(&wasm, &bodies);
                let accepted = check(&engines, &cut, &|| format!("{name}: body {index} up to {end}"));
                assert!(accepted <= 1, "{name}: body {index} up to {end}");
                (cuts, by_partial) = (cuts + 1, by_partial + accepted);
            }
        }
    }
    println!("{cuts} truncations");
    assert!(cuts > 5_000 && by_partial == cuts, "{cuts}, {by_partial}");
}

#[test]
fn a_custom_section_may_stand_anywhere_and_end_nowhere_else() {
    let engines = engines();
    let wasm = corpus::generated(3, 7);
    let sections = binary::sections(&wasm);
    for index in 0..=sections.len() {
        let mut sections = sections.clone();
        sections.insert(index, Section::new(0, *b"\x04name\x00\xFF\xFF"));
        let whole = binary::module(&sections);
        assert_eq!(check(&engines, &whole, &|| format!("at {index}")), MODES.len());
        let module = Module::new_with_mode(&engines[0], &whole, LoadMode::Checked).unwrap();
        assert!(module.custom_sections().any(|section| section.data() == [0, 0xFF, 0xFF]));
        assert_eq!(module.name(), None);
        // The same with a name that is longer than its section.
        sections[index].content[0] = 9;
        assert!(refusal(&engines[0], &binary::module(&sections)).starts_with("length out of bounds"));
    }
}

/// Modules from elsewhere: at so many bytes that each takes a while, not a day.
#[test]
#[ignore = "needs modules"]
fn modules_from_elsewhere() {
    let engines = engines();
    let folders = std::env::var("ROTIFER_MODULES").expect("folders in ROTIFER_MODULES");
    for folder in folders.split(':') {
        for (name, wasm) in corpus::folder(folder.as_ref()) {
            let step = (wasm.len() / 1_000).max(1);
            let (cuts, accepted) = truncate(&engines, &name, &wasm, step);
            println!(
                "{name}: {} bytes, cut at every byte number {step}: {cuts}, accepted {accepted}",
                wasm.len()
            );
        }
    }
}
