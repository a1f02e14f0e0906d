use portcullis_time::Instant;

use crate::{Gcra, Limited, Quota};

/// One line of a bill for [`check_all`]: a bucket and what it is to be charged.
///
/// [`Gcra::charge`], [`Bucket::charge`](crate::Bucket::charge) and [`KeyedTable::charge`](crate::KeyedTable::charge)
/// make one.
#[derive(Debug)]
pub struct Charge<'b> {
    gcra: &'b mut Gcra,
    quota: &'b Quota,
    cost: u32,
    /// The clock of the table that the bucket is in, which may be ahead of the caller's.
    clock: Instant,
}

impl<'b> Charge<'b> {
    /// `cost` tokens from `gcra`, whose quota is `quota`.
    #[must_use]
    pub const fn new(gcra: &'b mut Gcra, quota: &'b Quota, cost: u32) -> Self {
        Self { gcra, quota, cost, clock: Instant::ORIGIN }
    }

    pub(crate) const fn not_before(self, clock: Instant) -> Self {
        Self { clock, ..self }
    }

    #[inline]
    fn peek(&self, now: Instant) -> Result<(), Limited> {
        self.gcra.peek(self.quota, now.max(self.clock), self.cost)
    }

    #[inline]
    fn pay(&mut self, now: Instant) -> Result<(), Limited> {
        self.gcra.check(self.quota, now.max(self.clock), self.cost)
    }
}

/// Charges every bucket or none: connection, user, address and the whole server, each with its own cost, or the
/// messages, bytes and validation steps of one connection.
///
/// A refusal leaves every bucket exactly as it was, to the last bit. Two passes over `charges`, constant time each.
///
/// ```
/// use portcullis_limit::{Bucket, Quota, check_all};
/// use portcullis_time::Instant;
///
/// let mut connection = Bucket::new(const { Quota::per_second_const::<60, 120>() });
/// let mut server = Bucket::new(const { Quota::per_second_const::<1, 2>() });
/// let now = Instant::from_millis(5_000);
/// assert!(check_all(now, &mut [connection.charge(3), server.charge(2)]).is_ok());
/// assert!(check_all(now, &mut [connection.charge(3), server.charge(1)]).is_err());
/// assert_eq!(connection.available(now), 117);
/// ```
///
/// # Errors
/// [`Limited`] when any bucket refuses; `retry_at` is the latest of all that do, so that a peer which waits for it
/// is not refused by the next bucket.
#[inline]
pub fn check_all(now: Instant, charges: &mut [Charge<'_>]) -> Result<(), Limited> {
    let mut refusal: Option<Limited> = None;
    for charge in charges.iter() {
        if let Err(limited) = charge.peek(now)
            && refusal.is_none_or(|other| other.retry_at < limited.retry_at)
        {
            refusal = Some(limited);
        }
    }
    if let Some(limited) = refusal {
        return Err(limited);
    }
    for charge in charges {
        // Each bucket is lent once, so what passed a moment ago passes now.
        charge.pay(now)?;
    }
    Ok(())
}
