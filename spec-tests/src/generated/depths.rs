//! Depths: many operands at once, many parameters and results, many nested blocks with operands below each.

use std::fmt::Write as _;

/// Around the sizes at which encodings of slots and counts change.
const DEPTHS: &[usize] = &[1, 2, 3, 7, 8, 9, 31, 127, 128, 129, 255, 256, 257, 600];

/// More than a function may have parameters and results.
const DEPTHS_WITHOUT_TYPES: &[usize] = &[5_000, 33_000];

/// The argument that all functions get. Each function is tested with zero as well.
const PARAM: i64 = 1_000_003;

const UNARY: &str = "(param i64) (result i64)";

/// One script.
pub(super) fn scripts() -> Vec<(String, String)> {
    let mut script = String::new();
    for depth in DEPTHS.iter().chain(DEPTHS_WITHOUT_TYPES) {
        let mut module = Module::new(*depth);
        module.operands();
        if DEPTHS.contains(depth) {
            module.types();
            module.nesting();
        }
        script.push_str(&module.finish());
    }
    vec![("depths".to_owned(), script)]
}

/// Operand number `i` of a stack: what it is as text, and its value if the parameter is `param`.
fn operand(i: usize, param: i64) -> (String, i64) {
    let number = i as i64;
    match i % 4 {
        0 => (format!("(i64.const {})", number * 3 + 1), number * 3 + 1),
        1 => ("(local.get 0)".to_owned(), param),
        2 => {
            let text = format!("(i64.mul (local.get 0) (i64.const {}))", number + 2);
            (text, param.wrapping_mul(number + 2))
        }
        _ => (format!("(call $id (i64.const {number}))"), number),
    }
}

/// A module about stacks of one depth, and its assertions.
struct Module {
    depth: usize,
    funcs: String,
    asserts: String,
    /// Pushes all operands.
    push: String,
    /// Combines them to one, so that their order counts: a - 3 * (b - 3 * (c - ...)).
    combine: String,
}

impl Module {
    fn new(depth: usize) -> Self {
        Self {
            depth,
            funcs: String::new(),
            asserts: String::new(),
            push: (0..depth).map(|i| format!("\n    {}", operand(i, PARAM).0)).collect(),
            combine: "\n    (i64.const 3) (i64.mul) (i64.sub)".repeat(depth - 1),
        }
    }

    /// What `combine` makes of the operands.
    fn total(&self, param: i64) -> i64 {
        let values = (0..self.depth).rev().map(|i| operand(i, param).1);
        values.reduce(|upper, lower| lower.wrapping_sub(upper.wrapping_mul(3))).unwrap_or_default()
    }

    fn func(&mut self, name: &str, ty: &str, body: &str) {
        let _ = writeln!(self.funcs, "  (func ${name} (export \"{name}\") {ty}{body})");
    }

    fn assert(&mut self, name: &str, arg: i64, result: i64) {
        let _ = writeln!(
            self.asserts,
            "(assert_return (invoke \"{name}\" (i64.const {arg})) (i64.const {result}))"
        );
    }

    /// A function whose result is the operands combined.
    fn total_func(&mut self, name: &str, body: &str) {
        self.func(name, UNARY, body);
        for param in [PARAM, 0] {
            self.assert(name, param, self.total(param));
        }
    }

    /// Operands, and what must not disturb them.
    fn operands(&mut self) {
        let Self { push, combine, .. } = self;
        let [push, combine] = [push.clone(), combine.clone()];
        self.total_func("stack", &format!("{push}{combine}"));
        // The local changes when all operands are pushed: those that read it keep its older value.
        self.total_func("stack_then_set", &format!("{push}\n    (local.set 0 (i64.const -1)){combine}"));
        self.total_func("stack_then_call", &format!("{push}\n    (call $id){combine}"));
        // A branch over all of them but the uppermost.
        self.func("branch_over", UNARY, &format!("\n    (block (result i64) {push}\n    (br 0))"));
        self.assert("branch_over", PARAM, operand(self.depth - 1, PARAM).1);
    }

    /// As many parameters and results, of functions, blocks and branches.
    fn types(&mut self) {
        let Self { push, combine, .. } = self;
        let [push, combine] = [push.clone(), combine.clone()];
        let types = " i64".repeat(self.depth);
        let gets: String = (0..self.depth).map(|i| format!(" (local.get {i})")).collect();
        self.func("sum", &format!("(param{types}) (result i64)"), &format!("\n   {gets}{combine}"));
        self.func("pass", &format!("(param{types}) (result{types})"), &format!("\n   {gets}"));
        self.total_func("call_sum", &format!("{push}\n    (call $sum)"));
        self.total_func("tail_call_sum", &format!("{push}\n    (return_call $sum)"));
        self.total_func("call_pass", &format!("{push}\n    (call $pass){combine}"));
        let block = format!(
            "{push}
    (block (param{types}) (result{types})
      (br_if 0 (i64.eqz (local.get 0)))){combine}"
        );
        self.total_func("block", &block);
        let repeated = format!(
            "
    (local $rounds i64)
    {push}
    (loop $again (param{types}) (result{types})
      (local.set $rounds (i64.add (local.get $rounds) (i64.const 1)))
      (br_if $again (i64.lt_u (local.get $rounds) (i64.const 3)))){combine}"
        );
        self.total_func("loop", &repeated);
        let branch = format!(
            "
    (i64.const 5)
    (block (result{types})
      (i64.const 99)
      {push}
      (br_if 0 (i32.const 1))
      (unreachable)){combine}
    (i64.sub)"
        );
        self.func("branch", UNARY, &branch);
        self.assert("branch", PARAM, 5_i64.wrapping_sub(self.total(PARAM)));
    }

    /// As many blocks, one in another.
    fn nesting(&mut self) {
        let depth = self.depth;
        // Each with an operand below it; a branch out of all of them at once.
        let mut nested = "(br_if $outermost (i64.const 42) (i64.eqz (local.get 0)))".to_owned();
        for i in 0..depth {
            nested = format!("(block (result i64) (i64.const {i}) {nested} (i64.sub))");
        }
        self.func("nested", UNARY, &format!("\n    (block $outermost (result i64) {nested})"));
        self.assert("nested", 0, 42);
        // The innermost block is 0 - 42, the next 1 - that, and so on.
        self.assert("nested", 1, (0..depth as i64).fold(42, |inner, i| i.wrapping_sub(inner)));

        // And `br_table` from the innermost to each of them.
        let labels: String = (0..depth).map(|i| format!(" {i}")).collect();
        let mut table = format!("(br_table{labels} (i32.wrap_i64 (local.get 0)))");
        for i in 0..depth {
            table = format!("(block {table}) (local.set $n (i64.add (local.get $n) (i64.const {})))", i + 1);
        }
        self.func("table", UNARY, &format!("\n    (local $n i64)\n    {table} (local.get $n)"));
        for index in [0, 1, depth - 1, depth, depth + 1] {
            // A branch to block `index` skips what follows the blocks inside it.
            let first = index.min(depth - 1);
            self.assert("table", index as i64, (first..depth).map(|i| i as i64 + 1).sum());
        }
    }

    fn finish(self) -> String {
        let Self { depth, funcs, asserts, .. } = self;
        format!(
            ";; {depth} operands\n(module\n  (func $id (param i64) (result i64) (local.get 0))\n{funcs})\n{asserts}"
        )
    }
}
