//! `cargo xtask codegen`: looks at the machine code of the handlers of a release build.
//!
//! What makes the interpreter fast is what handlers do not have: no push, no call, no conditional move that selects
//! the next cell, and a jump at the end of every path. Stable Rust promises none of this, so that a change of the
//! compiler or of a handler can lose it without failing any test. Handlers that may have such things are named in
//! `handlers/allowed.txt`, with reasons, and for other machines beside it.

mod aarch64;
mod allowed;
mod image;
mod paths;
mod report;
mod x86_64;

use self::{
    allowed::Allowed,
    image::{Handler, Image},
};
use crate::{cross, repository};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::PathBuf,
    process::Command,
};

/// The package of the program that is looked at.
const PACKAGE: &str = "rotifer-handlers";

/// Whether there are rules for the machine that this runs on.
pub(crate) const HAS_RULES: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// What to look at.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Prints the machine code of handlers whose op's name begins so; may be repeated.
    #[arg(long, value_name = "OP")]
    show: Vec<String>,
    /// Prints what each handler breaks of the rules, the allowed as well.
    #[arg(long)]
    findings: bool,
    /// Builds for another machine, `aarch64-unknown-linux-gnu` say, on which the program runs under qemu.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// What a rule forbids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Finding {
    /// It uses the native stack.
    Stack,
    /// It calls, which may be the next handler.
    Call,
    /// Where it goes on depends on data, by a conditional move or arithmetic on flags.
    Select,
    /// A path returns instead of going on.
    Return,
    /// A path ends elsewhere.
    Trap,
}

impl Finding {
    const ALL: [(Self, &str); 5] = [
        (Self::Stack, "stack"),
        (Self::Call, "call"),
        (Self::Select, "select"),
        (Self::Return, "return"),
        (Self::Trap, "trap"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(finding, _)| *finding == self).map_or("?", |(_, name)| name)
    }
}

/// The machine code of a handler, as the rules see it.
#[derive(Default)]
pub(crate) struct Code {
    /// Address, length and text of each instruction.
    pub(crate) instructions: BTreeMap<u64, (usize, String)>,
    pub(crate) findings: BTreeSet<Finding>,
    /// Pushes and their like.
    pub(crate) pushes: usize,
    /// The targets of calls.
    pub(crate) calls: BTreeSet<u64>,
    /// Other code that it names: handlers of rare paths.
    pub(crate) cold: BTreeSet<u64>,
}

/// The rules of a machine: the code from an address on.
type Analyse = fn(&Image, u64) -> Result<Code>;

/// Builds the program and looks at it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (program, run) = build(options.target.as_deref())?;
    let image = Image::load(&program)?;
    let (analyse, allowed): (Analyse, _) = match image.architecture() {
        object::Architecture::X86_64 => (x86_64::analyse, "handlers/allowed.txt"),
        object::Architecture::Aarch64 => (aarch64::analyse, "handlers/allowed.aarch64.txt"),
        other => bail!("there are no rules for {other:?} yet"),
    };
    let mut handlers = Vec::new();
    for handler in image.handlers(run)? {
        let code = analyse(&image, handler.address).with_context(|| format!("in {}", handler.names[0]))?;
        handlers.push((handler, code));
    }
    for (handler, code) in &handlers {
        if handler
            .names
            .iter()
            .any(|name| options.show.iter().any(|wanted| name.starts_with(wanted.as_str())))
        {
            report::listing(&image, handler, code);
        }
    }
    let cold = cold_handlers(&image, analyse, &handlers)?;
    report::statistics(&handlers, &cold);
    if options.findings {
        report::findings(&image, &handlers);
    }
    let mut complaints = check(&image, &handlers, Allowed::load(allowed)?);
    complaints.extend(cold.iter().flat_map(|(address, code)| check_cold(&image, *address, code)));
    for complaint in &complaints {
        println!("{complaint}");
    }
    ensure!(complaints.is_empty(), "{} complaints", complaints.len());
    Ok(())
}

/// Builds the program as a release is built. Gives its path, and what runs it.
fn build(target: Option<&str>) -> Result<(PathBuf, Command)> {
    let cargo = || target.map_or_else(|| Ok(repository::cargo()), cross::cargo);
    let which = ["--release", "--locked", "--package", PACKAGE];
    repository::run(cargo()?.arg("build").args(which))?;
    let folder = match (env::var_os("CARGO_TARGET_DIR"), target) {
        (Some(folder), target) => PathBuf::from(folder).join(target.unwrap_or_default()),
        (None, Some(target)) => repository::root().join("target/cross").join(target),
        (None, None) => repository::root().join("target"),
    };
    let program = folder.join("release").join(format!("{PACKAGE}{}", env::consts::EXE_SUFFIX));
    let mut run = cargo()?;
    run.args(["run", "--quiet"]).args(which);
    Ok((program, run))
}

/// The handlers of rare paths, which no op names.
fn cold_handlers(
    image: &Image,
    analyse: Analyse,
    handlers: &[(Handler, Code)],
) -> Result<BTreeMap<u64, Code>> {
    let known: BTreeSet<u64> = handlers.iter().map(|(handler, _)| handler.address).collect();
    let mut cold = BTreeMap::new();
    let mut left: Vec<u64> = handlers.iter().flat_map(|(_, code)| code.cold.iter().copied()).collect();
    while let Some(address) = left.pop() {
        if known.contains(&address) || cold.contains_key(&address) {
            continue;
        }
        let code = analyse(image, address).with_context(|| format!("at {address:#x}"))?;
        left.extend(&code.cold);
        cold.insert(address, code);
    }
    Ok(cold)
}

/// Findings that are not allowed, and allowances that nothing needs.
fn check(image: &Image, handlers: &[(Handler, Code)], mut allowed: Allowed) -> Vec<String> {
    let mut complaints = Vec::new();
    for (handler, code) in handlers {
        for &finding in &code.findings {
            for name in handler.names.iter().filter(|name| !allowed.covers(finding, name)) {
                let calls: Vec<String> = code.calls.iter().map(|&target| image.symbol(target)).collect();
                complaints.push(format!("{} {name} {}", finding.name(), calls.join(" ")));
            }
        }
    }
    complaints.extend(allowed.stale());
    complaints
}

/// A rare path that calls does not come back to the dispatcher: its call was to be a jump.
fn check_cold(image: &Image, address: u64, code: &Code) -> Option<String> {
    let calls: Vec<String> = code.calls.iter().map(|&target| image.symbol(target)).collect();
    code.findings
        .contains(&Finding::Call)
        .then(|| format!("call in the rare path {} {}", image.symbol(address), calls.join(" ")))
}
