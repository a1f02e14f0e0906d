//! Rate limits: ours beside `governor`, one bucket and a table of them. Counts this thread's time on the processor.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

#[path = "proto/cpu.rs"]
mod cpu;

use core::hash::BuildHasher;
use core::hint::black_box;
use core::num::NonZeroU32;
use core::time::Duration;

use cpu::CpuTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use governor::clock::FakeRelativeClock;
use governor::{Quota as GovernorQuota, RateLimiter};
use portcullis_limit::{
    Bucket, Gcra, IntegerHash, Keyed, Quota, SeededHash, SharedBucket, Stored, StoredQuota, WhenFull,
    check_all,
};
use portcullis_time::Instant;

const RATE: u32 = 1_000_000;
const BURST: u32 = 1_000;
const QUOTA: Quota = Quota::per_second_const::<RATE, BURST>();

fn governor_quota() -> GovernorQuota {
    GovernorQuota::per_second(NonZeroU32::new(RATE).unwrap()).allow_burst(NonZeroU32::new(BURST).unwrap())
}

fn one_bucket(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("limit/one bucket");
    group.bench_function("portcullis", |bencher| {
        let (mut bucket, mut now) = (Gcra::new(), 0);
        bencher.iter(|| {
            now += 1_000;
            bucket.check(black_box(&QUOTA), Instant::from_nanos(now), black_box(1)).is_ok()
        });
    });
    group.bench_function("portcullis, refused", |bencher| {
        let quota = Quota::per_second_const::<1, 1>();
        let (mut bucket, mut now) = (Gcra::new(), 0);
        bencher.iter(|| {
            now += 1;
            bucket.check(black_box(&quota), Instant::from_nanos(now), black_box(1)).is_ok()
        });
    });
    group.bench_function("portcullis, shared", |bencher| {
        let bucket = SharedBucket::new(&QUOTA, Instant::ORIGIN).unwrap();
        let mut now = 0;
        bencher.iter(|| {
            now += 1_000;
            black_box(&bucket).check(Instant::from_nanos(now), black_box(1)).is_ok()
        });
    });
    group.bench_function("portcullis, stored", |bencher| {
        let quota = StoredQuota::new(&QUOTA).unwrap();
        let (mut state, mut now) = (Stored::default(), 0);
        bencher.iter(|| {
            now += 1;
            let (next, verdict) = black_box(&quota).step(state, now, black_box(1));
            state = next;
            verdict
        });
    });
    group.bench_function("portcullis, a bill of four", |bencher| {
        let (mut buckets, mut now) = ([Bucket::new(QUOTA); 4], 0);
        bencher.iter(|| {
            now += 1_000;
            let mut bill = buckets.each_mut().map(|bucket| bucket.charge(black_box(1)));
            check_all(Instant::from_nanos(now), &mut bill).is_ok()
        });
    });
    group.bench_function("governor, clock handed in", |bencher| {
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(governor_quota(), clock.clone());
        bencher.iter(|| {
            clock.advance(Duration::from_micros(1));
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
    ((turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) * keys) >> 32
}

fn ours<H: BuildHasher>(
    group: &mut BenchmarkGroup<'_, CpuTime>,
    name: &str,
    keys: u64,
    mut table: Keyed<u64, H>,
) {
    for key in 0..keys {
        let _ = table.check(key, Instant::ORIGIN, 1);
    }
    let (mut now, mut turn) = (0, 0_u64);
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            now += 1;
            turn += 1;
            table.check(key(turn, keys), Instant::from_nanos(now), 1).is_ok()
        });
    });
}

fn keyed(criterion: &mut Criterion<CpuTime>) {
    for (name, keys) in [("10k keys", 10_000), ("1M keys", 1_000_000)] {
        let mut group = criterion.benchmark_group(format!("limit/{name}"));
        let slots = usize::try_from(keys * 2).unwrap();
        let name = "portcullis, SipHash";
        ours(
            &mut group,
            name,
            keys,
            Keyed::with_hasher(QUOTA, slots, SeededHash::new([1, 2]), WhenFull::Share),
        );
        let name = "portcullis, IntegerHash";
        let hasher =
            IntegerHash::new([0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 7]);
        ours(&mut group, name, keys, Keyed::with_hasher(QUOTA, slots, hasher, WhenFull::Share));
        group.bench_function("governor, clock handed in", |bencher| {
            let clock = FakeRelativeClock::default();
            let limiter = RateLimiter::hashmap_with_clock(governor_quota(), clock.clone());
            let mut turn = 0_u64;
            for key in 0..keys {
                let _ = limiter.check_key(&key);
            }
            bencher.iter(|| {
                clock.advance(Duration::from_nanos(1));
                turn += 1;
                limiter.check_key(&key(turn, keys)).is_ok()
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = one_bucket, keyed
}
criterion_main!(benches);
