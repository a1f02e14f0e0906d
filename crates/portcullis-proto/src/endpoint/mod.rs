//! A connection with its buffers, still without any I/O: what adapters for sockets have in common. Feature `alloc`.
//!
//! [`Opening`] is the opening handshake, [`Endpoint`] what follows. Both say where the bytes of the next read go
//! (`input_buffer`, then `filled`) and what is to be written (`output`, then `wrote`). The module `blocking` and
//! `portcullis-tokio` are loops around them, and so can be an adapter for any other runtime.
//!
//! ```
//! use core::time::Duration;
//! use portcullis_proto::endpoint::{Endpoint, Opening, Options};
//! use portcullis_proto::{Message, handshake::ClientRequest};
//! use portcullis_time::Instant;
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let now = Instant::ORIGIN;
//! let request = ClientRequest::new("example.com", "/ws");
//! let mut client = Opening::client(&Options::client(), now, [1; 32], &request)?;
//! let mut server = Opening::server(&Options::server(), now, [2; 32], None);
//!
//! // Whatever carries the bytes; here it is memory.
//! let len = client.output().len();
//! server.input_buffer()[..len].copy_from_slice(client.output());
//! server.filled(now, len);
//! let mut server = server.into_endpoint(now)?;
//! server.send(now, Message::Text("welcome"))?; // Goes out behind the response.
//! client.wrote(len);
//!
//! let len = server.output().len();
//! client.input_buffer()[..len].copy_from_slice(server.output());
//! client.filled(now, len);
//! let mut client = client.into_endpoint(now)?;
//! let told = client.poll_message(now, |kind, payload| (kind, payload.to_vec()))?;
//! assert_eq!(told.map(|(_, bytes)| bytes).as_deref(), Some(&b"welcome"[..]));
//! # Ok(())
//! # }
//! ```

mod buffer;
mod opening;

pub use opening::{Agreement, Answer, Decide, Opening, Refusal, answer};

use alloc::{borrow::ToOwned as _, string::String};
use core::time::Duration;

use portcullis_time::Instant;

#[cfg(feature = "deflate")]
use crate::deflate::DeflateConfig;
use crate::{
    Config, Connection, Event, Message, MessageKind, ProtocolError, SendError, Side, VecStorage,
    wire::{CONTROL_FRAME_LEN_MAX, CONTROL_PAYLOAD_LEN_MAX, CloseCode, frame_len},
};
use buffer::{Input, Output};

/// The limits, deadlines and buffers of an adapter.
///
/// ```
/// use portcullis_proto::{Config, endpoint::Options};
///
/// let options = Options::server().with_config(Config::server().with_message_len_max(1_024));
/// assert_eq!((options.read_buffer_len, options.write_buffer_len_max), (4_096, 65_536));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The limits of the protocol. Adapters hand out whole messages: [`Config::streaming`] is not looked at.
    pub config: Config,
    /// How long the opening handshake may take.
    pub handshake_timeout: Duration,
    /// The length of the one buffer that is read into, in bytes. At least 1.
    pub read_buffer_len: usize,
    /// How much may wait to be written before no further message is taken, in bytes. What waits is at most this and one
    /// message, with the pongs.
    pub write_buffer_len_max: usize,
    /// What is offered, or answered, of permessage-deflate; `None` for nothing.
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateConfig>,
}

impl Options {
    /// For the accepting side: 10 s for the opening handshake, 4 KiB to read into, 64 KiB to write, no compression.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            config: Config::server(),
            handshake_timeout: Duration::from_secs(10),
            read_buffer_len: 4_096,
            write_buffer_len_max: 65_536,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// For the opening side, with the same numbers.
    #[must_use]
    pub const fn client() -> Self {
        Self { config: Config::client(), ..Self::server() }
    }

    /// The same with another [`Options::config`].
    #[must_use]
    pub const fn with_config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// The same with another [`Options::handshake_timeout`].
    #[must_use]
    pub const fn with_handshake_timeout(self, handshake_timeout: Duration) -> Self {
        Self { handshake_timeout, ..self }
    }

    /// The same with another [`Options::read_buffer_len`].
    #[must_use]
    pub const fn with_read_buffer_len(self, read_buffer_len: usize) -> Self {
        Self { read_buffer_len, ..self }
    }

