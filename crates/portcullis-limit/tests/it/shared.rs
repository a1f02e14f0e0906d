use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use portcullis_limit::{Gcra, Limited, Quota, QuotaError, SharedBucket};
use portcullis_time::Instant;
use proptest::prelude::*;

#[test]
fn a_quota_that_does_not_fit_in_one_word_is_refused() {
    let shared =
        |burst, refill| SharedBucket::new(&Quota::per_second(refill, burst).unwrap(), Instant::ORIGIN);
    assert_eq!(shared(60, 120).unwrap().step_nanos(), 1);
    assert_eq!(shared(524_288, 262_144).unwrap().step_nanos(), 125);
    // Ten tokens come back before the clock has moved one step.
    assert_eq!(shared(10, 999_999_937).unwrap_err(), QuotaError::TooFine { burst: 10, refill: 999_999_937 });
    assert!(shared(u32::MAX, 999_999_937).is_ok());
}

#[test]
fn threads_share_one_burst_exactly() {
    let bucket = SharedBucket::new(&Quota::per_second(1_000, 10_000).unwrap(), Instant::ORIGIN).unwrap();
    let passed = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for cost in [1, 1, 2, 3] {
            let (bucket, passed) = (&bucket, &passed);
            scope.spawn(move || {
                for _ in 0..10_000 {
                    if bucket.check(Instant::from_millis(1), cost).is_ok() {
                        passed.fetch_add(cost, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 10_000);
    assert_eq!(bucket.available(Instant::from_millis(1)), 0);
}

#[test]
fn an_earlier_instant_is_given_no_more_and_waits_for_itself() {
    let bucket = SharedBucket::new(&Quota::per_second(1, 2).unwrap(), Instant::ORIGIN).unwrap();
    let second = Duration::from_secs(1);
    let late = Instant::ORIGIN + second * 100;
    assert!(bucket.check(late, 1).is_ok());
    // The charge at 100 s is full again at 101 s: at 99 s there is no room for another.
    let early = Instant::ORIGIN + second * 98;
    assert_eq!(bucket.check(early, 1), Err(Limited { retry_at: early + second * 2 }));
    assert!(bucket.check(late, 1).is_ok());
    assert!(bucket.check(late, 1).is_err());
}

#[test]
fn the_clock_stands_at_the_horizon() {
    let bucket = SharedBucket::new(&Quota::per_second(262_144, 2).unwrap(), Instant::ORIGIN).unwrap();
    assert!(bucket.check(Instant::FAR_FUTURE, 2).is_ok());
    assert!(bucket.check(Instant::FAR_FUTURE, 1).is_err());
    assert_eq!(bucket.available(Instant::FAR_FUTURE), 0);
    bucket.refund(u32::MAX);
    assert_eq!(bucket.available(Instant::FAR_FUTURE), 2);
}

proptest! {
    #[test]
    fn on_a_clock_that_runs_forward_it_is_gcra(
        (burst, refill) in (1_u32..10_000, prop_oneof![1_u32..2_000_000, any::<u32>()]),
        origin in 0_u64..1 << 62,
        steps in prop::collection::vec((0_u64..3_000_000_000, 0_u32..20, any::<bool>()), 1..300),
    ) {
        let Ok(quota) = Quota::per_second(refill, burst) else { return Ok(()) };
        let origin = Instant::from_nanos(origin);
        let Ok(shared) = SharedBucket::new(&quota, origin) else { return Ok(()) };
        let (mut gcra, mut nanos, step) = (Gcra::new(), 0, shared.step_nanos());
        for (forward, cost, refund) in steps {
            nanos += forward;
            // What is left of a step does not count.
            let (now, whole) = (nanos, nanos / step * step);
            let at = |nanos| origin.saturating_add(Duration::from_nanos(nanos));
            let (peeked, retry_at) = (shared.peek(at(now), cost), shared.retry_at(at(now), cost));
            let verdict = shared.check(at(now), cost);
            let model = gcra.check(&quota, at(whole), cost);
            prop_assert_eq!(peeked, verdict);
            prop_assert_eq!(verdict.is_ok(), model.is_ok());
            if let (Err(ours), Err(model)) = (verdict, model) {
                prop_assert_eq!(ours.retry_at, retry_at);
                let since = |limited: Limited| limited.retry_at.saturating_duration_since(origin).as_nanos();
                if !model.is_hopeless() {
                    prop_assert_eq!(since(ours), since(model).div_ceil(u128::from(step)) * u128::from(step));
                }
            }
            if verdict.is_ok() && refund {
                shared.refund(cost);
                gcra.refund(&quota, cost);
            }
            prop_assert_eq!(shared.available(at(now)), gcra.available(&quota, at(whole)));
        }
    }
}
