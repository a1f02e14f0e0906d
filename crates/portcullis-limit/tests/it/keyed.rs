use core::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use core::time::Duration;

use portcullis_limit::{
    IntegerHash, KeyedArray, KeyedSlice, KeyedTable, Quota, SeededHash, Slot, TableError, WhenFull,
};
use portcullis_time::Instant;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SEED: SeededHash = SeededHash::new([1, 2]);

fn quota(refill: u32, burst: u32) -> Quota {
    Quota::per_second(refill, burst).unwrap()
}

/// The worst hash function: every key has the same home.
#[derive(Default)]
struct Same;

impl Hasher for Same {
    fn finish(&self) -> u64 {
        0
    }
    fn write(&mut self, _: &[u8]) {}
}

type AllSame = BuildHasherDefault<Same>;

#[test]
fn slots_are_a_power_of_two_and_at_least_sixteen() {
    let build = |len| {
        let mut slots = vec![Slot::<u32>::empty(); len];
        KeyedSlice::with_slots(quota(1, 1), &mut slots[..], SEED, WhenFull::Refuse).map(|_| ())
    };
    assert_eq!(build(0), Err(TableError::TooSmall { len: 0, len_min: 16 }));
    assert_eq!(build(24), Err(TableError::NotPowerOfTwo { len: 24 }));
    assert_eq!(build(32), Ok(()));
}

#[test]
fn a_flood_of_keys_does_not_refill_a_bucket() {
    for when_full in [WhenFull::Refuse, WhenFull::Share] {
        let mut table =
            KeyedArray::<u64, 16>::with_slots(quota(1, 3), [Slot::empty(); 16], SEED, when_full).unwrap();
        assert!(table.check(0, Instant::ORIGIN, 3).is_ok());
        for key in 1..10_000 {
            let _ = table.check(key, Instant::ORIGIN, 1);
        }
        assert_eq!(table.available(&0, Instant::ORIGIN), 0);
        assert!(table.check(0, Instant::ORIGIN, 1).is_err());
        assert!(table.check(0, Instant::from_millis(1_000), 1).is_ok());
    }
}

#[test]
fn only_a_bucket_that_is_full_again_makes_room() {
    let hasher = AllSame::default();
    let slots = [Slot::empty(); 32];
    let mut table = KeyedTable::with_slots(quota(1, 1), slots, hasher, WhenFull::Refuse).unwrap();
    for key in 0..16_u64 {
        assert!(table.check(key, Instant::from_millis(key), 1).is_ok());
    }
    let limited = table.check(99, Instant::from_millis(500), 1).unwrap_err();
    // The bucket of key 0 is the first to be full again.
    assert_eq!(limited.retry_at, Instant::from_millis(1_000));
    assert!(table.check(99, limited.retry_at, 1).is_ok());
    assert!(table.check(98, limited.retry_at, 1).is_err());
    assert!(table.check(99, limited.retry_at, 2).unwrap_err().is_hopeless());
}

#[test]
fn keys_without_a_slot_share_one_bucket() {
    let slots = [Slot::empty(); 32];
    let mut table = KeyedTable::with_slots(quota(1, 2), slots, AllSame::default(), WhenFull::Share).unwrap();
    for key in 0..16_u64 {
        assert!(table.check(key, Instant::ORIGIN, 1).is_ok());
    }
    assert!(table.check(100, Instant::ORIGIN, 1).is_ok());
    assert_eq!(table.available(&101, Instant::ORIGIN), 1);
    assert!(table.check(101, Instant::ORIGIN, 1).is_ok());
    assert!(table.check(102, Instant::ORIGIN, 1).is_err());
    assert!(table.check(0, Instant::ORIGIN, 1).is_ok());
}

#[test]
fn a_clock_set_back_does_not_pay_a_forgotten_key_twice() {
    let slots = [Slot::empty(); 16];
    let mut table = KeyedTable::with_slots(quota(1, 1), slots, AllSame::default(), WhenFull::Refuse).unwrap();
    let late = Instant::from_millis(10_000);
    for key in 0..17_u64 {
        // Key 16 takes the slot of key 0, which is full again by then.
        assert!(table.check(key, if key == 16 { late } else { Instant::ORIGIN }, 1).is_ok());
    }
    // Key 0 starts afresh at an instant before its old one. The seconds up to `late` have been paid out already.
    assert!(table.check(0, Instant::ORIGIN, 1).is_ok());
    assert!(table.check(0, late, 1).is_err());
}

#[test]
fn a_refund_reaches_the_key() {
    let slots = [Slot::empty(); 16];
    let mut table = KeyedTable::with_slots(quota(1, 4), slots, SEED, WhenFull::Refuse).unwrap();
    assert!(table.check("a", Instant::ORIGIN, 4).is_ok());
    table.refund(&"a", 3);
    table.refund(&"b", 3);
    assert_eq!(table.available(&"a", Instant::ORIGIN), 3);
}

