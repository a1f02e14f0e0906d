//! The model, the devices, and the backend between them.
use std::collections::{BTreeMap, BTreeSet};

use portcullis_session::{
    Backend, Caller, Command, Completion, Config, ConnectionId, ENTRY_COST, Epoch, Fencing, MemoryBackend,
    NodeId, Position, Refusal, Resume, ResumeToken, SessionId, Subscribers, Target,
};
use portcullis_time::Instant;

use super::super::world::millis;

pub(super) const USERS: [&str; 3] = ["alice", "bob", "carol"];
pub(super) const CHANNELS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Open { user: usize, node: u32 },
    Resume { client: usize, node: u32, stale_token: bool },
    Close { client: usize, resumable: bool },
    Subscribe { client: usize, channel: usize, with_since: bool },
    Unsubscribe { client: usize, channel: usize },
    Publish { client: usize, channel: usize, id_step: i8, len: usize },
    Tell { client: usize, user: usize },
    Pass { millis: u64 },
    Oversleep { millis: u64 },
}

fn config() -> Config {
    let mut config = Config::default();
    config.log_events_max = 8;
    config.log_bytes_max = 3_000;
    config.log_bytes_total_max = 6_000;
    config.recovery_bytes_max = 1_500;
    config.subscriptions_max = 3;
    config.sessions_max = 6;
    config.sessions_per_user_max = 3;
    config.channels_max = 3;
    config
}

/// What the model knows of a session: the truth, kept simply.
#[derive(Clone, Debug)]
struct Truth {
    session: SessionId,
    user: &'static str,
    token: [u8; 16],
    previous: Option<[u8; 16]>,
    fencing: Fencing,
    connection: Option<ConnectionId>,
    last_id: u64,
    held: Vec<&'static str>,
    ends_at: Option<Instant>,
}

/// A client's side of one connection. It stays when the connection ends, as a ghost that still talks.
#[derive(Clone, Debug)]
pub(super) struct Device {
    user: &'static str,
    node: NodeId,
    caller: Caller,
    token: [u8; 16],
    /// What it has seen of each channel, its own among them.
    seen: BTreeMap<String, Position>,
    /// Whom it believes present.
    present: BTreeMap<String, BTreeSet<String>>,
}

/// A log that forgets nothing, beside what the backend should still keep of it.
#[derive(Debug)]
struct Log {
    epoch: Epoch,
    all: Vec<Vec<u8>>,
    /// When each was published, and what it costs; the last is the last of `all`.
    kept: Vec<(Instant, usize)>,
}

impl Log {
    const fn new(epoch: Epoch) -> Self {
        Self { epoch, all: Vec::new(), kept: Vec::new() }
    }

    fn end(&self) -> Position {
        Position::new(self.epoch, self.all.len() as u64)
    }

    fn bytes(&self) -> usize {
        self.kept.iter().map(|(_, cost)| cost).sum()
    }

    /// How many events an answer to `since` must bring; `None` for a gap.
    fn since(&self, since: Position) -> Option<usize> {
        let missed = usize::try_from(self.end().offset.checked_sub(since.offset)?).unwrap();
        let bytes: usize = self.kept.iter().rev().take(missed).map(|(_, cost)| cost).sum();
        let is_whole = since.epoch == self.epoch && missed <= self.kept.len();
        (is_whole && bytes <= config().recovery_bytes_max).then_some(missed)
    }
}

#[derive(Debug)]
pub(super) struct Lab {
    now: Instant,
    pub(super) backend: MemoryBackend,
    tables: BTreeMap<NodeId, Subscribers>,
    sessions: Vec<Truth>,
    pub(super) devices: Vec<Device>,
    logs: BTreeMap<String, Log>,
    numbers: u64,
    /// When somebody last came or went anywhere.
    changed_at: Instant,
    pub(super) answers: Vec<Completion>,
}

