//! What a gate reports to its driver.

use core::{ops::Range, time::Duration};

use portcullis_auth::{AuthError, Renewal};
use portcullis_session::{Epoch, Position};

use crate::{members::Members, policy::Policy, policy::Route, refusal::Refusal};

/// The outcome of one call: how much input was used, and at most one event.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_structs, reason = "the shape of a step is fixed by the house")]
pub struct Step<'a> {
    /// Bytes of the input that the gate is done with.
    pub consumed: usize,
    /// What happened, if anything did.
    pub event: Option<Event<'a>>,
}

/// Something that happened on a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The connection is authenticated from here on (or, with `resume`, wants an earlier session back). Open its
    /// session and send `welcome`.
    Authenticated {
        /// What the client wants to resume.
        resume: Option<Resume<'a>>,
    },
    /// The credential was renewed in place; [`crate::Gate::expires_at`] has moved. Unless the scopes are the same, ask
    /// [`crate::Gate::allows`] again for each channel that the connection receives, and tell the client.
    Renewed {
        /// How the new credential's scopes compare with those of the old one.
        renewal: Renewal,
    },
    /// The client wants to receive a channel.
    Subscribe {
        /// The channel's name; its grammar is the session model's business.
        channel: &'a str,
        /// The last position that the client has seen.
        since: Option<Position>,
    },
    /// The client may not receive a channel. Tell it with [`crate::wire::error`], unless the refusal closes.
    SubscribeRefused {
        /// The channel's name.
        channel: &'a str,
        /// The refusal.
        refusal: Refusal,
    },
    /// The client no longer wants to receive a channel.
    Unsubscribe {
        /// The channel's name.
        channel: &'a str,
    },
    /// A message that met every check.
    Action(Action<'a>),
    /// A message that did not. Tell the client with [`crate::wire::error`], unless the refusal closes.
    Refused(Refusal),
    /// The gate has begun to close the connection; [`crate::Gate::poll_transmit`] owes the frame.
    Closing(Closing),
    /// The peer answered a ping.
    Pong {
        /// How long that took, when the pong matches the last ping.
        round_trip: Option<Duration>,
    },
    /// The peer began the closing handshake; the answer is owed by [`crate::Gate::poll_transmit`].
    CloseReceived {
        /// Its close code, if it gave one.
        code: Option<u16>,
    },
    /// The connection is over.
    Closed {
        /// Whether both sides completed the closing handshake.
        clean: bool,
    },
}

/// A connection that the gate itself closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closing {
    /// The close code.
    pub code: u16,
    /// The close reason: a stable code.
    pub reason: &'static str,
    /// The fault of the credential, when that is what it was.
    pub auth: Option<AuthError>,
}

/// A client's wish to resume a session, as it was written. Nothing in it has been compared with anything yet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Resume<'a> {
    /// The session's text form.
    pub session: &'a str,
    /// The resume token's text form.
    pub token: &'a str,
    channels: &'a [u8],
}

impl<'a> Resume<'a> {
    /// From the raw `resume` object.
    pub(crate) fn parse(object: &'a [u8]) -> Option<Self> {
        let session = plain_string(member(object, "session")?)?;
        let token = plain_string(member(object, "token")?)?;
        Some(Self { session, token, channels: member(object, "channels").unwrap_or(b"{}") })
    }

    /// The positions that the client has seen, channel by channel. Channels whose name or position cannot be read are
    /// left out, which makes the client subscribe to them afresh.
    pub fn channels(&self) -> impl Iterator<Item = (&'a str, Position)> + use<'a> {
        Members::of(self.channels).filter_map(|(name, position)| {
            let name = core::str::from_utf8(name).ok().filter(|name| !name.contains('\\'))?;
            Some((name, position_of(position)?))
        })
    }
}

/// A message that passed the whole gate, in the buffer it arrived in.
#[derive(Debug)]
pub struct Action<'a> {
    pub(crate) from: &'a str,
    pub(crate) message: &'a mut [u8],
    pub(crate) payload: Range<usize>,
    pub(crate) channel: Option<Range<usize>>,
    pub(crate) rule: usize,
    pub(crate) id: Option<u64>,
    pub(crate) timestamp_ms: u64,
}

impl Action<'_> {
    /// The user who sent it; empty where no credential is needed.
    #[must_use]
    pub const fn from(&self) -> &str {
        self.from
    }

    /// The action, as a position in [`Policy::actions`].
    #[must_use]
    pub const fn rule(&self) -> usize {
        self.rule
    }

    /// The route of the action.
    #[must_use]
    pub fn route(&self, policy: &Policy) -> Route {
        policy.actions().get(self.rule).map_or(Route::Reply, |rule| rule.route)
    }

    /// The client's own number of the message.
    #[must_use]
    pub const fn id(&self) -> Option<u64> {
        self.id
    }

    /// The client's time of the message, in milliseconds since 1970.
    #[must_use]
    pub const fn timestamp_ms(&self) -> u64 {
        self.timestamp_ms
    }

    /// The channel that the message names.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        core::str::from_utf8(self.message.get(self.channel.clone()?)?).ok()
    }

    /// The payload: JSON text that met the action's schema.
    #[must_use]
    pub fn payload(&self) -> &str {
        let bytes = self.message.get(self.payload.clone()).unwrap_or(b"null");
        core::str::from_utf8(bytes).unwrap_or("null")
    }

    /// The payload, to be worked on in place.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        self.message.get_mut(self.payload.clone()).unwrap_or_default()
    }

    /// The user that the payload's `to` names, when it is a plain string.
    #[must_use]
    pub fn recipient(&self) -> Option<&str> {
        plain_string(member(self.payload().as_bytes(), "to")?)
    }

    /// The whole message.
    #[must_use]
    pub const fn message(&self) -> &[u8] {
        self.message
    }
}

/// The value of the member `name` of the JSON object `object`, as raw text.
pub(crate) fn member<'m>(object: &'m [u8], name: &str) -> Option<&'m [u8]> {
    Members::of(object).find_map(|(key, value)| (key == name.as_bytes()).then_some(value))
}

/// The inside of a JSON string that has no escapes.
pub(crate) fn plain_string(raw: &[u8]) -> Option<&str> {
    let inside = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    core::str::from_utf8(inside).ok().filter(|text| !text.contains('\\'))
}

/// `{"epoch": "…", "offset": N}`.
pub(crate) fn position_of(object: &[u8]) -> Option<Position> {
    let epoch = Epoch::parse(plain_string(member(object, "epoch")?)?)?;
    let offset = portcullis_validate::number::parse_u64(member(object, "offset")?)?;
    Some(Position::new(epoch, offset))
}
