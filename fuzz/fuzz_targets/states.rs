//! States of instances: taken, put back, recorded, written and read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotifer_fuzz::generate::{Generated, run_input};

fuzz_target!(|data: &[u8]| run_input(data, Generated::states));
