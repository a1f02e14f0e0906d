//! Every collection has a bound, and every bound a refusal or an explicit gap.
use portcullis_session::{Position, Refusal, Target};

use super::world::{NODE, World, secs};

#[test]
fn a_session_holds_as_many_channels_as_it_may() {
    let mut world = World::new();
    let alice = world.open("alice");
    for number in 0..128 {
        world.subscribe(&alice, &format!("c{number}"), None).unwrap();
    }
    assert_eq!(world.subscribe(&alice, "one-more", None).unwrap_err(), Refusal::TooManySubscriptions);
    assert!(world.subscribe(&alice, "c0", None).is_ok(), "a channel that it holds costs nothing");
    world.unsubscribe(&alice, "c0").unwrap();
    world.subscribe(&alice, "one-more", None).unwrap();
    world.pass(secs(1));
    assert_eq!(world.backend.channel_count(), 129, "and the own channel");
}

#[test]
fn sessions_are_bounded_at_all_and_for_each_user() {
    let mut world = World::with(|config| (config.sessions_max, config.sessions_per_user_max) = (3, 2));
    let first = world.open("alice");
    world.open("alice");
    assert_eq!(world.try_open(NODE, "alice", None, None).unwrap_err(), Refusal::TooManySessions);
    assert!(world.resume("alice", first.claim()).recovered, "coming back needs no new place");
    let bob = world.open("bob");
    assert_eq!(world.try_open(NODE, "carol", None, None).unwrap_err(), Refusal::TooManySessions);
    world.close(&bob, false);
    world.open("carol");
    assert_eq!(world.backend.session_count(), 3);
}

#[test]
fn channels_are_bounded_and_the_own_channels_of_users_do_not_count() {
    let mut world = World::with(|config| config.channels_max = 2);
    let alice = world.open("alice");
    for user in ["bob", "carol", "dave"] {
        world.open(user);
    }
    for name in ["one", "two"] {
        world.subscribe(&alice, name, None).unwrap();
    }
    assert_eq!(world.subscribe(&alice, "three", None).unwrap_err(), Refusal::TooManyChannels);
    world.publish_to(&alice, Target::User("dave"), None, b"hi").unwrap();
    world.open("erin");
    world.unsubscribe(&alice, "one").unwrap();
    world.pass(secs(1));
    world.subscribe(&alice, "three", None).unwrap();
}

#[test]
fn an_event_that_no_log_can_hold_is_refused() {
    let mut world = World::with(|config| config.log_bytes_max = 1_000);
    let alice = world.open("alice");
    world.subscribe(&alice, "c", None).unwrap();
    let target = Target::Channel("c");
    assert_eq!(world.publish_to(&alice, target, Some(1), &[0; 1_001]), Err(Refusal::EventTooBig));
    // What was refused was not applied: its id is free.
    assert!(world.publish_to(&alice, target, Some(1), &[0; 800]).unwrap().0.is_some());
}

#[test]
fn a_log_is_bounded_in_bytes_and_empty_events_are_not_free() {
    let mut world =
        World::with(|config| (config.log_bytes_max, config.log_events_max) = (10_000, usize::MAX));
    let alice = world.open("alice");
    let epoch = world.subscribe(&alice, "c", None).unwrap().position.epoch;
    for _ in 0..10_000 {
        world.publish(&alice, "c", b"").unwrap();
        assert!(world.backend.log_bytes() <= 10_000);
    }
    let kept = (0..10_000).rev().take_while(|offset| {
        world.subscribe(&alice, "c", Some(Position::new(epoch, *offset))).unwrap().recovered
    });
    let kept = kept.count();
    assert!((10..500).contains(&kept), "{kept} empty events in 10,000 bytes");
}

#[test]
fn all_logs_together_are_bounded() {
    let mut world =
        World::with(|config| (config.log_bytes_max, config.log_bytes_total_max) = (4_096, 16_384));
    let alice = world.open("alice");
    let names: Vec<_> = (0..50).map(|number| format!("c{number}")).collect();
    for name in &names {
        world.subscribe(&alice, name, None).unwrap();
    }
    for round in 0..20_u64 {
        for name in &names {
            let at = world.publish(&alice, name, &[7; 300]).unwrap();
            assert_eq!(at.offset, round + 1, "a full house makes gaps, not holes");
            assert!(world.backend.log_bytes() <= 16_384);
        }
    }
    world.pass(secs(300));
    assert_eq!(world.backend.log_bytes(), 0);
}

/// An event that is delivered and not kept leaves nothing behind: otherwise each new name would take one of the places
/// for channels, for ever.
#[test]
fn a_channel_that_nobody_holds_and_no_event_is_kept_of_takes_no_place() {
    for full in [false, true] {
        let mut world = World::with(|config| {
            config.publish_needs_subscription = false;
            config.channels_max = 2;
            if full {
                config.log_bytes_total_max = 0;
            } else {
                config.log_events_max = 0;
            }
        });
        let alice = world.open("alice");
        for number in 0..10 {
            assert_eq!(world.publish(&alice, &format!("c{number}"), b"1").unwrap().offset, 1);
        }
        assert_eq!(world.backend.channel_count(), 1, "the own channel");
        // Who holds it keeps its life: offsets go on.
        let epoch = world.subscribe(&alice, "c", None).unwrap().position.epoch;
        for offset in 1..=3 {
            assert_eq!(world.publish(&alice, "c", b"1").unwrap(), Position::new(epoch, offset));
        }
    }
}

#[test]
fn an_answer_is_bounded_and_over_it_the_gap_is_explicit() {
    let mut world = World::with(|config| config.recovery_bytes_max = 10_000);
    let alice = world.open("alice");
    let epoch = world.subscribe(&alice, "c", None).unwrap().position.epoch;
    for _ in 0..20 {
        world.publish(&alice, "c", &[7; 1_000]).unwrap();
    }
    let all = world.subscribe(&alice, "c", Some(Position::new(epoch, 0))).unwrap();
    assert!(!all.recovered && all.events.is_empty());
    let few = world.subscribe(&alice, "c", Some(Position::new(epoch, 15))).unwrap();
    assert!(few.recovered && few.events.len() == 5);
}

#[test]
fn a_name_that_is_none_is_refused() {
    let mut world = World::new();
    let alice = world.open("alice");
    for name in ["", " ", "a b", "ä", &"a".repeat(129)] {
        assert_eq!(world.subscribe(&alice, name, None).unwrap_err(), Refusal::InvalidChannel);
        assert_eq!(world.publish(&alice, name, b"1"), Err(Refusal::InvalidChannel));
    }
}

#[test]
fn nothing_stays_behind() {
    let mut world = World::new();
    for round in 0..20 {
        let (alice, bob) = (world.open("alice"), world.open("bob"));
        for client in [&alice, &bob] {
            world.subscribe(client, "c", None).unwrap();
        }
        world.publish(&alice, "c", b"1").unwrap();
        world.publish_to(&alice, Target::User("bob"), None, b"2").unwrap();
        world.close(&alice, round % 2 == 0);
        world.close(&bob, round % 3 == 0);
    }
    world.pass(secs(600));
    let backend = &world.backend;
    assert_eq!((backend.session_count(), backend.channel_count(), backend.log_bytes()), (0, 0, 0));
    assert_eq!(portcullis_session::Backend::poll_timeout(backend), None);
}
