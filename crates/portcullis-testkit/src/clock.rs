use core::time::Duration;

use portcullis_time::{Instant, UnixTime};

/// A clock that moves only when a test says so.
///
/// ```
/// use core::time::Duration;
/// use portcullis_testkit::VirtualClock;
///
/// let mut clock = VirtualClock::new();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now(), start + Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Instant,
    /// The wall clock at the origin.
    epoch: UnixTime,
}

impl VirtualClock {
    /// A clock at second 1,000 of its own time, which is 2025-07-20T09:20:00Z.
    #[must_use]
    pub const fn new() -> Self {
        Self { now: Instant::from_millis(1_000_000), epoch: UnixTime::from_secs(1_753_002_200) }
    }

    /// The monotonic time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The wall-clock time.
    #[must_use]
    pub const fn unix(&self) -> UnixTime {
        self.epoch.saturating_add(Duration::from_nanos(self.now.as_nanos()))
    }

    /// Lets `duration` pass.
    pub const fn advance(&mut self, duration: Duration) {
        self.now = self.now.saturating_add(duration);
    }

    /// Moves on to `deadline`, never back.
    pub fn advance_to(&mut self, deadline: Instant) {
        self.now = self.now.max(deadline);
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}
