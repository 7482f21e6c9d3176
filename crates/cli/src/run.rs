//! `rotifer run`: loads a module and calls one of its functions.

#[cfg(feature = "count-ops")]
mod count;
mod host;
mod limits;
mod outcome;
mod profile;
pub(crate) mod snapshot;
mod wasi;

use crate::{
    exit::{Exit, UsageError},
    format::{Format, FormatOption, quoted},
    options::{self, EngineOptions, ModeOption},
    values,
};
use anyhow::{Context, Result, bail};
use host::{State, UnknownImports};
use limits::LimitOptions;
use outcome::Outcome;
use profile::{Profile, ProfileOptions};
use rotifer::{Engine, ExternType, FuncType, Instance, Module, Store, Val};
use std::{io::Write, path::PathBuf};
use wasi::WasiOptions;

/// Runs a function of a module, or a program for WASI.
///
/// The function is that of --invoke, else `_start`, else `main`, else the only exported one. Its results are
/// printed, one per line. A module may import WASI preview 1 and the printing functions of the test suite's module
/// `spectest`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The module, binary or text; `-` is standard input.
    file: PathBuf,
    /// The exported function to call.
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// Begins with the state that `rotifer snapshot` has written: neither the start function runs nor `_initialize`.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    from: Option<PathBuf>,
    /// When functions are validated and translated.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeOption,
    #[command(flatten)]
    engine: EngineOptions,
    /// What a function is that the module imports and that is not provided.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    unknown_imports: UnknownImports,
    /// Shows at a trap, or when a function of the host has failed, all calls that were active, not only the innermost
    /// few.
    #[arg(long)]
    backtrace: bool,
    #[command(flatten)]
    format: FormatOption,
    /// Arguments of the function, by the types of its parameters: -7 0xff 1e-3 inf nan:0x200000 null. Or those of
    /// the program for WASI, if there is no --invoke.
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    args: Vec<String>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    profile: ProfileOptions,
    #[cfg(feature = "count-ops")]
    #[command(flatten)]
    count: count::CountOptions,
    #[command(flatten)]
    wasi: WasiOptions,
}

/// A call of an exported function.
struct Call {
    name: String,
    ty: FuncType,
    params: Vec<Val>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &mut impl Write) -> Result<Exit> {
    let mut config = args.engine.config();
    args.limits.configure(&mut config);
    args.profile.configure(&mut config);
    #[cfg(feature = "count-ops")]
    args.count.configure(&mut config);
    let engine = Engine::try_new(&config)?;
    let module = options::load_file(&engine, &args.file, args.mode)?;
    let shown = args.file.display();
    // Before anything of the module runs, its start function included.
    let is_program = wasi::is_imported(&module) && args.invoke.is_none();
    let none: &[String] = &[];
    let (func_args, program_args) = if is_program { (none, &*args.args) } else { (&*args.args, none) };
    let call = Call::new(&module, args.invoke.as_deref(), func_args)?;

    let begin = args.from.as_deref().map(|path| snapshot::read(path, &module)).transpose()?;
    let wasi = args.wasi.context(&args.file, program_args)?;
    let mut store = Store::new(&engine, State { limits: args.limits.store_limits(), wasi });
    let linker = host::linker(&mut store, &module, args.unknown_imports)
        .with_context(|| format!("cannot instantiate {shown}"))?;
    let profile = args.profile.start(&mut store)?;
    args.limits.start(&mut store)?;
    let instance = match &begin {
        Some(snapshot) => {
            linker.instantiate_pre(&module).and_then(|pre| snapshot.instantiate(&pre, &mut store))
        }
        None => linker.instantiate(&mut store, &module),
    };
    let results =
        instance.with_context(|| format!("cannot instantiate {shown}")).and_then(|instance| match begin {
            Some(_) => call.make(&mut store, instance),
            None => call.carry_out(&mut store, &module, instance),
        });
    let fuel = args.limits.fuel(&store);
    let mut profile = profile.map(|profile| args.profile.conclude(&profile));
    let lines = profile.take_if(|_| args.format.format == Format::Json).map(Profile::into_lines);
    let exit = Outcome { name: call.name, results, fuel, profile: lines }.conclude(
        args.format.format,
        args.backtrace,
        output,
    )?;
    if let Some(fuel) = fuel.filter(|_| args.limits.is_fuel_reported()) {
        output.flush()?;
        eprintln!("{fuel}");
    }
    if let Some(profile) = profile {
        output.flush()?;
        eprintln!("{profile}");
    }
    #[cfg(feature = "count-ops")]
    if let Some(counts) = args.count.report()? {
        output.flush()?;
        eprintln!("{counts}");
    }
    Ok(exit)
}