    /// The same with another [`Options::write_buffer_len_max`].
    #[must_use]
    pub const fn with_write_buffer_len_max(self, write_buffer_len_max: usize) -> Self {
        Self { write_buffer_len_max, ..self }
    }

    /// The same with another [`Options::deflate`].
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn with_deflate(self, deflate: Option<DeflateConfig>) -> Self {
        Self { deflate, ..self }
    }

    const fn for_side(mut self, side: Side) -> Self {
        self.config.side = side;
        self.config.streaming = false;
        self
    }
}

/// What the peer's close frame said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerClose {
    /// The close code, if there was one.
    pub code: Option<CloseCode>,
    /// The close reason, often empty.
    pub reason: String,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// With the closing handshake (RFC 6455 §7.1.4).
    Clean,
    /// The transport ended without it, or the peer did not answer our close frame in time.
    Unclean,
    /// The peer broke the protocol or a limit.
    Failed(ProtocolError),
}

/// A connection after its opening handshake, with a read and a write buffer.
#[derive(Debug)]
pub struct Endpoint {
    connection: Connection<VecStorage>,
    input: Input,
    output: Output,
    write_buffer_len_max: usize,
    subprotocol: Option<String>,
    peer_close: Option<PeerClose>,
    /// When the peer's end of the transport is no longer awaited: both close frames are there.
    linger: Option<Instant>,
    last_round_trip: Option<Duration>,
}

impl Endpoint {
    /// Of a handshake that was made elsewhere, such as by an HTTP server: `agreement` is what [`answer`] gave. `seed`
    /// must be unpredictable and used once.
    #[must_use]
    pub fn server(options: &Options, agreement: Agreement, now: Instant, seed: [u8; 32]) -> Self {
        let input = Input::new(options.read_buffer_len);
        Self::new(&options.for_side(Side::Server), agreement, now, seed, (input, Output::new()))
    }

    fn new(
        options: &Options,
        agreement: Agreement,
        now: Instant,
        seed: [u8; 32],
        (input, output): (Input, Output),
    ) -> Self {
        let config = options.config;
        let len_max = usize::try_from(config.message_len_max).unwrap_or(usize::MAX);
        let connection = Connection::new(config, now, seed, VecStorage::new(len_max));
        #[cfg(feature = "deflate")]
        let connection = match (agreement.agreed, &options.deflate) {
            (Some(agreed), Some(deflate)) => connection.with_deflate(agreed, deflate),
            _ => connection,
        };
        Self {
            connection,
            input,
            output,
            write_buffer_len_max: options.write_buffer_len_max,
            subprotocol: agreement.subprotocol,
            peer_close: None,
            linger: None,
            last_round_trip: None,
        }
    }

    /// Where the bytes of the next read go. It has room whenever [`poll_message`](Self::poll_message) has returned
    /// `None`.
    pub fn input_buffer(&mut self) -> &mut [u8] {
        self.input.room()
    }

    /// `len` bytes were read into [`input_buffer`](Self::input_buffer).
    pub fn filled(&mut self, len: usize) {
        self.input.filled(len);
    }

    /// The next message of what was read, made into something owned by `own`; `None` when more has to be read, or
    /// nothing comes any more ([`end`](Self::end)). Pings are answered and close frames are noted on the way.
    ///
    /// # Errors
    /// The peer broke the protocol. The error is sticky; a close frame is in [`output`](Self::output).
    pub fn poll_message<R>(
        &mut self,
        now: Instant,
        mut own: impl FnMut(MessageKind, &mut [u8]) -> R,
    ) -> Result<Option<R>, ProtocolError> {
        if let Some(error) = self.connection.error() {
            return Err(error);
        }
        let close_timeout = self.connection.config().close_timeout;
        while !self.input.unread().is_empty() {
            let step = match self.connection.handle_input(now, self.input.unread()) {
                Ok(step) => step,
                Err(error) => {
                    self.input.clear();
                    return Err(error);
                }
            };
            let consumed = step.consumed;
            let mut owned = None;
            match step.event {
                Some(Event::Message { kind, payload }) => owned = Some(own(kind, payload)),
                Some(Event::CloseReceived { code, reason }) => {
                    let reason = core::str::from_utf8(reason).unwrap_or_default().to_owned();
                    self.peer_close = Some(PeerClose { code, reason });
                    // A client waits for the server to end the transport first, but not for ever.
                    self.linger = Some(now + close_timeout);
                }
                Some(Event::Pong { round_trip: Some(round_trip), .. }) => {
                    self.last_round_trip = Some(round_trip);
                }
                _ => {}
            }
            self.input.consume(consumed);
            self.collect();
            if owned.is_some() {
                return Ok(owned);
            }
        }
        Ok(None)
    }

