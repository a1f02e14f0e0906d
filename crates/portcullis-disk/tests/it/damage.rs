//! A file that is not what it was.
use std::fs;

use portcullis_disk::{Damage, DiskError, Durability};

use super::support::{Disk, Folder, options, try_open};

#[test]
fn a_second_process_is_refused() {
    let folder = Folder::new();
    let _first = Disk::open(&folder.file("a"));
    for durability in [Durability::Process, Durability::Machine] {
        let second = try_open(&folder.file("a"), &options(durability));
        assert_eq!(second.err(), Some(DiskError::InUse));
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_secrets() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let _disk = Disk::open(&folder.file("a"));
    assert_eq!(fs::metadata(folder.file("a")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn something_else_is_refused() {
    let folder = Folder::new();
    fs::write(folder.file("text"), "this is a letter to my aunt, and nothing else\n".repeat(500)).unwrap();
    let opened = try_open(&folder.file("text"), &options(Durability::Process));
    assert!(matches!(opened.err(), Some(DiskError::Corrupt(_))));
    let missing = try_open(&folder.file("no/such/folder"), &options(Durability::Process));
    assert_eq!(missing.err(), Some(DiskError::Io(std::io::ErrorKind::NotFound)));
}

#[test]
fn another_form_is_refused_by_its_number() {
    let folder = Folder::new();
    drop(Disk::open(&folder.file("a")));
    {
        let database = redb::Database::open(folder.file("a")).unwrap();
        let transaction = database.begin_write().unwrap();
        let numbers: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("numbers");
        transaction.open_table(numbers).unwrap().insert("version", 99).unwrap();
        transaction.commit().unwrap();
    }
    let opened = try_open(&folder.file("a"), &options(Durability::Process));
    assert_eq!(opened.err(), Some(DiskError::Version { found: 99, known: 1 }));
}

#[test]
fn a_log_with_a_hole_is_refused() {
    let folder = Folder::new();
    let mut disk = Disk::open(&folder.file("a"));
    let alice = disk.open_session("alice", None);
    disk.subscribe(&alice, "c", None);
    let mut epoch = 0;
    for id in 1..=3 {
        epoch = disk.publish(&alice, id, "c", b"x").unwrap().epoch.get();
    }
    drop(disk);
    {
        let database = redb::Database::open(folder.file("a")).unwrap();
        let transaction = database.begin_write().unwrap();
        let events: redb::TableDefinition<'_, (u64, u64), (u64, &[u8])> =
            redb::TableDefinition::new("events");
        transaction.open_table(events).unwrap().remove((epoch, 2)).unwrap().unwrap();
        transaction.commit().unwrap();
    }
    let opened = try_open(&folder.file("a"), &options(Durability::Process));
    assert_eq!(opened.err(), Some(DiskError::Corrupt(Damage::Log)));
}

/// Every bit that turns is either found out, or was of no meaning: nobody is given another state for the true one.
#[test]
fn a_turned_bit_is_found_out_or_means_nothing() {
    let folder = Folder::new();
    let mut disk = Disk::open(&folder.file("a"));
    let alice = disk.open_session("alice", None);
    disk.subscribe(&alice, "c", None);
    for id in 1..=20 {
        disk.publish(&alice, id, "c", &[u8::try_from(id).unwrap(); 300]).unwrap();
    }
    drop(disk);
    let good = fs::read(folder.file("a")).unwrap();
    let (mut refused, mut same) = (0, 0);
    // Where there is something at all, in steps that take no heed of what lies where.
    let places: Vec<usize> = (0..good.len()).filter(|at| good[*at] != 0).collect();
    for at in places.iter().step_by((places.len() / 150) | 1).copied() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(folder.file("b"), &bad).unwrap();
        match try_open(&folder.file("b"), &options(Durability::Process)) {
            Err(_) => refused += 1,
            Ok((mut disk, found)) => {
                assert_eq!((found.sessions, found.events), (1, 20), "a bit at {at}");
                let back = disk.open_session("alice", Some(alice.claim()));
                assert!(back.recovered && back.last_id == 20, "a bit at {at}");
                same += 1;
            }
        }
    }
    assert!(refused > 10, "{refused} refused, {same} of no meaning");
}
