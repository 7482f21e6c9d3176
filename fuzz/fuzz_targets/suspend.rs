//! Random modules in one go and in steps.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotifer_fuzz::generate::{Generated, run_input};

fuzz_target!(|data: &[u8]| run_input(data, Generated::suspend));
