//! The forms of the operators of the table: every combination of sources and targets that the numbering knows.

use crate::form::{
    ADDRESS, Form, Param, QUARTERS, STEPS, WIDE_QUARTERS, computed, constant, param, param_of,
};
use rotifer_bytecode::{
    Address, BINARY_SOURCES, BRANCH_LOADS, DIVISIONS, Destination, FIRST_SOURCES, Kind, LATCH_SOURCES,
    MOVED_ADDRESSES, MOVED_SIZES, OpCode, Operator, PAIRS, Pair, STORE_SOURCES, STORED, Source, Stored,
    Target,
};
use rotifer_core::ValType;

const TARGETS: [Target; 2] = [Target::Slot, Target::Acc];

/// All of them.
pub(crate) fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    for &operator in Operator::ALL {
        match operator.row().kind {
            Kind::Unary => unary(operator, &mut forms),
            Kind::Binary => {
                binary(operator, &mut forms);
                divisions(operator, &mut forms);
            }
            Kind::Compare => {
                binary(operator, &mut forms);
                branches(operator, &mut forms);
                latches(operator, &mut forms);
            }
            Kind::Load => loads(operator, &mut forms),
            Kind::Store => stores(operator, &mut forms),
        }
    }
    fused(&mut forms);
    streams(&mut forms);
    carried(&mut forms);
    sums(&mut forms);
    forms
}