    /// The transport brings nothing more.
    pub fn handle_eof(&mut self, now: Instant) {
        self.connection.handle_eof(now);
    }

    /// The next moment at which [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.linger.or_else(|| self.connection.poll_timeout())
    }

    /// A deadline may have passed. Spurious calls do nothing. A ping may be in [`output`](Self::output) afterwards, or
    /// the connection may have [ended](Self::end).
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.linger {
            Some(deadline) if now < deadline => {}
            Some(_) => {
                self.linger = None;
                self.connection.handle_eof(now);
                self.output.clear();
            }
            None => {
                self.connection.handle_timeout(now);
            }
        }
    }

    /// Takes a message into [`output`](Self::output). O(n).
    ///
    /// # Errors
    /// The connection is closing.
    pub fn send(&mut self, now: Instant, message: Message<'_>) -> Result<(), SendError> {
        if !self.connection.is_open() {
            return Err(SendError::Closing);
        }
        let room = self.output.room(frame_len(self.side(), message.payload().len()));
        let len = self.connection.send(now, message, room)?;
        self.output.filled(len);
        Ok(())
    }

    /// Whether less waits to be written than [`Options::write_buffer_len_max`]. A driver that takes no message while this
    /// is false holds at most that and one message.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.output.len() < self.write_buffer_len_max
    }

    /// Takes a ping of the application's own into [`output`](Self::output).
    ///
    /// # Errors
    /// The connection is closing, or the payload is longer than 125 bytes.
    pub fn ping(&mut self, now: Instant, payload: &[u8]) -> Result<(), SendError> {
        let room = self.output.room(frame_len(self.side(), payload.len().min(CONTROL_PAYLOAD_LEN_MAX)));
        let len = self.connection.ping(now, payload, room)?;
        self.output.filled(len);
        Ok(())
    }

    /// Begins the closing handshake. Messages that still arrive are discarded.
    ///
    /// # Errors
    /// The connection is closing already, or the reason is longer than 123 bytes.
    pub fn close(&mut self, now: Instant, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.connection.close(now, code, reason)
    }

    /// What is to be written. It is empty when nothing is owed either.
    #[must_use]
    pub fn output(&mut self) -> &[u8] {
        self.collect();
        self.output.pending()
    }

    /// The transport took the first `len` bytes of [`output`](Self::output).
    pub fn wrote(&mut self, len: usize) {
        self.output.wrote(len);
    }

    /// The transport takes nothing any more: forgets what was to be written.
    pub fn discard_output(&mut self) {
        self.collect();
        self.output.clear();
    }

    /// How it ended, once it did. What is in [`output`](Self::output) may still be written.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        if let Some(error) = self.connection.error() {
            return Some(End::Failed(error));
        }
        if !self.connection.is_closed() {
            return None;
        }
        Some(if self.peer_close.is_some() { End::Clean } else { End::Unclean })
    }

    /// Whether messages can be sent, and those that come are reported.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// What the peer's close frame said, once it came.
    #[must_use]
    pub const fn peer_close(&self) -> Option<&PeerClose> {
        self.peer_close.as_ref()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// How long the last answered ping of the keepalive took.
    #[must_use]
    pub const fn last_round_trip(&self) -> Option<Duration> {
        self.last_round_trip
    }

    /// The machine inside, for its questions.
    #[must_use]
    pub const fn connection(&self) -> &Connection<VecStorage> {
        &self.connection
    }

    const fn side(&self) -> Side {
        self.connection.config().side
    }

    /// Takes what the connection owes into the output, unless a peer that does not read has left too much there: then
    /// the newest pong waits inside, where there is room for one.
    fn collect(&mut self) {
        while self.has_room() || self.output.len() == 0 {
            let len = self.connection.poll_transmit(self.output.room(CONTROL_FRAME_LEN_MAX));
            if len == 0 {
                break;
            }
            self.output.filled(len);
        }
    }
}
