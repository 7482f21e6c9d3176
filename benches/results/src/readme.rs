//! The tables of the README, in Markdown, from the documents of the sets.
//!
//! What they say is in [`TABLES`]: a new row is a line there. What was not measured is left out, rows, columns and
//! whole tables, so that any part of the sets and any engines make tables that are true.

use crate::{Document, group};
use std::{collections::BTreeMap, fmt::Write};

/// A table.
pub struct Table {
    /// The head of the first column.
    head: &'static str,
    body: Body,
}

/// What a table compares.
enum Body {
    /// Geometric means of ratios, a column for each group of cases.
    Ratios {
        /// What one case of our own is called, and one of a folder's.
        nouns: (&'static str, &'static str),
        rows: &'static [RatioRow],
    },
    /// Medians of single cases.
    Medians {
        set: &'static str,
        columns: &'static [(&'static str, &'static str)],
        rows: &'static [MedianRow],
    },
    /// Bytes that modules add: the largest of each group, after all of our own.
    Memory { columns: &'static [(&'static str, &'static str)] },
}

/// A row of ratios: label, set, engine, what it is compared with, whether smallest and largest are shown.
struct RatioRow(&'static str, &'static str, &'static str, &'static str, bool);

/// A row of medians: label, case, and the case whose time is subtracted.
struct MedianRow(&'static str, &'static str, Option<&'static str>);

/// The tables, in order.
pub const TABLES: &[Table] = &[
    Table {
        head: "",
        body: Body::Ratios {
            nouns: ("kernel", "program"),
            rows: &[
                RatioRow("execution against wasmi", "execution", "rotifer", "wasmi", true),
                RatioRow(
                    "execution against silverfir-nano 0.6.0, interpreter",
                    "execution",
                    "rotifer",
                    "silverfir",
                    true,
                ),
                RatioRow("execution against wasm3 0.9", "execution", "rotifer", "wasm3", true),
                RatioRow("execution against tinywasm 0.10.0", "execution", "rotifer", "tinywasm", true),
                RatioRow("execution against wasmtime 48.0.8, Pulley", "execution", "rotifer", "pulley", true),
                RatioRow(
                    "execution against wasmtime 48.0.8, machine code",
                    "execution",
                    "rotifer",
                    "cranelift",
                    true,
                ),
                RatioRow("both counting fuel, against wasmi", "fuel", "rotifer.fuel", "wasmi.fuel", true),
                RatioRow("fuel on against off, ours", "fuel", "rotifer.fuel", "rotifer", true),
                RatioRow("fuel on against off, wasmi", "fuel", "wasmi.fuel", "wasmi", true),
                RatioRow(
                    "both compiled to WebAssembly, in wasmtime, against wasmi",
                    "inside",
                    "rotifer@wasmtime",
                    "wasmi@wasmtime",
                    true,
                ),
                RatioRow(
                    "both compiled to WebAssembly, in Rotifer, against wasmi",
                    "itself",
                    "rotifer@rotifer",
                    "wasmi@rotifer",
                    true,
                ),
            ],
        },
    },
    Table {
        head: "start: bytes to instance, drop included",
        body: Body::Ratios {
            nouns: ("module", "module"),
            rows: &[
                RatioRow("eager against wasmi eager", "startup", "rotifer.eager", "wasmi.eager", true),
                RatioRow(
                    "checked against wasmi lazy-translation",
                    "startup",
                    "rotifer.checked",
                    "wasmi.lazy-translation",
                    true,
                ),
                RatioRow("partial against wasmi lazy", "startup", "rotifer.partial", "wasmi.lazy", true),
                RatioRow(
                    "unchecked against wasmi lazy, unchecked",
                    "startup",
                    "rotifer.unchecked",
                    "wasmi.unchecked",
                    true,
                ),
                RatioRow("eager against silverfir", "startup", "rotifer.eager", "silverfir", true),
                RatioRow("eager against wasm3 eager", "startup", "rotifer.eager", "wasm3.eager", true),
                RatioRow("partial against wasm3 lazy", "startup", "rotifer.partial", "wasm3.lazy", true),
                RatioRow("eager against tinywasm", "startup", "rotifer.eager", "tinywasm", true),
                RatioRow("eager against Pulley", "startup", "rotifer.eager", "pulley", true),
                RatioRow("eager against Cranelift", "startup", "rotifer.eager", "cranelift", true),
            ],
        },
    },
    Table {
        head: "one crossing of the boundary",
        body: Body::Medians {
            set: "calls",
            columns: &[
                ("wasmi", "wasmi"),
                ("wasm3", "wasm3"),
                ("Pulley", "pulley"),
                ("machine code", "cranelift"),
                ("Rotifer", "rotifer"),
            ],
            rows: &[
                MedianRow("a host call, over the empty loop", "host-1", Some("loop")),
                MedianRow("a call by the host, Rust types", "typed", None),
                MedianRow("a call by the host, types at run time", "untyped", None),
                MedianRow("a host call that suspends and is resumed", "suspend-error", None),
            ],
        },
    },
    Table {
        head: "a fresh instance of a loaded module, a call that writes into so many 4-KiB pages, drop",
        body: Body::Medians {
            set: "instantiate",
            columns: &[
                ("wasmi", "wasmi"),
                ("wasm3", "wasm3"),
                ("tinywasm", "tinywasm"),
                ("wasmtime on demand", "cranelift.on-demand"),
                ("wasmtime pool, best", "cranelift.pool-pagemap"),
                ("Rotifer", "rotifer"),
                ("Rotifer, tracked writes", "rotifer.tracked"),
                ("Rotifer, the same instance reset", "rotifer.reset"),
            ],
            rows: &[
                MedianRow("1 MiB of memory, no call", "1 MiB", None),
                MedianRow("1 MiB, 8 pages", "1 MiB touch 8", None),
                MedianRow("16 MiB, no call", "16 MiB", None),
                MedianRow("16 MiB, 8 pages", "16 MiB touch 8", None),
                MedianRow("16 MiB, 512 pages", "16 MiB touch 512", None),
            ],
        },
    },
    Table {
        head: "memory of a process's first module and instance (peak)",
        body: Body::Memory {
            columns: &[
                ("wasmi eager", "wasmi.eager"),
                ("wasmi lazy", "wasmi.lazy"),
                ("silverfir", "silverfir"),
                ("wasm3 lazy", "wasm3.lazy"),
                ("tinywasm", "tinywasm"),
                ("Cranelift", "cranelift"),
                ("Rotifer eager", "rotifer.eager"),
                ("checked", "rotifer.checked"),
                ("partial", "rotifer.partial"),
            ],
        },
    },
];

/// The sets that the tables are made of.
pub fn sets() -> Vec<&'static str> {
    let mut sets: Vec<&str> = Vec::new();
    for table in TABLES {
        let of_table: Vec<&str> = match &table.body {
            Body::Ratios { rows, .. } => rows.iter().map(|row| row.1).collect(),
            Body::Medians { set, .. } => vec![set],
            Body::Memory { .. } => vec!["memory"],
        };
        for set in of_table {
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
    }
    sets
}

/// All tables that `documents` have something for.
pub fn tables(documents: &[Document]) -> String {
    let of_set = |set: &str| documents.iter().find(|document| document.set == set);
    let mut text = String::new();
    if let Some(document) = documents.first() {
        let _ = writeln!(text, "{}, {}", document.machine, document.date);
    }
    for table in TABLES {
        let (columns, rows) = match &table.body {
            Body::Ratios { nouns, rows } => ratios(*nouns, rows, &of_set),
            Body::Medians { set, columns, rows } => match of_set(set) {
                Some(document) => medians(document, columns, rows),
                None => continue,
            },
            Body::Memory { columns } => match of_set("memory") {
                Some(document) => memory(document, columns),
                None => continue,
            },
        };
        markdown(&mut text, table.head, &columns, &rows);
    }
    text
}

/// Heads of columns; rows of a label and cells.
type Cells = (Vec<String>, Vec<(String, Vec<Option<String>>)>);

fn ratios<'a>(
    nouns: (&str, &str),
    rows: &[RatioRow],
    of_set: &dyn Fn(&str) -> Option<&'a Document>,
) -> Cells {
    let mut groups: Vec<&str> = Vec::new();
    for document in rows.iter().filter_map(|row| of_set(row.1)) {
        for group in document.groups() {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
    }
    let head = |group: &str| {
        let documents = rows.iter().filter_map(|row| of_set(row.1));
        documents.map(|document| group_head(document, group, nouns)).next().unwrap_or_default()
    };
    let cell = |row: &RatioRow, group: &str| {
        let mean = of_set(row.1)?.pair(row.2, row.3)?.geomeans.get(group)?;
        Some(if row.4 && mean.cases > 1 {
            format!("{} ({} to {})", ratio(mean.ratio), ratio(mean.min), ratio(mean.max))
        } else {
            ratio(mean.ratio)
        })
    };
    let cells =
        |row: &RatioRow| (row.0.to_owned(), groups.iter().map(|group| cell(row, group)).collect::<Vec<_>>());
    (groups.iter().map(|group| head(group)).collect(), rows.iter().map(cells).collect())
}

/// Three digits, or as many as there are before the point.
fn ratio(number: f64) -> String {
    match number {
        ..0.095 => format!("{number:.3}"),
        ..9.95 => format!("{number:.2}"),
        ..99.5 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// How many cases of a group there are, and how long their modules.
fn group_head(document: &Document, wanted: &str, nouns: (&str, &str)) -> String {
    let cases: Vec<&str> = document.case_names().into_iter().filter(|case| group(case) == wanted).collect();
    let plural = if cases.len() == 1 { "" } else { "s" };
    if wanted == "own" {
        return format!("our {} {}{plural}", cases.len(), nouns.0);
    }
    let sizes: Vec<u64> = cases.iter().filter_map(|case| document.sizes.get(*case)).copied().collect();
    let range = match (sizes.iter().min(), sizes.iter().max()) {
        (Some(min), Some(max)) => format!(", {} to {}", size(*min), size(*max)),
        _ => String::new(),
    };
    format!("{} {}{plural} of `{wanted}`{range}", cases.len(), nouns.1)
}

/// A module's length, rounded.
fn size(bytes: u64) -> String {
    match bytes {
        ..1000 => format!("{bytes} B"),
        1000..999_500 => format!("{:.0} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// The columns of engines that `document` has.
fn measured<'a>(
    document: &Document,
    columns: &'a [(&'static str, &'static str)],
) -> Vec<&'a (&'static str, &'static str)> {
    columns.iter().filter(|(_, engine)| document.engines.iter().any(|known| known == engine)).collect()
}

fn medians(document: &Document, columns: &[(&'static str, &'static str)], rows: &[MedianRow]) -> Cells {
    let columns = measured(document, columns);
    let cell = |MedianRow(_, case, base): &MedianRow, engine: &str| {
        let number = match base {
            None => document.entry(case, engine)?.median()?,
            Some(base) => {
                let is_wanted = |difference: &&crate::Difference| {
                    difference.case == *case && difference.base == *base && difference.engine == engine
                };
                document.differences.iter().find(is_wanted)?.median
            }
        };
        Some(document.unit.show(number))
    };
    let cells = |row: &MedianRow| {
        (row.0.to_owned(), columns.iter().map(|(_, engine)| cell(row, engine)).collect::<Vec<_>>())
    };
    let heads = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
    (heads, rows.iter().map(cells).collect())
}

fn memory(document: &Document, columns: &[(&'static str, &'static str)]) -> Cells {
    let columns = measured(document, columns);
    let names = document.case_names();
    let modules: Vec<&str> = names.iter().filter_map(|case| case.strip_suffix(" first")).collect();
    let length = |module: &str| document.sizes.get(&format!("{module} first")).copied().unwrap_or(0);
    let mut largest: BTreeMap<&str, &str> = BTreeMap::new();
    for module in modules.iter().copied().filter(|module| group(module) != "own") {
        let place = largest.entry(group(module)).or_insert(module);
        if length(module) > length(place) {
            *place = module;
        }
    }
    let is_shown = |module: &&str| group(module) == "own" || largest.values().any(|shown| shown == module);
    let cell = |module: &str, engine: &str| {
        let of = |what: &str| document.entry(&format!("{module} {what}"), engine)?.median();
        let [held, peak] = [of("first")?, of("peak")?].map(|bytes| document.unit.show(bytes));
        Some(format!("{held} ({peak})"))
    };
    let rows = modules.iter().copied().filter(is_shown).map(|module| {
        let cells = columns.iter().map(|(_, engine)| cell(module, engine)).collect();
        (format!("`{module}`, {}", size(length(module))), cells)
    });
    (columns.iter().map(|(head, _)| (*head).to_owned()).collect(), rows.collect())
}

fn markdown(text: &mut String, head: &str, columns: &[String], rows: &[(String, Vec<Option<String>>)]) {
    let rows: Vec<_> = rows.iter().filter(|(_, cells)| cells.iter().any(Option::is_some)).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n| {head} | {} |", columns.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(columns.len() + 1));
    for (label, cells) in rows {
        let cells: Vec<&str> = cells.iter().map(|cell| cell.as_deref().unwrap_or("")).collect();
        let _ = writeln!(text, "| {label} | {} |", cells.join(" | "));
    }
}

#[cfg(test)]
mod tests;
