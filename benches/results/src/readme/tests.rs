//! Tables from small documents.

use super::*;
use crate::{Difference, Entry, Pair, PairCase, Ratio, Unit};

fn document(set: &str, engines: &[&str]) -> Document {
    Document {
        set: set.to_owned(),
        what: String::new(),
        unit: Unit::Ns,
        reference: "wasmi".to_owned(),
        date: "2026-11-28".to_owned(),
        machine: "a machine".to_owned(),
        rounds: 1,
        engines: engines.iter().map(|engine| (*engine).to_owned()).collect(),
        sizes: BTreeMap::new(),
        cases: Vec::new(),
        geomean: BTreeMap::new(),
        pairs: Vec::new(),
        differences: Vec::new(),
        not_measured: Vec::new(),
    }
}

fn case(name: &str, median: f64) -> PairCase {
    PairCase { case: name.to_owned(), ratio: Ratio { median, low: median, high: median, of_bests: median } }
}

#[test]
fn ratios_have_a_column_for_each_folder() {
    let mut execution = document("execution", &["rotifer", "wasmi"]);
    let cases = ["fib", "sort", "shared/argon2"];
    execution.cases = cases.map(|name| Entry::new(Unit::Ns, name, "rotifer", &[1.0], None)).into();
    execution.sizes = BTreeMap::from([("shared/argon2".to_owned(), 35_000)]);
    execution.pairs =
        vec![Pair::new("rotifer", "wasmi", vec![case("fib", 0.5), case("sort", 2.0), case(cases[2], 0.7)])];
    assert_eq!(
        tables(&[execution]),
        "a machine, 2026-11-28\n\
         \n\
         |  | our 2 kernels | 1 program of `shared`, 35 KB to 35 KB |\n\
         |---|---|---|\n\
         | execution against wasmi | 1.00 (0.50 to 2.00) | 0.70 |\n"
    );
}

#[test]
fn medians_have_only_engines_and_rows_that_were_measured() {
    let mut calls = document("calls", &["wasmi", "rotifer"]);
    calls.cases = vec![
        Entry::new(Unit::Ns, "typed", "wasmi", &[59.0, 61.0, 60.0], None),
        Entry::new(Unit::Ns, "typed", "rotifer", &[19.0], None),
    ];
    let [case, base, engine] = ["host-1", "loop", "rotifer"].map(str::to_owned);
    calls.differences = vec![Difference { case, base, engine, median: 8.4, low: 8.0, high: 9.0 }];
    let tables = tables(&[calls]);
    let (_, table) = tables.split_once("\n\n").unwrap();
    assert_eq!(
        table,
        "| one crossing of the boundary | wasmi | Rotifer |\n\
         |---|---|---|\n\
         | a host call, over the empty loop |  | 8.4 ns |\n\
         | a call by the host, Rust types | 60.0 ns | 19.0 ns |\n"
    );
}

#[test]
fn memory_shows_the_largest_module_of_a_folder() {
    let mut memory = document("memory", &["rotifer.eager"]);
    memory.unit = Unit::Bytes;
    for (module, size, held) in
        [("fib", 100, 2048.0), ("dir/small", 2000, 1.0), ("dir/large", 4_200_000, 8192.0)]
    {
        for what in ["first", "peak"] {
            let name = format!("{module} {what}");
            memory.cases.push(Entry::new(Unit::Bytes, &name, "rotifer.eager", &[held], None));
            memory.sizes.insert(name, size);
        }
    }
    let tables = tables(&[memory]);
    assert!(tables.contains("| `fib`, 100 B | 2.00 KiB (2.00 KiB) |"), "{tables}");
    assert!(tables.contains("| `dir/large`, 4.2 MB | 8.00 KiB (8.00 KiB) |"), "{tables}");
    assert!(!tables.contains("small"), "{tables}");
}

#[test]
fn digits_follow_the_size_of_a_ratio() {
    assert_eq!([0.0123, 0.7449, 12.34, 250.6].map(ratio), ["0.012", "0.74", "12.3", "251"]);
}

#[test]
fn documents_survive_json() {
    let mut document = document("memory", &["a"]);
    document.unit = Unit::Bytes;
    document.cases = vec![Entry::new(Unit::Bytes, "x", "a", &[1.0, 3.0], Ratio::new(&[1.0], &[2.0]))];
    let json = serde_json::to_string(&document).unwrap();
    assert!(json.contains("\"unit\":\"bytes\"") && json.contains("\"median_bytes\":2.0"), "{json}");
    assert!(!json.contains("median_ns"), "{json}");
    let read: Document = serde_json::from_str(&json).unwrap();
    assert_eq!(read.cases[0].median(), Some(2.0));
    assert_eq!(read.cases[0].ratio, document.cases[0].ratio);
}

#[test]
fn every_set_of_a_table_is_named() {
    assert_eq!(
        sets(),
        ["execution", "fuel", "inside", "itself", "startup", "calls", "instantiate", "memory"]
    );
}
