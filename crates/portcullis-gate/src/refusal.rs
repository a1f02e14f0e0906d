//! The verdict on a message that was not let through.

use core::{fmt, time::Duration};

use portcullis_validate::Invalid;

use crate::policy::Policy;

/// Why a message was refused. One stable code each: the same in the `error` message, the log line and the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A bucket is empty; see [`Refusal::retry_after`].
    RateLimited,
    /// The text does not meet its schema; see [`Refusal::violation`].
    InvalidMessage,
    /// `timestamp` is too far from the server's time.
    Stale,
    /// The credential does not carry the scope that the action needs.
    Forbidden,
    /// The session model refused; its reason.
    Session(portcullis_session::Refusal),
}

impl Reason {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::InvalidMessage => "invalid_message",
            Self::Stale => "stale",
            Self::Forbidden => "forbidden",
            Self::Session(reason) => reason.code(),
        }
    }

    /// The code that a connection is closed with when this refusal spends the last of its error budget.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::RateLimited => 4429,
            Self::Forbidden => 4403,
            Self::InvalidMessage | Self::Stale => 4400,
            Self::Session(reason) => reason.close_code(),
        }
    }
}

/// One refused message. The connection lives on unless [`Refusal::closes`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) id: Option<u64>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) violation: Option<Invalid>,
    /// The action whose scope is missing.
    pub(crate) rule: Option<usize>,
    pub(crate) closes: bool,
}

impl Refusal {
    pub(crate) const fn new(reason: Reason) -> Self {
        Self { reason, id: None, retry_after: None, violation: None, rule: None, closes: false }
    }

    pub(crate) const fn with_id(self, id: Option<u64>) -> Self {
        Self { id, ..self }
    }

    pub(crate) const fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The stable code of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// The client's own number of the message, when it was readable.
    #[must_use]
    pub const fn id(&self) -> Option<u64> {
        self.id
    }

    /// How long to wait before the same message can pass.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The first place where the message leaves its schema.
    #[must_use]
    pub const fn violation(&self) -> Option<&Invalid> {
        self.violation.as_ref()
    }

    /// The scope that the credential would have to carry: a client that can get it comes back with a new credential.
    #[must_use]
    pub fn missing_scope<'p>(&self, policy: &'p Policy) -> Option<&'p str> {
        policy.actions().get(self.rule?)?.scope.as_deref()
    }

    /// Whether this refusal spent the last of the connection's error budget, so that the gate is closing it.
    #[must_use]
    pub const fn closes(&self) -> bool {
        self.closes
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
