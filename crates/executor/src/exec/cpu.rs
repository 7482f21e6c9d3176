//! What the CPU has beyond what the program was compiled for, and handlers use: instructions that count bits and round.
//!
//! Programs for x86-64 are compiled for its first CPUs by default. Handlers of a few operators exist a second time,
//! compiled for these features, and an engine's table has them where the CPU does ([`super::Dispatch::handlers`]). What
//! they compute is the same.

// As in the attributes of `regs.rs`.
#[cfg(target_arch = "x86_64")]
cpufeatures::new!(better, "sse4.1", "popcnt", "bmi1");

/// Whether the CPU has the features. On other machines than x86-64 there are none to look for.
pub(crate) fn is_better() -> bool {
    #[cfg(target_arch = "x86_64")]
    return better::get();
    #[cfg(not(target_arch = "x86_64"))]
    false
}
