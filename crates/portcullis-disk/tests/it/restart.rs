//! An end without warning: the file as it lies there while the program runs is what the next start gets.
use std::{fs, time::Duration};

use portcullis_disk::Durability;
use portcullis_session::{Backend, Command, Completion, Position};
use portcullis_time::UnixTime;

use super::support::{Disk, Folder, NODE, NOW, UNIX, options, try_open};

#[test]
fn sessions_logs_and_ids_are_there_after_a_death() {
    for durability in [Durability::Process, Durability::Machine] {
        let folder = Folder::new();
        let (mut disk, found) = try_open(&folder.file("a"), &options(durability)).unwrap();
        assert_eq!(found.sessions, 0);
        let (alice, bob) = (disk.open_session("alice", None), disk.open_session("bob", None));
        assert_eq!(disk.subscribe(&alice, "c", None), None);
        disk.subscribe(&bob, "c", None);
        let first = disk.publish(&alice, 1, "c", b"one").unwrap();
        disk.publish(&bob, 1, "c", b"two").unwrap();
        fs::copy(folder.file("a"), folder.file("b")).unwrap();
        // What comes after the death did not happen.
        disk.publish(&bob, 2, "c", b"three").unwrap();

        let (mut again, found) = try_open(&folder.file("b"), &options(durability)).unwrap();
        assert_eq!((found.sessions, found.events, found.afresh), (2, 2, false));
        let back = again.open_session("alice", Some(alice.claim()));
        assert!(back.recovered && back.last_id == 1 && back.caller.fencing > alice.caller.fencing);
        assert_eq!(again.subscribe(&back, "c", Some(first)), Some(vec![(2, b"two".to_vec())]));
        assert_eq!(again.publish(&back, 1, "c", b"one"), None, "applied twice");
        let next = again.publish(&back, 2, "c", b"next").unwrap();
        assert_eq!(next, Position::new(first.epoch, 3));
    }
}

#[test]
fn a_session_waits_for_a_whole_window_and_its_user_is_present_meanwhile() {
    let folder = Folder::new();
    let mut disk = Disk::open(&folder.file("a"));
    let alice = disk.open_session("alice", None);
    disk.subscribe(&alice, "c", None);
    drop(disk);
    let mut disk = Disk::open(&folder.file("a"));
    let bob = disk.open_session("bob", None);
    let users = |told: Vec<(_, Completion)>| {
        told.into_iter().find_map(|(_, told)| match told {
            Completion::Subscribed { users, .. } => {
                Some(users.iter().map(ToString::to_string).collect::<Vec<_>>())
            }
            _ => None,
        })
    };
    let subscribe = Command::Subscribe { caller: bob.caller, channel: "c", since: None };
    assert_eq!(users(disk.submit(subscribe)).unwrap(), ["alice", "bob"]);
    disk.now = NOW + Duration::from_secs(119);
    disk.backend.handle_timeout(disk.now);
    assert_eq!(disk.backend.inspect(portcullis_session::MemoryBackend::session_count), 2);
    disk.now = NOW + Duration::from_secs(120);
    disk.backend.handle_timeout(disk.now);
    disk.now = disk.now + Duration::from_secs(1);
    disk.backend.handle_timeout(disk.now);
    let left = disk.told().into_iter().any(|(node, told)| {
        node == NODE && matches!(told, Completion::Presence { left, .. } if *left == ["alice".into()])
    });
    assert!(left);
}

