//! The credential as a lease.
use core::time::Duration;

use portcullis_auth::{Lease, LeaseConfig, LeaseState};
use portcullis_time::{Instant, UnixTime};
use proptest::prelude::*;

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

#[test]
fn the_states_follow_each_other() {
    let secs = Duration::from_secs;
    let config = LeaseConfig::default().with_due_before(secs(20)).with_grace(secs(5));
    let lease = Lease::until(UnixTime::from_secs(UNIX.as_secs() + 60), NOW, UNIX).with_config(config);
    let end = lease.deadline().saturating_sub(secs(5));
    let mut now = NOW;
    for (state, at) in [
        (LeaseState::Verified, Some(end.saturating_sub(secs(20)))),
        (LeaseState::Due, Some(end)),
        (LeaseState::Grace, Some(end + secs(5))),
        (LeaseState::Expired, None),
    ] {
        assert_eq!((lease.state(now), lease.poll_timeout(now)), (state, at));
        assert_eq!(state.is_good(), now < end);
        now = at.unwrap_or(now);
    }
}

/// CONTRACT: the connection ends at `exp`, unless the operator grants more.
#[test]
fn there_is_no_grace_unless_it_is_granted() {
    let lease = Lease::until(UnixTime::from_secs(UNIX.as_secs() + 60), NOW, UNIX);
    assert_eq!(lease.state(lease.deadline().saturating_sub(Duration::from_nanos(1))), LeaseState::Due);
    assert_eq!(lease.state(lease.deadline()), LeaseState::Expired);
}

proptest! {
    /// Time alone never makes a lease better, and each announced moment changes its state.
    #[test]
    fn states_only_get_worse(
        life in 0_u64..200, due in 0_u64..100, grace in 0_u64..50,
        steps in prop::collection::vec(0_u64..40, 1..20),
    ) {
        let config = LeaseConfig::default()
            .with_due_before(Duration::from_secs(due))
            .with_grace(Duration::from_secs(grace));
        let lease = Lease::until(UnixTime::from_secs(UNIX.as_secs() + life), NOW, UNIX).with_config(config);
        let (mut now, mut before) = (NOW, LeaseState::Verified);
        for step in steps {
            let state = lease.state(now);
            prop_assert!(state >= before);
            if let Some(at) = lease.poll_timeout(now) {
                prop_assert!(at > now && lease.state(at) > state);
                prop_assert_eq!(lease.state(at.saturating_sub(Duration::from_nanos(1))), state);
            }
            prop_assert_eq!(lease.expired(now), state == LeaseState::Expired);
            before = state;
            now = now + Duration::from_secs(step);
        }
    }
}
