//! The ops that are not derived from the operator table: control, calls, constants, copies, globals, bulk operators.

use crate::{
    form::{Form, I32, Param, computed, param, param_of},
    operators::branch,
};
use rotifer_bytecode::{CallPlace, Destination, OpCode, PLACED_CALLS, RETURN_SLOTS, ReturnKind, Special};

const A: Param = Param { name: "a", ty: "i32", samples: I32 };
const B: Param = Param { name: "b", ty: "i32", samples: I32 };
const SMALL: Param = Param { name: "a", ty: "i32", samples: &[0, 1, 2, 3, 0xFFFF_FFFF] };

/// What the forms need around them.
pub const MODULE: &str = r#"
    (import "host" "log" (func $log (param i32) (result i32)))
    (type $one (func (param i32) (result i32)))
    (memory (export "memory") 1 3)
    (memory $second (export "second") i64 1)
    (data (i32.const 0) "\01\02\83\84\05\06\07\88\09\fa\0b\8c\0d\0e\0f\f0\7f\c0\00\01\11\22\33\44")
    (data (memory $second) (i64.const 0) "\81\02\03\84\05\06\07\88\f9\0a\0b\0c\0d\0e\0f\f0")
    (data $passive "passive")
    (data $dropped "dropped")
    (global $int (export "int") (mut i64) (i64.const 7))
    (global $float (export "float") (mut f64) (f64.const 1.5))
    (table $table (export "table") 8 20 funcref)
    (elem (table $table) (i32.const 0) func $next $log $next)
    (elem $functions func $next $next)
    (elem $gone func $next)
    (elem declare func $next)
    (func $next (type $one) (i32.add (local.get 0) (i32.const 1)))
    (func $two (param i32 i32) (result i32) (i32.rotl (local.get 1) (local.get 0)))
    (func $three (param i32 i32 i32) (result i32) (i32.sub (local.get 2) (i32.xor (local.get 0) (local.get 1))))
    (func $four (param i32 i32 i32 i32) (result i32)
      (i32.sub (call $two (local.get 0) (local.get 1)) (call $two (local.get 2) (local.get 3))))
    (func $wide-next (param i64) (result i64) (i64.xor (local.get 0) (i64.const 1)))
    (func $wide-two (param i64 i64) (result i64) (i64.rotl (local.get 1) (local.get 0)))
    (func $wide-three (param i64 i64 i64) (result i64) (i64.sub (local.get 2) (i64.xor (local.get 0) (local.get 1))))
    (func $wide-four (param i64 i64 i64 i64) (result i64)
      (i64.sub (call $wide-two (local.get 0) (local.get 1)) (call $wide-two (local.get 2) (local.get 3))))
    (func $nothing)
"#;

/// All of them.
pub(crate) fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    plain(&mut forms);
    conditions(&mut forms);
    returns(&mut forms);
    calls(&mut forms);
    state(&mut forms);
    wide(&mut forms);
    bulk(&mut forms);
    forms
}

fn of(op: Special, params: &[Param], results: &str, body: impl Into<String>) -> Form {
    Form::new(op.code(), params, results, body)
}