#[test]
fn events_age_while_nobody_runs() {
    let folder = Folder::new();
    let mut disk = Disk::open(&folder.file("a"));
    let alice = disk.open_session("alice", None);
    disk.subscribe(&alice, "c", None);
    let before = Position { offset: 0, ..disk.publish(&alice, 1, "c", b"old").unwrap() };
    disk.now = NOW + Duration::from_secs(200);
    disk.publish(&alice, 2, "c", b"young").unwrap();
    drop(disk);
    let mut options = options(Durability::Process);
    options.unix = UnixTime::from_secs(UNIX.as_secs() + 299);
    let (mut disk, found) = try_open(&folder.file("a"), &options).unwrap();
    assert_eq!(found.events, 2);
    let back = disk.open_session("alice", Some(alice.claim()));
    assert_eq!(disk.subscribe(&back, "c", Some(before)).unwrap().len(), 2);
    disk.now = NOW + Duration::from_secs(1);
    assert_eq!(disk.subscribe(&back, "c", Some(before)), None, "the first event is 300 s old: a gap");
    let after = Position { offset: 1, ..before };
    assert_eq!(disk.subscribe(&back, "c", Some(after)).unwrap().len(), 1);
}

/// What a run leaves beside its file when the machine fails, and starts again.
fn another_boot(word: &str) -> String {
    format!("{word} 00000000-0000-0000-0000-000000000000\n")
}

#[test]
fn a_failed_machine_begins_afresh_unless_that_was_provided_for() {
    for (durability, word, afresh) in
        [(Durability::Process, "process", true), (Durability::Machine, "machine", false)]
    {
        let folder = Folder::new();
        let (mut disk, _) = try_open(&folder.file("a"), &options(durability)).unwrap();
        let alice = disk.open_session("alice", None);
        assert!(fs::read_to_string(folder.file("a.run")).unwrap().starts_with(word));
        fs::copy(folder.file("a"), folder.file("b")).unwrap();
        fs::write(folder.file("b.run"), another_boot(word)).unwrap();
        let (mut disk, found) = try_open(&folder.file("b"), &options(durability)).unwrap();
        assert_eq!((found.afresh, found.sessions), (afresh, usize::from(!afresh)));
        assert_eq!(disk.open_session("alice", Some(alice.claim())).recovered, !afresh);
    }
}

#[test]
fn what_a_failed_machine_left_is_not_even_looked_at() {
    let folder = Folder::new();
    fs::write(folder.file("a"), "half of a page".repeat(999)).unwrap();
    fs::write(folder.file("a.run"), another_boot("process")).unwrap();
    let (mut disk, found) = try_open(&folder.file("a"), &options(Durability::Process)).unwrap();
    assert!(found.afresh);
    disk.open_session("alice", None);
    drop(disk);
    // Where a loss of power was provided for, it is damage.
    fs::write(folder.file("b"), "half of a page".repeat(999)).unwrap();
    fs::write(folder.file("b.run"), another_boot("machine")).unwrap();
    assert!(try_open(&folder.file("b"), &options(Durability::Machine)).is_err());
}

#[test]
fn an_end_in_order_or_of_the_process_alone_is_no_failure_of_the_machine() {
    let folder = Folder::new();
    let mut disk = Disk::open(&folder.file("a"));
    let alice = disk.open_session("alice", None);
    for file in ["a", "a.run"] {
        fs::copy(folder.file(file), folder.file(&file.replace('a', "b"))).unwrap();
    }
    disk.backend.close().unwrap();
    assert!(!folder.file("a.run").exists());
    for file in ["a", "b"] {
        let mut disk = Disk::open(&folder.file(file));
        assert!(disk.open_session("alice", Some(alice.claim())).recovered);
    }
}

#[test]
fn what_the_limits_have_no_room_for_is_forgotten_for_good() {
    let folder = Folder::new();
    let mut disk = Disk::open(&folder.file("a"));
    for user in ["alice", "bob", "carol"] {
        disk.open_session(user, None);
    }
    drop(disk);
    let mut small = options(Durability::Process);
    small.config.sessions_max = 1;
    let (mut disk, found) = try_open(&folder.file("a"), &small).unwrap();
    assert_eq!(
        (found.sessions, disk.backend.inspect(portcullis_session::MemoryBackend::session_count)),
        (3, 1)
    );
    disk.backend.handle_timeout(NOW);
    drop(disk);
    let (_, found) = try_open(&folder.file("a"), &options(Durability::Process)).unwrap();
    assert_eq!((found.sessions, found.logs), (1, 1));
}
