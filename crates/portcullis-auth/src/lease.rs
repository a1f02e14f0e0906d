//! A credential in use: good until its time is over, and renewed in place.

use portcullis_time::{Instant, UnixTime};

#[cfg(feature = "alloc")]
use crate::{error::AuthError, verified::Verified};

/// How long a verified credential keeps a connection alive. The wall clock is read once, when the lease is made; from
/// then on only the monotonic one counts, so that a clock set back prolongs nothing.
///
/// The verifier's leeway lets a token in that has just expired by a clock that is a little off; a lease grants none: a
/// connection ends when its token does, and a token that is over already gives a lease that is over too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    deadline: Instant,
}

impl Lease {
    /// Until `expires_at`, seen from the pair of clocks `now` and `unix`.
    #[must_use]
    pub const fn until(expires_at: UnixTime, now: Instant, unix: UnixTime) -> Self {
        Self { deadline: now.saturating_add(expires_at.saturating_duration_since(unix)) }
    }

    /// The lease of a verified credential.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub const fn new(verified: &Verified, now: Instant, unix: UnixTime) -> Self {
        Self::until(verified.expires_at(), now, unix)
    }

    /// Goes on with another credential of the same user.
    ///
    /// # Errors
    /// It is another user's; the lease stays as it was.
    #[cfg(feature = "alloc")]
    pub fn renew(
        &mut self,
        now: Instant,
        unix: UnixTime,
        subject: &str,
        renewed: &Verified,
    ) -> Result<(), AuthError> {
        if renewed.subject() != subject {
            return Err(AuthError::SubjectChanged);
        }
        *self = Self::new(renewed, now, unix);
        Ok(())
    }

    /// When it is over.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it is over at `now`.
    #[must_use]
    pub fn expired(&self, now: Instant) -> bool {
        now >= self.deadline
    }
}
