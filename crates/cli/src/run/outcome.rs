//! [`Outcome`]: how a program ended, and how that is told.

use super::limits::Fuel;
use crate::{
    exit::{self, Backtrace, Exit},
    failure::Failure,
    format::{self, Format},
    values,
};
use anyhow::Result;
use rotifer::{Module, Val};
use serde::Serialize;
use std::{collections::HashMap, io::Write};
use wasmparser::{ExternalKind, Parser, Payload};

/// How a program ended.
pub(super) struct Outcome {
    /// The function that was called.
    pub(super) name: String,
    /// What it returned.
    pub(super) results: Result<Vec<Val>>,
    /// What it cost, if that was counted.
    pub(super) fuel: Option<Fuel>,
}

/// The same for programs.
#[derive(Serialize)]
struct Document<'outcome> {
    function: &'outcome str,
    /// None if there are none, for it did not return.
    results: Option<Vec<ValDocument>>,
    /// The program ended itself, with this status.
    exit_status: Option<i32>,
    error: Option<Failure>,
    /// None if it was not counted.
    fuel: Option<Fuel>,
}

/// A value. Numbers are texts: neither 64-bit integers nor NaN survive as numbers in JSON.
#[derive(Serialize)]
struct ValDocument {
    #[serde(rename = "type")]
    ty: String,
    value: String,
}

impl Outcome {
    /// Writes results to `output` and an error to standard error, and says how the process ends.
    pub(super) fn conclude(
        &self,
        module: &Module,
        format: Format,
        is_complete: bool,
        output: &mut impl Write,
    ) -> Result<Exit> {
        let exports = if self.results.is_ok() { HashMap::new() } else { exports(module.bytes()) };
        match (format, &self.results) {
            (Format::Text, Ok(results)) => {
                for result in results {
                    writeln!(output, "{}", values::show(result))?;
                }
            }
            (Format::Text, Err(_)) => {}
            (Format::Json, _) => format::write_json(&self.document(&exports), output)?,
        }
        Ok(match &self.results {
            Ok(_) => Exit::Success,
            Err(error) => {
                // What the program has printed comes before what is said of its end.
                output.flush()?;
                exit::report_with(error, &Backtrace { is_complete, exports })
            }
        })
    }

    fn document(&self, exports: &HashMap<u32, String>) -> Document<'_> {
        let document = |val: &Val| ValDocument { ty: val.ty().to_string(), value: values::show(val) };
        let error = self.results.as_ref().err();
        let exit_status = error
            .and_then(|error| error.downcast_ref::<rotifer::Error>())
            .and_then(rotifer::Error::i32_exit_status);
        Document {
            function: &self.name,
            results: self.results.as_ref().ok().map(|results| results.iter().map(document).collect()),
            exit_status,
            error: error
                .filter(|_| exit_status.is_none())
                .map(|error| Failure::of_any(error).name_by(exports)),
            fuel: self.fuel,
        }
    }
}

/// The names of exported functions.
fn exports(wasm: &[u8]) -> HashMap<u32, String> {
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        if let Payload::ExportSection(exports) = payload {
            let exports = exports.into_iter().map_while(Result::ok);
            let funcs = exports.filter(|export| export.kind == ExternalKind::Func);
            return funcs.map(|export| (export.index, export.name.to_owned())).collect();
        }
    }
    HashMap::new()
}
