//! What is printed and what is written.

use crate::{
    measure::Outcome,
    sets::Set,
    statistics::{best, geomean, median, quantile},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A set's results.
pub struct Report {
    set: &'static Set,
    engines: Vec<String>,
    cases: Vec<(String, Vec<Outcome>)>,
}

/// The ratio of two engines in one case: formed within each round, then summed up.
struct Ratio {
    median: f64,
    low: f64,
    high: f64,
    of_bests: f64,
}

impl Ratio {
    fn new(samples: &[f64], reference: &[f64]) -> Self {
        let ratios: Vec<f64> =
            samples.iter().zip(reference).map(|(sample, reference)| sample / reference).collect();
        Self {
            median: median(&ratios),
            low: quantile(&ratios, 0.25),
            high: quantile(&ratios, 0.75),
            of_bests: best(samples) / best(reference),
        }
    }
}

/// The JSON document of one set. The names are read by other programs.
#[derive(Serialize)]
pub struct Document {
    set: &'static str,
    cases: Vec<Entry>,
    geomean: BTreeMap<String, f64>,
}

/// One engine in one case.
#[derive(Serialize)]
struct Entry {
    case: String,
    engine: String,
    best_ns: f64,
    median_ns: f64,
}

impl Report {
    /// Takes the outcomes of every case, in the set's order of engines.
    pub fn new(set: &'static Set, engines: Vec<String>, cases: Vec<(String, Vec<Outcome>)>) -> Self {
        Self { set, engines, cases }
    }

    /// Every engine that could not run a case or ran it wrong: case, engine, reason.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.cases.iter().flat_map(|(case, outcomes)| {
            outcomes.iter().filter_map(move |outcome| {
                let reason = outcome.samples.as_ref().err()?;
                Some((case.as_str(), outcome.engine.as_str(), reason.as_str()))
            })
        })
    }

    /// The samples of `engine` in each case; `None` where there are none.
    fn samples<'a>(&'a self, engine: &'a str) -> impl Iterator<Item = Option<&'a [f64]>> {
        self.cases.iter().map(move |(_, outcomes)| {
            let outcome = outcomes.iter().find(|outcome| outcome.engine == engine)?;
            outcome.samples.as_deref().ok().filter(|samples| !samples.is_empty())
        })
    }

    /// The ratio of `engine` to `reference` in each case that both ran.
    fn ratios<'a>(&'a self, engine: &'a str, reference: &'a str) -> impl Iterator<Item = Option<Ratio>> {
        self.samples(engine)
            .zip(self.samples(reference))
            .map(|(samples, reference)| Some(Ratio::new(samples?, reference?)))
    }

    /// The document for `--json`.
    pub fn document(&self) -> Document {
        let mut cases = Vec::new();
        for engine in &self.engines {
            for ((case, _), samples) in self.cases.iter().zip(self.samples(engine)) {
                if let Some(samples) = samples {
                    let (best_ns, median_ns) = (best(samples), median(samples));
                    cases.push(Entry { case: case.clone(), engine: engine.clone(), best_ns, median_ns });
                }
            }
        }
        cases.sort_by_key(|entry| self.cases.iter().position(|(case, _)| *case == entry.case));
        let geomean = self.engines.iter().filter_map(|engine| {
            let ratios = self.ratios(engine, self.set.reference).flatten();
            let ratios: Vec<f64> = ratios.map(|ratio| ratio.median).collect();
            (!ratios.is_empty()).then(|| (engine.clone(), geomean(&ratios)))
        });
        Document { set: self.set.name, geomean: geomean.collect(), cases }
    }

    /// Prints times, then differences, then ratios and geometric means.
    pub fn print(&self) {
        self.print_times();
        self.print_differences();
        self.print_ratios();
        for (case, engine, reason) in self.failures() {
            println!("not measured: {case} in {engine}: {reason}");
        }
    }

    fn name_width(&self) -> usize {
        self.cases.iter().map(|(case, _)| case.len()).max().unwrap_or(0).max("geomean, runtimes".len())
    }

    fn print_times(&self) {
        let width = self.name_width();
        println!("\n{}: {}; median", self.set.name, self.set.what);
        print!("{:width$}", "");
        for engine in &self.engines {
            print!("  {engine:>9}");
        }
        println!();
        for (case, outcomes) in &self.cases {
            print!("{case:width$}");
            for (engine, outcome) in self.engines.iter().zip(outcomes) {
                let column = engine.len().max(9);
                let time = match outcome.samples.as_deref() {
                    Ok([]) => "ok".to_owned(),
                    Ok(samples) => duration(median(samples)),
                    Err(_) => "-".to_owned(),
                };
                print!("  {time:>column$}");
            }
            println!();
        }
    }

    /// Differences are formed of the samples of one round, like ratios, though cases are measured one after the
    /// other.
    fn print_differences(&self) {
        let differences = self.set.differences.iter();
        let rows: Vec<_> = differences.filter_map(|&(case, base)| self.differences(case, base)).collect();
        if rows.is_empty() {
            return;
        }
        println!("\ndifferences: median [quartiles] of the rounds'");
        let cells: Vec<Vec<String>> = rows.iter().map(|(_, cells)| cells.clone()).collect();
        let width = cells.iter().flatten().map(String::len).max().unwrap_or(0);
        let label = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        print!("{:label$}", "");
        for engine in &self.engines {
            print!("  {engine:>width$}");
        }
        println!();
        for (name, cells) in &rows {
            print!("{name:label$}");
            for cell in cells {
                print!("  {cell:>width$}");
            }
            println!();
        }
    }

    /// One case less another in each engine; `None` if one of them was not measured at all.
    fn differences(&self, case: &str, base: &str) -> Option<(String, Vec<String>)> {
        let of = |name: &str| self.cases.iter().find(|(case, _)| case == name).map(|(_, outcomes)| outcomes);
        let cell = |(outcome, base): (&Outcome, &Outcome)| match (&outcome.samples, &base.samples) {
            (Ok(samples), Ok(bases)) if !samples.is_empty() && !bases.is_empty() => {
                let all: Vec<f64> = samples.iter().zip(bases).map(|(sample, base)| sample - base).collect();
                let [middle, low, high] = [0.5, 0.25, 0.75].map(|part| quantile(&all, part));
                format!("{middle:.1} [{low:.1}..{high:.1}] ns")
            }
            _ => "-".to_owned(),
        };
        let cells = of(case)?.iter().zip(of(base)?).map(cell).collect();
        Some((format!("{case} - {base}"), cells))
    }

    fn print_ratios(&self) {
        let columns: Vec<Column> = self.set.pairs.iter().filter_map(|pair| self.column(pair)).collect();
        if columns.is_empty() {
            return;
        }
        println!("\ntime as a ratio, below 1 = faster: median [quartiles] of the rounds' ratios");
        self.print_row("", columns.iter().map(|column| (column, column.head.clone())));
        for (i, (case, _)) in self.cases.iter().enumerate() {
            let cell = |ratio: &Ratio| format!("{:.3} [{:.3}..{:.3}]", ratio.median, ratio.low, ratio.high);
            self.print_row(
                case,
                columns.iter().map(|column| (column, column.ratios[i].as_ref().map_or("-".into(), cell))),
            );
        }
        let mut groups: Vec<&str> = self.cases.iter().map(|(case, _)| group(case)).collect();
        groups.dedup();
        if groups.len() > 1 {
            for wanted in groups {
                let is_member = |case: usize| group(&self.cases[case].0) == wanted;
                self.print_geomeans(&format!("geomean, {wanted}"), &columns, &is_member, |ratio| {
                    ratio.median
                });
            }
        }
        self.print_geomeans("geomean", &columns, &|_| true, |ratio| ratio.median);
        self.print_geomeans("geomean of bests", &columns, &|_| true, |ratio| ratio.of_bests);
    }

    /// The ratios of a pair, if there is any.
    fn column(&self, (engine, reference): &(&str, &str)) -> Option<Column> {
        let head = format!("{engine} / {reference}");
        let ratios: Vec<_> = self.ratios(engine, reference).collect();
        ratios.iter().any(Option::is_some).then_some(Column { head, ratios })
    }

    fn print_geomeans(
        &self,
        label: &str,
        columns: &[Column],
        is_member: &dyn Fn(usize) -> bool,
        of: fn(&Ratio) -> f64,
    ) {
        let cell = |column: &Column| {
            let members = column.ratios.iter().enumerate().filter(|(case, _)| is_member(*case));
            let ratios: Vec<f64> = members.filter_map(|(_, ratio)| ratio.as_ref().map(of)).collect();
            match ratios.as_slice() {
                [] => "-".to_owned(),
                ratios => format!("{:.3} ({} cases)", geomean(ratios), ratios.len()),
            }
        };
        self.print_row(label, columns.iter().map(|column| (column, cell(column))));
    }

    fn print_row<'a>(&self, label: &str, cells: impl Iterator<Item = (&'a Column, String)>) {
        print!("{label:width$}", width = self.name_width());
        for (column, cell) in cells {
            print!("  {cell:>width$}", width = column.head.len().max("0.000 [0.000..0.000]".len()));
        }
        println!();
    }
}

/// A pair of engines with its ratio in each case that both ran.
struct Column {
    head: String,
    ratios: Vec<Option<Ratio>>,
}

/// Which modules a case belongs to: our own, or those of a folder.
fn group(case: &str) -> &str {
    case.split_once('/').map_or("own", |(folder, _)| folder)
}

/// A time in the unit that leaves one to three digits before the point.
fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        ..1e3 => format!("{nanoseconds:.1} ns"),
        ..1e6 => format!("{:.2} µs", nanoseconds / 1e3),
        ..1e9 => format!("{:.2} ms", nanoseconds / 1e6),
        _ => format!("{:.2} s", nanoseconds / 1e9),
    }
}
