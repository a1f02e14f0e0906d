//! The second classic mistake: a token bucket that starves a steady caller, that a clock can rob, without cost or burst.
use core::time::Duration;

use portcullis_limit::{Bucket, Quota};
use portcullis_time::Instant;

fn bucket(refill: u32, burst: u32) -> Bucket {
    Bucket::new(Quota::per_second(refill, burst).unwrap())
}

#[test]
fn mistake_2_a_steady_caller_is_not_starved_by_rounding() {
    // A caller that knocks every nanosecond-odd 333 ms at 3 tokens a second never gains a whole token between knocks.
    let mut bucket = bucket(3, 1);
    let mut passed = 0;
    let mut now = Instant::ORIGIN;
    while now <= Instant::from_millis(100_000) {
        passed += u32::from(bucket.check(now, 1).is_ok());
        now = now + Duration::from_millis(1);
    }
    // One at once, then the first whole millisecond after each 333⅓ ms since the charge before: 334 ms apart.
    assert_eq!(passed, 1 + 100_000 / 334);
}

#[test]
fn mistake_2_knocking_often_does_not_cost_the_refill() {
    let mut often = bucket(3, 10);
    let mut once = bucket(3, 10);
    assert!(often.check(Instant::ORIGIN, 10).is_ok());
    assert!(once.check(Instant::ORIGIN, 10).is_ok());
    for nanos in (0..1_000_000_000).step_by(997) {
        assert!(often.check(Instant::from_nanos(nanos), 5).is_err());
    }
    let end = Instant::from_nanos(1_000_000_000);
    assert_eq!(often.available(end), 3);
    assert_eq!(often.available(end), once.available(end));
}

#[test]
fn mistake_2_a_clock_set_back_takes_nothing_and_gives_nothing() {
    let mut bucket = bucket(1, 5);
    let late = Instant::from_millis(60_000);
    assert!(bucket.check(late, 2).is_ok());
    for _ in 0..100 {
        assert_eq!(bucket.available(Instant::ORIGIN), 3);
        assert!(bucket.check(Instant::ORIGIN, 0).is_ok());
        assert_eq!(bucket.available(late), 3);
        assert!(bucket.check(late, 0).is_ok());
    }
    assert_eq!(bucket.available(late + Duration::from_secs(1)), 4);
}

#[test]
fn mistake_2_a_standing_clock_gives_the_burst_and_no_more() {
    let mut bucket = bucket(u32::MAX, 4);
    let passed = (0..1_000).filter(|_| bucket.check(Instant::ORIGIN, 1).is_ok()).count();
    assert_eq!(passed, 4);
}

#[test]
fn mistake_2_a_cost_above_the_burst_never_passes_and_charges_nothing() {
    let mut bucket = bucket(1, 5);
    let limited = bucket.check(Instant::ORIGIN, 6).unwrap_err();
    assert_eq!(limited.retry_at, Instant::FAR_FUTURE);
    assert!(limited.is_hopeless());
    assert!(bucket.check(Instant::ORIGIN, 5).is_ok());
}

#[test]
fn mistake_2_the_end_of_time_is_only_another_instant() {
    let mut bucket = bucket(1, 5);
    assert!(bucket.check(Instant::FAR_FUTURE, 5).is_ok());
    assert_eq!(bucket.check(Instant::FAR_FUTURE, 1).unwrap_err().retry_at, Instant::FAR_FUTURE);
    assert!(bucket.check(Instant::ORIGIN, 1).is_err());
}
