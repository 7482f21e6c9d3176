//! Conditions: what a branch tests, where its operands are, and what kind of branch it is.

use std::fmt::{LowerExp, Write as _};

/// What produces a condition, as text, and what it computes.
struct Operator<T> {
    name: &'static str,
    eval: fn(T, T) -> i32,
}

/// A kind of branch on a condition: the body of a function with the result `i32` and a local `$n` of type `i32`
/// that starts as zero, and the result for the condition's value.
struct Shape {
    name: &'static str,
    body: fn(condition: &str) -> String,
    result: fn(condition: i32) -> i32,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "br_if",
        body: |c| format!("(block (br_if 0 {c}) (return (i32.const 10))) (i32.const 20)"),
        result: |c| if c != 0 { 20 } else { 10 },
    },
    Shape {
        name: "br_if_not",
        body: |c| format!("(block (br_if 0 (i32.eqz {c})) (return (i32.const 10))) (i32.const 20)"),
        result: |c| if c == 0 { 20 } else { 10 },
    },
    Shape {
        name: "br_if_not_not",
        body: |c| format!("(block (br_if 0 (i32.eqz (i32.eqz {c}))) (return (i32.const 10))) (i32.const 20)"),
        result: |c| if c != 0 { 20 } else { 10 },
    },
    Shape {
        name: "br_if_value",
        body: |c| format!("(block (result i32) (br_if 0 (i32.const 20) {c}) (drop) (i32.const 10))"),
        result: |c| if c != 0 { 20 } else { 10 },
    },
    Shape {
        name: "br_if_back",
        body: |c| {
            format!(
                "(loop $again
                   (local.set $n (i32.add (local.get $n) (i32.const 1)))
                   (if (i32.eq (local.get $n) (i32.const 3)) (then (return (local.get $n))))
                   (br_if $again {c}))
                 (local.get $n)"
            )
        },
        result: |c| if c != 0 { 3 } else { 1 },
    },
    Shape {
        name: "if_else",
        body: |c| format!("(if (result i32) {c} (then (i32.const 20)) (else (i32.const 10)))"),
        result: |c| if c != 0 { 20 } else { 10 },
    },
    Shape {
        name: "if_not",
        body: |c| format!("(if (i32.eqz {c}) (then (local.set $n (i32.const 20)))) (local.get $n)"),
        result: |c| if c == 0 { 20 } else { 0 },
    },
    Shape {
        name: "select",
        body: |c| format!("(select (i32.const 20) (i32.const 10) {c})"),
        result: |c| if c != 0 { 20 } else { 10 },
    },
    // The condition's value is needed behind the branch: it must not vanish in it.
    Shape {
        name: "tee_br_if",
        body: |c| {
            format!(
                "(block (br_if 0 (local.tee $n {c})) (return (i32.sub (local.get $n) (i32.const 7))))
                 (local.get $n)"
            )
        },
        result: |c| if c != 0 { c } else { -7 },
    },
    Shape {
        name: "set_if",
        body: |c| {
            format!(
                "(local.set $n {c})
                 (if (result i32) (local.get $n) (then (local.get $n)) (else (i32.const 7)))"
            )
        },
        result: |c| if c != 0 { c } else { 7 },
    },
    Shape { name: "value", body: str::to_owned, result: |c| c },
];

/// A number type: how its constants are written and what tests it.
struct Type<T: 'static> {
    name: &'static str,
    operators: &'static [Operator<T>],
    /// Operands given at run time.
    values: &'static [T],
    /// Operands that are constants of the code.
    constants: &'static [T],
    show: fn(T) -> String,
}

macro_rules! comparisons {
    ($signed:ty, $unsigned:ty) => {
        &[
            Operator { name: "eq", eval: |a: $signed, b| i32::from(a == b) },
            Operator { name: "ne", eval: |a, b| i32::from(a != b) },
            Operator { name: "lt_s", eval: |a, b| i32::from(a < b) },
            Operator { name: "lt_u", eval: |a, b| i32::from((a as $unsigned) < b as $unsigned) },
            Operator { name: "gt_s", eval: |a, b| i32::from(a > b) },
            Operator { name: "gt_u", eval: |a, b| i32::from(a as $unsigned > b as $unsigned) },
            Operator { name: "le_s", eval: |a, b| i32::from(a <= b) },
            Operator { name: "le_u", eval: |a, b| i32::from(a as $unsigned <= b as $unsigned) },
            Operator { name: "ge_s", eval: |a, b| i32::from(a >= b) },
            Operator { name: "ge_u", eval: |a, b| i32::from(a as $unsigned >= b as $unsigned) },
        ]
    };
}

