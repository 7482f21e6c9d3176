//! The functions of WASI, a file for each group.
//!
//! Each takes the world and the memory of the guest, and the arguments as WebAssembly passes them. Results go
//! through pointers that are the last arguments.

#![allow(clippy::too_many_arguments, reason = "the interface has functions with nine")]

pub(crate) mod args;
pub(crate) mod clocks;
pub(crate) mod directories;
pub(crate) mod files;
pub(crate) mod paths;
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod sockets;
pub(crate) mod status;
pub(crate) mod transfer;
