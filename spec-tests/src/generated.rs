//! Scripts that are written by a program, because what they cover is a product: every comparison with every kind
//! of operand before every kind of branch, and operand stacks of many depths.
//!
//! An engine that fuses a comparison with the branch behind it, or keeps constants out of registers, has one
//! implementation for each such combination. The expected results are computed with Rust's operators, which are
//! the specification's for integers and comparisons.

mod conditions;
mod depths;

/// All of them: name and text.
pub fn scripts() -> Vec<(String, String)> {
    let mut scripts = conditions::scripts();
    scripts.extend(depths::scripts());
    scripts
}
