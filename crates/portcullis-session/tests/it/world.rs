//! A backend with hands: short ways to say what a node says, and to read what it is told.
use core::time::Duration;
use std::sync::Arc;

use portcullis_session::{
    Backend, Caller, Command, Completion, Config, ConnectionId, Entry, MemoryBackend, NodeId, Position,
    Refusal, Resume, ResumeToken, SessionId, Target,
};
use portcullis_time::Instant;

pub(crate) const NODE: NodeId = NodeId::new(0);

/// Where an event stands, and to which nodes it went under which offset.
pub(crate) type Published = (Option<Position>, Vec<(NodeId, u64)>);

/// An open session as its client knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) node: NodeId,
    pub(crate) caller: Caller,
    pub(crate) token: ResumeToken,
    pub(crate) recovered: bool,
    pub(crate) last_id: u64,
    /// Where the user's own channel stood.
    pub(crate) own: Position,
}

impl Client {
    pub(crate) fn claim(&self) -> Resume {
        Resume { session: self.caller.session, token: self.token }
    }
}

/// What [`Completion::Subscribed`] said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) position: Position,
    pub(crate) recovered: bool,
    pub(crate) events: Vec<(u64, Vec<u8>)>,
    pub(crate) users: Vec<String>,
    pub(crate) user_count: usize,
}

pub(crate) fn plain(entries: &[Arc<Entry>]) -> Vec<(u64, Vec<u8>)> {
    entries.iter().map(|entry| (entry.offset(), entry.data().to_vec())).collect()
}

pub(crate) fn plain_names(names: &[Arc<str>]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) backend: MemoryBackend,
    numbers: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        Self { now: Instant::from_millis(1_000), backend: MemoryBackend::new(config, [7; 32]), numbers: 0 }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn bytes(&mut self) -> [u8; 16] {
        u128::from(self.number()).to_be_bytes()
    }

    pub(crate) fn submit(&mut self, node: NodeId, command: Command<'_>) {
        self.backend.submit(self.now, node, command);
    }

    /// All completions so far.
    pub(crate) fn told(&mut self) -> Vec<(NodeId, Completion)> {
        core::iter::from_fn(|| self.backend.poll_completion()).collect()
    }

    /// Lets time pass, with every deadline kept to the nanosecond.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<(NodeId, Completion)> {
        let end = self.now + time;
        while let Some(at) = self.backend.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.backend.handle_timeout(self.now);
        }
        self.now = end;
        self.told()
    }

    /// Lets time pass while nobody calls the backend: a busy driver.
    pub(crate) fn oversleep(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Opens a session; `Err` with the refusal. Other completions are dropped.
    pub(crate) fn try_open(
        &mut self,
        node: NodeId,
        user: &str,
        resume: Option<Resume>,
        since: Option<Position>,
    ) -> Result<(Client, Vec<(NodeId, Completion)>), Refusal> {
        let connection = ConnectionId::new(self.number());
        let (session, token) = (SessionId::from_bytes(self.bytes()), ResumeToken::from_bytes(self.bytes()));
        self.submit(node, Command::Open { connection, user, session, token, resume, since });
        let told = self.told();
        let mut client = None;
        for (to, completion) in &told {
            match completion {
                Completion::Opened {
                    connection: to_connection,
                    session,
                    fencing,
                    recovered,
                    last_id,
                    ..
                } if (*to, *to_connection) == (node, connection) => {
                    let caller = Caller { connection, session: *session, fencing: *fencing };
                    let own = Position::new(portcullis_session::Epoch::new(0), 0);
                    let (recovered, last_id) = (*recovered, *last_id);
                    client = Some(Client { node, caller, token, recovered, last_id, own });
                }
                Completion::Subscribed { connection: to, position, .. } if *to == connection => {
                    client.as_mut().unwrap().own = *position;
                }
                Completion::Refused { connection: to, reason, .. } if *to == connection => {
                    return Err(*reason);
                }
                _ => {}
            }
        }
        Ok((client.unwrap(), told))
    }

    pub(crate) fn open(&mut self, user: &str) -> Client {
        self.try_open(NODE, user, None, None).unwrap().0
    }

    pub(crate) fn resume(&mut self, user: &str, resume: Resume) -> Client {
        self.try_open(NODE, user, Some(resume), None).unwrap().0
    }

    pub(crate) fn close(&mut self, client: &Client, resumable: bool) {
        self.submit(client.node, Command::Close { caller: client.caller, resumable });
    }

    pub(crate) fn subscribe(
        &mut self,
        client: &Client,
        channel: &str,
        since: Option<Position>,
    ) -> Result<Answer, Refusal> {
        self.submit(client.node, Command::Subscribe { caller: client.caller, channel, since });
        for (node, completion) in self.told() {
            match completion {
                Completion::Subscribed {
                    connection, position, recovered, events, users, user_count, ..
                } if (node, connection) == (client.node, client.caller.connection) => {
                    let (events, users) = (plain(&events), plain_names(&users));
                    return Ok(Answer { position, recovered, events, users, user_count });
                }
                Completion::Refused { reason, .. } => return Err(reason),
                _ => {}
            }
        }
        unreachable!("every subscription is answered")
    }

    pub(crate) fn unsubscribe(&mut self, client: &Client, channel: &str) -> Result<(), Refusal> {
        self.submit(client.node, Command::Unsubscribe { caller: client.caller, channel });
        match self.told().into_iter().next() {
            Some((_, Completion::Unsubscribed { .. })) => Ok(()),
            Some((_, Completion::Refused { reason, .. })) => Err(reason),
            other => unreachable!("{other:?}"),
        }
    }

    /// Publishes; where it stands (`None`: a duplicate), and the events that went to nodes.
    pub(crate) fn publish_to(
        &mut self,
        client: &Client,
        target: Target<'_>,
        id: Option<u64>,
        data: &[u8],
    ) -> Result<Published, Refusal> {
        self.submit(client.node, Command::Publish { caller: client.caller, id, target, data });
        let (mut answer, mut events) = (None, Vec::new());
        for (node, completion) in self.told() {
            match completion {
                Completion::Published { position, id: of, .. } => {
                    assert_eq!((node, of), (client.node, id));
                    answer = Some(Ok(position));
                }
                Completion::Refused { reason, id: of, .. } => {
                    assert_eq!((node, of), (client.node, id));
                    answer = Some(Err(reason));
                }
                Completion::Event { entry, .. } => {
                    assert_eq!(entry.data(), data);
                    events.push((node, entry.offset()));
                }
                other => unreachable!("{other:?}"),
            }
        }
        answer.unwrap().map(|position| (position, events))
    }

    pub(crate) fn publish(
        &mut self,
        client: &Client,
        channel: &str,
        data: &[u8],
    ) -> Result<Position, Refusal> {
        let target = Target::Channel(channel);
        self.publish_to(client, target, None, data).map(|(position, _)| position.unwrap())
    }
}

/// The users that joined and left by `told`, in order.
pub(crate) fn presence(told: &[(NodeId, Completion)]) -> Vec<(Vec<String>, Vec<String>)> {
    let of = |(_, completion): &(NodeId, Completion)| match completion {
        Completion::Presence { joined, left, .. } => Some((plain_names(joined), plain_names(left))),
        _ => None,
    };
    told.iter().filter_map(of).collect()
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