#[test]
fn the_hash_is_siphash_1_3_whatever_the_pieces() {
    // Key 00..0f; the vectors are those of the reference implementation with one and three rounds.
    let hash = SeededHash::new([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
    let input: Vec<u8> = (0..64).collect();
    let of = |bytes: &[u8]| {
        let mut hasher = hash.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    };
    assert_eq!(of(&[]), 0xabac_0158_050f_c4dc);
    for len in 0..input.len() {
        for split in 0..=len {
            let mut hasher = hash.build_hasher();
            hasher.write(&input[..split]);
            hasher.write(&input[split..len]);
            assert_eq!(hasher.finish(), of(&input[..len]), "{split} of {len}");
        }
    }
    let mut words = hash.build_hasher();
    words.write_u8(0);
    words.write_u32(0x0403_0201);
    words.write_u64(0x0c0b_0a09_0807_0605);
    assert_eq!(words.finish(), of(&input[..13]));
}

#[test]
fn the_integer_hash_multiplies_adds_and_shifts() {
    let hash = IntegerHash::new([3, 5, 7, u64::MAX]);
    // (3·2⁶⁴ + 5) · 11 + 7·2⁶⁴ + 2⁶⁴ − 1 = 41·2⁶⁴ + 54.
    assert_eq!(hash.hash_one(11_u64), 41);
    assert_eq!((hash.hash_one(11_u32), hash.hash_one(11_u8), hash.hash_one(11_usize)), (41, 41, 41));
    assert_ne!(hash.hash_one([1_u64, 2]), hash.hash_one([2_u64, 1]));
}

#[test]
fn the_integer_hash_spreads_numbers_in_a_row() {
    let slots = [Slot::empty(); 1 << 12];
    let hasher = IntegerHash::new([0x1234_5678_9abc_def1, 0xfedc_ba98_7654_3211, 0x0f1e_2d3c_4b5a_6978, 1]);
    let mut table = KeyedTable::with_slots(quota(1, 1), slots, hasher, WhenFull::Refuse).unwrap();
    for key in 0..1_u64 << 11 {
        assert!(table.check(key << 20, Instant::ORIGIN, 1).is_ok());
    }
}

#[test]
fn a_slot_is_half_a_line_of_the_cache() {
    assert_eq!((size_of::<Slot<u64>>(), align_of::<Slot<u64>>()), (32, 32));
    assert_eq!(size_of::<Slot<u32>>(), 32);
}

#[test]
fn another_seed_is_another_order() {
    let of = |seed: u64| SeededHash::new([seed, 0]).hash_one(42_u64);
    assert_ne!(of(1), of(2));
}

/// What all storages must answer alike.
fn answers<S>(mut table: KeyedTable<u16, S>) -> Vec<bool>
where
    S: AsRef<[Slot<u16>]> + AsMut<[Slot<u16>]>,
{
    (0..2_000_u64)
        .map(|turn| {
            let key = u16::try_from(turn * turn % 97).unwrap();
            table.check(key, Instant::from_millis(turn * 3), 1).is_ok()
        })
        .collect()
}

#[test]
fn every_storage_answers_alike() {
    let mut slots = [Slot::empty(); 32];
    let slice = KeyedSlice::with_slots(quota(2, 2), &mut slots[..], SEED, WhenFull::Share).unwrap();
    let expected = answers(slice);
    assert!(expected.contains(&true) && expected.contains(&false));
    let array = KeyedArray::with_slots(quota(2, 2), [Slot::empty(); 32], SEED, WhenFull::Share).unwrap();
    assert_eq!(answers::<[Slot<u16>; 32]>(array), expected);
    #[cfg(feature = "alloc")]
    assert_eq!(
        answers(portcullis_limit::Keyed::with_hasher(quota(2, 2), 20, SEED, WhenFull::Share)),
        expected
    );
    #[cfg(feature = "heapless")]
    {
        let mut slots = heapless::Vec::<Slot<u16>, 32>::new();
        slots.resize(32, Slot::empty()).unwrap();
        let table: portcullis_limit::KeyedHeapless<u16, 32> =
            KeyedTable::with_slots(quota(2, 2), slots, SEED, WhenFull::Share).unwrap();
        assert_eq!(answers(table), expected);
    }
}

/// What a key may have had by `now` at most, whatever the table forgot.
fn earned(burst: u64, refill: u64, span_nanos: u64) -> u64 {
    burst + refill * span_nanos / 1_000_000_000
}

proptest! {
    #[test]
    fn no_key_ever_gets_more_than_its_quota(
        steps in prop::collection::vec((0_u8..40, -2_000_i64..2_000, 0_u32..3), 1..1_500),
    ) {
        let slots = [Slot::empty(); 16];
        let mut table = KeyedTable::with_slots(quota(3, 2), slots, SEED, WhenFull::Refuse).unwrap();
        let (mut now, mut latest) = (10_000_i64, 0_u64);
        // Tokens that each key got, and the latest instant at which it got its first.
        let mut got = BTreeMap::<u8, (u64, u64)>::new();
        for (key, millis, cost) in steps {
            now = (now + millis).max(0);
            let instant = Instant::from_millis(u64::try_from(now).unwrap());
            latest = latest.max(instant.as_nanos());
            if table.check(key, instant, cost).is_ok() {
                let entry = got.entry(key).or_insert((0, latest));
                entry.0 += u64::from(cost);
                prop_assert!(entry.0 <= earned(2, 3, latest - entry.1));
            }
        }
    }

    #[test]
    fn integers_hash_as_their_bytes(a in any::<u64>(), b in any::<u32>(), c in any::<u8>()) {
        let mut words = SEED.build_hasher();
        c.hash(&mut words);
        a.hash(&mut words);
        b.hash(&mut words);
        let mut bytes = SEED.build_hasher();
        bytes.write(&[c]);
        bytes.write(&a.to_le_bytes());
        bytes.write(&b.to_le_bytes());
        prop_assert_eq!(words.finish(), bytes.finish());
    }
}

#[test]
fn the_table_forgets_the_idle_and_serves_the_next() {
    let mut table =
        KeyedArray::<u64, 64>::with_slots(quota(1, 1), [Slot::empty(); 64], SEED, WhenFull::Refuse).unwrap();
    for round in 0..100_u64 {
        let now = Instant::ORIGIN + Duration::from_secs(round * 2);
        for key in 0..8 {
            assert!(table.check(round * 8 + key, now, 1).is_ok());
        }
    }
}
