//! Rate limits: ours beside `governor`, one bucket and a table of them.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use core::hint::black_box;
use core::num::NonZeroU32;

use criterion::{Criterion, criterion_group, criterion_main};
use governor::clock::FakeRelativeClock;
use governor::{Quota as GovernorQuota, RateLimiter};
use portcullis_limit::{Gcra, Keyed, Quota};
use portcullis_time::Instant;

const RATE: u32 = 1_000_000;
const BURST: u32 = 1_000;

fn governor_quota() -> GovernorQuota {
    GovernorQuota::per_second(NonZeroU32::new(RATE).unwrap()).allow_burst(NonZeroU32::new(BURST).unwrap())
}

fn one_bucket(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limit/one bucket");
    let quota = Quota::per_second(RATE, BURST).unwrap();
    group.bench_function("portcullis", |bencher| {
        let (mut bucket, mut now) = (Gcra::new(), 0);
        bencher.iter(|| {
            now += 1_000;
            bucket.check(black_box(&quota), Instant::from_nanos(now), black_box(1)).is_ok()
        });
    });
    group.bench_function("portcullis, refused", |bencher| {
        let quota = Quota::per_second(1, 1).unwrap();
        let (mut bucket, mut now) = (Gcra::new(), 0);
        bencher.iter(|| {
            now += 1;
            bucket.check(black_box(&quota), Instant::from_nanos(now), black_box(1)).is_ok()
        });
    });
    group.bench_function("governor, clock handed in", |bencher| {
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(governor_quota(), clock.clone());
        bencher.iter(|| {
            clock.advance(core::time::Duration::from_micros(1));
            black_box(&limiter).check().is_ok()
        });
    });
    group.bench_function("governor, its own clock", |bencher| {
        let limiter = RateLimiter::direct(governor_quota());
        bencher.iter(|| black_box(&limiter).check().is_ok());
    });
    group.finish();
}

/// Keys in an order that no prefetcher guesses: an odd multiplier permutes the integers.
fn key(turn: u64, keys: u64) -> u64 {
    turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - keys.trailing_zeros())
}

fn keyed(criterion: &mut Criterion) {
    for (name, keys) in [("16k keys", 1_u64 << 14), ("1M keys", 1 << 20)] {
        let mut group = criterion.benchmark_group(format!("limit/{name}"));
        let len = usize::try_from(keys * 2).unwrap();
        group.bench_function("portcullis", |bencher| {
            let mut table = Keyed::<u64>::new(Quota::per_second(RATE, BURST).unwrap(), len, 42);
            let (mut now, mut turn) = (0, 0_u64);
            for turn in 0..keys * 4 {
                let _ = table.check(key(turn, keys), Instant::ORIGIN, 1);
            }
            bencher.iter(|| {
                now += 1;
                turn += 1;
                table.check(key(turn, keys), Instant::from_nanos(now), 1).is_ok()
            });
        });
        group.bench_function("governor, clock handed in", |bencher| {
            let clock = FakeRelativeClock::default();
            let limiter = RateLimiter::hashmap_with_clock(governor_quota(), clock.clone());
            let mut turn = 0_u64;
            for turn in 0..keys * 4 {
                let _ = limiter.check_key(&key(turn, keys));
            }
            bencher.iter(|| {
                clock.advance(core::time::Duration::from_nanos(1));
                turn += 1;
                limiter.check_key(&key(turn, keys)).is_ok()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, one_bucket, keyed);
criterion_main!(benches);
