use core::sync::atomic::{AtomicU64, Ordering};

use portcullis_time::Instant;

use crate::quota::common_divisor;
use crate::{Limited, Quota, QuotaError};

#[cfg(all(test, loom))]
mod loom_tests;

/// The bucket counts this many nanoseconds before its clock stands: 36 years.
const HORIZON_BITS: u32 = 60;
/// The greatest time in units.
const UNITS_MAX: u64 = 1 << 63;

/// One bucket for many threads: 8 bytes of state in one atomic word, no lock, `check` through `&self`.
///
/// The state is GCRA's theoretical arrival time, the instant at which the bucket is full again, as a whole number of
/// fractions of a token. That is exact, as in [`Gcra`](crate::Gcra). The clocks of two threads differ by a little: here
/// an earlier `now` waits until its own clock gets there, so it is never given more than a later one.
///
/// Exists where the target has 64-bit atomics.
///
/// ```
/// use portcullis_limit::{Quota, SharedBucket};
/// use portcullis_time::Instant;
///
/// # fn main() -> Result<(), portcullis_limit::QuotaError> {
/// let server = SharedBucket::new(&Quota::per_second(1_000, 4)?, Instant::ORIGIN)?;
/// let now = Instant::from_millis(5);
/// let passed = std::thread::scope(|scope| {
///     let ask = || scope.spawn(|| (0..100).filter(|_| server.check(now, 1).is_ok()).count());
///     let threads = [ask(), ask()];
///     threads.map(|thread| thread.join().unwrap_or(0)).iter().sum::<usize>()
/// });
/// assert_eq!(passed, 4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SharedBucket {
    full_at: AtomicU64,
    shape: Shape,
}

impl SharedBucket {
    /// A full bucket that counts time from `origin`, to which every earlier instant is rounded.
    ///
    /// # Errors
    /// [`QuotaError::TooFine`] when 36 years of this quota do not fit in the one word: for odd rates above some
    /// hundred million a second with small bursts, and for buckets that take longer than 292 years to fill.
    pub const fn new(quota: &Quota, origin: Instant) -> Result<Self, QuotaError> {
        match Shape::new(quota, origin) {
            Ok(shape) => Ok(Self { full_at: AtomicU64::new(0), shape }),
            Err(error) => Err(error),
        }
    }

    /// Nanoseconds in one step of the bucket's clock: 1 but for high rates that do not divide a second well. Instants
    /// are rounded down to a step.
    #[must_use]
    pub const fn step_nanos(&self) -> u64 {
        self.shape.step
    }

    /// Charges `cost` tokens, or charges nothing. Lock-free: a thread tries again only when another one has succeeded.
    ///
    /// # Errors
    /// [`Limited`] when fewer than `cost` tokens are there.
    #[inline]
    pub fn check(&self, now: Instant, cost: u32) -> Result<(), Limited> {
        charge(&self.full_at, &self.shape, now, cost)
    }

    /// The verdict that [`SharedBucket::check`] would give, without charging.
    ///
    /// # Errors
    /// As [`SharedBucket::check`].
    pub fn peek(&self, now: Instant, cost: u32) -> Result<(), Limited> {
        let units = self.shape.units(cost)?;
        self.shape.charged(self.full_at.read(), self.shape.time(now), units).map(|_| ())
    }

    /// The first instant from `now` on at which `cost` passes: see [`Gcra::retry_at`](crate::Gcra::retry_at).
    #[must_use]
    pub fn retry_at(&self, now: Instant, cost: u32) -> Instant {
        self.peek(now, cost).map_or_else(|limited| limited.retry_at, |()| now)
    }

    /// Whole tokens that may be charged at `now`.
    #[must_use]
    pub fn available(&self, now: Instant) -> u32 {
        let time = self.shape.time(now);
        let rest = (time + self.shape.full).saturating_sub(self.full_at.read().max(time));
        #[expect(clippy::cast_possible_truncation, reason = "at most full / token, which is the burst")]
        let tokens = (rest / self.shape.token) as u32;
        tokens
    }

