//! The target `wast-text`: scripts and modules in the text format, mutated. Whatever the text is, there is a verdict
//! on each directive, without a panic, in bounded time and memory; and load modes and dispatchers agree in all of
//! them.

use std::{cell::RefCell, panic, sync::Once};

use rotifer::{Config, Dispatch, Limits};
use rotifer_wast::{Fuel, Mode, Outcome, Runner, RunnerConfig};

use crate::{Finding, execute::Done, random::Random};

/// The fuel of a call of a script, which also bounds how much memory it can ask for.
const FUEL: u64 = 50_000;

/// Scripts to mutate.
const SCRIPTS: [&str; 13] = [
    include_str!("../../spec-tests/own/across_instances.wast"),
    include_str!("../../spec-tests/own/block_params.wast"),
    include_str!("../../spec-tests/own/br_table_values.wast"),
    include_str!("../../spec-tests/own/local_alias.wast"),
    include_str!("../../spec-tests/own/memory64_bulk.wast"),
    include_str!("../../spec-tests/own/memory64_load_store.wast"),
    include_str!("../../spec-tests/own/memory64_size_grow.wast"),
    include_str!("../../spec-tests/own/select_forms.wast"),
    include_str!("../../spec-tests/own/table64_access.wast"),
    include_str!("../../spec-tests/own/table64_bulk.wast"),
    include_str!("../../spec-tests/own/table64_call_indirect.wast"),
    include_str!("../seeds/wast-text/directives.wast"),
    include_str!("api/kit.wat"),
];

/// What is put into texts.
const WORDS: [&str; 64] = [
    "(",
    ")",
    "(module",
    "(module quote",
    "(module binary",
    "(module definition",
    "(module instance",
    "(func",
    "(param",
    "(result",
    "(local",
    "(import",
    "(export",
    "(memory",
    "(table",
    "(global",
    "(elem",
    "(data",
    "(start",
    "(type",
    "(rec",
    "(item",
    "(offset",
    "(pagesize",
    "(mut",
    "(then",
    "(else",
    "i64",
    "i32",
    "f32",
    "externref",
    "v128",
    "shared",
    "funcref",
    "block",
    "loop",
    "if",
    "end",
    "br_table",
    "call_indirect",
    "i32.const",
    "f64.const",
    "-0x1",
    "0xffff_ffff",
    "18446744073709551615",
    "-9223372036854775808",
    "nan:canonical",
    "nan:arithmetic",
    "nan:0x1",
    "\"\\00asm\\01\\00\\00\\00\"",
    "\"\\ff\\u{10ffff}\"",
    "$x",
    "(;",
    ";)",
    ";;",
    "(invoke \"f\"",
    "(assert_trap",
    "(assert_return",
    "(assert_invalid",
    "(assert_malformed",
    "(register",
    "(get",
    "(@custom \"x\" (after func)",
    "(either",
];

thread_local! {
    /// Where the last panic was.
    static PANICKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The runner catches panics, of which those of others' crates are not findings: remember where they are.
fn watch_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        panic::set_hook(Box::new(|info| {
            PANICKED.set(Some(info.to_string()));
        }));
    });
}

/// A script from a seed: directives of one script, or of two, changed in some places.
pub fn text_of_seed(seed: u64) -> String {
    let mut random = Random::new(seed ^ 0x7e87);
    let mut text = String::new();
    for _ in 0..random.range(1, 2) {
        let script = random.pick(&SCRIPTS);
        // A window, so that most texts are small; it mostly begins where a directive does.
        let starts: Vec<usize> = script.match_indices("\n(").map(|(at, _)| at).collect();
        let from = if starts.is_empty() || random.one_in(3) { 0 } else { random.pick(&starts) };
        let len = random.pick(&[300, 1_000, 4_000]);
        text.extend(script[from..].chars().take(len));
    }
    for _ in 0..random.pick(&[0, 1, 2, 5, 20]) {
        mutate(&mut text, &mut random);
    }
    text
}

