//! The node's own table: who receives what, from both sides, under any sequence of changes.
use std::{collections::BTreeSet, sync::Arc};

use portcullis_session::{ConnectionId, Subscribers};
use proptest::prelude::*;

fn of(table: &Subscribers, channel: &str) -> Vec<u64> {
    table.of(channel).map(ConnectionId::get).collect()
}

#[test]
fn a_subscription_counts_once() {
    let mut table = Subscribers::new();
    let (channel, connection) = (Arc::<str>::from("c"), ConnectionId::new(1));
    table.subscribe(&channel, connection);
    table.subscribe(&channel, connection);
    assert_eq!(of(&table, "c"), [1]);
    table.unsubscribe("c", connection);
    assert_eq!((of(&table, "c"), table.channel_count()), (vec![], 0));
}

#[test]
fn what_was_never_subscribed_can_be_taken_away() {
    let mut table = Subscribers::new();
    table.subscribe(&"c".into(), ConnectionId::new(1));
    table.unsubscribe("c", ConnectionId::new(2));
    table.unsubscribe("d", ConnectionId::new(1));
    table.remove_connection(ConnectionId::new(2));
    assert_eq!(of(&table, "c"), [1]);
    assert_eq!(of(&table, "d"), Vec::<u64>::new());
}

#[test]
fn a_connection_takes_all_its_channels_along_and_nobody_elses() {
    let mut table = Subscribers::new();
    for name in ["a", "b", "c"] {
        table.subscribe(&name.into(), ConnectionId::new(1));
    }
    table.subscribe(&"b".into(), ConnectionId::new(2));
    table.remove_connection(ConnectionId::new(1));
    table.remove_connection(ConnectionId::new(1));
    assert_eq!((table.channel_count(), of(&table, "b")), (1, vec![2]));
    // The number is not tainted: whoever has it next starts from nothing.
    table.subscribe(&"a".into(), ConnectionId::new(1));
    table.remove_connection(ConnectionId::new(1));
    assert_eq!(of(&table, "b"), [2]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_a_set_of_pairs(steps in prop::collection::vec((0..5_u8, 0..6_u8, 0..6_u64), 0..80)) {
        let (mut table, mut pairs) = (Subscribers::new(), BTreeSet::new());
        for (kind, channel, number) in steps {
            let (name, connection) = (Arc::<str>::from(channel.to_string()), ConnectionId::new(number));
            match kind {
                0..=2 => {
                    table.subscribe(&name, connection);
                    pairs.insert((name, number));
                }
                3 => {
                    table.unsubscribe(&name, connection);
                    pairs.remove(&(name, number));
                }
                _ => {
                    table.remove_connection(connection);
                    pairs.retain(|(_, other)| *other != number);
                }
            }
            for channel in 0..6 {
                let name = channel.to_string();
                let expected = pairs.iter().filter(|(other, _)| **other == *name).map(|(_, number)| *number);
                prop_assert_eq!(of(&table, &name), expected.collect::<Vec<_>>());
            }
            let channels: BTreeSet<_> = pairs.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(table.channel_count(), channels.len());
        }
    }
}
