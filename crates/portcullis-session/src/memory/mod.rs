//! The backend in memory: for one machine, for tests, and as the model that the others are held to.

mod channel;
mod journal;
mod log;
mod publish;
mod session;
mod subscribe;

use alloc::collections::{BTreeSet, VecDeque};

use hashbrown::HashMap;
use portcullis_time::Instant;

use crate::{
    Arc,
    boundary::{Backend, Caller, Command, Completion, Refusal},
    config::Config,
    id::{ConnectionId, Epoch, NodeId, SessionId},
    name::is_user_channel,
    random::Random,
};
use channel::Channel;
use journal::Journal;
pub use journal::{Changes, StoredLog, StoredSession};
use session::Session;

/// What becomes due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A session's client did not come back.
    Session(SessionId),
    /// Joins and leaves of a channel are told.
    Presence(Arc<str>),
    /// Events of a channel grow too old.
    Expiry(Arc<str>),
}

/// What an operator may know of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo<'a> {
    /// Its name.
    pub session: SessionId,
    /// Whose it is.
    pub user: &'a str,
    /// The node that holds its connection; `None` while its client is away.
    pub node: Option<NodeId>,
    /// How many channels it holds, the user's own not among them.
    pub channel_count: usize,
    /// The last message id that was applied in it.
    pub last_id: u64,
}

/// Sessions, channels and logs in memory, deterministic in its commands, its times and its seed.
///
/// ```
/// use portcullis_session::{Backend, Command, Completion, Config, ConnectionId, MemoryBackend, NodeId, ResumeToken, SessionId};
/// use portcullis_time::Instant;
///
/// let (now, node) = (Instant::ORIGIN, NodeId::new(0));
/// let mut backend = MemoryBackend::new(Config::default(), [7; 32]);
/// backend.submit(now, node, Command::Open {
///     connection: ConnectionId::new(1),
///     user: "alice",
///     session: SessionId::from_bytes([1; 16]),
///     token: ResumeToken::from_bytes([2; 16]),
///     resume: None,
///     since: None,
/// });
/// let answer = backend.poll_completion();
/// assert!(matches!(answer, Some((_, Completion::Opened { recovered: false, .. }))));
/// ```
#[derive(Debug)]
pub struct MemoryBackend {
    config: Config,
    random: Random,
    sessions: HashMap<SessionId, Session>,
    /// Sessions of each user.
    users: HashMap<Arc<str>, usize>,
    channels: HashMap<Arc<str>, Channel>,
    log_bytes: usize,
    due: BTreeSet<(Instant, Due)>,
    completions: VecDeque<(NodeId, Completion)>,
    /// What changed, where somebody keeps it.
    journal: Option<Journal>,
}

