//! States as data, through the crate's public interface.

mod pages;
mod random;
mod states;
