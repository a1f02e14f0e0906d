//! The state machine of a connection after its opening handshake.

mod control;
mod incoming;
#[cfg(feature = "deflate")]
mod inflate;
mod receive;
mod send;
mod state;
mod timer;
mod whole;

use core::time::Duration;

use portcullis_time::Instant;

use crate::{Config, MessageKind, ProtocolError, Storage, random::Random, wire::CloseCode};
use control::Owed;
use receive::Receive;
use state::State;
use timer::Timer;

/// The outcome of one call of [`Connection::handle_input`].
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_structs, reason = "the shape of a step is fixed by the house")]
pub struct Step<'a> {
    /// Bytes of the input that the connection is done with.
    pub consumed: usize,
    /// What happened, if anything did.
    pub event: Option<Event<'a>>,
}

/// Something that happened on a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A whole message. Text has been checked to be UTF-8.
    Message {
        /// What it holds.
        kind: MessageKind,
        /// Its bytes, to be worked on in place.
        payload: &'a mut [u8],
    },
    /// A part of a message, where [`Config::streaming`] is on: the next bytes in their order, cut anywhere. Text has been
    /// checked as far as it has come; a part may end inside a character.
    Fragment {
        /// What the message holds.
        kind: MessageKind,
        /// The bytes of this part, to be worked on in place. Only the last part can be empty.
        payload: &'a mut [u8],
        /// Whether the message ends with it.
        is_last: bool,
    },
    /// A ping. Its pong is owed by [`Connection::poll_transmit`].
    Ping {
        /// What it carried.
        payload: &'a [u8],
    },
    /// A pong, asked for or not.
    Pong {
        /// What it carried.
        payload: &'a [u8],
        /// How long it took, when it answers the connection's own last ping.
        round_trip: Option<Duration>,
    },
    /// The peer's close frame. An answer, if one is due, is owed by [`Connection::poll_transmit`].
    CloseReceived {
        /// The close code, if there was one.
        code: Option<CloseCode>,
        /// The close reason; it is UTF-8.
        reason: &'a [u8],
    },
    /// The connection is over. Nothing comes after it.
    Closed {
        /// Whether both sides completed the closing handshake (RFC 6455 §7.1.4).
        clean: bool,
    },
}

/// One side of a WebSocket connection after its opening handshake (RFC 6455 §5–§7). It does no I/O, reads no clock and
/// allocates only through its [`Storage`].
///
/// Its methods are of four kinds. *Facts in*: [`handle_input`](Self::handle_input), [`handle_eof`](Self::handle_eof),
/// [`handle_timeout`](Self::handle_timeout); each is one step and reports at most one event. *Commands*:
/// [`send`](Self::send), [`ping`](Self::ping), [`close`](Self::close). *Actions out*:
/// [`poll_transmit`](Self::poll_transmit), [`poll_timeout`](Self::poll_timeout). *Questions*:
/// [`is_open`](Self::is_open), [`is_closed`](Self::is_closed).
///
/// ```
/// use portcullis_proto::{Config, Connection, Event, Message, SliceStorage};
/// use portcullis_time::Instant;
///
/// let now = Instant::ORIGIN;
/// let mut memory = [0; 1_024];
/// let mut server = Connection::new(Config::server(), now, [7; 32], SliceStorage::new(&mut memory));
///
/// let mut input = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; // RFC 6455 §5.7
/// let step = server.handle_input(now, &mut input)?;
/// assert!(matches!(step.event, Some(Event::Message { payload, .. }) if payload == b"Hello"));
///
/// let mut out = [0; 64];
/// let len = server.send(now, Message::Text("Hello"), &mut out).unwrap();
/// assert_eq!(&out[..len], b"\x81\x05Hello");
/// # Ok::<(), portcullis_proto::ProtocolError>(())
/// ```
#[derive(Debug)]
pub struct Connection<S> {
    config: Config,
    state: State,
    receive: Receive,
    owed: Owed,
    timer: Timer,
    random: Random,
    storage: S,
    /// The message that is being sent in parts.
    sending: Option<MessageKind>,
    /// The end has been reported.
    end_told: bool,
    #[cfg(feature = "deflate")]
    deflate: Option<alloc::boxed::Box<crate::deflate::Deflate>>,
}

impl<S: Storage> Connection<S> {
    /// An open connection. `seed` must be unpredictable: a client's masking keys come from it. `storage` should be
    /// empty; a message that does not lie in one piece of the input gathers there.
    pub fn new(config: Config, now: Instant, seed: [u8; 32], storage: S) -> Self {
        let mut random = Random::new(seed);
        let timer = Timer::new(&config, now, &mut random);
        Self {
            config,
            state: State::Open,
            receive: Receive::new(),
            owed: Owed::new(),
            timer,
            random,
            storage,
            sending: None,
            end_told: false,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// The same with permessage-deflate as it was agreed in the opening handshake.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(
        mut self,
        agreed: crate::deflate::Agreed,
        config: &crate::deflate::DeflateConfig,
    ) -> Self {
        self.deflate =
            Some(alloc::boxed::Box::new(crate::deflate::Deflate::new(agreed, config, self.config.side)));
        self
    }

    /// What was agreed on compression, if anything.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn agreed(&self) -> Option<&crate::deflate::Agreed> {
        self.deflate.as_deref().map(crate::deflate::Deflate::agreed)
    }

    /// Whether data can be sent, and received data is reported.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether the connection is over on this side: write what [`poll_transmit`](Self::poll_transmit) owes, then drop
    /// the transport. A client whose closing handshake is complete waits for the server to end the transport first (RFC
    /// 6455 §7.1.1).
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.state.is_closed(self.config.side)
    }

    /// The error that the connection was failed with.
    #[must_use]
    pub const fn error(&self) -> Option<ProtocolError> {
        match self.state {
            State::Failed(error) => Some(error),
            State::Open | State::CloseSent | State::Complete | State::Ended { .. } => None,
        }
    }

    /// The configuration that it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The transport ended. Returns [`Event::Closed`], once.
    pub fn handle_eof(&mut self, _now: Instant) -> Option<Event<'_>> {
        self.end()
    }

    /// Ends the connection; returns the last event if it has not been told yet.
    fn end(&mut self) -> Option<Event<'static>> {
        let clean = self.state.is_complete();
        if core::mem::replace(&mut self.end_told, true) {
            return None;
        }
        if !matches!(self.state, State::Failed(_)) {
            self.state = State::Ended { clean };
        }
        self.stop_receiving();
        Some(Event::Closed { clean })
    }

    /// Fails the connection (RFC 6455 §7.1.7): the error is sticky, and a close frame is owed unless one was sent.
    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        if self.state.may_send_close() {
            let code = CloseCode::new(error.close_code()).unwrap_or(CloseCode::PROTOCOL_ERROR);
            self.owed.close(Some(code), b"");
        }
        self.state = State::Failed(error);
        self.stop_receiving();
        error
    }

    /// Nothing more will be received: gives the memory back.
    fn stop_receiving(&mut self) {
        self.receive.stop();
        self.storage.clear();
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &mut self.deflate {
            deflate.clear();
        }
    }
}
