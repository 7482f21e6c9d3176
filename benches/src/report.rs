//! What is printed and what is written.

use crate::{measure::Outcome, sets::Set};
use anyhow::Result;
use rotifer_results::{
    Difference, Document, Entry, Geomean, Missing, Pair, PairCase, Ratio, group,
    statistics::{geomean, median, quantile},
};
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// A set's results.
pub struct Report {
    set: &'static Set,
    engines: Vec<String>,
    cases: Vec<Measured>,
}

/// A case and what every engine did in it, in the set's order of engines.
pub struct Measured {
    /// The case's name.
    pub name: String,
    /// The length of its module, if it is about one, or of what its set says.
    pub size: Option<u64>,
    /// The outcomes.
    pub outcomes: Vec<Outcome>,
}

/// When and where it was measured.
pub struct Circumstances {
    /// The day.
    pub date: String,
    /// The machine.
    pub machine: String,
    /// Samples of each engine in each case.
    pub rounds: usize,
}

impl Report {
    /// Takes the outcomes of every case.
    pub fn new(set: &'static Set, engines: Vec<String>, cases: Vec<Measured>) -> Self {
        Self { set, engines, cases }
    }

    /// Every engine that could not run a case or ran it wrong: case, engine, reason.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.cases.iter().flat_map(|case| {
            case.outcomes.iter().filter_map(move |outcome| {
                let reason = outcome.samples.as_ref().err()?;
                Some((case.name.as_str(), outcome.engine.as_str(), reason.as_str()))
            })
        })
    }

    /// The samples of `engine` in each case; `None` where there are none.
    fn samples<'a>(&'a self, engine: &'a str) -> impl Iterator<Item = Option<&'a [f64]>> {
        self.cases.iter().map(move |case| {
            let outcome = case.outcomes.iter().find(|outcome| outcome.engine == engine)?;
            outcome.samples.as_deref().ok().filter(|samples| !samples.is_empty())
        })
    }

    /// The ratio of `engine` to `reference` in each case that both ran.
    fn ratios<'a>(&'a self, engine: &'a str, reference: &'a str) -> impl Iterator<Item = Option<Ratio>> {
        self.samples(engine)
            .zip(self.samples(reference))
            .map(|(samples, reference)| Ratio::new(samples?, reference?))
    }

    /// The document for `--json`.
    pub fn document(&self, circumstances: &Circumstances) -> Document {
        let mut cases = Vec::new();
        for engine in &self.engines {
            let ratios = self.ratios(engine, self.set.reference);
            for ((case, samples), ratio) in self.cases.iter().zip(self.samples(engine)).zip(ratios) {
                if let Some(samples) = samples {
                    cases.push(Entry::new(self.set.unit, &case.name, engine, samples, ratio));
                }
            }
        }
        cases.sort_by_key(|entry| self.cases.iter().position(|case| case.name == entry.case));
        let geomean = self.engines.iter().filter_map(|engine| {
            let ratios = self.ratios(engine, self.set.reference).flatten();
            let ratios: Vec<f64> = ratios.map(|ratio| ratio.median).collect();
            Some((engine.clone(), Geomean::new(&ratios)?.ratio))
        });
        let missing = self.failures().map(|(case, engine, reason)| Missing {
            case: case.to_owned(),
            engine: engine.to_owned(),
            reason: reason.to_owned(),
        });
        Document {
            set: self.set.name.to_owned(),
            what: self.set.what.to_owned(),
            unit: self.set.unit,
            reference: self.set.reference.to_owned(),
            date: circumstances.date.clone(),
            machine: circumstances.machine.clone(),
            rounds: circumstances.rounds,
            engines: self.engines.clone(),
            sizes: self.sizes(),
            geomean: geomean.collect(),
            pairs: self.pairs(),
            differences: self.all_differences(),
            not_measured: missing.collect(),
            cases,
        }
    }

    fn sizes(&self) -> BTreeMap<String, u64> {
        self.cases.iter().filter_map(|case| Some((case.name.clone(), case.size?))).collect()
    }

    fn pairs(&self) -> Vec<Pair> {
        let of_pair = |&(engine, reference): &(&str, &str)| {
            let ratios = self.cases.iter().zip(self.ratios(engine, reference));
            let cases: Vec<PairCase> = ratios
                .filter_map(|(case, ratio)| Some(PairCase { case: case.name.clone(), ratio: ratio? }))
                .collect();
            (!cases.is_empty()).then(|| Pair::new(engine, reference, cases))
        };
        self.set.pairs.iter().filter_map(of_pair).collect()
    }

    fn all_differences(&self) -> Vec<Difference> {
        let rows = self.set.differences.iter().filter_map(|&(case, base)| self.differences(case, base));
        rows.flatten().flatten().collect()
    }

    /// Prints times, then differences, then ratios and geometric means.
    pub fn print(&self) -> Result<()> {
        let unit = self.set.unit;
        self.print_numbers(&format!("{}; median", self.set.what), |_, median| unit.show(median));
        if self.set.throughput {
            // Bytes in a nanosecond are thousands of megabytes in a second.
            let rate =
                |case: &Measured, median: f64| format!("{:.0}", case.size.unwrap_or(0) as f64 / median * 1e3);
            self.print_numbers("MB/s of the cases' sizes", rate);
        }
        self.print_differences();
        self.print_ratios();
        self.print_failures(&mut io::stdout())
    }

    /// Prints what was not measured and why.
    pub fn print_failures(&self, out: &mut dyn Write) -> Result<()> {
        for (case, engine, reason) in self.failures() {
            writeln!(out, "not measured: {case} in {engine}: {reason}")?;
        }
        Ok(())
    }

    fn name_width(&self) -> usize {
        self.cases.iter().map(|case| case.name.len()).max().unwrap_or(0).max("geomean, runtimes".len())
    }

    /// Prints a number made of the median for each case and engine.
    fn print_numbers(&self, what: &str, show: impl Fn(&Measured, f64) -> String) {
        let width = self.name_width();
        println!("\n{}: {what}", self.set.name);
        print!("{:width$}", "");
        for engine in &self.engines {
            print!("  {engine:>9}");
        }
        println!();
        for case in &self.cases {
            print!("{:width$}", case.name);
            for (engine, outcome) in self.engines.iter().zip(&case.outcomes) {
                let column = engine.len().max(9);
                let time = match outcome.samples.as_deref() {
                    Ok([]) => "ok".to_owned(),
                    Ok(samples) => show(case, median(samples)),
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
        let rows: Vec<_> = differences
            .filter_map(|&(case, base)| Some((format!("{case} - {base}"), self.differences(case, base)?)))
            .collect();
        if rows.is_empty() {
            return;
        }
        println!("\ndifferences: median [quartiles] of the rounds'");
        let cell = |difference: &Option<Difference>| match difference {
            Some(Difference { median, low, high, .. }) => format!("{median:.1} [{low:.1}..{high:.1}] ns"),
            None => "-".to_owned(),
        };
        let rows: Vec<(String, Vec<String>)> =
            rows.into_iter().map(|(label, cells)| (label, cells.iter().map(cell).collect())).collect();
        let width = rows.iter().flat_map(|(_, cells)| cells).map(String::len).max().unwrap_or(0);
        let label = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        print!("{:label$}", "");
        for engine in &self.engines {
            print!("  {engine:>width$}");
        }
        println!();
        for (name, cells) in &rows {
            print!("{name:label$}");
            for (engine, cell) in self.engines.iter().zip(cells) {
                print!("  {cell:>width$}", width = width.max(engine.len()));
            }
            println!();
        }
    }

    /// One case less another in each engine that ran both; `None` if one of them was not measured at all.
    fn differences(&self, case: &str, base: &str) -> Option<Vec<Option<Difference>>> {
        let of = |name: &str| self.cases.iter().find(|case| case.name == name).map(|case| &case.outcomes);
        let difference = |(outcome, bases): (&Outcome, &Outcome)| match (&outcome.samples, &bases.samples) {
            (Ok(samples), Ok(bases)) if !samples.is_empty() && !bases.is_empty() => {
                let all: Vec<f64> = samples.iter().zip(bases).map(|(sample, base)| sample - base).collect();
                let [median, low, high] = [0.5, 0.25, 0.75].map(|part| quantile(&all, part));
                let [case, base] = [case, base].map(str::to_owned);
                Some(Difference { case, base, engine: outcome.engine.clone(), median, low, high })
            }
            _ => None,
        };
        Some(of(case)?.iter().zip(of(base)?).map(difference).collect())
    }

    fn print_ratios(&self) {
        let columns: Vec<Column> = self.set.pairs.iter().filter_map(|pair| self.column(pair)).collect();
        if columns.is_empty() {
            return;
        }
        println!("\nas a ratio, below 1 is better: median [quartiles] of the rounds' ratios");
        self.print_row("", columns.iter().map(|column| (column, column.head.clone())));
        for (i, case) in self.cases.iter().enumerate() {
            let cell = |ratio: &Ratio| format!("{:.3} [{:.3}..{:.3}]", ratio.median, ratio.low, ratio.high);
            self.print_row(
                &case.name,
                columns.iter().map(|column| (column, column.ratios[i].as_ref().map_or("-".into(), cell))),
            );
        }
        let mut groups: Vec<&str> = self.cases.iter().map(|case| group(&case.name)).collect();
        groups.dedup();
        if groups.len() > 1 {
            for wanted in groups {
                let is_member = |case: usize| group(&self.cases[case].name) == wanted;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::SETS;

    fn outcome(engine: &str, samples: Result<&[f64], &str>) -> Outcome {
        let samples = samples.map(<[f64]>::to_vec).map_err(str::to_owned);
        Outcome { engine: engine.to_owned(), samples }
    }

    fn report() -> Report {
        let set = SETS.iter().find(|set| set.name == "calls").unwrap();
        let case = |name: &str, outcomes| Measured { name: name.to_owned(), size: None, outcomes };
        let cases = vec![
            case("loop", vec![outcome("wasmi", Ok(&[2.0, 4.0])), outcome("rotifer", Ok(&[1.0, 2.0]))]),
            case("host-1", vec![outcome("wasmi", Ok(&[12.0, 24.0])), outcome("rotifer", Ok(&[6.0, 9.0]))]),
            case("fuel", vec![outcome("wasmi", Err("WRONG: no")), outcome("rotifer", Err("has none"))]),
        ];
        Report::new(set, vec!["wasmi".to_owned(), "rotifer".to_owned()], cases)
    }

    #[test]
    fn documents_have_ratios_differences_and_reasons() {
        let circumstances =
            Circumstances { date: "2026-11-28".to_owned(), machine: "here".to_owned(), rounds: 2 };
        let document = report().document(&circumstances);
        assert_eq!(document.case_names(), ["loop", "host-1"]);
        let entry = document.entry("host-1", "rotifer").unwrap();
        assert_eq!((entry.best_ns, entry.median()), (Some(6.0), Some(7.5)));
        // 6/12 and 9/24.
        assert_eq!(entry.ratio.map(|ratio| ratio.median), Some(0.4375));
        let difference =
            document.differences.iter().find(|difference| difference.engine == "rotifer").unwrap();
        assert_eq!((difference.case.as_str(), difference.median), ("host-1", 6.0));
        let pair = document.pair("rotifer", "wasmi").unwrap();
        assert_eq!(pair.geomeans["own"].cases, 2);
        assert!((document.geomean["rotifer"] - (0.5f64 * 0.4375).sqrt()).abs() < 1e-12);
        let reasons: Vec<&str> =
            document.not_measured.iter().map(|missing| missing.reason.as_str()).collect();
        assert_eq!(reasons, ["WRONG: no", "has none"]);
    }
}
