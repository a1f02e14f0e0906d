//! A disk that dies after any write, and one that stands still.
#![allow(clippy::unwrap_used, clippy::std_instead_of_core, reason = "tests")]
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Condvar, Mutex},
};

use portcullis_session::{
    Backend, Caller, Command, Completion, Config, ConnectionId, MemoryBackend, NodeId, Refusal, ResumeToken,
    SessionId, Target,
};
use portcullis_time::{Instant, UnixTime};
use redb::StorageBackend;

use super::{Durability, Loaded, Store, Times};
use crate::{DiskBackend, Options};

const NODE: NodeId = NodeId::new(0);
const NOW: Instant = Instant::from_millis(3_600_000);
const TIMES: Times = Times { now: NOW, unix: UnixTime::from_secs(1_753_000_000) };

/// One change of the bytes.
#[derive(Clone, Debug)]
enum Change {
    Length(u64),
    Write(u64, Vec<u8>),
}

/// Bytes in memory that remember every change, and can be made to wait or to fail.
#[derive(Clone, Debug, Default)]
struct Tape {
    bytes: Arc<Mutex<Vec<u8>>>,
    changes: Arc<Mutex<Vec<Change>>>,
    /// Nothing is written while it is true.
    still: Arc<(Mutex<bool>, Condvar)>,
    broken: Arc<Mutex<bool>>,
}

impl Tape {
    fn replay(changes: &[Change]) -> Self {
        let tape = Self::default();
        for change in changes {
            match change {
                Change::Length(len) => tape.set_len(*len).unwrap(),
                Change::Write(offset, data) => tape.write(*offset, data).unwrap(),
            }
        }
        tape
    }

    fn stand_still(&self, still: bool) {
        *self.still.0.lock().unwrap() = still;
        self.still.1.notify_all();
    }
}

impl StorageBackend for Tape {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let bytes = self.bytes.lock().unwrap();
        let part = bytes.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.changes.lock().unwrap().push(Change::Length(len));
        self.bytes.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut still = self.still.0.lock().unwrap();
        while *still {
            still = self.still.1.wait(still).unwrap();
        }
        if *self.broken.lock().unwrap() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.changes.lock().unwrap().push(Change::Write(offset, data.into()));
        let start = usize::try_from(offset).unwrap();
        let mut bytes = self.bytes.lock().unwrap();
        bytes.get_mut(start..start + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        Ok(())
    }
}

/// What is in a store, in a form that can be compared.
fn picture(loaded: &Loaded) -> String {
    let sessions: BTreeMap<_, _> = loaded
        .sessions
        .iter()
        .map(|s| (s.session, (&s.user, s.token.to_bytes(), s.fencing, s.last_id, &s.channels)))
        .collect();
    let logs: BTreeMap<_, _> =
        loaded.logs.iter().map(|l| (&l.channel, (l.epoch, l.first, l.last, &l.entries))).collect();
    format!("{sessions:?} {logs:?}")
}

fn open_command(number: u8, user: &str) -> Command<'_> {
    Command::Open {
        connection: ConnectionId::new(number.into()),
        user,
        session: SessionId::from_bytes([number; 16]),
        token: ResumeToken::from_bytes([number | 0x80; 16]),
        resume: None,
        since: None,
    }
}

/// A day in the life: sessions come and go, channels are born, fill, are cut, are forgotten and born again.
fn live(memory: &mut MemoryBackend, mut after_each: impl FnMut(&mut MemoryBackend)) {
    let mut callers = Vec::new();
    for number in 1..=3_u8 {
        memory.submit(NOW, NODE, open_command(number, if number == 3 { "bob" } else { "alice" }));
        while let Some((_, completion)) = memory.poll_completion() {
            if let Completion::Opened { connection, session, fencing, .. } = completion {
                callers.push(Caller { connection, session, fencing });
            }
        }
        after_each(memory);
    }
    for round in 0..12_u64 {
        let caller = callers[usize::try_from(round % 3).unwrap()];
        let channel = if round % 4 == 0 { "a" } else { "b" };
        let commands = [
            Command::Subscribe { caller, channel, since: None },
            Command::Publish {
                caller,
                id: Some(round + 1),
                target: Target::Channel(channel),
                data: &[7; 90],
            },
            Command::Publish { caller, id: None, target: Target::User("bob"), data: b"psst" },
            Command::Unsubscribe { caller, channel },
        ];
        for command in commands {
            memory.submit(NOW, NODE, command);
            after_each(memory);
        }
        if round == 7 {
            memory.handle_timeout(NOW + core::time::Duration::from_secs(301));
            after_each(memory);
        }
    }
    for caller in callers {
        memory.submit(NOW, NODE, Command::Close { caller, resumable: false });
        after_each(memory);
    }
}

