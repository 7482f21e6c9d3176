//! What of a document goes into a chart.

use crate::chart::{Bar, Chart, Row};
use rotifer_results::{Document, Pair, Unit, group};

/// A bar for each pair of engines: the geometric mean, and as whisker the range of the cases.
pub fn geomeans(document: &Document) -> Option<Chart> {
    let groups = document.groups();
    let bars = |pair: &Pair| -> Vec<Option<Bar>> {
        let bar = |group: &&str| {
            let mean = pair.geomeans.get(*group)?;
            Some(Bar { value: mean.ratio, low: mean.min, high: mean.max })
        };
        groups.iter().map(bar).collect()
    };
    let rows: Vec<Row> = document
        .pairs
        .iter()
        .map(|pair| Row { label: format!("{} / {}", pair.engine, pair.reference), bars: bars(pair) })
        .collect();
    let legend = groups.iter().map(|group| group_name(group)).collect();
    chart(document, "geometric means", legend, rows, "line: from the smallest case to the largest")
}

/// Bars for each case: the median ratio, and as whisker the quartiles of the rounds.
pub fn cases(document: &Document, wanted: &[String]) -> Option<Chart> {
    let is_shown = |pair: &&Pair| {
        if wanted.is_empty() {
            pair.engine.starts_with("rotifer") && pair.reference.starts_with("wasmi")
        } else {
            wanted.contains(&format!("{}/{}", pair.engine, pair.reference))
        }
    };
    let pairs: Vec<&Pair> = document.pairs.iter().filter(is_shown).collect();
    let bar = |pair: &Pair, name: &str| {
        let ratio = pair.cases.iter().find(|case| case.case == name)?.ratio;
        Some(Bar { value: ratio.median, low: ratio.low, high: ratio.high })
    };
    let rows: Vec<Row> = document
        .case_names()
        .into_iter()
        .map(|name| Row { label: name.to_owned(), bars: pairs.iter().map(|pair| bar(pair, name)).collect() })
        .filter(|row| row.bars.iter().any(Option::is_some))
        .collect();
    let legend = pairs.iter().map(|pair| format!("{} / {}", pair.engine, pair.reference)).collect();
    chart(document, "cases", legend, rows, "line: quartiles of the rounds")
}

fn chart(
    document: &Document,
    kind: &str,
    legend: Vec<String>,
    rows: Vec<Row>,
    whisker: &str,
) -> Option<Chart> {
    let quantity = match document.unit {
        Unit::Ns => "time",
        Unit::Bytes => "memory",
    };
    (!rows.is_empty()).then(|| Chart {
        title: format!("{}, {kind}: {}", document.set, document.what),
        axis: format!("{quantity} as a ratio, left of the line is better; {whisker}"),
        caption: format!("{}; {} rounds; {}", document.machine, document.rounds, document.date),
        legend,
        rows,
    })
}

fn group_name(name: &str) -> String {
    debug_assert_ne!(name, "all");
    if name == group("") { "our own modules".to_owned() } else { format!("modules of {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rotifer_results::{Entry, PairCase, Ratio};
    use std::collections::BTreeMap;

    fn document() -> Document {
        let ratio = |median| Ratio { median, low: median / 2.0, high: median * 2.0, of_bests: median };
        let case = |case: &str, median| PairCase { case: case.to_owned(), ratio: ratio(median) };
        let cases = vec![case("fib", 0.5), case("dir/x", 0.25)];
        Document {
            set: "execution".to_owned(),
            what: "one run".to_owned(),
            unit: Unit::Ns,
            reference: "wasmi".to_owned(),
            date: "2026-11-28".to_owned(),
            machine: "a machine".to_owned(),
            rounds: 3,
            engines: vec!["rotifer".to_owned(), "wasmi".to_owned()],
            sizes: BTreeMap::new(),
            cases: ["fib", "dir/x"].map(|case| Entry::new(Unit::Ns, case, "wasmi", &[1.0], None)).into(),
            geomean: BTreeMap::new(),
            pairs: vec![
                Pair::new("rotifer", "wasmi", cases.clone()),
                Pair::new("silverfir", "wasmi", cases[..1].to_vec()),
            ],
            differences: Vec::new(),
            not_measured: Vec::new(),
        }
    }

    #[test]
    fn geomeans_have_a_bar_for_each_group() {
        let chart = geomeans(&document()).unwrap();
        assert_eq!(chart.legend, ["our own modules", "modules of dir"]);
        assert_eq!(chart.rows[0].label, "rotifer / wasmi");
        assert_eq!(chart.rows[0].bars[1].as_ref().map(|bar| bar.value), Some(0.25));
        assert!(chart.rows[1].bars[1].is_none());
    }

    #[test]
    fn cases_show_the_pairs_that_are_wanted() {
        let chart = cases(&document(), &[]).unwrap();
        assert_eq!(chart.legend, ["rotifer / wasmi"]);
        assert_eq!(chart.rows.len(), 2);
        let chart = cases(&document(), &["silverfir/wasmi".to_owned()]).unwrap();
        assert_eq!(chart.rows.len(), 1);
        assert!(cases(&document(), &["x/y".to_owned()]).is_none());
    }
}
