//! Events of the node's own, and what an operator sees.
use portcullis_session::{Backend as _, Command, Completion, ConnectionId, Refusal, Target};

use super::world::{NODE, World};

fn announce(world: &mut World, target: Target<'_>, data: &[u8]) -> Vec<Completion> {
    let connection = ConnectionId::new(u64::MAX);
    world.backend.submit(world.now, NODE, Command::Announce { connection, target, data });
    core::iter::from_fn(|| world.backend.poll_completion()).map(|(_, completion)| completion).collect()
}

#[test]
fn an_announcement_is_an_event_of_the_log_like_any_other() {
    let mut world = World::new();
    let alice = world.open("alice");
    let start = world.subscribe(&alice, "c", None).unwrap().position;
    world.publish(&alice, "c", b"1").unwrap();
    let told = announce(&mut world, Target::Channel("c"), b"2");
    assert!(
        matches!(
            &told[..],
            [Completion::Event { entry, .. }, Completion::Published { id: None, position: Some(position), .. }]
                if entry.offset() == 2 && position.offset == 2 && position.epoch == start.epoch
        ),
        "{told:?}"
    );
    let told = announce(&mut world, Target::User("alice"), b"3");
    assert!(matches!(&told[..], [Completion::Event { .. }, Completion::Published { .. }]), "{told:?}");
}

#[test]
fn an_announcement_to_nobody_is_refused() {
    let mut world = World::new();
    let too_big = vec![0; 64 << 20];
    for (target, data, reason) in [
        (Target::User("bob"), &b"1"[..], Refusal::UnknownUser),
        (Target::Channel("user:bob"), b"1", Refusal::ForbiddenChannel),
        (Target::Channel(""), b"1", Refusal::InvalidChannel),
        (Target::Channel("c"), &too_big, Refusal::EventTooBig),
    ] {
        let told = announce(&mut world, target, data);
        assert!(
            matches!(&told[..], [Completion::Refused { reason: told, .. }] if *told == reason),
            "{told:?} for {reason:?}"
        );
    }
}

#[test]
fn sessions_are_listed_with_those_whose_clients_are_away() {
    let mut world = World::new();
    let (alice, bob) = (world.open("alice"), world.open("bob"));
    world.subscribe(&bob, "c", None).unwrap();
    world.backend.submit(world.now, NODE, Command::Close { caller: alice.caller, resumable: true });
    let mut sessions: Vec<_> = world.backend.sessions().collect();
    sessions.sort_by_key(|session| session.user.to_owned());
    let told: Vec<_> =
        sessions.iter().map(|info| (info.user, info.node, info.channel_count, info.last_id)).collect();
    assert_eq!(told, [("alice", None, 0, 0), ("bob", Some(NODE), 1, 0)]);
}
