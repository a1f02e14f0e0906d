//! A check takes nothing from the heap, whatever it decides and whoever asks.
use portcullis_limit::{Bucket, Gcra, Keyed, Quota, SeededHash, SharedBucket, WhenFull, check_all};
use portcullis_time::Instant;

const QUOTA: Quota = Quota::per_second_const::<10, 20>();

fn counted(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| drop(vec![0_u8; 8])), 1);
}

#[test]
fn checks_allocate_nothing() {
    let at = |nanos: u64| Instant::from_nanos(nanos * 1_000_000);
    let mut one = Gcra::new();
    let mut buckets = [Bucket::new(QUOTA); 4];
    let shared = SharedBucket::new(&QUOTA, Instant::ORIGIN).unwrap();
    let count = counted(|| {
        for step in 0..1_000 {
            let _ = one.check(&QUOTA, at(step), 1);
            let _ = one.peek(&QUOTA, at(step), 3);
            let _ = shared.check(at(step), 2);
            let mut bill = buckets.each_mut().map(|bucket| bucket.charge(1));
            let _ = check_all(at(step), &mut bill);
        }
    });
    assert_eq!(count, 0);
}

/// Also when keys come, go and find no place.
#[test]
fn a_table_allocates_when_it_is_made_and_never_again() {
    for policy in [WhenFull::Refuse, WhenFull::Share] {
        let mut table = Keyed::with_hasher(QUOTA, 64, SeededHash::new([1, 2]), policy);
        let count = counted(|| {
            for step in 0..10_000_u64 {
                let _ = table.check(step % 500, Instant::from_nanos(step * 10_000_000), 1);
            }
        });
        assert_eq!(count, 0, "{policy:?}");
    }
}
