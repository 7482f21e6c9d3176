//! The JSON document of one set. The names are read by other programs: add, but do not rename.

use crate::statistics::{best, geomean, median, quantile};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// One set's results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// The set's name.
    pub set: String,
    /// What one number is.
    pub what: String,
    /// What numbers count.
    pub unit: Unit,
    /// The engine of `geomean` and of every entry's `ratio`.
    pub reference: String,
    /// The day of the measurement, in UTC, as 2026-11-28.
    pub date: String,
    /// Processor, cores and system.
    pub machine: String,
    /// Samples of each engine in each case.
    pub rounds: usize,
    /// All engines, in the set's order.
    pub engines: Vec<String>,
    /// The length of the module of each case that is about one, in bytes.
    pub sizes: BTreeMap<String, u64>,
    /// Every engine in every case that it ran, case by case.
    pub cases: Vec<Entry>,
    /// The geometric mean of the median ratios to the reference.
    pub geomean: BTreeMap<String, f64>,
    /// The pairs of engines that the set compares.
    pub pairs: Vec<Pair>,
    /// Cases less other cases.
    pub differences: Vec<Difference>,
    /// What could not be measured.
    pub not_measured: Vec<Missing>,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Nanoseconds.
    #[default]
    Ns,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// A number in the unit that leaves one to three digits before the point.
    pub fn show(self, number: f64) -> String {
        match self {
            Self::Ns => scaled(number, 1e3, &["ns", "µs", "ms", "s"]),
            Self::Bytes => scaled(number, 1024.0, &["B", "KiB", "MiB", "GiB"]),
        }
    }
}

fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let mut value = number;
    for (i, unit) in units.iter().enumerate() {
        // What would be shown as a whole step belongs to the next unit.
        if value.abs() < step - 0.05 || i + 1 == units.len() {
            let digits = if i == 0 { 1 } else { 2 };
            return format!("{value:.digits$} {unit}");
        }
        value /= step;
    }
    String::new()
}

/// One engine in one case. A set counts either nanoseconds or bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The case.
    pub case: String,
    /// The engine.
    pub engine: String,
    /// The smallest sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_ns: Option<f64>,
    /// The sample in the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ns: Option<f64>,
    /// The smallest sample of a set that counts bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_bytes: Option<f64>,
    /// The sample in the middle of a set that counts bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_bytes: Option<f64>,
    /// The ratio to the set's reference, if that ran the case too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
}

impl Entry {
    /// Sums `samples` up.
    pub fn new(unit: Unit, case: &str, engine: &str, samples: &[f64], ratio: Option<Ratio>) -> Self {
        let [ns, bytes] = [unit == Unit::Ns, unit == Unit::Bytes];
        Self {
            case: case.to_owned(),
            engine: engine.to_owned(),
            best_ns: ns.then(|| best(samples)),
            median_ns: ns.then(|| median(samples)),
            best_bytes: bytes.then(|| best(samples)),
            median_bytes: bytes.then(|| median(samples)),
            ratio,
        }
    }

    /// The median, in the set's unit.
    pub fn median(&self) -> Option<f64> {
        self.median_ns.or(self.median_bytes)
    }
}

/// The ratio of two engines in one case: formed within each round, then summed up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Of the rounds' ratios, the one in the middle.
    pub median: f64,
    /// Their lower quartile.
    pub low: f64,
    /// Their upper quartile.
    pub high: f64,
    /// The ratio of the best samples.
    pub of_bests: f64,
}

impl Ratio {
    /// Divides the samples of each round. `None` where there is no ratio: memory of which the reference adds nothing.
    pub fn new(samples: &[f64], reference: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> =
            samples.iter().zip(reference).map(|(sample, reference)| sample / reference).collect();
        let ratio = Self {
            median: median(&ratios),
            low: quantile(&ratios, 0.25),
            high: quantile(&ratios, 0.75),
            of_bests: best(samples) / best(reference),
        };
        (ratio.median.is_finite() && ratio.median > 0.0).then_some(ratio)
    }
}

/// One engine against another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pair {
    /// The numerator.
    pub engine: String,
    /// The denominator.
    pub reference: String,
    /// Every case that both ran.
    pub cases: Vec<PairCase>,
    /// For each group of cases, `own` and each folder's, and for `all`.
    pub geomeans: BTreeMap<String, Geomean>,
}

/// A pair in one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairCase {
    /// The case.
    pub case: String,
    /// The ratio.
    #[serde(flatten)]
    pub ratio: Ratio,
}

/// The geometric mean of a pair's median ratios.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geomean {
    /// The mean.
    pub ratio: f64,
    /// The smallest of them.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// How many cases there are.
    pub cases: usize,
}

