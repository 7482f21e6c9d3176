//! [`Outcome`]: how a program ended, and how that is told.

use super::{limits::Fuel, profile::Line};
use crate::{
    exit::{self, Backtrace, Exit},
    failure::Failure,
    format::{self, Format},
    values,
};
use anyhow::Result;
use rotifer::Val;
use serde::Serialize;
use std::io::Write;

/// How a program ended.
pub(super) struct Outcome {
    /// The function that was called.
    pub(super) name: String,
    /// What it returned.
    pub(super) results: Result<Vec<Val>>,
    /// What it cost, if that was counted.
    pub(super) fuel: Option<Fuel>,
    /// Which functions took the time, if that was asked for.
    pub(super) profile: Option<Vec<Line>>,
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
    /// None if it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'outcome [Line]>,
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
        format: Format,
        is_complete: bool,
        output: &mut impl Write,
    ) -> Result<Exit> {
        match (format, &self.results) {
            (Format::Text, Ok(results)) => {
                for result in results {
                    writeln!(output, "{}", values::show(result))?;
                }
            }
            (Format::Text, Err(_)) => {}
            (Format::Json, _) => format::write_json(&self.document(), output)?,
        }
        Ok(match &self.results {
            Ok(_) => Exit::Success,
            Err(error) => {
                // What the program has printed comes before what is said of its end.
                output.flush()?;
                exit::report_with(error, &Backtrace { is_complete })
            }
        })
    }

    fn document(&self) -> Document<'_> {
        let document = |val: &Val| ValDocument { ty: val.ty().to_string(), value: values::show(val) };
        let error = self.results.as_ref().err();
        let exit_status = error
            .and_then(|error| error.downcast_ref::<rotifer::Error>())
            .and_then(rotifer::Error::i32_exit_status);
        Document {
            function: &self.name,
            results: self.results.as_ref().ok().map(|results| results.iter().map(document).collect()),
            exit_status,
            error: error.filter(|_| exit_status.is_none()).map(Failure::of_any),
            fuel: self.fuel,
            profile: self.profile.as_deref(),
        }
    }
}