impl Call {
    fn new(module: &Module, invoke: Option<&str>, args: &[String]) -> Result<Self> {
        let (name, ty) = choose(module, invoke)?;
        let params = parse_args(&name, &ty, args)?;
        Ok(Self { name, ty, params })
    }

    /// Makes the call in an instance that is new.
    fn carry_out(&self, store: &mut Store<State>, module: &Module, instance: Instance) -> Result<Vec<Val>> {
        if self.name != INITIALIZE {
            initialize(store, module, instance)?;
        }
        self.make(store, instance)
    }

    fn make(&self, store: &mut Store<State>, instance: Instance) -> Result<Vec<Val>> {
        let name = &self.name;
        let func = instance.get_func(&*store, name).context("an exported function is not in the instance")?;
        let mut results: Vec<Val> = self.ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
        func.call(store, &self.params, &mut results).with_context(|| format!("`{name}` failed"))?;
        Ok(results)
    }
}

/// What a program for WASI that is a library has called once, before anything else.
const INITIALIZE: &str = "_initialize";

/// Initializes an instance, if it asks for that.
fn initialize(store: &mut Store<State>, module: &Module, instance: Instance) -> Result<()> {
    if wasi::is_imported(module)
        && let Ok(initialize) = instance.get_typed_func::<(), ()>(&*store, INITIALIZE)
    {
        initialize.call(store, ()).context("`_initialize` failed")?;
    }
    Ok(())
}

/// The function to call: name and type.
fn choose(module: &Module, invoke: Option<&str>) -> Result<(String, FuncType)> {
    let funcs: Vec<(&str, FuncType)> = module
        .exports()
        .filter_map(|export| match export.ty() {
            ExternType::Func(ty) => Some((export.name(), ty.clone())),
            _ => None,
        })
        .collect();
    let find = |wanted: &str| funcs.iter().find(|(name, _)| *name == wanted);
    let chosen = match invoke {
        Some(name) => find(name),
        None => find("_start").or_else(|| find("main")).or(match &*funcs {
            [only] => Some(only),
            _ => None,
        }),
    };
    if let Some((name, ty)) = chosen {
        return Ok(((*name).to_owned(), ty.clone()));
    }
    let problem = match invoke {
        Some(name) => format!("the module exports no function `{name}`"),
        None if funcs.is_empty() => "the module exports no function".to_owned(),
        None => {
            "say with --invoke which function to call: the module has neither `_start` nor `main`".to_owned()
        }
    };
    let mut message = problem;
    if !funcs.is_empty() {
        message.push_str("; it exports");
        for (name, ty) in &funcs {
            message.push_str(&format!("\n  {}: {ty}", quoted(name)));
        }
    }
    bail!(UsageError(message))
}

/// The arguments as values of the parameters' types.
fn parse_args(name: &str, ty: &FuncType, args: &[String]) -> Result<Vec<Val>> {
    let params = ty.params();
    if params.len() != args.len() {
        let takes = match params.len() {
            1 => "1 argument".to_owned(),
            count => format!("{count} arguments"),
        };
        let mut message = format!("`{name}`: {ty} takes {takes}, but {} were given", args.len());
        if args.iter().any(|arg| arg.starts_with("--")) {
            message.push_str("; options must come before the first argument");
        }
        bail!(UsageError(message));
    }
    let parse = |(place, (arg, ty)): (usize, (&String, _))| {
        values::parse(arg, ty)
            .map_err(|error| UsageError(format!("argument {} of `{name}`: {error}", place + 1)).into())
    };
    args.iter().zip(params.iter().copied()).enumerate().map(parse).collect()
}
