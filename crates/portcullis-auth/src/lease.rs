//! A credential in use: good until its time is over, and renewed in place.

use core::time::Duration;

use portcullis_time::{Instant, UnixTime};

#[cfg(feature = "alloc")]
use crate::{
    error::AuthError,
    verified::{Scopes, Verified},
};

/// How a lease ends. [`LeaseConfig::default`] asks for a renewal a minute before the end, and grants nothing after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseConfig {
    /// How long before its end a credential is due for renewal. More than the credential's whole life counts as that.
    pub due_before: Duration,
    /// How long after its end a renewal is still taken. Nothing else is, and nothing is delivered.
    pub grace: Duration,
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self { due_before: Duration::from_secs(60), grace: Duration::ZERO }
    }
}

impl LeaseConfig {
    /// The same with another time before the end at which a renewal is due.
    #[must_use]
    pub const fn with_due_before(self, due_before: Duration) -> Self {
        Self { due_before, ..self }
    }

    /// The same with another grace.
    #[must_use]
    pub const fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }
}

/// How far a lease has come. The states follow each other in this order and never go back, unless it is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LeaseState {
    /// The credential is good.
    Verified,
    /// It is good, and should be renewed now.
    Due,
    /// It is over. Nothing is accepted but a renewal, and nothing is delivered.
    Grace,
    /// It is over for good: close the connection.
    Expired,
}

impl LeaseState {
    /// Whether messages may be accepted and delivered.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Verified | Self::Due)
    }
}

/// How the scopes of a renewed credential compare with those of the one before. None of it happens without a word: what
/// is gone must be taken back, and what is new must be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Renewal {
    /// They are the same.
    Same,
    /// Some are gone.
    Narrowed,
    /// Some are new: a step up.
    Widened,
    /// Some are gone and others new.
    Changed,
}

#[cfg(feature = "alloc")]
impl Renewal {
    /// Compares two sets of scopes. O(n log n).
    #[must_use]
    pub fn between(before: &Scopes, after: &Scopes) -> Self {
        let is_gone = before.iter().any(|scope| !after.contains(scope));
        let is_new = after.iter().any(|scope| !before.contains(scope));
        match (is_gone, is_new) {
            (false, false) => Self::Same,
            (true, false) => Self::Narrowed,
            (false, true) => Self::Widened,
            (true, true) => Self::Changed,
        }
    }
}

/// How long a verified credential keeps a connection alive. The wall clock is read once, when the lease is made; from
/// then on only the monotonic one counts, so that a clock set back prolongs nothing.
///
/// The verifier's leeway lets a token in that has just expired by a clock that is a little off; a lease grants none: a
/// connection ends when its token does, and a token that is over already gives a lease that is over too.
///
/// ```
/// use core::time::Duration;
/// use portcullis_auth::{Lease, LeaseConfig, LeaseState};
/// use portcullis_time::{Instant, UnixTime};
///
/// let (now, unix) = (Instant::from_millis(5_000), UnixTime::from_secs(1_753_000_000));
/// let config = LeaseConfig::default().with_grace(Duration::from_secs(5));
/// let lease = Lease::until(UnixTime::from_secs(1_753_000_900), now, unix).with_config(config);
/// let state = |seconds| lease.state(now + Duration::from_secs(seconds));
/// assert_eq!(state(0), LeaseState::Verified);
/// assert_eq!(state(840), LeaseState::Due);
/// assert_eq!(state(900), LeaseState::Grace);
/// assert_eq!(state(905), LeaseState::Expired);
/// assert_eq!(lease.poll_timeout(now), Some(now + Duration::from_secs(840)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    expires_at: Instant,
    config: LeaseConfig,
}

impl Lease {
    /// Until `expires_at`, seen from the pair of clocks `now` and `unix`.
    #[must_use]
    pub const fn until(expires_at: UnixTime, now: Instant, unix: UnixTime) -> Self {
        let expires_at = now.saturating_add(expires_at.saturating_duration_since(unix));
        let config = LeaseConfig { due_before: Duration::from_secs(60), grace: Duration::ZERO };
        Self { expires_at, config }
    }

    /// The lease of a verified credential.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub const fn new(verified: &Verified, now: Instant, unix: UnixTime) -> Self {
        Self::until(verified.expires_at(), now, unix)
    }

    /// The same with another way to end.
    #[must_use]
    pub const fn with_config(self, config: LeaseConfig) -> Self {
        Self { config, ..self }
    }

    /// Goes on with `renewed` in place of `current`, the credential of this lease. The newest counts, also when it ends
    /// sooner; the caller acts on what has become of the scopes.
    ///
    /// # Errors
    /// It is another user's, or the lease is over for good; the lease stays as it was.
    #[cfg(feature = "alloc")]
    pub fn renew(
        &mut self,
        now: Instant,
        unix: UnixTime,
        current: &Verified,
        renewed: &Verified,
    ) -> Result<Renewal, AuthError> {
        if renewed.subject() != current.subject() {
            return Err(AuthError::SubjectChanged);
        }
        if self.state(now) == LeaseState::Expired {
            return Err(AuthError::Expired);
        }
        *self = Self::new(renewed, now, unix).with_config(self.config);
        Ok(Renewal::between(current.scopes(), renewed.scopes()))
    }

    /// How far it has come at `now`.
    #[must_use]
    pub fn state(&self, now: Instant) -> LeaseState {
        if now >= self.deadline() {
            LeaseState::Expired
        } else if now >= self.expires_at {
            LeaseState::Grace
        } else if now.saturating_add(self.config.due_before) >= self.expires_at {
            LeaseState::Due
        } else {
            LeaseState::Verified
        }
    }

    /// When the state changes next; `None` once it is over for good.
    #[must_use]
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        match self.state(now) {
            LeaseState::Verified => {
                let left = self.expires_at.saturating_duration_since(now);
                Some(now + left.saturating_sub(self.config.due_before))
            }
            LeaseState::Due => Some(self.expires_at),
            LeaseState::Grace => Some(self.deadline()),
            LeaseState::Expired => None,
        }
    }

    /// When it is over for good: at the credential's end, and the grace behind it.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.expires_at.saturating_add(self.config.grace)
    }

    /// Whether it is over for good at `now`.
    #[must_use]
    pub fn expired(&self, now: Instant) -> bool {
        now >= self.deadline()
    }
}
