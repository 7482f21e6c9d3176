//! What the benchmark measured, as a document that other programs read, and what is made of it.
//!
//! [`Document`] is the JSON of one set. The benchmark writes it, [`readme`] prints the tables of the README from it,
//! the crate rotifer-charts draws it.

mod document;
pub mod readme;
pub mod statistics;

pub use document::{Difference, Document, Entry, Geomean, Missing, Pair, PairCase, Ratio, Unit, group, read};
