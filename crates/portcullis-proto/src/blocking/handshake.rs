//! The opening handshake over a transport that may stop at any byte.

use std::io::{self, Read, Write};

use super::{Error, WebSocket, clock::Clock, transport};
use crate::{
    endpoint::{Decide, Opening, Options},
    handshake::ClientRequest,
};

/// An opening handshake that goes on where it was: for sockets that do not block, and for read timeouts that are shorter
/// than the handshake may take. [`accept`](super::accept) and [`connect`](super::connect) need none of it.
///
/// Call [`drive`](Self::drive) until it is `Ok`, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct Handshake<'r, T> {
    stream: T,
    opening: Opening<'r>,
    clock: Clock,
}

impl<'r, T: Read + Write> Handshake<'r, T> {
    /// The accepting side. See [`accept_with`](super::accept_with).
    pub fn server(stream: T, options: &Options, seed: [u8; 32], decide: Option<Decide<'r>>) -> Self {
        let clock = Clock::new();
        Self { stream, opening: Opening::server(options, clock.now(), seed, decide), clock }
    }

    /// The opening side. See [`connect`](super::connect).
    ///
    /// # Errors
    /// The request cannot be sent.
    pub fn client(
        stream: T,
        request: &ClientRequest<'_>,
        options: &Options,
        seed: [u8; 32],
    ) -> Result<Self, Error> {
        let clock = Clock::new();
        Ok(Self { stream, opening: Opening::client(options, clock.now(), seed, request)?, clock })
    }

    /// Goes as far as the transport lets it.
    ///
    /// # Errors
    /// [`Error::is_would_block`]: call again when the transport is ready. Any other: the handshake is over; a refusal has
    /// been written where one is due.
    pub fn drive(&mut self) -> Result<(), Error> {
        loop {
            self.opening.handle_timeout(self.clock.now());
            transport::write_all(&mut self.stream, &mut self.opening)?;
            if self.opening.is_complete() {
                return Ok(());
            }
            match transport::read(&mut self.stream, self.opening.input_buffer()) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(len) => self.opening.filled(self.clock.now(), len),
                Err(error) => {
                    self.opening.handle_timeout(self.clock.now());
                    if self.opening.is_complete() {
                        continue;
                    }
                    return Err(error.into());
                }
            }
        }
    }

    /// The connection, once [`drive`](Self::drive) was `Ok`.
    ///
    /// # Errors
    /// The handshake failed, or is not over.
    pub fn finish(self) -> Result<WebSocket<T>, Error> {
        let endpoint = self.opening.into_endpoint(self.clock.now())?;
        Ok(WebSocket::new(self.stream, endpoint, self.clock))
    }

    /// The transport, for its settings.
    pub const fn get_ref(&self) -> &T {
        &self.stream
    }
}
