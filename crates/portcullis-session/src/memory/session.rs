//! Sessions: opened, taken over, left, ended.

use alloc::{collections::VecDeque, vec::Vec};

use portcullis_time::Instant;

use super::{Due, MemoryBackend, journal::StoredSession, subscribe::own_channel};
use crate::{
    Arc,
    boundary::{Caller, Completion, Refusal, Resume},
    config::SKIPPED_MAX,
    id::{ConnectionId, Fencing, NodeId, Position, ResumeToken, SessionId},
};

/// A channel that a session holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) channel: Arc<str>,
    /// Whether it is delivered to the session's connection.
    pub(super) delivers: bool,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: Arc<str>,
    token: ResumeToken,
    /// The secret that brought the session here. It stays good until the client has shown the newer one: an answer
    /// that was lost with its connection costs nobody the session.
    previous: Option<ResumeToken>,
    pub(super) fencing: Fencing,
    pub(super) node: NodeId,
    /// `None` while its client is away.
    pub(super) connection: Option<ConnectionId>,
    /// The last message id that was applied.
    pub(super) last_id: u64,
    /// Ids before it that were not applied, the latest of them.
    skipped: VecDeque<u64>,
    /// The channels that it holds, its user's own not among them.
    pub(super) held: Vec<Held>,
    /// When it ends, while its client is away.
    ends_at: Option<Instant>,
}

/// What [`crate::Command::Open`] says.
pub(super) struct Opening<'a> {
    pub(super) connection: ConnectionId,
    pub(super) user: &'a str,
    pub(super) session: SessionId,
    pub(super) token: ResumeToken,
    pub(super) resume: Option<Resume>,
    pub(super) since: Option<Position>,
}

impl MemoryBackend {
    pub(super) fn open(&mut self, node: NodeId, opening: Opening<'_>) {
        let connection = opening.connection;
        let taken = opening.resume.filter(|resume| self.may_take_over(opening.user, resume));
        let recovered = taken.is_some();
        let opened = match taken {
            Some(resume) => {
                self.take_over(node, &opening, &resume);
                Ok(resume.session)
            }
            None => self.open_new(node, &opening).map(|()| opening.session),
        };
        let id = match opened {
            Ok(id) => id,
            Err(reason) => return self.refuse(node, connection, None, reason),
        };
        let Some(session) = self.sessions.get(&id) else { return };
        let (fencing, last_id) = (session.fencing, session.last_id);
        let skipped = session.skipped.iter().copied().collect();
        let channels = session.held.iter().map(|held| held.channel.clone()).collect();
        let opened =
            Completion::Opened { connection, session: id, fencing, recovered, last_id, skipped, channels };
        self.complete(node, opened);
        self.deliver_own(node, connection, opening.user, opening.since);
    }

    /// The right secret, of a session of the same user.
    fn may_take_over(&self, user: &str, resume: &Resume) -> bool {
        let Some(session) = self.sessions.get(&resume.session) else { return false };
        let is_current = session.token.matches(&resume.token);
        let is_previous = session.previous.is_some_and(|previous| previous.matches(&resume.token));
        (is_current || is_previous) && *session.user == *user
    }

    fn open_new(&mut self, node: NodeId, opening: &Opening<'_>) -> Result<(), Refusal> {
        if self.sessions.contains_key(&opening.session) {
            // Session ids come from random bytes; one that is in use must not displace its owner.
            return Err(Refusal::Unavailable);
        }
        let of_user = self.users.get(opening.user).copied().unwrap_or(0);
        if self.sessions.len() >= self.config.sessions_max || of_user >= self.config.sessions_per_user_max {
            return Err(Refusal::TooManySessions);
        }
        let user = Arc::<str>::from(opening.user);
        *self.users.entry(user.clone()).or_insert(0) += 1;
        if of_user == 0 {
            // The own channel lives from the user's first session to the end of the last, clients away or not.
            self.make_channel(&own_channel(opening.user));
        }
        let session = Session {
            user,
            token: opening.token,
            previous: None,
            fencing: Fencing(1),
            node,
            connection: Some(opening.connection),
            last_id: 0,
            skipped: VecDeque::new(),
            held: Vec::new(),
            ends_at: None,
        };
        self.sessions.insert(opening.session, session);
        self.note_session(opening.session);
        Ok(())
    }

