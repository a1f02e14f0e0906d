use portcullis_time::Instant;

use crate::{Charge, Gcra, Limited, Quota};

/// A bucket with a quota of its own.
///
/// ```
/// use portcullis_limit::{Bucket, Quota};
/// use portcullis_time::Instant;
///
/// # fn main() -> Result<(), portcullis_limit::QuotaError> {
/// let mut bytes = Bucket::new(Quota::per_second(262_144, 524_288)?);
/// assert!(bytes.check(Instant::ORIGIN, 65_536).is_ok());
/// assert_eq!(bytes.available(Instant::ORIGIN), 458_752);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    quota: Quota,
    gcra: Gcra,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub const fn new(quota: Quota) -> Self {
        Self { quota, gcra: Gcra::new() }
    }

    /// The quota of this bucket.
    #[must_use]
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Charges `cost` tokens, or charges nothing. Constant time.
    ///
    /// # Errors
    /// [`Limited`] when fewer than `cost` tokens are there.
    #[inline]
    pub const fn check(&mut self, now: Instant, cost: u32) -> Result<(), Limited> {
        self.gcra.check(&self.quota, now, cost)
    }

    /// The verdict that [`Bucket::check`] would give, without charging.
    ///
    /// # Errors
    /// As [`Bucket::check`].
    pub const fn peek(&self, now: Instant, cost: u32) -> Result<(), Limited> {
        self.gcra.peek(&self.quota, now, cost)
    }

    /// The first instant from `now` on at which `cost` passes: see [`Gcra::retry_at`].
    #[must_use]
    pub const fn retry_at(&self, now: Instant, cost: u32) -> Instant {
        self.gcra.retry_at(&self.quota, now, cost)
    }

    /// A line of a bill for [`check_all`](crate::check_all): `cost` tokens of this bucket.
    #[must_use]
    pub const fn charge(&mut self, cost: u32) -> Charge<'_> {
        Charge::new(&mut self.gcra, &self.quota, cost)
    }

    /// Whole tokens that may be charged at `now`.
    #[must_use]
    pub const fn available(&self, now: Instant) -> u32 {
        self.gcra.available(&self.quota, now)
    }

    /// Gives back `cost` tokens: see [`Gcra::refund`].
    pub const fn refund(&mut self, cost: u32) {
        self.gcra.refund(&self.quota, cost);
    }
}