    /// Gives back `cost` tokens of a charge whose work was not done; the bucket never holds more than its burst.
    ///
    /// In a hierarchy, charge the shared bucket first and refund it when [`check_all`](crate::check_all) refuses the
    /// others: meanwhile other threads are at most refused too early.
    pub fn refund(&self, cost: u32) {
        refund(&self.full_at, u64::from(cost).saturating_mul(self.shape.token));
    }
}

/// An atomic word: the machine's, or that of the model checker.
trait Word {
    fn read(&self) -> u64;
    fn replace(&self, seen: u64, next: u64) -> Result<u64, u64>;
}

impl Word for AtomicU64 {
    // Relaxed is enough: the word is all there is, and the changes of one word have one order.
    #[inline]
    fn read(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    #[inline]
    fn replace(&self, seen: u64, next: u64) -> Result<u64, u64> {
        self.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed)
    }
}

#[inline]
fn charge(word: &impl Word, shape: &Shape, now: Instant, cost: u32) -> Result<(), Limited> {
    let (units, time) = (shape.units(cost)?, shape.time(now));
    let mut full_at = word.read();
    loop {
        let next = shape.charged(full_at, time, units)?;
        match word.replace(full_at, next) {
            Ok(_) => return Ok(()),
            Err(seen) => full_at = seen,
        }
    }
}

fn refund(word: &impl Word, units: u64) {
    let mut full_at = word.read();
    while let Err(seen) = word.replace(full_at, full_at.saturating_sub(units)) {
        full_at = seen;
    }
}

/// A quota for one word.
#[derive(Clone, Copy, Debug)]
struct Shape {
    origin: u64,
    /// Nanoseconds in a step.
    step: u64,
    /// Units that come back in a step.
    refill: u64,
    /// Units of one token.
    token: u64,
    /// Units of a whole bucket.
    full: u64,
    burst: u32,
}

impl Shape {
    const fn new(quota: &Quota, origin: Instant) -> Result<Self, QuotaError> {
        // A step that divides the time of a token shrinks all numbers but the refill, and rounds no rate.
        let (mut step, mut token, mut prime) = (1, quota.token, 2);
        while quota.refill > step << (63 - HORIZON_BITS) {
            if prime > 5 {
                return Err(quota.too_fine());
            }
            if common_divisor(token, prime) == prime {
                (step, token) = (step * prime, token / prime);
            } else {
                prime += 1;
            }
        }
        let full = quota.full / step;
        // A bucket that is full within one step would fall behind its rate.
        if full >= UNITS_MAX || (step > 1 && full < quota.refill) {
            return Err(quota.too_fine());
        }
        Ok(Self { origin: origin.as_nanos(), step, refill: quota.refill, token, full, burst: quota.burst() })
    }

    #[inline]
    fn units(&self, cost: u32) -> Result<u64, Limited> {
        if cost > self.burst {
            return Err(Limited { retry_at: Instant::FAR_FUTURE });
        }
        Ok(u64::from(cost) * self.token)
    }

    /// `now` in units since the origin. The clock stands at the horizon.
    #[inline]
    fn time(&self, now: Instant) -> u64 {
        let nanos = now.as_nanos().saturating_sub(self.origin);
        let steps = if self.step == 1 { nanos } else { nanos / self.step };
        steps.saturating_mul(self.refill).min(UNITS_MAX)
    }

    /// The state after a charge. Both sums are below 2⁶⁴: a time is at most 2⁶³, and `full` is less.
    #[inline]
    fn charged(&self, full_at: u64, time: u64, units: u64) -> Result<u64, Limited> {
        let (full_at, room) = (full_at.max(time), time + (self.full - units));
        if full_at > room { Err(self.limited(full_at - room + time)) } else { Ok(full_at + units) }
    }

    /// Passes from `time` on.
    #[cold]
    fn limited(&self, time: u64) -> Limited {
        let nanos = time.div_ceil(self.refill).saturating_mul(self.step);
        Limited { retry_at: Instant::from_nanos(self.origin.saturating_add(nanos)) }
    }
}
