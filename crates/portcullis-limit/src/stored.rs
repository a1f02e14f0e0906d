use core::time::Duration;

use portcullis_time::Instant;

use crate::quota::common_divisor;
use crate::{Limited, Quota, QuotaError};

/// Whole numbers up to here are exact in a 64-bit float, the only number that Lua 5.1 has.
const EXACT_MAX: u64 = 1 << 53;

/// The state of a bucket that lies in a store beside the process, such as Redis: two whole numbers below 2⁵³.
///
/// The default is a full bucket. Any pair of numbers is a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    last: u64,
    owed: u64,
}

impl Stored {
    /// The state of two numbers that a store gave back: the latest instant in microseconds, and what is owed.
    #[must_use]
    pub const fn new(last_micros: u64, owed: u64) -> Self {
        Self { last: last_micros, owed }
    }

    /// The latest instant seen, in microseconds.
    #[must_use]
    pub const fn last_micros(self) -> u64 {
        self.last
    }

    /// What has been charged and has not come back at that instant, in units of [`StoredQuota`].
    #[must_use]
    pub const fn owed(self) -> u64 {
        self.owed
    }
}

/// The answer of [`StoredQuota::step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Verdict {
    /// The cost was charged.
    Passed,
    /// Nothing was charged.
    Limited {
        /// After how many microseconds the same cost passes, at the earliest.
        wait_micros: u64,
    },
    /// Nothing was charged and never will be: the cost is greater than the burst.
    Never,
}

impl Verdict {
    /// The same on this process's monotonic clock, which need not be that of the store.
    ///
    /// # Errors
    /// [`Limited`] unless the cost was charged.
    pub const fn at(self, now: Instant) -> Result<(), Limited> {
        match self {
            Self::Passed => Ok(()),
            Self::Limited { wait_micros } => {
                Err(Limited { retry_at: now.saturating_add(Duration::from_micros(wait_micros)) })
            }
            Self::Never => Err(Limited { retry_at: Instant::FAR_FUTURE }),
        }
    }
}

/// A bucket as a pure function, for state that several servers share: (state, now, cost) to (state, verdict).
///
/// It is [`Gcra`](crate::Gcra) on a clock of whole microseconds, in numbers that stay below 2⁵³ at every step, so that
/// [`StoredQuota::LUA`] computes the very same with Lua's floats inside Redis. No division of the algorithm has an
/// operand sum above 2⁵³, which is what makes `floor(a / b)` exact in floats.
///
/// ```
/// use portcullis_limit::{Quota, Stored, StoredQuota, Verdict};
///
/// # fn main() -> Result<(), portcullis_limit::QuotaError> {
/// let quota = StoredQuota::new(&Quota::per_second(10, 2)?)?;
/// let now_micros = 1_700_000_000_000_000; // The store's wall clock.
/// let (state, verdict) = quota.step(Stored::default(), now_micros, 2);
/// assert_eq!(verdict, Verdict::Passed);
/// let (_, verdict) = quota.step(state, now_micros + 40_000, 1);
/// assert_eq!(verdict, Verdict::Limited { wait_micros: 60_000 });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredQuota {
    token: u64,
    refill: u64,
    full: u64,
}

impl StoredQuota {
    /// The step as a script for Redis' `EVAL`: `KEYS` is the bucket, `ARGV` is [`token`](Self::token),
    /// [`refill`](Self::refill), [`full`](Self::full) and the cost. It answers `{1, 0}` when the cost was charged,
    /// `{0, wait_micros}` when it is limited and `{-1, 0}` when it never can be charged.
    ///
    /// The time is that of the store, and a bucket is forgotten when it is full again. With a fifth argument, the time
    /// in microseconds, it is kept. A store whose wall clock is set back may pay a forgotten bucket twice.
    pub const LUA: &str = include_str!("stored.lua");

    /// The quota in microseconds, never rounded.
    ///
    /// # Errors
    /// [`QuotaError::TooFine`] when a full bucket and twice the refill of a microsecond are together above 2⁵³ units.
    /// Every quota per second fits.
    pub const fn new(quota: &Quota) -> Result<Self, QuotaError> {
        let divisor = common_divisor(quota.token, 1_000);
        let token = quota.token / divisor;
        let full = quota.full / divisor;
        // At most 2³² · 1000.
        let refill = quota.refill * (1_000 / divisor);
        if full.saturating_add(2 * refill) > EXACT_MAX {
            return Err(quota.too_fine());
        }
        Ok(Self { token, refill, full })
    }

    /// Units of one token.
    #[must_use]
    pub const fn token(&self) -> u64 {
        self.token
    }

    /// Units that come back in one microsecond.
    #[must_use]
    pub const fn refill(&self) -> u64 {
        self.refill
    }

    /// Units of a full bucket.
    #[must_use]
    pub const fn full(&self) -> u64 {
        self.full
    }

    /// Charges `cost` tokens at `now_micros`, or charges nothing. Constant time; instants from 2⁵³ on are one.
    ///
    /// A refusal gives back the state that it was given, so that nothing has to be written.
    #[must_use = "the new state has to be stored"]
    pub const fn step(&self, state: Stored, now_micros: u64, cost: u32) -> (Stored, Verdict) {
        let now = if now_micros > EXACT_MAX { EXACT_MAX } else { now_micros };
        // More is owed when the quota was made smaller since: then the bucket is empty.
        let mut owed = if state.owed > self.full { self.full } else { state.owed };
        let mut last = state.last;
        if now > last {
            let elapsed = now - last;
            owed = if elapsed >= self.periods(owed) { 0 } else { owed - elapsed * self.refill };
            last = now;
        }
        // Below 2⁸⁵ before the comparison.
        let units = cost as u128 * self.token as u128;
        if units > self.full as u128 {
            return (state, Verdict::Never);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most `full`")]
        let units = units as u64;
        let room = self.full - units;
        if owed > room {
            return (state, Verdict::Limited { wait_micros: self.periods(owed - room) });
        }
        (Stored { last, owed: owed + units }, Verdict::Passed)
    }

    /// How long after its latest instant a bucket is full again and may be forgotten: the time to live of its key.
    #[must_use]
    pub const fn full_in(&self, state: Stored) -> Duration {
        Duration::from_micros(self.periods(if state.owed > self.full { self.full } else { state.owed }))
    }

    /// Microseconds in which `units` come back, rounded up: `floor((units + refill - 1) / refill)` in exact floats.
    #[inline]
    const fn periods(&self, units: u64) -> u64 {
        units.div_ceil(self.refill)
    }
}