impl Lab {
    pub(super) fn new() -> Self {
        Self {
            now: Instant::from_millis(1),
            backend: MemoryBackend::new(config(), [3; 32]),
            tables: BTreeMap::new(),
            sessions: Vec::new(),
            devices: Vec::new(),
            logs: BTreeMap::new(),
            numbers: 0,
            changed_at: Instant::ORIGIN,
            answers: Vec::new(),
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn bytes(&mut self) -> [u8; 16] {
        u128::from(self.number()).to_be_bytes()
    }

    /// The model's own clockwork: windows and ages that are over.
    fn tick(&mut self) {
        let (now, before) = (self.now, self.sessions.len());
        self.sessions.retain(|truth| truth.ends_at.is_none_or(|at| at > now));
        if self.sessions.len() != before {
            self.changed_at = now;
        }
        self.forget_own_logs();
        for log in self.logs.values_mut() {
            log.kept.retain(|(at, _)| *at + config().log_age_max > now);
        }
    }

    /// An own channel ends with the last session of its user.
    fn forget_own_logs(&mut self) {
        let sessions = &self.sessions;
        let is_left = |name: &str| match name.strip_prefix("user:") {
            Some(user) => sessions.iter().any(|truth| truth.user == user),
            None => true,
        };
        self.logs.retain(|name, _| is_left(name));
    }

    fn submit(&mut self, node: NodeId, command: Command<'_>) {
        self.tick();
        self.answers.clear();
        self.backend.submit(self.now, node, command);
        self.read();
    }

    /// A node's work: fan-out by its table, answers to their connection.
    fn read(&mut self) {
        while let Some((node, completion)) = self.backend.poll_completion() {
            match &completion {
                Completion::Event { channel, epoch, entry } => {
                    for connection in self.receivers(node, channel) {
                        let seen = self.device(node, connection).seen.get_mut(&**channel).unwrap();
                        assert_eq!(seen.epoch, *epoch, "a log's life ends only when nobody receives it");
                        assert_eq!(entry.offset(), seen.offset + 1, "no hole, no duplicate");
                        seen.offset += 1;
                    }
                }
                Completion::Presence { channel, joined, left } => {
                    assert!(!(joined.is_empty() && left.is_empty()));
                    assert!(joined.iter().all(|user| !left.contains(user)));
                    for connection in self.receivers(node, channel) {
                        let users = self.device(node, connection).present.get_mut(&**channel).unwrap();
                        users.extend(joined.iter().map(ToString::to_string));
                        users.retain(|user| !left.iter().any(|gone| **gone == **user));
                    }
                }
                Completion::Replaced { connection, .. } => {
                    self.tables.entry(node).or_default().remove_connection(*connection);
                }
                Completion::Subscribed { connection, channel, .. } => {
                    self.tables.entry(node).or_default().subscribe(channel, *connection);
                    self.answers.push(completion);
                }
                Completion::Unsubscribed { connection, channel } => {
                    self.tables.entry(node).or_default().unsubscribe(channel, *connection);
                    self.answers.push(completion);
                }
                _ => self.answers.push(completion),
            }
        }
    }

    fn receivers(&mut self, node: NodeId, channel: &str) -> Vec<ConnectionId> {
        let receivers: Vec<_> = self.tables.entry(node).or_default().of(channel).collect();
        assert!(!receivers.is_empty(), "a node is told only what somebody there receives");
        receivers
    }

    fn device(&mut self, node: NodeId, connection: ConnectionId) -> &mut Device {
        let is_it = |device: &&mut Device| (device.node, device.caller.connection) == (node, connection);
        self.devices.iter_mut().find(is_it).expect("a receiver is a device")
    }

    fn pick(&self, client: usize) -> Option<Device> {
        let index = client.checked_rem(self.devices.len())?;
        // Recent ones mostly: the others are ghosts.
        self.devices.iter().rev().nth(index / 2).cloned()
    }

    fn holds(&self, caller: &Caller) -> Option<usize> {
        self.sessions.iter().position(|truth| {
            truth.session == caller.session
                && truth.fencing == caller.fencing
                && truth.connection == Some(caller.connection)
        })
    }

    fn is_held(&self, channel: &str) -> bool {
        self.sessions.iter().any(|truth| truth.held.contains(&channel))
    }

    fn users(&self, channel: &str) -> BTreeSet<String> {
        let holders = self.sessions.iter().filter(|truth| truth.held.contains(&channel));
        holders.map(|truth| truth.user.to_owned()).collect()
    }

    fn refused(&self) -> Option<Refusal> {
        match self.answers.as_slice() {
            [Completion::Refused { reason, .. }] => Some(*reason),
            _ => None,
        }
    }

    /// The answer to a subscription, held against the model. Returns where the channel stands.
    fn check_subscribed(&mut self, since: Option<Position>, was_held: bool) -> Position {
        let Some(Completion::Subscribed { channel, position, recovered, events, users, user_count, .. }) =
            self.answers.last()
        else {
            panic!("{:?}", self.answers)
        };
        let (name, position) = (channel.to_string(), *position);
        let log = self.logs.entry(name.clone()).or_insert_with(|| Log::new(position.epoch));
        if log.epoch != position.epoch {
            assert!(!was_held && log.kept.is_empty(), "a life of a log ends only when nothing needs it");
            *log = Log::new(position.epoch);
        }
        assert_eq!(position, log.end());
        let missed = since.and_then(|since| log.since(since));
        assert_eq!(*recovered, missed.is_some(), "since {since:?} at {position:?}");
        assert_eq!(events.len(), missed.unwrap_or(0));
        let tail = log.all.iter().enumerate().skip(log.all.len() - events.len());
        for (entry, (index, data)) in events.iter().zip(tail) {
            assert_eq!((entry.offset(), entry.data()), (index as u64 + 1, data.as_slice()));
        }
        let listed: BTreeSet<_> = users.iter().map(ToString::to_string).collect();
        assert_eq!(*user_count, users.len());
        assert_eq!(listed, self.users(&name));
        position
    }

    fn open(&mut self, user: &'static str, node: u32, from: Option<(&Device, [u8; 16])>) {
        self.tick();
        let own = format!("user:{user}");
        let (node, connection) = (NodeId::new(node), ConnectionId::new(self.number()));
        let (session, token) = (SessionId::from_bytes(self.bytes()), self.bytes());
        let resume = from.map(|(device, secret)| Resume {
            session: device.caller.session,
            token: ResumeToken::from_bytes(secret),
        });
        let seen = from.map(|(device, _)| device.seen.clone()).unwrap_or_default();
        let since = seen.get(&own).copied();
        let is_it = |truth: &Truth| {
            from.is_some_and(|(device, secret)| {
                let is_good = truth.token == secret || truth.previous == Some(secret);
                is_good && (truth.session, truth.user) == (device.caller.session, user)
            })
        };
        let taken = self.sessions.iter().position(is_it);
        let of_user = self.sessions.iter().filter(|truth| truth.user == user).count();
        let is_full =
            self.sessions.len() >= config().sessions_max || of_user >= config().sessions_per_user_max;
        let command =
            Command::Open { connection, user, session, token: ResumeToken::from_bytes(token), resume, since };
        self.submit(node, command);
        if taken.is_none() && is_full {
            return assert_eq!(self.refused(), Some(Refusal::TooManySessions));
        }
        let [Completion::Opened { session, fencing, recovered, last_id, channels, .. }, _] =
            self.answers.as_slice()
        else {
            panic!("{:?}", self.answers)
        };
        let (session, fencing) = (*session, *fencing);
        assert_eq!(*recovered, taken.is_some());
        let truth = Truth {
            session,
            user,
            token,
            previous: taken.and(from).map(|(_, secret)| secret),
            fencing,
            connection: Some(connection),
            last_id: *last_id,
            held: taken.map(|index| self.sessions[index].held.clone()).unwrap_or_default(),
            ends_at: None,
        };
        assert!(channels.iter().map(|channel| &**channel).eq(truth.held.iter().copied()));
        match taken {
            Some(index) => {
                assert_eq!(*last_id, self.sessions[index].last_id);
                assert!(fencing > self.sessions[index].fencing);
                self.sessions[index] = truth;
            }
            None => {
                assert_eq!(*last_id, 0);
                self.sessions.push(truth);
            }
        }
        let position = self.check_subscribed(since, of_user > 0);
        let caller = Caller { connection, session, fencing };
        let mut device = Device { user, node, caller, token, seen, present: BTreeMap::new() };
        device.seen.insert(own.clone(), position);
        device.present.insert(own, BTreeSet::new());
        self.devices.push(device);
    }

    pub(super) fn close(&mut self, device: &Device, resumable: bool) {
        self.submit(device.node, Command::Close { caller: device.caller, resumable });
        self.tables.entry(device.node).or_default().remove_connection(device.caller.connection);
        assert_eq!(self.answers, []);
        let Some(index) = self.holds(&device.caller) else { return };
        if resumable {
            self.sessions[index].connection = None;
            self.sessions[index].ends_at = Some(self.now + config().resume_window);
        } else {
            self.sessions.remove(index);
            self.changed_at = self.now;
            self.forget_own_logs();
        }
    }

    fn subscribe(&mut self, device: &Device, channel: &'static str, with_since: bool) {
        let since = device.seen.get(channel).copied().filter(|_| with_since);
        self.submit(device.node, Command::Subscribe { caller: device.caller, channel, since });
        let Some(index) = self.holds(&device.caller) else {
            return assert_eq!(self.refused(), Some(Refusal::Fenced));
        };
        let was_held = self.is_held(channel);
        if !self.sessions[index].held.contains(&channel) {
            if self.sessions[index].held.len() >= config().subscriptions_max {
                return assert_eq!(self.refused(), Some(Refusal::TooManySubscriptions));
            }
            if self.refused() == Some(Refusal::TooManyChannels) {
                let is_kept = self.logs.get(channel).is_some_and(|log| !log.kept.is_empty());
                return assert!(!was_held && !is_kept);
            }
            self.sessions[index].held.push(channel);
            self.changed_at = self.now;
        }
        let position = self.check_subscribed(since, was_held);
        let users = self.users(channel);
        let device = self.device(device.node, device.caller.connection);
        device.seen.insert(channel.to_owned(), position);
        device.present.insert(channel.to_owned(), users);
    }

    fn unsubscribe(&mut self, device: &Device, channel: &'static str) {
        self.submit(device.node, Command::Unsubscribe { caller: device.caller, channel });
        let Some(index) = self.holds(&device.caller) else {
            return assert_eq!(self.refused(), Some(Refusal::Fenced));
        };
        let held = &mut self.sessions[index].held;
        let Some(at) = held.iter().position(|held| *held == channel) else {
            return assert_eq!(self.refused(), Some(Refusal::NotSubscribed));
        };
        held.remove(at);
        self.changed_at = self.now;
        assert!(matches!(self.answers.as_slice(), [Completion::Unsubscribed { .. }]));
    }

    fn publish(&mut self, device: &Device, target: Target<'_>, id: Option<u64>, data: &[u8]) {
        self.submit(device.node, Command::Publish { caller: device.caller, id, target, data });
        let Some(index) = self.holds(&device.caller) else {
            return assert_eq!(self.refused(), Some(Refusal::Fenced));
        };
        let truth = &mut self.sessions[index];
        let is_duplicate = id.is_some_and(|id| id <= truth.last_id);
        let expected = match target {
            _ if is_duplicate => None,
            Target::Channel(name) if !truth.held.contains(&name) => Some(Refusal::NotSubscribed),
            Target::User(user) if self.sessions.iter().all(|truth| truth.user != user) => {
                Some(Refusal::UnknownUser)
            }
            _ => None,
        };
        assert_eq!(self.refused(), expected);
        let [Completion::Published { position, .. }] = self.answers.as_slice() else { return };
        let Some(position) = *position else { return assert!(is_duplicate) };
        assert!(!is_duplicate);
        self.sessions[index].last_id = id.unwrap_or(self.sessions[index].last_id);
        let name = match target {
            Target::User(user) => format!("user:{user}"),
            Target::Channel(name) => name.to_owned(),
            _ => unreachable!(),
        };
        self.append(&name, data);
        assert_eq!(self.logs[&name].end(), position);
    }

    fn append(&mut self, name: &str, data: &[u8]) {
        let total: usize = self.logs.values().map(Log::bytes).sum();
        let (config, now) = (config(), self.now);
        let log = self.logs.get_mut(name).unwrap();
        let bytes_max = config.log_bytes_max.min(log.bytes() + config.log_bytes_total_max - total);
        log.all.push(data.to_vec());
        log.kept.push((now, data.len() + ENTRY_COST));
        while log.kept.len() > config.log_events_max || log.bytes() > bytes_max {
            log.kept.remove(0);
        }
    }

    pub(super) fn pass(&mut self, time: core::time::Duration) {
        let end = self.now + time;
        while let Some(at) = self.backend.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tick();
            self.backend.handle_timeout(self.now);
            self.read();
        }
        self.now = end;
        self.tick();
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Open { user, node } => self.open(USERS[user], node, None),
            Action::Pass { millis: time } => self.pass(millis(time)),
            Action::Oversleep { millis: time } => self.now = self.now + millis(time),
            Action::Resume { client, .. }
            | Action::Close { client, .. }
            | Action::Subscribe { client, .. }
            | Action::Unsubscribe { client, .. }
            | Action::Publish { client, .. }
            | Action::Tell { client, .. } => {
                if let Some(device) = self.pick(client) {
                    self.act_as(&device, action);
                }
            }
        }
    }

