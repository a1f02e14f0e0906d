//! A WebSocket over any [`Read`] and [`Write`]: a `TcpStream`, a TLS stream, a pipe. Feature `std`.
//!
//! ```
//! use std::net::{TcpListener, TcpStream};
//! use std::thread;
//!
//! use portcullis_proto::blocking::{Message, accept, connect};
//! use portcullis_proto::endpoint::Options;
//! use portcullis_proto::handshake::ClientRequest;
//! use portcullis_proto::wire::CloseCode;
//!
//! # fn random() -> [u8; 32] { [7; 32] }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! let server = thread::spawn(move || {
//!     let (stream, _) = listener.accept().unwrap();
//!     let mut socket = accept(stream, &Options::server(), random()).unwrap();
//!     while let Some(message) = socket.read().unwrap() {
//!         socket.send(message.borrow()).unwrap();
//!     }
//! });
//!
//! let request = ClientRequest::new("localhost", "/");
//! let mut socket = connect(TcpStream::connect(address)?, &request, &Options::client(), random())?;
//! socket.send(portcullis_proto::Message::Text("hello"))?;
//! assert_eq!(socket.read()?, Some(Message::Text("hello".into())));
//! socket.close(CloseCode::NORMAL, "done")?;
//! assert_eq!(socket.read()?, None); // The closing handshake is complete.
//! # server.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! # Randomness
//!
//! This crate has none. `seed` is 32 bytes of the operating system's, such as of `getrandom::fill`, fresh for each
//! connection: a client's masking keys and its nonce come from it.
//!
//! # Time
//!
//! A call that blocks keeps no deadline. Give the socket a read timeout: [`WebSocket::read`] then returns an error that
//! [`is_would_block`](Error::is_would_block), having sent a ping or given up a silent peer where that was due, and loses
//! nothing. [`WebSocket::next_timeout`] tells how long the timeout may be.

mod clock;
mod error;
mod handshake;
mod transport;

pub use error::Error;
pub use handshake::Handshake;

use alloc::{string::String, vec::Vec};
use core::time::Duration;
use std::io::{self, Read, Write};

use crate::{
    MessageKind,
    endpoint::{Decide, End, Endpoint, Options, PeerClose},
    handshake::ClientRequest,
    wire::CloseCode,
};
use clock::Clock;
use error::would_block;

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 knows two")]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

impl Message {
    fn new(kind: MessageKind, payload: &[u8]) -> Self {
        match (kind, core::str::from_utf8(payload)) {
            (MessageKind::Text, Ok(text)) => Self::Text(text.into()),
            // The connection has checked text: this is binary.
            _ => Self::Binary(payload.to_vec()),
        }
    }

    /// The same as something to send.
    #[must_use]
    pub const fn borrow(&self) -> crate::Message<'_> {
        match self {
            Self::Text(text) => crate::Message::Text(text.as_str()),
            Self::Binary(bytes) => crate::Message::Binary(bytes.as_slice()),
        }
    }
}

/// Accepts a WebSocket: reads the request, answers it. Every valid request is accepted, whatever its path and origin.
///
/// # Errors
/// The handshake failed, and was answered with a refusal; or the transport did. A read timeout of the socket ends the
/// handshake too ([`Handshake`] goes on instead).
pub fn accept<T: Read + Write>(stream: T, options: &Options, seed: [u8; 32]) -> Result<WebSocket<T>, Error> {
    let mut handshake = Handshake::server(stream, options, seed, None);
    handshake.drive()?;
    handshake.finish()
}

/// The same with a decision: `decide` sees a request that is valid, and answers or refuses it.
///
/// ```
/// use portcullis_proto::blocking::{WebSocket, accept_with};
/// use portcullis_proto::endpoint::{Answer, Options, Refusal};
///
/// fn serve(stream: std::net::TcpStream, seed: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
///     let socket = accept_with(stream, &Options::server(), seed, Box::new(|request| {
///         if request.head().path() != "/chat" {
///             return Err(Refusal::new(404));
///         }
///         match request.subprotocols().find(|&name| name == "chat.v2") {
///             Some(name) => Ok(Answer::default().with_subprotocol(name)),
///             None => Err(Refusal::new(400).with_body(b"speak chat.v2")),
///         }
///     }))?;
/// #   drop::<WebSocket<_>>(socket);
///     Ok(())
/// }
/// ```
///
/// # Errors
/// As [`accept`]; a refused request is `HandshakeError::Refused`.
pub fn accept_with<T: Read + Write>(
    stream: T,
    options: &Options,
    seed: [u8; 32],
    decide: Decide<'_>,
) -> Result<WebSocket<T>, Error> {
    let mut handshake = Handshake::server(stream, options, seed, Some(decide));
    handshake.drive()?;
    handshake.finish()
}

/// Opens a WebSocket over a connected transport: sends `request`, checks the answer. TLS is a matter of `stream`.
///
/// # Errors
/// The server refused or its answer is not to be trusted; or the transport failed.
pub fn connect<T: Read + Write>(
    stream: T,
    request: &ClientRequest<'_>,
    options: &Options,
    seed: [u8; 32],
) -> Result<WebSocket<T>, Error> {
    let mut handshake = Handshake::client(stream, request, options, seed)?;
    handshake.drive()?;
    handshake.finish()
}

