//! The one place where time and entropy come from.

use core::time::Duration;

use portcullis_time::Instant;

/// tokio's clock, counted from its making, so that a paused clock pauses everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(tokio::time::Instant);

/// What stands for "never" where a deadline cannot be told.
const LONG: Duration = Duration::from_secs(86_400 * 365);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn now(self) -> Instant {
        Instant::ORIGIN + self.0.elapsed()
    }

    pub(crate) fn at(self, deadline: Instant) -> tokio::time::Instant {
        let since = deadline.saturating_duration_since(Instant::ORIGIN);
        self.0.checked_add(since).unwrap_or_else(|| self.0 + LONG)
    }
}

/// 32 unpredictable bytes.
///
/// # Panics
/// The operating system has no entropy: no masking key would be safe without it.
#[expect(clippy::disallowed_methods, reason = "the one source of entropy")]
#[expect(clippy::expect_used, reason = "there is no safe way on without entropy")]
pub(crate) fn entropy() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system's random source");
    bytes
}