macro_rules! float_comparisons {
    () => {
        &[
            Operator { name: "eq", eval: |a, b| i32::from(a == b) },
            Operator { name: "ne", eval: |a, b| i32::from(a != b) },
            Operator { name: "lt", eval: |a, b| i32::from(a < b) },
            Operator { name: "gt", eval: |a, b| i32::from(a > b) },
            Operator { name: "le", eval: |a, b| i32::from(a <= b) },
            Operator { name: "ge", eval: |a, b| i32::from(a >= b) },
        ]
    };
}

const I32: Type<i32> = Type {
    name: "i32",
    operators: comparisons!(i32, u32),
    values: &[0, 1, -1, 2, 0x7fff, i32::MIN, i32::MAX, 0x1234_5678],
    constants: &[0, 1, -1, i32::MIN, 0x1234_5678],
    show: |value| value.to_string(),
};

/// Operators whose result is any number, not only 0 and 1, which a branch tests all the same.
const I32_NUMBERS: Type<i32> = Type {
    name: "i32",
    operators: &[
        Operator { name: "and", eval: |a, b| a & b },
        Operator { name: "or", eval: |a, b| a | b },
        Operator { name: "xor", eval: |a, b| a ^ b },
        Operator { name: "sub", eval: |a, b| a.wrapping_sub(b) },
        Operator { name: "add", eval: |a, b| a.wrapping_add(b) },
        Operator { name: "shr_u", eval: |a, b| (a as u32).wrapping_shr(b as u32) as i32 },
    ],
    values: &[0, 1, -1, 2, 0x100, i32::MIN, i32::MAX],
    constants: &[0, 1, -1, 0x100, i32::MIN],
    show: |value| value.to_string(),
};

const I64: Type<i64> = Type {
    name: "i64",
    operators: comparisons!(i64, u64),
    values: &[0, 1, -1, 0x1_0000_0000, 0x7fff_ffff, i64::MIN, i64::MAX, 0x1234_5678_9abc_def0],
    constants: &[0, 1, -1, 0x1_0000_0000, i64::MIN],
    show: |value| value.to_string(),
};

const F32: Type<f32> = Type {
    name: "f32",
    operators: float_comparisons!(),
    values: &[0.0, -0.0, 1.5, -1.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN],
    constants: &[0.0, -0.0, 1.5, f32::NAN],
    show: |value| float(value.is_nan(), value),
};

const F64: Type<f64> = Type {
    name: "f64",
    operators: float_comparisons!(),
    values: &[0.0, -0.0, 1e300, -1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN],
    constants: &[0.0, -0.0, 1e300, f64::NAN],
    show: |value| float(value.is_nan(), value),
};

fn float(is_nan: bool, value: impl LowerExp) -> String {
    if is_nan { "nan".to_owned() } else { format!("{value:e}") }
}

/// One script for each type.
pub(super) fn scripts() -> Vec<(String, String)> {
    vec![
        ("conditions_i32".to_owned(), I32.script()),
        ("conditions_i32_numbers".to_owned(), I32_NUMBERS.script()),
        ("conditions_i64".to_owned(), I64.script()),
        ("conditions_f32".to_owned(), F32.script()),
        ("conditions_f64".to_owned(), F64.script()),
        ("conditions_eqz".to_owned(), eqz()),
    ]
}

impl<T: Copy> Type<T> {
    fn script(&self) -> String {
        let mut script = String::new();
        for operator in self.operators {
            for shape in SHAPES {
                self.module(operator, shape, &mut script);
            }
        }
        script
    }