/// Loops that add to a float, or subtract from it: every twin that keeps it in a register. A number that is set otherwise
/// in the loop, too, is none.
fn sums(forms: &mut Vec<Form>) {
    let count =
        "(br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 3)))";
    for ty in ["f32", "f64"] {
        let params = [param("a", ty), param("b", ty)];
        let [slot, acc] = [Source::Slot, Source::Acc].map(|source| operand(source, ty, "b", 1));
        // Of 32 bits, as pairs have them.
        let imm = match ty {
            "f32" => constant(ty, 1),
            _ => "(f64.const 0x0.0000012345678p-1022)".to_owned(),
        };
        let mut terms = Vec::new();
        for operator in ["add", "sub"] {
            for term in [&slot, &acc] {
                terms.push(format!("({ty}.{operator} (local.get $x) {term})"));
            }
            for (first, second) in [(&slot, &slot), (&slot, &imm), (&acc, &slot), (&acc, &imm)] {
                terms.push(format!("({ty}.{operator} (local.get $x) ({ty}.mul {first} {second}))"));
            }
        }
        terms.push(format!("({ty}.add {acc} (local.get $x))"));
        terms.push(format!("({ty}.sub {acc} (local.get $x))"));
        terms.push(format!("({ty}.add {slot} (local.get $x))"));
        for (number, term) in terms.into_iter().enumerate() {
            let set = format!("(local.set $x {term})");
            let mut push = |what: &str, rounds: &str| {
                let body = format!(
                    "(local.set $x (local.get $a)) (loop $again {rounds} {count}) ({ty}.neg (local.get $x))"
                );
                let locals = format!("(local $x {ty}) (local $y {ty}) (local $n i32)");
                let form = Form::new(format!("sum.{ty}.{number}{what}"), &params, ty, body);
                forms.push(Form { locals, ..form });
            };
            push("", &set);
            // A chain of terms, in which each has the last one's sum from the register.
            let chain = format!(
                "(local.set $x {term}) (local.set $y ({ty}.sqrt (local.get $b))) (local.set $x {term})
                 (local.set $y ({ty}.sqrt (local.get $y))) (local.set $x ({ty}.add {term} (local.get $y)))"
            );
            push(".chain", &chain);
            let value = term.replace("(local.get $x)", &format!("({ty}.sub (local.get $x) (local.get $b))"));
            let value = value.replace("(local.get $x)", &term);
            push(".chain.stack", &format!("(local.set $x {value})"));
            push(
                ".chain.kept",
                &format!("(local.set $x ({ty}.add (local.tee $y {value}) ({ty}.neg (local.get $y))))"),
            );
            // Read elsewhere, added to twice, beside another one, which has fewer terms, and set otherwise.
            push(".read", &format!("{set} (local.set $y ({ty}.mul (local.get $x) (local.get $b)))"));
            push(".twice", &format!("{set} {set}"));
            let other = set.replace("$x", "$y");
            push(
                ".beside",
                &format!("{set} {other} {set} (local.set $x ({ty}.add (local.get $x) (local.get $y)))"),
            );
            // Set in between by what computes no float: a constant, copies, a choice, a store of a sum that is kept.
            for (what, other) in [
                (".const", format!("(local.set $x {})", constant(ty, 2))),
                (".copy", "(local.set $y (local.get $b)) (local.set $x (local.get $a))".to_owned()),
                (
                    ".select",
                    "(local.set $x (select (local.get $a) (local.get $b) (i32.and (local.get $n) (i32.const 1))))"
                        .to_owned(),
                ),
                (
                    ".store",
                    format!("({ty}.store (i32.const 8) (local.tee $x ({ty}.add (local.get $a) (local.get $b))))
                         (i64.store (i32.const 8) (i64.const 0))"),
                ),
            ] {
                push(what, &format!("{set} {other} {set}"));
                push(&format!("{what}.alone"), &format!("{set} (local.set $y (local.get $x)) {other} {set}"));
            }
            // What is summed beside it, less often, is added to once more behind the loop.
            let part = "(if (i32.eqz (local.get $n)) (then (local.set $n (i32.const 1))))";
            let sum = format!("(local.set $x ({ty}.add (local.get $x) (local.get $y)))");
            push(".after", &format!("{set} {part} {set} {other} {count}) {other} {sum} (loop $again"));
            push(
                ".set",
                &format!(
                    "{set} (if (i32.eq (local.get $n) (i32.const 1)) (then (local.set $x (local.get $b))))"
                ),
            );
        }
    }
}

/// Loops whose first cell reads what the last one has left in the accumulator: every op that can be the first.
fn carried(forms: &mut Vec<Form>) {
    let mut push = |name: String, ty: &'static str, result: &str, first: &str| {
        let set = if result.is_empty() { "" } else { "(local.set $r " };
        let end = if result.is_empty() { "" } else { ")" };
        let digest = match result {
            "" => String::new(),
            "f32" => digest("(i64.extend_i32_u (i32.reinterpret_f32 (local.get $r)))"),
            "f64" => digest("(i64.reinterpret_f64 (local.get $r))"),
            "i32" => digest("(i64.extend_i32_u (local.get $r))"),
            _ => digest("(local.get $r)"),
        };
        let zero = if ty == "i32" { "" } else { "(i64.const 0) (i64.ne)" };
        // A number that has become zero is met once more, and control comes by another way the second time.
        let body = format!(
            "(local.set $x (local.get $a))
             (loop $outer
                (loop $again {set}{first}{end} {digest}
                    (local.set $x ({ty}.shr_u (local.get $x) ({ty}.const 3)))
                    (br_if $again (local.get $x) {zero}))
                (local.set $x ({ty}.and (local.get $b) ({ty}.const 0xffff)))
                (br_if $outer (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 2))))
             (local.get $d)"
        );
        let r = if result.is_empty() { "i32" } else { result };
        let locals = format!("(local $x {ty}) (local $n i32) (local $d i64) (local $r {r})");
        let params = match first.contains(".load") {
            true => [param_of("a", ADDRESS), param_of("b", ADDRESS)],
            false => [param("a", ty), param("b", ty)],
        };
        forms.push(Form { locals, ..Form::new(name, &params, "i64", body) });
    };
    for &operator in Operator::ALL {
        let row = operator.row();
        if row.a.is_float() {
            continue;
        }
        let (text, ty, result) = (row.text, name(row.a), row.result.map_or("", name));
        let imm = constant(ty, 1);
        match row.kind {
            Kind::Unary => push(format!("carried.{text}"), ty, result, &format!("({text} (local.get $x))")),
            Kind::Binary | Kind::Compare => {
                let operands = [
                    format!("(local.get $x) {imm}"),
                    format!("(local.get $x) ({ty}.const 10)"),
                    "(local.get $x) (local.get $b)".to_owned(),
                    "(local.get $b) (local.get $x)".to_owned(),
                    "(local.get $x) (local.get $x)".to_owned(),
                ];
                for (number, operands) in operands.into_iter().enumerate() {
                    let name = format!("carried.{text}.{number}");
                    push(name, ty, result, &format!("({text} {operands})"));
                    if row.kind == Kind::Compare {
                        let skip = digest("(i64.const 9)");
                        let first = format!("(block (br_if 0 ({text} {operands})) {skip})");
                        push(format!("carried.br_if.{text}.{number}"), ty, "", &first);
                    }
                }
            }
            Kind::Load if text.starts_with(result) => {
                let addresses = [
                    "(local.get $x)",
                    "(i32.add (local.get $x) (local.get $b))",
                    "(i32.add (local.get $b) (local.get $x))",
                    "(i32.add (local.get $x) (i32.const 77))",
                    "(i32.shl (local.get $x) (i32.const 2))",
                    "(i32.add (i32.shl (local.get $x) (i32.const 2)) (local.get $b))",
                ];
                for (number, address) in addresses.into_iter().enumerate() {
                    let first = format!("({text} offset=3 {address})");
                    push(format!("carried.{text}.{number}"), "i32", result, &first);
                }
            }
            Kind::Load | Kind::Store => {}
        }
    }
    for (number, pair) in PAIRS.iter().enumerate() {
        let (first, second) = (pair.first.row(), pair.second.row());
        if first.a.is_float() {
            continue;
        }
        let ty = name(first.a);
        let value =
            format!("({} ({} (local.get $x) {}) (local.get $b))", second.text, first.text, constant(ty, 2));
        push(format!("carried.pair.{number}"), ty, name(second.result.expect("it computes")), &value);
    }
    for ty in ["i32", "i64"] {
        push(format!("carried.copy.{ty}"), ty, ty, "(local.get $x)");
    }
    let skip = digest("(i64.const 9)");
    push("carried.br_nez".to_owned(), "i32", "", &format!("(block (br_if 0 (local.get $x)) {skip})"));
    push("carried.br_eqz".to_owned(), "i32", "", &format!("(if (local.get $x) (then {skip}))"));
}

