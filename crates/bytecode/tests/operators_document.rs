//! docs/OPERATORS.md is the operator table as a document. `BLESS=1 cargo test -p rotifer-bytecode` rewrites it.

use std::{fmt::Write as _, fs, path::Path};

use rotifer_bytecode::{Kind, OP_COUNT, Operator, Special};

fn document() -> String {
    let mut out = String::from(
        "# Operators\n\nDerived from the table in `crates/bytecode/src/table.rs`; do not edit: \
         `BLESS=1 cargo test -p rotifer-bytecode` rewrites this file. Opcodes above 0xff have a prefix byte.\n",
    );
    for (kind, title) in [
        (Kind::Unary, "Unary"),
        (Kind::Binary, "Binary"),
        (Kind::Compare, "Compares"),
        (Kind::Load, "Loads"),
        (Kind::Store, "Stores"),
    ] {
        write!(out, "\n## {title}\n\n| opcode | operator | type | may trap | |\n|---|---|---|---|---|\n")
            .unwrap();
        for row in Operator::ALL.iter().map(|operator| operator.row()).filter(|row| row.kind == kind) {
            let params = match kind {
                Kind::Unary | Kind::Load => row.a.to_string(),
                _ => format!("{} {}", row.a, row.b),
            };
            let result = row.result.map(|ty| ty.to_string()).unwrap_or_default();
            let may_trap = if row.may_trap { "yes" } else { "" };
            let doc = row.doc.trim();
            writeln!(
                out,
                "| {:#04x} | `{}` | [{params}] -> [{result}] | {may_trap} | {doc} |",
                row.opcode, row.text
            )
            .unwrap();
        }
    }
    write!(
        out,
        "\n## Other ops of our code\n\nThese are not derived from operators of fixed type. With the forms of the \
         operators above there are {OP_COUNT} ops.\n\n"
    )
    .unwrap();
    let names: Vec<_> = Special::ALL.iter().map(|op| format!("`{}`", op.text())).collect();
    writeln!(out, "{}", names.join(", ")).unwrap();
    out
}

#[test]
fn document_matches_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATORS.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, document()).unwrap();
    }
    let actual = fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == document(), "docs/OPERATORS.md is stale: run BLESS=1 cargo test -p rotifer-bytecode");
}
