//! The credential as a lease.
use core::time::Duration;

use portcullis_auth::Lease;
use portcullis_time::{Instant, UnixTime};

const NOW: Instant = Instant::from_millis(5_000);
const UNIX: UnixTime = UnixTime::from_millis(1_753_000_000_250);

#[test]
fn it_ends_exactly_when_the_token_does() {
    let lease = Lease::until(UnixTime::from_secs(1_753_000_060), NOW, UNIX);
    let deadline = NOW + Duration::from_millis(59_750);
    assert_eq!(lease.deadline(), deadline);
    assert!(!lease.expired(NOW));
    assert!(!lease.expired(deadline.saturating_sub(Duration::from_nanos(1))));
    assert!(lease.expired(deadline));
    assert!(lease.expired(Instant::FAR_FUTURE));
}

#[test]
fn a_token_that_is_over_gives_a_lease_that_is_over() {
    let lease = Lease::until(UnixTime::from_secs(1_752_999_990), NOW, UNIX);
    assert_eq!(lease.deadline(), NOW);
    assert!(lease.expired(NOW));
}

#[test]
fn a_time_far_away_does_not_wrap() {
    let lease = Lease::until(UnixTime::from_secs(u64::MAX), NOW, UNIX);
    assert!(lease.deadline() > NOW + Duration::from_secs(3600 * 24 * 365 * 100));
    assert!(!lease.expired(NOW));
}

#[test]
fn a_wall_clock_set_back_prolongs_nothing() {
    let lease = Lease::until(UnixTime::from_secs(1_753_000_060), NOW, UNIX);
    // Whatever the wall clock says later, it is not asked again.
    assert!(lease.expired(NOW + Duration::from_secs(60)));
}