impl MemoryBackend {
    /// Empty. `seed` must be unpredictable: epochs come from it.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            config,
            random: Random::new(seed),
            sessions: HashMap::new(),
            users: HashMap::new(),
            channels: HashMap::new(),
            log_bytes: 0,
            due: BTreeSet::new(),
            completions: VecDeque::new(),
            journal: None,
        }
    }

    /// Takes on other limits, from the next command on. What is held beyond them stays until its time is over: sessions,
    /// subscriptions and the ends that were set for them; a log is cut when its channel gets its next event.
    pub const fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// How many sessions there are, those whose clients are away among them.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// All sessions, in no order. O(n).
    pub fn sessions(&self) -> impl Iterator<Item = SessionInfo<'_>> {
        self.sessions.iter().map(|(id, session)| SessionInfo {
            session: *id,
            user: &session.user,
            node: session.connection.is_some().then_some(session.node),
            channel_count: session.held.len(),
            last_id: session.last_id,
        })
    }

    /// How many channels there are.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// Bytes of events in all logs, each with its [`ENTRY_COST`](crate::ENTRY_COST).
    #[must_use]
    pub const fn log_bytes(&self) -> usize {
        self.log_bytes
    }

    fn complete(&mut self, node: NodeId, completion: Completion) {
        self.completions.push_back((node, completion));
    }

    fn refuse(&mut self, node: NodeId, connection: ConnectionId, id: Option<u64>, reason: Refusal) {
        self.complete(node, Completion::Refused { connection, id, channel: None, reason });
    }

    fn refuse_channel(&mut self, node: NodeId, connection: ConnectionId, channel: &str, reason: Refusal) {
        let channel = Some(Arc::from(channel));
        self.complete(node, Completion::Refused { connection, id: None, channel, reason });
    }

    /// The session that `caller` holds; an older connection holds nothing any more.
    fn held(&mut self, caller: &Caller) -> Result<&mut Session, Refusal> {
        let session = self.sessions.get_mut(&caller.session).ok_or(Refusal::Fenced)?;
        let is_holder = session.fencing == caller.fencing && session.connection == Some(caller.connection);
        if is_holder { Ok(session) } else { Err(Refusal::Fenced) }
    }

    /// The channel `name`, made if need be. Not for own channels.
    fn channel_or_new(&mut self, name: &str) -> Result<&mut Channel, Refusal> {
        if !self.channels.contains_key(name) {
            // Each user with a session has one own channel, which is bounded by the number of sessions.
            let count = self.channels.len().saturating_sub(self.users.len());
            if count >= self.config.channels_max {
                return Err(Refusal::TooManyChannels);
            }
            self.make_channel(name);
        }
        self.channels.get_mut(name).ok_or(Refusal::TooManyChannels)
    }

    fn make_channel(&mut self, name: &str) {
        let (name, epoch) = (Arc::<str>::from(name), Epoch::new(self.random.next()));
        self.note_channel(&name, 0);
        self.channels.insert(name.clone(), Channel::new(name, epoch));
    }

    /// After a change of presence: it will be told.
    fn schedule_presence(&mut self, now: Instant, name: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        if channel.presence_at.is_none() {
            let at = now + self.config.presence_interval;
            channel.presence_at = Some(at);
            self.due.insert((at, Due::Presence(channel.name.clone())));
        }
    }

    /// After an event: the log will be looked at when its oldest grows too old.
    fn schedule_expiry(&mut self, name: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        if channel.expiry_at.is_none()
            && let Some(at) = channel.log.expires_at(&self.config)
        {
            channel.expiry_at = Some(at);
            self.due.insert((at, Due::Expiry(channel.name.clone())));
        }
    }

    /// Forgets a channel that nobody holds and that has nothing to recover. Its next life has another epoch.
    fn drop_if_over(&mut self, name: &str) {
        let is_over = self.channels.get(name).is_some_and(Channel::is_over);
        if is_over && !is_user_channel(name) {
            self.forget_channel(name);
        }
    }

    fn forget_channel(&mut self, name: &str) {
        let Some(channel) = self.channels.remove(name) else { return };
        self.note_channel(&channel.name, 0);
        self.log_bytes -= channel.log.bytes();
        let presence = channel.presence_at.map(|at| (at, Due::Presence(channel.name.clone())));
        let expiry = channel.expiry_at.map(|at| (at, Due::Expiry(channel.name.clone())));
        for due in [presence, expiry].into_iter().flatten() {
            self.due.remove(&due);
        }
    }

    fn tell_presence(&mut self, name: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        for completion in channel.take_presence(self.config.users_listed_max) {
            self.completions.extend(channel.nodes().map(|node| (node, completion.clone())));
        }
        self.drop_if_over(name);
    }

    fn expire_log(&mut self, now: Instant, name: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        channel.expiry_at = None;
        let before = channel.log.bytes();
        channel.log.expire(now, &self.config);
        let (name, last) = (&channel.name.clone(), channel.log.end().offset);
        let forgotten = before - channel.log.bytes();
        self.log_bytes -= forgotten;
        if forgotten > 0 {
            self.note_channel(name, last);
        }
        self.schedule_expiry(name);
        self.drop_if_over(name);
    }
}

impl Backend for MemoryBackend {
    fn submit(&mut self, now: Instant, node: NodeId, command: Command<'_>) {
        // A driver may be late: what was due before the command happens before it.
        self.handle_timeout(now);
        match command {
            Command::Open { connection, user, session, token, resume, since } => {
                let opening = session::Opening { connection, user, session, token, resume, since };
                self.open(node, opening);
            }
            Command::Close { caller, resumable } => self.close(now, &caller, resumable),
            Command::Subscribe { caller, channel, since } => {
                if let Err(reason) = self.subscribe(now, node, &caller, channel, since) {
                    self.refuse_channel(node, caller.connection, channel, reason);
                }
            }
            Command::Unsubscribe { caller, channel } => {
                if let Err(reason) = self.unsubscribe(now, node, &caller, channel) {
                    self.refuse_channel(node, caller.connection, channel, reason);
                }
            }
            Command::Publish { caller, id, target, data } => {
                if let Err(reason) =
                    self.publish(now, node, &caller, &publish::Publication { id, target, data })
                {
                    self.refuse(node, caller.connection, id, reason);
                }
            }
            Command::Apply { caller, id } => {
                if let Err(reason) = self.apply(node, &caller, id) {
                    self.refuse(node, caller.connection, Some(id), reason);
                }
            }
            Command::Announce { connection, target, data } => match self.announce(now, target, data) {
                Ok(position) => {
                    let position = Some(position);
                    self.complete(node, Completion::Published { connection, id: None, position });
                }
                Err(reason) => self.refuse(node, connection, None, reason),
            },
        }
    }

    fn poll_completion(&mut self) -> Option<(NodeId, Completion)> {
        self.completions.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn handle_timeout(&mut self, now: Instant) {
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            match self.due.pop_first() {
                Some((_, Due::Session(session))) => self.end_session(now, session),
                Some((_, Due::Presence(channel))) => self.tell_presence(&channel),
                Some((_, Due::Expiry(channel))) => self.expire_log(now, &channel),
                None => {}
            }
        }
    }
}
