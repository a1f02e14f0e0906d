//! The one place where time and entropy come from.

use std::{sync::LazyLock, time::SystemTime};

use portcullis_time::{Instant, UnixTime};

/// The origin of this program's monotonic clock: an hour before its start, so that looking back a little is possible.
static ORIGIN: LazyLock<std::time::Instant> = LazyLock::new(monotonic);
const BEFORE_START_NANOS: u64 = 3_600_000_000_000;

#[expect(clippy::disallowed_methods, reason = "the one reading of the monotonic clock")]
fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

/// The monotonic time.
#[must_use]
pub fn now() -> Instant {
    let elapsed = monotonic().saturating_duration_since(*ORIGIN).as_nanos();
    Instant::from_nanos(BEFORE_START_NANOS + u64::try_from(elapsed).unwrap_or(u64::MAX / 2))
}

/// The wall-clock time; 1970 if the clock stands before it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one reading of the wall clock")]
pub fn unix_time() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// 32 unpredictable bytes.
///
/// # Panics
/// The operating system has no entropy: nothing that this program does would be safe without it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one source of entropy")]
#[expect(clippy::expect_used, reason = "there is no safe way on without entropy")]
pub fn entropy() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system's random source");
    bytes
}
