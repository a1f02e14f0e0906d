//! The usual tutorial's mistakes that a session model can make: 4, 5, 6 and 18.
use portcullis_session::{Backend, Position, Refusal, Target};

use super::world::{NODE, World, secs};

#[test]
fn mistake_4_a_session_without_a_client_ends_by_itself() {
    let mut world = World::new();
    let alice = world.open("alice");
    world.subscribe(&alice, "c", None).unwrap();
    world.close(&alice, true);
    world.pass(secs(121));
    assert_eq!((world.backend.session_count(), world.backend.channel_count()), (0, 0));
    assert_eq!(world.backend.poll_timeout(), None);
}

#[test]
fn mistake_4_a_session_with_a_client_needs_no_renewal() {
    let mut world = World::new();
    let alice = world.open("alice");
    world.subscribe(&alice, "c", None).unwrap();
    world.pass(secs(7 * 86_400));
    world.publish(&alice, "c", b"still here").unwrap();
}

#[test]
fn mistake_4_one_command_is_one_step_with_no_half_done_state() {
    // A refused subscription leaves no channel, no member and no timer behind.
    let mut world = World::with(|config| config.channels_max = 0);
    let alice = world.open("alice");
    let before = (world.backend.channel_count(), world.backend.poll_timeout());
    assert_eq!(world.subscribe(&alice, "c", None).unwrap_err(), Refusal::TooManyChannels);
    assert_eq!((world.backend.channel_count(), world.backend.poll_timeout()), before);
    assert_eq!(world.unsubscribe(&alice, "c"), Err(Refusal::NotSubscribed));
}

#[test]
fn mistake_4_a_user_may_have_several_devices() {
    let mut world = World::new();
    let (desk, phone) = (world.open("alice"), world.open("alice"));
    assert_ne!(desk.caller.session, phone.caller.session);
    for client in [&desk, &phone] {
        world.subscribe(client, "c", None).unwrap();
    }
    world.close(&desk, false);
    world.publish(&phone, "c", b"1").unwrap();
}

#[test]
fn mistake_4_a_late_disconnect_does_not_delete_the_newer_session() {
    let mut world = World::new();
    let alice = world.open("alice");
    world.subscribe(&alice, "c", None).unwrap();
    let again = world.resume("alice", alice.claim());
    world.subscribe(&again, "c", None).unwrap();
    world.close(&alice, false);
    let (_, events) = world.publish_to(&again, Target::Channel("c"), Some(1), b"1").unwrap();
    assert_eq!(events, [(NODE, 1)]);
}

#[test]
fn mistake_5_delivery_takes_nothing_out_of_the_log() {
    let mut world = World::new();
    let alice = world.open("alice");
    let start = world.subscribe(&alice, "c", None).unwrap().position;
    world.publish(&alice, "c", b"1").unwrap();
    world.publish(&alice, "c", b"2").unwrap();
    // Both are on the way when the line is cut. Whatever arrived, the rest comes from the client's own position.
    world.close(&alice, true);
    let mut last = alice;
    for seen in [0, 1, 0] {
        let again = world.resume("alice", last.claim());
        let answer = world.subscribe(&again, "c", Some(Position::new(start.epoch, seen))).unwrap();
        assert!(answer.recovered);
        assert_eq!(answer.events.len() as u64, 2 - seen);
        world.close(&again, true);
        last = again;
    }
}

#[test]
fn mistake_6_what_waits_is_bounded_survives_a_close_and_says_when_it_was_cut() {
    let mut world = World::with(|config| config.log_events_max = 100);
    let (alice, bob) = (world.open("alice"), world.open("bob"));
    let start = world.subscribe(&alice, "c", None).unwrap().position;
    world.subscribe(&bob, "c", None).unwrap();
    world.close(&alice, true);
    for _ in 0..100 {
        world.publish(&bob, "c", b"x").unwrap();
    }
    let again = world.resume("alice", alice.claim());
    assert_eq!(world.subscribe(&again, "c", Some(start)).unwrap().events.len(), 100);
    world.close(&again, true);
    world.publish(&bob, "c", b"one too many").unwrap();
    let last = world.resume("alice", again.claim());
    let answer = world.subscribe(&last, "c", Some(start)).unwrap();
    assert!(!answer.recovered && answer.events.is_empty());
}

#[test]
fn mistake_18_a_message_that_is_sent_again_is_acknowledged_and_not_applied_again() {
    let mut world = World::new();
    let alice = world.open("alice");
    world.subscribe(&alice, "c", None).unwrap();
    let target = Target::Channel("c");
    assert_eq!(world.publish_to(&alice, target, Some(7), b"1").unwrap().0.unwrap().offset, 1);
    for id in [7, 6, 1, 0] {
        assert_eq!(world.publish_to(&alice, target, Some(id), b"again").unwrap(), (None, vec![]));
    }
    // The ids belong to the session, not to the connection.
    let again = world.resume("alice", alice.claim());
    assert_eq!(again.last_id, 7);
    assert_eq!(world.publish_to(&again, target, Some(7), b"again").unwrap(), (None, vec![]));
    assert_eq!(world.publish_to(&again, target, Some(8), b"2").unwrap().0.unwrap().offset, 2);
    // Another session counts for itself.
    let other = world.open("alice");
    world.subscribe(&other, "c", None).unwrap();
    assert_eq!(world.publish_to(&other, target, Some(1), b"3").unwrap().0.unwrap().offset, 3);
}

#[test]
fn mistake_18_a_refused_message_keeps_its_id() {
    let mut world = World::new();
    let alice = world.open("alice");
    let target = Target::Channel("c");
    assert_eq!(world.publish_to(&alice, target, Some(1), b"1"), Err(Refusal::NotSubscribed));
    world.subscribe(&alice, "c", None).unwrap();
    assert_eq!(world.publish_to(&alice, target, Some(1), b"1").unwrap().0.unwrap().offset, 1);
}