/// Takes a number into the digest `$d`.
fn digest(value: &str) -> String {
    format!("(local.set $d (i64.add (i64.rotl (local.get $d) (i64.const 7)) {value}))")
}

/// Loops of one store, or a load and a store, and a latch: every kind; then every latch; then a loop that is inverted.
fn streams(forms: &mut Vec<Form>) {
    const START: Param = Param { name: "a", ty: "i32", samples: ADDRESS };
    const LIMIT: Param = Param { name: "limit", ty: "i32", samples: &[0, 1, 3, 0x40, 0xFFFC, 0x1_0000] };
    const STEP: Param = Param { name: "step", ty: "i32", samples: &[1, 7, 0xFFFF_FFFF] };
    let counted = |name: String, params: &[Param], rounds: String| {
        let body = format!("(local.set $n (local.get $a)) {rounds} (i64.load (i32.const 11))");
        Form { locals: "(local $n i32)".to_owned(), ..Form::new(name, params, "i64", body) }.writing()
    };
    let repeated = |store: &str, test: &str| format!("(loop $again {store} (br_if $again {test}))");
    let sum = |step: &str| format!("(local.tee $n (i32.add (local.get $n) {step}))");
    let base = |name| param_of(name, ADDRESS);
    let element = |base: &str| format!("(i32.add (local.get ${base}) (local.get $n))");
    let mut counted_bytes = Vec::new();
    for (size, (load, store)) in MOVES.into_iter().enumerate() {
        let test = format!("(i32.lt_u {} (local.get $limit))", sum(&format!("(i32.const {})", 1 << size)));
        let sums = (Address::Sum, Address::Sum);
        let form =
            MOVED_ADDRESSES.iter().position(|addresses| *addresses == sums).expect("it is one of them");
        let op = OpCode::moved(size as u16, form as u16).streamed(false).expect("it has such a twin");
        let body = format!("({store} offset=3 {} ({load} offset=2 {}))", element("p"), element("q"));
        let params = [base("p"), base("q"), START, LIMIT];
        forms.push(counted(op.to_string(), &params, repeated(&body, &test)));
        let operator =
            [Operator::I32Store8, Operator::I32Store16, Operator::I32Store, Operator::I64Store][size];
        let ty = name(operator.row().b);
        for (is_sum, source) in
            [(false, Source::Slot), (false, Source::Imm), (true, Source::Slot), (true, Source::Imm)]
        {
            let plain = match is_sum {
                true => OpCode::store_sum(operator, source),
                false => OpCode::store(operator, Source::Slot, source),
            };
            let op = plain.streamed(false).expect("it has such a twin");
            let address = if is_sum { element("p") } else { "(local.get $n)".to_owned() };
            let text = operator.row().text;
            let body = format!("({text} offset=3 {address} {})", operand(source, ty, "v", 1));
            let params = [base("p"), START, LIMIT, param("v", ty)];
            if size == 0 {
                counted_bytes.push((body.clone(), plain, params));
            }
            forms.push(counted(op.to_string(), &params, repeated(&body, &test)));
        }
    }
    for (body, op, params) in counted_bytes {
        let down = "(local.set $n (i32.add (local.get $n) (i32.const -1)))";
        let op = op.streamed_behind_addition(false).expect("it has such a twin").0;
        forms.push(counted(op.to_string(), &params, repeated(&format!("{down} {body}"), "(local.get $n)")));
    }
    let store = format!("(i32.store8 {} (i32.const 0x77))", element("p"));
    // The test of the counter as the branch has it, with the counter in the accumulator, and in a slot.
    for (number, test) in [
        "(i32.gt_s (local.get $n) (local.get $limit))",
        "(i32.lt_u (local.get $n) (i32.const 0x50))",
        "(i32.ne (local.get $limit) (local.get $n))",
    ]
    .into_iter()
    .enumerate()
    {
        let step = "(local.set $n (i32.add (local.get $n) (i32.const -7)))";
        let params = [base("p"), START, LIMIT];
        let rounds = repeated(&format!("{step} {store}"), test);
        forms.push(counted(format!("stream.behind.{number}"), &params, rounds));
        let opposite = format!("(i32.eqz {test})");
        let rounds = format!("(block (loop (br_if 1 {opposite}) {step} {store} (br 0)))");
        forms.push(counted(format!("stream.behind.inverted.{number}"), &params, rounds));
    }
    for &compare in Operator::ALL {
        if compare.row().kind != Kind::Compare || compare.row().a != ValType::I32 {
            continue;
        }
        for (number, (addend, right)) in LATCH_SOURCES.into_iter().enumerate() {
            let sum = sum(if addend == Source::Imm { "(i32.const 3)" } else { "(local.get $step)" });
            let right = if right == Source::Imm { "(i32.const 0x42)" } else { "(local.get $limit)" };
            let test = format!("({} {sum} {right})", compare.row().text);
            let params = [base("p"), START, LIMIT, STEP];
            let name = format!("stream.{}.{number}", compare.row().text);
            forms.push(counted(name, &params, repeated(&store, &test)));
        }
    }
    // Another latch of the same loop, which may keep its counter in a register; behind either kind.
    let rounds = [
        format!("{store} (br_if $again (i32.ne {} (i32.const 0x30)))", sum("(i32.const 3)")),
        format!(
            "(local.set $n (i32.add (local.get $n) (i32.const -1))) {store} (br_if $again (local.get $n))"
        ),
    ];
    for (number, rounds) in rounds.into_iter().enumerate() {
        let body = format!(
            "(local.set $n (local.get $a)) (loop $again {rounds} (local.set $n (i32.const 9))
                (br_if $again (i32.lt_s (local.tee $m (i32.add (local.get $m) (i32.const 1))) (i32.const 4))))
                (i32.add (i32.shl (local.get $m) (i32.const 8)) (local.get $n))"
        );
        let form = Form::new(
            format!("stream.beside.{number}"),
            &[base("p"), param_of("a", &[9, 0x2D])],
            "i32",
            body,
        );
        forms.push(Form { locals: "(local $n i32) (local $m i32)".to_owned(), ..form }.writing());
    }
    let next = format!("(drop {})", sum("(i32.const 5)"));
    let test = "(i32.ge_u (local.get $n) (local.get $limit))";
    let rounds = format!("(block (loop (br_if 1 {test}) {store} {next} (br 0)))");
    forms.push(counted("stream.inverted".to_owned(), &[base("p"), START, LIMIT], rounds));
    // What is stored, where and how far: each may be what is counted, too.
    let test = format!("(i32.lt_u {} (local.get $limit))", sum("(i32.const 4)"));
    let number = "(i32.store (local.get $n) (local.get $n))";
    forms.push(counted("stream.number".to_owned(), &[START, LIMIT], repeated(number, &test)));
    let twice = "(i32.store8 (i32.add (local.get $n) (local.get $n)) (i32.const 1))";
    forms.push(counted("stream.twice".to_owned(), &[START, LIMIT], repeated(twice, &test)));
    let test = format!("(i32.lt_u {} (local.get $limit))", sum("(local.get $n)"));
    forms.push(counted(
        "stream.doubled".to_owned(),
        &[param_of("a", &[1, 3, 0xFFF0]), LIMIT],
        repeated(&store.replace("$p", "$limit"), &test),
    ));
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
            let operand = match (operator, source) {
                // An i32 that was computed as such has zeros in its high half, and needs no op.
                (Operator::I64ExtendI32U, Source::Acc) => {
                    "(i32.wrap_i64 (i64.rotr (i64.extend_i32_s (local.get $a)) (i64.const 0)))".to_owned()
                }
                _ => operand(source, a, "a", 0),
            };
            let value = format!("({} {operand})", row.text);
            let op = OpCode::unary(operator, source, target);
            forms.push(Form::new(op, &[param("a", a)], r, result(target, &value)));
        }
    }
}

