//! `rotifer snapshot`: writes the state that a program is in after a function has prepared it, for `rotifer run --from`.

use super::{
    Call,
    host::{self, State, UnknownImports},
    initialize,
    limits::LimitOptions,
    wasi::WasiOptions,
};
use crate::{
    exit::Exit,
    options::{self, EngineOptions, ModeOption},
};
use anyhow::{Context, Result};
use rotifer::{Engine, Module, Snapshot, Store};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process,
};

/// Saves the state of a module, so that programs can begin with it.
///
/// The module is instantiated, its start function runs, and the function that --invoke names. The state after that is
/// written: memories, tables, globals. `rotifer run --from` begins with it and runs neither of them. What belongs to the
/// host is not in it: open files, the environment, random numbers that were drawn.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The module, binary or text; `-` is standard input.
    file: PathBuf,
    /// The exported function that prepares the state.
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// Where to write the state.
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: PathBuf,
    /// When functions are validated and translated.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeOption,
    #[command(flatten)]
    engine: EngineOptions,
    /// What a function is that the module imports and that is not provided.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    unknown_imports: UnknownImports,
    /// Arguments of the function, by the types of its parameters: -7 0xff 1e-3 inf nan:0x200000 null.
    #[arg(allow_hyphen_values = true, trailing_var_arg = true, requires = "invoke")]
    args: Vec<String>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    wasi: WasiOptions,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    let mut config = args.engine.config();
    args.limits.configure(&mut config);
    let engine = Engine::try_new(&config)?;
    let module = options::load_file(&engine, &args.file, args.mode)?;
    let shown = args.file.display();
    let invoke = args.invoke.as_deref();
    let call = invoke.map(|name| Call::new(&module, Some(name), &args.args)).transpose()?;
    let wasi = args.wasi.context(&args.file, &[])?;
    let mut store = Store::new(&engine, State { limits: args.limits.store_limits(), wasi });
    let linker = host::linker(&mut store, &module, args.unknown_imports)
        .with_context(|| format!("cannot instantiate {shown}"))?;
    args.limits.start(&mut store)?;
    let instance =
        linker.instantiate(&mut store, &module).with_context(|| format!("cannot instantiate {shown}"))?;
    match call {
        Some(call) => drop(call.carry_out(&mut store, &module, instance)?),
        None => initialize(&mut store, &module, instance)?,
    }
    let snapshot = instance.snapshot(&mut store).context("the state cannot be saved")?;
    let fuel = args.limits.fuel(&store);
    replace(&args.output, |file| snapshot.serialize_to(|bytes| file.write_all(bytes)))
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    if let Some(fuel) = fuel.filter(|_| args.limits.is_fuel_reported()) {
        eprintln!("{fuel}");
    }
    Ok(Exit::Success)
}

/// Reads what [`run`] wrote.
pub(super) fn read(path: &Path, module: &Module) -> Result<Snapshot> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    Snapshot::deserialize(module, &bytes).with_context(|| format!("cannot begin with {shown}"))
}

/// Writes a file that is there as a whole or not at all: under another name, in the same folder, until it is finished.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", process::id()));
    let part = path.with_file_name(name);
    let written = File::create_new(&part).and_then(|file| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&part, path)
    });
    if written.is_err() {
        // What made this fail is what the user has to know.
        let _ = fs::remove_file(&part);
    }
    written
}