    /// Gives the session to the new connection. The older one, if it still lives, has lost it.
    fn take_over(&mut self, node: NodeId, opening: &Opening<'_>, resume: &Resume) {
        let id = resume.session;
        self.stop_delivery(id);
        self.note_session(id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.fencing.0 += 1;
        session.previous = Some(resume.token);
        session.token = opening.token;
        let replaced = session.connection.replace(opening.connection).map(|older| (session.node, older));
        session.node = node;
        if let Some(at) = session.ends_at.take() {
            self.due.remove(&(at, Due::Session(id)));
        }
        if let Some((node, connection)) = replaced {
            self.complete(node, Completion::Replaced { connection, session: id });
        }
    }

    pub(super) fn close(&mut self, now: Instant, caller: &Caller, resumable: bool) {
        if self.held(caller).is_err() {
            // A newer connection holds the session: a late goodbye ends nothing of it.
            return;
        }
        self.stop_delivery(caller.session);
        let ends_at = now + self.config.resume_window;
        if let Some(session) = self.sessions.get_mut(&caller.session) {
            session.connection = None;
            session.ends_at = resumable.then_some(ends_at);
        }
        if resumable {
            self.due.insert((ends_at, Due::Session(caller.session)));
        } else {
            self.end_session(now, caller.session);
        }
    }

    /// Nothing goes to the session's connection any more; its channels stay held.
    fn stop_delivery(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.connection.is_none() {
            return;
        }
        let node = session.node;
        for held in session.held.iter_mut().filter(|held| held.delivers) {
            held.delivers = false;
            if let Some(channel) = self.channels.get_mut(&held.channel) {
                channel.remove_receiver(node);
            }
        }
        let own = own_channel(&session.user);
        if let Some(channel) = self.channels.get_mut(own.as_str()) {
            channel.remove_receiver(node);
        }
    }

    /// Forgets a session whose client is gone for good.
    pub(super) fn end_session(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.note_session(id);
        for held in &session.held {
            self.let_go(now, &held.channel, &session.user);
        }
        if let Some(count) = self.users.get_mut(&session.user) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&session.user);
                self.forget_channel(&own_channel(&session.user));
            }
        }
    }

    /// A session of `user` no longer holds `name`.
    pub(super) fn let_go(&mut self, now: Instant, name: &str, user: &Arc<str>) {
        let is_news = self.channels.get_mut(name).is_some_and(|channel| channel.leave(user));
        if is_news {
            self.schedule_presence(now, name);
        } else {
            self.drop_if_over(name);
        }
    }
}

impl Session {
    /// The message `id`, which is above the last one, was applied; those between the two were not.
    pub(super) fn apply(&mut self, id: u64) {
        let kept = u64::try_from(SKIPPED_MAX).unwrap_or(u64::MAX);
        let first = (self.last_id + 1).max(id.saturating_sub(kept));
        self.skipped.extend(first..id);
        let too_many = self.skipped.len().saturating_sub(SKIPPED_MAX);
        self.skipped.drain(..too_many);
        self.last_id = id;
    }
}

/// What of a session must outlive its process.
impl Session {
    pub(super) fn stored(&self, session: SessionId) -> StoredSession {
        StoredSession {
            session,
            user: self.user.clone(),
            token: self.token,
            previous: self.previous,
            fencing: self.fencing,
            last_id: self.last_id,
            skipped: self.skipped.iter().copied().collect(),
            channels: self.held.iter().map(|held| held.channel.clone()).collect(),
        }
    }

    /// A session whose client is away until `ends_at`.
    pub(super) fn restored(stored: StoredSession, ends_at: Instant) -> Self {
        let away = |channel| Held { channel, delivers: false };
        Self {
            user: stored.user,
            token: stored.token,
            previous: stored.previous,
            fencing: stored.fencing,
            node: NodeId::new(0),
            connection: None,
            last_id: stored.last_id,
            skipped: stored.skipped.into(),
            held: stored.channels.into_iter().map(away).collect(),
            ends_at: Some(ends_at),
        }
    }
}
