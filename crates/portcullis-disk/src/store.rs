//! The tables: sessions, logs and their events, in one file.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use core::time::Duration;
use portcullis_session::{
    Changes, Entry, Epoch, Fencing, ResumeToken, SessionId, StoredLog, StoredSession, is_channel_name,
};
use portcullis_time::{Instant, UnixTime};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::{
    error::{Damage, DiskError},
    file::Bytes,
    marker::Marker,
};

/// A session's row.
type SessionRow<'a> = (&'a str, u128, Option<u128>, u64, u64, Vec<u64>, Vec<&'a str>);
/// By session: user, secret, the secret before, fencing, last id, ids that were skipped, channels.
const SESSIONS: TableDefinition<'_, u128, SessionRow<'_>> = TableDefinition::new("sessions");
/// By channel: epoch, the oldest offset that is kept, the last offset.
const LOGS: TableDefinition<'_, &str, (u64, u64, u64)> = TableDefinition::new("logs");
/// By epoch and offset: when it came, in milliseconds of Unix time, and the event.
const EVENTS: TableDefinition<'_, (u64, u64), (u64, &[u8])> = TableDefinition::new("events");
/// Numbers about the file itself.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// The form of the tables.
const VERSION: u64 = 1;
/// Pages that are kept in memory; what is read often is in memory anyhow.
const CACHE_LEN_MAX: usize = 16 << 20;

/// How far a write must have come before what it says is told to anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Handed to the operating system: it outlives the process, `kill -9` included. Should the machine itself fail, the
    /// next start finds that out and begins afresh, so that nobody is told that nothing is missing.
    #[default]
    Process,
    /// On the disk (`fsync`): it outlives a loss of power.
    Machine,
}

/// What a start found in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Sessions.
    pub sessions: usize,
    /// Logs.
    pub logs: usize,
    /// Events in them.
    pub events: usize,
    /// The machine failed while only the process's end was provided for: what was there was given up.
    pub afresh: bool,
}

/// How the monotonic time of this process and the time of the world go together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) now: Instant,
    pub(crate) unix: UnixTime,
}

impl Times {
    fn to_unix(self, at: Instant) -> u64 {
        let ahead = millis(at.saturating_duration_since(self.now));
        let behind = millis(self.now.saturating_duration_since(at));
        self.unix.as_millis().saturating_add(ahead).saturating_sub(behind)
    }

    /// What seems to come from the future, because the clock was set, came now.
    fn to_instant(self, at: u64) -> Instant {
        self.now.saturating_sub(Duration::from_millis(self.unix.as_millis().saturating_sub(at)))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What was in the file.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) sessions: Vec<StoredSession>,
    pub(crate) logs: Vec<StoredLog>,
    pub(crate) found: Found,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    /// The file, and the marker of this run.
    kept: Option<(PathBuf, Marker)>,
    times: Times,
}

impl Store {
    /// Opens or makes the file, checks it whole, and reads what is in it.
    pub(crate) fn open(
        path: &Path,
        durability: Durability,
        times: Times,
    ) -> Result<(Self, Loaded), DiskError> {
        let file = open_private(path)?;
        let afresh = Marker::is_untrusted(path)?;
        if afresh {
            file.set_len(0)?;
        }
        let marker = Marker::set(path, durability)?;
        let opening = move || {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_LEN_MAX);
            let database = builder.create_with_backend(Bytes::new(file, durability)?)?;
            Self::begin(database, times)
        };
        // Some damage makes the library below panic. That ends the thread that reads the file, not the program.
        let thread = thread::Builder::new().name("disk-check".into());
        let (mut store, mut loaded) = thread::scope(|scope| {
            let opened = thread.spawn_scoped(scope, opening)?.join();
            opened.unwrap_or(Err(DiskError::Corrupt(Damage::Page)))
        })?;
        store.kept = Some((path.into(), marker));
        loaded.found.afresh = afresh;
        Ok((store, loaded))
    }

    /// The same on anything that keeps bytes.
    #[cfg(test)]
    pub(crate) fn open_on(
        backend: impl redb::StorageBackend,
        times: Times,
    ) -> Result<(Self, Loaded), DiskError> {
        Self::begin(Database::builder().create_with_backend(backend)?, times)
    }

    fn begin(mut database: Database, times: Times) -> Result<(Self, Loaded), DiskError> {
        // A page that does not match its checksum is found now, not in the middle of the day.
        database.check_integrity()?;
        prepare(&database)?;
        let mut loaded = load(&database, times)?;
        loaded.found = Found {
            sessions: loaded.sessions.len(),
            logs: loaded.logs.len(),
            events: loaded.logs.iter().map(|log| log.entries.len()).sum(),
            afresh: false,
        };
        Ok((Self { database, kept: None, times }, loaded))
    }

    /// Writes what changed, all of it or nothing.
    pub(crate) fn write(&self, changes: &Changes) -> Result<(), DiskError> {
        let transaction = self.database.begin_write()?;
        write_sessions(&transaction, changes)?;
        self.write_logs(&transaction, changes)?;
        Ok(transaction.commit()?)
    }

    fn write_logs(&self, transaction: &WriteTransaction, changes: &Changes) -> Result<(), DiskError> {
        let mut logs = transaction.open_table(LOGS)?;
        let mut events = transaction.open_table(EVENTS)?;
        for (channel, log) in &changes.logs {
            let kept = logs.get(&**channel)?.map(|row| row.value());
            if let Some((epoch, first, last)) = kept {
                // What the log has forgotten, which is all of it when it has another life.
                let same_life = log.as_ref().filter(|log| log.epoch.get() == epoch);
                let forgotten = same_life.map_or(last + 1, |log| log.first);
                for offset in first..forgotten.min(last + 1) {
                    events.remove((epoch, offset))?;
                }
            }
            let Some(log) = log else {
                logs.remove(&**channel)?;
                continue;
            };
            logs.insert(&**channel, (log.epoch.get(), log.first, log.last))?;
            for (at, entry) in &log.entries {
                events.insert((log.epoch.get(), entry.offset()), (self.times.to_unix(*at), entry.data()))?;
            }
        }
        Ok(())
    }

    /// Ends in order: all is on the disk, and the next start knows it.
    pub(crate) fn close(self) -> Result<(), DiskError> {
        drop(self.database);
        if let Some((path, marker)) = self.kept {
            File::open(path)?.sync_all()?;
            marker.clear()?;
        }
        Ok(())
    }
}

