//! [`Random`]: the random bytes that a guest gets.

use crate::{Errno, failure::Outcome};
use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use std::fmt;

/// The random bytes that a guest gets.
pub(crate) enum Random {
    /// The host's.
    System,
    /// The same for each run. ChaCha is specified, unlike `rand`'s standard generator: later versions of this
    /// crate give the same bytes.
    Seeded(Box<ChaCha20Rng>),
}

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::Seeded(Box::new(ChaCha20Rng::seed_from_u64(seed)))
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) -> Outcome {
        match self {
            Self::System => getrandom::fill(bytes).map_err(|_| Errno::Io.into()),
            Self::Seeded(generator) => {
                generator.fill_bytes(bytes);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Seeded(_) => "Seeded",
        })
    }
}
