//! The one reading of the clock: blocking sockets have nobody else to ask.

use core::time::Duration;

use portcullis_time::Instant;

/// Counts from its making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(std::time::Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the origin of this connection's clock")]
    pub(super) fn new() -> Self {
        Self(std::time::Instant::now())
    }

    pub(super) fn now(self) -> Instant {
        Instant::ORIGIN + self.0.elapsed()
    }

    pub(super) fn until(self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(self.now())
    }
}
