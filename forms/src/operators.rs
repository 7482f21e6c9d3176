//! The forms of the operators of the table: every combination of sources and targets that the numbering knows.

use crate::form::{
    ADDRESS, Form, Param, QUARTERS, STEPS, WIDE_QUARTERS, computed, constant, param, param_of,
};
use rotifer_bytecode::{
    BINARY_SOURCES, Destination, Kind, LATCH_SOURCES, OpCode, Operator, STORE_SOURCES, Source, Target,
};
use rotifer_core::ValType;

const TARGETS: [Target; 2] = [Target::Slot, Target::Acc];

/// All of them.
pub(crate) fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    for &operator in Operator::ALL {
        match operator.row().kind {
            Kind::Unary => unary(operator, &mut forms),
            Kind::Binary => binary(operator, &mut forms),
            Kind::Compare => {
                binary(operator, &mut forms);
                branches(operator, &mut forms);
                latches(operator, &mut forms);
            }
            Kind::Load => loads(operator, &mut forms),
            Kind::Store => stores(operator, &mut forms),
        }
    }
    forms
}

pub(crate) fn name(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        other => panic!("no operator of the table has operands of type {other:?}"),
    }
}

/// An operand as the form wants it.
fn operand(source: Source, ty: &str, local: &str, number: usize) -> String {
    match source {
        Source::Slot => format!("(local.get ${local})"),
        Source::Imm => constant(ty, number),
        Source::Acc => computed(ty, local),
    }
}

/// A result that is kept in a local, or goes to the accumulator only, from where it is returned.
fn result(target: Target, value: &str) -> String {
    match target {
        Target::Slot => format!("(local.set $r {value}) (local.get $r)"),
        Target::Acc => value.to_owned(),
    }
}

fn unary(operator: Operator, forms: &mut Vec<Form>) {
    let row = operator.row();
    let (a, r) = (name(row.a), row.result.map_or("", name));
    for source in [Source::Slot, Source::Acc] {
        for target in TARGETS {
            let value = format!("({} {})", row.text, operand(source, a, "a", 0));
            let op = OpCode::unary(operator, source, target);
            forms.push(Form::new(op, &[param("a", a)], r, result(target, &value)));
        }
    }
}

/// The operands of a binary operator, and its parameters.
fn operands(operator: Operator, (a, b): (Source, Source), number: usize) -> (String, [Param; 2]) {
    let ty = name(operator.row().a);
    let text = format!("{} {}", operand(a, ty, "a", number), operand(b, ty, "b", number));
    (text, [param("a", ty), param("b", ty)])
}

fn binary(operator: Operator, forms: &mut Vec<Form>) {
    let row = operator.row();
    for (number, sources) in BINARY_SOURCES.into_iter().enumerate() {
        for target in TARGETS {
            let (operands, params) = operands(operator, sources, number);
            let value = format!("({} {operands})", row.text);
            let op = OpCode::binary(operator, sources.0, sources.1, target);
            forms.push(Form::new(op, &params, row.result.map_or("", name), result(target, &value)));
        }
    }
}

/// Counts rounds, and returns from the third.
const COUNT: &str = "(local.set $n (i32.add (local.get $n) (i32.const 1)))
        (if (i32.ge_u (local.get $n) (i32.const 3)) (then (return (local.get $n))))";

/// A body that branches on a condition in one of four ways: 10 or 20 for branches forwards, a count for branches
/// back.
pub(crate) fn branch(if_true: bool, to: Destination, condition: &str) -> String {
    match (if_true, to) {
        (true, Destination::Cell) => {
            format!("(block (br_if 0 {condition}) (return (i32.const 10))) (i32.const 20)")
        }
        (false, Destination::Cell) => {
            format!("(if {condition} (then (return (i32.const 10)))) (i32.const 20)")
        }
        (true, Destination::Loop) => format!("(loop {COUNT} (br_if 0 {condition})) (local.get $n)"),
        // A test at the start of a loop moves to its end.
        (false, Destination::Loop) => {
            format!("(block (loop (br_if 1 {condition}) {COUNT} (br 0))) (local.get $n)")
        }
    }
}

const BRANCHES: [(bool, Destination); 4] = [
    (false, Destination::Cell),
    (false, Destination::Loop),
    (true, Destination::Cell),
    (true, Destination::Loop),
];

fn branches(operator: Operator, forms: &mut Vec<Form>) {
    for (number, sources) in BINARY_SOURCES.into_iter().enumerate() {
        for (if_true, to) in BRANCHES {
            let (operands, params) = operands(operator, sources, number);
            let condition = format!("({} {operands})", operator.row().text);
            let op = OpCode::branch(operator, sources.0, sources.1, if_true, to);
            forms.push(Form::new(op, &params, "i32", branch(if_true, to, &condition)));
        }
    }
}