    fn act_as(&mut self, device: &Device, action: Action) {
        match action {
            Action::Resume { node, stale_token, .. } => {
                let secret = if stale_token { [0xff; 16] } else { device.token };
                self.open(device.user, node, Some((device, secret)));
            }
            Action::Close { resumable, .. } => self.close(device, resumable),
            Action::Subscribe { channel, with_since, .. } => {
                self.subscribe(device, CHANNELS[channel], with_since);
            }
            Action::Unsubscribe { channel, .. } => self.unsubscribe(device, CHANNELS[channel]),
            Action::Publish { channel, id_step, len, .. } => {
                let last_id = self.holds(&device.caller).map_or(0, |index| self.sessions[index].last_id);
                let id = (id_step != 0).then(|| last_id.saturating_add_signed(id_step.into()));
                let data = vec![u8::try_from(self.number() % 251).unwrap(); len];
                self.publish(device, Target::Channel(CHANNELS[channel]), id, &data);
            }
            Action::Tell { user, .. } => self.publish(device, Target::User(USERS[user]), None, b"psst"),
            Action::Open { .. } | Action::Pass { .. } | Action::Oversleep { .. } => {}
        }
    }

    /// What holds after every step.
    pub(super) fn check(&self) {
        let users: BTreeSet<_> = self.sessions.iter().map(|truth| truth.user).collect();
        assert!(self.backend.session_count() <= config().sessions_max);
        assert!(self.backend.channel_count() <= config().channels_max + USERS.len());
        assert!(self.backend.log_bytes() <= config().log_bytes_total_max);
        for device in &self.devices {
            let Some(table) = self.tables.get(&device.node) else { continue };
            for (channel, seen) in &device.seen {
                if table.of(channel).all(|receiver| receiver != device.caller.connection) {
                    continue;
                }
                assert_eq!(*seen, self.logs[channel].end(), "who receives a channel has all of it");
                if self.changed_at + config().presence_interval <= self.now && self.is_on_time() {
                    assert_eq!(device.present[channel], self.users(channel), "{channel}");
                }
            }
        }
        if self.is_on_time() {
            assert_eq!(self.backend.session_count(), self.sessions.len());
            assert_eq!(self.backend.log_bytes(), self.logs.values().map(Log::bytes).sum::<usize>());
            let own = self.logs.keys().filter(|name| name.starts_with("user:")).count();
            assert_eq!(own, users.len());
        }
    }

    /// Whether the driver has called in time, so that the backend has seen what the model has.
    fn is_on_time(&self) -> bool {
        self.backend.poll_timeout().is_none_or(|at| at > self.now)
    }
}