    /// A module with one function for each place and constant that the operands can be in, and its assertions.
    fn module(&self, operator: &Operator<T>, shape: &Shape, script: &mut String) {
        let Self { name: ty, values, constants, show, .. } = self;
        let op = format!("{ty}.{}", operator.name);
        let mut asserts = String::new();
        let mut assert = |func: &str, args: &[T], a: T, b: T| {
            let args: String = args.iter().map(|arg| format!(" ({ty}.const {})", show(*arg))).collect();
            let result = (shape.result)((operator.eval)(a, b));
            let _ = writeln!(asserts, "(assert_return (invoke \"{func}\"{args}) (i32.const {result}))");
        };
        let _ = writeln!(script, ";; {op} in {}\n(module", shape.name);
        let mut define = |func: &str, params: usize, a: &str, b: &str| {
            let params = format!("(param{}) ", format!(" {ty}").repeat(params));
            let body = (shape.body)(&format!("({op} {a} {b})"));
            let _ = writeln!(
                script,
                "  (func (export \"{func}\") {params}(result i32) (local $n i32)\n    {body})"
            );
        };

        define("ll", 2, "(local.get 0)", "(local.get 1)");
        // Operands that are results of operators and not named by any local.
        define("ss", 2, &format!("(call $id_{ty} (local.get 0))"), &format!("(call $id_{ty} (local.get 1))"));
        define("same", 1, "(local.get 0)", "(local.get 0)");
        for &a in *values {
            assert("same", &[a], a, a);
            for &b in *values {
                assert("ll", &[a, b], a, b);
                assert("ss", &[a, b], a, b);
            }
        }
        for (number, &constant) in constants.iter().enumerate() {
            let shown = format!("({ty}.const {})", show(constant));
            define(&format!("lc{number}"), 1, "(local.get 0)", &shown);
            define(&format!("cl{number}"), 1, &shown, "(local.get 0)");
            define(&format!("sc{number}"), 1, &format!("(call $id_{ty} (local.get 0))"), &shown);
            for &value in *values {
                assert(&format!("lc{number}"), &[value], value, constant);
                assert(&format!("cl{number}"), &[value], constant, value);
                assert(&format!("sc{number}"), &[value], value, constant);
            }
            for (other, &second) in constants.iter().enumerate() {
                let func = format!("c{number}c{other}");
                define(&func, 0, &shown, &format!("({ty}.const {})", show(second)));
                assert(&func, &[], constant, second);
            }
        }
        let _ = writeln!(script, "  (func $id_{ty} (param {ty}) (result {ty}) (local.get 0)))\n{asserts}");
    }
}

/// The unary conditions, and numbers that are conditions as they are.
fn eqz() -> String {
    let mut script = String::new();
    let i32s = [0, 1, -1, 0x100, i32::MIN];
    let i64s = [0, 1, -1, 0x1_0000_0000, i64::MIN];
    for shape in SHAPES {
        let mut asserts = String::new();
        let _ = writeln!(script, ";; {}\n(module", shape.name);
        let mut define = |func: &str, ty: &str, condition: &str| {
            let body = (shape.body)(condition);
            let _ = writeln!(
                script,
                "  (func (export \"{func}\") (param {ty}) (result i32) (local $n i32)\n    {body})"
            );
        };
        define("i32", "i32", "(local.get 0)");
        define("i32.eqz", "i32", "(i32.eqz (local.get 0))");
        define("i64.eqz", "i64", "(i64.eqz (local.get 0))");
        define("i32.wrap_i64", "i64", "(i32.wrap_i64 (local.get 0))");
        let mut assert = |func: &str, arg: String, condition: i32| {
            let result = (shape.result)(condition);
            let _ = writeln!(asserts, "(assert_return (invoke \"{func}\" ({arg})) (i32.const {result}))");
        };
        for value in i32s {
            assert("i32", format!("i32.const {value}"), value);
            assert("i32.eqz", format!("i32.const {value}"), i32::from(value == 0));
        }
        for value in i64s {
            assert("i64.eqz", format!("i64.const {value}"), i32::from(value == 0));
            assert("i32.wrap_i64", format!("i64.const {value}"), value as i32);
        }
        let _ = writeln!(script, ")\n{asserts}");
    }
    script
}