/// A WebSocket over a transport.
///
/// Dropping it drops the transport without a closing handshake: [`close`](Self::close), then [`read`](Self::read) until
/// there is nothing more.
#[derive(Debug)]
pub struct WebSocket<T> {
    stream: T,
    endpoint: Endpoint,
    clock: Clock,
    /// The transport takes no more bytes. It may still have some to give.
    broken: Option<io::ErrorKind>,
}

impl<T: Read + Write> WebSocket<T> {
    const fn new(stream: T, endpoint: Endpoint, clock: Clock) -> Self {
        Self { stream, endpoint, clock, broken: None }
    }

    /// The next message; `None` when the connection was closed by both sides. Answers pings and the peer's close frame on
    /// the way.
    ///
    /// # Errors
    /// With [`Error::is_would_block`] nothing is lost. Any other is the end, and comes again.
    pub fn read(&mut self) -> Result<Option<Message>, Error> {
        loop {
            let now = self.clock.now();
            self.endpoint.handle_timeout(now);
            let polled = self.endpoint.poll_message(now, |kind, payload| Message::new(kind, payload));
            self.write_owed();
            match polled {
                Ok(Some(message)) => return Ok(Some(message)),
                Ok(None) => {}
                Err(error) => return Err(error.into()),
            }
            match self.endpoint.end() {
                Some(End::Clean) => return Ok(None),
                Some(End::Unclean) => return Err(Error::Unclean),
                Some(End::Failed(error)) => return Err(error.into()),
                None => {}
            }
            match transport::read(&mut self.stream, self.endpoint.input_buffer()) {
                Ok(0) => self.endpoint.handle_eof(self.clock.now()),
                Ok(len) => self.endpoint.filled(len),
                Err(error) if would_block(&error) => {
                    self.endpoint.handle_timeout(self.clock.now());
                    self.write_owed();
                    if self.endpoint.end().is_none() {
                        return Err(error.into());
                    }
                }
                // A peer that goes away after both close frames did nothing wrong, however it goes.
                Err(_) if self.endpoint.peer_close().is_some() => self.endpoint.handle_eof(self.clock.now()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a message: `Ok` means that it is on its way. A socket that does not block may have taken only a part; then
    /// [`flush`](Self::flush) until it is `Ok`, or go on reading, which does the same.
    ///
    /// # Errors
    /// The message was not taken: the connection is closing; or more than `Options::write_buffer_len_max` waits to be
    /// written ([`Error::is_would_block`]). Or the transport failed.
    pub fn send(&mut self, message: crate::Message<'_>) -> Result<(), Error> {
        if !self.endpoint.has_room() {
            self.flush()?;
        }
        self.endpoint.send(self.clock.now(), message)?;
        self.flush_some()
    }

    /// Sends a ping of the application's own. The keepalive needs no call, and pongs are not reported.
    ///
    /// # Errors
    /// As [`send`](Self::send); or the payload is longer than 125 bytes.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        if !self.endpoint.has_room() {
            self.flush()?;
        }
        self.endpoint.ping(self.clock.now(), payload)?;
        self.flush_some()
    }

    /// Begins the closing handshake; [`read`](Self::read) completes it. Messages that still arrive are discarded.
    ///
    /// # Errors
    /// The connection is closing already, the reason is longer than 123 bytes, or the transport failed.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.endpoint.close(self.clock.now(), code, reason)?;
        self.flush_some()
    }

    /// Writes all that waits to be written.
    ///
    /// # Errors
    /// The transport failed, or takes no more for now ([`Error::is_would_block`]).
    pub fn flush(&mut self) -> Result<(), Error> {
        if let Some(kind) = self.broken {
            return Err(io::Error::from(kind).into());
        }
        let result = transport::write_all(&mut self.stream, &mut self.endpoint);
        if let Err(error) = &result
            && !would_block(error)
        {
            self.broken = Some(error.kind());
            self.endpoint.discard_output();
        }
        Ok(result?)
    }

    /// How long nothing has to be done: a read timeout that keeps the deadlines. `None` for ever.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.endpoint.poll_timeout().map(|deadline| self.clock.until(deadline))
    }

    /// What the peer's close frame said, once it came.
    #[must_use]
    pub const fn peer_close(&self) -> Option<&PeerClose> {
        self.endpoint.peer_close()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.endpoint.subprotocol()
    }

    /// The connection without its transport, for its questions.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The transport, for its settings.
    pub const fn get_ref(&self) -> &T {
        &self.stream
    }

    /// The transport, for its settings. Whoever reads or writes there breaks the connection.
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.stream
    }

    /// The transport alone. What was read or is to be written is lost.
    pub fn into_inner(self) -> T {
        self.stream
    }

    /// As much as goes; the rest goes with a later call.
    fn flush_some(&mut self) -> Result<(), Error> {
        match self.flush() {
            Err(error) if error.is_would_block() => Ok(()),
            other => other,
        }
    }

    /// Writes while reading. A transport that takes nothing may still have messages to give: its error is told by the
    /// next call that sends.
    fn write_owed(&mut self) {
        let _ = self.flush();
    }
}
