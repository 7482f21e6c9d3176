//! `rotifer bytecode`: WebAssembly beside what is made of it.

use crate::{
    exit::{Exit, UsageError},
    format::{self, Format, FormatOption},
    module_file,
    options::{self, EngineOptions, ModeOption},
};
use anyhow::{Context, Result, bail};
use rotifer::{BytecodeCell, Module};
use serde::Serialize;
use std::{io::Write, ops::Range, path::PathBuf};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// Prints the operators of functions and the bytecode that they become.
///
/// On the left the byte offset in the module and the operator, on the right the position in the code and the op,
/// beside the operator that it was made for. Operators that need no op of their own stand alone.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The module, binary or text; `-` is standard input.
    file: PathBuf,
    /// The function: its index, or its name in the exports or the name section. Without it all are printed.
    func: Option<String>,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    format: FormatOption,
}

/// All functions that were asked for.
#[derive(Serialize)]
struct Listing {
    functions: Vec<FuncListing>,
}

/// The two columns of a function.
#[derive(Serialize)]
struct FuncListing {
    index: u32,
    /// Its name in the name section.
    name: Option<String>,
    operators: Vec<OperatorListing>,
    cells: Vec<CellListing>,
}

/// An operator and its byte offset in the module.
#[derive(Serialize)]
struct OperatorListing {
    offset: u64,
    text: String,
}

/// A cell, its place in the code, and the offset of the operator that it was made for.
#[derive(Serialize)]
struct CellListing {
    position: u32,
    offset: u32,
    text: String,
}

/// Where the bytecode starts on a line.
const COLUMN: usize = 52;

/// Runs the command.
pub(crate) fn run(args: &Args, output: &mut impl Write) -> Result<Exit> {
    let engine = args.engine.engine()?;
    let wasm = module_file::read(&args.file)?;
    let module = options::load(&engine, &wasm, ModeOption::Partial)
        .with_context(|| format!("cannot load {}", args.file.display()))?;
    let layout = Layout::read(&wasm)?;
    let funcs: Vec<usize> = match &args.func {
        Some(wanted) => vec![layout.find(&module, wanted)?],
        None => (0..layout.bodies.len()).collect(),
    };
    let mut storage = String::new();
    let lines = wasmprinter::Config::new().offsets_and_lines(&wasm, &mut storage)?;
    let lines: Vec<(u64, &str)> = lines.filter_map(|(offset, line)| Some((offset?, line))).collect();
    let mut listing = Listing { functions: Vec::new() };
    for (place, defined) in funcs.into_iter().enumerate() {
        let func = layout.imported + defined as u32;
        let cells = module.bytecode(func)?;
        let body = &layout.bodies[defined];
        let first = lines.partition_point(|(offset, _)| *offset < body.start);
        let last = lines.partition_point(|(offset, _)| *offset < body.end);
        let lines = &lines[first..last];
        match args.format.format {
            Format::Text => {
                if place > 0 {
                    writeln!(output)?;
                }
                print(func, lines, &cells, output)?;
            }
            Format::Json => listing.functions.push(FuncListing::new(&module, func, lines, cells)),
        }
    }
    if args.format.format == Format::Json {
        format::write_json(&listing, output)?;
    }
    Ok(Exit::Success)
}

impl FuncListing {
    fn new(module: &Module, index: u32, lines: &[(u64, &str)], cells: Vec<BytecodeCell>) -> Self {
        // The end of a function is a parenthesis in the text format.
        let text = |line: &str| if line.trim() == ")" { "end".into() } else { line.trim().into() };
        let operator = |(offset, line): &(u64, &str)| OperatorListing { offset: *offset, text: text(line) };
        let cell = |cell: BytecodeCell| CellListing {
            position: cell.position,
            offset: cell.wasm_offset,
            // The position stands in front of the op.
            text: cell.text.split_once(": ").map_or(&*cell.text, |(_, op)| op).into(),
        };
        Self {
            index,
            name: module.func_name(index).map(str::to_owned),
            // The first line is the function's head.
            operators: lines.iter().skip(1).map(operator).collect(),
            cells: cells.into_iter().map(cell).collect(),
        }
    }
}

/// Where the functions of a module are.
struct Layout {
    imported: u32,
    /// The bytes of each body.
    bodies: Vec<Range<u64>>,
    /// Names and indices of exported functions.
    exports: Vec<(String, u32)>,
}

impl Layout {
    fn read(wasm: &[u8]) -> Result<Self> {
        let mut layout = Self { imported: 0, bodies: Vec::new(), exports: Vec::new() };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        layout.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            layout.exports.push((export.name.to_owned(), export.index));
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => layout.bodies.push(body.range()),
                _ => {}
            }
        }
        Ok(layout)
    }

    /// The function that the user means, counted without imports.
    fn find(&self, module: &Module, wanted: &str) -> Result<usize> {
        let total = self.imported + self.bodies.len() as u32;
        let exported = self.exports.iter().find(|(name, _)| name == wanted).map(|(_, func)| *func);
        let func = match wanted.parse::<u32>() {
            Ok(func) if func < total => func,
            Ok(func) => bail!(UsageError(format!("there is no function {func}: the module has {total}"))),
            Err(_) => exported
                .or_else(|| (0..total).find(|func| module.func_name(*func) == Some(wanted)))
                .ok_or_else(|| UsageError(format!("no function is called `{wanted}`")))?,
        };
        match func.checked_sub(self.imported) {
            Some(defined) => Ok(defined as usize),
            None => bail!(UsageError(format!("function {func} is imported: it has no bytecode"))),
        }
    }
}

/// Prints a function in two columns.
///
/// Goes through the ops in the order of the code and puts each beside its operator, or under it if that has more
/// than one. An op may belong to an operator further up: the code at a loop's end that came from its head, for
/// example. Then nothing stands beside it.
fn print(func: u32, lines: &[(u64, &str)], cells: &[BytecodeCell], output: &mut impl Write) -> Result<()> {
    // The first line of a body's text is the function's head: its name and type.
    let Some(((_, head), operators)) = lines.split_first() else {
        bail!("the text of function {func} is missing");
    };
    let indent = head.len() - head.trim_start().len();
    writeln!(output, "function {func}: {}", head.trim())?;
    let mut operators =
        operators.iter().map(|(at, line)| (*at, line.get(indent..).unwrap_or(line))).peekable();
    for cell in cells {
        let mut beside = None;
        while let Some(operator) = operators.next_if(|(at, _)| *at <= u64::from(cell.wasm_offset)) {
            if let Some(earlier) = beside.replace(operator) {
                print_row(Some(earlier), None, output)?;
            }
        }
        print_row(beside, Some(cell), output)?;
    }
    for operator in operators {
        print_row(Some(operator), None, output)?;
    }
    Ok(())
}

fn print_row(
    operator: Option<(u64, &str)>,
    cell: Option<&BytecodeCell>,
    output: &mut impl Write,
) -> Result<()> {
    let left = match operator {
        Some((at, line)) => format!("{at:#8x}  {}", line.trim_end()),
        None => String::new(),
    };
    match cell {
        Some(cell) => writeln!(output, "{left:<COLUMN$}  {}", cell.text)?,
        None => writeln!(output, "{left}")?,
    }
    Ok(())
}
