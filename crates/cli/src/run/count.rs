//! `--count-ops`: which ops were executed most often, and which followed each other. In builds with the feature
//! `count-ops`, for those who work on the interpreter.

use anyhow::{Context, Result};
use rotifer::{Config, Dispatch};
use std::{collections::HashMap, fmt::Write as _};

/// Whether executed ops are counted.
#[derive(clap::Args)]
#[command(next_help_heading = "Profiles")]
pub(super) struct CountOptions {
    /// Shows at the end which ops, pairs and triples of ops were executed most often: N of each [default: 20]. The
    /// loop dispatcher counts them, with whatever the start function and initialisers did.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "20")]
    count_ops: Option<usize>,
}

impl CountOptions {
    /// Has an engine count.
    pub(super) fn configure(&self, config: &mut Config) {
        if self.count_ops.is_some() {
            config.dispatch(Dispatch::Loop);
        }
    }

    /// What was counted, as text.
    pub(super) fn report(&self) -> Result<Option<String>> {
        let Some(limit) = self.count_ops else { return Ok(None) };
        let triples = Dispatch::op_triples().context("this build does not count ops")?;
        let named = triples.iter().map(|(ops, count)| (ops.map(|op| op.to_string()), *count)).collect();
        Ok(Some(report(named, limit)))
    }
}

/// The most frequent ops, pairs and triples, in percent of all ops.
fn report(triples: Vec<([String; 3], u64)>, limit: usize) -> String {
    let all: u64 = triples.iter().map(|(_, count)| count).sum();
    let mut text = format!("ops: {all} executed");
    for (length, what) in [(1, "op"), (2, "pair"), (3, "triple")] {
        let mut counts: HashMap<&[String], u64> = HashMap::new();
        for (ops, count) in &triples {
            *counts.entry(&ops[3 - length..]).or_default() += count;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by_key(|&(ops, count)| (std::cmp::Reverse(count), ops));
        for (ops, count) in counts.into_iter().take(limit) {
            let percent = 100.0 * count as f64 / all.max(1) as f64;
            write!(text, "\n{what:>6} {percent:5.1} %  {}", ops.join("  ")).expect("strings take everything");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_come_first() {
        let triple = |ops: [&str; 3], count| (ops.map(str::to_owned), count);
        let text = report(vec![triple(["a", "b", "c"], 1), triple(["b", "c", "c"], 3)], 1);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ops: 4 executed");
        assert_eq!(lines[1..], ["    op 100.0 %  c", "  pair  75.0 %  c  c", "triple  75.0 %  b  c  c"]);
    }
}
