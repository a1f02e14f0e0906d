#![no_std]
#![doc = include_str!("../README.md")]

use core::time::Duration;

/// A point on a monotonic clock: whole nanoseconds since an origin that only its maker knows.
///
/// It is a value, never a reading: sans-IO code receives it as an argument. All arithmetic saturates, so that no
/// instant that a caller can make panics or wraps. The range is 584 years.
///
/// ```
/// use core::time::Duration;
/// use portcullis_time::Instant;
///
/// let start = Instant::from_nanos(5);
/// let deadline = start + Duration::from_secs(1);
/// assert_eq!(deadline.saturating_duration_since(start), Duration::from_secs(1));
/// assert_eq!(start.saturating_duration_since(deadline), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Instant(u64);

impl Instant {
    /// The origin itself.
    pub const ORIGIN: Self = Self(0);
    /// The end of time, used where the answer is "never".
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The instant `millis` milliseconds after the origin (saturating).
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero when `earlier` is later.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// `self` moved forward by `duration`, at most to [`Instant::FAR_FUTURE`].
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(saturating_nanos(duration)))
    }

    /// `self` moved back by `duration`, at most to [`Instant::ORIGIN`].
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(saturating_nanos(duration)))
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Self;

    /// Saturating, as [`Instant::saturating_add`].
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

/// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted (RFC 7519 "NumericDate").
///
/// ```
/// use portcullis_time::UnixTime;
///
/// let expiry = UnixTime::from_secs(1_753_003_600);
/// assert_eq!(expiry.as_millis(), 1_753_003_600_000);
/// assert_eq!(expiry.as_secs(), 1_753_003_600);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixTime(u64);

impl UnixTime {
    /// From whole seconds (saturating).
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// From milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Whole seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }

    /// Milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero when `earlier` is later.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// `self` moved forward by `duration` (whole milliseconds, saturating).
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(saturating_nanos(duration) / 1_000_000))
    }

    /// `self` moved back by `duration` (whole milliseconds), at most to 1970.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(saturating_nanos(duration) / 1_000_000))
    }
}

/// The whole nanoseconds of `duration`, at most `u64::MAX`.
const fn saturating_nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 {
        return u64::MAX;
    }
    #[expect(clippy::cast_possible_truncation, reason = "compared just above")]
    let nanos = nanos as u64;
    nanos
}