/// A place in a text between two characters.
fn place(text: &str, random: &mut Random) -> usize {
    let mut at = random.below(text.len() as u64 + 1) as usize;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The words of a text.
fn word(text: &str, random: &mut Random) -> std::ops::Range<usize> {
    let at = place(text, random);
    let is_end = |c: char| c.is_whitespace() || c == '(' || c == ')';
    let start = text[..at].rfind(is_end).map_or(0, |start| start + 1);
    let end = text[at..].find(is_end).map_or(text.len(), |len| at + len);
    start..end.max(start)
}

fn mutate(text: &mut String, random: &mut Random) {
    match random.below(9) {
        0 | 1 => text.replace_range(word(text, random), random.pick(&WORDS)),
        2 => {
            let other = text[word(text, random)].to_string();
            text.replace_range(word(text, random), &other);
        }
        3 => text.replace_range(word(text, random), ""),
        4 => text.insert_str(place(text, random), &format!(" {} ", random.pick(&WORDS))),
        5 => {
            let number = Random::bits(random) >> random.below(64);
            text.replace_range(word(text, random), &number.to_string());
        }
        6 => text.truncate(place(text, random)),
        7 => {
            // A piece once more, or very often.
            let (a, b) = (place(text, random), place(text, random));
            let piece = text[a.min(b)..a.max(b)].chars().take(200).collect::<String>();
            let times = random.pick(&[1, 1, 1, 2, 50]);
            text.insert_str(place(text, random), &piece.repeat(times));
        }
        _ => {
            text.insert(place(text, random), random.pick(&['"', '\\', '\u{202e}', '\0', 'é', '(', ')', '\n']))
        }
    }
}

/// What a runner of this mode and dispatcher says.
fn outcome(text: &str, mode: Mode, dispatch: Dispatch) -> Outcome {
    let mut config = Config::default();
    let mut limits = Limits::default();
    (limits.memory_bytes, limits.table_elements) = (16 << 20, 100_000);
    config.features(crate::execute::all_features()).dispatch(dispatch).canonical_nans(true).limits(limits);
    let config = RunnerConfig::new().engine_config(config).mode(mode).fuel(Fuel::Limited(FUEL));
    Runner::new(config).run_script(text)
}

/// A panic that was caught: one of rotifer's is a finding.
fn check_panic() -> Result<bool, Finding> {
    let Some(place) = PANICKED.take() else { return Ok(false) };
    // The text format is another project's.
    if place.contains("/wast-2") || place.contains("/wat-1") {
        return Ok(true);
    }
    Err(Finding::new("panic", place))
}

/// Runs a text as a script with several runners, and loads it as a module.
pub fn run(seed: u64, text: &str) -> Result<Done, Finding> {
    watch_panics();
    PANICKED.set(None);
    let mut random = Random::new(seed);
    let mut done = Done::default();
    let dispatchers = Dispatch::available();
    let first = outcome(text, Mode::Checked, dispatchers[0]);
    done.calls = (first.passed + first.failures.len() + first.not_applicable) as u64;
    done.returns = first.passed as u64;
    if check_panic()? {
        return Ok(Done { refused: 1, ..done });
    }
    let other = outcome(text, Mode::Eager, dispatchers[dispatchers.len() - 1]);
    check_panic()?;
    compare(&first, &other)?;
    // These say less about refusals, or later.
    outcome(text, random.pick(&[Mode::Partial, Mode::Unchecked]), random.pick(dispatchers));
    check_panic()?;
    if let Ok(wasm) = wat::parse_str(text) {
        crate::validate::validate(&wasm, &crate::execute::all_features())?;
    }
    check_panic()?;
    Ok(done)
}

fn compare(a: &Outcome, b: &Outcome) -> Result<(), Finding> {
    if (a.passed, a.deviations, &a.failures) == (b.passed, b.deviations, &b.failures) {
        return Ok(());
    }
    let text = |outcome: &Outcome| {
        let failures: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
        format!("{} passed, {} deviated, {failures:?}", outcome.passed, outcome.deviations)
    };
    Err(Finding::new("modes", format!("{}; but {}", text(a), text(b))))
}