/// Loops that count by quarters of the range of i32, so that compares hold in some rounds and fail in others. They end
/// after three rounds at the latest.
fn latches(operator: Operator, forms: &mut Vec<Form>) {
    let text = operator.row().text;
    let ty = name(operator.row().a);
    let limit = if text.ends_with("_u") { "0x80000000" } else { "0" };
    let (counters, kept) = match ty {
        "i32" => (QUARTERS, "(local.get $a)"),
        _ => (WIDE_QUARTERS, "(i32.wrap_i64 (local.get $a))"),
    };
    for (addend, right) in LATCH_SOURCES {
        for (if_true, to) in BRANCHES {
            let Some(op) = OpCode::latch(operator, addend, right, if_true, to) else { continue };
            let or_constant = |source, local: &str, value: &str| match source {
                Source::Slot => format!("(local.get {local})"),
                _ => format!("({ty}.const {value})"),
            };
            let addend = or_constant(addend, "$b", "0x40000000");
            let right = or_constant(right, "$r", limit);
            let add = format!("(local.set $a ({ty}.add (local.get $a) {addend}))");
            let condition = format!("({text} (local.get $a) {right})");
            let body = match (if_true, to) {
                (true, Destination::Cell) => {
                    format!("(block {add} (br_if 0 {condition}) (return (i32.const 10))) {kept}")
                }
                (false, Destination::Cell) => {
                    format!("{add} (if {condition} (then (return (i32.const 10)))) {kept}")
                }
                (true, Destination::Loop) => format!("(loop {COUNT} {add} (br_if 0 {condition})) {kept}"),
                (false, Destination::Loop) => {
                    format!("(block (loop (br_if 1 {condition}) {COUNT} {add} (br 0))) {kept}")
                }
            };
            let params = [("a", counters), ("b", STEPS)].map(|(name, samples)| Param { name, ty, samples });
            let body = format!("(local.set $r ({ty}.const {limit})) {body}");
            let locals = format!("(local $n i32) (local $r {ty})");
            forms.push(Form { locals, ..Form::new(op, &params, "i32", body) });
        }
    }
}

fn loads(operator: Operator, forms: &mut Vec<Form>) {
    let row = operator.row();
    let (text, r) = (row.text, row.result.map_or("", name));
    let params = [param_of("a", ADDRESS), param_of("b", ADDRESS)];
    for source in [Source::Slot, Source::Acc] {
        let address = operand(source, "i32", "a", 0);
        for target in TARGETS {
            let value = format!("({text} offset=3 {address})");
            let op = OpCode::load(operator, source, target);
            forms.push(Form::new(op, &params[..1], r, result(target, &value)));
            let value = format!("({text} offset=3 (i32.add {address} (local.get $b)))");
            let op = OpCode::load_sum(operator, source, target);
            forms.push(Form::new(op, &params, r, result(target, &value)));
        }
    }
    let value = format!("({text} $second offset=3 (i64.extend_i32_u (local.get $a)))");
    forms.push(Form::new(OpCode::load_any(operator), &params[..1], r, value));
}

fn stores(operator: Operator, forms: &mut Vec<Form>) {
    let row = operator.row();
    let (text, ty) = (row.text, name(row.b));
    // Behind the store, something that the store may have changed.
    let store = |memory: &str, address: &str, value: &str| {
        format!("({text} {memory} offset=3 {address} {value}) (i64.load (i32.const 11))")
    };
    let params = [param_of("a", ADDRESS), param("v", ty), param_of("b", ADDRESS)];
    for (number, (a, v)) in STORE_SOURCES.into_iter().enumerate() {
        let body = store("", &operand(a, "i32", "a", 0), &operand(v, ty, "v", number));
        forms.push(Form::new(OpCode::store(operator, a, v), &params[..2], "i64", body).writing());
    }
    for (number, v) in [Source::Slot, Source::Imm, Source::Acc].into_iter().enumerate() {
        let sum = "(i32.add (local.get $a) (local.get $b))";
        let body = store("", sum, &operand(v, ty, "v", number));
        forms.push(Form::new(OpCode::store_sum(operator, v), &params, "i64", body).writing());
    }
    let body = store("$second", "(i64.extend_i32_u (local.get $a))", "(local.get $v)");
    forms.push(Form::new(OpCode::store_any(operator), &params[..2], "i64", body).writing());
}
