//! Sessions that survive: by secret, within the window, on one connection at a time.
use portcullis_session::{Caller, Command, Completion, NodeId, Position, Refusal, ResumeToken, Target};

use super::world::{NODE, World, millis, presence, secs};

#[test]
fn a_session_comes_back_with_its_ids_its_channels_and_what_it_missed() {
    let mut world = World::new();
    let (alice, bob) = (world.open("alice"), world.open("bob"));
    for client in [&alice, &bob] {
        world.subscribe(client, "c", None).unwrap();
    }
    let seen = world.publish_to(&alice, Target::Channel("c"), Some(5), b"1").unwrap().0.unwrap();
    world.close(&alice, true);
    world.publish(&bob, "c", b"2").unwrap();
    world.publish_to(&bob, Target::User("alice"), None, b"3").unwrap();
    world.pass(secs(60));

    let (again, told) = world.try_open(NODE, "alice", Some(alice.claim()), Some(alice.own)).unwrap();
    assert!(again.recovered);
    assert_eq!((again.caller.session, again.last_id), (alice.caller.session, 5));
    let held: Vec<_> = told
        .iter()
        .filter_map(|(_, completion)| match completion {
            Completion::Opened { channels, .. } => Some(channels.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(held, [vec!["c".into()]]);
    let own = told.iter().find_map(|(_, completion)| match completion {
        Completion::Subscribed { events, recovered, .. } => Some((events.len(), *recovered)),
        _ => None,
    });
    assert_eq!(own, Some((1, true)), "what came to the user while away, without a gap");
    let answer = world.subscribe(&again, "c", Some(seen)).unwrap();
    assert!(answer.recovered);
    assert_eq!(answer.events, [(2, b"2".to_vec())]);
}

#[test]
fn the_window_ends_on_time_even_when_the_driver_is_late() {
    for late in [false, true] {
        let mut world = World::new();
        let alice = world.open("alice");
        world.close(&alice, true);
        if late {
            world.oversleep(secs(120));
        } else {
            world.pass(secs(120));
        }
        let again = world.resume("alice", alice.claim());
        assert!(!again.recovered);
        assert_ne!(again.caller.session, alice.caller.session);
        assert_eq!(world.backend.session_count(), 1);
    }
    let mut world = World::new();
    let alice = world.open("alice");
    world.close(&alice, true);
    world.pass(secs(120) - core::time::Duration::from_nanos(1));
    assert!(world.resume("alice", alice.claim()).recovered);
}

#[test]
fn a_session_that_was_taken_back_does_not_end_with_the_old_window() {
    let mut world = World::new();
    let alice = world.open("alice");
    world.close(&alice, true);
    world.pass(secs(119));
    let again = world.resume("alice", alice.claim());
    world.pass(secs(86_400));
    assert_eq!(world.backend.session_count(), 1);
    world.subscribe(&again, "c", None).unwrap();
}

#[test]
fn a_secret_works_until_the_next_one_has_been_shown() {
    let mut world = World::new();
    let first = world.open("alice");
    let second = world.resume("alice", first.claim());
    assert!(second.recovered);
    // The answer was lost with its connection: the client knows the first secret only.
    let third = world.resume("alice", first.claim());
    assert!(third.recovered && third.caller.fencing > second.caller.fencing);
    assert!(!world.resume("alice", second.claim()).recovered, "what nobody can have seen is void");
    let fourth = world.resume("alice", third.claim());
    assert!(fourth.recovered);
    assert!(!world.resume("alice", first.claim()).recovered, "the third has been shown: the first is spent");
    assert!(world.resume("alice", third.claim()).recovered, "the fourth has not");
}

#[test]
fn the_wrong_secret_or_the_wrong_user_gets_a_new_session_and_takes_nothing() {
    let mut world = World::new();
    let alice = world.open("alice");
    world.subscribe(&alice, "c", None).unwrap();
    let mut wrong = alice.claim();
    wrong.token = ResumeToken::from_bytes([0; 16]);
    for (user, claim) in [("alice", wrong), ("mallory", alice.claim())] {
        let (other, told) = world.try_open(NODE, user, Some(claim), None).unwrap();
        assert!(!other.recovered && other.caller.session != alice.caller.session);
        assert!(!told.iter().any(|(_, told)| matches!(told, Completion::Replaced { .. })));
    }
    world.publish(&alice, "c", b"still hers").unwrap();
}

#[test]
fn a_takeover_tells_the_older_connection_and_fences_it_off() {
    let mut world = World::new();
    let one = NodeId::new(1);
    let alice = world.open("alice");
    world.subscribe(&alice, "c", None).unwrap();
    let (again, told) = world.try_open(one, "alice", Some(alice.claim()), None).unwrap();
    assert!(again.recovered && again.caller.fencing > alice.caller.fencing);
    let (connection, session) = (alice.caller.connection, alice.caller.session);
    assert!(told.contains(&(NODE, Completion::Replaced { connection, session })));
    let bob = world.open("bob");
    world.subscribe(&bob, "c", None).unwrap();
    world.subscribe(&again, "c", None).unwrap();

    // The older connection says everything it can: nothing of the session moves.
    assert_eq!(world.subscribe(&alice, "d", None).unwrap_err(), Refusal::Fenced);
    assert_eq!(world.unsubscribe(&alice, "c"), Err(Refusal::Fenced));
    assert_eq!(world.publish_to(&alice, Target::Channel("c"), Some(9), b"1"), Err(Refusal::Fenced));
    for resumable in [true, false] {
        world.close(&alice, resumable);
        assert_eq!(world.told(), []);
    }
    world.pass(secs(300));
    assert_eq!(world.backend.session_count(), 2);
    let (_, events) = world.publish_to(&again, Target::Channel("c"), Some(1), b"1").unwrap();
    assert_eq!(events, [(NODE, 1), (one, 1)]);
}

#[test]
fn the_same_connection_under_an_older_fencing_changes_nothing() {
    let mut world = World::new();
    let alice = world.open("alice");
    let again = world.resume("alice", alice.claim());
    let stale = Caller { fencing: alice.caller.fencing, ..again.caller };
    world.submit(NODE, Command::Close { caller: stale, resumable: false });
    assert_eq!(world.backend.session_count(), 1);
    world.subscribe(&again, "c", None).unwrap();
}

#[test]
fn after_a_goodbye_there_is_nothing_to_resume() {
    let mut world = World::new();
    let alice = world.open("alice");
    world.close(&alice, false);
    assert_eq!((world.backend.session_count(), world.backend.channel_count()), (0, 0));
    assert!(!world.resume("alice", alice.claim()).recovered);
}

#[test]
fn a_resumed_session_receives_a_channel_only_once_it_is_subscribed_again() {
    let mut world = World::new();
    let alice = world.open("alice");
    world.subscribe(&alice, "c", None).unwrap();
    let again = world.resume("alice", alice.claim());
    // It still holds the channel, so it may publish; the event is not lost, it comes with the answer.
    let (position, events) = world.publish_to(&again, Target::Channel("c"), Some(1), b"1").unwrap();
    assert_eq!(events, []);
    let since = Position::new(position.unwrap().epoch, 0);
    assert_eq!(world.subscribe(&again, "c", Some(since)).unwrap().events.len(), 1);
}

#[test]
fn a_blip_is_not_seen_in_presence() {
    let mut world = World::new();
    let (alice, bob) = (world.open("alice"), world.open("bob"));
    for client in [&alice, &bob] {
        world.subscribe(client, "c", None).unwrap();
    }
    world.pass(secs(1));
    world.close(&alice, true);
    assert_eq!(presence(&world.pass(secs(60))), []);
    let again = world.resume("alice", alice.claim());
    world.subscribe(&again, "c", None).unwrap();
    assert_eq!(presence(&world.pass(secs(300))), []);
    world.close(&again, true);
    assert_eq!(presence(&world.pass(secs(120) + millis(99))), []);
    assert_eq!(presence(&world.pass(millis(1))), [(vec![], vec!["alice".to_owned()])]);
}

#[test]
fn an_id_that_is_in_use_is_not_given_twice() {
    let mut world = World::new();
    let alice = world.open("alice");
    let connection = portcullis_session::ConnectionId::new(world.number());
    let (session, token) = (alice.caller.session, ResumeToken::from_bytes([9; 16]));
    world.submit(NODE, Command::Open { connection, user: "eve", session, token, resume: None, since: None });
    let told = world.told();
    assert!(
        matches!(told.as_slice(), [(_, Completion::Refused { reason: Refusal::Unavailable, .. })]),
        "{told:?}"
    );
    world.subscribe(&alice, "c", None).unwrap();
}

#[test]
fn ids_that_were_not_applied_are_told_to_who_comes_back() {
    let mut world = World::new();
    let alice = world.open("alice");
    world.subscribe(&alice, "c", None).unwrap();
    let publish =
        |world: &mut World, id| world.publish_to(&alice, Target::Channel("c"), Some(id), b"x").unwrap();
    publish(&mut world, 1);
    // 2 and 3 were refused before they came here; 4 leaves no event; 5 is refused here.
    world.submit(NODE, Command::Apply { caller: alice.caller, id: 4 });
    let counted = world.told();
    assert!(
        matches!(counted[..], [(_, Completion::Published { id: Some(4), position: None, .. })]),
        "{counted:?}"
    );
    assert_eq!(world.publish_to(&alice, Target::Channel("d"), Some(5), b"x"), Err(Refusal::NotSubscribed));
    publish(&mut world, 6);
    let skipped = |world: &mut World, client: &super::world::Client| {
        let (again, told) = world.try_open(NODE, "alice", Some(client.claim()), None).unwrap();
        let skipped = told.iter().find_map(|(_, told)| match told {
            Completion::Opened { skipped, last_id, .. } => Some((skipped.clone(), *last_id)),
            _ => None,
        });
        (again, skipped.unwrap())
    };
    let (again, told) = skipped(&mut world, &alice);
    assert_eq!(told, (vec![2, 3, 5], 6));
    // The latest of them alone, however far a client leaps.
    world.publish_to(&again, Target::Channel("c"), Some(u64::MAX), b"x").unwrap();
    let (_, (all, last_id)) = skipped(&mut world, &again);
    assert_eq!((all.len(), last_id), (portcullis_session::SKIPPED_MAX, u64::MAX));
    assert_eq!((all.first(), all.last()), (Some(&(u64::MAX - 64)), Some(&(u64::MAX - 1))));
}
