use portcullis_time::Instant;

use crate::{Gcra, Limited, Quota};

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

/// One line of a bill for [`check_all`].
#[derive(Debug)]
pub struct Charge<'b> {
    gcra: &'b mut Gcra,
    quota: &'b Quota,
    cost: u32,
}

impl<'b> Charge<'b> {
    /// `cost` tokens from `gcra`, whose quota is `quota`.
    #[must_use]
    pub const fn new(gcra: &'b mut Gcra, quota: &'b Quota, cost: u32) -> Self {
        Self { gcra, quota, cost }
    }
}

/// Charges every bucket or none: connection, user, address and the whole server, or messages and bytes.
///
/// Takes two passes over `charges`.
///
/// # Errors
/// [`Limited`] when any bucket refuses; `retry_at` is the latest of all that do, so that a peer which waits for it
/// is not refused by the next bucket.
pub fn check_all(now: Instant, charges: &mut [Charge<'_>]) -> Result<(), Limited> {
    let refusal = charges
        .iter()
        .filter_map(|charge| charge.gcra.peek(charge.quota, now, charge.cost).err())
        .max_by_key(|limited| limited.retry_at);
    if let Some(limited) = refusal {
        return Err(limited);
    }
    for charge in charges {
        charge.gcra.check(charge.quota, now, charge.cost)?;
    }
    Ok(())
}
