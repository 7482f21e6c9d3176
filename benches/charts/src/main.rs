//! `rotifer-charts`: draws what `cargo xtask bench --json` wrote as SVG bar charts.
//!
//! Run it with `cargo xtask charts FILE...`. Of each set there are two charts: `SET-geomeans.svg`, a bar for each pair
//! of engines that the set compares, and `SET-cases.svg`, bars for each case.

mod chart;
mod select;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rotifer_results::Document;
use std::{fs, path::PathBuf};

/// Draws results of the benchmark as SVG bar charts.
#[derive(Parser)]
#[command(bin_name = "cargo xtask charts")]
struct Arguments {
    /// What `cargo xtask bench --json` wrote.
    #[arg(required = true, value_name = "JSON")]
    results: Vec<PathBuf>,
    /// The folder for the charts.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// In charts of cases, the pairs to be shown as ENGINE/REFERENCE; may be repeated. If not given, all of Rotifer with
    /// wasmi.
    #[arg(long, value_name = "PAIR")]
    pair: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut documents: Vec<Document> = Vec::new();
    for path in &arguments.results {
        documents.extend(rotifer_results::read(path)?);
    }
    fs::create_dir_all(&arguments.out)
        .with_context(|| format!("cannot create {}", arguments.out.display()))?;
    let mut drawn = 0;
    for document in &documents {
        let charts =
            [("geomeans", select::geomeans(document)), ("cases", select::cases(document, &arguments.pair))];
        for (kind, chart) in charts {
            let Some(chart) = chart else { continue };
            let path = arguments.out.join(format!("{}-{kind}.svg", document.set));
            let svg = chart.draw()?;
            fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
            println!("{}", path.display());
            drawn += 1;
        }
    }
    ensure!(drawn > 0, "there is nothing to draw: no pair of engines was measured");
    Ok(())
}