fn plain(forms: &mut Vec<Form>) {
    use Special::*;
    let squares = [
        ("i32", I32Square, I32SquareAcc),
        ("i64", I64Square, I64SquareAcc),
        ("f32", F32Square, F32SquareAcc),
        ("f64", F64Square, F64SquareAcc),
    ];
    for (ty, slot, acc) in squares {
        let square = format!("({ty}.mul (local.tee $r {}) (local.get $r))", computed(ty, "a"));
        forms.push(of(slot, &[param("a", ty)], ty, format!("(local.set $r {square}) (local.get $r)")));
        forms.push(of(acc, &[param("a", ty)], ty, square));
    }
    let number = computed("i32", "a");
    forms.extend([
        of(Unreachable, &[A], "i32", "(unreachable)"),
        of(Enter, &[A], "i32", "(i32.add (local.get $r) (local.get $a))"),
        of(Const32, &[A], "i32", "(local.set $a (i32.const 7)) (local.get $a)"),
        of(Const64, &[], "i64", "(local.set $r (i64.const 0x123456789abcdef0)) (local.get $r)"),
        of(Copy, &[A], "i32", "(local.set $r (local.get $a)) (local.get $r)"),
        // What a round begins with is in the accumulator at its end, and stays there.
        of(
            CopyKeep,
            &[A, B],
            "i32",
            "(loop (local.set $r (i32.mul (local.get $a) (i32.const 3)))
                (local.set $a (i32.shr_u (local.get $r) (i32.const 4))) (local.set $n (local.get $b))
                (br_if 0 (local.get $a)))
             (i32.sub (local.get $r) (local.get $n))",
        ),
        of(
            CopyTwoKeep,
            &[A, B],
            "i32",
            "(loop (local.set $r (i32.mul (local.get $a) (i32.const 3)))
                (local.set $a (i32.shr_u (local.get $r) (i32.const 4)))
                (local.set $n (local.get $b)) (local.set $r (local.get $n))
                (br_if 0 (local.get $a)))
             (i32.sub (local.get $r) (i32.rotl (local.get $n) (i32.const 3)))",
        ),
        of(
            CopyAcc,
            &[A, B],
            "i32",
            "(local.set $r (i32.mul (local.get $a) (local.get $b))) (i32.store (i32.const 8) (local.get $r))
             (local.set $n (local.get $r)) (i32.sub (i32.rotl (local.get $n) (i32.const 5)) (local.get $r))",
        ),
        of(
            CopyAccFloat,
            &[param("a", "f64"), param("b", "f64")],
            "f64",
            "(local.set $r (f64.sqrt (local.get $b))) (local.set $n (i32.load (i32.const 8)))
             (local.set $a (local.get $r)) (f64.sub (f64.sqrt (local.get $r)) (local.get $a))",
        ),
        of(
            CopyTwo,
            &[A, B],
            "i32",
            "(local.set $r (local.get $a)) (local.set $n (local.get $r)) (i32.sub (local.get $r) (local.get $n))",
        ),
        of(
            AddTwo,
            &[A, B],
            "i32",
            "(local.set $a (i32.add (local.get $a) (i32.const -7))) (local.set $r (i32.add (local.get $a) (i32.const 3)))
             (i32.sub (local.get $b) (local.get $r))",
        ),
        // Four values go down over a fifth.
        of(
            CopyMany,
            &[A, B],
            "i32",
            "(block (result i32 i32 i32 i32)
                (br 0 (i32.add (local.get $a) (i32.const 1)) (local.get $a) (local.get $b) (i32.const 9)
                    (i32.xor (local.get $a) (local.get $b))))
             (i32.add) (i32.mul) (i32.sub)",
        ),
        of(Br, &[A], "i32", "(block (if (local.get $a) (then (br 1))) (return (i32.const 5))) (i32.const 6)"),
        of(
            BrLoop,
            &[A],
            "i32",
            "(loop (result i32)
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (if (i32.ge_u (local.get $n) (i32.const 3)) (then (return (local.get $n))))
                (br 0))",
        ),
        of(LoopEnter, &[A], "i32", "(loop (result i32) (local.get $a))"),
        of(Select, &[A, B, SMALL_C], "i32", "(select (local.get $a) (local.get $b) (local.get $c))"),
        of(
            SelectAcc,
            &[A, B, SMALL_C],
            "i32",
            format!("(select (local.get $a) (local.get $b) {})", computed("i32", "c")),
        ),
        of(BrTable, &[SMALL], "i32", br_table("(local.get $a)")),
        of(BrTableAcc, &[SMALL], "i32", br_table(&number)),
        Form::new("br_table.back", &[SMALL], "i32", BR_TABLE_BACK),
        // The function's own export is called from outside.
        Form::new("exit", &[A], "i32", "(local.get $a)").bare(),
    ]);
}

const SMALL_C: Param = Param { name: "c", ty: "i32", samples: &[0, 1, 0x8000_0000] };

fn br_table(index: &str) -> String {
    format!(
        "(block (block (block (br_table 2 1 0 {index})) (return (i32.const 1))) (return (i32.const 2))) (i32.const 3)"
    )
}

/// A table that branches back, which pays where calls and branches back do.
const BR_TABLE_BACK: &str = "(block (loop
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if 1 (i32.gt_u (local.get $n) (i32.const 3)))
        (br_table 0 1 (local.get $a))))
    (local.get $n)";

/// Branches on a value.
fn conditions(forms: &mut Vec<Form>) {
    use Special::*;
    let (slot, acc) = ("(local.get $a)", computed("i32", "a"));
    let ops = [
        (BrNez, true, Destination::Cell, slot),
        (BrEqz, false, Destination::Cell, slot),
        (BrNezAcc, true, Destination::Cell, &acc),
        (BrEqzAcc, false, Destination::Cell, &acc),
        (BrNezLoop, true, Destination::Loop, slot),
        (BrEqzLoop, false, Destination::Loop, slot),
        (BrNezAccLoop, true, Destination::Loop, &acc),
    ];
    forms.extend(ops.map(|(op, if_true, to, condition)| of(op, &[A], "i32", branch(if_true, to, condition))));
    let negated = format!("(i32.eqz {acc})");
    forms.push(of(BrEqzAccLoop, &[A], "i32", branch(true, Destination::Loop, &negated)));
}

