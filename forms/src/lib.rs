//! Functions for every op in every form.
//!
//! One generic handler stands for thousands of ops, so that lines say little about what was tested. The functions
//! here are made from the numbering of ops: what reads its operands from slots, immediates and accumulators, writes
//! to either target, branches forwards and back, if a condition holds and if not. Which op a function makes the
//! translator write is known to nobody but the translator; `tests/every_form.rs` finds out whether all were executed.

mod form;
mod operators;
mod special;

pub use self::{
    form::{Form, Param},
    special::{ACROSS, MODULE},
};

/// All of them.
pub fn forms() -> Vec<Form> {
    let mut forms = operators::forms();
    forms.extend(special::forms());
    forms
}

/// A module in the text format of what forms need and these functions.
pub fn module(functions: &str) -> String {
    format!("(module {MODULE}\n{functions})")
}
