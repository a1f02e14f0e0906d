//! Presence: who holds a channel, by user, told in batches.
use std::collections::BTreeSet;

use portcullis_session::Completion;

use super::world::{World, millis, presence, secs};

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

#[test]
fn joins_and_leaves_gather_until_the_deadline() {
    let mut world = World::new();
    let clients: Vec<_> = ["carol", "alice", "bob"].map(|user| world.open(user)).to_vec();
    for client in &clients {
        world.subscribe(client, "c", None).unwrap();
    }
    assert_eq!(presence(&world.pass(millis(99))), []);
    assert_eq!(presence(&world.pass(millis(1))), [(names(["alice", "bob", "carol"]), vec![])]);
    world.unsubscribe(&clients[0], "c").unwrap();
    let dave = world.open("dave");
    world.subscribe(&dave, "c", None).unwrap();
    assert_eq!(presence(&world.pass(millis(100))), [(names(["dave"]), names(["carol"]))]);
    assert_eq!(presence(&world.pass(secs(10))), []);
}

#[test]
fn a_user_is_present_as_long_as_one_session_is() {
    let mut world = World::new();
    let (desk, phone) = (world.open("alice"), world.open("alice"));
    let bob = world.open("bob");
    for client in [&desk, &phone, &bob] {
        world.subscribe(client, "c", None).unwrap();
    }
    world.pass(secs(1));
    let answer = world.subscribe(&bob, "c", None).unwrap();
    assert_eq!((answer.users, answer.user_count), (names(["alice", "bob"]), 2));
    world.close(&desk, false);
    assert_eq!(presence(&world.pass(secs(1))), []);
    world.close(&phone, false);
    assert_eq!(presence(&world.pass(secs(1))), [(vec![], names(["alice"]))]);
}

#[test]
fn a_quick_return_is_not_told() {
    let mut world = World::new();
    let (alice, bob) = (world.open("alice"), world.open("bob"));
    for client in [&alice, &bob] {
        world.subscribe(client, "c", None).unwrap();
    }
    world.pass(secs(1));
    world.unsubscribe(&alice, "c").unwrap();
    world.subscribe(&alice, "c", None).unwrap();
    assert_eq!(presence(&world.pass(secs(1))), []);
}

/// A receiver's view: the list of its answer, then the changes that it is told.
fn view(mut users: BTreeSet<String>, told: &[(portcullis_session::NodeId, Completion)]) -> BTreeSet<String> {
    for (joined, left) in presence(told) {
        users.extend(joined);
        users.retain(|user| !left.contains(user));
    }
    users
}

#[test]
fn who_asks_while_a_user_is_gone_for_a_moment_learns_of_the_return() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.open("alice"), world.open("bob"), world.open("carol"));
    for client in [&alice, &bob] {
        world.subscribe(client, "c", None).unwrap();
    }
    world.pass(secs(1));
    world.unsubscribe(&alice, "c").unwrap();
    let list = world.subscribe(&carol, "c", None).unwrap().users;
    assert_eq!(list, names(["bob", "carol"]));
    world.subscribe(&alice, "c", None).unwrap();
    let view = view(list.into_iter().collect(), &world.pass(secs(1)));
    assert_eq!(view.into_iter().collect::<Vec<_>>(), names(["alice", "bob", "carol"]));
}

#[test]
fn who_asks_while_a_user_is_there_for_a_moment_learns_of_the_leave() {
    let mut world = World::new();
    let (alice, bob) = (world.open("alice"), world.open("bob"));
    world.subscribe(&alice, "c", None).unwrap();
    let list = world.subscribe(&bob, "c", None).unwrap().users;
    assert_eq!(list, names(["alice", "bob"]));
    world.unsubscribe(&alice, "c").unwrap();
    let view = view(list.into_iter().collect(), &world.pass(secs(1)));
    assert_eq!(view.into_iter().collect::<Vec<_>>(), names(["bob"]));
}

#[test]
fn the_list_is_short_and_the_count_is_whole() {
    let mut world = World::with(|config| config.users_listed_max = 3);
    let clients: Vec<_> = (0..10).map(|number| world.open(&format!("user{number}"))).collect();
    let mut last = None;
    for client in clients.iter().rev() {
        last = Some(world.subscribe(client, "c", None).unwrap());
    }
    let last = last.unwrap();
    assert_eq!((last.users, last.user_count), (names(["user0", "user1", "user2"]), 10));
}

/// When a server comes back, thousands come at once: what tells of them has the size of a list, however many they are.
#[test]
fn many_changes_are_told_in_several_messages_of_bounded_length() {
    for count_max in [0, 1, 3, 10, 100] {
        let mut world = World::with(|config| config.users_listed_max = count_max);
        let watcher = world.open("watcher");
        world.subscribe(&watcher, "c", None).unwrap();
        world.pass(secs(1));
        let leaver = world.open("leaver");
        world.subscribe(&leaver, "c", None).unwrap();
        world.pass(secs(1));
        for number in 0..10 {
            let client = world.open(&format!("user{number}"));
            world.subscribe(&client, "c", None).unwrap();
        }
        world.unsubscribe(&leaver, "c").unwrap();
        let told = presence(&world.pass(secs(1)));
        let most = told.iter().map(|(joined, left)| joined.len() + left.len()).max();
        assert_eq!(most, Some(count_max.clamp(1, 11)));
        assert_eq!(told.len(), 11_usize.div_ceil(count_max.max(1)));
        let all: Vec<_> = told.iter().flat_map(|(joined, _)| joined.clone()).collect();
        assert_eq!(all, (0..10).map(|number| format!("user{number}")).collect::<Vec<_>>());
        assert_eq!(told.into_iter().flat_map(|(_, left)| left).collect::<Vec<_>>(), names(["leaver"]));
    }
}