/// Returns by kind, for linkage slots that have an op of their own and one that has not.
fn returns(forms: &mut Vec<Form>) {
    const NAMES: [&str; 7] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6"];
    for slot in 0..=RETURN_SLOTS {
        let params: Vec<Param> = NAMES.iter().take(slot.into()).map(|name| param_of(name, I32)).collect();
        for kind in ReturnKind::ALL {
            let name = OpCode::return_(kind, slot);
            let (results, body) = match kind {
                ReturnKind::None => ("", "(nop)".to_owned()),
                ReturnKind::SlotInt => ("i32", "(local.get $n)".to_owned()),
                ReturnKind::SlotFloat => ("f64", "(local.get $r)".to_owned()),
                ReturnKind::AccInt => ("i32", computed("i32", "n")),
                ReturnKind::AccFloat => ("f64", computed("f64", "r")),
            };
            forms.push(Form::new(name, &params, results, body));
        }
    }
    let both = "(i32.add (local.get $a) (i32.const 1)) (i64.const 5)";
    forms.push(of(Special::ReturnMany, &[A], "i32 i64", both));
    // A copy of what another path needs is returned: it is in a slot.
    let either = format!("{} (br_if 0 (local.get $b)) (drop) (i32.const 3)", computed("i32", "a"));
    forms.push(Form::new("return.br_if", &[A, B], "i32", either));
}

/// Calls within the instance: of functions with four parameters, and at all places that have ops of their own.
fn placed_calls(forms: &mut Vec<Form>) {
    for call in PLACED_CALLS {
        let ty = if call == Special::CallAddWide { "i64" } else { "i32" };
        let computed = format!("({ty}.mul (local.get $a) (local.get $a))");
        let last = match call {
            Special::Call => computed.clone(),
            Special::CallCopy => "(local.get $a)".to_owned(),
            _ => format!("({ty}.add (local.get $a) ({ty}.const -7))"),
        };
        let general = (call.code(), CallPlace { frame: 3, linkage: 4 });
        let placed = CallPlace::ALL.map(|place| (OpCode::call(call, place), place));
        for (op, CallPlace { frame, linkage }) in placed.into_iter().chain([general]) {
            let callee = ["next", "two", "three", "four"][usize::from(linkage) - 1];
            let callee = if ty == "i64" { format!("wide-{callee}") } else { callee.to_owned() };
            let others = computed.repeat(usize::from(linkage) - 1);
            let mut form = Form::new(op, &[param("a", ty)], ty, format!("(call ${callee} {others} {last})"));
            // Behind the parameter and the linkage.
            form.locals = format!("(local {})", "i32 ".repeat(usize::from(frame) - 3));
            forms.push(form);
        }
    }
}

fn calls(forms: &mut Vec<Form>) {
    use Special::*;
    placed_calls(forms);
    let acc = computed("i32", "a");
    let index = param_of("a", &[0, 1, 2, 3, 7, 8, 0xFFFF_FFFF]);
    forms.extend([
        of(CallImport, &[A], "i32", "(call $log (local.get $a))"),
        of(CallIndirect, &[index], "i32", "(call_indirect (type $one) (i32.const 5) (local.get $a))"),
        of(CallIndirectAcc, &[index], "i32", format!("(call_indirect (type $one) (i32.const 5) {acc})")),
        of(ReturnCall, &[A], "i32", "(return_call $next (local.get $a))"),
        of(ReturnCallImport, &[A], "i32", "(return_call $log (local.get $a))"),
        of(
            ReturnCallIndirect,
            &[index],
            "i32",
            "(return_call_indirect (type $one) (i32.const 5) (local.get $a))",
        ),
    ]);
}

fn state(forms: &mut Vec<Form>) {
    use Special::*;
    let (int, float) = (param("a", "i64"), param("a", "f64"));
    let set = |global: &str, value: &str| {
        format!("(global.set ${global} {value}) (local.set $r (global.get ${global})) (local.get $r)")
    };
    forms.extend([
        of(GlobalGetInt, &[], "i64", "(global.get $int)"),
        of(GlobalGetFloat, &[], "f64", "(global.get $float)"),
        of(GlobalSet, &[int], "i64", set("int", "(local.get $a)")).writing(),
        of(GlobalSetAccInt, &[int], "i64", set("int", &computed("i64", "a"))).writing(),
        of(GlobalSetAccFloat, &[float], "f64", set("float", &computed("f64", "a"))).writing(),
        of(MemorySize, &[], "i32", "(memory.size)"),
        of(RefFunc, &[A], "i32", "(ref.is_null (ref.func $next))"),
    ]);
}

