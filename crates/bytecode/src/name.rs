//! Names of ops, one for each number: the operator, then the form.
//!
//! ```text
//! i32.add.si.a               sources slot, immediate; to the accumulator only
//! br_if.loop.i32.lt_s.ss     to the loop register's cell, if the compare of two slots holds
//! i32.add<i32.shl.si:s>.a    two operators, the first one's result an operand of the second
//! i32.store<s:i32.add.as>.a  a store of what is computed
//! move64<s:a>                a load and a store of 8 bytes: to the address in a slot, from that in the accumulator
//! br_if.eq<i32.load8_u.s:i>  a branch on what it loads
//! br_if.test.ss              a branch on common bits
//! latch.br_unless.i32.ne.i.s behind the addition of an immediate, compared with a slot
//! return.s@2                 with its linkage in slot 2
//! call@3+1                   with the callee's frame at slot 3, whose linkage is in slot 1
//! br.loop+fuel               the twin that pays
//! f64.mul.ss.s+canonical     the twin that makes NaNs canonical
//! latch.br_if.loop.i32.ne.i.i+pinned
//!                            the twin whose local is pinned
//! i32.store.ss+tracked       the twin that notes what it writes to
//! i32.store.ss+stream        the twin that executes the rounds of a loop
//! i32.add.si.s+stream<i32.store8.ss>
//!                            the same, with a store behind
//! ```

use core::fmt;

use crate::{
    fused::{
        Address, BRANCH_LOADS, FIRST_SOURCES, MOVED_ADDRESSES, MOVED_SIZES, PAIRS, Pair, STORED, Stored,
    },
    op::{BINARY_FORMS, BINARY_SOURCES, CallPlace, Described, LATCH_SOURCES, OpCode, STORE_SOURCES, Source},
    operator::{Kind, Operator},
};

const fn letter(source: Source) -> char {
    match source {
        Source::Slot => 's',
        Source::Imm => 'i',
        Source::Acc => 'a',
    }
}

/// The letter of a form's target, which alternates.
const fn target(form: u16) -> char {
    if form.is_multiple_of(2) { 's' } else { 'a' }
}

/// The name of a branch, by the low bits of its form.
const fn branch(form: u16) -> &'static str {
    ["br_unless", "br_unless.loop", "br_if", "br_if.loop"][(form & 3) as usize]
}

fn operator_name(f: &mut fmt::Formatter<'_>, operator: Operator, form: u16) -> fmt::Result {
    let row = operator.row();
    let text = row.text;
    match row.kind {
        Kind::Unary => write!(f, "{text}.{}.{}", target(form / 2), target(form)),
        Kind::Compare if form >= BINARY_FORMS => {
            let form = form - BINARY_FORMS;
            let (a, b) = BINARY_SOURCES[form as usize / 4];
            write!(f, "{}.{text}.{}{}", branch(form), letter(a), letter(b))
        }
        Kind::Binary | Kind::Compare => {
            let (a, b) = BINARY_SOURCES[form as usize / 2];
            write!(f, "{text}.{}{}.{}", letter(a), letter(b), target(form))
        }
        Kind::Load if form == 4 => write!(f, "{text}.any"),
        Kind::Load if form > 16 => write!(f, "{text}.{}<<i.{}", target((form - 17) / 2), target(form - 17)),
        Kind::Load if form > 12 => {
            write!(f, "{text}.{}<<i+s.{}", target((form - 13) / 2), target(form - 13))
        }
        Kind::Load if form > 8 => write!(f, "{text}.{}+i.{}", target((form - 9) / 2), target(form - 9)),
        Kind::Load if form > 4 => write!(f, "{text}.{}+s.{}", target((form - 5) / 2), target(form - 5)),
        Kind::Load => write!(f, "{text}.{}.{}", target(form / 2), target(form)),
        Kind::Store if form == 5 => write!(f, "{text}.any"),
        Kind::Store if form > 8 => write!(f, "{text}.s+i.{}", target(form - 9)),
        Kind::Store if form > 5 => write!(f, "{text}.s+s.{}", ['s', 'i', 'a'][form as usize - 6]),
        Kind::Store => {
            let (a, v) = STORE_SOURCES[form as usize];
            write!(f, "{text}.{}{}", letter(a), letter(v))
        }
    }
}

impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.describe() {
            Described::Operator(operator, form) => operator_name(f, operator, form)?,
            Described::Latch(operator, form) => {
                let (addend, right) = LATCH_SOURCES[form as usize / 4];
                let (addend, right) = (letter(addend), letter(right));
                write!(f, "latch.{}.{}.{addend}.{right}", branch(form), operator.row().text)?;
            }
            Described::Test(form) => {
                let (a, b) = FIRST_SOURCES[form as usize / 4 % 4];
                let wide = if form < 16 { "" } else { "64" };
                write!(f, "{}.test{wide}.{}{}", branch(form), letter(a), letter(b))?;
            }
            Described::Pair(number, form) => {
                let Pair { first, second, left } = PAIRS[number as usize];
                let (a, b) = FIRST_SOURCES[form as usize / 4];
                let (first, second) = (first.row().text, second.row().text);
                let other = if form & 2 == 0 { 's' } else { 'i' };
                let first = format_args!("{first}.{}{}", letter(a), letter(b));
                match left {
                    true => write!(f, "{second}<{first}:{other}>.{}", target(form))?,
                    false => write!(f, "{second}<{other}:{first}>.{}", target(form))?,
                }
            }
            Described::Select(operator, form) => {
                let (a, b) = FIRST_SOURCES[form as usize];
                write!(f, "select<{}.{}{}>", operator.row().text, letter(a), letter(b))?;
            }
            Described::Division(operator, form) => {
                let a = if form & 2 == 0 { 's' } else { 'a' };
                write!(f, "{}.{a}i.{}.by_mul", operator.row().text, target(form))?;
            }
            Described::Stored(number, form) => {
                let Stored { first, store } = STORED[number as usize];
                let (a, b) = FIRST_SOURCES[form as usize / 2];
                let (first, store) = (first.row().text, store.row().text);
                write!(f, "{store}<s:{first}.{}{}>.{}", letter(a), letter(b), target(form))?;
            }
            Described::LoadBranch(load, form) => {
                let (address, other) =
                    (if form & 8 == 0 { "s" } else { "s+s" }, if form & 4 == 0 { 's' } else { 'i' });
                let text = BRANCH_LOADS[load as usize].row().text;
                let keeps = if form & 16 == 0 { "" } else { ".keep" };
                write!(f, "{}.eq<{text}.{address}:{other}>{keeps}", branch(form))?;
            }
            Described::Moved(size, addresses) => {
                let text = |address| match address {
                    Address::Slot => "s",
                    Address::Acc => "a",
                    Address::Sum => "s+s",
                };
                let (from, to) = MOVED_ADDRESSES[addresses as usize];
                write!(f, "move{}<{}:{}>", MOVED_SIZES[size as usize] * 8, text(to), text(from))?;
            }
            Described::Special(special) => {
                f.write_str(special.text())?;
                if let Some(slot) = self.linkage_slot() {
                    write!(f, "@{slot}")?;
                }
                if let Some(CallPlace { frame, linkage }) = self.call_place() {
                    write!(f, "@{frame}+{linkage}")?;
                }
            }
        }
        let stream = self.as_stream();
        if let Some(stream) = stream {
            f.write_str("+stream")?;
            if stream.counts_first {
                write!(f, "<{}>", stream.store())?;
            }
        }
        if self.unmetered().is_some() || stream.is_some_and(|stream| stream.pays) {
            f.write_str("+fuel")?;
        }
        if self.unsummed().is_some() && !self.is_summed() {
            f.write_str("+sum")?;
        } else if self.unpinned().is_some() || self.is_summed() {
            f.write_str("+pinned")?;
        }
        if self.is_canonical() {
            f.write_str("+canonical")?;
        }
        if self.is_tracked() {
            f.write_str("+tracked")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::OP_COUNT;
    use alloc::{collections::BTreeMap, string::ToString};

    #[test]
    fn no_two_ops_have_one_name() {
        let mut names = BTreeMap::new();
        for number in 0..OP_COUNT as u16 {
            let name = OpCode(number).to_string();
            assert!(!name.contains(char::is_whitespace), "{name}");
            if let Some(other) = names.insert(name, number) {
                panic!("{other} and {number} are both {}", OpCode(number));
            }
        }
    }

    #[test]
    fn names_say_the_form() {
        use crate::op::{Destination, ReturnKind, Special, Target};
        let add = OpCode::binary(Operator::I32Add, Source::Slot, Source::Imm, Target::Acc);
        assert_eq!(add.to_string(), "i32.add.si.a");
        let branch =
            OpCode::branch(Operator::I32LtS, Source::Slot, Source::Slot, true, Destination::Loop).metered();
        assert_eq!(branch.map(|op| op.to_string()).as_deref(), Some("br_if.loop.i32.lt_s.ss+fuel"));
        assert_eq!(OpCode::return_(ReturnKind::SlotInt, 2).to_string(), "return.s@2");
        assert_eq!(
            OpCode::call(Special::CallAdd, CallPlace { frame: 4, linkage: 2 }).to_string(),
            "call.add@4+2"
        );
        let load = OpCode::load_sum(Operator::I32Load8U, Source::Acc, Target::Slot);
        assert_eq!(load.to_string(), "i32.load8_u.a+s.s");
        assert_eq!(OpCode::store_sum(Operator::I64Store, Source::Imm).to_string(), "i64.store.s+s.i");
    }
}
