//! States as data, through the crate's public interface.

mod example;
mod hashes;
mod histories;
mod pages;
mod random;
mod seal;
mod serialized;
mod states;
