use portcullis_limit::{Bucket, Charge, Gcra, KeyedArray, Quota, SeededHash, Slot, WhenFull, check_all};
use portcullis_time::Instant;
use proptest::prelude::*;

type Table = KeyedArray<u8, 16>;

fn table(quota: Quota, when_full: WhenFull) -> Table {
    Table::with_slots(quota, [Slot::empty(); 16], SeededHash::new([3, 4]), when_full).unwrap()
}

/// Connection, user, address and server, with a cost for each: the two in the middle are in tables.
struct House {
    connection: Bucket,
    users: Table,
    addresses: Table,
    server: Bucket,
}

impl House {
    fn new(when_full: WhenFull) -> Self {
        let quota = |refill, burst| Quota::per_second(refill, burst).unwrap();
        Self {
            connection: Bucket::new(quota(5, 6)),
            users: table(quota(4, 7), when_full),
            addresses: table(quota(3, 8), when_full),
            server: Bucket::new(quota(7, 12)),
        }
    }

    fn ask(&mut self, now: Instant, key: u8, costs: [u32; 4]) -> bool {
        let (Ok(user), Ok(address)) =
            (self.users.charge(key, now, costs[1]), self.addresses.charge(key, now, costs[2]))
        else {
            return false;
        };
        let mut bill = [self.connection.charge(costs[0]), user, address, self.server.charge(costs[3])];
        check_all(now, &mut bill).is_ok()
    }

    /// All that can be seen of it from `now` on.
    fn seen(&self, now: Instant) -> (Bucket, Bucket, Vec<[u32; 2]>, Vec<[Instant; 2]>) {
        let keys = 0..40_u8;
        let available = |key| [self.users.available(&key, now), self.addresses.available(&key, now)];
        let retry_at = |key| [self.users.retry_at(&key, now, 7), self.addresses.retry_at(&key, now, 8)];
        (self.connection, self.server, keys.clone().map(available).collect(), keys.map(retry_at).collect())
    }
}

proptest! {
    #[test]
    fn a_refused_bill_leaves_every_bucket_as_it_was(
        share in any::<bool>(),
        steps in prop::collection::vec((0_i64..400, 0_u8..30, [0_u32..4, 0..4, 0..4, 0..4], any::<bool>()), 1..200),
    ) {
        let mut house = House::new(if share { WhenFull::Share } else { WhenFull::Refuse });
        let mut now = 10_000;
        for (millis, key, costs, back) in steps {
            now += if back { -millis / 2 } else { millis };
            let instant = Instant::from_millis(u64::try_from(now).unwrap());
            // The tables' clocks are moved first: that alone is no charge.
            let _ = (house.users.charge(key, instant, 0).is_ok(), house.addresses.charge(key, instant, 0).is_ok());
            let before = house.seen(instant);
            let (connection, server) = (house.connection.available(instant), house.server.available(instant));
            if house.ask(instant, key, costs) {
                prop_assert_eq!(house.connection.available(instant), connection - costs[0]);
                prop_assert_eq!(house.server.available(instant), server - costs[3]);
            } else {
                prop_assert_eq!(house.seen(instant), before);
            }
        }
    }

    #[test]
    fn a_bill_passes_when_every_line_does_and_says_the_latest_retry(
        spent in prop::collection::vec(0_u32..=20, 1..6), costs in prop::collection::vec(0_u32..=25, 6),
    ) {
        let quotas: Vec<Quota> = (1..=6).map(|refill| Quota::per_second(refill, 20).unwrap()).collect();
        let now = Instant::from_millis(7);
        let mut states: Vec<Gcra> = spent
            .iter()
            .zip(&quotas)
            .map(|(&spent, quota)| {
                let mut gcra = Gcra::new();
                gcra.check(quota, now, spent).unwrap();
                gcra
            })
            .collect();
        let before = states.clone();
        let lines = states.iter().zip(&quotas).zip(&costs);
        let latest = lines.filter_map(|((gcra, quota), &cost)| gcra.peek(quota, now, cost).err()).map(|limited| limited.retry_at).max();
        let mut bill: Vec<Charge<'_>> =
            states.iter_mut().zip(&quotas).zip(&costs).map(|((gcra, quota), &cost)| gcra.charge(quota, cost)).collect();
        let verdict = check_all(now, &mut bill);
        prop_assert_eq!(verdict.err().map(|limited| limited.retry_at), latest);
        if latest.is_some() {
            prop_assert_eq!(states, before);
        } else {
            for (((state, before), quota), &cost) in states.iter().zip(&before).zip(&quotas).zip(&costs) {
                prop_assert_eq!(state.available(quota, now), before.available(quota, now) - cost);
            }
        }
    }
}

#[test]
fn messages_bytes_and_steps_are_costs_of_one_message() {
    let mut messages = Bucket::new(const { Quota::per_second_const::<60, 2>() });
    let mut bytes = Bucket::new(const { Quota::per_second_const::<1_000, 1_000>() });
    let mut steps = Bucket::new(const { Quota::new_const::<5_000, 1, 60>() });
    let now = Instant::from_millis(1);
    assert!(check_all(now, &mut [messages.charge(1), bytes.charge(600), steps.charge(4_000)]).is_ok());
    let limited = check_all(now, &mut [messages.charge(1), bytes.charge(600), steps.charge(10)]).unwrap_err();
    assert_eq!(limited.retry_at, Instant::from_millis(201));
    assert_eq!((messages.available(now), bytes.available(now), steps.available(now)), (1, 400, 1_000));
}

#[test]
fn a_bill_on_a_clock_that_went_back_uses_the_tables_clock() {
    let mut users = table(Quota::per_second(1, 1).unwrap(), WhenFull::Refuse);
    let late = Instant::from_millis(5_000);
    assert!(users.check(1, late, 1).is_ok());
    let early = Instant::from_millis(1_000);
    let mut bill = [users.charge(2, early, 1).unwrap()];
    assert!(check_all(early, &mut bill).is_ok());
    // Charged at 5 s: not free again before 6 s.
    assert!(users.check(2, Instant::from_millis(5_999), 1).is_err());
    assert!(users.check(2, Instant::from_millis(6_000), 1).is_ok());
}
