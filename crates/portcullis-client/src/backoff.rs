//! How long to wait before the next attempt.

use core::time::Duration;

/// Full jitter: between nothing and a bound that doubles, so that clients that lost their server together do not come
/// back together. `SplitMix64`; it must differ between clients and need not be secret.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    state: u64,
}

impl Backoff {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let (words, _) = seed.as_chunks::<8>();
        Self { state: words.iter().fold(0, |state, word| mix(state ^ u64::from_le_bytes(*word))) }
    }

    /// The wait before the attempt after `attempt` failures: uniform in `0 ..= min(cap, base × 2^attempt)`.
    pub(crate) fn delay(&mut self, attempt: u32, base: Duration, cap: Duration) -> Duration {
        let bound = base.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(cap);
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        // The upper half of a product with 64 random bits is uniform below the bound.
        let nanos = (u128::from(mix(self.state)) * (bound.as_nanos() + 1)) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::Backoff;

    #[test]
    fn delays_fill_a_doubling_range_up_to_its_cap() {
        let mut backoff = Backoff::new([7; 32]);
        let (base, cap) = (Duration::from_millis(500), Duration::from_secs(30));
        for attempt in [0, 1, 5, 6, 7, 31, 32, u32::MAX] {
            let bound = base.saturating_mul(1 << attempt.min(20)).min(cap);
            let delays: [Duration; 400] = core::array::from_fn(|_| backoff.delay(attempt, base, cap));
            assert!(delays.iter().all(|delay| *delay <= bound), "attempt {attempt}");
            let (low, high) = (delays.iter().min().copied(), delays.iter().max().copied());
            assert!(
                low < Some(bound / 20) && high > Some(bound / 20 * 19),
                "attempt {attempt}: {low:?} {high:?}"
            );
        }
        assert_eq!(backoff.delay(0, Duration::ZERO, cap), Duration::ZERO);
    }

    #[test]
    fn two_seeds_do_not_wait_together() {
        let delay = |seed| Backoff::new([seed; 32]).delay(5, Duration::from_secs(1), Duration::from_secs(60));
        assert_ne!(delay(1), delay(2));
        assert_eq!(delay(1), delay(1));
    }
}
