use core::time::Duration;

use portcullis_limit::{Gcra, Quota, QuotaError, Stored, StoredQuota, Verdict};
use portcullis_time::Instant;
use proptest::prelude::*;

/// The script, line by line, in the only numbers that it has.
fn in_floats(quota: &StoredQuota, state: Stored, now: u64, cost: u32) -> (Stored, Verdict) {
    #[expect(clippy::cast_precision_loss, reason = "the point of the test: all of them are exact")]
    let float = |number: u64| {
        assert!(number <= 1 << 53, "{number} is not exact");
        number as f64
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and positive")]
    let whole = |number: f64| {
        assert!((0.0..=9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0);
        number as u64
    };
    let (token, refill, full) = (float(quota.token()), float(quota.refill()), float(quota.full()));
    let (now, cost) = (float(now.min(1 << 53)), f64::from(cost));
    let (mut last, mut owed) = (float(state.last_micros()), float(state.owed()).min(full));
    if now > last {
        if now - last >= ((owed + refill - 1.0) / refill).floor() {
            owed = 0.0;
        } else {
            owed -= (now - last) * refill;
        }
        last = now;
    }
    let units = cost * token;
    if units > full {
        return (state, Verdict::Never);
    }
    if owed > full - units {
        let wait = ((owed - (full - units) + refill - 1.0) / refill).floor();
        return (state, Verdict::Limited { wait_micros: whole(wait) });
    }
    (Stored::new(whole(last), whole(owed + units)), Verdict::Passed)
}

fn numbers() -> impl Strategy<Value = (u32, u32, u64)> {
    let count = prop_oneof![1_u32..10, 1_u32..1_000_000, Just(u32::MAX), any::<u32>()];
    let per = prop_oneof![4 => Just(1_000_000_000_u64), 1 => Just(60_000_000_000), 1 => 1_u64..1_000_000, 1 => any::<u64>()];
    (count.clone(), count, per)
}

#[test]
fn every_quota_per_second_fits() {
    for refill in [1, 7, 999_999_937, u32::MAX] {
        for burst in [1, u32::MAX] {
            let quota = StoredQuota::new(&Quota::per_second(refill, burst).unwrap()).unwrap();
            assert!(quota.full() + 2 * quota.refill() <= 1 << 53);
        }
    }
    let day = Duration::from_secs(86_400);
    let wide = Quota::new(200_000, 7, day).unwrap();
    assert_eq!(StoredQuota::new(&wide), Err(QuotaError::TooFine { burst: 200_000, refill: 7 }));
}

#[test]
fn a_smaller_quota_takes_over_an_empty_bucket() {
    let large = StoredQuota::new(&Quota::per_second(1, 100).unwrap()).unwrap();
    let small = StoredQuota::new(&Quota::per_second(1, 2).unwrap()).unwrap();
    let (state, verdict) = large.step(Stored::default(), 5, 100);
    assert_eq!(verdict, Verdict::Passed);
    assert_eq!(small.full_in(state), Duration::from_secs(2));
    assert_eq!(small.step(state, 5, 1), (state, Verdict::Limited { wait_micros: 1_000_000 }));
    assert_eq!(small.step(state, 5, 3), (state, Verdict::Never));
}

#[test]
fn a_verdict_speaks_on_the_clock_of_the_process() {
    let now = Instant::from_millis(3);
    assert_eq!(Verdict::Passed.at(now), Ok(()));
    let limited = Verdict::Limited { wait_micros: 7 }.at(now).unwrap_err();
    assert_eq!(limited.retry_at, now + Duration::from_micros(7));
    assert!(Verdict::Never.at(now).unwrap_err().is_hopeless());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_is_gcra_and_floats_compute_it_exactly(
        (burst, refill, per) in numbers(),
        start in 0_u64..1 << 52,
        steps in prop::collection::vec(
            (prop_oneof![0_i64..1_000, -2_000_000_i64..3_000_000, 0_i64..1 << 40], prop_oneof![0_u32..4, any::<u32>()]),
            1..200,
        ),
    ) {
        let Ok(quota) = Quota::new(burst, refill, Duration::from_nanos(per.max(1))) else { return Ok(()) };
        let Ok(stored) = StoredQuota::new(&quota) else { return Ok(()) };
        let (mut state, mut gcra, mut now) = (Stored::default(), Gcra::new(), start);
        for (micros, cost) in steps {
            now = now.saturating_add_signed(micros).min(1 << 53);
            let cost = if cost < 4 { cost } else { cost % burst.max(1) };
            prop_assert_eq!(in_floats(&stored, state, now, cost), stored.step(state, now, cost));
            let (next, verdict) = stored.step(state, now, cost);
            // A clock of nanoseconds ends before 2⁵³ microseconds; a refusal leaves the stored state as it was.
            let instant = Instant::from_nanos((now - start.min(now)).saturating_mul(1_000));
            let since = Stored::new(state.last_micros().max(start), state.owed());
            prop_assert!(since.last_micros() >= start);
            if now >= start {
                let model = gcra.peek(&quota, instant, cost);
                if model.is_ok() {
                    let _ = gcra.check(&quota, instant, cost);
                }
                match (verdict, model) {
                    (Verdict::Passed, Ok(())) => {}
                    (Verdict::Never, Err(limited)) => prop_assert!(limited.is_hopeless()),
                    (Verdict::Limited { wait_micros }, Err(limited)) => {
                        let from = instant.max(Instant::from_nanos((since.last_micros() - start) * 1_000));
                        let wait = limited.retry_at.saturating_duration_since(from).as_nanos();
                        prop_assert_eq!(u128::from(wait_micros), wait.div_ceil(1_000));
                    }
                    (ours, model) => prop_assert!(false, "{:?} beside {:?}", ours, model),
                }
                state = next;
            }
        }
    }

    #[test]
    fn any_numbers_are_a_state_and_none_panics(
        last in any::<u64>(), owed in any::<u64>(), now in any::<u64>(), cost in any::<u32>(),
        (burst, refill, per) in numbers(),
    ) {
        let Ok(quota) = Quota::new(burst, refill, Duration::from_nanos(per.max(1))) else { return Ok(()) };
        let Ok(stored) = StoredQuota::new(&quota) else { return Ok(()) };
        let (state, _) = stored.step(Stored::new(last, owed), now, cost);
        let _ = stored.full_in(state);
    }
}
