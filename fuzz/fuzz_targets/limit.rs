//! Every limiter beside the plainest model of one: a bucket of whole fractions of a token in 128-bit integers.
#![no_main]

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_limit::{
    Gcra, KeyedArray, Quota, SeededHash, SharedBucket, Slot, Stored, StoredQuota, Verdict, WhenFull,
    check_all,
};
use portcullis_time::Instant;

/// Fewer keys than slots, all of which are within reach of each: no key of these is ever without one.
const KEYS: u8 = 12;

#[derive(Clone, Copy)]
struct Model {
    /// Tokens that are there, times `per`.
    held: u128,
    clock: u64,
}

struct Rate {
    burst: u32,
    refill: u32,
    per: u64,
}

impl Rate {
    const fn full(&self) -> Model {
        Model { held: self.burst as u128 * self.per as u128, clock: 0 }
    }

    fn check(&self, model: &mut Model, now: u64, cost: u32) -> bool {
        let now = now.max(model.clock);
        let back = u128::from(now - model.clock) * u128::from(self.refill);
        model.held = (model.held + back).min(self.full().held);
        model.clock = now;
        let price = u128::from(cost) * u128::from(self.per);
        let passes = price <= model.held;
        model.held -= if passes { price } else { 0 };
        passes
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&[a, b, c, d, e, f, shift, share], steps)) = data.split_first_chunk() else { return };
    let rate = Rate {
        burst: u32::from(u16::from_be_bytes([a, b])) + 1,
        refill: u32::from(u16::from_be_bytes([c, d])) + 1,
        // Whole microseconds, so that the stored bucket sees the same instants.
        per: (u64::from(u16::from_be_bytes([e, f])) + 1) << (shift % 24),
    };
    let Ok(quota) = Quota::new(rate.burst, rate.refill, Duration::from_nanos(rate.per)) else { return };
    let policy = if share & 1 == 0 { WhenFull::Refuse } else { WhenFull::Share };
    let table =
        || KeyedArray::<u8, 16>::with_slots(quota, [Slot::empty(); 16], SeededHash::new([1, 2]), policy);
    let (Ok(mut roomy), Ok(mut crowded)) = (table(), table()) else { return };
    let (mut gcra, mut one, mut other) = (Gcra::new(), rate.full(), Gcra::new());
    let shared = SharedBucket::new(&quota, Instant::ORIGIN).ok().filter(|shared| shared.step_nanos() == 1);
    let mut forward = rate.full();
    let stored = StoredQuota::new(&quota).ok();
    let (mut state, mut in_store) = (Stored::default(), rate.full());
    let (mut keys, mut floods) = (BTreeMap::<u8, Model>::new(), BTreeMap::<u8, Model>::new());
    let (mut micros, mut latest) = (0_u64, 0_u64);
    for &[op, key, high, low, cost] in steps.as_chunks().0 {
        let delta = u64::from(u16::from_be_bytes([high, low])) << (op & 15);
        micros = if op & 0x10 != 0 { micros.saturating_sub(delta) } else { (micros + delta).min(1 << 50) };
        let (nanos, cost) = (micros * 1_000, u32::from(cost) << (op >> 5));
        let now = Instant::from_nanos(nanos);
        latest = latest.max(nanos);

        let peeked = gcra.peek(&quota, now, cost);
        let at = gcra.retry_at(&quota, now, cost);
        let before = (gcra, other);
        let verdict = if key & 0x80 == 0 {
            gcra.check(&quota, now, cost)
        } else {
            // The second line of the bill is half as dear; what it refuses must leave the first as it was.
            let bill = check_all(now, &mut [gcra.charge(&quota, cost), other.charge(&quota, cost / 2)]);
            if bill.is_err() {
                assert_eq!((gcra, other), before);
            }
            bill
        };
        if verdict.is_ok() {
            assert_eq!(at, now);
        }
        if key & 0x80 == 0 {
            assert_eq!(peeked, verdict);
            assert_eq!(verdict.is_ok(), rate.check(&mut one, nanos, cost));
        } else if verdict.is_ok() {
            assert!(rate.check(&mut one, nanos, cost));
        }
        if let Err(limited) = verdict
            && !limited.is_hopeless()
            && key & 0x80 == 0
        {
            assert!(gcra.peek(&quota, limited.retry_at, cost).is_ok());
        }

        // The tables have one clock each.
        let model = keys.entry(key % KEYS).or_insert(rate.full());
        let peeked = roomy.peek(&(key % KEYS), now, cost);
        assert_eq!(peeked, roomy.check(key % KEYS, now, cost));
        assert_eq!(peeked.is_ok(), rate.check(model, latest, cost));
        // Keys that find no slot get less than their quota, never more; what is shared belongs to no key.
        let mut model = floods.get(&key).copied().unwrap_or(rate.full());
        if crowded.check(key, now, cost).is_ok() && policy == WhenFull::Refuse {
            assert!(rate.check(&mut model, latest, cost));
            floods.insert(key, model);
        }

        // Many threads: on a clock that runs forward the same, on one that went back no more.
        if let Some(shared) = &shared {
            let passes = shared.check(now, cost).is_ok();
            let mut model = forward;
            let may = rate.check(&mut model, nanos, cost);
            assert!(may || !passes);
            assert!(nanos < latest || may == passes);
            if passes {
                forward = model;
            }
        }
        // A refusal leaves what is stored as it was, the clock too.
        if let Some(stored) = &stored {
            let (next, verdict) = stored.step(state, micros, cost);
            let mut model = in_store;
            let passes = rate.check(&mut model, nanos, cost);
            assert_eq!(passes, verdict == Verdict::Passed);
            if passes {
                in_store = model;
            } else {
                assert_eq!(next, state);
            }
            if let Verdict::Limited { wait_micros } = verdict {
                let later = micros.max(state.last_micros()) + wait_micros;
                assert_eq!(stored.step(state, later, cost).1, Verdict::Passed);
                assert_ne!(stored.step(state, later - 1, cost).1, Verdict::Passed);
            }
            state = next;
        }
    }
});