fn wide(forms: &mut Vec<Form>) {
    use Special::*;
    let params = ["a", "b", "c", "d"].map(|name| param(name, "i64"));
    for (op, count) in [(I64Add128, 4), (I64Sub128, 4), (I64MulWideS, 2), (I64MulWideU, 2)] {
        let operands: String =
            params[..count].iter().map(|param| format!("(local.get ${}) ", param.name)).collect();
        forms.push(of(op, &params[..count], "i64 i64", format!("({} {operands})", op.text())));
    }
}

/// The operators that leave the dispatcher: one op for all of them.
fn bulk(forms: &mut Vec<Form>) {
    let place = param_of("a", &[0, 1, 5, 8, 0xFFF8, 0xFFFF_FFFF]);
    let length = param_of("b", &[0, 1, 2, 7]);
    let both = [place, length];
    let grown = "(i32.add (memory.grow (i32.const 0)) (memory.grow (i32.const 5)))";
    let functions = [
        ("memory.grow", &both[..0], grown),
        (
            "memory.fill",
            &both,
            "(memory.fill $second (i64.extend_i32_u (local.get $a)) (i32.const 7) (i64.extend_i32_u (local.get $b))) (i32.const 1)",
        ),
        (
            "memory.copy",
            &both,
            "(memory.copy $second $second (i64.const 9) (i64.extend_i32_u (local.get $a)) (i64.extend_i32_u (local.get $b))) (i32.const 1)",
        ),
        (
            "memory.init",
            &both,
            "(memory.init $passive (local.get $a) (i32.const 0) (local.get $b)) (i32.const 1)",
        ),
        ("data.drop", &[], "(data.drop $dropped) (i32.const 1)"),
        ("table.get", &both[..1], "(ref.is_null (table.get (local.get $a)))"),
        ("table.set", &both[..1], "(table.set (local.get $a) (ref.null func)) (i32.const 1)"),
        ("table.size", &[], "(table.size)"),
        (
            "table.grow",
            &[],
            "(i32.add (table.grow (ref.null func) (i32.const 0)) (table.grow (ref.null func) (i32.const 90)))",
        ),
        ("table.fill", &both, "(table.fill (local.get $a) (ref.func $next) (local.get $b)) (i32.const 1)"),
        ("table.copy", &both, "(table.copy (i32.const 4) (local.get $a) (local.get $b)) (i32.const 1)"),
        (
            "table.init",
            &both,
            "(table.init $functions (local.get $a) (i32.const 0) (local.get $b)) (i32.const 1)",
        ),
        ("elem.drop", &[], "(elem.drop $gone) (i32.const 1)"),
    ];
    let make = |(name, params, body): (&str, &[Param], &str)| {
        Form::new(format!("slow.{name}"), params, "i32", body).writing()
    };
    forms.extend(functions.map(make));
    let first = [
        (
            Special::MemoryFill,
            "(memory.fill (i32.mul (local.get $a) (i32.const 1)) (i32.mul (local.get $a) (i32.const 3))
                (i32.mul (local.get $b) (i32.const 1))) (i32.const 1)",
        ),
        (
            Special::MemoryCopy,
            "(memory.copy (i32.mul (local.get $a) (i32.const 7)) (i32.mul (local.get $a) (i32.const 1))
                (i32.mul (local.get $b) (i32.const 1))) (i32.const 1)",
        ),
        (Special::MemoryFillOf, "(memory.fill (local.get $a) (i32.const 7) (local.get $b)) (i32.const 1)"),
        (Special::MemoryCopyOf, "(memory.copy (i32.const 9) (local.get $a) (local.get $b)) (i32.const 1)"),
    ];
    forms.extend(first.map(|(op, body)| of(op, &both, "i32", body).writing()));
}

/// Two instances of this module share the table, whose elements are functions of the one or the other: calls leave
/// the instance and return to it.
pub const ACROSS: &str = r#"(module
    (import "twin" "table" (table 4 4 funcref))
    (type $one (func (param i32) (result i32)))
    (elem (i32.const 0) $next $next $forward $forward)
    (func $next (type $one) (i32.add (local.get 0) (i32.const 1)))
    (func $forward (type $one) (return_call_indirect (type $one) (local.get 0) (i32.const 1)))
    (func (export "across") (type $one)
        (call_indirect (type $one)
            (call_indirect (type $one) (local.get 0) (i32.and (local.get 0) (i32.const 3)))
            (i32.const 2))))"#;
