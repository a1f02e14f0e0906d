//! What the end of a connection means for the next one.

use core::time::Duration;

use portcullis_proto::handshake::HandshakeError;

/// What to do after the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Connect again, after a while.
    Retry,
    /// The same with another token.
    Token,
    /// It would end the same way again.
    Stop,
}

/// A server that says to come back later than this is not believed.
const SLOT_MAX: Duration = Duration::from_secs(600);

/// By close code and close reason: CONTRACT §3.
///
/// ```
/// use portcullis_client::{Policy, close_policy};
///
/// assert_eq!(close_policy(1012, "{\"retry_after_ms\":800}"), Policy::Retry);
/// assert_eq!(close_policy(4401, "expired"), Policy::Token);
/// assert_eq!(close_policy(4401, "revoked"), Policy::Stop);
/// ```
#[must_use]
pub fn close_policy(code: u16, reason: &str) -> Policy {
    match code {
        1001 | 1006 | 1011 | 1012 | 1013 | 4408 | 4430 => Policy::Retry,
        4401 if reason == "expired" => Policy::Token,
        _ => Policy::Stop,
    }
}

/// A restarting server's word about when to come back.
pub(crate) fn slot(code: u16, reason: &str) -> Option<Duration> {
    #[derive(serde::Deserialize)]
    struct Reason {
        retry_after_ms: u64,
    }
    if code != 1012 {
        return None;
    }
    let reason: Reason = serde_json::from_str(reason).ok()?;
    Some(Duration::from_millis(reason.retry_after_ms).min(SLOT_MAX))
}

/// What a refused or broken opening handshake comes to: a close code and a reason that say the same, and what to do.
#[expect(clippy::wildcard_enum_match_arm, reason = "all that is left is broken")]
pub(crate) const fn handshake(error: HandshakeError) -> (u16, &'static str, Policy) {
    match error {
        // Why the token was not taken stands in a body that nobody waits for. With another one it may be.
        HandshakeError::Refused { status: 401 } => (4401, "unauthorized", Policy::Token),
        HandshakeError::Refused { status: 408 | 425 | 429 | 500 | 502 | 503 | 504 }
        | HandshakeError::Timeout => (1006, "refused", Policy::Retry),
        HandshakeError::Refused { status: 403 } => (4403, "refused", Policy::Stop),
        HandshakeError::Refused { .. } => (1008, "refused", Policy::Stop),
        _ => (1002, "no_websocket", Policy::Stop),
    }
}
