//! [`Fuel`]: the register that metered handlers pay with.

/// Fuel in a float register, as the bits of an `i64`.
#[derive(Clone, Copy)]
pub(crate) struct Fuel(pub(crate) f64);

impl Fuel {
    #[inline(always)]
    pub(crate) fn new(fuel: u64) -> Self {
        Self(f64::from_bits(fuel))
    }

    #[inline(always)]
    pub(crate) fn get(self) -> u64 {
        self.0.to_bits()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn sub(self, cost: u32) -> Self {
        use core::arch::x86_64::*;
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            let fuel = _mm_castpd_si128(_mm_set_sd(self.0));
            let cost = _mm_cvtsi32_si128(cost as i32);
            Self(_mm_cvtsd_f64(_mm_castsi128_pd(_mm_sub_epi64(fuel, cost))))
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    pub(crate) fn sub(self, cost: u32) -> Self {
        Self(f64::from_bits(self.0.to_bits().wrapping_sub(u64::from(cost))))
    }

    #[inline(always)]
    pub(crate) fn is_negative(self) -> bool {
        (self.0.to_bits() as i64) < 0
    }
}