/// The operands of a binary operator, and its parameters.
fn operands(operator: Operator, (a, b): (Source, Source), number: usize) -> (String, [Param; 2]) {
    let ty = name(operator.row().a);
    let second = match (b, operator) {
        // Divisions by most constants are other ops.
        (Source::Imm, operator) if DIVISIONS.contains(&operator) => {
            format!("({ty}.const {})", if operator.row().text.ends_with("_s") { -1 } else { 1 })
        }
        _ => operand(b, ty, "b", number),
    };
    let text = format!("{} {second}", operand(a, ty, "a", number));
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

/// Divisions by constants, the small and the large ones.
fn divisions(operator: Operator, forms: &mut Vec<Form>) {
    let row = operator.row();
    let ty = name(row.a);
    let largest = match (ty, row.text.ends_with("_s")) {
        ("i32", true) => "0x7fffffff",
        ("i32", false) => "0xffffffff",
        (_, true) => "0x7fffffffffffffff",
        (_, false) => "0xffffffffffffffff",
    };
    for source in [Source::Slot, Source::Acc] {
        for target in TARGETS {
            let Some(op) = OpCode::division(operator, source, target) else { return };
            let params = [param("a", ty)];
            for (number, divisor) in
                ["10", "3", "64", "1000000007", largest, "1", "2"].into_iter().enumerate()
            {
                let value = format!("({} {} ({ty}.const {divisor}))", row.text, operand(source, ty, "a", 0));
                let name = if number == 0 { op.to_string() } else { format!("{op}.{number}") };
                forms.push(Form::new(name, &params, ty, result(target, &value)));
            }
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
            let locals = format!("(local $n i32) (local $r {ty})");
            let mut push = |op, body: &str| {
                let body = format!("(local.set $r ({ty}.const {limit})) {body}");
                forms.push(Form { locals: locals.clone(), ..Form::new(op, &params, "i32", body) });
            };
            if let Some(pinned) = op.pinned() {
                push(pinned, &body);
                // A local that is written elsewhere in the loop, too, is not pinned. Not just before the latch, which
                // would find it in the accumulator.
                let again = format!("(local.set $a ({ty}.rotl (local.get $a) ({ty}.const 0)))");
                push(op, &body.replace(COUNT, &format!("{again} {COUNT}")));
            } else {
                push(op, &body);
            }
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
            let index = format!("(i32.shl {address} (i32.const 2))");
            let value = format!("({text} offset=3 (i32.add {index} (local.get $b)))");
            let op = OpCode::load_scaled(operator, source, target);
            forms.push(Form::new(op, &params, r, result(target, &value)));
            let value = format!("({text} offset=3 (i32.shl {address} (i32.const 2)))");
            let op = OpCode::load_shifted(operator, source, target);
            forms.push(Form::new(op, &params[..1], r, result(target, &value)));
            let value = format!("({text} offset=3 (i32.add {address} (i32.const -4)))");
            let op = OpCode::load_displaced(operator, source, target);
            forms.push(Form::new(op, &params[..1], r, result(target, &value)));
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
    for v in [Source::Slot, Source::Acc] {
        let body = store("", "(i32.add (local.get $a) (i32.const -4))", &operand(v, ty, "v", 0));
        forms.push(Form::new(OpCode::store_displaced(operator, v), &params[..2], "i64", body).writing());
    }
    let body = store("$second", "(i64.extend_i32_u (local.get $a))", "(local.get $v)");
    forms.push(Form::new(OpCode::store_any(operator), &params[..2], "i64", body).writing());
}

/// The ops that do the work of two operators.
fn fused(forms: &mut Vec<Form>) {
    for (number, &pair) in PAIRS.iter().enumerate() {
        for sources in FIRST_SOURCES {
            for other in [Source::Slot, Source::Imm] {
                for target in TARGETS {
                    let op = OpCode::pair(number as u16, sources, other, target);
                    forms.push(pair_form(
                        op.expect("the form is one of a pair"),
                        pair,
                        sources,
                        other,
                        target,
                    ));
                }
            }
        }
    }
    for (number, &stored) in STORED.iter().enumerate() {
        for sources in FIRST_SOURCES {
            for target in TARGETS {
                let op = OpCode::stored(number as u16, sources, target);
                forms.push(stored_form(op.expect("the form is one of a store"), stored, sources, target));
            }
        }
    }
    for (size, (load, store)) in MOVES.into_iter().enumerate() {
        for (number, &(from, to)) in MOVED_ADDRESSES.iter().enumerate() {
            let address = |address, [a, b]: [&str; 2]| match address {
                Address::Slot => format!("(local.get ${a})"),
                Address::Acc => computed("i32", a),
                Address::Sum => format!("(i32.add (local.get ${a}) (local.get ${b}))"),
            };
            let (from, to) = (address(from, ["a", "b"]), address(to, ["p", "q"]));
            let body = format!("({store} offset=3 {to} ({load} offset=2 {from})) (i64.load (i32.const 11))");
            let names = ["p", "a", "q", "b"];
            let params = names.map(|name| param_of(name, ADDRESS));
            let op = OpCode::moved(size as u16, number as u16);
            forms.push(Form::new(op, &params, "i64", body).writing());
        }
    }
    for (number, load) in BRANCH_LOADS.into_iter().enumerate() {
        for (is_sum, is_imm) in [(false, false), (false, true), (true, false), (true, true)] {
            for (if_equal, to) in BRANCHES {
                let address =
                    if is_sum { "(i32.add (local.get $a) (local.get $b))" } else { "(local.get $a)" };
                let other = if is_imm { "(i32.const 0x83)" } else { "(local.get $c)" };
                // Each test is written as the one that holds, and as its opposite.
                let (compare, if_true) = if is_imm { ("i32.eq", if_equal) } else { ("i32.ne", !if_equal) };
                let condition = format!("({compare} ({} offset=2 {address}) {other})", load.row().text);
                let op = |keeps| OpCode::load_branch(number as u16, keeps, is_sum, is_imm, if_equal, to);
                // A test that loads is not repeated at a loop's end, but one at its end may have been negated.
                let body = match (if_true, to) {
                    (false, Destination::Loop) => branch(true, to, &format!("(i32.eqz {condition})")),
                    _ => branch(if_true, to, &condition),
                };
                let params = [param_of("a", ADDRESS), param_of("b", ADDRESS), param_of("c", LOADED)];
                let load = format!("({} offset=2 {address})", load.row().text);
                let keeping = body.replace(&load, &format!("(local.tee $v {load})"));
                let keeping = keeping.replace("(return (i32.const 10))", "(return (local.get $v))");
                let keeping = format!("{keeping} (i32.add (local.get $v))");
                forms.push(Form::new(op(false), &params, "i32", body));
                let locals = "(local $n i32) (local $v i32)".to_owned();
                forms.push(Form { locals, ..Form::new(op(true), &params, "i32", keeping) });
            }
        }
    }
    for &operator in Operator::ALL {
        for sources in FIRST_SOURCES {
            let Some(op) = OpCode::select(operator, sources) else { continue };
            let ty = name(operator.row().a);
            let params = [param("a", ty), param("b", ty), param("c", "f64"), param("d", "f64")];
            let body = format!("(select (local.get $c) (local.get $d) {})", first(operator, sources));
            forms.push(Form::new(op, &params, "f64", body));
        }
    }
    for sources in FIRST_SOURCES {
        for (if_true, to) in BRANCHES {
            let op =
                |is_wide| OpCode::test(is_wide, sources, if_true, to).expect("the form is one of a test");
            let condition = first(Operator::I32And, sources);
            let params = [param("a", "i32"), param("b", "i32")];
            forms.push(Form::new(op(false), &params, "i32", branch(if_true, to, &condition)));
            let condition = format!("(i64.ne {} (i64.const 0))", first(Operator::I64And, sources));
            let params = [param("a", "i64"), param("b", "i64")];
            forms.push(Form::new(op(true), &params, "i32", branch(if_true, to, &condition)));
        }
    }
    // The same tests where the opposite is asked for.
    for (number, (if_true, to)) in BRANCHES.into_iter().enumerate() {
        let condition = format!("(i32.eqz {})", first(Operator::I32And, (Source::Slot, Source::Slot)));
        let params = [param("a", "i32"), param("b", "i32")];
        forms.push(Form::new(format!("test.eqz.{number}"), &params, "i32", branch(if_true, to, &condition)));
    }
}

/// What is loaded from some of the addresses, and what is not.
const LOADED: &[u64] = &[0x83, 0x8483, 0x0605_8483, 0, 0xFFFF_FFFF];

/// Loads and stores of equal size, by size.
const MOVES: [(&str, &str); MOVED_SIZES.len()] = [
    ("i32.load8_u", "i32.store8"),
    ("i32.load16_s", "i32.store16"),
    ("f32.load", "f32.store"),
    ("i64.load", "i64.store"),
];

/// An operator as the first one of a fused op, on the locals `a` and `b`.
fn first(operator: Operator, (a, b): (Source, Source)) -> String {
    let row = operator.row();
    let operand = |source, local| match source {
        Source::Imm => small(name(row.a)).to_owned(),
        _ => operand(source, name(row.a), local, 0),
    };
    format!("({} {} {})", row.text, operand(a, "a"), operand(b, "b"))
}

/// A constant whose bits are a number of 32 bits.
fn small(ty: &str) -> &'static str {
    match ty {
        "i32" => "(i32.const 9)",
        "i64" => "(i64.const 0x80000009)",
        "f32" => "(f32.const 9)",
        _ => "(f64.const 0)",
    }
}

fn pair_form(op: OpCode, pair: Pair, sources: (Source, Source), other: Source, target: Target) -> Form {
    let ty = name(pair.first.row().a);
    let first = first(pair.first, sources);
    let other = if other == Source::Imm { small(ty) } else { "(local.get $c)" };
    let text = pair.second.row().text;
    let value =
        if pair.left { format!("({text} {first} {other})") } else { format!("({text} {other} {first})") };
    Form::new(op, &[param("a", ty), param("b", ty), param("c", ty)], ty, result(target, &value))
}

fn stored_form(op: OpCode, stored: Stored, sources: (Source, Source), target: Target) -> Form {
    let ty = name(stored.first.row().a);
    let value = first(stored.first, sources);
    let value = if target == Target::Slot { format!("(local.tee $v {value})") } else { value };
    let text = stored.store.row().text;
    // Behind the store, something that it may have changed.
    let body = format!("({text} offset=3 (local.get $p) {value}) (i64.load (i32.const 11))");
    let params = [param("a", ty), param_of("p", ADDRESS), param("b", ty)];
    let locals = format!("(local $v {ty})");
    Form { locals, ..Form::new(op, &params, "i64", body) }.writing()
}
