//! Channels are logs: offsets without holes, recovery that is complete or an explicit gap.
use portcullis_session::{Epoch, Position, Refusal, Target};

use super::world::{NODE, World, secs};

#[test]
fn offsets_count_from_one_without_holes() {
    let mut world = World::new();
    let alice = world.open("alice");
    let start = world.subscribe(&alice, "chat:lobby", None).unwrap();
    assert_eq!((start.position.offset, start.recovered, start.events.len()), (0, false, 0));
    for offset in 1..=3 {
        let (position, events) =
            world.publish_to(&alice, Target::Channel("chat:lobby"), None, b"hi").unwrap();
        assert_eq!(position, Some(Position::new(start.position.epoch, offset)));
        assert_eq!(events, [(NODE, offset)]);
    }
}

#[test]
fn since_is_answered_with_all_that_was_missed() {
    let mut world = World::new();
    let (alice, bob) = (world.open("alice"), world.open("bob"));
    let start = world.subscribe(&alice, "c", None).unwrap().position;
    for data in [b"1", b"2", b"3"] {
        world.publish(&alice, "c", data).unwrap();
    }
    let answer = world.subscribe(&bob, "c", Some(Position::new(start.epoch, 1))).unwrap();
    assert!(answer.recovered);
    assert_eq!(answer.events, [(2, b"2".to_vec()), (3, b"3".to_vec())]);
    assert_eq!(answer.position.offset, 3);
    // Nothing missed is complete too.
    let answer = world.subscribe(&bob, "c", Some(Position::new(start.epoch, 3))).unwrap();
    assert!(answer.recovered && answer.events.is_empty());
}

#[test]
fn a_position_that_is_not_of_this_log_is_a_gap() {
    let mut world = World::new();
    let alice = world.open("alice");
    let start = world.subscribe(&alice, "c", None).unwrap().position;
    world.publish(&alice, "c", b"1").unwrap();
    for since in [
        Position::new(Epoch::new(1), 0),
        Position::new(Epoch::new(1), 1),
        Position::new(start.epoch, 2),
        Position::new(start.epoch, u64::MAX),
    ] {
        let answer = world.subscribe(&alice, "c", Some(since)).unwrap();
        assert!(!answer.recovered && answer.events.is_empty(), "{since:?}");
        assert_eq!(answer.position, Position::new(start.epoch, 1));
    }
}

#[test]
fn what_the_log_forgot_is_a_gap_and_never_a_part() {
    let mut world = World::with(|config| config.log_events_max = 2);
    let alice = world.open("alice");
    let epoch = world.subscribe(&alice, "c", None).unwrap().position.epoch;
    for data in [b"1", b"2", b"3"] {
        world.publish(&alice, "c", data).unwrap();
    }
    let answer = world.subscribe(&alice, "c", Some(Position::new(epoch, 0))).unwrap();
    assert!(!answer.recovered && answer.events.is_empty());
    let answer = world.subscribe(&alice, "c", Some(Position::new(epoch, 1))).unwrap();
    assert!(answer.recovered && answer.events.len() == 2);
}

#[test]
fn an_event_is_kept_for_its_age_and_the_epoch_outlives_it() {
    let mut world = World::new();
    let alice = world.open("alice");
    let epoch = world.subscribe(&alice, "c", None).unwrap().position.epoch;
    world.publish(&alice, "c", b"1").unwrap();
    world.pass(secs(299));
    assert!(world.subscribe(&alice, "c", Some(Position::new(epoch, 0))).unwrap().recovered);
    world.pass(secs(1));
    assert_eq!(world.backend.log_bytes(), 0);
    assert!(!world.subscribe(&alice, "c", Some(Position::new(epoch, 0))).unwrap().recovered);
    // Who has seen it all misses nothing.
    assert!(world.subscribe(&alice, "c", Some(Position::new(epoch, 1))).unwrap().recovered);
    assert_eq!(world.publish(&alice, "c", b"2").unwrap(), Position::new(epoch, 2));
}

#[test]
fn an_event_is_too_old_on_time_even_when_the_driver_is_late() {
    let mut world = World::new();
    let alice = world.open("alice");
    let epoch = world.subscribe(&alice, "c", None).unwrap().position.epoch;
    world.publish(&alice, "c", b"1").unwrap();
    world.oversleep(secs(300));
    assert!(!world.subscribe(&alice, "c", Some(Position::new(epoch, 0))).unwrap().recovered);
}

