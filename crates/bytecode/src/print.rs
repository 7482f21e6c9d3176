//! Prints code as text, one cell a line.

use alloc::{format, string::String};
use core::fmt::{self, Write};

use rotifer_core::ValType;

use crate::{
    code::{CodeBuffer, Listed},
    fused::{Address, FIRST_SOURCES, MOVED_ADDRESSES},
    op::{BINARY_FORMS, BINARY_SOURCES, Described, LATCH_SOURCES, STORE_SOURCES, SlowOp, Source, Special},
    operator::{Kind, Operator},
};

/// Writes the cell as `position: op operands`, for example `12: i32.add.si.s 4 <- 2, #1`.
///
/// Slots are plain numbers, immediates have a `#`, `acc` is the accumulator of the operand's domain, and a
/// branch ends with `-> position`. Where fuel is counted, the costs of where a branch goes and of what is behind
/// it follow in parentheses. Twins that make NaNs canonical or track writes say so behind their operands.
pub fn print(code: &CodeBuffer, cell: &Listed, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{}: ", cell.position)?;
    match cell.op.describe() {
        Described::Operator(operator, form) => operator_cell(operator, form, cell, out)?,
        Described::Latch(operator, form) => {
            let o = cell.operands;
            let sense = if form & 2 == 0 { "br_unless" } else { "br_if" };
            let to = if form & 1 == 0 { "" } else { ".loop" };
            let (addend, right) = LATCH_SOURCES[form as usize / 4];
            let hash = |source| if source == Source::Imm { "#" } else { "" };
            let text = operator.row().text;
            write!(out, "{} <- {} + {}{}", o.a, o.b, hash(addend), o.c as i32)?;
            write!(out, "; {sense}{to} {text} acc, {}{}", hash(right), cell.wide as u32 as i32)?;
        }
        Described::Test(_)
        | Described::LoadBranch(..)
        | Described::Pair(..)
        | Described::Select(..)
        | Described::Division(..)
        | Described::Stored(..)
        | Described::Moved(..) => fused_cell(cell, out)?,
        Described::Special(op) => special_cell(op, cell, out)?,
    }
    if cell.op.is_canonical() {
        out.write_str(", canonical")?;
    }
    if cell.op.is_tracked() {
        out.write_str(", tracked")?;
    }
    // A move is printed with its op's name, which says so.
    if cell.op.as_stream().is_some() && !matches!(cell.op.describe(), Described::Moved(..)) {
        out.write_str(", stream")?;
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
    for (_, [first, second]) in code.costs.range(cell.position..end) {
        write!(out, " ({first}, {second})")?;
    }
    Ok(())
}

fn wide(cell: &Listed) -> String {
    format!("#{}", cell.wide as i64)
}

fn operator_cell(operator: Operator, form: u16, cell: &Listed, out: &mut dyn Write) -> fmt::Result {
    let row = operator.row();
    let o = cell.operands;
    let source = |source: Source, slot: u32| -> String {
        match source {
            Source::Slot => format!("{slot}"),
            Source::Imm if matches!(row.a, ValType::I64 | ValType::F64) => wide(cell),
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
        Kind::Load if form > 16 => {
            let index = unary_source(form - 17);
            let (letter_to, to) = target(form - 17);
            let index_text = source(index, u32::from(o.b));
            let (offset, shift) = (o.c >> 5, o.c & 31);
            write!(
                out,
                "{}.{}<<i.{letter_to} {to} <- [({index_text} << #{shift}) + {offset}]",
                row.text,
                letter(index)
            )
        }
        Kind::Load if form > 12 => {
            let index = unary_source(form - 13);
            let (letter_to, to) = target(form - 13);
            let index_text = source(index, u32::from(o.b));
            let (base, offset, shift) = (o.c & 0xFFFF, o.c >> 16, wide(cell));
            write!(
                out,
                "{}.{}<<i+s.{letter_to} {to} <- [({index_text} << {shift}) + {base} + {offset}]",
                row.text,
                letter(index)
            )
        }
        Kind::Load if form > 8 => {
            let base = unary_source(form - 9);
            let (letter_to, to) = target(form - 9);
            let base_text = source(base, u32::from(o.b));
            let (imm, offset) = (o.c as i32, wide(cell));
            write!(
                out,
                "{}.{}+i.{letter_to} {to} <- [{base_text} + #{imm} + {offset}]",
                row.text,
                letter(base)
            )
        }
        Kind::Load if form > 4 => {
            let first = if form < 7 { Source::Slot } else { Source::Acc };
            let (letter_to, to) = target(form - 5);
            let first_text = source(first, u32::from(o.b));
            let (second, offset) = (o.c & 0xFFFF, o.c >> 16);
            write!(
                out,
                "{}.{}+s.{letter_to} {to} <- [{first_text} + {second} + {offset}]",
                row.text,
                letter(first)
            )
        }
        Kind::Load => {
            let from = unary_source(form);
            let (letter_to, to) = target(form);
            let address = source(from, u32::from(o.b));
            write!(out, "{}.{}.{letter_to} {to} <- [{address} + {}]", row.text, letter(from), o.c)
        }
        Kind::Store if form == 5 => write!(out, "{}.any [{}] memory {} <- {}", row.text, o.a, o.c, o.b),
        Kind::Store if form > 8 => {
            let v = if form == 9 { Source::Slot } else { Source::Acc };
            let value = source(v, u32::from(o.b));
            let (imm, offset) = (o.c as i32, wide(cell));
            write!(out, "{}.s+i.{} [{} + #{imm} + {offset}] <- {value}", row.text, letter(v), o.a)
        }
        Kind::Store if form > 5 => {
            let v = [Source::Slot, Source::Imm, Source::Acc][form as usize - 6];
            let (second, offset) = (o.c & 0xFFFF, o.c >> 16);
            let value = if v == Source::Imm { wide(cell) } else { source(v, u32::from(o.b)) };
            write!(out, "{}.s+s{} [{} + {second} + {offset}] <- {value}", row.text, letter(v), o.a)
        }
        Kind::Store => {
            let (a, v) = STORE_SOURCES[form as usize];
            let value = if v == Source::Imm { wide(cell) } else { source(v, u32::from(o.b)) };
            let address = source(a, u32::from(o.a));
            write!(out, "{}.{}{} [{address} + {}] <- {value}", row.text, letter(a), letter(v), o.c)
        }
    }
}

fn fused_cell(cell: &Listed, out: &mut dyn Write) -> fmt::Result {
    let o = cell.operands;
    let operands = |sources: (Source, Source)| {
        let left = if sources.0 == Source::Acc { String::from("acc") } else { format!("{}", o.b) };
        let right = match sources.1 {
            Source::Imm => format!("#{}", o.c as i32),
            _ if sources.0 == Source::Acc => format!("{}", o.b),
            _ => format!("{}", o.c),
        };
        format!("{left}, {right}")
    };
    let to = |form: u16, slot: u16| if form & 1 == 0 { format!("{slot}") } else { String::from("acc") };
    match cell.op.describe() {
        Described::Test(form) => {
            write!(out, "{} {}", cell.op, operands(FIRST_SOURCES[form as usize / 4 % 4]))
        }
        Described::LoadBranch(_, form) => {
            let second = if form & 8 == 0 { String::new() } else { format!(" + {}", o.a) };
            let other = if form & 4 == 0 { "" } else { "#" };
            let kept =
                if form & 16 == 0 { String::new() } else { format!("{} <- ", (cell.wide >> 32) as u16) };
            write!(out, "{} {kept}[{}{second} + {}], {other}{}", cell.op, o.b, o.c, cell.wide as u32 as i32)
        }
        Described::Pair(_, form) => {
            let first = operands(FIRST_SOURCES[form as usize / 4]);
            let other = if form & 2 == 0 { "" } else { "#" };
            write!(out, "{} {} <- {first}; {other}{}", cell.op, to(form, o.a), cell.wide as u32 as i32)
        }
        Described::Select(_, form) => {
            let compared = operands(FIRST_SOURCES[form as usize]);
            let (yes, no) = (cell.wide as u16, (cell.wide >> 16) as u16);
            write!(out, "{} {} <- {compared} ? {yes} : {no}", cell.op, o.a)
        }
        Described::Division(_, form) => {
            let source = if form & 2 == 0 { format!("{}", o.b) } else { String::from("acc") };
            write!(out, "{} {} <- {source}, #{}", cell.op, to(form, o.a), cell.wide)
        }
        Described::Stored(_, form) => {
            let first = operands(FIRST_SOURCES[form as usize / 2]);
            let (result, address) = (cell.wide as u16, (cell.wide >> 16) as u16);
            write!(out, "{} [{address} + {}], {} <- {first}", cell.op, cell.wide >> 32, to(form, result))
        }
        Described::Moved(_, addresses) => {
            let (from, to) = MOVED_ADDRESSES[addresses as usize];
            let from = match from {
                Address::Slot => format!("{} + {}", o.b, o.c),
                Address::Acc => format!("acc + {}", o.c),
                Address::Sum => format!("{} + {} + {}", o.b, o.c & 0xFFFF, o.c >> 16),
            };
            let second = if to == Address::Sum { format!(" + {}", cell.wide as u16) } else { String::new() };
            write!(out, "{} [{}{second} + {}] <- [{from}]", cell.op, o.a, cell.wide >> 32)
        }
        _ => Ok(()),
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
        Special::Copy | Special::CopyKeep | Special::CopyAcc | Special::CopyAccFloat => {
            write!(out, " {} <- {}", o.a, o.b)
        }
        Special::I32Square | Special::I64Square | Special::F32Square | Special::F64Square => {
            write!(out, " {} <- acc", o.a)
        }
        Special::I32SquareAcc | Special::I64SquareAcc | Special::F32SquareAcc | Special::F64SquareAcc => {
            out.write_str(" acc <- acc")
        }
        Special::CopyTwo | Special::CopyTwoKeep => {
            write!(out, " {} <- {}, {} <- {}", o.a, o.b, cell.wide as u16, (cell.wide >> 16) as u16)
        }
        Special::AddTwo => {
            write!(out, " {} <- {} + #{}", o.a, o.b, o.c as i32)?;
            let (to, from, imm) = (cell.wide as u16, (cell.wide >> 16) as u16, (cell.wide >> 32) as i32);
            write!(out, ", {to} <- {from} + #{imm}")
        }
        Special::CopyMany => write!(out, " {}.. <- {}.., {} slots", o.a, o.b, o.c),
        Special::Call => write!(out, " frame {}", o.c / 8),
        Special::CallAdd | Special::CallAddWide => {
            let (to, from, imm) = (cell.wide as u16, (cell.wide >> 16) as u16, (cell.wide >> 32) as i32);
            write!(out, " frame {}, {to} <- {from} + #{imm}", o.c / 8)
        }
        Special::CallCopy => {
            write!(out, " frame {}, {} <- {}", o.c / 8, cell.wide as u16, (cell.wide >> 16) as u16)
        }
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
        Special::Const64 => write!(out, " {} <- {}", o.a, wide(cell)),
        Special::ReturnSlotInt | Special::ReturnSlotFloat => write!(out, " {}", o.a),
        Special::LoopEnter => write!(out, " {}, {}, {}", o.a, o.b, o.c),
        Special::MemoryFill | Special::MemoryCopy => write!(out, " {}", o.b),
        Special::MemoryFillOf | Special::MemoryCopyOf => {
            for (i, value) in [o.c, cell.wide as u32, (cell.wide >> 32) as u32].into_iter().enumerate() {
                let comma = if i == 0 { "" } else { "," };
                let imm = if o.a >> i & 1 == 0 { "" } else { "#" };
                write!(out, "{comma} {imm}{value}")?;
            }
            Ok(())
        }
        Special::ReturnMany => write!(out, " {}.., {} slots", o.a, o.b),
        _ => Ok(()),
    }
}
