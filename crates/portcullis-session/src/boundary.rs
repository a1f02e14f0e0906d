//! The asynchronous boundary: a node asks with a [`Command`] and is answered, now or later, by a [`Completion`].

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use portcullis_time::Instant;

use crate::{
    Arc,
    id::{ConnectionId, Epoch, Fencing, NodeId, Position, ResumeToken, SessionId},
};

/// Who asks: a connection, for the session that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the node at each command")]
pub struct Caller {
    /// The connection; answers are addressed to it.
    pub connection: ConnectionId,
    /// Its session.
    pub session: SessionId,
    /// What [`Completion::Opened`] gave it.
    pub fencing: Fencing,
}

/// A client's claim to an earlier session.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the node")]
pub struct Resume {
    /// The session.
    pub session: SessionId,
    /// Its secret.
    pub token: ResumeToken,
}

/// Where an event is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// A channel, by name.
    Channel(&'a str),
    /// The own channel of a user.
    User(&'a str),
}

/// What a node asks.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Open a session for an authenticated user, or take an earlier one back. Answered by [`Completion::Opened`] and a
    /// [`Completion::Subscribed`] of the user's own channel, or by [`Completion::Refused`].
    Open {
        /// The connection that will hold it.
        connection: ConnectionId,
        /// The user.
        user: &'a str,
        /// The name of a new session: unpredictable, never used before.
        session: SessionId,
        /// The secret that resumes the session from now on.
        token: ResumeToken,
        /// The earlier session.
        resume: Option<Resume>,
        /// What the client has seen of the user's own channel.
        since: Option<Position>,
    },
    /// The connection is gone. Not answered.
    Close {
        /// Who.
        caller: Caller,
        /// Whether the session waits for its client to come back.
        resumable: bool,
    },
    /// Receive a channel. Answered by [`Completion::Subscribed`] or [`Completion::Refused`].
    Subscribe {
        /// Who.
        caller: Caller,
        /// The channel.
        channel: &'a str,
        /// What the client has seen of it.
        since: Option<Position>,
    },
    /// No longer receive a channel. Answered by [`Completion::Unsubscribed`] or [`Completion::Refused`].
    Unsubscribe {
        /// Who.
        caller: Caller,
        /// The channel.
        channel: &'a str,
    },
    /// Append an event to a log. Answered by [`Completion::Published`] or [`Completion::Refused`]; its receivers get a
    /// [`Completion::Event`].
    Publish {
        /// Who.
        caller: Caller,
        /// The client's own number of the message. One at or below the last applied is not applied again.
        id: Option<u64>,
        /// Where.
        target: Target<'a>,
        /// The event; its form is the nodes' business.
        data: &'a [u8],
    },
    /// Count a message that leaves no event, such as one that is answered to its sender alone. Answered by
    /// [`Completion::Published`] without a position, or by [`Completion::Refused`].
    Apply {
        /// Who.
        caller: Caller,
        /// The client's own number of the message.
        id: u64,
    },
    /// Append an event to a log on behalf of the node itself: no session, no subscription needed. Answered by
    /// [`Completion::Published`] or [`Completion::Refused`].
    Announce {
        /// What the answer is addressed to.
        connection: ConnectionId,
        /// Where.
        target: Target<'a>,
        /// The event; its form is the nodes' business.
        data: &'a [u8],
    },
}

/// One event of a log.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub(crate) offset: u64,
    pub(crate) data: Box<[u8]>,
}

impl Entry {
    /// An event as a log kept it.
    #[must_use]
    pub const fn new(offset: u64, data: Box<[u8]>) -> Self {
        Self { offset, data }
    }

    /// Its place: 1 for the first of an epoch.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// What was published.
    #[must_use]
    pub const fn data(&self) -> &[u8] {
        &self.data
    }
}

