//! The golden files of `spec-tests/fuel/`: a module in the text format, and in comments what is done with it
//! and what happens then.
//!
//! ```text
//! ;;! config depth=3 load=2 i64.mul=5
//! (module ...)
//! ;;! invoke f 1 2 fuel=4 refuel=exact
//! ;;> out of fuel: needs 3, has 1, used 3, at i32_add (func 0, 0x2d)
//! ;;> return 3, used 6
//! ```
//!
//! Lines that begin with `;;!` are directives, those with `;;>` what is expected of the directive above them.
//! *Used* is the fuel consumed since the call began: host functions that set the fuel and refuelling do not
//! count.
//!
//! * `config` comes first. `depth`, `memory`, `table` and `refused=trap` limit calls, bytes and elements;
//!   `all`, `entity`, `load`, `store`, `call`, names of instructions, `bytes` and `elements` are costs.
//! * `instantiate fuel=N` makes an instance; without it there is one when the first function is called.
//! * `invoke NAME ARGUMENT* fuel=N refuel=HOW` calls an exported function. `fuel` is 1000 if nothing else is
//!   said; `refuel` is what happens when it runs out: `never`, `exact`, `+N` for so much more than required,
//!   or the number to add.
//!
//! Imported functions are those of [`crate::host_results`] and [`crate::fuel_after`].

use crate::{Event, Module, Options, Place, Refuel, Run, Subject, Value, ValueType, fuel_after};
use rotifer_core::FuelCosts;
use std::num::NonZeroU32;

/// What goes wrong with a golden file: a line and what is wrong there.
pub type Error = String;

const FUEL: u64 = 1_000;

/// The module of a golden file.
///
/// # Errors
/// The text is not that of a module.
pub fn wasm(text: &str) -> Result<Vec<u8>, Error> {
    wat::parse_str(text).map_err(|error| error.to_string())
}

/// What the golden file's `config` lines say.
///
/// # Errors
/// A line says something that does not exist.
pub fn options(text: &str, module: &Module<'_>) -> Result<Options, Error> {
    let mut options = Options::default();
    for line in text.lines().filter_map(|line| line.strip_prefix(";;! config ")) {
        for word in line.split_whitespace() {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("`{word}` is not KEY=VALUE"))?;
            set_option(&mut options, module, key, value).ok_or_else(|| format!("what is `{word}`?"))?;
        }
    }
    Ok(options)
}

fn set_option(options: &mut Options, module: &Module<'_>, key: &str, value: &str) -> Option<()> {
    match key {
        "depth" => options.max_call_depth = value.parse().ok()?,
        "memory" => options.max_memory_bytes = value.parse().ok()?,
        "table" => options.max_table_elements = value.parse().ok()?,
        "refused" => options.refused_growth_traps = value == "trap",
        _ => options.costs = with_cost(options.costs.clone(), module, key, value)?,
    }
    Some(())
}

fn with_cost(costs: FuelCosts, module: &Module<'_>, key: &str, value: &str) -> Option<FuelCosts> {
    let cost = || value.parse::<u8>().ok();
    let count = || value.parse::<NonZeroU32>().ok();
    Some(match key {
        "all" => costs.all(cost()?),
        "entity" => costs.entity(cost()?),
        "load" => costs.load(cost()?),
        "store" => costs.store(cost()?),
        "call" => costs.call(cost()?),
        "bytes" => costs.bytes_per_fuel(count()?),
        "elements" => costs.elements_per_fuel(count()?),
        name => costs.opcode(module.opcode_of(name)?, cost()?).ok()?,
    })
}

