//! What must outlive the process: noted while commands are carried out, taken by whoever keeps it, given back at the
//! next start.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use portcullis_time::Instant;

use super::{Due, MemoryBackend, channel::Channel, log::Log, session::Session, subscribe::own_channel};
use crate::{
    Arc,
    boundary::Entry,
    config::Config,
    id::{Epoch, Fencing, ResumeToken, SessionId},
};

/// Names of what changed. A thing that changed twice is noted once, and read when it is taken.
#[derive(Debug, Default)]
pub(super) struct Journal {
    sessions: BTreeSet<SessionId>,
    /// With the last offset that was there when they were last taken.
    channels: BTreeMap<Arc<str>, u64>,
}

/// A session, without its connection: that one does not survive.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "written and read by whoever keeps it")]
pub struct StoredSession {
    /// Its name.
    pub session: SessionId,
    /// Whose it is.
    pub user: Arc<str>,
    /// The secret that resumes it.
    pub token: ResumeToken,
    /// The secret before, good until the client has shown the newer one.
    pub previous: Option<ResumeToken>,
    /// What its last connection was given.
    pub fencing: Fencing,
    /// The last message id that was applied in it.
    pub last_id: u64,
    /// Ids before it that were not applied, the latest of them.
    pub skipped: Vec<u64>,
    /// The channels that it holds, the user's own not among them.
    pub channels: Vec<Arc<str>>,
}

/// A channel's log, or what is new of it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "written and read by whoever keeps it")]
pub struct StoredLog {
    /// The channel.
    pub channel: Arc<str>,
    /// The life of the log.
    pub epoch: Epoch,
    /// The offset of the last event; 0 before the first.
    pub last: u64,
    /// The offset of the oldest event that is kept: `last + 1` when none is.
    pub first: u64,
    /// Events with the moments at which they came, in their order, without holes. They end at `last`. In [`Changes`]
    /// they are those that came since the last time.
    pub entries: Vec<(Instant, Arc<Entry>)>,
}

/// What changed since the last time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Changes {
    /// Sessions as they are now; `None` is one that ended.
    pub sessions: Vec<(SessionId, Option<StoredSession>)>,
    /// Logs as they are now, with their new events; `None` is a channel that is forgotten. Another epoch than before is
    /// another life: nothing of the old one is left.
    pub logs: Vec<(Arc<str>, Option<StoredLog>)>,
}

impl Changes {
    /// Whether nothing changed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.logs.is_empty()
    }
}

impl MemoryBackend {
    /// From now on notes what changes, for [`MemoryBackend::take_changes`]. It must then be called from time to time: a
    /// note costs some bytes for each session and channel that changed.
    #[must_use]
    pub fn with_journal(mut self) -> Self {
        self.journal = Some(Journal::default());
        self
    }

    /// Whether [`MemoryBackend::take_changes`] has something to give.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.journal
            .as_ref()
            .is_some_and(|journal| !(journal.sessions.is_empty() && journal.channels.is_empty()))
    }

    /// What changed since the last call, or since [`MemoryBackend::with_journal`]. What has been kept of all calls
    /// together is what [`MemoryBackend::restore`] wants. O(n) in what changed.
    pub fn take_changes(&mut self) -> Changes {
        let Some(journal) = &mut self.journal else { return Changes::default() };
        let Journal { sessions, channels } = core::mem::take(journal);
        let session = |id| (id, self.sessions.get(&id).map(|session: &Session| session.stored(id)));
        let log = |(name, since): (Arc<str>, u64)| {
            let stored = self.channels.get(&name).map(|channel| channel.stored(since));
            (name, stored)
        };
        Changes {
            sessions: sessions.into_iter().map(session).collect(),
            logs: channels.into_iter().map(log).collect(),
        }
    }

    /// A backend that goes on where another one ended: every session waits for its client for a whole resume window from
    /// `now` on, every log has its events. Logs without a session or an event are forgotten, and so are the sessions and
    /// channels that the configuration has no room for. It has a journal, and what it forgot is the first thing in it.
    #[must_use]
    pub fn restore(
        config: Config,
        seed: [u8; 32],
        now: Instant,
        sessions: impl IntoIterator<Item = StoredSession>,
        logs: impl IntoIterator<Item = StoredLog>,
    ) -> Self {
        let mut backend = Self::new(config, seed).with_journal();
        for log in logs {
            let mut channel = Channel::new(log.channel.clone(), log.epoch);
            channel.log = Log::restored(log.epoch, log.last, log.entries);
            backend.log_bytes += channel.log.bytes();
            backend.channels.insert(log.channel, channel);
        }
        for session in sessions {
            backend.restore_session(now, session);
        }
        let names: Vec<Arc<str>> = backend.channels.keys().cloned().collect();
        for name in names {
            backend.expire_log(now, &name);
            let is_orphan = |user| !backend.users.contains_key(user);
            if name.strip_prefix(crate::USER_PREFIX).is_some_and(is_orphan) {
                backend.forget_channel(&name);
            }
        }
        // Nobody is connected who could be told of anything yet.
        backend.completions.clear();
        backend
    }

    fn restore_session(&mut self, now: Instant, stored: StoredSession) {
        let id = stored.session;
        let of_user = self.users.get(&stored.user).copied().unwrap_or(0);
        if self.sessions.len() >= self.config.sessions_max || of_user >= self.config.sessions_per_user_max {
            return self.note_session(id);
        }
        *self.users.entry(stored.user.clone()).or_insert(0) += 1;
        let own = own_channel(&stored.user);
        if !self.channels.contains_key(own.as_str()) {
            self.make_channel(&own);
        }
        let mut session = Session::restored(stored, now + self.config.resume_window);
        session.held.retain(|held| match self.channel_or_new(&held.channel) {
            Ok(channel) => {
                channel.join(&session.user);
                channel.forget_presence_changes();
                true
            }
            Err(_) => false,
        });
        self.due.insert((now + self.config.resume_window, Due::Session(id)));
        self.sessions.insert(id, session);
    }

    /// The session will be kept as it then is, or forgotten.
    pub(super) fn note_session(&mut self, id: SessionId) {
        if let Some(journal) = &mut self.journal {
            journal.sessions.insert(id);
        }
    }

    /// The channel will be kept as it then is, with its events behind `last`, or forgotten.
    pub(super) fn note_channel(&mut self, name: &Arc<str>, last: u64) {
        let Some(journal) = &mut self.journal else { return };
        match journal.channels.get_mut(name) {
            // Another life has nothing in common with what was kept.
            Some(since) => *since = (*since).min(last),
            None => {
                journal.channels.insert(name.clone(), last);
            }
        }
    }
}

impl Channel {
    fn stored(&self, since: u64) -> StoredLog {
        let end = self.log.end();
        StoredLog {
            channel: self.name.clone(),
            epoch: end.epoch,
            last: end.offset,
            first: self.log.first(),
            entries: self.log.behind(since),
        }
    }
}
