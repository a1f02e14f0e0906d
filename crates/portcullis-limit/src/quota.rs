use core::fmt;
use core::time::Duration;

/// How much may be charged: a burst, and the rate at which it comes back.
///
/// The rate is the fraction `refill / per`, kept in lowest terms and never rounded.
///
/// ```
/// use core::time::Duration;
/// use portcullis_limit::Quota;
///
/// // Wrong numbers do not compile.
/// const MESSAGES: Quota = Quota::per_second_const::<60, 120>();
/// assert_eq!(MESSAGES.burst(), 120);
/// assert_eq!(MESSAGES.fill_time(), Duration::from_secs(2));
/// // Numbers from a file are answered with a typed error.
/// assert!(Quota::new(0, 1, Duration::from_secs(1)).is_err());
/// ```
///
/// ```compile_fail
/// // A burst of 0 lets nothing pass.
/// let quota = portcullis_limit::Quota::per_second_const::<60, 0>();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Units of one token: nanoseconds of `per`, reduced.
    pub(crate) token: u64,
    /// Units that come back in one nanosecond: `refill`, reduced.
    pub(crate) refill: u64,
    /// Units of a whole bucket: `burst * token`.
    pub(crate) full: u64,
    burst: u32,
}

impl Quota {
    /// `burst` tokens at once, and `refill` tokens more in each `per`.
    ///
    /// # Errors
    /// [`QuotaError`] for a zero, and for a `per` so long and so odd that the exact fraction does not fit in 64 bits.
    pub const fn new(burst: u32, refill: u32, per: Duration) -> Result<Self, QuotaError> {
        if burst == 0 {
            return Err(QuotaError::BurstZero);
        }
        if refill == 0 {
            return Err(QuotaError::RefillZero);
        }
        let nanos = per.as_nanos();
        if nanos == 0 {
            return Err(QuotaError::PeriodZero);
        }
        if nanos > u64::MAX as u128 {
            return Err(QuotaError::TooFine { burst, refill });
        }
        #[expect(clippy::cast_possible_truncation, reason = "compared just above")]
        let nanos = nanos as u64;
        let divisor = common_divisor(nanos, refill as u64);
        let (token, refill_units) = (nanos / divisor, refill as u64 / divisor);
        match token.checked_mul(burst as u64) {
            Some(full) => Ok(Self { token, refill: refill_units, full, burst }),
            None => Err(QuotaError::TooFine { burst, refill }),
        }
    }

    /// `refill` tokens a second, at most `burst` at once.
    ///
    /// # Errors
    /// [`QuotaError`] for a zero. No other pair of numbers is refused.
    pub const fn per_second(refill: u32, burst: u32) -> Result<Self, QuotaError> {
        Self::new(burst, refill, Duration::from_secs(1))
    }

    /// `BURST` tokens at once, and `REFILL` tokens more in each `SECONDS` seconds. Numbers that [`Quota::new`] would
    /// refuse do not compile.
    #[must_use]
    pub const fn new_const<const BURST: u32, const REFILL: u32, const SECONDS: u64>() -> Self {
        const { or_stop(Self::new(BURST, REFILL, Duration::from_secs(SECONDS))) }
    }

    /// `REFILL` tokens a second, at most `BURST` at once. A zero does not compile.
    #[must_use]
    pub const fn per_second_const<const REFILL: u32, const BURST: u32>() -> Self {
        const { or_stop(Self::per_second(REFILL, BURST)) }
    }

    /// The greatest cost that can pass at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    pub(crate) const fn too_fine(&self) -> QuotaError {
        #[expect(clippy::cast_possible_truncation, reason = "made from a 32-bit number")]
        let refill = self.refill as u32;
        QuotaError::TooFine { burst: self.burst, refill }
    }

    /// How long an empty bucket takes to be full, rounded up to a nanosecond.
    #[must_use]
    pub const fn fill_time(&self) -> Duration {
        Duration::from_nanos(self.full.div_ceil(self.refill))
    }
}

/// Evaluated by the compiler alone, where a panic is a compile error.
const fn or_stop(quota: Result<Quota, QuotaError>) -> Quota {
    match quota {
        Ok(quota) => quota,
        Err(QuotaError::BurstZero) => panic!("the burst is 0 tokens"),
        Err(QuotaError::RefillZero) => panic!("the refill is 0 tokens"),
        Err(QuotaError::PeriodZero) => panic!("the refill period is 0"),
        Err(QuotaError::TooFine { .. }) => panic!("the period is too long for an exact rate"),
    }
}

/// Euclid's algorithm; both numbers are greater than zero.
pub(crate) const fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Why numbers do not make a [`Quota`]. The caller is to blame, never a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotaError {
    /// A burst of zero tokens lets nothing pass, ever.
    BurstZero,
    /// With a refill of zero tokens the bucket never recovers.
    RefillZero,
    /// The period is zero.
    PeriodZero,
    /// The quota in lowest terms does not fit in the integers of the bucket; a rounded rate would drift.
    TooFine {
        /// The burst in tokens.
        burst: u32,
        /// The refill in tokens per period.
        refill: u32,
    },
}

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BurstZero => f.write_str("the burst is 0 tokens"),
            Self::RefillZero => f.write_str("the refill is 0 tokens"),
            Self::PeriodZero => f.write_str("the refill period is 0 ns"),
            Self::TooFine { burst, refill } => {
                write!(f, "the period is too long for an exact rate with burst {burst} and refill {refill}")
            }
        }
    }
}

impl core::error::Error for QuotaError {}