/// Does what a golden file says, and returns the file with what happened for what was expected.
///
/// # Errors
/// A directive is wrong.
pub fn play(text: &str, module: &Module<'_>, subject: &mut dyn Subject) -> Result<String, Error> {
    let mut has_instance = false;
    let mut output = String::new();
    for line in text.lines().filter(|line| !line.starts_with(";;>")) {
        output.push_str(line);
        output.push('\n');
        let Some(directive) = line.strip_prefix(";;! ") else { continue };
        let words: Vec<&str> = directive.split_whitespace().collect();
        let fuel = setting(&words, "fuel")
            .map_or(Ok(FUEL), str::parse)
            .map_err(|error| format!("{line}: {error}"))?;
        let events = match words[..] {
            ["config", ..] => continue,
            ["instantiate", ..] => {
                has_instance = true;
                (subject.instantiate(fuel), Run::new(0, "", vec![], fuel))
            }
            ["invoke", ref words @ ..] => {
                if !has_instance {
                    subject.instantiate(FUEL);
                    has_instance = true;
                }
                let run = call(words, module, fuel).ok_or_else(|| format!("{line}: not a call"))?;
                (subject.invoke(&run), run)
            }
            _ => return Err(format!("{line}: no such directive")),
        };
        output.push_str(&print(&events.0, module, &events.1));
    }
    Ok(output)
}

fn setting<'t>(words: &[&'t str], key: &str) -> Option<&'t str> {
    words.iter().find_map(|word| word.split_once('=').filter(|pair| pair.0 == key)).map(|pair| pair.1)
}

fn call(words: &[&str], module: &Module<'_>, fuel: u64) -> Option<Run> {
    let func = module.exported_func(words.first()?)?;
    let params = &module.signature(func).params;
    let args: Vec<&str> = words[1..].iter().copied().filter(|word| !word.contains('=')).collect();
    if args.len() != params.len() {
        return None;
    }
    let args = params.iter().zip(args).map(|(&ty, text)| value(ty, text));
    let mut run = Run::new(func, words[0], args.collect::<Option<_>>()?, fuel);
    run.refuel = match setting(words, "refuel") {
        None | Some("never") => Refuel::Never,
        Some("exact") => Refuel::Exact,
        Some(number) if number.starts_with('+') => Refuel::Plus(number.parse().ok()?),
        Some(number) => Refuel::Add(number.parse().ok()?),
    };
    Some(run)
}

fn value(ty: ValueType, text: &str) -> Option<Value> {
    let bits = match ty {
        ValueType::I32 => text.parse::<i64>().ok()? as u32 as u64,
        ValueType::I64 => text.parse::<i128>().ok()? as u64,
        ValueType::F32 => text.parse::<f32>().ok()?.to_bits().into(),
        ValueType::F64 => text.parse::<f64>().ok()?.to_bits(),
        ValueType::Func | ValueType::Extern => (text == "null").then_some(0)?,
    };
    Some(Value::new(ty, bits))
}

/// Events as they are written in golden files.
pub fn print(events: &[Event], module: &Module<'_>, run: &Run) -> String {
    let mut output = String::new();
    // All that was ever given.
    let mut granted = i128::from(run.fuel);
    for event in events {
        let fuel = event.fuel();
        let used = granted - i128::from(fuel);
        output.push_str(";;> ");
        output.push_str(&match event {
            Event::Host { import, args, .. } => {
                let name = module.imported_funcs()[*import as usize].1;
                granted += i128::from(fuel_after(name, args, fuel)) - i128::from(fuel);
                format!("{name}({}), used {used}", list(args))
            }
            &Event::OutOfFuel { required, place, .. } => {
                let more = run.refuel.apply(fuel, required).unwrap_or(fuel);
                granted += i128::from(more) - i128::from(fuel);
                let place = print_place(place, module);
                format!("out of fuel: needs {required}, has {fuel}, used {used}, at {place}")
            }
            Event::Trap { code, place, .. } => {
                let place = place.map(|place| format!(", at {}", print_place(place, module)));
                format!("trap: {code}, used {used}{}", place.unwrap_or_default())
            }
            Event::HostFailed { .. } => format!("the host failed, used {used}"),
            Event::Return { values, .. } if values.is_empty() => format!("return, used {used}"),
            Event::Return { values, .. } => format!("return {}, used {used}", list(values)),
        });
        output.push('\n');
    }
    output
}

fn list(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
}

fn print_place(place: Place, module: &Module<'_>) -> String {
    let name = module.instruction_at(place.offset).unwrap_or("no instruction");
    format!("{name} (func {}, {:#x})", place.func, place.offset)
}
