//! One connection: its transport, its phase, and what it still has to write.

use std::{collections::VecDeque, net::IpAddr};

use portcullis_gate::Gate;
use portcullis_proto::{self as proto, VecStorage, deflate::Agreed, handshake::HeadReader};
use portcullis_session::{Caller, ConnectionId, Fencing, Position, ResumeToken, SessionId};
use portcullis_time::Instant;

use super::{outbound::Outbound, transport::Transport};

/// The engine of this server.
pub(super) type Engine = proto::Connection<VecStorage>;

/// A connection's place in the slab of its worker, with a generation, so that a late timer, readiness or completion
/// never reaches the successor in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl From<Key> for ConnectionId {
    fn from(key: Key) -> Self {
        Self::new(u64::from(key.generation) << 32 | u64::from(key.index))
    }
}

impl From<ConnectionId> for Key {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the number")]
    fn from(id: ConnectionId) -> Self {
        Self { index: id.get() as u32, generation: (id.get() >> 32) as u32 }
    }
}

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// The opening handshake, of TLS and then of HTTP.
    Opening(Box<Opening>),
    /// Bare echo: the protocol and nothing above it.
    Bare(Box<Engine>),
    /// The whole gate.
    Gated(Box<Gated>),
    /// All is said: what is owed goes out, then the peer's end is awaited, so that what was written is not lost to a
    /// reset. What still arrives is discarded, up to `budget` bytes.
    Lingering { deadline: Instant, budget: usize },
}

/// A connection before its upgrade.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) head: HeadReader<VecStorage>,
    /// Too many connections from this address: it is only let in to be told so.
    pub(super) over_limit: bool,
    pub(super) secure: bool,
    /// Its place among the configured listeners.
    pub(super) listener: usize,
}

/// A connection behind the gate.
#[derive(Debug)]
pub(super) struct Gated {
    pub(super) gate: Gate<Engine>,
    /// Whether and how its events are compressed.
    pub(super) agreed: Option<Agreed>,
    pub(super) session: Option<(SessionId, Fencing)>,
    /// A session that was asked for and not yet answered.
    pub(super) pending: Option<Box<PendingSession>>,
    /// Channels that the client wants back and that were not asked for yet: one at a time, as it reads what it missed.
    pub(super) resuming: Resuming,
    /// The answer for one of them is on its way.
    pub(super) is_resuming: bool,
    /// What came before the backend has opened the session: nothing of it is looked at without one.
    pub(super) held_back: Vec<u8>,
    /// The credential was renewed with other scopes, and that has not been enforced yet.
    pub(super) scopes_changed: bool,
    /// The peer said goodbye in a way that ends its session.
    pub(super) left: bool,
}

impl Gated {
    /// Whether nothing is read of it: its session is being opened.
    pub(super) const fn is_held_back(&self) -> bool {
        self.pending.is_some()
    }

    /// Who asks, once the session is open.
    pub(super) fn caller(&self, key: Key) -> Option<Caller> {
        let (session, fencing) = self.session?;
        Some(Caller { connection: key.into(), session, fencing })
    }
}

/// Channels with what the client has seen of them.
pub(super) type Resuming = VecDeque<(Box<str>, Position)>;

/// What will be needed when the backend has opened the session.
#[derive(Debug)]
pub(super) struct PendingSession {
    pub(super) token: ResumeToken,
    pub(super) resumes: bool,
    pub(super) channels: Vec<(Box<str>, Position)>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) transport: Transport,
    pub(super) phase: Phase,
    pub(super) outbound: Outbound,
    pub(super) address: IpAddr,
    pub(super) generation: u32,
    /// The earliest timer entry of this connection.
    pub(super) scheduled: Option<Instant>,
    /// Reading waits for the byte bucket until then.
    pub(super) paused_until: Option<Instant>,
    /// Reading waits until the peer has read what it was sent.
    pub(super) blocked: bool,
    /// Stands in the list of connections to flush at the end of this turn.
    pub(super) dirty: bool,
    /// Stands in the list of connections that have more to read.
    pub(super) unread: bool,
    /// Our side of the transport has been ended.
    pub(super) ended: bool,
}

impl Connection {
    /// Whether messages can still go out.
    pub(super) fn is_open(&self) -> bool {
        matches!(&self.phase, Phase::Gated(gated) if gated.gate.is_open())
    }

    /// How its events are compressed, if they are.
    pub(super) fn agreed(&self) -> Option<&Agreed> {
        match &self.phase {
            Phase::Gated(gated) => gated.agreed.as_ref(),
            _ => None,
        }
    }

    /// The earliest moment at which this connection has something to do by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Opening(opening) => opening.head.poll_timeout(),
            Phase::Bare(engine) => engine.poll_timeout(),
            Phase::Gated(gated) => gated.gate.poll_timeout(),
            Phase::Lingering { deadline, .. } => Some(*deadline),
        };
        [phase, self.paused_until].into_iter().flatten().min()
    }
}
