//! The bucket beside a model that computes with whole fractions in 128 bits.
use core::time::Duration;

use portcullis_limit::{Gcra, Limited, Quota};
use portcullis_time::Instant;
use proptest::prelude::*;

/// A bucket that counts upwards in `1 / per` tokens and shares no arithmetic with the code under test.
struct Model {
    burst: u128,
    refill: u128,
    per: u128,
    /// Tokens that are there, times `per`.
    held: u128,
    clock: u128,
}

impl Model {
    fn new(burst: u32, refill: u32, per: u64) -> Self {
        let (burst, refill, per) = (u128::from(burst), u128::from(refill), u128::from(per));
        Self { burst, refill, per, held: burst * per, clock: 0 }
    }

    fn check(&mut self, now: u64, cost: u32) -> Result<(), Limited> {
        let now = u128::from(now).max(self.clock);
        self.held = (self.held + (now - self.clock) * self.refill).min(self.burst * self.per);
        self.clock = now;
        let price = u128::from(cost) * self.per;
        if price <= self.held {
            self.held -= price;
            return Ok(());
        }
        let wait = (price - self.held).div_ceil(self.refill);
        let retry_at = u64::try_from(self.clock + wait).unwrap_or(u64::MAX);
        let retry_at = if u128::from(cost) > self.burst { u64::MAX } else { retry_at };
        Err(Limited { retry_at: Instant::from_nanos(retry_at) })
    }

    fn available(&self) -> u128 {
        self.held / self.per
    }
}

#[derive(Clone, Debug)]
enum Step {
    Forward(u64),
    Stand,
    Back(u64),
    To(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u64..3_000_000_000).prop_map(Step::Forward),
        4 => (0_u64..1_000).prop_map(Step::Forward),
        3 => Just(Step::Stand),
        2 => (0_u64..5_000_000_000).prop_map(Step::Back),
        1 => any::<u64>().prop_map(Step::To),
        1 => Just(Step::To(u64::MAX)),
        1 => Just(Step::To(0)),
    ]
}

