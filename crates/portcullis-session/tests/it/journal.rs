//! What is kept of the journal is the backend: whatever happened, and whenever it was taken.
use std::{collections::BTreeMap, sync::Arc};

use portcullis_session::{
    Backend, Caller, Changes, Command, Completion, Config, ConnectionId, Epoch, MemoryBackend, NodeId,
    Position, Resume, ResumeToken, SessionId, StoredLog, StoredSession, Target,
};
use portcullis_time::Instant;
use proptest::prelude::*;

const NODE: NodeId = NodeId::new(0);
const CHANNELS: [&str; 3] = ["a", "b", "c"];
const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// What somebody who keeps the journal has.
#[derive(Default)]
struct Kept {
    sessions: BTreeMap<SessionId, StoredSession>,
    logs: BTreeMap<Arc<str>, StoredLog>,
}

impl Kept {
    fn keep(&mut self, changes: Changes) {
        for (id, session) in changes.sessions {
            match session {
                Some(session) => drop(self.sessions.insert(id, session)),
                None => drop(self.sessions.remove(&id)),
            }
        }
        for (name, log) in changes.logs {
            let Some(mut log) = log else {
                self.logs.remove(&name);
                continue;
            };
            if let Some(before) = self.logs.remove(&name).filter(|before| before.epoch == log.epoch) {
                log.entries = before.entries.into_iter().chain(log.entries).collect();
            }
            log.entries.retain(|(_, entry)| entry.offset() >= log.first);
            assert!(log.entries.iter().map(|(_, entry)| entry.offset()).eq(log.first..=log.last), "{log:?}");
            self.logs.insert(name, log);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Open(usize),
    Resume(usize),
    Subscribe(usize, usize),
    Unsubscribe(usize, usize),
    Publish(usize, usize, u64),
    ToUser(usize, usize),
    Apply(usize, u64),
    Close(usize, bool),
    Wait(u64),
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..6_usize;
    prop_oneof![
        2 => (0..3_usize).prop_map(Step::Open),
        2 => who().prop_map(Step::Resume),
        4 => (who(), 0..3_usize).prop_map(|(who, channel)| Step::Subscribe(who, channel)),
        2 => (who(), 0..3_usize).prop_map(|(who, channel)| Step::Unsubscribe(who, channel)),
        8 => (who(), 0..3_usize, 0..90_u64).prop_map(|(who, channel, id)| Step::Publish(who, channel, id)),
        2 => (who(), 0..3_usize).prop_map(|(who, user)| Step::ToUser(who, user)),
        1 => (who(), 1..90_u64).prop_map(|(who, id)| Step::Apply(who, id)),
        2 => (who(), any::<bool>()).prop_map(|(who, resumable)| Step::Close(who, resumable)),
        2 => (0..200_u64).prop_map(Step::Wait),
        3 => Just(Step::Take),
    ]
}

struct Lab {
    now: Instant,
    backend: MemoryBackend,
    kept: Kept,
    /// The latest connection of each session, with its secret.
    clients: Vec<(Caller, ResumeToken, &'static str)>,
    numbers: u64,
}

fn config() -> Config {
    let mut config = Config::default();
    (config.log_events_max, config.sessions_per_user_max, config.channels_max) = (4, 3, 2);
    config
}

impl Lab {
    fn submit(&mut self, command: Command<'_>) -> Vec<Completion> {
        self.backend.submit(self.now, NODE, command);
        core::iter::from_fn(|| self.backend.poll_completion()).map(|(_, completion)| completion).collect()
    }

    fn open(&mut self, user: &'static str, resume: Option<Resume>) {
        self.numbers += 1;
        let bytes = u128::from(self.numbers).to_be_bytes();
        let (connection, token) = (ConnectionId::new(self.numbers), ResumeToken::from_bytes(bytes));
        let session = SessionId::from_bytes(bytes);
        for told in self.submit(Command::Open { connection, user, session, token, resume, since: None }) {
            if let Completion::Opened { session, fencing, .. } = told {
                self.clients.retain(|(caller, ..)| caller.session != session);
                self.clients.push((Caller { connection, session, fencing }, token, user));
            }
        }
    }

    fn take(&mut self, step: &Step) {
        let client = |who: &usize| self.clients.get(*who).copied();
        match step {
            Step::Open(user) => self.open(USERS[*user], None),
            Step::Resume(who) => {
                if let Some((caller, token, user)) = client(who) {
                    self.open(user, Some(Resume { session: caller.session, token }));
                }
            }
            Step::Wait(seconds) => {
                self.now = self.now + core::time::Duration::from_secs(*seconds);
                self.backend.handle_timeout(self.now);
                while self.backend.poll_completion().is_some() {}
            }
            Step::Take => {
                let changes = self.backend.take_changes();
                self.kept.keep(changes);
                assert!(!self.backend.has_changes());
            }
            Step::Subscribe(who, ..)
            | Step::Unsubscribe(who, ..)
            | Step::Publish(who, ..)
            | Step::ToUser(who, ..)
            | Step::Apply(who, ..)
            | Step::Close(who, ..) => {
                let Some((caller, ..)) = client(who) else { return };
                self.submit(match *step {
                    Step::Subscribe(_, channel) => {
                        Command::Subscribe { caller, channel: CHANNELS[channel], since: None }
                    }
                    Step::Unsubscribe(_, channel) => {
                        Command::Unsubscribe { caller, channel: CHANNELS[channel] }
                    }
                    Step::Publish(_, channel, id) => Command::Publish {
                        caller,
                        id: (id > 0).then_some(id),
                        target: Target::Channel(CHANNELS[channel]),
                        data: b"something said",
                    },
                    Step::ToUser(_, user) => Command::Publish {
                        caller,
                        id: None,
                        target: Target::User(USERS[user]),
                        data: b"psst",
                    },
                    Step::Apply(_, id) => Command::Apply { caller, id },
                    Step::Close(_, resumable) => Command::Close { caller, resumable },
                    _ => return,
                });
            }
        }
    }
}

/// What a client sees that comes back: its session, and every channel from every place.
fn picture(
    lab: &mut Lab,
    clients: &[(Caller, ResumeToken, &'static str)],
    places: &[(Epoch, u64)],
) -> Vec<String> {
    let mut seen = vec![format!("{} sessions", lab.backend.session_count())];
    for (caller, token, user) in clients.iter().copied() {
        let resume = Some(Resume { session: caller.session, token });
        let (connection, fresh) = (ConnectionId::new(1 << 40), ResumeToken::from_bytes([0xee; 16]));
        let session = SessionId::from_bytes([0xdd; 16]);
        let told = lab.submit(Command::Open { connection, user, session, token: fresh, resume, since: None });
        let Some(Completion::Opened { session, fencing, recovered, last_id, skipped, channels, .. }) =
            told.iter().find(|told| matches!(told, Completion::Opened { .. }))
        else {
            seen.push(format!("{user} is refused"));
            continue;
        };
        seen.push(format!("{user} {recovered} {last_id} {skipped:?} {channels:?} {fencing:?}"));
        if !recovered {
            lab.submit(Command::Close {
                caller: Caller { connection, session: *session, fencing: *fencing },
                resumable: false,
            });
            continue;
        }
        let caller = Caller { connection, session: *session, fencing: *fencing };
        for channel in CHANNELS {
            for (epoch, offset) in places {
                let since = Some(Position::new(*epoch, *offset));
                for told in lab.submit(Command::Subscribe { caller, channel, since }) {
                    if let Completion::Subscribed { position, recovered, events, .. } = told {
                        // A log that is new now has an epoch of its own.
                        let known = places.iter().any(|(epoch, _)| *epoch == position.epoch);
                        seen.push(format!(
                            "{channel} {:?} {recovered} {events:?}",
                            known.then_some(position)
                        ));
                    }
                }
            }
        }
    }
    seen
}

proptest! {
    #[test]
    fn what_is_kept_goes_on_as_the_backend_would(steps in prop::collection::vec(step(), 1..120)) {
        let backend = MemoryBackend::new(config(), [7; 32]).with_journal();
        let now = Instant::from_millis(3_600_000);
        let mut lab = Lab { now, backend, kept: Kept::default(), clients: Vec::new(), numbers: 0 };
        for step in &steps {
            lab.take(step);
        }
        // All are away, as they are after a restart, and the last changes are taken.
        for (caller, ..) in lab.clients.clone() {
            lab.submit(Command::Close { caller, resumable: true });
        }
        // Who left has been told: until then an empty channel is still there.
        lab.take(&Step::Wait(1));
        lab.take(&Step::Take);
        let places: Vec<(Epoch, u64)> = lab
            .kept
            .logs
            .values()
            .flat_map(|log| (log.first.saturating_sub(2)..=log.last + 1).map(|offset| (log.epoch, offset)))
            .collect();
        let (sessions, logs) = (lab.kept.sessions.values().cloned(), lab.kept.logs.values().cloned());
        let restored = MemoryBackend::restore(config(), [8; 32], lab.now, sessions, logs);
        prop_assert!(!restored.has_changes(), "nothing was forgotten");
        let clients = lab.clients.clone();
        let mut again = Lab { backend: restored, kept: Kept::default(), clients: Vec::new(), numbers: 0, now: lab.now };
        prop_assert_eq!(again.backend.log_bytes(), lab.backend.log_bytes());
        prop_assert_eq!(again.backend.channel_count(), lab.backend.channel_count());
        let (expected, found) = (picture(&mut lab, &clients, &places), picture(&mut again, &clients, &places));
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn another_life_of_a_channel_between_two_takings_has_nothing_of_the_first() {
    let backend = MemoryBackend::new(config(), [7; 32]).with_journal();
    let now = Instant::from_millis(3_600_000);
    let mut lab = Lab { now, backend, kept: Kept::default(), clients: Vec::new(), numbers: 0 };
    let say = |lab: &mut Lab| {
        for step in [Step::Open(0), Step::Subscribe(0, 0), Step::Publish(0, 0, 0), Step::Publish(0, 0, 0)] {
            lab.take(&step);
        }
    };
    say(&mut lab);
    lab.take(&Step::Take);
    let first = lab.kept.logs["a"].clone();
    for step in [Step::Publish(0, 0, 0), Step::Close(0, false), Step::Wait(301)] {
        lab.take(&step);
    }
    lab.clients.clear();
    say(&mut lab);
    lab.take(&Step::Take);
    let second = &lab.kept.logs["a"];
    assert_ne!(first.epoch, second.epoch);
    assert_eq!((second.first, second.last, second.entries.len()), (1, 2, 2));
}