#[test]
fn a_death_after_any_write_leaves_what_was_told_and_at_most_what_was_being_written() {
    let config = {
        let mut config = Config::default();
        config.log_events_max = 3;
        config
    };
    let tape = Tape::default();
    let (store, _) = Store::open_on(tape.clone(), TIMES).unwrap();
    let mut memory = MemoryBackend::new(config, [3; 32]).with_journal();
    // After how many changes of the bytes each state was told, and what it was.
    let mut told =
        vec![(tape.changes.lock().unwrap().len(), picture(&super::load(&store.database, TIMES).unwrap()))];
    live(&mut memory, |memory| {
        let changes = memory.take_changes();
        if !changes.is_empty() {
            store.write(&changes).unwrap();
            let loaded = super::load(&store.database, TIMES).unwrap();
            told.push((tape.changes.lock().unwrap().len(), picture(&loaded)));
        }
    });
    assert!(told.len() > 40);
    let changes = tape.changes.lock().unwrap().clone();
    let begun = told[0].0;
    for count in begun..=changes.len() {
        let died = Tape::replay(&changes[..count]);
        let (_store, loaded) = Store::open_on(died, TIMES).unwrap();
        let last = told.iter().rposition(|(at, _)| *at <= count).unwrap();
        let found = picture(&loaded);
        let next = told.get(last + 1).map(|(_, picture)| picture);
        assert!(found == told[last].1 || Some(&found) == next, "after {count} of {} writes", changes.len());
    }
}

fn options() -> Options {
    Options {
        config: Config::default(),
        seed: [3; 32],
        durability: Durability::Machine,
        now: NOW,
        unix: TIMES.unix,
    }
}

fn disk_on(tape: &Tape) -> (DiskBackend, std::sync::mpsc::Receiver<Result<(), crate::DiskError>>) {
    let (store, loaded) = Store::open_on(tape.clone(), TIMES).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let (backend, _) = DiskBackend::start(store, loaded, &options(), move |outcome| {
        let _ = sender.send(outcome);
    })
    .unwrap();
    (backend, receiver)
}

#[test]
fn nothing_is_told_before_it_is_written_and_the_order_stays() {
    let tape = Tape::default();
    let (mut disk, notices) = disk_on(&tape);
    let mut memory = MemoryBackend::restore(Config::default(), [3; 32], NOW, [], []);
    tape.stand_still(true);
    for number in 1..=9 {
        // Some of these change nothing: they wait all the same.
        let refused = Command::Unsubscribe {
            caller: Caller {
                connection: ConnectionId::new(77),
                session: SessionId::from_bytes([9; 16]),
                fencing: portcullis_session::Fencing::new(1),
            },
            channel: "c",
        };
        for command in [open_command(number, "alice"), refused] {
            disk.submit(NOW, NODE, command);
            memory.submit(NOW, NODE, command);
        }
    }
    std::thread::sleep(core::time::Duration::from_millis(50));
    assert_eq!(disk.poll_completion(), None, "told before it was written");
    tape.stand_still(false);
    let mut told = Vec::new();
    let expected: Vec<_> = core::iter::from_fn(|| memory.poll_completion()).collect();
    while told.len() < expected.len() {
        notices.recv_timeout(core::time::Duration::from_secs(10)).unwrap().unwrap();
        told.extend(core::iter::from_fn(|| disk.poll_completion()));
    }
    assert_eq!(told, expected);
}

#[test]
fn a_disk_that_stands_still_bounds_what_waits_for_it() {
    let tape = Tape::default();
    let (mut disk, _notices) = disk_on(&tape);
    tape.stand_still(true);
    let data = vec![0; 1 << 20];
    for number in 0..100_u64 {
        let connection = ConnectionId::new(number);
        disk.submit(
            NOW,
            NODE,
            Command::Announce {
                connection,
                target: Target::Channel("c"),
                data: data.get(..1 << 19).unwrap(),
            },
        );
    }
    assert!(disk.inspect(|memory| memory.log_bytes()) < 2 << 20);
    tape.stand_still(false);
    drop(disk);
    let published =
        super::load(&Store::open_on(tape, TIMES).unwrap().0.database, TIMES).unwrap().logs[0].last;
    assert!((60..80).contains(&published), "{published} events of half a MiB");
}

#[test]
fn a_disk_that_fails_is_told_once_and_refuses_from_then_on() {
    let tape = Tape::default();
    let (mut disk, notices) = disk_on(&tape);
    *tape.broken.lock().unwrap() = true;
    disk.submit(NOW, NODE, open_command(1, "alice"));
    let failed = notices.recv_timeout(core::time::Duration::from_secs(10)).unwrap();
    assert_eq!(failed, Err(crate::DiskError::Io(io::ErrorKind::StorageFull)));
    assert_eq!(disk.poll_completion(), None, "what was not written was told");
    disk.submit(NOW, NODE, open_command(2, "alice"));
    let refused = disk.poll_completion();
    assert!(
        matches!(refused, Some((_, Completion::Refused { reason: Refusal::Unavailable, .. }))),
        "{refused:?}"
    );
    assert!(disk.close().is_err());
}