/// Only the owner may read what resumes a session, and only one process at a time may write it.
fn open_private(path: &Path) -> Result<File, DiskError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DiskError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes the tables, or sees that they are of this form.
fn prepare(database: &Database) -> Result<(), DiskError> {
    let transaction = database.begin_write()?;
    {
        let mut numbers = transaction.open_table(NUMBERS)?;
        let version = numbers.get("version")?.map(|row| row.value());
        if let Some(found) = version
            && found != VERSION
        {
            return Err(DiskError::Version { found, known: VERSION });
        }
        numbers.insert("version", VERSION)?;
        transaction.open_table(SESSIONS)?;
        transaction.open_table(LOGS)?;
        transaction.open_table(EVENTS)?;
    }
    Ok(transaction.commit()?)
}

fn write_sessions(transaction: &WriteTransaction, changes: &Changes) -> Result<(), DiskError> {
    let mut table = transaction.open_table(SESSIONS)?;
    for (id, session) in &changes.sessions {
        let key = u128::from_be_bytes(id.to_bytes());
        let Some(session) = session else {
            table.remove(key)?;
            continue;
        };
        let number = |token: ResumeToken| u128::from_be_bytes(token.to_bytes());
        let channels = session.channels.iter().map(|channel| &**channel).collect();
        let row = (
            &*session.user,
            number(session.token),
            session.previous.map(number),
            session.fencing.get(),
            session.last_id,
            session.skipped.clone(),
            channels,
        );
        table.insert(key, row)?;
    }
    Ok(())
}

fn load(database: &Database, times: Times) -> Result<Loaded, DiskError> {
    let transaction = database.begin_read()?;
    let mut sessions = Vec::new();
    for row in transaction.open_table(SESSIONS)?.iter()? {
        let (key, row) = row?;
        let (user, token, previous, fencing, last_id, skipped, channels) = row.value();
        if channels.iter().any(|channel| !is_channel_name(channel)) {
            return Err(DiskError::Corrupt(Damage::Session));
        }
        let secret = |number: u128| ResumeToken::from_bytes(number.to_be_bytes());
        sessions.push(StoredSession {
            session: SessionId::from_bytes(key.value().to_be_bytes()),
            user: user.into(),
            token: secret(token),
            previous: previous.map(secret),
            fencing: Fencing::new(fencing),
            last_id,
            skipped,
            channels: channels.into_iter().map(Arc::from).collect(),
        });
    }
    let mut events: BTreeMap<u64, Vec<(Instant, Arc<Entry>)>> = BTreeMap::new();
    for row in transaction.open_table(EVENTS)?.iter()? {
        let (key, row) = row?;
        let ((epoch, offset), (at, data)) = (key.value(), row.value());
        let entry = Arc::new(Entry::new(offset, data.into()));
        events.entry(epoch).or_default().push((times.to_instant(at), entry));
    }
    let mut logs = Vec::new();
    for row in transaction.open_table(LOGS)?.iter()? {
        let (channel, row) = row?;
        let (epoch, first, last) = row.value();
        let entries = events.remove(&epoch).unwrap_or_default();
        let offsets = entries.iter().map(|(_, entry)| entry.offset());
        if !offsets.eq(first..last.saturating_add(1)) {
            return Err(DiskError::Corrupt(Damage::Log));
        }
        logs.push(StoredLog {
            channel: channel.value().into(),
            epoch: Epoch::new(epoch),
            last,
            first,
            entries,
        });
    }
    // Events of no log.
    if !events.is_empty() {
        return Err(DiskError::Corrupt(Damage::Log));
    }
    Ok(Loaded { sessions, logs, found: Found::default() })
}

#[cfg(test)]
mod tests;
