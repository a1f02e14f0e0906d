use portcullis_time::Instant;

use crate::{Charge, Limited, Quota};

/// The state of one bucket: 16 bytes, beside a [`Quota`] that many buckets may share.
///
/// GCRA keeps the theoretical arrival time, the instant at which the bucket is full again. Here it is kept as two
/// exact integers, the latest instant seen and what is owed at that instant in fractions of a token, so that no
/// rate is ever rounded to whole nanoseconds.
///
/// The bucket's clock is the latest instant that a charging call was given. An earlier one counts as that instant:
/// a clock that stands or jumps back neither takes tokens away nor gives the same time twice.
///
/// All calls with one state must pass the same quota. Each takes constant time and never panics.
///
/// ```
/// use core::time::Duration;
/// use portcullis_limit::{Gcra, Quota};
/// use portcullis_time::Instant;
///
/// # fn main() -> Result<(), portcullis_limit::QuotaError> {
/// let quota = Quota::per_second(10, 2)?;
/// let mut bucket = Gcra::new();
/// let now = Instant::from_millis(1_000);
/// assert!(bucket.check(&quota, now, 2).is_ok());
/// let limited = bucket.check(&quota, now, 1).unwrap_err();
/// assert_eq!(limited.retry_at, now + Duration::from_millis(100));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gcra {
    /// The latest instant seen, in nanoseconds.
    last: u64,
    /// What has been charged and has not come back at `last`, in units of the quota. Zero is a full bucket.
    owed: u64,
}

impl Gcra {
    /// A full bucket.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: 0, owed: 0 }
    }

    /// The state as one number, to store it elsewhere. [`Gcra::from_bits`] is the way back.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        ((self.last as u128) << 64) | self.owed as u128
    }

    /// The state that [`Gcra::to_bits`] made. Any number is a state.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let (last, owed) = ((bits >> 64) as u64, bits as u64);
        Self { last, owed }
    }

    /// Charges `cost` tokens, or charges nothing.
    ///
    /// # Errors
    /// [`Limited`] when fewer than `cost` tokens are there. A cost of 0 passes as long as the quota stays the same.
    #[inline]
    pub const fn check(&mut self, quota: &Quota, now: Instant, cost: u32) -> Result<(), Limited> {
        *self = self.advanced(quota, now);
        if cost > quota.burst() {
            return Err(Limited { retry_at: Instant::FAR_FUTURE });
        }
        // At most `full`, so neither this product nor the sum below overflows.
        let units = cost as u64 * quota.token;
        if self.owed > quota.full - units {
            return Err(self.limited(quota, units));
        }
        self.owed += units;
        Ok(())
    }

    /// The verdict that [`Gcra::check`] would give, without charging.
    ///
    /// # Errors
    /// As [`Gcra::check`].
    #[inline]
    pub const fn peek(&self, quota: &Quota, now: Instant, cost: u32) -> Result<(), Limited> {
        let mut copy = *self;
        copy.check(quota, now, cost)
    }

    /// The first instant from `now` on at which `cost` passes if nothing else is charged: `now` itself when it passes
    /// already, [`Instant::FAR_FUTURE`] when it never can.
    #[inline]
    #[must_use]
    pub const fn retry_at(&self, quota: &Quota, now: Instant, cost: u32) -> Instant {
        match self.peek(quota, now, cost) {
            Ok(()) => now,
            Err(limited) => limited.retry_at,
        }
    }

    /// A line of a bill for [`check_all`](crate::check_all): `cost` tokens of this bucket.
    #[must_use]
    pub const fn charge<'b>(&'b mut self, quota: &'b Quota, cost: u32) -> Charge<'b> {
        Charge::new(self, quota, cost)
    }

    /// Whole tokens that may be charged at `now`.
    #[inline]
    #[must_use]
    pub const fn available(&self, quota: &Quota, now: Instant) -> u32 {
        let rest = quota.full.saturating_sub(self.advanced(quota, now).owed);
        #[expect(clippy::cast_possible_truncation, reason = "at most full / token, which is the burst")]
        let tokens = (rest / quota.token) as u32;
        tokens
    }

    /// Gives back `cost` tokens of a charge whose work was not done; the bucket never holds more than its burst.
    ///
    /// At the instant of the charge this undoes it exactly. Later, what has come back since is kept too, as if the
    /// charge had never been made, except above the burst.
    #[inline]
    pub const fn refund(&mut self, quota: &Quota, cost: u32) {
        self.owed = self.owed.saturating_sub((cost as u64).saturating_mul(quota.token));
    }

    /// Whether the bucket is as good as new at `now`.
    #[inline]
    #[must_use]
    pub const fn is_full(&self, quota: &Quota, now: Instant) -> bool {
        self.advanced(quota, now).owed == 0
    }

    /// When the bucket is full again: the theoretical arrival time, rounded up to a nanosecond.
    #[must_use]
    pub const fn full_at(&self, quota: &Quota) -> Instant {
        Instant::from_nanos(self.last.saturating_add(self.owed.div_ceil(quota.refill)))
    }

    #[inline]
    const fn advanced(self, quota: &Quota, now: Instant) -> Self {
        let now = now.as_nanos();
        if now <= self.last {
            return self;
        }
        let back = (now - self.last).saturating_mul(quota.refill);
        Self { last: now, owed: self.owed.saturating_sub(back) }
    }

    #[cold]
    const fn limited(self, quota: &Quota, units: u64) -> Limited {
        let wait = (self.owed - (quota.full - units)).div_ceil(quota.refill);
        Limited { retry_at: Instant::from_nanos(self.last.saturating_add(wait)) }
    }
}
