//! Runs a WASI program.
//!
//! ```text
//! run_wasi [OPTION]... FILE [ARGUMENT]...
//!
//! --dir HOST::GUEST   gives the program a directory
//! --env NAME=VALUE    gives the program a variable
//! --argv0 NAME        what the program is called; otherwise the name of the file
//! --invoke EXPORT     runs this function rather than `_start`
//! --stats             reports times
//! ```

use anyhow::{Context, Result, bail};
use rotifer::{Config, Engine, Linker, LoadMode, Module, Store};
use rotifer_wasi::{DirAccess, WasiCtxBuilder, add_to_linker};
use std::{env, fs, process, time::Instant};

/// What the command line says.
struct Options {
    wasi: WasiCtxBuilder,
    file: String,
    function: String,
    stats: bool,
}

fn options() -> Result<Options> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio();
    let (mut name, mut function, mut stats) = (None, "_start".to_owned(), false);
    let mut words = env::args().skip(1);
    loop {
        let word = words.next().context("a FILE is needed")?;
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--dir" => {
                let value = value()?;
                let (host, guest) = value.split_once("::").unwrap_or((&value, &value));
                wasi.preopened_path(host, guest, DirAccess::ReadWrite).with_context(|| host.to_owned())?;
            }
            "--env" => {
                let value = value()?;
                let (name, value) = value.split_once('=').context("--env needs NAME=VALUE")?;
                wasi.env(name, value);
            }
            "--argv0" => name = Some(value()?),
            "--invoke" => function = value()?,
            "--stats" => stats = true,
            option if option.starts_with("--") => bail!("unknown option {option}"),
            _ => {
                let name = name.unwrap_or_else(|| word.rsplit('/').next().unwrap_or_default().to_owned());
                wasi.arg(name).args(words);
                return Ok(Options { wasi, file: word, function, stats });
            }
        }
    }
}

fn main() -> Result<()> {
    let mut options = options()?;
    let bytes = fs::read(&options.file).with_context(|| options.file.clone())?;
    // Programs that were made for a compiler recurse deeper than the default allows.
    let mut config = Config::new();
    config.load_mode(LoadMode::Checked).max_stack_size(64 << 20).max_call_depth(1_000_000);
    let engine = Engine::new(&config);
    let start = Instant::now();
    let module = Module::new(&engine, bytes)?;
    let loaded = start.elapsed();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |wasi| wasi)?;
    let mut store = Store::new(&engine, options.wasi.build());
    let instance = linker.instantiate(&mut store, &module)?;
    let result = instance.get_typed_func::<(), ()>(&store, &options.function)?.call(&mut store, ());
    if options.stats {
        eprintln!("load {:.3} s, total {:.3} s", loaded.as_secs_f64(), start.elapsed().as_secs_f64());
    }
    match result {
        Err(error) => match error.i32_exit_status() {
            Some(status) => process::exit(status),
            None => Err(error.into()),
        },
        Ok(()) => Ok(()),
    }
}
