//! The module for people.

use super::{
    Inspection,
    anatomy::{Count, Counts, Export, Import, Memory, Section, Table},
};
use crate::format::{counted, quoted};
use anyhow::Result;
use std::io::Write;

/// Writes everything.
pub(super) fn write(inspection: &Inspection, output: &mut impl Write) -> Result<()> {
    let anatomy = &inspection.anatomy;
    write_summary(inspection, output)?;
    write_counts(&anatomy.counts, output)?;
    write_list("sections", &anatomy.sections, section, output)?;
    write_list("imports", &anatomy.imports, import, output)?;
    write_list("exports", &anatomy.exports, export, output)?;
    write_list("memories", &anatomy.memories, memory, output)?;
    write_list("tables", &anatomy.tables, table, output)?;
    write_list(
        "cannot be read",
        &anatomy.unreadable,
        |it| format!("{} (at offset {:#x})", it.message, it.offset),
        output,
    )
}

fn write_summary(inspection: &Inspection, output: &mut impl Write) -> Result<()> {
    let anatomy = &inspection.anatomy;
    writeln!(output, "{}: {}", inspection.file, counted(inspection.size, "byte"))?;
    match &inspection.error {
        None => writeln!(output, "  valid:     yes")?,
        Some(error) => writeln!(output, "  valid:     no: {}", error.message)?,
    }
    if let Some(name) = &anatomy.name {
        writeln!(output, "  name:      {}", quoted(name))?;
    }
    if let Some(start) = &anatomy.start {
        let name = start.name.as_deref().map(|name| format!(" {}", quoted(name)));
        writeln!(output, "  start:     function {}{}", start.index, name.unwrap_or_default())?;
    }
    let Some(proposals) = &inspection.proposals else {
        writeln!(output, "  proposals: unknown, for the module is not valid with any")?;
        return Ok(());
    };
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    writeln!(output, "  proposals: {}", list(&proposals.used))?;
    if !proposals.unsupported.is_empty() {
        writeln!(output, "  not supported: {}", list(&proposals.unsupported))?;
    }
    writeln!(output, "  floats:    {}", if proposals.floats { "yes" } else { "no" })?;
    Ok(())
}

fn write_counts(counts: &Counts, output: &mut impl Write) -> Result<()> {
    let both = |count: Count| match count.imported {
        0 => count.defined.to_string(),
        imported => format!("{} ({imported} imported)", count.defined + imported),
    };
    let with_sum = |count: u64, sum: u64, noun: &str| match count {
        0 => "0".to_owned(),
        _ => format!("{count} ({})", counted(sum, noun)),
    };
    let rows = [
        ("types", counts.types.to_string()),
        ("functions", both(counts.functions)),
        ("tables", both(counts.tables)),
        ("memories", both(counts.memories)),
        ("globals", both(counts.globals)),
        ("tags", both(counts.tags)),
        ("element segments", with_sum(counts.element_segments, counts.segment_elements, "element")),
        ("data segments", with_sum(counts.data_segments, counts.data_bytes, "byte")),
        ("instructions", with_sum(counts.instructions, counts.code_bytes, "byte")),
    ];
    writeln!(output, "\ncounts")?;
    for (what, count) in rows.iter().filter(|(_, count)| count != "0") {
        writeln!(output, "  {what:<17} {count}")?;
    }
    Ok(())
}

/// Writes a headline and a line for each item, or nothing if there is none.
fn write_list<T>(
    head: &str,
    items: &[T],
    line: impl Fn(&T) -> String,
    output: &mut impl Write,
) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(output, "\n{head}")?;
    for item in items {
        writeln!(output, "  {}", line(item))?;
    }
    Ok(())
}

fn section(section: &Section) -> String {
    let mut line = format!(
        "{:2} {:<10} at {:#08x}, {}",
        section.id,
        section.name,
        section.offset,
        counted(section.size, "byte")
    );
    if let Some(items) = section.items {
        line.push_str(&format!(", {}", counted(items.into(), "item")));
    }
    if let Some(name) = &section.custom {
        line.push_str(&format!(", {}", quoted(name)));
    }
    line
}

fn import(import: &Import) -> String {
    let ty = import.ty.as_deref().unwrap_or("of unknown type");
    format!("{} {}: {} {ty}", quoted(&import.module), quoted(&import.name), import.kind)
}

fn export(export: &Export) -> String {
    let ty = export.ty.as_deref().unwrap_or("of unknown type");
    format!("{}: {} {}: {ty}", quoted(&export.name), export.kind, export.index)
}

fn memory(memory: &Memory) -> String {
    let unit = if memory.page_size == 1 { "byte" } else { "page" };
    let size = |pages: u64| match pages.checked_mul(memory.page_size) {
        Some(bytes) if memory.page_size != 1 => format!("{} ({bytes} bytes)", counted(pages, unit)),
        _ => counted(pages, unit),
    };
    let maximum = memory.maximum.map_or("no maximum".to_owned(), |pages| format!("at most {}", size(pages)));
    let mut line = format!("{}: {}, {maximum}", memory.index, size(memory.minimum));
    for (is_so, word) in
        [(memory.is_64, "64-bit addresses"), (memory.shared, "shared"), (memory.imported, "imported")]
    {
        if is_so {
            line.push_str(", ");
            line.push_str(word);
        }
    }
    line
}

fn table(table: &Table) -> String {
    let maximum = table.maximum.map_or("no maximum".to_owned(), |maximum| format!("at most {maximum}"));
    let mut line = format!("{}: {} x {}, {maximum}", table.index, table.minimum, table.element);
    for (is_so, word) in [(table.is_64, "64-bit indices"), (table.imported, "imported")] {
        if is_so {
            line.push_str(", ");
            line.push_str(word);
        }
    }
    line
}