impl Geomean {
    /// Sums `ratios` up; `None` if there are none.
    pub fn new(ratios: &[f64]) -> Option<Self> {
        let min = ratios.iter().copied().reduce(f64::min)?;
        let max = ratios.iter().copied().reduce(f64::max)?;
        Some(Self { ratio: geomean(ratios), min, max, cases: ratios.len() })
    }
}

impl Pair {
    /// Sums `cases` up by group.
    pub fn new(engine: &str, reference: &str, cases: Vec<PairCase>) -> Self {
        let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for PairCase { case, ratio } in &cases {
            for group in [group(case), "all"] {
                groups.entry(group.to_owned()).or_default().push(ratio.median);
            }
        }
        let geomeans =
            groups.into_iter().filter_map(|(group, ratios)| Some((group, Geomean::new(&ratios)?))).collect();
        Self { engine: engine.to_owned(), reference: reference.to_owned(), cases, geomeans }
    }
}

/// One case less another, in one engine: of the differences of the rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Difference {
    /// The minuend.
    pub case: String,
    /// The subtrahend.
    pub base: String,
    /// The engine.
    pub engine: String,
    /// The difference in the middle.
    pub median: f64,
    /// The lower quartile.
    pub low: f64,
    /// The upper quartile.
    pub high: f64,
}

/// An engine that could not run a case, or ran it wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Missing {
    /// The case.
    pub case: String,
    /// The engine.
    pub engine: String,
    /// Why.
    pub reason: String,
}

impl Document {
    /// The cases in order.
    pub fn case_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for entry in &self.cases {
            if !names.contains(&entry.case.as_str()) {
                names.push(&entry.case);
            }
        }
        names
    }

    /// The groups of cases, in order.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for case in self.case_names() {
            if !groups.contains(&group(case)) {
                groups.push(group(case));
            }
        }
        groups
    }

    /// What `engine` did in `case`.
    pub fn entry(&self, case: &str, engine: &str) -> Option<&Entry> {
        self.cases.iter().find(|entry| entry.case == case && entry.engine == engine)
    }

    /// The comparison of two engines.
    pub fn pair(&self, engine: &str, reference: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.engine == engine && pair.reference == reference)
    }
}

/// Which modules a case belongs to: our own, or those of a folder.
pub fn group(case: &str) -> &str {
    case.split_once('/').map_or("own", |(folder, _)| folder)
}

/// Reads what `--json` wrote: one document, or a list of them.
pub fn read(path: &Path) -> Result<Vec<Document>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let documents = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text)
    } else {
        serde_json::from_str(&text).map(|document| vec![document])
    };
    documents.with_context(|| format!("{} holds no results of the benchmark", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_the_unit_that_fits() {
        assert_eq!(Unit::Ns.show(0.94), "0.9 ns");
        assert_eq!(Unit::Ns.show(999.9), "999.9 ns");
        assert_eq!(Unit::Ns.show(1234.0), "1.23 µs");
        assert_eq!(Unit::Ns.show(1.5e7), "15.00 ms");
        assert_eq!(Unit::Ns.show(4e12), "4000.00 s");
        assert_eq!(Unit::Bytes.show(12.0), "12.0 B");
        assert_eq!(Unit::Bytes.show(-2048.0), "-2.00 KiB");
        assert_eq!(Unit::Bytes.show(5.5 * 1024.0 * 1024.0), "5.50 MiB");
    }

    #[test]
    fn ratios_are_those_of_rounds() {
        // The machine was half as fast in the second round: the ratio does not notice.
        let ratio = Ratio::new(&[1.0, 2.0, 1.0], &[2.0, 4.0, 2.0]).unwrap();
        assert_eq!((ratio.median, ratio.low, ratio.high, ratio.of_bests), (0.5, 0.5, 0.5, 0.5));
        assert_eq!(Ratio::new(&[1.0], &[0.0]), None);
        assert_eq!(Ratio::new(&[0.0], &[0.0]), None);
    }

    #[test]
    fn pairs_are_summed_up_by_group() {
        let case = |case: &str, median| PairCase {
            case: case.to_owned(),
            ratio: Ratio { median, low: median, high: median, of_bests: median },
        };
        let pair = Pair::new("a", "b", vec![case("fib", 0.5), case("sort", 2.0), case("dir/x", 4.0)]);
        let own = pair.geomeans["own"];
        assert!((own.ratio - 1.0).abs() < 1e-12);
        assert_eq!((own.min, own.max, own.cases), (0.5, 2.0, 2));
        assert_eq!(pair.geomeans["dir"].ratio, 4.0);
        assert_eq!(pair.geomeans["all"].cases, 3);
    }
}
