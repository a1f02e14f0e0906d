//! What is wrong with a credential.

use core::fmt;

/// A credential that is not accepted. The peer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthError {
    /// None came.
    Missing,
    /// It is not a token, or not in the form that its door asks for.
    Malformed,
    /// It is longer than [`crate::credential::TOKEN_LEN_MAX`].
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        len_max: usize,
    },
    /// Its time is over (RFC 7519 §4.1.4).
    Expired,
    /// Its time has not come (RFC 7519 §4.1.5, §4.1.6).
    NotYetValid,
    /// Its algorithm is none that a key here is pinned to.
    Algorithm,
    /// No key here has its key id.
    UnknownKey,
    /// The signature does not fit.
    Signature,
    /// The issuer is missing or unknown (RFC 7519 §4.1.1).
    Issuer,
    /// The audience is missing or another one (RFC 7519 §4.1.3).
    Audience,
    /// A claim is missing or of the wrong JSON type.
    Claim,
    /// It names another user than the connection's.
    SubjectChanged,
    /// It was withdrawn.
    Revoked,
    /// A ticket that is not known, used up, too old, or another page's.
    Ticket,
    /// None came in time.
    Timeout,
}

impl AuthError {
    /// The stable code, for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::TooLong { .. } => "too_long",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Claim => "claim",
            Self::SubjectChanged => "subject_changed",
            Self::Revoked => "revoked",
            Self::Ticket => "ticket",
            Self::Timeout => "auth_timeout",
        }
    }

    /// What the peer is told. Fewer words than [`AuthError::code`]: which check a forged token failed is nobody's
    /// business but the operator's.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Missing => "missing",
            Self::Timeout => "auth_timeout",
            Self::SubjectChanged => "subject_changed",
            Self::Malformed
            | Self::TooLong { .. }
            | Self::NotYetValid
            | Self::Algorithm
            | Self::UnknownKey
            | Self::Signature
            | Self::Issuer
            | Self::Audience
            | Self::Claim
            | Self::Ticket => "invalid",
        }
    }

    /// The code that a connection is closed with: 4408 when none came in time, 4401 otherwise.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        if matches!(self, Self::Timeout) { 4408 } else { 4401 }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for AuthError {}