#[test]
fn a_channel_that_nobody_holds_lives_as_long_as_its_log_and_comes_back_with_another_epoch() {
    let mut world = World::new();
    let alice = world.open("alice");
    let first = world.subscribe(&alice, "c", None).unwrap().position.epoch;
    world.publish(&alice, "c", b"1").unwrap();
    world.unsubscribe(&alice, "c").unwrap();
    world.pass(secs(200));
    let answer = world.subscribe(&alice, "c", Some(Position::new(first, 0))).unwrap();
    assert!(answer.recovered && answer.events.len() == 1);
    world.unsubscribe(&alice, "c").unwrap();
    world.pass(secs(100));
    assert_eq!(world.backend.channel_count(), 1, "alice's own channel");
    let answer = world.subscribe(&alice, "c", Some(Position::new(first, 1))).unwrap();
    assert!(!answer.recovered);
    assert_ne!(answer.position.epoch, first);
    assert_eq!(answer.position.offset, 0);
}

#[test]
fn publishing_needs_a_subscription_unless_the_configuration_says_otherwise() {
    let mut world = World::new();
    let alice = world.open("alice");
    assert_eq!(world.publish(&alice, "c", b"1"), Err(Refusal::NotSubscribed));
    world.subscribe(&alice, "c", None).unwrap();
    world.publish(&alice, "c", b"1").unwrap();
    world.unsubscribe(&alice, "c").unwrap();
    assert_eq!(world.publish(&alice, "c", b"1"), Err(Refusal::NotSubscribed));

    let mut world = World::with(|config| config.publish_needs_subscription = false);
    let alice = world.open("alice");
    assert_eq!(world.publish(&alice, "c", b"1").unwrap().offset, 1);
}

#[test]
fn a_user_is_reached_on_the_own_channel_by_every_session() {
    let mut world = World::new();
    let alice = world.open("alice");
    assert_eq!(world.publish_to(&alice, Target::User("bob"), None, b"hi"), Err(Refusal::UnknownUser));
    let other = portcullis_session::NodeId::new(1);
    let (bob, _) = world.try_open(other, "bob", None, None).unwrap();
    let second = world.open("bob");
    let (position, events) = world.publish_to(&alice, Target::User("bob"), Some(1), b"hi").unwrap();
    assert_eq!(position, Some(Position::new(bob.own.epoch, 1)));
    assert_eq!(events, [(NODE, 1), (other, 1)], "once for each node");
    world.close(&bob, false);
    world.close(&second, false);
    assert_eq!(world.publish_to(&alice, Target::User("bob"), Some(2), b"hi"), Err(Refusal::UnknownUser));
}

#[test]
fn the_own_channel_of_a_user_is_nobody_elses() {
    let mut world = World::new();
    let (alice, _bob) = (world.open("alice"), world.open("bob"));
    for name in ["user:bob", "user:alice", "user:"] {
        assert_eq!(world.subscribe(&alice, name, None).unwrap_err(), Refusal::ForbiddenChannel);
        assert_eq!(world.publish(&alice, name, b"1"), Err(Refusal::ForbiddenChannel));
    }
    assert_eq!(world.unsubscribe(&alice, "user:alice"), Err(Refusal::NotSubscribed));
}

#[test]
fn an_event_goes_once_to_each_node_that_receives_it_now() {
    let mut world = World::new();
    let (one, two) = (portcullis_session::NodeId::new(1), portcullis_session::NodeId::new(2));
    let (alice, _) = world.try_open(one, "alice", None, None).unwrap();
    let (bob, _) = world.try_open(one, "bob", None, None).unwrap();
    let (carol, _) = world.try_open(two, "carol", None, None).unwrap();
    for client in [&alice, &bob, &carol] {
        world.subscribe(client, "c", None).unwrap();
        world.subscribe(client, "c", None).unwrap();
    }
    let nodes = |world: &mut World| {
        let (_, events) = world.publish_to(&alice, Target::Channel("c"), None, b"1").unwrap();
        events.into_iter().map(|(node, _)| node.get()).collect::<Vec<_>>()
    };
    assert_eq!(nodes(&mut world), [1, 2]);
    world.unsubscribe(&bob, "c").unwrap();
    assert_eq!(nodes(&mut world), [1, 2]);
    world.close(&carol, true);
    assert_eq!(nodes(&mut world), [1], "a client that is away receives nothing");
}
