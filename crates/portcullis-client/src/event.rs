//! What a client tells its application.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Nothing was asked of it yet.
    Idle,
    /// On the way to `welcome`.
    Connecting,
    /// Welcome: what is sent is sent.
    Online,
    /// Between two attempts.
    Waiting,
    /// For good, until it is told to connect again.
    Closed,
}

/// The client's own number of a message that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub(crate) u64);

/// A place in a channel's log: what was seen of it. The epoch is the server's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Position {
    /// The life of the log.
    pub epoch: Box<str>,
    /// The last event seen; 0 before the first.
    pub offset: u64,
}

/// A message of the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The channel, unless it is an answer to this client alone.
    pub channel: Option<Box<str>>,
    /// Where it stands in the channel's log.
    pub position: Option<Position>,
    /// Who sent it.
    pub from: Option<Box<str>>,
    /// The action.
    pub action: Box<str>,
    /// The payload, as JSON.
    pub payload: Box<str>,
    /// The server's time, in milliseconds since 1970.
    pub timestamp: u64,
}

/// Why the server, or this client on its behalf, refused something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The stable code: one of the server's, or `closed`, `conflated`, `outbox_full`; or
    /// `not_applied`, when the server's own was lost with a connection.
    pub code: Box<str>,
    /// The number of the message within its session.
    pub id: Option<u64>,
    /// The channel that was refused.
    pub channel: Option<Box<str>>,
    /// The scope that was missing.
    pub scope: Option<Box<str>>,
    /// Where in the message, as a JSON pointer.
    pub pointer: Option<Box<str>>,
    /// By which keyword of the schema.
    pub keyword: Option<Box<str>>,
    /// When it may be tried again.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn local(code: &str) -> Self {
        Self { code: code.into(), ..Self::default() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if let Some(keyword) = &self.keyword {
            write!(
                f,
                ": {keyword} at {}",
                self.pointer.as_deref().filter(|place| !place.is_empty()).unwrap_or("/")
            )?;
        }
        Ok(())
    }
}

impl core::error::Error for Refusal {}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The server has applied it.
    Acknowledged,
    /// It was not applied.
    Refused(Refusal),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The client stands elsewhere.
    State(State),
    /// The next attempt comes after this time, unless it is told otherwise.
    Waiting {
        /// How long.
        delay: Duration,
        /// How many attempts have failed.
        attempt: u32,
    },
    /// The connection ended.
    Closed {
        /// The close code; 1006 when there was none.
        code: u16,
        /// The close reason, or what was noticed here.
        reason: String,
    },
    /// The server says who this is.
    Welcome {
        /// The session.
        session: Box<str>,
        /// The user.
        user: Box<str>,
        /// Whether the earlier session goes on.
        resumed: bool,
        /// When the credential ends, in seconds since 1970.
        expires_at: Option<u64>,
    },
    /// The credential was renewed, with other scopes.
    Renewed {
        /// When it ends, in seconds since 1970.
        expires_at: Option<u64>,
        /// What it now allows.
        scopes: Vec<Box<str>>,
    },
    /// A message came.
    Message(Received),
    /// Users came and went on a channel.
    Presence {
        /// The channel.
        channel: Box<str>,
        /// Who came.
        joined: Vec<Box<str>>,
        /// Who went.
        left: Vec<Box<str>>,
    },
    /// A channel is received from now on.
    Subscribed {
        /// The channel.
        channel: Box<str>,
        /// Whether nothing is missing since the last position.
        recovered: bool,
        /// Some of the users present.
        users: Vec<Box<str>>,
        /// How many are present.
        user_count: u64,
    },
    /// A channel is no longer received.
    Unsubscribed {
        /// The channel.
        channel: Box<str>,
    },
    /// Events between two positions were lost.
    Gap {
        /// The channel.
        channel: Box<str>,
        /// The last position seen.
        from: Position,
        /// The position behind which it goes on.
        to: Position,
    },
    /// What became of a message: once for each that was taken.
    Settled {
        /// The message.
        message: MessageId,
        /// What became of it.
        outcome: Outcome,
    },
    /// The server refused something.
    Refused(Refusal),
    /// How long the last sign of life that was asked for took.
    Latency(Duration),
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The client is closed.
    Closed,
    /// As many messages wait as may.
    OutboxFull {
        /// The limit, in messages.
        messages_max: usize,
    },
    /// The message is too long for the server.
    MessageTooBig {
        /// Its length, in bytes.
        len: usize,
        /// The limit, in bytes.
        len_max: usize,
    },
    /// The payload is not JSON.
    InvalidPayload,
}

impl SendError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::OutboxFull { .. } => "outbox_full",
            Self::MessageTooBig { .. } => "message_too_big",
            Self::InvalidPayload => "invalid_payload",
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the client is closed"),
            Self::OutboxFull { messages_max } => write!(f, "{messages_max} messages wait already"),
            Self::MessageTooBig { len, len_max } => {
                write!(f, "the message has {len} bytes, {len_max} are allowed")
            }
            Self::InvalidPayload => f.write_str("the payload is not JSON"),
        }
    }
}

impl core::error::Error for SendError {}
