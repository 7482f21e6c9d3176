//! Prints code as text, one cell a line.

use alloc::{format, string::String};
use core::fmt::{self, Write};

use crate::{
    code::{CodeBuffer, Listed},
    op::{BINARY_FORMS, BINARY_SOURCES, Described, STORE_SOURCES, SlowOp, Source, Special},
    operator::{Kind, Operator},
};

/// Writes the cell as `position: op operands`, for example `12: i32.add.si.s 4 <- 2, #1`.
///
/// Slots are plain numbers, immediates have a `#`, `acc` is the accumulator of the operand's domain, and a
/// branch ends with `-> position`.
pub fn print(code: &CodeBuffer, cell: &Listed, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{}: ", cell.position)?;
    match cell.op.describe() {
        Described::Operator(operator, form) => operator_cell(operator, form, cell, out)?,
        Described::Special(op) => special_cell(op, cell, out)?,
    }
    let next = code.listing.iter().find(|l| l.position > cell.position);
    let end = next.map_or(u32::MAX, |l| l.position);
    let mut targets = code.targets.range(cell.position..end).map(|(_, target)| target).peekable();
    if targets.peek().is_some() {
        out.write_str(" ->")?;
    }
    for target in targets {
        write!(out, " {target}")?;
    }
    Ok(())
}

fn operator_cell(operator: Operator, form: u16, cell: &Listed, out: &mut dyn Write) -> fmt::Result {
    let row = operator.row();
    let o = cell.operands;
    let source = |source: Source, slot: u32| -> String {
        match source {
            Source::Slot => format!("{slot}"),
            Source::Imm if row.a == rotifer_core::ValType::F64 => String::from("#wide"),
            Source::Imm => format!("#{}", o.c as i32),
            Source::Acc => String::from("acc"),
        }
    };
    let letter = |source: Source| match source {
        Source::Slot => 's',
        Source::Imm => 'i',
        Source::Acc => 'a',
    };
    let target = |form: u16| {
        if form.is_multiple_of(2) { ('s', format!("{}", o.a)) } else { ('a', String::from("acc")) }
    };
    let pair = |(a, b): (Source, Source)| {
        let right = if a == Source::Slot { o.c } else { u32::from(o.b) };
        (source(a, u32::from(o.b)), source(b, right))
    };
    let unary_source = |form: u16| if form / 2 == 1 { Source::Acc } else { Source::Slot };
    match row.kind {
        Kind::Unary => {
            let from = unary_source(form);
            let (letter_to, to) = target(form);
            write!(out, "{}.{}.{letter_to} {to} <- {}", row.text, letter(from), source(from, u32::from(o.b)))
        }
        Kind::Compare if form >= BINARY_FORMS => {
            let form = form - BINARY_FORMS;
            let sources = BINARY_SOURCES[form as usize / 4];
            let sense = if form & 2 == 0 { "br_unless" } else { "br_if" };
            let to = if form & 1 == 0 { "" } else { ".loop" };
            let (a, b) = pair(sources);
            write!(out, "{sense}{to} {}.{}{} {a}, {b}", row.text, letter(sources.0), letter(sources.1))
        }
        Kind::Binary | Kind::Compare => {
            let sources = BINARY_SOURCES[form as usize / 2];
            let (letter_to, to) = target(form);
            let (a, b) = pair(sources);
            write!(
                out,
                "{}.{}{}.{letter_to} {to} <- {a}, {b}",
                row.text,
                letter(sources.0),
                letter(sources.1)
            )
        }
        Kind::Load if form == 4 => write!(out, "{}.any {} <- [{}] memory {}", row.text, o.a, o.b, o.c),
        Kind::Load => {
            let from = unary_source(form);
            let (letter_to, to) = target(form);
            let address = source(from, u32::from(o.b));
            write!(out, "{}.{}.{letter_to} {to} <- [{address} + {}]", row.text, letter(from), o.c)
        }
        Kind::Store if form == 5 => write!(out, "{}.any [{}] memory {} <- {}", row.text, o.a, o.c, o.b),
        Kind::Store => {
            let (a, v) = STORE_SOURCES[form as usize];
            let value = if v == Source::Imm { String::from("#wide") } else { source(v, u32::from(o.b)) };
            let address = source(a, u32::from(o.a));
            write!(out, "{}.{}{} [{address} + {}] <- {value}", row.text, letter(a), letter(v), o.c)
        }
    }
}

fn special_cell(op: Special, cell: &Listed, out: &mut dyn Write) -> fmt::Result {
    let o = cell.operands;
    if op == Special::Slow {
        let name = SlowOp::from_number(o.a).map_or("?", SlowOp::text);
        return write!(out, "slow {name} {} #{}", o.b, o.c);
    }
    out.write_str(op.text())?;
    match op {
        Special::Enter => write!(out, " {}..{}", o.a, u32::from(o.a) + o.c),
        Special::Const32 => write!(out, " {} <- #{}", o.a, o.c),
        Special::Copy => write!(out, " {} <- {}", o.a, o.b),
        Special::CopyMany => write!(out, " {}.. <- {}.., {} slots", o.a, o.b, o.c),
        Special::Call => write!(out, " frame {}", o.c / 8),
        Special::CallImport => write!(out, " import {} frame {}", o.c, o.a),
        Special::CallIndirect => write!(out, " element {} frame {}", o.c, o.a),
        Special::CallIndirectAcc => write!(out, " element acc frame {}", o.a),
        Special::Select => write!(out, " {} <- {} ? {} : ..", o.a, o.b, o.c),
        Special::SelectAcc => write!(out, " {} <- acc ? {} : ..", o.a, o.c),
        Special::GlobalGetInt | Special::GlobalGetFloat => write!(out, " {} <- global {}", o.a, o.c),
        Special::GlobalSet => write!(out, " global {} <- {}", o.c, o.b),
        Special::GlobalSetAccInt | Special::GlobalSetAccFloat => write!(out, " global {} <- acc", o.c),
        Special::BrNez | Special::BrEqz | Special::BrNezLoop | Special::BrEqzLoop | Special::BrTable => {
            write!(out, " {}", o.b)
        }
        Special::ReturnSlotInt | Special::ReturnSlotFloat | Special::Const64 => write!(out, " {}", o.a),
        Special::ReturnMany => write!(out, " {}.., {} slots", o.a, o.b),
        _ => Ok(()),
    }
}