fn numbers() -> impl Strategy<Value = (u32, u32, u64)> {
    let count = prop_oneof![1_u32..10, 1_u32..1_000_000, Just(u32::MAX), any::<u32>()];
    let per = prop_oneof![
        Just(1_000_000_000_u64),
        Just(60_000_000_000),
        1_u64..100,
        1_u64..u64::MAX,
        Just(u64::MAX)
    ];
    (count.clone(), count, per)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_verdict_and_retry_at_is_that_of_the_rational_model(
        (burst, refill, per) in numbers(),
        steps in prop::collection::vec((step(), prop_oneof![0_u32..4, any::<u32>()], any::<bool>()), 1..500),
    ) {
        let Ok(quota) = Quota::new(burst, refill, Duration::from_nanos(per)) else { return Ok(()) };
        let (mut ours, mut model, mut now) = (Gcra::new(), Model::new(burst, refill, per), 0_u64);
        for (step, cost, small) in steps {
            now = match step {
                Step::Forward(nanos) => now.saturating_add(nanos),
                Step::Stand => now,
                Step::Back(nanos) => now.saturating_sub(nanos),
                Step::To(nanos) => nanos,
            };
            let cost = if small { cost } else { cost % burst.max(1) };
            let instant = Instant::from_nanos(now);
            let peeked = ours.peek(&quota, instant, cost);
            let verdict = ours.check(&quota, instant, cost);
            prop_assert_eq!(peeked, verdict);
            prop_assert_eq!(verdict, model.check(now, cost));
            prop_assert_eq!(u128::from(ours.available(&quota, instant)), model.available());
        }
    }

    #[test]
    fn retry_at_is_the_first_nanosecond_that_passes(
        (burst, refill, per) in numbers(), spent in any::<u32>(), cost in any::<u32>(), start in 0_u64..u64::MAX / 2,
    ) {
        let Ok(quota) = Quota::new(burst, refill, Duration::from_nanos(per)) else { return Ok(()) };
        let mut bucket = Gcra::new();
        let now = Instant::from_nanos(start);
        prop_assert!(bucket.check(&quota, now, spent % burst).is_ok());
        let Err(limited) = bucket.peek(&quota, now, cost) else { return Ok(()) };
        if limited.retry_at == Instant::FAR_FUTURE { return Ok(()) }
        prop_assert!(limited.retry_at > now);
        prop_assert!(bucket.peek(&quota, limited.retry_at, cost).is_ok());
        prop_assert!(bucket.peek(&quota, limited.retry_at.saturating_sub(Duration::from_nanos(1)), cost).is_err());
    }

    #[test]
    fn a_refund_at_the_same_instant_undoes_a_charge_exactly(
        (burst, refill, per) in numbers(), spent in any::<u32>(), cost in any::<u32>(), now in any::<u64>(),
    ) {
        let Ok(quota) = Quota::new(burst, refill, Duration::from_nanos(per)) else { return Ok(()) };
        let mut bucket = Gcra::new();
        let now = Instant::from_nanos(now);
        bucket.check(&quota, now, spent % burst).unwrap();
        let before = bucket;
        if bucket.check(&quota, now, cost).is_ok() {
            bucket.refund(&quota, cost);
        }
        prop_assert_eq!(bucket, before);
    }

    #[test]
    fn any_bits_are_a_state_and_none_panics(
        bits in any::<u128>(), (burst, refill, per) in numbers(), now in any::<u64>(), cost in any::<u32>(),
    ) {
        let Ok(quota) = Quota::new(burst, refill, Duration::from_nanos(per)) else { return Ok(()) };
        let mut bucket = Gcra::from_bits(bits);
        prop_assert_eq!(bucket.to_bits(), bits);
        let now = Instant::from_nanos(now);
        let _ = bucket.check(&quota, now, cost);
        let _ = bucket.available(&quota, now);
        let _ = bucket.full_at(&quota);
        bucket.refund(&quota, cost);
    }
}

/// A small generator for the long run: a linear congruence, whose high bits are good enough.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// A million steps; `PORTCULLIS_LIMIT_STEPS` says how many instead:
/// `PORTCULLIS_LIMIT_STEPS=1000000000 cargo test --release -p portcullis-limit --test it drift`.
#[test]
fn a_million_steps_drift_by_nothing() {
    let steps =
        std::env::var("PORTCULLIS_LIMIT_STEPS").map_or(1_000_000, |steps| steps.parse::<u64>().unwrap());
    let quotas = [
        (120, 7, 1_000_000_000),
        (1, 3, 1_000_000_000),
        (u32::MAX, 999_999_937, 1_000_000_000),
        (5, 11, 60_000_000_007),
    ];
    let mut state = 1_u64;
    for (burst, refill, per) in quotas {
        let quota = Quota::new(burst, refill, Duration::from_nanos(per)).unwrap();
        let (mut ours, mut model, mut now) = (Gcra::new(), Model::new(burst, refill, per), 0_u64);
        let cost_max = u64::from(burst / 8).max(2);
        // The mean step brings back less than the mean cost takes, so that about half is refused.
        let forward =
            u64::try_from(u128::from(cost_max) * u128::from(per) / u128::from(refill) / 8).unwrap().max(1);
        for _ in 0..steps / 4 {
            now += next(&mut state) % forward;
            let at = now.saturating_sub(next(&mut state) % forward);
            let cost = u32::try_from(next(&mut state) % cost_max).unwrap();
            assert_eq!(ours.check(&quota, Instant::from_nanos(at), cost), model.check(at, cost));
        }
        assert_eq!(u128::from(ours.available(&quota, Instant::from_nanos(now))), {
            let _ = model.check(now, 0);
            model.available()
        });
    }
}