/// What a node is told: the answer to a command, or what another one caused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Completion {
    /// A session is open.
    Opened {
        /// For whom.
        connection: ConnectionId,
        /// The session: the one asked for, or a new one.
        session: SessionId,
        /// What its commands carry from now on.
        fencing: Fencing,
        /// Whether the earlier session was taken back.
        recovered: bool,
        /// The last message id that was applied in it.
        last_id: u64,
        /// Ids before it that were not applied, the latest [`SKIPPED_MAX`](crate::SKIPPED_MAX) of them, in their order:
        /// messages that were refused.
        skipped: Vec<u64>,
        /// The channels that it still holds. Each delivers again once it is subscribed again.
        channels: Vec<Arc<str>>,
    },
    /// A newer connection has taken the session over; this one has lost it.
    Replaced {
        /// Who lost it.
        connection: ConnectionId,
        /// The session.
        session: SessionId,
    },
    /// A channel will be delivered.
    Subscribed {
        /// To whom.
        connection: ConnectionId,
        /// The channel.
        channel: Arc<str>,
        /// The end of the log, behind the last of `events`.
        position: Position,
        /// Whether `events` are all since the position that the client gave. False is an explicit gap, or the answer
        /// to a client that gave none.
        recovered: bool,
        /// What the client has missed.
        events: Vec<Arc<Entry>>,
        /// Who is present: the first of them by name, as many as the configuration lists.
        users: Vec<Arc<str>>,
        /// How many are present.
        user_count: usize,
    },
    /// A channel is no longer delivered.
    Unsubscribed {
        /// To whom.
        connection: ConnectionId,
        /// The channel.
        channel: Arc<str>,
    },
    /// An event is in its log.
    Published {
        /// Who asked.
        connection: ConnectionId,
        /// The client's own number of the message.
        id: Option<u64>,
        /// Where it stands; `None` for a duplicate, which was not applied again, and for what leaves no event.
        position: Option<Position>,
    },
    /// The command was not carried out.
    Refused {
        /// Who asked.
        connection: ConnectionId,
        /// The client's own number of the message, if it had one.
        id: Option<u64>,
        /// The channel of a subscription that was refused.
        channel: Option<Arc<str>>,
        /// Why.
        reason: Refusal,
    },
    /// An event, once for each node that has subscribers.
    Event {
        /// The channel.
        channel: Arc<str>,
        /// The life of its log.
        epoch: Epoch,
        /// The event.
        entry: Arc<Entry>,
    },
    /// Who came and went since the last time, once for each node that has subscribers. Many are told in several of
    /// these, each with no more users than an answer lists.
    Presence {
        /// The channel.
        channel: Arc<str>,
        /// Users who came.
        joined: Vec<Arc<str>>,
        /// Users who went.
        left: Vec<Arc<str>>,
    },
}

/// Why a command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No channel can have this name.
    InvalidChannel,
    /// The channel is another user's own.
    ForbiddenChannel,
    /// Publishing needs a subscription.
    NotSubscribed,
    /// The session holds as many channels as it may.
    TooManySubscriptions,
    /// There are as many channels as there may be.
    TooManyChannels,
    /// There are as many sessions as there may be, of this user or at all.
    TooManySessions,
    /// The recipient has no session.
    UnknownUser,
    /// The session is gone, or a newer connection holds it.
    Fenced,
    /// The event is longer than a log may be.
    EventTooBig,
    /// The backend cannot answer now.
    Unavailable,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidChannel => "invalid_channel",
            Self::ForbiddenChannel => "forbidden",
            Self::NotSubscribed => "not_subscribed",
            Self::TooManySubscriptions => "too_many_subscriptions",
            Self::TooManyChannels => "too_many_channels",
            Self::TooManySessions => "too_many_sessions",
            Self::UnknownUser => "unknown_user",
            Self::Fenced => "replaced",
            Self::EventTooBig => "event_too_big",
            Self::Unavailable => "unavailable",
        }
    }

    /// The code to close a connection with that collects too many of these.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::ForbiddenChannel => 4403,
            Self::Fenced => 4409,
            Self::TooManySessions | Self::TooManyChannels | Self::Unavailable => 1013,
            Self::InvalidChannel
            | Self::NotSubscribed
            | Self::TooManySubscriptions
            | Self::UnknownUser
            | Self::EventTooBig => 4400,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for Refusal {}

/// The shared ground of all nodes. In memory, on disk or over a network, it looks the same: commands go in, completions
/// come out, and nobody waits inside a call.
pub trait Backend {
    /// Takes a command of `node`.
    fn submit(&mut self, now: Instant, node: NodeId, command: Command<'_>);

    /// The next completion, with the node it is for.
    fn poll_completion(&mut self) -> Option<(NodeId, Completion)>;

    /// When [`Backend::handle_timeout`] has something to do.
    fn poll_timeout(&self) -> Option<Instant>;

    /// A deadline may have passed. Spurious calls do nothing.
    fn handle_timeout(&mut self, now: Instant);
}
