use core::fmt;

use portcullis_time::Instant;

/// The peer asked for more than its quota allows.
///
/// Nothing was charged. The same cost passes at [`retry_at`](Self::retry_at) if nothing else is charged until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a verdict that callers also form themselves, for limits of their own"
)]
pub struct Limited {
    /// The first instant at which the same cost passes; [`Instant::FAR_FUTURE`] when it never can, because the cost
    /// is greater than the burst.
    pub retry_at: Instant,
}

impl Limited {
    /// The close code of a connection that is ended for this: 4429.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        4429
    }

    /// The stable word for it in logs and error messages.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "rate_limited"
    }

    /// Whether waiting can never help.
    #[must_use]
    pub const fn is_hopeless(self) -> bool {
        self.retry_at.as_nanos() == u64::MAX
    }
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_hopeless() {
            return f.write_str("rate limited: the cost is greater than the burst");
        }
        write!(f, "rate limited until {} ns on the monotonic clock", self.retry_at.as_nanos())
    }
}

impl core::error::Error for Limited {}
