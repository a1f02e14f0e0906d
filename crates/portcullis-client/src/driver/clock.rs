//! The one place where time and entropy come from.

use std::{sync::LazyLock, time::SystemTime};

use portcullis_time::{Instant, UnixTime};

use crate::Now;

static ORIGIN: LazyLock<std::time::Instant> = LazyLock::new(monotonic);

#[expect(clippy::disallowed_methods, reason = "the one reading of the monotonic clock")]
fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

/// The time by both clocks.
#[expect(clippy::disallowed_methods, reason = "the one reading of the wall clock")]
pub(crate) fn now() -> Now {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let unix = UnixTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    Now { instant: Instant::ORIGIN + monotonic().saturating_duration_since(*ORIGIN), unix }
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
